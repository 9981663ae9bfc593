//! The routers behind a proxy, and which of them a client's session goes to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_client::uris;
use crossweave_config as config;
use crossweave_router::{
    Answering, Forwarded, Forwarding, NotAnswered, NotForwarded, Question, Upstream, UpstreamSession,
};
use crossweave_wamp::message::Welcome;
use parking_lot::RwLock;

use super::asking::Askers;
use super::backend::{Backend, first_that_answers};

/// All routers behind a proxy, and the routes to them.
#[derive(Default)]
pub(super) struct Backends {
    backends: RwLock<HashMap<String, Arc<Backend>>>,
    routes: RwLock<Routes>,
    askers: Askers,
}

#[derive(Default)]
struct Routes {
    realms: BTreeSet<String>,
    /// By realm and role.
    routes: HashMap<(String, String), Arc<Route>>,
}

/// The connections of a realm and role, used in turn.
struct Route {
    connections: Vec<String>,
    next: AtomicUsize,
}

impl Backends {
    pub(super) fn add(&self, name: String, backend: Backend) {
        self.backends.write().insert(name, Arc::new(backend));
    }

    pub(super) fn remove(&self, name: &str) {
        self.backends.write().remove(name);
        self.askers.forget_those_over(name);
    }

    #[cfg(test)]
    pub(super) fn has(&self, name: &str) -> bool {
        self.backends.read().contains_key(name)
    }

    pub(super) fn set_routes(&self, all: &[config::ProxyRoute]) {
        let mut connections: HashMap<(String, String), Vec<String>> = HashMap::new();
        for route in all {
            let of = connections.entry((route.realm.clone(), route.role.clone())).or_default();
            let new = route.connections.iter().filter(|name| !of.contains(name)).cloned();
            let new: Vec<String> = new.collect();
            of.extend(new);
        }
        let realms = all.iter().map(|route| route.realm.clone()).collect();
        let route = |connections| Arc::new(Route { connections, next: AtomicUsize::new(0) });
        let routes = connections.into_iter().map(|(place, names)| (place, route(names))).collect();
        let mut current = self.routes.write();
        *current = Routes { realms, routes };
        self.askers.keep_those_of(|place| current.routes.contains_key(place));
    }

    /// The routers of a route, in the order in which they are to be tried, beginning with this one.
    fn in_turn(&self, route: &Route, first: usize) -> Vec<(String, Arc<Backend>)> {
        let len = route.connections.len();
        let backends = self.backends.read();
        let in_turn = (0..len).map(|at| &route.connections[(first.wrapping_add(at)) % len]);
        in_turn.filter_map(|name| Some((name.clone(), backends.get(name)?.clone()))).collect()
    }

    /// The routers for a client, in the order in which they are to be tried.
    fn candidates(&self, realm: &str, role: &str) -> Result<Vec<(String, Arc<Backend>)>, NotForwarded> {
        let routes = self.routes.read();
        let route = routes.find(realm, role)?;
        Ok(self.in_turn(route, route.next.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Routes {
    fn find(&self, realm: &str, role: &str) -> Result<&Arc<Route>, NotForwarded> {
        if let Some(route) = self.routes.get(&(realm.to_owned(), role.to_owned())) {
            return Ok(route);
        }
        let shown: String = realm.chars().take(64).collect();
        Err(match self.realms.contains(realm) {
            true => {
                let text = format!("no route for role {role:?} of realm {shown:?}");
                refused(uris::NO_SUCH_ROLE, text)
            }
            false => refused(uris::NO_SUCH_REALM, format!("no realm {shown:?} exists on this router")),
        })
    }
}

impl Upstream for Backends {
    fn open(&self, client: Forwarded) -> Forwarding {
        let candidates = self.candidates(&client.realm, &client.authrole);
        Box::pin(async move {
            let client = Arc::new(client);
            let open = |backend: Arc<Backend>| {
                let client = client.clone();
                async move { backend.open(&client).await }
            };
            let opened = first_that_answers(candidates?, open).await;
            let (_, (pipe, session)) = opened.map_err(|refusal| {
                let unreachable = "no router behind this proxy can be reached";
                refusal.unwrap_or_else(|| refused(uris::UNAVAILABLE, unreachable.to_owned()))
            })?;
            let welcome = Welcome { session: session.id, details: session.details };
            Ok(UpstreamSession { pipe, welcome })
        })
    }

    fn ask(&self, question: Question) -> Answering {
        let place = (question.realm.clone(), question.authrole.clone());
        let found = {
            let routes = self.routes.read();
            let route = routes.find(&place.0, &place.1);
            route.map(|route| {
                let candidates = self.in_turn(route, route.next.load(Ordering::Relaxed));
                (self.askers.of(&place), candidates)
            })
        };
        Box::pin(async move {
            let (asker, candidates) = found.map_err(|why| NotAnswered::Failed(why.message))?;
            asker.ask(question, candidates).await
        })
    }
}

fn refused(uri: &str, message: String) -> NotForwarded {
    NotForwarded { uri: uri.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(role: &str, connections: &[&str]) -> config::ProxyRoute {
        let connections = connections.iter().map(ToString::to_string).collect();
        config::ProxyRoute { realm: "realm1".to_owned(), role: role.to_owned(), connections }
    }

    #[test]
    fn connections_of_all_routes_are_used_in_turn() {
        let backends = Backends::default();
        for name in ["one", "two", "three"] {
            backends.add(name.to_owned(), Backend::nowhere());
        }
        backends.set_routes(&[route("user", &["one", "two"]), route("user", &["two", "three"])]);
        let names = || -> Vec<String> {
            let candidates = backends.candidates("realm1", "user").unwrap();
            candidates.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(), ["one", "two", "three"]);
        assert_eq!(names(), ["two", "three", "one"]);
        backends.remove("three");
        assert_eq!(names(), ["one", "two"]);
        let refusal = |realm, role| backends.candidates(realm, role).err().unwrap().uri;
        assert_eq!(refusal("realm1", "admin"), uris::NO_SUCH_ROLE);
        assert_eq!(refusal("realm2", "user"), uris::NO_SUCH_REALM);
        backends.set_routes(&[]);
        assert_eq!(refusal("realm1", "user"), uris::NO_SUCH_REALM);
    }
}
