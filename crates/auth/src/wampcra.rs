//! `wampcra`: a challenge is signed with a shared secret that is not sent.
//!
//! With a salt, the secret is PBKDF2 of a password. What a configuration holds then is either the password, as Crossbar.io's
//! code has it, or what was derived from it, as its documentation says; a signature made from either is accepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossweave_wamp::{Dict, Serializer, SessionId, Value};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::decoy::Decoy;
use crate::limits::{PBKDF2_ITERATIONS_MAX, PBKDF2_KEY_LEN_MAX};
use crate::{Secret, hmac_sha256};

/// How a password becomes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salting {
    /// The salt, a text.
    pub salt: String,
    /// Iterations of PBKDF2. 1 to [`PBKDF2_ITERATIONS_MAX`], 1,000 where nothing is said.
    pub iterations: u32,
    /// Octets of the key. 1 to [`PBKDF2_KEY_LEN_MAX`], 32 where nothing is said.
    pub key_len: u32,
}

/// Why a challenge is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaltingError {
    /// It lacks something, or has it in a wrong shape.
    #[error("challenge has no usable {0:?}")]
    Field(&'static str),
    /// It asks for more work than is reasonable.
    #[error("challenge asks for {name} {asked}, at most {max} is allowed")]
    Excessive {
        /// What.
        name: &'static str,
        /// How much.
        asked: u64,
        /// Ours.
        max: u64,
    },
}

impl Salting {
    /// From the `extra` of a CHALLENGE, or a dict with the same keys; none if it has no salt.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub fn from_extra(extra: &Dict) -> Result<Option<Salting>, SaltingError> {
        let salt = match extra.get("salt") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Str(salt)) => salt.clone(),
            Some(_) => return Err(SaltingError::Field("salt")),
        };
        let iterations = bounded(extra, "iterations", 1000, PBKDF2_ITERATIONS_MAX)?;
        let key_len = bounded(extra, "keylen", 32, PBKDF2_KEY_LEN_MAX)?;
        Ok(Some(Salting { salt, iterations, key_len }))
    }

    /// The secret of a password: PBKDF2 with HMAC-SHA256, in base64. Takes long.
    pub fn derive(&self, password: &Secret) -> Secret {
        let mut key = [0; PBKDF2_KEY_LEN_MAX as usize];
        let key = &mut key[..self.key_len.min(PBKDF2_KEY_LEN_MAX) as usize];
        let (password, salt) = (password.reveal().as_bytes(), self.salt.as_bytes());
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, self.iterations, key);
        STANDARD.encode(key).into()
    }
}

fn bounded(extra: &Dict, name: &'static str, default: u32, max: u32) -> Result<u32, SaltingError> {
    let asked = match extra.get(name) {
        None | Some(Value::Null) => return Ok(default),
        Some(value) => value.as_u64().filter(|number| *number > 0).ok_or(SaltingError::Field(name))?,
    };
    match u32::try_from(asked) {
        Ok(asked) if asked <= max => Ok(asked),
        _ => Err(SaltingError::Excessive { name, asked, max: max.into() }),
    }
}

/// What the router knows of a client.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What the client may sign with: the secret, and what is derived from it if there is a salt.
    keys: Vec<Secret>,
    salting: Option<Salting>,
}

/// What a challenge says besides its nonce. The client is to see what it will be.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Who it will be.
    pub authid: &'a str,
    /// In which role.
    pub authrole: &'a str,
    /// Vouched for by.
    pub authprovider: &'a str,
    /// The id its session will have.
    pub session: SessionId,
    /// The time in UTC, ISO 8601.
    pub timestamp: &'a str,
    /// Random bytes.
    pub nonce: [u8; 32],
}

impl Credential {
    /// From what is configured. Takes long if there is a salt: the key is derived now and not when a client waits.
    pub fn new(secret: Secret, salting: Option<Salting>) -> Credential {
        let derived = salting.as_ref().map(|salting| salting.derive(&secret));
        Credential { keys: [Some(secret), derived].into_iter().flatten().collect(), salting }
    }

    /// What a client is shown that does not exist: it looks like `model`, and nothing is a right answer.
    pub fn decoy(model: Option<&Credential>, decoy: &Decoy, authid: &str) -> Credential {
        let key = STANDARD.encode(decoy.bytes("wampcra key", authid, 32));
        if model.is_none_or(|model| model.salting.is_none()) {
            // A salt that nobody sees takes the time of one: else a quick answer with a salt would tell of a real client.
            std::hint::black_box(decoy.text_like("0123456789abcdef", "wampcra salt", authid));
        }
        let salting = model.and_then(|model| model.salting.clone()).map(|salting| Salting {
            salt: decoy.text_like(&salting.salt, "wampcra salt", authid),
            ..salting
        });
        // As many as there would be, for comparing with them takes time.
        let keys = vec![Secret::from(key); 1 + usize::from(salting.is_some())];
        Credential { keys, salting }
    }

    /// The `extra` of a CHALLENGE, and the text in it that is to be signed.
    pub fn challenge(&self, facts: &Facts<'_>) -> (Dict, String) {
        let text = Dict::new()
            .with("authid", facts.authid)
            .with("authrole", facts.authrole)
            .with("authmethod", "wampcra")
            .with("authprovider", facts.authprovider)
            .with("session", facts.session.0)
            .with("nonce", STANDARD.encode(facts.nonce))
            .with("timestamp", facts.timestamp);
        let mut json = Vec::new();
        Serializer::Json.encode_value(&text.into(), &mut json);
        let text = String::from_utf8(json).expect("json is utf-8");
        let mut extra = Dict::new().with("challenge", text.as_str());
        if let Some(salting) = &self.salting {
            extra.insert("salt", salting.salt.as_str());
            extra.insert("iterations", salting.iterations);
            extra.insert("keylen", salting.key_len);
        }
        (extra, text)
    }

