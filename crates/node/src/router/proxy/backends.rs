//! The routers behind a proxy, and which of them a client's session goes to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossweave_client::{
    Auth, ConnectError, JoinError, Options, Pipe, PrivateKey, Reconnect, Session, WampError, uris,
};
use crossweave_config as config;
use crossweave_config::{ConnectingEndpoint, ProxyAuth};
use crossweave_router::{Forwarded, Forwarding, NotForwarded, Upstream, UpstreamSession};
use crossweave_wamp::Dict;
use crossweave_wamp::message::Welcome;
use parking_lot::RwLock;
use tracing::{debug, info, warn};

use crate::component::{client_options, url};

/// A router behind the proxy.
pub(super) struct Backend {
    url: String,
    /// The realm there, if it is not the one that clients ask for.
    realm: Option<String>,
    options: Options,
    /// It could not be reached when it was tried last, which is told once.
    is_down: AtomicBool,
}

/// All of them, and the routes to them.
#[derive(Default)]
pub(super) struct Backends {
    backends: RwLock<HashMap<String, Arc<Backend>>>,
    routes: RwLock<Routes>,
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

impl Backend {
    /// # Errors
    /// It cannot be connected to like this.
    pub(super) fn new(connection: &config::ProxyConnection, key: PrivateKey) -> Result<Backend, String> {
        let transport = &connection.transport;
        let options = client_options(transport, None)?;
        let is_anonymous = match connection.auth {
            Some(auth) => auth == ProxyAuth::Anonymous,
            None => transport.is_local(),
        };
        let auth = match is_anonymous {
            true => Auth::AnonymousProxy,
            false => Auth::CryptosignProxy { authid: None, key },
        };
        let seconds = match &transport.endpoint {
            ConnectingEndpoint::Tcp(tcp) => tcp.timeout,
            ConnectingEndpoint::Unix { timeout, .. } => *timeout,
        };
        let connect_timeout = match seconds {
            0 => options.connect_timeout,
            seconds => Duration::from_secs(seconds.into()),
        };
        let serializers = super::super::links::serializers(transport);
        let options = Options { auth, serializers, connect_timeout, reconnect: Reconnect::Off, ..options };
        let (url, realm) = (url(transport)?, connection.realm.clone());
        Ok(Backend { url, realm, options, is_down: AtomicBool::new(false) })
    }

    /// Opens a session for a client, whose proxy says who it is.
    async fn open(&self, client: &Forwarded) -> Result<(Pipe, Session), ConnectError> {
        let realm = self.realm.as_deref().unwrap_or(&client.realm);
        let authextra = Dict::new()
            .with("proxy_realm", realm)
            .with("proxy_authid", &*client.authid)
            .with("proxy_authrole", &*client.authrole)
            .with("proxy_authmethod", client.authmethod)
            .with("proxy_authprovider", client.authprovider)
            .with("proxy_authextra", client.authextra.clone())
            .with("transport", client.transport.clone());
        let options = Options { authextra, ..self.options.clone() };
        Pipe::open(&self.url, realm, client.roles.clone(), &options).await
    }

    /// Notes whether it can be reached, and tells what is new.
    fn note(&self, name: &str, failure: Option<&ConnectError>) {
        let was_down = self.is_down.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_down => warn!(connection = name, "{error}"),
            Some(error) => debug!(connection = name, "{error}"),
            None if was_down => info!(connection = name, "the router can be reached again"),
            None => {}
        }
    }
}

impl Backends {
    pub(super) fn add(&self, name: String, backend: Backend) {
        self.backends.write().insert(name, Arc::new(backend));
    }

    pub(super) fn remove(&self, name: &str) {
        self.backends.write().remove(name);
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
        *self.routes.write() = Routes { realms, routes };
    }

