//! What clients look like that authenticators know: one that they do not know is challenged as if it were one of those.
//!
//! As which of them follows from its authid, so that it looks the same whoever else has come meanwhile, as a client does that
//! exists.

use std::collections::HashMap;

use crossweave_auth::decoy::Decoy;
use crossweave_auth::wampcra::Salting;
use crossweave_auth::{Secret, scram};
use parking_lot::Mutex;

use super::turns::Whom;
use super::{Asked, Credential, Granted};

/// Authenticators, by method, whose clients are remembered. Beyond that what is made up looks like nobody's in particular.
const LOOKS_MAX: usize = 1024;
/// Different looks that are remembered of each. Nobody who does not exist looks like those beyond it.
const LOOKS_OF_ONE_MAX: usize = 8;

/// What clients looked like that each authenticator let in, by method, in the order of the first of each look. No secrets.
#[derive(Default)]
pub(crate) struct Looks(Mutex<HashMap<(Whom, &'static str), Vec<Look>>>);

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
            let seen = looks.entry(key).or_default();
            if seen.len() < LOOKS_OF_ONE_MAX && !seen.iter().any(|it| it.shape() == look.shape()) {
                seen.push(look);
            }
        }
    }

    /// What an authenticator might have said of a client that it does not know. Nothing proves to be that client. None for methods
    /// without a challenge.
    pub(crate) fn make_up(&self, asking: &Asking<'_>, decoy: &Decoy, authid: &str) -> Option<Granted> {
        let look = self.0.lock().get(&asking.key()).and_then(|seen| choose(seen, decoy, authid).cloned());
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

impl Look {
    /// What a challenge shows of it, but for what differs from client to client.
    fn shape(&self) -> impl PartialEq + '_ {
        let salting = self.salting.as_ref();
        let salting = salting.map(|it| (it.salt.chars().count(), it.iterations, it.key_len));
        let hashing = self.scram.as_ref().map(|it| &it.hashing);
        let hashing = hashing.map(|it| (it.kdf, it.salt.len(), it.iterations, it.memory));
        (&self.authrole, &self.realm, salting, hashing)
    }
}

/// Which of these a client looks like. A further one changes that for its own share of the clients only.
fn choose<'l>(seen: &'l [Look], decoy: &Decoy, authid: &str) -> Option<&'l Look> {
    let weight = |number: usize| decoy.bytes(&format!("look {number}"), authid, 8);
    let (_, look) = seen.iter().enumerate().max_by_key(|(number, _)| weight(*number))?;
    Some(look)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn granted(authrole: &str, salt: &str) -> Granted {
        let salting = Some(Salting { salt: salt.to_owned(), iterations: 1000, key_len: 32 });
        let credential = Credential::WampCra { secret: "pa55".into(), salting };
        Granted { authrole: authrole.to_owned(), credential, ..Granted::default() }
    }

    /// Role and salt of who does not exist.
    fn shown(looks: &Looks, asking: &Asking<'_>, decoy: &Decoy, authid: &str) -> (String, Option<String>) {
        let made_up = looks.make_up(asking, decoy, authid).expect("the method has a challenge");
        let Credential::WampCra { salting, .. } = made_up.credential else { panic!("another method") };
        (made_up.authrole, salting.map(|it| it.salt))
    }

    #[test]
    fn who_does_not_exist_looks_the_same_whoever_comes() {
        let (looks, decoy, asked) = (Looks::default(), Decoy::new([1; 32]), Asked::Named(Arc::from("db")));
        let asking = Asking { asked: &asked, realm: Some("realm1"), method: "wampcra" };
        let before = shown(&looks, &asking, &decoy, "eve");
        assert_eq!(before, ("anonymous".to_owned(), None));
        looks.remember(&asking, &granted("user", "ab12CD"), &decoy);
        let like_user = shown(&looks, &asking, &decoy, "eve");
        assert_eq!((like_user.0.as_str(), like_user.1.as_ref().map(String::len)), ("user", Some(6)));
        for salt in ["zz99ZZ", "123456", "ABCDEF"] {
            looks.remember(&asking, &granted("user", salt), &decoy);
            assert_eq!(shown(&looks, &asking, &decoy, "eve"), like_user, "{salt}");
        }
        looks.remember(&asking, &granted("admin", "ab12CD"), &decoy);
        let all =
            || -> Vec<_> { (0..50).map(|n| shown(&looks, &asking, &decoy, &format!("eve{n}"))).collect() };
        let roles = all();
        let users = roles.iter().filter(|(role, _)| role == "user").count();
        assert!((10..40).contains(&users), "some look like admins: {users} of 50 are users");
        looks.remember(&asking, &granted("user", "ab12CD"), &decoy);
        looks.remember(&asking, &granted("admin", "ab12CD"), &decoy);
        assert_eq!(all(), roles);
    }

    #[test]
    fn no_more_looks_are_remembered_than_there_is_room_for() {
        let (looks, decoy, asked) = (Looks::default(), Decoy::new([1; 32]), Asked::Named(Arc::from("db")));
        let asking = Asking { asked: &asked, realm: None, method: "wampcra" };
        for n in 0..100 {
            looks.remember(&asking, &granted(&format!("role{n}"), "salt"), &decoy);
        }
        assert_eq!(looks.0.lock().values().map(Vec::len).sum::<usize>(), LOOKS_OF_ONE_MAX);
    }
}
