//! The session meta API: what the realm tells about its sessions, as procedures and events of its own.
//!
//! Permissions apply to `wamp.session.*` as to any other URI. Specification: "Session Meta API".

use crossweave_wamp::message::{Event, EventDetails};
use crossweave_wamp::{Dict, Payload, PublicationId, Serializer, SessionId, SubscriptionId, Value, uris};

use crate::boundary::Session;
use crate::refused::Refused;
use crate::session::Sessions;

/// A session has joined: one dict.
pub(crate) const ON_JOIN: &str = "wamp.session.on_join";
/// A session has left: its id, authid and authrole.
pub(crate) const ON_LEAVE: &str = "wamp.session.on_leave";

/// URIs under it belong to the router: nobody else registers or publishes them.
pub(crate) const RESERVED: &[u8; 5] = b"wamp.";

/// Whether a URI or the URIs of a pattern are the router's own.
#[inline]
pub(crate) fn is_reserved(uri: &str) -> bool {
    uri.as_bytes().first_chunk() == Some(RESERVED)
}

/// Calls a procedure of the realm itself.
pub(crate) fn call(
    sessions: &Sessions,
    procedure: &str,
    payload: &Payload<'_>,
) -> Result<Payload<'static>, Refused> {
    let result = match procedure {
        "wamp.session.count" => Value::from(filtered(sessions, payload)?.count()),
        "wamp.session.list" => Value::List(filtered(sessions, payload)?.map(|it| it.id.0.into()).collect()),
        "wamp.session.get" => get(sessions, payload)?.into(),
        _ => return Err(Refused::no_such_procedure(procedure)),
    };
    Ok(Payload::new(Serializer::Json, &[result], &Dict::new()))
}

/// The sessions, or those whose authrole is in the list that is the first argument.
fn filtered<'s>(
    sessions: &'s Sessions,
    payload: &Payload<'_>,
) -> Result<impl Iterator<Item = &'s Session>, Refused> {
    let roles = match payload.args().into_iter().next() {
        None | Some(Value::Null) => None,
        Some(Value::List(roles)) if roles.iter().all(|role| role.as_str().is_some()) => Some(roles),
        Some(_) => return Err(invalid("filter_authroles must be a list of strings")),
    };
    let is_wanted = move |session: &&Session| {
        roles.as_ref().is_none_or(|roles| roles.iter().any(|role| role.as_str() == Some(&*session.authrole)))
    };
    Ok(sessions.iter().map(|peer| &peer.session).filter(is_wanted))
}

fn get(sessions: &Sessions, payload: &Payload<'_>) -> Result<Dict, Refused> {
    let id = payload.args().first().and_then(Value::as_u64).map(SessionId);
    let id = id.ok_or_else(|| invalid("the first argument must be a session id"))?;
    let peer = sessions.slot_of(id).and_then(|slot| sessions.get(slot));
    let peer =
        peer.ok_or_else(|| Refused::new(uris::NO_SUCH_SESSION, format!("no session {id} on this realm")))?;
    Ok(details(&peer.session))
}

fn invalid(why: &'static str) -> Refused {
    Refused::new(uris::INVALID_ARGUMENT, why)
}

fn details(session: &Session) -> Dict {
    Dict::new()
        .with("session", session.id.0)
        .with("authid", &*session.authid)
        .with("authrole", &*session.authrole)
        .with("authmethod", &*session.authmethod)
        .with("authprovider", &*session.authprovider)
        .with("transport", session.transport.clone())
}

/// What [`ON_JOIN`] says.
pub(crate) fn joined(session: &Session) -> Payload<'static> {
    Payload::new(Serializer::Json, &[details(session).into()], &Dict::new())
}

/// What [`ON_LEAVE`] says.
pub(crate) fn left(session: &Session) -> Payload<'static> {
    let args = [session.id.0.into(), (&*session.authid).into(), (&*session.authrole).into()];
    Payload::new(Serializer::Json, &args, &Dict::new())
}

/// An event of the realm itself.
pub(crate) fn event(publication: PublicationId, payload: Payload<'_>) -> Event<'_> {
    Event { subscription: SubscriptionId(0), publication, details: EventDetails::default(), payload }
}
