//! The client's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossweave_wamp::message::Authenticate;
use crossweave_wamp::{Dict, Value};
use subtle::ConstantTimeEq as _;

use super::credential::{ClientKeys, Hashing, Kdf, KdfError};
use super::transcript::{Binding, Transcript, proof, server_signature};
use crate::Secret;
use crate::channel::Bound;
use crate::limits::{ARGON2_WORK_MIN_KIB, SCRAM_PBKDF2_ITERATIONS_MIN};

/// Why a challenge is not answered, or a WELCOME not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It lacks something, or has it in a wrong shape.
    #[error("challenge has no usable {0:?}")]
    Field(&'static str),
    /// The nonce is not ours with something behind it.
    #[error("challenge does not continue our nonce")]
    Nonce,
    /// The router does not bind to the channel that was asked for.
    #[error("router does not bind to the tls connection as it was asked to")]
    ChannelBinding,
    /// So little work that a password could be guessed from the answer.
    #[error("challenge asks for so little work that the answer would give the password away")]
    TooCheap,
    /// The password cannot be hashed as the router asks.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// The authid has characters that SASLprep forbids.
    #[error("the authid has characters that are not allowed")]
    Authid,
    /// The router does not know what it must know.
    #[error("router did not prove that it knows this client")]
    Impostor,
}

/// One login, from HELLO to WELCOME.
#[derive(Clone)]
pub struct ClientExchange {
    authid: String,
    nonce: String,
    binding: Option<Bound>,
    /// What the router must prove, once the challenge is answered.
    expected: Option<[u8; 32]>,
}

impl std::fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientExchange").field("authid", &self.authid).finish_non_exhaustive()
    }
}

impl ClientExchange {
    /// A login of `authid`. `random` is our nonce; `binding` ties the login to the TLS connection with these bytes.
    pub fn new(authid: &str, random: [u8; 16], binding: Option<Bound>) -> ClientExchange {
        ClientExchange { authid: authid.to_owned(), nonce: STANDARD.encode(random), binding, expected: None }
    }

    /// What `authextra` of HELLO must have.
    pub fn authextra(&self) -> Dict {
        let binding = self.binding.map(|bound| bound.name());
        Dict::new().with("nonce", self.nonce.as_str()).with("channel_binding", binding)
    }

    /// Answers a CHALLENGE's `extra`. Takes long, by intention.
    ///
    /// # Errors
    /// The challenge is not one, or asks for too little or too much work.
    pub fn answer(&mut self, extra: &Dict, password: &Secret) -> Result<Authenticate, ClientError> {
        let nonce = extra.str("nonce").ok_or(ClientError::Field("nonce"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ClientError::Nonce);
        }
        let binding = self.binding.map(|bound| bound.name());
        let bound_to = extra.str("channel_binding");
        if binding.is_some() && bound_to.is_some_and(|bound_to| Some(bound_to) != binding) {
            return Err(ClientError::ChannelBinding);
        }
        let hashing = hashing(extra)?;
        let transcript =
            Transcript::new(&self.authid, &self.nonce, nonce, &hashing).ok_or(ClientError::Authid)?;
        let message = transcript.message(Binding::Specified(self.binding));
        let keys = ClientKeys::of(&hashing.hash(password)?);
        let proof = proof(&keys.client_key, &keys.stored_key(), &message);
        self.expected = Some(server_signature(&keys.server_key, &message));
        let extra = Dict::new()
            .with("nonce", nonce)
            .with("channel_binding", binding)
            .with("cbind_data", self.binding.map(|bound| STANDARD.encode(bound.data())));
        Ok(Authenticate { signature: STANDARD.encode(proof), extra })
    }

    /// Checks what `authextra` of WELCOME says. A router that does not know the client's server key is an impostor.
    ///
    /// # Errors
    /// It does not prove itself.
    pub fn verify(&self, authextra: &Dict) -> Result<(), ClientError> {
        let said = ["verifier", "scram_server_signature"].into_iter().find_map(|key| authextra.str(key));
        // The specification's example has the `v=` of RFC 5802 before it, its text does not.
        let said = said.map(|said| said.strip_prefix("v=").unwrap_or(said)).unwrap_or_default();
        let said = STANDARD.decode(said).unwrap_or_default();
        match &self.expected {
            Some(expected) if expected.as_slice().ct_eq(&said).into() => Ok(()),
            _ => Err(ClientError::Impostor),
        }
    }
}

fn hashing(extra: &Dict) -> Result<Hashing, ClientError> {
    let kdf = extra.str("kdf").and_then(Kdf::parse).ok_or(ClientError::Field("kdf"))?;
    let salt =
        extra.str("salt").and_then(|salt| STANDARD.decode(salt).ok()).ok_or(ClientError::Field("salt"))?;
    let number = |key: &'static str| {
        let number = extra.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or(ClientError::Field(key))
    };
    let iterations = number("iterations")?;
    let memory = if kdf.uses_memory() { number("memory")? } else { 0 };
    let is_cheap = match kdf {
        Kdf::Pbkdf2 => iterations < SCRAM_PBKDF2_ITERATIONS_MIN,
        _ => u64::from(iterations) * u64::from(memory) < ARGON2_WORK_MIN_KIB,
    };
    if is_cheap {
        return Err(ClientError::TooCheap);
    }
    Ok(Hashing { kdf, salt, iterations, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ClientExchange {
        ClientExchange::new("user", [5; 16], None)
    }

    fn challenge(client: &ClientExchange) -> Dict {
        Dict::new()
            .with("nonce", format!("{}SBmkFIh7sSo=", client.nonce))
            .with("salt", "W22ZaJ0SNY7soEsUEjb6gQ==")
            .with("kdf", "pbkdf2")
            .with("iterations", 4096)
            .with("memory", Value::Null)
    }

    #[test]
    fn a_challenge_that_is_not_one_is_not_answered() {
        let good = challenge(&client());
        assert!(client().answer(&good, &"pencil".into()).is_ok());
        let changed = |key: &str, value: Value| {
            client().answer(&good.clone().with(key, value), &"pencil".into()).map(|_| ())
        };
        assert_eq!(changed("nonce", "SBmkFIh7sSo=".into()), Err(ClientError::Nonce));
        assert_eq!(changed("nonce", client().nonce.into()), Err(ClientError::Nonce));
        assert_eq!(changed("kdf", "md5".into()), Err(ClientError::Field("kdf")));
        assert_eq!(changed("salt", "?".into()), Err(ClientError::Field("salt")));
        assert_eq!(changed("iterations", 1.into()), Err(ClientError::TooCheap));
        assert!(matches!(changed("iterations", 2_000_000.into()), Err(ClientError::Kdf(_))));
        assert_eq!(changed("kdf", "argon2id13".into()), Err(ClientError::Field("memory")));
    }

    #[test]
    fn a_router_that_does_not_know_the_client_is_not_believed() {
        let mut client = client();
        assert_eq!(client.verify(&Dict::new()), Err(ClientError::Impostor));
        client.answer(&challenge(&client), &"pencil".into()).unwrap();
        assert_eq!(client.verify(&Dict::new()), Err(ClientError::Impostor));
        let guess = Dict::new().with("verifier", "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(client.verify(&guess), Err(ClientError::Impostor));
        let right = format!("v={}", STANDARD.encode(client.expected.unwrap()));
        assert_eq!(client.verify(&Dict::new().with("verifier", right)), Ok(()));
    }
}