    /// The routers for a client, in the order in which they are to be tried.
    fn candidates(&self, client: &Forwarded) -> Result<Vec<(String, Arc<Backend>)>, NotForwarded> {
        let routes = self.routes.read();
        let Some(route) = routes.routes.get(&(client.realm.clone(), client.authrole.to_string())) else {
            let realm: String = client.realm.chars().take(64).collect();
            return Err(match routes.realms.contains(&client.realm) {
                true => {
                    let text = format!("no route for role {:?} of realm {realm:?}", client.authrole);
                    refused(uris::NO_SUCH_ROLE, text)
                }
                false => refused(uris::NO_SUCH_REALM, format!("no realm {realm:?} exists on this router")),
            });
        };
        let len = route.connections.len();
        let first = route.next.fetch_add(1, Ordering::Relaxed);
        let backends = self.backends.read();
        let in_turn = (0..len).map(|at| &route.connections[(first.wrapping_add(at)) % len]);
        Ok(in_turn.filter_map(|name| Some((name.clone(), backends.get(name)?.clone()))).collect())
    }
}

impl Upstream for Backends {
    fn open(&self, client: Forwarded) -> Forwarding {
        let candidates = self.candidates(&client);
        Box::pin(async move {
            for (name, backend) in candidates? {
                let opened = backend.open(&client).await;
                let refusal = opened.as_ref().err().and_then(for_the_client);
                backend.note(&name, opened.as_ref().err().filter(|_| refusal.is_none()));
                match opened {
                    Ok((pipe, session)) => {
                        let welcome = Welcome { session: session.id, details: session.details };
                        return Ok(UpstreamSession { pipe, welcome });
                    }
                    Err(_) => {
                        if let Some(refusal) = refusal {
                            return Err(refusal);
                        }
                    }
                }
            }
            Err(refused(uris::UNAVAILABLE, "no router behind this proxy can be reached".to_owned()))
        })
    }
}

fn refused(uri: &str, message: String) -> NotForwarded {
    NotForwarded { uri: uri.to_owned(), message }
}

/// What a router says about the client rather than about the proxy.
fn for_the_client(error: &ConnectError) -> Option<NotForwarded> {
    let ConnectError::Join { cause: JoinError::Refused(WampError { uri, args, .. }), .. } = error else {
        return None;
    };
    let is_about_it = [uris::NO_SUCH_REALM, uris::NO_SUCH_ROLE].contains(&uri.as_str());
    let text = args.first().and_then(|text| text.as_str()).unwrap_or("the router has refused");
    is_about_it.then(|| refused(uri, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(role: &str, connections: &[&str]) -> config::ProxyRoute {
        let connections = connections.iter().map(ToString::to_string).collect();
        config::ProxyRoute { realm: "realm1".to_owned(), role: role.to_owned(), connections }
    }

    fn client(realm: &str, role: &str) -> Forwarded {
        Forwarded {
            realm: realm.to_owned(),
            authid: "joe".into(),
            authrole: role.into(),
            authmethod: "anonymous",
            authprovider: "static",
            authextra: Dict::new(),
            roles: Dict::new(),
            transport: Dict::new(),
        }
    }

    #[test]
    fn connections_of_all_routes_are_used_in_turn() {
        let backends = Backends::default();
        for name in ["one", "two", "three"] {
            let options = Options::default();
            let is_down = AtomicBool::new(false);
            let backend = Backend { url: name.to_owned(), realm: None, options, is_down };
            backends.add(name.to_owned(), backend);
        }
        backends.set_routes(&[route("user", &["one", "two"]), route("user", &["two", "three"])]);
        let names = || -> Vec<String> {
            let candidates = backends.candidates(&client("realm1", "user")).unwrap();
            candidates.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(), ["one", "two", "three"]);
        assert_eq!(names(), ["two", "three", "one"]);
        backends.remove("three");
        assert_eq!(names(), ["one", "two"]);
        let refusal = |realm, role| backends.candidates(&client(realm, role)).err().unwrap().uri;
        assert_eq!(refusal("realm1", "admin"), uris::NO_SUCH_ROLE);
        assert_eq!(refusal("realm2", "user"), uris::NO_SUCH_REALM);
        backends.set_routes(&[]);
        assert_eq!(refusal("realm1", "user"), uris::NO_SUCH_REALM);
    }
}
