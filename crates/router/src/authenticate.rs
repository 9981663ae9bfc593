//! Decides who a HELLO comes from, and composes its WELCOME.

use std::sync::Arc;

use crossweave_router_core::boundary::Session;
use crossweave_transport::PeerAddress;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Abort, Hello, Welcome};
use crossweave_wamp::{Dict, uris};

use crate::options::Authentication;
use crate::peer::Wire;
use crate::realm::RealmCell;
use crate::router::Shared;

/// The name in WELCOME's `agent`.
pub(crate) const AGENT: &str = concat!("Crossweave/", env!("CARGO_PKG_VERSION"));

/// A session that may join.
pub(crate) struct Admittance {
    pub(crate) realm: Arc<RealmCell>,
    pub(crate) session: Box<Session>,
    pub(crate) welcome: Box<Welcome>,
}

/// What is known of a connection when its HELLO comes.
pub(crate) struct Caller<'a> {
    pub(crate) address: &'a PeerAddress,
    pub(crate) wire: Wire,
    pub(crate) is_websocket: bool,
    pub(crate) is_tls: bool,
}

/// Decides on a HELLO. The texts of a refusal are for clients.
pub(crate) fn decide(
    shared: &Shared,
    authentication: &Authentication,
    hello: &Hello,
    caller: &Caller<'_>,
) -> Result<Admittance, Abort> {
    let roles = Roles::from_details(&hello.details);
    if roles == Roles::default() {
        return Err(Abort::new(uris::PROTOCOL_VIOLATION, "HELLO announces no role in details.roles"));
    }
    let (method, authrole, authid) = match authentication {
        Authentication::Anonymous { authrole, authid } => {
            let methods = hello.authmethods();
            if !methods.is_empty() && !methods.contains(&"anonymous") {
                let offered = excerpt(&methods.join(", "));
                let text = format!(
                    "none of the offered authentication methods ({offered}) is configured: use anonymous"
                );
                return Err(Abort::new(uris::NO_MATCHING_AUTH_METHOD, text));
            }
            ("anonymous", authrole, authid.clone())
        }
        Authentication::Trusted { authrole, authid } => ("trusted", authrole, Some(authid.clone())),
    };
    let realm = find_realm(shared, hello)?;
    if realm.is_closing() {
        return Err(Abort::new(uris::SYSTEM_SHUTDOWN, "the router shuts down"));
    }
    if !realm.has_role(authrole) {
        let text = format!("role {authrole:?} does not exist on realm {:?}", realm.name());
        return Err(Abort::new(uris::NO_SUCH_ROLE, text));
    }
    let id = realm.new_session_id().map_err(|_| no_such_realm(realm.name()))?;
    let session = Session {
        id,
        authid: authid.unwrap_or_else(random_authid),
        authrole: authrole.clone(),
        authmethod: method.into(),
        authprovider: "static".into(),
        roles,
        authextra: Dict::new(),
        transport: transport(caller),
    };
    let welcome = Welcome { session: id, details: details(&realm, &session) };
    Ok(Admittance { realm, session: Box::new(session), welcome: Box::new(welcome) })
}

fn find_realm(shared: &Shared, hello: &Hello) -> Result<Arc<RealmCell>, Abort> {
    let Some(name) = hello.realm.as_deref().filter(|name| !name.is_empty()) else {
        return Err(Abort::new(uris::NO_SUCH_REALM, "HELLO names no realm"));
    };
    shared.realm(name).ok_or_else(|| no_such_realm(name))
}

fn no_such_realm(name: &str) -> Abort {
    Abort::new(uris::NO_SUCH_REALM, format!("no realm {:?} exists on this router", excerpt(name)))
}

/// The beginning of a text that is the peer's, so that it gets back less than it sends.
fn excerpt(text: &str) -> String {
    const LEN: usize = 64;
    match text.char_indices().nth(LEN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn details(realm: &RealmCell, session: &Session) -> Dict {
    Dict::new()
        .with("realm", realm.name().to_string())
        .with("authid", session.authid.to_string())
        .with("authrole", session.authrole.to_string())
        .with("authmethod", session.authmethod.to_string())
        .with("authprovider", session.authprovider.to_string())
        .with("agent", AGENT)
        .with("roles", Roles::router().to_dict())
}

fn transport(caller: &Caller<'_>) -> Dict {
    let kind = match caller.address {
        PeerAddress::Memory => "memory",
        PeerAddress::Unix { .. } => "unix",
        PeerAddress::Tcp(_) if caller.is_tls => "tls",
        PeerAddress::Tcp(_) => "tcp",
    };
    Dict::new()
        .with("channel_type", kind)
        .with("channel_framing", if caller.is_websocket { "websocket" } else { "rawsocket" })
        .with("channel_serializer", caller.wire.serializer.name())
        .with("peer", caller.address.to_string())
        .with("is_secure", caller.is_tls)
}

/// An authid such as `K3J4-QRTV-9XMN-W7PA`, 80 random bits in letters and digits that are not mistaken for each other.
fn random_authid() -> Arc<str> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ34567892";
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    let letters: Vec<u8> = random.iter().map(|byte| LETTERS[usize::from(byte & 31)]).collect();
    let groups: Vec<&str> =
        letters.chunks(4).map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join("-").into()
}
