//! Lets an authenticated client into its realm, and composes its WELCOME.

use std::sync::Arc;

use crossweave_router_core::boundary::Session;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Abort, Hello, Welcome};
use crossweave_wamp::{AuthMethod, Dict, uris};

use super::{Caller, Grant, Refusal, excerpt, random};
use crate::internal::TRUSTED;
use crate::realm::RealmCell;
use crate::router::Shared;

/// The name in WELCOME's `agent`.
const AGENT: &str = concat!("Crossweave/", env!("CARGO_PKG_VERSION"));

/// A session that may join.
pub(crate) struct Admittance {
    pub(crate) realm: Arc<RealmCell>,
    pub(crate) session: Box<Session>,
    pub(crate) welcome: Box<Welcome>,
    /// How its client has proven who it is.
    pub(crate) proof: Option<AuthMethod>,
}

/// The grant of a part of this program.
pub(crate) fn trusted(hello: &Hello, authrole: &Arc<str>, authid: &Arc<str>) -> Grant {
    Grant {
        authid: authid.clone(),
        authrole: authrole.clone(),
        method: TRUSTED,
        proof: None,
        provider: "static",
        realm: hello.realm.clone(),
        authextra: Dict::new(),
        session: None,
        questions: 0,
        said: None,
        behind_proxy: None,
        shown_method: None,
    }
}

/// Lets it in. The texts of a refusal are for clients.
pub(crate) fn admit(
    shared: &Shared,
    roles: Roles,
    caller: &Caller,
    grant: Grant,
) -> Result<Admittance, Refusal> {
    let realm = find_realm(shared, &grant)?;
    if realm.is_closing() {
        return Err(Abort::new(uris::SYSTEM_SHUTDOWN, "the router shuts down").into());
    }
    check_role(&realm, &grant)?;
    let id = match grant.session {
        Some(id) => id,
        None => realm.new_session_id().map_err(|_| no_such_realm(realm.name()))?,
    };
    let session = Session {
        id,
        authid: grant.authid,
        authrole: grant.authrole,
        authmethod: grant.shown_method.unwrap_or_else(|| grant.method.into()),
        authprovider: grant.provider.into(),
        roles,
        authextra: grant.authextra,
        transport: caller.transport(),
    };
    let welcome = Welcome { session: id, details: details(&realm, &session) };
    let proof = grant.proof;
    Ok(Admittance { realm, session: Box::new(session), welcome: Box::new(welcome), proof })
}

/// Whether the role exists, and is for clients that have proven themselves in this way.
fn check_role(realm: &RealmCell, grant: &Grant) -> Result<(), Refusal> {
    // Whatever a configuration or an authenticator says, nobody from outside becomes the router itself.
    let admits = match &*grant.authrole {
        TRUSTED if grant.method != TRUSTED => None,
        authrole => realm.admits(authrole, grant.proof),
    };
    judge(realm.name(), grant, admits)
}

/// What comes of it that a role of the realm is given to the client, or not, or is not there (none).
fn judge(realm: &str, grant: &Grant, admits: Option<bool>) -> Result<(), Refusal> {
    let Grant { authid, authrole, method, proof, .. } = grant;
    // A part of this program proves nothing.
    let is_own = *method == TRUSTED;
    match admits {
        Some(admits) if admits || is_own => Ok(()),
        Some(_) => {
            let shown = proof.map_or("no known method", AuthMethod::name);
            let cause = format!("role {authrole:?} is not given to who has proven itself by {shown}");
            Err(Refusal::unproven(method, Some(authid), cause))
        }
        None => {
            let text = format!("role {authrole:?} does not exist on realm {realm:?}");
            Err(Abort::new(uris::NO_SUCH_ROLE, text).into())
        }
    }
}

fn find_realm(shared: &Shared, grant: &Grant) -> Result<Arc<RealmCell>, Refusal> {
    let Some(name) = grant.realm.as_deref().filter(|name| !name.is_empty()) else {
        return Err(Abort::new(uris::NO_SUCH_REALM, "HELLO names no realm").into());
    };
    if let Some(realm) = shared.realm_that_is_up(name) {
        return Ok(realm);
    }
    // One that went down is not started afresh for a client that it would not let in.
    if grant.method != TRUSTED
        && let Some(admits) = shared.would_admit_afresh(name, &grant.authrole, grant.proof)
    {
        judge(name, grant, admits)?;
    }
    shared.realm(name).ok_or_else(|| no_such_realm(name).into())
}

fn no_such_realm(name: &str) -> Abort {
    Abort::new(uris::NO_SUCH_REALM, format!("no realm {:?} exists on this router", excerpt(name)))
}

fn details(realm: &RealmCell, session: &Session) -> Dict {
    let details = Dict::new()
        .with("realm", realm.name().to_string())
        .with("authid", session.authid.to_string())
        .with("authrole", session.authrole.to_string())
        .with("authmethod", session.authmethod.to_string())
        .with("authprovider", session.authprovider.to_string())
        .with("agent", AGENT)
        .with("roles", realm.announced().to_dict());
    match session.authextra.is_empty() {
        true => details,
        false => details.with("authextra", session.authextra.clone()),
    }
}

/// An authid such as `K3J4-QRTV-9XMN-W7PA`, 80 random bits in letters and digits that are not mistaken for each other.
pub(super) fn random_authid() -> Arc<str> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ34567892";
    let letters: Vec<u8> = random::<16>().iter().map(|byte| LETTERS[usize::from(byte & 31)]).collect();
    let groups: Vec<&str> =
        letters.chunks(4).map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join("-").into()
}
