//! The AuthMessage of RFC 5802: what both sides sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::credential::{Credential, Hashing};
use crate::channel::Bound;
use crate::hmac_sha256;

/// `c=`: how the final message of the client says what channel it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// As the specification has it: base64 of the flag and the channel's bytes.
    Specified(Option<Bound>),
    /// As Autobahn and Crossbar.io have it, who know no channel binding: nothing.
    Empty,
}

impl Binding {
    fn encode(self) -> String {
        match self {
            Binding::Empty => String::new(),
            Binding::Specified(None) => STANDARD.encode("n,,"),
            Binding::Specified(Some(bound)) => {
                let flag = format!("p={},,", bound.name());
                STANDARD.encode([flag.as_bytes(), bound.data()].concat())
            }
        }
    }
}

/// What was said before the client's final message.
#[derive(Clone, Debug)]
pub(super) struct Transcript {
    client_first_bare: String,
    server_first: String,
    nonce: String,
}

impl Transcript {
    /// `nonce` is the client's followed by the router's. None if the authid has characters that SASLprep forbids.
    pub(super) fn new(
        authid: &str,
        client_nonce: &str,
        nonce: &str,
        hashing: &Hashing,
    ) -> Option<Transcript> {
        let name = stringprep::saslprep(authid).ok()?.replace('=', "=3D").replace(',', "=2C");
        let (salt, iterations) = (STANDARD.encode(&hashing.salt), hashing.iterations);
        Some(Transcript {
            client_first_bare: format!("n={name},r={client_nonce}"),
            server_first: format!("r={nonce},s={salt},i={iterations}"),
            nonce: nonce.to_owned(),
        })
    }

    pub(super) fn message(&self, binding: Binding) -> String {
        let Transcript { client_first_bare, server_first, nonce } = self;
        format!("{client_first_bare},{server_first},c={},r={nonce}", binding.encode())
    }
}

/// The client's proof that it has the key.
pub(super) fn proof(client_key: &[u8; 32], stored_key: &[u8; 32], message: &str) -> [u8; 32] {
    xor(client_key, &hmac_sha256(stored_key, message.as_bytes()))
}

/// Whether the proof is one. Takes the same time for every wrong one.
pub(super) fn is_proof(credential: &Credential, message: &str, proof: &[u8; 32]) -> bool {
    let client_key = xor(proof, &hmac_sha256(&credential.stored_key, message.as_bytes()));
    Sha256::digest(client_key).as_slice().ct_eq(&credential.stored_key).into()
}

/// The router's proof that it knows the client.
pub(super) fn server_signature(server_key: &[u8; 32], message: &str) -> [u8; 32] {
    hmac_sha256(server_key, message.as_bytes())
}

fn xor(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| one[at] ^ other[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::credential::{ClientKeys, Kdf};

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn the_vector_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let hashing = Hashing { kdf: Kdf::Pbkdf2, salt, iterations: 4096, memory: 0 };
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let transcript = Transcript::new("user", "rOprNGfwEbeRWgbNEkqO", nonce, &hashing).unwrap();
        let message = transcript.message(Binding::Specified(None));
        let keys = ClientKeys::of(&hashing.hash(&"pencil".into()).unwrap());
        let proof = proof(&keys.client_key, &keys.stored_key(), &message);
        assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = server_signature(&keys.server_key, &message);
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let credential = Credential::derive(&"pencil".into(), hashing).unwrap();
        assert!(is_proof(&credential, &message, &proof));
        assert!(!is_proof(&credential, &transcript.message(Binding::Empty), &proof));
    }

    #[test]
    fn names_are_normalized_and_escaped() {
        let hashing = Hashing { kdf: Kdf::Pbkdf2, salt: vec![1], iterations: 1, memory: 0 };
        let message =
            |authid| Transcript::new(authid, "a", "ab", &hashing).map(|it| it.message(Binding::Empty));
        assert_eq!(message("a=b,c").unwrap(), "n=a=3Db=2Cc,r=a,r=ab,s=AQ==,i=1,c=,r=ab");
        assert!(message("\u{2168}").unwrap().starts_with("n=IX,"));
        assert_eq!(message("\u{7}"), None);
    }
}
