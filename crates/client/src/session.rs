//! What WELCOME said.

use crossweave_wamp::features::Roles;
use crossweave_wamp::message::Welcome;
use crossweave_wamp::{Dict, Serializer, SessionId};

/// The facts of an open session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The realm.
    pub realm: String,
    /// Who we are.
    pub authid: Option<String>,
    /// In which role.
    pub authrole: Option<String>,
    /// Proven how.
    pub authmethod: Option<String>,
    /// To whom.
    pub authprovider: Option<String>,
    /// What the router can do: see `broker` and `dealer`.
    pub roles: Roles,
    /// The router's name and version, if it tells.
    pub agent: Option<String>,
    /// The serializer agreed on.
    pub serializer: Serializer,
    /// All details of WELCOME.
    pub details: Dict,
}

impl Session {
    pub(crate) fn new(welcome: Welcome, realm: &str, serializer: Serializer) -> Session {
        let details = welcome.details;
        let text = |key: &str| details.str(key).map(str::to_owned);
        Session {
            id: welcome.session,
            realm: text("realm").unwrap_or_else(|| realm.to_owned()),
            authid: text("authid"),
            authrole: text("authrole"),
            authmethod: text("authmethod"),
            authprovider: text("authprovider"),
            roles: Roles::from_details(&details),
            agent: text("agent"),
            serializer,
            details,
        }
    }
}
