//! Proving who one is: anonymous, ticket, WAMP-CRA.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossweave_wamp::message::{Authenticate, Challenge};
use crossweave_wamp::{Dict, Value};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::limits::{PBKDF2_ITERATIONS_MAX, PBKDF2_KEY_LEN_MAX};

/// Who to be on the realm.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nobody in particular (default).
    #[default]
    Anonymous,
    /// A shared text, sent as it is: use it over TLS or on one's own machine.
    Ticket {
        /// Who.
        authid: String,
        /// The ticket.
        ticket: Secret,
    },
    /// A shared secret that is not sent: the router's challenge is signed with it. Salted secrets included.
    WampCra {
        /// Who.
        authid: String,
        /// The secret.
        secret: Secret,
    },
}

/// A text that no log shows.
#[derive(Clone)]
pub struct Secret(String);

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Secret(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a CHALLENGE cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The router asks for a method that was not offered.
    #[error("router asks for authentication method {0:?}, which was not offered")]
    Method(String),
    /// The challenge lacks something, or has it in a wrong shape.
    #[error("challenge has no usable {0:?}")]
    Field(&'static str),
    /// The challenge asks for more work than is reasonable.
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

impl Auth {
    /// `authid` with a ticket.
    pub fn ticket(authid: impl Into<String>, ticket: impl Into<String>) -> Auth {
        Auth::Ticket { authid: authid.into(), ticket: ticket.into().into() }
    }

    /// `authid` with a WAMP-CRA secret.
    pub fn wamp_cra(authid: impl Into<String>, secret: impl Into<String>) -> Auth {
        Auth::WampCra { authid: authid.into(), secret: secret.into().into() }
    }

    fn method(&self) -> &'static str {
        match self {
            Auth::Anonymous => "anonymous",
            Auth::Ticket { .. } => "ticket",
            Auth::WampCra { .. } => "wampcra",
        }
    }

    /// Adds what HELLO says about authentication.
    pub(crate) fn announce(&self, details: &mut Dict) {
        details.insert("authmethods", vec![Value::from(self.method())]);
        if let Auth::Ticket { authid, .. } | Auth::WampCra { authid, .. } = self {
            details.insert("authid", authid.as_str());
        }
    }

    /// The answer to a CHALLENGE. May take long (PBKDF2): not for a task that others wait for.
    pub(crate) fn answer(&self, challenge: &Challenge) -> Result<Authenticate, ChallengeError> {
        if challenge.method != self.method() {
            return Err(ChallengeError::Method(challenge.method.chars().take(32).collect()));
        }
        let signature = match self {
            Auth::Anonymous => return Err(ChallengeError::Method("anonymous".to_owned())),
            Auth::Ticket { ticket, .. } => ticket.0.clone(),
            Auth::WampCra { secret, .. } => sign(secret, &challenge.extra)?,
        };
        Ok(Authenticate { signature, extra: Dict::new() })
    }
}

/// HMAC-SHA256 of the challenge, in base64. Specification: "Challenge Response Authentication".
fn sign(secret: &Secret, extra: &Dict) -> Result<String, ChallengeError> {
    let challenge = extra.str("challenge").ok_or(ChallengeError::Field("challenge"))?;
    let key = match extra.get("salt") {
        None | Some(Value::Null) => secret.0.clone(),
        Some(Value::Str(salt)) => derive_key(secret, salt, extra)?,
        Some(_) => return Err(ChallengeError::Field("salt")),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("hmac takes keys of any length");
    mac.update(challenge.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

/// PBKDF2 with HMAC-SHA256, in base64.
fn derive_key(secret: &Secret, salt: &str, extra: &Dict) -> Result<String, ChallengeError> {
    let iterations = bounded(extra, "iterations", 1000, PBKDF2_ITERATIONS_MAX)?;
    let key_len = bounded(extra, "keylen", 32, PBKDF2_KEY_LEN_MAX)?;
    let mut key = [0; PBKDF2_KEY_LEN_MAX as usize];
    let key = &mut key[..key_len as usize];
    pbkdf2::pbkdf2_hmac::<Sha256>(secret.0.as_bytes(), salt.as_bytes(), iterations as u32, key);
    Ok(STANDARD.encode(key))
}

fn bounded(extra: &Dict, name: &'static str, default: u64, max: u64) -> Result<u64, ChallengeError> {
    let asked = match extra.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => value.as_u64().filter(|number| *number > 0).ok_or(ChallengeError::Field(name))?,
    };
    if asked > max {
        return Err(ChallengeError::Excessive { name, asked, max });
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(extra: Dict) -> Result<String, ChallengeError> {
        let challenge = Challenge { method: "wampcra".into(), extra };
        Auth::wamp_cra("joe", "secret!!!").answer(&challenge).map(|answer| answer.signature)
    }

    #[test]
    fn wampcra_signs_the_challenge() {
        // python3: base64(hmac.new(b"secret!!!", b'{"nonce": "x"}', sha256).digest())
        let signature = answer(Dict::new().with("challenge", "{\"nonce\": \"x\"}")).unwrap();
        assert_eq!(signature, "be46uL4cP26FZvIjpieLLWJ+9sGGkrwi4nO4RYepLMA=");
    }

    #[test]
    fn a_salted_secret_is_derived_first() {
        let extra = Dict::new().with("challenge", "{\"nonce\": \"x\"}").with("salt", "salt123");
        let with_all = extra.clone().with("iterations", 100).with("keylen", 16);
        assert_eq!(answer(extra).unwrap(), "okUKFmmmtxTYHERyyUaKpc6HunHa9Dpdy04F1wqh7uw=");
        assert_eq!(answer(with_all).unwrap(), "AmHHdsvDO9WP5e741AdR0Asi6XW0sq+p4GSHTsykUek=");
    }

    #[test]
    fn a_challenge_cannot_ask_for_endless_work() {
        for (name, asked) in [("iterations", 1_000_001), ("keylen", 65)] {
            let extra = Dict::new().with("challenge", "x").with("salt", "s").with(name, asked);
            assert!(matches!(answer(extra), Err(ChallengeError::Excessive { .. })), "{name}");
        }
        assert_eq!(answer(Dict::new()), Err(ChallengeError::Field("challenge")));
        assert_eq!(
            answer(Dict::new().with("challenge", "x").with("salt", 5)),
            Err(ChallengeError::Field("salt"))
        );
    }

    #[test]
    fn another_method_than_the_offered_one_is_not_answered() {
        let challenge = Challenge { method: "ticket".into(), extra: Dict::new() };
        let error = Auth::wamp_cra("joe", "secret!!!").answer(&challenge).unwrap_err();
        assert_eq!(error, ChallengeError::Method("ticket".into()));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown =
            format!("{:?} {:?}", Auth::ticket("joe", "open sesame"), Auth::wamp_cra("joe", "open sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