    /// Whether this is the signature of the challenge's text. Takes the same time for every wrong one.
    pub fn is_signature(&self, text: &str, signature: &str) -> bool {
        let given = STANDARD.decode(signature).unwrap_or_default();
        let mut is_right = Choice::from(0);
        for key in &self.keys {
            let expected = hmac_sha256(key.reveal().as_bytes(), text.as_bytes());
            is_right |= expected.as_slice().ct_eq(&given);
        }
        is_right.into()
    }
}

/// The client's answer to a challenge, in base64. May take long (PBKDF2).
///
/// # Errors
/// The challenge is not one, or asks for too much.
pub fn answer(secret: &Secret, extra: &Dict) -> Result<String, SaltingError> {
    let challenge = extra.str("challenge").ok_or(SaltingError::Field("challenge"))?;
    let key = match Salting::from_extra(extra)? {
        None => secret.clone(),
        Some(salting) => salting.derive(secret),
    };
    Ok(STANDARD.encode(hmac_sha256(key.reveal().as_bytes(), challenge.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        "secret!!!".into()
    }

    fn salting() -> Salting {
        Salting { salt: "salt123".into(), iterations: 100, key_len: 16 }
    }

    fn facts() -> Facts<'static> {
        Facts {
            authid: "joe",
            authrole: "user",
            authprovider: "static",
            session: SessionId(7),
            timestamp: "2026-11-21T12:00:00.000Z",
            nonce: [1; 32],
        }
    }

    #[test]
    fn known_answers() {
        // python3: base64(hmac.new(b"secret!!!", b'{"nonce": "x"}', sha256).digest())
        let plain = Dict::new().with("challenge", "{\"nonce\": \"x\"}");
        assert_eq!(answer(&secret(), &plain).unwrap(), "be46uL4cP26FZvIjpieLLWJ+9sGGkrwi4nO4RYepLMA=");
        let salted = plain.with("salt", "salt123");
        assert_eq!(answer(&secret(), &salted).unwrap(), "okUKFmmmtxTYHERyyUaKpc6HunHa9Dpdy04F1wqh7uw=");
        let all = salted.with("iterations", 100).with("keylen", 16);
        assert_eq!(answer(&secret(), &all).unwrap(), "AmHHdsvDO9WP5e741AdR0Asi6XW0sq+p4GSHTsykUek=");
    }

    #[test]
    fn a_client_that_knows_the_secret_is_accepted_and_others_are_not() {
        for salting in [None, Some(salting())] {
            let credential = Credential::new(secret(), salting);
            let (extra, text) = credential.challenge(&facts());
            let signature = answer(&secret(), &extra).unwrap();
            assert!(credential.is_signature(&text, &signature));
            assert!(!credential.is_signature(&text, &answer(&"secret".into(), &extra).unwrap()));
            assert!(!credential.is_signature(&text, &signature[..20]), "truncated");
            assert!(!credential.is_signature(&text, ""));
            let (_, other) = credential.challenge(&Facts { nonce: [2; 32], ..facts() });
            assert!(!credential.is_signature(&other, &signature), "replayed");
        }
    }

    #[test]
    fn a_configured_secret_may_be_derived_already() {
        let derived = salting().derive(&secret());
        let credential = Credential::new(derived, Some(salting()));
        let (extra, text) = credential.challenge(&facts());
        assert!(credential.is_signature(&text, &answer(&secret(), &extra).unwrap()));
    }

    #[test]
    fn the_challenge_says_what_the_specification_asks_for() {
        let (extra, text) = Credential::new(secret(), None).challenge(&facts());
        assert_eq!(extra.len(), 1);
        let Value::Dict(said) = Serializer::Json.decode_value(text.as_bytes()).unwrap() else { panic!() };
        for key in ["authid", "authrole", "authmethod", "authprovider", "nonce", "timestamp", "session"] {
            assert!(said.get(key).is_some(), "{key}");
        }
        assert_eq!(said.get("session").and_then(Value::as_u64), Some(7));
    }

    #[test]
    fn a_decoy_looks_like_a_client_and_takes_no_answer() {
        let decoy = Decoy::new([3; 32]);
        let model = Credential::new(secret(), Some(salting()));
        let fake = Credential::decoy(Some(&model), &decoy, "nobody");
        let (extra, text) = fake.challenge(&facts());
        let keys: Vec<&str> = extra.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["challenge", "salt", "iterations", "keylen"]);
        assert_eq!(extra.str("salt").map(str::len), Some(7));
        assert!(!fake.is_signature(&text, &answer(&secret(), &extra).unwrap()));
        assert_eq!(fake.keys.len(), model.keys.len());
    }

    #[test]
    fn a_challenge_cannot_ask_for_endless_work() {
        let extra = Dict::new().with("challenge", "x").with("salt", "s");
        for (name, asked) in [("iterations", 1_000_001u64), ("keylen", 65), ("iterations", u64::MAX)] {
            let error = answer(&secret(), &extra.clone().with(name, asked)).unwrap_err();
            assert!(matches!(error, SaltingError::Excessive { .. }), "{name}");
        }
        assert_eq!(answer(&secret(), &Dict::new()), Err(SaltingError::Field("challenge")));
        assert_eq!(answer(&secret(), &extra.with("salt", 5)), Err(SaltingError::Field("salt")));
    }
}
