//! What a program that embeds the node adds to it, by the names that configurations use.
//!
//! Each point is a trait and a registry of what implements it; `docs/extending` has a page on each, and
//! `examples/extended-node` is a program with all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crossweave_api::Config;
use crossweave_router::{Authenticator, CookieShelf, EventShelf, LoginMethod, Router};
use crossweave_web::WebService;

use crate::component::Components;
use crate::router::Protocol;

/// What is linked into a program, beside the node itself. The same is given to the controller and to each worker.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    /// Parts of applications: `{"type": "rust", "name": ...}` among the `components` of a container or a router.
    pub components: Components,
    /// Who decides on logins: `{"type": "function", "create": ...}` in `auth` of a transport, for any method.
    pub authenticators: Registry<dyn Authenticator>,
    /// Methods of logging in that are none of WAMP's: `{"type": "function", "create": ...}` in `auth` of a transport, under a name of
    /// the operator's choice.
    pub login_methods: Registry<dyn LoginMethod>,
    /// Where cookies are kept: `{"type": "rust", "name": ...}` as `store` of `cookie`.
    pub cookie_stores: Registry<dyn CookieShelf>,
    /// Where the event histories of realms are kept: `{"type": "rust", "name": ...}` as `store` of a realm.
    pub event_stores: Registry<dyn EventShelf>,
    /// Protocols of transports of routers: `{"type": "rust", "name": ...}` among `transports`.
    pub transports: Registry<MakeProtocol>,
    /// Types of workers: `{"type": "rust", "options": {"name": ...}}` among `workers`. Their session is on the management realm, in a
    /// process of their own. They are made with `{"id": ID, "cbdir": DIRECTORY, "extra": ...}`, and end when `run` does.
    pub workers: Components,
    /// Sessions of the management realm, `crossbar`, in the role `controller`: each of them is started with the controller, before
    /// anybody else gets there. Their `extra` is null.
    pub management_sessions: Components,
    /// Sessions of the realms of routers, in the role `trusted`: each of them is started with every realm, before anybody else
    /// gets there. Their `extra` is `{"realm": NAME}`.
    pub realm_sessions: Components,
    /// Web services: `{"type": "rust", "name": ...}` among the `paths` of a web transport.
    pub web_services: Registry<MakeWebService>,
}

/// Makes a protocol out of its `extra`, which is null if there is none, for a transport. The error is for the one who wrote that.
pub type MakeProtocol = dyn Fn(&Config) -> Result<Arc<dyn Protocol>, String> + Send + Sync;

/// Makes a web service out of its `extra`, which is null if there is none, for a router, when its transport starts. The error is
/// for the one who wrote that.
pub type MakeWebService = dyn Fn(&Router, &Config) -> Result<Arc<dyn WebService>, String> + Send + Sync;

/// Things of one kind by name.
pub struct Registry<T: ?Sized> {
    by_name: BTreeMap<String, Arc<T>>,
}

impl<T: ?Sized> Registry<T> {
    /// These, and one more. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, entry: Arc<T>) -> Registry<T> {
        self.by_name.insert(name.to_owned(), entry);
        self
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// All of them, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<T>)> {
        self.by_name.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The one of this name; `what` it is, for the error.
    ///
    /// # Errors
    /// There is none; the text names those that there are.
    pub(crate) fn find(&self, what: &str, name: &str) -> Result<Arc<T>, String> {
        self.by_name.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            match names.is_empty() {
                true => format!("no {what} {name:?} is part of this program"),
                false => {
                    format!("no {what} {name:?} is part of this program, which has {}", names.join(", "))
                }
            }
        })
    }
}

impl<T: ?Sized> Clone for Registry<T> {
    fn clone(&self) -> Self {
        Registry { by_name: self.by_name.clone() }
    }
}

impl<T: ?Sized> Default for Registry<T> {
    fn default() -> Self {
        Registry { by_name: BTreeMap::new() }
    }
}

impl<T: ?Sized> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}
