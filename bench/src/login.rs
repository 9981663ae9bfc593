//! How sessions prove who they are, where a scenario is about that. JSON only: nothing else depends on the serializer.

use std::sync::OnceLock;

use crossweave_auth::cryptosign::{self, PrivateKey};
use serde_json::json;

use crate::wire::value::Value;

/// A way to authenticate. Each has a WebSocket path of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Login {
    /// Nothing is proven.
    #[default]
    Anonymous,
    /// By a shared text.
    Ticket,
    /// By a signature, Ed25519.
    Cryptosign,
}

const AUTHID: &str = "bench";
const TICKET: &str = "a ticket of a usual length";

struct Keys {
    private: PrivateKey,
    public: String,
}

/// The one client's keys.
fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let private = PrivateKey::from_bytes(&[7; 32]);
        let public = private.public().to_hex();
        Keys { private, public }
    })
}

impl Login {
    pub(crate) const ALL: [Login; 3] = [Login::Anonymous, Login::Ticket, Login::Cryptosign];

    /// Where it is spoken, without the leading slash.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Login::Anonymous => "ws",
            Login::Ticket => "ws-ticket",
            Login::Cryptosign => "ws-cryptosign",
        }
    }

    /// `auth` of a transport, of Crossbar.io's format.
    pub(crate) fn auth_section(self) -> serde_json::Value {
        let role = "anonymous";
        match self {
            Login::Anonymous => json!({"anonymous": {"type": "static", "role": role}}),
            Login::Ticket => json!({"ticket": {
                "type": "static",
                "principals": {AUTHID: {"ticket": TICKET, "role": role}},
            }}),
            Login::Cryptosign => json!({"cryptosign": {
                "type": "static",
                "principals": {AUTHID: {"authorized_keys": [keys().public], "role": role}},
            }}),
        }
    }

    /// What HELLO says of it.
    pub(crate) fn details(self) -> Vec<(&'static str, Value<'static>)> {
        let method = |name| ("authmethods", Value::List(vec![Value::Text(name)]));
        match self {
            Login::Anonymous => Vec::new(),
            Login::Ticket => vec![method("ticket"), ("authid", Value::Text(AUTHID))],
            Login::Cryptosign => {
                let extra = vec![("pubkey", Value::Text(keys().public.as_str()))];
                vec![method("cryptosign"), ("authid", Value::Text(AUTHID)), ("authextra", Value::Map(extra))]
            }
        }
    }

    /// The answer to a CHALLENGE, which is given whole; none if it is not understood.
    pub(crate) fn answer(self, challenge: &[u8]) -> Option<String> {
        match self {
            Login::Anonymous => None,
            Login::Ticket => Some(TICKET.to_owned()),
            Login::Cryptosign => {
                let challenge: serde_json::Value = serde_json::from_slice(challenge).ok()?;
                let number = cryptosign::challenge_from_hex(challenge[2]["challenge"].as_str()?)?;
                Some(keys().private.sign(&cryptosign::message(&number, None)))
            }
        }
    }
}
