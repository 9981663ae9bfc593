//! `wamp.registration.*`: what is registered and by whom. Specification: "Registration Meta API".

use crossweave_wamp::{Dict, RegistrationId, SessionId, Value, uris};

use super::arguments::Arguments;
use super::{list_of, lists, session};
use crate::boundary::{Outbox, Slot};
use crate::clock::rfc3339;
use crate::dealer::{Dealer, Registration};
use crate::realm::Realm;
use crate::refused::Refused;

/// A procedure or pattern has its first callee: the session, and the registration's details.
pub(crate) const ON_CREATE: &str = "wamp.registration.on_create";
/// A session has registered: its id and the registration's.
pub(crate) const ON_REGISTER: &str = "wamp.registration.on_register";
/// A session is no longer a callee: its id and the registration's.
pub(crate) const ON_UNREGISTER: &str = "wamp.registration.on_unregister";
/// That was the last one: its id and the registration's.
pub(crate) const ON_DELETE: &str = "wamp.registration.on_delete";

/// What [`ON_CREATE`] and `wamp.registration.get` say.
pub(crate) fn details(registration: &Registration) -> Dict {
    Dict::new()
        .with("id", registration.id.0)
        .with("created", rfc3339(registration.created_ms))
        .with("uri", &*registration.uri)
        .with("match", registration.policy.as_str())
        .with("invoke", registration.invoke.as_str())
}

/// Ids by match policy; of one session, if the first argument names it.
pub(super) fn list(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    let max = realm.options.limits.meta_list_max;
    let listed = |it: &Registration| (it.policy, it.id.0);
    let Some(id) = arguments.optional_session(0)? else {
        return lists(realm.dealer.iter().map(listed), max);
    };
    let peer = realm.sessions.slot_of(id).and_then(|slot| realm.sessions.get(slot));
    let peer = peer.ok_or_else(|| session::no_such_session(id))?;
    lists(peer.registrations.keys().filter_map(|id| realm.dealer.by_id(*id)).map(listed), max)
}

/// The id of the registration of exactly this procedure, or pattern if the options say so.
pub(super) fn lookup(dealer: &Dealer, arguments: &Arguments) -> Result<Value, Refused> {
    let (procedure, policy) = (arguments.text(0, "procedure")?, arguments.match_policy(1)?);
    Ok(dealer.of_pattern(policy, procedure).map(|it| it.id.0).into())
}

/// The id of the registration that a call of the procedure would go to.
pub(super) fn matching(dealer: &Dealer, arguments: &Arguments) -> Result<Value, Refused> {
    Ok(dealer.matching(arguments.text(0, "procedure")?).map(|it| it.id.0).into())
}

pub(super) fn get(dealer: &Dealer, arguments: &Arguments) -> Result<Value, Refused> {
    Ok(details(find(dealer, arguments)?).into())
}

fn find<'d>(dealer: &'d Dealer, arguments: &Arguments) -> Result<&'d Registration, Refused> {
    let id = RegistrationId(arguments.id(0, "registration")?);
    dealer.by_id(id).ok_or_else(|| {
        Refused::new(uris::NO_SUCH_REGISTRATION, format!("no registration {id} on this realm"))
    })
}

pub(super) fn list_callees(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    let registration = find(&realm.dealer, arguments)?;
    list_of(callees(realm, registration).map(|(_, id)| id.0), realm.options.limits.meta_list_max)
}

pub(super) fn count_callees(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    Ok(callees(realm, find(&realm.dealer, arguments)?).count().into())
}

/// The callees that are still on the realm.
fn callees<'r>(
    realm: &'r Realm,
    registration: &'r Registration,
) -> impl Iterator<Item = (Slot, SessionId)> + 'r {
    let of = |slot: Slot| realm.sessions.get(slot).map(|peer| (slot, peer.session.id));
    registration.callees.iter().filter_map(move |callee| of(callee.slot))
}

/// Ends the registration of another session: ids of the registration and the session, and a reason.
pub(super) fn remove_callee<O: Outbox>(
    realm: &mut Realm,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let id = find(&realm.dealer, arguments)?.id;
    let session = SessionId(arguments.id(1, "session")?);
    let reason = arguments.optional_text(2, "reason")?.map(str::to_owned);
    let slot = realm.sessions.slot_of(session).ok_or_else(|| session::no_such_session(session))?;
    if !realm.sessions.sender(slot).registrations.contains_key(&id) {
        let why = format!("session {session} has no registration {id}");
        return Err(Refused::new(uris::NO_SUCH_SESSION, why));
    }
    realm.revoke_registration(slot, id, reason.as_deref(), out);
    Ok(Value::Null)
}
