//! The methods by which WAMP sessions prove who they are, both sides of each.
//!
//! Everything here is computed from its arguments: random bytes, the time and the TLS channel are handed in, so that every
//! method has known-answer tests. Comparisons with secrets take the same time whatever is compared, secrets are wiped when
//! they are dropped, and no `Debug` shows one.
//!
//! | look for | in |
//! | --- | --- |
//! | a text that no log shows | [`Secret`] |
//! | ticket | [`ticket`] |
//! | WAMP-CRA, plain and salted | [`wampcra`] |
//! | WAMP-SCRAM with PBKDF2 and Argon2id | [`scram`] |
//! | WAMP-cryptosign (Ed25519) | [`cryptosign`] |
//! | tying an authentication to its TLS connection | [`channel`] |
//! | what clients are shown that do not exist | [`decoy`] |
//! | every bound on what a peer may ask for | [`limits`] |
//!
//! The specification is the chapter "Authentication" of the WAMP protocol document.

pub mod channel;
pub mod cryptosign;
pub mod decoy;
mod hexadecimal;
pub mod limits;
pub mod scram;
mod secret;
pub mod ticket;
pub mod wampcra;
#[cfg(test)]
mod work;

pub use channel::{Bound, ChannelBinding};
pub use secret::Secret;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The bytes of hexadecimal digits, in either case.
pub fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    hexadecimal::decode_any(text)
}

/// HMAC-SHA256.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    #[cfg(test)]
    work::count_hmac(key, message);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
