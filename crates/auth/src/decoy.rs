//! What clients are shown that do not exist, so that they cannot be told from those that do.
//!
//! Everything is computed from the authid and a key of this process: a client that asks twice is shown the same salt twice,
//! as a real one would be.

use crate::cryptosign::PrivateKey;
use crate::hmac_sha256;

/// Makes things up. One per process: [`Decoy::of_key`], or [`Decoy::new`] with fresh random bytes if there is no key.
#[derive(Clone)]
pub struct Decoy {
    key: [u8; 32],
}

impl std::fmt::Debug for Decoy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoy")
    }
}

impl Decoy {
    /// From random bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Decoy { key }
    }

    /// Of the router's own key: it makes up the same when it starts again, as real salts stay the same, too.
    pub fn of_key(key: &PrivateKey) -> Self {
        Decoy { key: hmac_sha256(key.to_hex().as_bytes(), b"decoy") }
    }

    /// Bytes that belong to this authid and purpose, always the same.
    pub fn bytes(&self, purpose: &str, authid: &str, len: usize) -> Vec<u8> {
        let block = |number: u32| {
            let mut message = number.to_be_bytes().to_vec();
            message.extend_from_slice(purpose.as_bytes());
            message.push(0);
            message.extend_from_slice(authid.as_bytes());
            hmac_sha256(&self.key, &message)
        };
        let mut bytes: Vec<u8> = (0..).flat_map(block).take(len).collect();
        bytes.shrink_to_fit();
        bytes
    }

    /// Which of `len` real ones to look like; 0 if there are none.
    pub fn choice(&self, authid: &str, len: usize) -> usize {
        let bytes = self.bytes("choice", authid, 8);
        let number = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        (number % (len.max(1) as u64)) as usize
    }

    /// A text that looks like `model`: as long, digits where it has digits, letters where it has letters.
    pub fn text_like(&self, model: &str, purpose: &str, authid: &str) -> String {
        let is_hex = model.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let bytes = self.bytes(purpose, authid, model.chars().count());
        let letter = |(like, byte): (char, u8)| match like {
            _ if is_hex => pick(b"0123456789abcdef", byte),
            '0'..='9' => pick(b"0123456789", byte),
            'a'..='z' => pick(b"abcdefghijklmnopqrstuvwxyz", byte),
            'A'..='Z' => pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", byte),
            other => other,
        };
        model.chars().zip(bytes).map(letter).collect()
    }
}

fn pick(letters: &[u8], byte: u8) -> char {
    char::from(letters[usize::from(byte) % letters.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_authid_is_shown_the_same_and_others_are_not() {
        let (one, other) = (Decoy::new([1; 32]), Decoy::new([2; 32]));
        assert_eq!(one.bytes("salt", "joe", 40), one.bytes("salt", "joe", 40));
        assert_eq!(one.bytes("salt", "joe", 40).len(), 40);
        assert_ne!(one.bytes("salt", "joe", 16), one.bytes("salt", "jim", 16));
        assert_ne!(one.bytes("salt", "joe", 16), other.bytes("salt", "joe", 16));
        assert!(one.choice("joe", 3) < 3);
        assert_eq!(one.choice("joe", 0), 0);
    }

    #[test]
    fn a_router_that_starts_again_with_its_key_shows_the_same() {
        let salt = |key| Decoy::of_key(&PrivateKey::from_bytes(&key)).bytes("salt", "joe", 16);
        assert_eq!(salt([1; 32]), salt([1; 32]));
        assert_ne!(salt([1; 32]), salt([2; 32]));
    }

    #[test]
    fn a_salt_looks_like_its_model() {
        let decoy = Decoy::new([1; 32]);
        let salt = decoy.text_like("salt123", "salt", "joe");
        assert!(salt.len() == 7 && salt[..4].bytes().all(|b| b.is_ascii_lowercase()));
        assert!(salt[4..].bytes().all(|b| b.is_ascii_digit()));
        let hex = decoy.text_like("2481f36dfc515ca7", "salt", "joe");
        assert!(hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
