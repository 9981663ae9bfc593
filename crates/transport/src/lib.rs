//! Bytes for WAMP: opening connections and cutting them into messages. Knows frames, not realms.
//!
//! Two layers, which meet only in whoever drives a connection:
//!
//! **Framing**, without input or output of its own. A decoder is offered a buffer and hands out
//! [`Item`]s borrowed from it; an encoder appends octets to a `Vec`.
//!
//! | Module | What |
//! |---|---|
//! | [`codec`] | one face for both framings: [`Codec`], its [`codec::Decoder`] and [`codec::Encoder`] |
//! | [`item`] | what a decoder hands out |
//! | [`websocket`] | RFC 6455 frames, permessage-deflate, the upgrade handshake, origins |
//! | [`rawsocket`] | WAMP RawSocket handshake and frames |
//! | [`http`] | bounded HTTP/1.1 requests and plain answers |
//! | [`mod@sniff`] | which protocol a connection speaks, by its first octet |
//!
//! **Streams**, on tokio.
//!
//! | Module | What |
//! |---|---|
//! | [`stream`] | [`Stream`]: TCP, Unix socket, or boxed (TLS, memory) |
//! | [`endpoint`] | where to listen, who is at the other end |
//! | [`listener`] | accepting |
//! | [`tls`] | certificates and TLS handshakes, both sides |
//! | [`url`] | addresses as people write them |
//! | [`connector`] | connecting by URL, with the transport's handshake |
//! | [`memory`] | connections within the process |
//!
//! Every octet from a peer is taken as hostile: limits are checked from a header before anything is stored, memory
//! grows only as octets arrive, and deadlines are the caller's to put around what waits.
//!
//! # A connection's loop
//!
//! ```
//! use crossweave_transport::codec::Codec;
//! use crossweave_transport::item::Item;
//! use crossweave_transport::rawsocket::MaxLen;
//!
//! let mut codec = Codec::rawsocket(MaxLen::MAX, MaxLen::MAX);
//! let mut buffer = *b"\0\0\0\x02hi\0\0\0\x03un"; // one frame and a part of the next
//! let mut at = 0;
//! loop {
//!     let decoded = codec.decode(&mut buffer[at..]).expect("the peer keeps the framing");
//!     at += decoded.consumed;
//!     match decoded.item {
//!         Item::Message { data, .. } => assert_eq!(data, b"hi"),
//!         Item::Incomplete => break,
//!         other => panic!("unexpected {other:?}"),
//!     }
//! }
//! let unfinished = &buffer[at..]; // to be kept, and offered again in front of what is read next
//! assert_eq!(unfinished, b"\0\0\0\x03un");
//! ```

pub mod codec;
pub mod connector;
pub mod endpoint;
pub mod http;
pub mod item;
pub mod listener;
pub mod memory;
pub mod rawsocket;
pub mod sniff;
pub mod stream;
pub mod tls;
pub mod url;
pub mod websocket;

pub use codec::{Codec, CodecError};
pub use connector::{ConnectError, ConnectOptions, Connection, connect};
pub use endpoint::{BoundAddress, ListenEndpoint, PeerAddress};
pub use item::{Decoded, Item};
pub use listener::Listener;
pub use sniff::{Protocol, sniff};
pub use stream::Stream;
