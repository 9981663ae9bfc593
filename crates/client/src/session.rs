//! What WELCOME said.

use crossweave_wamp::features::Roles;
use crossweave_wamp::message::Welcome;
use crossweave_wamp::{Dict, Serializer, SessionId, Value};

use crate::resume::Offer;

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
    /// Whether it is an earlier session that goes on: see [`Resume`](crate::Resume).
    pub is_resumed: bool,
    /// Events that it has missed for good since its connection was lost.
    pub missed: u64,
    /// All details of WELCOME, but for the token of a later resumption.
    pub details: Dict,
    /// How it can be resumed.
    pub(crate) offer: Option<Offer>,
}

impl Session {
    pub(crate) fn new(welcome: Welcome, realm: &str, serializer: Serializer) -> Session {
        let mut details = welcome.details;
        let offer = Offer::take_from(&mut details);
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
            is_resumed: details.get("resumed").and_then(Value::as_bool).unwrap_or(false),
            missed: details.get("missed").and_then(Value::as_u64).unwrap_or(0),
            details,
            offer,
        }
    }

    /// Messages that the router has received in a session that goes on.
    pub(crate) fn received(&self) -> Option<u64> {
        self.details.get("received").and_then(Value::as_u64)
    }
}
