//! Bad input: whatever a peer sends, it gets the specified answer in time and nobody else notices.
//!
//! Each module is a table of attacks on one layer. After every attack a call and a publication of two healthy sessions
//! must still go through.

mod attack;
mod frames;
mod handshakes;
mod messages;
mod nesting;
mod silence;
