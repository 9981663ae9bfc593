//! The HTTP upgrade to WebSocket (RFC 6455 section 4), both sides.

pub mod client;
pub mod server;

pub use client::{ClientHandshake, UpgradeError};
pub use server::{ServerOptions, Upgrade, UpgradeRefused, is_upgrade, upgrade};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests {
    #[test]
    fn accept_key_is_the_one_of_the_specification() {
        assert_eq!(super::accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
