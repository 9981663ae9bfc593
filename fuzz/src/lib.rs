//! What each fuzz target checks. They are plain functions, so that `cargo test` runs them over the found inputs too.

mod authentication;
mod configuration;
mod framing;
mod messages;
mod routing;

pub use authentication::authentication;
pub use configuration::config;
pub use framing::{deflate, http1, rawsocket, ws_frame, ws_handshake};
pub use messages::{batch, cbor, flatbuffers, json, msgpack, transcode, ubjson, uri};
pub use routing::realm;
