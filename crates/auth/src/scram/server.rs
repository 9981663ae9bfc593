//! The router's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossweave_wamp::message::Authenticate;
use crossweave_wamp::{Dict, Value};

use super::credential::Credential;
use super::transcript::{Binding, Transcript, is_proof, server_signature};
use crate::channel::{Bound, Channel, ChannelError};
use crate::limits::{AUTHID_LEN_MAX, NONCE_LEN_MAX, NONCE_LEN_MIN};

/// A HELLO that cannot be answered with a challenge. The text is for the client and says nothing about its user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// No nonce, or one that is not base64 or of an unreasonable length.
    #[error("authextra.nonce must be 12 to 256 characters of base64")]
    Nonce,
    /// The authid is too long, or has characters that SASLprep forbids.
    #[error("the authid has characters that are not allowed, or is too long")]
    Authid,
    /// It asks for a binding that is not there.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// One login, between CHALLENGE and WELCOME.
#[derive(Clone, Debug)]
pub struct ServerExchange {
    transcript: Transcript,
    nonce: String,
    binding: Option<Bound>,
    credential: Credential,
}

impl ServerExchange {
    /// Answers a HELLO with the `extra` of a CHALLENGE. `random` is the router's nonce.
    ///
    /// # Errors
    /// The HELLO is not one of this method. That does not depend on the credential.
    pub fn start(
        authid: &str,
        authextra: Option<&Dict>,
        channel: &Channel,
        credential: Credential,
        random: [u8; 16],
    ) -> Result<(ServerExchange, Dict), HelloError> {
        let client_nonce = authextra.and_then(|extra| extra.str("nonce")).ok_or(HelloError::Nonce)?;
        if !(NONCE_LEN_MIN..=NONCE_LEN_MAX).contains(&client_nonce.len())
            || STANDARD.decode(client_nonce).is_err()
        {
            return Err(HelloError::Nonce);
        }
        let binding = channel.requested(authextra)?;
        let nonce = format!("{client_nonce}{}", STANDARD.encode(random));
        let hashing = &credential.hashing;
        let transcript = Some(authid)
            .filter(|authid| authid.len() <= AUTHID_LEN_MAX)
            .and_then(|authid| Transcript::new(authid, client_nonce, &nonce, hashing))
            .ok_or(HelloError::Authid)?;
        // Autobahn knows no further keys and takes none that are null.
        let mut extra = Dict::new()
            .with("nonce", nonce.as_str())
            .with("salt", STANDARD.encode(&hashing.salt))
            .with("kdf", hashing.kdf.name())
            .with("iterations", hashing.iterations);
        if hashing.kdf.uses_memory() {
            extra.insert("memory", hashing.memory);
        }
        if let Some(binding) = binding {
            extra.insert("channel_binding", binding.name());
        }
        Ok((ServerExchange { transcript, nonce, binding, credential }, extra))
    }

    /// Judges an AUTHENTICATE: what goes into `authextra` of WELCOME if it is right. The specification's `verifier` and
    /// Autobahn's `scram_server_signature` are the same.
    pub fn finish(&self, answer: &Authenticate) -> Option<Dict> {
        let proof =
            STANDARD.decode(&answer.signature).ok().and_then(|proof| <[u8; 32]>::try_from(proof).ok());
        let (proof, is_proof_shaped) = (proof.unwrap_or_default(), proof.is_some());
        let specified = Binding::Specified(self.binding);
        let mut right = None;
        // Who asked for a binding is not let off it: the encoding that has none is for those who did not.
        for binding in
            [Some(specified), self.binding.is_none().then_some(Binding::Empty)].into_iter().flatten()
        {
            let message = self.transcript.message(binding);
            if is_proof(&self.credential, &message, &proof) {
                right = Some(message);
            }
        }
        let message = right.filter(|_| is_proof_shaped && self.is_consistent(&answer.extra))?;
        let signature = STANDARD.encode(server_signature(&self.credential.server_key, &message));
        Some(Dict::new().with("verifier", signature.as_str()).with("scram_server_signature", signature))
    }

