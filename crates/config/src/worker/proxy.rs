//! `"type": "proxy"`: takes the connections of clients and passes their sessions on to routers.

use super::{Siblings, WorkerOptions};
use crate::connecting::ConnectingTransport;
use crate::document::Value;
use crate::reading::{At, Fields, Finding, Reading, Unique, nearest, quoted};
use crate::realm::Realm;
use crate::transport::Transport;

/// A proxy. Crossbar.io does not check its configuration, so unknown keys are warnings.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `connections`: to the routers, by name. Default: none.
    pub connections: Vec<ProxyConnection>,
    /// `routes`: which connections serve which realm and role. Default: none.
    pub routes: Vec<ProxyRoute>,
    /// `transports`: where it listens. Default: nowhere.
    pub transports: Vec<Transport>,
}

/// A way to a router.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyConnection {
    /// Its key in `connections`.
    pub name: String,
    /// `transport`. Needed.
    pub transport: ConnectingTransport,
    /// `realm`: the realm of the router. Default: the one that the client joins.
    pub realm: Option<String>,
    /// `url`: only shown.
    pub url: Option<String>,
    /// `auth`: how the proxy logs in. Default: `anonymous-proxy` on a Unix socket, else `cryptosign-proxy`.
    pub auth: Option<ProxyAuth>,
}

/// `auth` of a connection to a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyAuth {
    /// `anonymous-proxy`: as whoever can reach the socket; on Unix sockets only.
    Anonymous,
    /// `cryptosign-proxy`: with the node's key.
    Cryptosign,
}

/// Which connections serve a realm and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRoute {
    /// The realm; the key in `routes`.
    pub realm: String,
    /// The role; the key below it.
    pub role: String,
    /// The names of the connections, used in turn. At least one.
    pub connections: Vec<String>,
}

impl ProxyWorker {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let options = WorkerOptions::alone(reading, &mut fields);
        let connections = connections(reading, &mut fields);
        let routes = routes(reading, &mut fields, &connections);
        let realms = routed(&routes);
        let mut ids = Unique::new("transport id");
        let list = fields.list(reading, "transports", "a list of transports");
        let (mut apart, disabled) = (Vec::new(), options.disabled.is_some());
        let listeners = if disabled { &mut apart } else { &mut siblings.listeners };
        reading.is_proxy = true;
        let transports: Vec<_> = list
            .into_iter()
            .filter_map(|at| Transport::read(reading, at, &realms, &mut ids, listeners))
            .collect();
        reading.is_proxy = false;
        reading.check_python(&fields.at, options.python.as_ref(), std::iter::empty(), &transports);
        fields.refused(reading, "manhole", "it is a shell into a Python process, and there is none");
        fields.finish_lenient(reading);
        Self { id, options, connections, routes, transports }
    }
}

fn connections(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<ProxyConnection> {
    let Some(fields) = fields.object(reading, "connections", "connections to routers by name") else {
        return Vec::new();
    };
    let mut connections = Vec::new();
    for (entry, at) in fields.named(reading) {
        connections.extend(ProxyConnection::read(reading, &entry.key, at));
    }
    connections
}

impl ProxyConnection {
    pub(crate) fn read(reading: &mut Reading<'_>, name: &str, at: At<'_>) -> Option<Self> {
        let mut fields = reading.object(at, "a connection to a router")?;
        let transport =
            fields.required(reading, "transport").and_then(|at| ConnectingTransport::read(reading, at));
        let auth = fields
            .part(reading, "auth", "how a proxy logs in")
            .and_then(|fields| ProxyAuth::read(reading, fields, transport.as_ref()));
        let (realm, url) = (fields.text(reading, "realm"), fields.text(reading, "url"));
        fields.text(reading, "id");
        fields.finish_lenient(reading);
        Some(Self { name: name.to_owned(), transport: transport?, realm, url, auth })
    }
}

impl ProxyAuth {
    fn read(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
        transport: Option<&ConnectingTransport>,
    ) -> Option<Self> {
        let anonymous = fields.key("anonymous-proxy");
        let cryptosign = fields.key("cryptosign-proxy");
        for key in ["anonymous-proxy", "cryptosign-proxy"] {
            if let Some(fields) = fields.part(reading, key, "an authentication method of a proxy") {
                fields.finish_lenient(reading);
            }
        }
        if let (Some(at), Some(transport)) = (&anonymous, transport)
            && !transport.is_local()
        {
            let message = "`anonymous-proxy` lets in whoever can connect, so it is for Unix sockets only";
            reading.report(at, Finding::error(message).expected("`cryptosign-proxy`"));
        }
        if anonymous.is_none() && cryptosign.is_none() {
            let message = "`auth` of a connection names no method";
            let expected = "`anonymous-proxy` or `cryptosign-proxy`";
            reading.report(&fields.at.start(), Finding::error(message).expected(expected));
        }
        fields.finish(reading);
        match (anonymous, cryptosign) {
            (_, Some(_)) => Some(Self::Cryptosign),
            (Some(_), None) => Some(Self::Anonymous),
            (None, None) => None,
        }
    }
}

fn routes(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    connections: &[ProxyConnection],
) -> Vec<ProxyRoute> {
    let Some(realms) = fields.object(reading, "routes", "routes by realm") else { return Vec::new() };
    let mut routes = Vec::new();
    let known: Vec<String> = connections.iter().map(|connection| connection.name.clone()).collect();
    for (realm, at) in realms.named(reading) {
        routes.extend(ProxyRoute::read(reading, &realm.key, at, &known));
    }
    routes
}

impl ProxyRoute {
    /// What stands below a realm: connections by role. `known` are the names of those that are there.
    pub(crate) fn read(reading: &mut Reading<'_>, realm: &str, at: At<'_>, known: &[String]) -> Vec<Self> {
        let Some(roles) = reading.object(at, "connections by role") else { return Vec::new() };
        let mut routes = Vec::new();
        for (role, at) in roles.named(reading) {
            let names = match at.item.value {
                Value::List(_) => reading.elements(&at, "names of connections"),
                _ => vec![at],
            };
            let connections = names.iter().filter_map(|at| connection(reading, at, known)).collect();
            routes.push(Self { realm: realm.to_owned(), role: role.key.clone(), connections });
        }
        routes
    }
}

fn connection(reading: &mut Reading<'_>, at: &At<'_>, known: &[String]) -> Option<String> {
    let name = reading.text(at)?;
    if !known.contains(&name) {
        let finding = Finding::error(format!("this proxy has no connection {}", quoted(&name)));
        let near = nearest(&name, known.iter().map(String::as_str));
        reading.report(at, finding.expected("a name in `connections`").nearest(near));
    }
    Some(name)
}

/// The realms that clients of a proxy can join, for the checks of authentication.
pub(crate) fn routed(routes: &[ProxyRoute]) -> Vec<Realm> {
    let mut realms: Vec<Realm> = Vec::new();
    for route in routes {
        if !realms.iter().any(|realm| realm.name == route.realm) {
            realms.push(Realm::routed(&route.realm));
        }
        if let Some(realm) = realms.iter_mut().find(|realm| realm.name == route.realm) {
            realm.add_routed_role(&route.role);
        }
    }
    realms
}
