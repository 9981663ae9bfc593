//! What works better here than in Crossbar.io, of what a node uses.

use crossweave_config::{Auth, Endpoint, Matching, Method, Node, Realm, RouterWorker, Tls, Worker};

/// A test of a node, and the sentence if it is passed.
type Advantage = (fn(&Node) -> bool, &'static str);

const ADVANTAGES: &[Advantage] = &[
    (
        |node| routers(node).next().is_some(),
        "a client that reads too slowly costs at most `max_queue_bytes`, and not the router's memory",
    ),
    (
        |node| realms(node).next().is_some(),
        "a call that times out or is cancelled gives its place back, and its caller always gets an answer",
    ),
    (
        |node| realms(node).any(|realm| has_patterns(realm, Matching::Prefix)),
        "an exact permission does not hide a prefix that matches too",
    ),
    (
        |node| realms(node).any(|realm| has_patterns(realm, Matching::Wildcard)),
        "several wildcard permissions may begin with the same components",
    ),
    (
        |node| realms(node).any(|realm| realm.roles.iter().any(|role| role.authorizer.is_some())),
        "what an authorizer lets be remembered holds for one session, and not for all of its role",
    ),
    (
        |node| realms(node).any(|realm| realm.store.as_ref().is_some_and(|it| !it.event_history.is_empty())),
        "an event is in the history once, and also if nobody was subscribed; `sqlite` keeps it over restarts",
    ),
    (
        |node| realms(node).any(|realm| realm.store.is_some()),
        "calls wait where `call-queue` says so, and as many as it says",
    ),
    (
        |node| tls(node).next().is_some(),
        "certificates are read again on SIGHUP, without closing a connection",
    ),
    (|node| tls(node).any(|tls| !tls.certificates.is_empty()), "there may be certificates for several names"),
    (|node| tcp_version_6(node), "TLS is there on IPv6, too"),
    (
        |node| auths(node).any(|auth| auth.ticket.is_some() || auth.wampcra.is_some()),
        "tickets and secrets are compared in constant time and never logged",
    ),
    (
        |node| auths(node).any(asks_a_procedure),
        "nobody finds out by a dynamic authenticator who exists: its errors are in the log; \
         with `\"pass-errors\": true` of the method clients are told them, as by Crossbar.io",
    ),
    (
        |node| auths(node).any(|auth| auth.cookie),
        "cookies expire in the router as well, and are stored as hashes",
    ),
];

pub(super) fn advantages(node: &Node) -> Vec<&'static str> {
    ADVANTAGES.iter().filter(|(is_used, _)| is_used(node)).map(|(_, sentence)| *sentence).collect()
}

fn routers(node: &Node) -> impl Iterator<Item = &RouterWorker> {
    node.workers.iter().filter_map(Worker::as_router)
}

fn realms(node: &Node) -> impl Iterator<Item = &Realm> {
    routers(node).flat_map(|router| &router.realms)
}

fn has_patterns(realm: &Realm, matching: Matching) -> bool {
    let of_role = realm.roles.iter().map(|role| {
        let several = role.permissions.len() > 1;
        several && role.permissions.iter().any(|permission| permission.matching == matching)
    });
    of_role.into_iter().any(|has| has)
}

fn endpoints(node: &Node) -> impl Iterator<Item = &Endpoint> {
    routers(node).flat_map(|router| &router.transports).map(|transport| &transport.endpoint)
}

fn tls(node: &Node) -> impl Iterator<Item = &Tls> {
    endpoints(node).filter_map(|endpoint| match endpoint {
        Endpoint::Tcp(tcp) => tcp.tls.as_ref(),
        Endpoint::Unix(_) => None,
    })
}

fn tcp_version_6(node: &Node) -> bool {
    endpoints(node).any(|endpoint| match endpoint {
        Endpoint::Tcp(tcp) => tcp.version == crossweave_config::IpVersion::V6 && tcp.tls.is_some(),
        Endpoint::Unix(_) => false,
    })
}

fn asks_a_procedure(auth: &Auth) -> bool {
    fn is_dynamic<C>(method: Option<&Method<C>>) -> bool {
        matches!(method, Some(Method::Dynamic(_)))
    }
    let Auth { anonymous, ticket, wampcra, scram, cryptosign, tls, .. } = auth;
    is_dynamic(anonymous.as_ref())
        || is_dynamic(ticket.as_ref())
        || is_dynamic(wampcra.as_ref())
        || is_dynamic(scram.as_ref())
        || is_dynamic(cryptosign.as_ref())
        || is_dynamic(tls.as_ref())
}

fn auths(node: &Node) -> impl Iterator<Item = &Auth> {
    routers(node).flat_map(|router| &router.transports).flat_map(|transport| transport.auths())
}
