//! What a router stores of a client, and how a password becomes that.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::decoy::Decoy;
use crate::limits::{ARGON2_MEMORY_MAX_KIB, ARGON2_WORK_MAX_KIB, PBKDF2_ITERATIONS_MAX, SALT_LEN_MAX};
use crate::{Secret, hmac_sha256};

/// How a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// `pbkdf2` with HMAC-SHA256.
    Pbkdf2,
    /// `argon2id13`: Argon2id, version 1.3, one lane, as the specification has it.
    Argon2id13,
    /// `argon2id-13`: the same, of which Autobahn and Crossbar.io take the base64 text instead of the octets.
    Argon2id13Text,
}

/// A password cannot be hashed this way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KdfError {
    /// The salt is empty, too short for Argon2 (8 octets), or too long.
    #[error("salt of {0} octets cannot be used")]
    Salt(usize),
    /// More work than is reasonable, or none.
    #[error("{iterations} iterations with {memory} KiB of memory are out of bounds")]
    Cost {
        /// Iterations asked for.
        iterations: u32,
        /// Memory asked for.
        memory: u32,
    },
    /// The password has characters that SASLprep forbids.
    #[error("the password has characters that are not allowed")]
    Password,
}

impl Kdf {
    /// All there are.
    pub const ALL: [Kdf; 3] = [Kdf::Pbkdf2, Kdf::Argon2id13, Kdf::Argon2id13Text];

    /// As a challenge and a configuration spell it.
    pub fn name(self) -> &'static str {
        match self {
            Kdf::Pbkdf2 => "pbkdf2",
            Kdf::Argon2id13 => "argon2id13",
            Kdf::Argon2id13Text => "argon2id-13",
        }
    }

    /// The function of this name.
    pub fn parse(name: &str) -> Option<Kdf> {
        Kdf::ALL.into_iter().find(|kdf| kdf.name() == name)
    }

    /// Whether it needs `memory`.
    pub fn uses_memory(self) -> bool {
        self != Kdf::Pbkdf2
    }
}

/// How one client's password is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashing {
    /// By what.
    pub kdf: Kdf,
    /// The client's own salt.
    pub salt: Vec<u8>,
    /// Passes.
    pub iterations: u32,
    /// Memory in KiB; 0 and not used for PBKDF2.
    pub memory: u32,
}

impl Hashing {
    /// The salted password. Takes long, by intention: 1 s and 1 GiB at most.
    ///
    /// # Errors
    /// Salt, cost or password cannot be used.
    pub fn hash(&self, password: &Secret) -> Result<Zeroizing<Vec<u8>>, KdfError> {
        self.check()?;
        let password = stringprep::saslprep(password.reveal()).map_err(|_| KdfError::Password)?;
        let mut hash = Zeroizing::new(vec![0; 32]);
        if self.kdf == Kdf::Pbkdf2 {
            pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &self.salt, self.iterations, &mut hash);
            return Ok(hash);
        }
        let cost = KdfError::Cost { iterations: self.iterations, memory: self.memory };
        let params = Params::new(self.memory, self.iterations, 1, Some(32)).map_err(|_| cost.clone())?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &self.salt, &mut hash)
            .map_err(|_| cost)?;
        Ok(match self.kdf {
            Kdf::Argon2id13Text => Zeroizing::new(STANDARD_NO_PAD.encode(&hash[..]).into_bytes()),
            _ => hash,
        })
    }

    /// Whether a password can be hashed this way.
    ///
    /// # Errors
    /// Salt or cost cannot be used.
    pub fn check(&self) -> Result<(), KdfError> {
        let salt_min = if self.kdf.uses_memory() { argon2::MIN_SALT_LEN } else { 1 };
        if !(salt_min..=SALT_LEN_MAX).contains(&self.salt.len()) {
            return Err(KdfError::Salt(self.salt.len()));
        }
        let work = u64::from(self.iterations) * u64::from(self.memory);
        let is_bounded = match self.kdf {
            Kdf::Pbkdf2 => (1..=PBKDF2_ITERATIONS_MAX).contains(&self.iterations),
            _ => {
                self.iterations > 0
                    && (8..=ARGON2_MEMORY_MAX_KIB).contains(&self.memory)
                    && work <= ARGON2_WORK_MAX_KIB
            }
        };
        match is_bounded {
            true => Ok(()),
            false => Err(KdfError::Cost { iterations: self.iterations, memory: self.memory }),
        }
    }
}

