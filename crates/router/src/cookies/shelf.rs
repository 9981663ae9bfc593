//! A place for cookies that a program brings along.

use crossweave_wamp::{AuthMethod, Dict};

use super::storage::{Change, Stored};
use super::{CookieId, Remembered, now_s};
use crate::shelf::Named;

/// Keeps cookies, so that they outlive the router. It is called by one thread at a time, which may be blocked: what has changed
/// meanwhile waits, and what fails is tried again. A panic counts as an error.
pub trait CookieShelf: Send + Sync {
    /// All that is kept. Called when the first transport that uses it starts.
    ///
    /// # Errors
    /// It cannot be read: the transport does not start.
    fn load(&self) -> Result<Vec<KeptCookie>, String>;

    /// Keeps a cookie, in the place of what was kept under its id.
    ///
    /// # Errors
    /// It cannot be written. The text is for the log.
    fn keep(&self, cookie: &KeptCookie) -> Result<(), String>;

    /// Keeps it no more. It may not be there.
    ///
    /// # Errors
    /// It cannot be written. The text is for the log.
    fn forget(&self, id: &[u8; 32]) -> Result<(), String>;
}

/// Who a cookie stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCookie {
    /// The hash of the cookie, which is no secret.
    pub id: [u8; 32],
    /// When it was remembered, in seconds since 1970.
    pub created_s: u64,
    /// Who.
    pub authid: String,
    /// In which role.
    pub authrole: String,
    /// How the client had proven who it is.
    pub authmethod: Option<AuthMethod>,
    /// On which realm.
    pub realm: String,
    /// `authextra` of its WELCOME.
    pub authextra: Dict,
}

/// A shelf of cookies by its name.
pub type NamedShelf = Named<dyn CookieShelf>;

impl Named<dyn CookieShelf> {
    /// What is kept and not too old; what is too old is forgotten.
    pub(super) fn load(&self, max_age_s: u64) -> Result<Stored, String> {
        let mut stored = Stored::new();
        for kept in self.ask(|shelf| shelf.load())? {
            if kept.created_s.saturating_add(max_age_s) < now_s() {
                self.ask(|shelf| shelf.forget(&kept.id))?;
                continue;
            }
            let KeptCookie { id, created_s, authid, authrole, authmethod, realm, authextra } = kept;
            let remembered = Remembered { created_s, authid, authrole, authmethod, realm, authextra };
            stored.insert(CookieId(id), remembered);
        }
        Ok(stored)
    }

    pub(super) fn write(&self, change: &Change) -> Result<(), String> {
        match change {
            Change::Forget(id) => self.ask(|shelf| shelf.forget(&id.0)),
            Change::Remember(id, remembered) => {
                let Remembered { created_s, authid, authrole, authmethod, realm, authextra } =
                    remembered.clone();
                let id = id.0;
                let kept = KeptCookie { id, created_s, authid, authrole, authmethod, realm, authextra };
                self.ask(|shelf| shelf.keep(&kept))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Defective;

    impl CookieShelf for Defective {
        fn load(&self) -> Result<Vec<KeptCookie>, String> {
            panic!("a defect of the store")
        }

        fn keep(&self, _: &KeptCookie) -> Result<(), String> {
            panic!("a defect of the store")
        }

        fn forget(&self, _: &[u8; 32]) -> Result<(), String> {
            panic!("a defect of the store")
        }
    }

    #[test]
    fn a_shelf_that_panics_has_failed_and_ends_nothing_else() {
        let shelf = NamedShelf::new("defective", Arc::new(Defective));
        let panicked = Err("it panicked".to_owned());
        assert_eq!(shelf.load(1).map(|stored| stored.len()), panicked.clone().map(|()| 0));
        let remembered = Remembered {
            created_s: 1,
            authid: "joe".to_owned(),
            authrole: "user".to_owned(),
            authmethod: None,
            realm: "realm1".to_owned(),
            authextra: Dict::new(),
        };
        assert_eq!(shelf.write(&Change::Remember(CookieId([1; 32]), remembered)), panicked);
        assert_eq!(shelf.write(&Change::Forget(CookieId([1; 32]))), panicked);
    }
}
