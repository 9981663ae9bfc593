//! The cases of the Autobahn test suite, groups 1–7, 9, 10, 12 and 13, run through the codec without sockets.
//!
//! Every case is a stream of client frames and the events that a server must see, or the close code it must fail
//! with. The stream is fed as a whole, in odd chunks and octet by octet; each message is echoed back to a client.
//! Group 9 runs with sizes divided by 16 unless `AUTOBAHN_FULL=1`.

mod close;
mod control;
mod deflate;
mod fragments;
mod harness;
mod messages;
mod utf8;