/// What a router stores of a client. With it nobody can log in; with a recorded login as well, anybody.
#[derive(Clone)]
pub struct Credential {
    /// What the client needs to know to hash its password.
    pub hashing: Hashing,
    /// SHA-256 of the client key.
    pub stored_key: [u8; 32],
    /// With it the router shows that it knows the client.
    pub server_key: [u8; 32],
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("kdf", &self.hashing.kdf.name()).finish_non_exhaustive()
    }
}

impl Credential {
    /// From a password. Takes long.
    ///
    /// # Errors
    /// Salt, cost or password cannot be used.
    pub fn derive(password: &Secret, hashing: Hashing) -> Result<Credential, KdfError> {
        let keys = ClientKeys::of(&hashing.hash(password)?);
        Ok(Credential { hashing, stored_key: keys.stored_key(), server_key: keys.server_key })
    }

    /// What a client is shown that does not exist: it looks like `model`, and nothing is a right answer.
    pub fn decoy(model: Option<&Credential>, decoy: &Decoy, authid: &str) -> Credential {
        let usual = Hashing { kdf: Kdf::Argon2id13, salt: vec![0; 16], iterations: 4096, memory: 512 };
        let hashing = model.map_or(usual, |model| model.hashing.clone());
        let salt = decoy.bytes("scram salt", authid, hashing.salt.len());
        let key = |purpose| <[u8; 32]>::try_from(decoy.bytes(purpose, authid, 32)).unwrap_or_default();
        let (stored_key, server_key) = (key("scram stored key"), key("scram server key"));
        Credential { hashing: Hashing { salt, ..hashing }, stored_key, server_key }
    }
}

/// What a client computes from its password.
pub(super) struct ClientKeys {
    pub(super) client_key: Zeroizing<[u8; 32]>,
    pub(super) server_key: [u8; 32],
}

impl ClientKeys {
    pub(super) fn of(salted_password: &[u8]) -> ClientKeys {
        ClientKeys {
            client_key: Zeroizing::new(hmac_sha256(salted_password, b"Client Key")),
            server_key: hmac_sha256(salted_password, b"Server Key"),
        }
    }

    pub(super) fn stored_key(&self) -> [u8; 32] {
        Sha256::digest(self.client_key.as_slice()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hexadecimal;

    #[test]
    fn autobahn_s_credential_is_derived_from_the_text_of_the_hash() {
        // autobahn.wamp.auth.derive_scram_credential("joe@example.com", "pencil"), with fewer passes: see below.
        let salt = hexadecimal::decode_any("30313233343536373839616263646566").unwrap();
        let hashing = Hashing { kdf: Kdf::Argon2id13Text, salt, iterations: 4, memory: 512 };
        let hash = hashing.hash(&"pencil".into()).unwrap();
        // argon2-cffi: hash_secret(b"pencil", b"0123456789abcdef", 4, 512, 1, 32, Type.ID)
        assert_eq!(std::str::from_utf8(&hash), Ok("WnpsdX7otQiwNnytlUeZMLwXqIlPzBdpAqBk80whlqo"));
        let octets = Hashing { kdf: Kdf::Argon2id13, ..hashing }.hash(&"pencil".into()).unwrap();
        assert_eq!(STANDARD_NO_PAD.encode(&octets[..]).as_bytes(), &hash[..]);
    }

    #[test]
    fn costs_and_salts_are_bounded() {
        let good = Hashing { kdf: Kdf::Argon2id13, salt: vec![1; 16], iterations: 4096, memory: 512 };
        assert_eq!(good.check(), Ok(()));
        for (iterations, memory) in [(0, 512), (1, 0), (1, (1 << 20) + 1), (u32::MAX, 512)] {
            let bad = Hashing { iterations, memory, ..good.clone() };
            assert!(matches!(bad.check(), Err(KdfError::Cost { .. })), "{iterations} {memory}");
        }
        assert_eq!(Hashing { salt: vec![1; 7], ..good.clone() }.check(), Err(KdfError::Salt(7)));
        let pbkdf2 = Hashing { kdf: Kdf::Pbkdf2, iterations: 1_000_001, ..good };
        assert!(pbkdf2.check().is_err());
    }
}
