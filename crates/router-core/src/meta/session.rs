//! `wamp.session.*`: who is on the realm, and closing sessions of others. Specification: "Session Meta API".

use crossweave_wamp::message::Goodbye;
use crossweave_wamp::{Dict, SessionId, Value, uris};

use super::arguments::{Arguments, invalid};
use super::list_of;
use crate::boundary::{Outbox, Session, Slot};
use crate::limits::RealmLimits;
use crate::realm::Realm;
use crate::realm::leaving::Notice;
use crate::refused::Refused;
use crate::session::Sessions;

/// A session has joined: one dict.
pub(crate) const ON_JOIN: &str = "wamp.session.on_join";
/// A session has left: its id, authid and authrole.
pub(crate) const ON_LEAVE: &str = "wamp.session.on_leave";

/// How many sessions there are, of certain roles if the first argument names some.
pub(super) fn count(sessions: &Sessions, arguments: &Arguments) -> Result<Value, Refused> {
    if arguments.get(0, "filter_authroles").is_none() {
        return Ok(sessions.len().into());
    }
    Ok(filtered(sessions, arguments)?.count().into())
}

pub(super) fn list(
    sessions: &Sessions,
    arguments: &Arguments,
    limits: &RealmLimits,
) -> Result<Value, Refused> {
    list_of(filtered(sessions, arguments)?.map(|it| it.id.0), limits.meta_list_max)
}

/// The sessions, or those whose authrole is in the list that is the first argument.
fn filtered<'s>(
    sessions: &'s Sessions,
    arguments: &Arguments,
) -> Result<impl Iterator<Item = &'s Session>, Refused> {
    let roles = match arguments.get(0, "filter_authroles") {
        None => None,
        Some(Value::List(roles)) if roles.iter().all(|role| role.as_str().is_some()) => Some(roles.clone()),
        Some(_) => return Err(invalid("filter_authroles must be a list of strings".into())),
    };
    let is_wanted = move |session: &&Session| {
        roles.as_ref().is_none_or(|roles| roles.iter().any(|role| role.as_str() == Some(&*session.authrole)))
    };
    Ok(sessions.iter().map(|peer| &peer.session).filter(is_wanted))
}

pub(super) fn get(sessions: &Sessions, arguments: &Arguments) -> Result<Value, Refused> {
    let id = SessionId(arguments.id(0, "session")?);
    let peer = sessions.slot_of(id).and_then(|slot| sessions.get(slot));
    Ok(details(&peer.ok_or_else(|| no_such_session(id))?.session).into())
}

#[cold]
pub(super) fn no_such_session(id: SessionId) -> Refused {
    Refused::new(uris::NO_SUCH_SESSION, format!("no session {id} on this realm"))
}

/// What [`ON_JOIN`] and `wamp.session.get` say.
pub(crate) fn details(session: &Session) -> Dict {
    Dict::new()
        .with("session", session.id.0)
        .with("authid", &*session.authid)
        .with("authrole", &*session.authrole)
        .with("authmethod", &*session.authmethod)
        .with("authprovider", &*session.authprovider)
        .with("transport", session.transport.clone())
}

/// What [`ON_LEAVE`] says.
pub(crate) fn left(session: &Session) -> [Value; 3] {
    [session.id.0.into(), (&*session.authid).into(), (&*session.authrole).into()]
}

/// Closes another session; its id is the first argument.
pub(super) fn kill<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let id = SessionId(arguments.id(0, "session")?);
    let goodbye = goodbye(arguments, 1)?;
    let slot = realm.sessions.slot_of(id).ok_or_else(|| no_such_session(id))?;
    if slot == caller {
        let why = "a session does not kill itself: this is the caller's own, which ends by GOODBYE";
        return Err(Refused::new(uris::NO_SUCH_SESSION, why.to_owned()));
    }
    realm.kill(slot, goodbye, Notice::Given, out);
    Ok(1.into())
}

/// Closes the other sessions of an authid, and says which.
pub(super) fn kill_by_authid<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let authid = arguments.text(0, "authid")?;
    let goodbye = goodbye(arguments, 1)?;
    let is_meant = |session: &Session| &*session.authid == authid;
    let killed = kill_where(realm, caller, &goodbye, Notice::Given, is_meant, out);
    Ok(Value::List(killed.into_iter().map(|id| id.0.into()).collect()))
}

/// Closes the other sessions of an authrole, and says how many.
pub(super) fn kill_by_authrole<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let authrole = arguments.text(0, "authrole")?;
    let goodbye = goodbye(arguments, 1)?;
    let is_meant = |session: &Session| &*session.authrole == authrole;
    Ok(kill_where(realm, caller, &goodbye, Notice::Given, is_meant, out).len().into())
}

/// Closes all other sessions without a word to anybody else, and says how many.
pub(super) fn kill_all<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let goodbye = goodbye(arguments, 0)?;
    Ok(kill_where(realm, caller, &goodbye, Notice::None, |_| true, out).len().into())
}

/// Closes the other sessions that are meant, and says which they were.
fn kill_where<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    goodbye: &Goodbye,
    notice: Notice,
    is_meant: impl Fn(&Session) -> bool,
    out: &mut O,
) -> Vec<SessionId> {
    let is_meant = |(slot, session): &(Slot, &Session)| *slot != caller && is_meant(session);
    let meant = realm.sessions().filter(is_meant).map(|(slot, session)| (slot, session.id));
    let meant: Vec<(Slot, SessionId)> = meant.collect();
    for (slot, _) in &meant {
        realm.kill(*slot, goodbye.clone(), notice, out);
    }
    meant.into_iter().map(|(_, id)| id).collect()
}

/// What the session is told: `reason` and `message` by name, or from a place on.
fn goodbye(arguments: &Arguments, at: usize) -> Result<Goodbye, Refused> {
    let mut goodbye = Goodbye::new(arguments.reason(at)?.unwrap_or(uris::CLOSE_NORMAL));
    if let Some(message) = arguments.optional_text(at + 1, "message")? {
        goodbye.details.insert("message", message);
    }
    Ok(goodbye)
}