    /// Whether what AUTHENTICATE repeats is what was said. Autobahn repeats nothing, which is as good: it is signed.
    fn is_consistent(&self, extra: &Dict) -> bool {
        let says = |key: &str, said: Option<&str>| match extra.get(key) {
            None => true,
            Some(Value::Null) => said.is_none(),
            Some(value) => value.as_str() == said,
        };
        let id = self.binding.map(|bound| STANDARD.encode(bound.data()));
        says("nonce", Some(&self.nonce))
            && says("channel_binding", self.binding.map(|bound| bound.name()))
            && says("cbind_data", id.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::client::ClientExchange;
    use crate::scram::credential::{Hashing, Kdf};

    fn credential() -> Credential {
        let hashing = Hashing { kdf: Kdf::Pbkdf2, salt: vec![1; 16], iterations: 4096, memory: 0 };
        Credential::derive(&"pencil".into(), hashing).unwrap()
    }

    fn channel() -> Channel {
        Channel { tls_unique: None, tls_exporter: Some([9; 32]) }
    }

    /// A login by our own client, with this in place of what it answers.
    fn login(password: &str, binding: Option<Bound>, tamper: impl FnOnce(&mut Authenticate)) -> bool {
        let mut client = ClientExchange::new("user", [5; 16], binding);
        let hello = client.authextra();
        let (server, extra) =
            ServerExchange::start("user", Some(&hello), &channel(), credential(), [6; 16]).unwrap();
        let mut answer = client.answer(&extra, &password.into()).unwrap();
        tamper(&mut answer);
        server.finish(&answer).is_some_and(|authextra| client.verify(&authextra).is_ok())
    }

    #[test]
    fn the_right_password_is_accepted_and_the_router_proves_itself() {
        assert!(login("pencil", None, |_| {}));
        assert!(login("pencil", Some(Bound::TlsExporter([9; 32])), |_| {}));
        assert!(!login("pencils", None, |_| {}));
    }

    #[test]
    fn an_answer_that_is_not_that_of_this_challenge_is_refused() {
        assert!(!login("pencil", None, |answer| answer.signature.truncate(20)));
        assert!(!login("pencil", None, |answer| answer.signature.clear()));
        assert!(!login("pencil", None, |answer| answer.extra.insert("nonce", "AAAA")));
        assert!(!login("pencil", None, |answer| answer.extra.insert("channel_binding", "tls-exporter")));
    }

    #[test]
    fn an_answer_over_another_channel_is_refused() {
        assert!(!login("pencil", Some(Bound::TlsExporter([8; 32])), |_| {}));
        let exporter = Some(Bound::TlsExporter([9; 32]));
        assert!(!login("pencil", exporter, |answer| answer.extra.insert("cbind_data", "AAAA")));
    }

    #[test]
    fn hellos_of_another_shape_are_refused_before_anything_is_looked_up() {
        let start = |authid: &str, extra: Dict| {
            ServerExchange::start(authid, Some(&extra), &channel(), credential(), [6; 16]).map(|_| ())
        };
        let nonce = Dict::new().with("nonce", "egVDf3DMJh0=");
        assert_eq!(start("user", nonce.clone()), Ok(()));
        assert_eq!(start("user", Dict::new()), Err(HelloError::Nonce));
        assert_eq!(start("user", Dict::new().with("nonce", "a,r=b")), Err(HelloError::Nonce));
        assert_eq!(start("user", Dict::new().with("nonce", "A".repeat(300))), Err(HelloError::Nonce));
        assert_eq!(start(&"u".repeat(2000), nonce.clone()), Err(HelloError::Authid));
        let unique = nonce.with("channel_binding", "tls-unique");
        let unavailable = ChannelError::Unavailable(crate::ChannelBinding::TlsUnique);
        assert_eq!(start("user", unique), Err(HelloError::Channel(unavailable)));
    }

    /// Recorded from `autobahn.wamp.auth.AuthScram`, which says nothing about channel binding.
    #[test]
    fn autobahn_s_answer_is_accepted() {
        let salt = b"0123456789abcdef".to_vec();
        let hashing = Hashing { kdf: Kdf::Argon2id13Text, salt, iterations: 4, memory: 512 };
        let credential = Credential::derive(&"pencil".into(), hashing).unwrap();
        let nonce = "rOprNGfwEbeRWgbNEkqOAAAA".to_owned();
        let transcript =
            Transcript::new("user", "rOprNGfwEbeRWgbNEkqO", &nonce, &credential.hashing).unwrap();
        let server = ServerExchange { transcript, nonce, binding: None, credential };
        let signature = "VTNFiE9k8/CeT9IWmgVHGCR7Q7apwmD52dy5X31fz+U=".to_owned();
        let authextra = server.finish(&Authenticate { signature, extra: Dict::new() }).unwrap();
        let expected = Some("IIj2T2aDqe1jEjSlxLlEfv7l/MnjcTPWj/OjZFvPbLU=");
        assert_eq!(authextra.str("scram_server_signature"), expected);
    }

    #[test]
    fn a_decoy_is_challenged_alike_and_never_accepted() {
        let decoy = crate::decoy::Decoy::new([3; 32]);
        let fake = Credential::decoy(Some(&credential()), &decoy, "nobody");
        let mut client = ClientExchange::new("nobody", [5; 16], None);
        let hello = client.authextra();
        let (server, extra) =
            ServerExchange::start("nobody", Some(&hello), &channel(), fake, [6; 16]).unwrap();
        let (_, real) =
            ServerExchange::start("user", Some(&hello), &channel(), credential(), [6; 16]).unwrap();
        let shape = |extra: &Dict| {
            extra
                .iter()
                .map(|(key, value)| (key.to_owned(), value.as_str().map(str::len)))
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(&extra), shape(&real));
        assert!(server.finish(&client.answer(&extra, &"pencil".into()).unwrap()).is_none());
    }
}
