//! What clients look like that authenticators know: one that they do not know is challenged as if it were one of those.

use std::collections::HashMap;

use crossweave_auth::decoy::Decoy;
use crossweave_auth::wampcra::Salting;
use crossweave_auth::{Secret, scram};
use parking_lot::Mutex;

use super::turns::Whom;
use super::{Asked, Credential, Granted};

/// Authenticators, by method, whose clients are remembered. Beyond that what is made up looks like nobody's in particular.
const LOOKS_MAX: usize = 1024;

/// The looks of the last client that each authenticator let in, by method. No secrets.
#[derive(Default)]
pub(crate) struct Looks(Mutex<HashMap<(Whom, &'static str), Look>>);

#[derive(Clone, Default)]
struct Look {
    authrole: String,
    realm: Option<String>,
    salting: Option<Salting>,
    scram: Option<scram::Credential>,
}

/// Who is asked, and by which method: what a look is remembered by.
pub(crate) struct Asking<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) realm: Option<&'a str>,
    pub(crate) method: &'static str,
}

impl Asking<'_> {
    fn key(&self) -> (Whom, &'static str) {
        (Whom::of(self.asked, self.realm), self.method)
    }
}

impl Looks {
    /// Remembers what a client looks like that an authenticator knows.
    pub(crate) fn remember(&self, asking: &Asking<'_>, granted: &Granted, decoy: &Decoy) {
        let (salting, scram) = match &granted.credential {
            Credential::WampCra { salting, .. } => (salting.clone(), None),
            Credential::Scram(real) => (None, Some(scram::Credential::decoy(Some(real), decoy, ""))),
            Credential::Cryptosign(_) => (None, None),
            Credential::None => return,
        };
        let look = Look { authrole: granted.authrole.clone(), realm: granted.realm.clone(), salting, scram };
        let mut looks = self.0.lock();
        let key = asking.key();
        if looks.len() < LOOKS_MAX || looks.contains_key(&key) {
            looks.insert(key, look);
        }
    }

    /// What an authenticator might have said of a client that it does not know. Nothing proves to be that client. None for methods
    /// without a challenge.
    pub(crate) fn make_up(&self, asking: &Asking<'_>, decoy: &Decoy, authid: &str) -> Option<Granted> {
        let look = self.0.lock().get(&asking.key()).cloned();
        let Look { authrole, realm, salting, scram } = look.unwrap_or_else(|| nobody(asking.asked));
        let credential = match asking.method {
            "wampcra" => Credential::WampCra {
                secret: unknown_to_all(decoy, authid),
                salting: salting.map(|like| Salting {
                    salt: decoy.text_like(&like.salt, "wampcra salt", authid),
                    ..like
                }),
            },
            "scram" | "wamp-scram" => {
                Credential::Scram(scram::Credential::decoy(scram.as_ref(), decoy, authid))
            }
            "cryptosign" | "cryptosign-proxy" => Credential::Cryptosign(Vec::new()),
            _ => return None,
        };
        Some(Granted { authrole, realm, credential, ..Granted::default() })
    }
}

fn unknown_to_all(decoy: &Decoy, authid: &str) -> Secret {
    let bytes = decoy.bytes("wampcra key", authid, 32);
    Secret::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// What clients look like of whom no one was let in so far.
fn nobody(asked: &Asked) -> Look {
    let authrole = match asked {
        Asked::Procedure(procedure) => procedure.default_role.clone(),
        Asked::Function(_) | Asked::Named(_) => None,
    };
    Look { authrole: authrole.unwrap_or_else(|| "anonymous".to_owned()), ..Look::default() }
}
