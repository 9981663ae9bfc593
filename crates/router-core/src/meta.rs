//! The meta API: procedures and events of the realm itself, under `wamp.`.
//!
//! | procedures and events | in |
//! | --- | --- |
//! | `wamp.session.*` but for testaments | [`session`] |
//! | `wamp.session.add_testament`, `flush_testaments` | [`testament`] |
//! | `wamp.subscription.*` but for events | [`subscription`] |
//! | `wamp.subscription.get_events` | [`history`] |
//! | `wamp.registration.*` | [`registration`] |
//!
//! Permissions apply to them as to any other URI. Those that give power over others ([`gives_power`]) need more, and who may
//! not call them gets the answer of a procedure that does not exist. Specification: "Session Meta API", "Subscription Meta
//! API", "Registration Meta API", "Testament", "Event History".

pub(crate) mod arguments;
mod history;
pub(crate) mod registration;
pub(crate) mod session;
pub(crate) mod subscription;
pub(crate) mod testament;

use crossweave_wamp::message::{Event, EventDetails};
use crossweave_wamp::{
    Dict, MatchPolicy, Message, Payload, PublicationId, Serializer, SubscriptionId, Value, uris,
};

use crate::authorization::Disclose;
use crate::boundary::{Outbox, Slot};
use crate::decisions::{self, DecisionFilter};
use crate::limits::RealmLimits;
use crate::realm::Realm;
use crate::refused::Refused;
use arguments::Arguments;

/// URIs under it belong to the router: nobody else registers or publishes them.
const RESERVED: &[u8; 5] = b"wamp.";

/// What takes effect on other sessions.
const POWERS: [&str; 7] = [
    decisions::PURGE,
    "wamp.session.kill",
    "wamp.session.kill_by_authid",
    "wamp.session.kill_by_authrole",
    "wamp.session.kill_all",
    "wamp.subscription.remove_subscriber",
    "wamp.registration.remove_callee",
];

/// What takes effect on the caller at most.
const PROCEDURES: [&str; 18] = [
    "wamp.session.count",
    "wamp.session.list",
    "wamp.session.get",
    "wamp.session.add_testament",
    "wamp.session.flush_testaments",
    "wamp.subscription.get_events",
    "wamp.subscription.list",
    "wamp.subscription.lookup",
    "wamp.subscription.match",
    "wamp.subscription.get",
    "wamp.subscription.list_subscribers",
    "wamp.subscription.count_subscribers",
    "wamp.registration.list",
    "wamp.registration.lookup",
    "wamp.registration.match",
    "wamp.registration.get",
    "wamp.registration.list_callees",
    "wamp.registration.count_callees",
];

/// The topics of the meta API.
pub const META_TOPICS: [&str; 10] = [
    session::ON_JOIN,
    session::ON_LEAVE,
    subscription::ON_CREATE,
    subscription::ON_SUBSCRIBE,
    subscription::ON_UNSUBSCRIBE,
    subscription::ON_DELETE,
    registration::ON_CREATE,
    registration::ON_REGISTER,
    registration::ON_UNREGISTER,
    registration::ON_DELETE,
];

/// The procedures of the meta API.
pub fn meta_procedures() -> impl Iterator<Item = &'static str> {
    POWERS.into_iter().chain(PROCEDURES)
}

/// Whether a URI or the URIs of a pattern are the router's own.
#[inline]
pub(crate) fn is_reserved(uri: &str) -> bool {
    uri.as_bytes().first_chunk() == Some(RESERVED)
}

/// Whether the procedure takes effect on other sessions, so that a rule for everything is not enough to call it.
#[inline]
pub(crate) fn gives_power(procedure: &str) -> bool {
    is_reserved(procedure) && POWERS.contains(&procedure)
}

/// Whether there is a procedure of this name.
pub(crate) fn is_procedure(name: &str) -> bool {
    PROCEDURES.contains(&name) || POWERS.contains(&name)
}

/// What a procedure is called with, if it is short enough to be read while everybody on the realm waits.
pub(crate) fn arguments_of(
    procedure: &str,
    payload: &Payload<'_>,
    limits: &RealmLimits,
) -> Result<Arguments, Refused> {
    let (len, max) = (payload.bytes().len(), limits.meta_payload_bytes_max);
    if len > max {
        let why = format!("arguments have {len} bytes, at most {max} are allowed");
        return Err(Refused::new(uris::PAYLOAD_SIZE_EXCEEDED, why));
    }
    let arguments = Arguments::of(payload);
    // The filters of this one have their own words.
    if procedure != decisions::PURGE {
        arguments.check_names(names(procedure))?;
    }
    Ok(arguments)
}

/// What may be given to a procedure by name.
fn names(procedure: &str) -> &'static [&'static str] {
    match procedure {
        "wamp.session.count" | "wamp.session.list" => &["filter_authroles"],
        "wamp.session.get" => &["session"],
        "wamp.session.kill" => &["session", "reason", "message"],
        "wamp.session.kill_by_authid" => &["authid", "reason", "message"],
        "wamp.session.kill_by_authrole" => &["authrole", "reason", "message"],
        "wamp.session.kill_all" => &["reason", "message"],
        "wamp.session.add_testament" => &["topic", "args", "kwargs", "publish_options", "scope"],
        "wamp.session.flush_testaments" => &["scope"],
        "wamp.subscription.get_events" => &history::NAMES,
        "wamp.subscription.list" | "wamp.registration.list" => &["session_id"],
        "wamp.subscription.lookup" => &["topic", "options"],
        "wamp.subscription.match" => &["topic"],
        "wamp.subscription.remove_subscriber" => &["subscription", "session", "reason"],
        "wamp.registration.lookup" => &["procedure", "options"],
        "wamp.registration.match" => &["procedure"],
        "wamp.registration.remove_callee" => &["registration", "session", "reason"],
        _ if procedure.starts_with("wamp.subscription.") => &["subscription"],
        _ => &["registration"],
    }
}

/// The message that a session must be permitted to send besides calling a procedure: a testament is published in its session's
/// name, and the events of a subscription are those it would have got.
pub(crate) fn effect(
    realm: &Realm,
    procedure: &str,
    arguments: &Arguments,
) -> Result<Option<Message<'static>>, Refused> {
    Ok(match procedure {
        "wamp.session.add_testament" => Some(testament::publication(arguments)?.into()),
        "wamp.subscription.get_events" => Some(history::subscription(realm, arguments)?.into()),
        _ => None,
    })
}

/// Calls a procedure of the realm itself. `disclose` is what the permission of [`effect`] says.
pub(crate) fn call<O: Outbox>(
    realm: &mut Realm,
    caller: Slot,
    procedure: &str,
    arguments: &Arguments,
    disclose: Disclose,
    out: &mut O,
) -> Result<Payload<'static>, Refused> {
    let value = match procedure {
        "wamp.session.count" => session::count(&realm.sessions, arguments)?,
        "wamp.session.list" => session::list(&realm.sessions, arguments, &realm.options.limits)?,
        "wamp.session.get" => session::get(&realm.sessions, arguments)?,
        "wamp.session.kill" => session::kill(realm, caller, arguments, out)?,
        "wamp.session.kill_by_authid" => session::kill_by_authid(realm, caller, arguments, out)?,
        "wamp.session.kill_by_authrole" => session::kill_by_authrole(realm, caller, arguments, out)?,
        "wamp.session.kill_all" => session::kill_all(realm, caller, arguments, out)?,
        "wamp.session.add_testament" => testament::add(realm, caller, arguments, disclose)?,
        "wamp.session.flush_testaments" => testament::flush(realm, caller, arguments)?,
        "wamp.subscription.get_events" => return history::get_events(realm, caller, arguments),
        "wamp.subscription.list" => subscription::list(realm, arguments)?,
        "wamp.subscription.lookup" => subscription::lookup(&realm.broker, arguments)?,
        "wamp.subscription.match" => subscription::matching(&realm.broker, arguments)?,
        "wamp.subscription.get" => subscription::get(&realm.broker, arguments)?,
        "wamp.subscription.list_subscribers" => subscription::list_subscribers(realm, arguments)?,
        "wamp.subscription.count_subscribers" => subscription::count_subscribers(realm, arguments)?,
        "wamp.subscription.remove_subscriber" => subscription::remove_subscriber(realm, arguments, out)?,
        "wamp.registration.list" => registration::list(realm, arguments)?,
        "wamp.registration.lookup" => registration::lookup(&realm.dealer, arguments)?,
        "wamp.registration.match" => registration::matching(&realm.dealer, arguments)?,
        "wamp.registration.get" => registration::get(&realm.dealer, arguments)?,
        "wamp.registration.list_callees" => registration::list_callees(realm, arguments)?,
        "wamp.registration.count_callees" => registration::count_callees(realm, arguments)?,
        "wamp.registration.remove_callee" => registration::remove_callee(realm, arguments, out)?,
        decisions::PURGE => realm.purge_decisions(&DecisionFilter::of(arguments)?).into(),
        _ => return Err(Refused::no_such_procedure(procedure)),
    };
    Ok(result(&[value]))
}

/// A payload of these arguments.
pub(crate) fn result(args: &[Value]) -> Payload<'static> {
    Payload::new(Serializer::Json, args, &Dict::new())
}

/// An event of the realm itself.
pub(crate) fn event(publication: PublicationId, args: &[Value]) -> Event<'static> {
    let (details, payload) = (EventDetails::default(), result(args));
    Event { subscription: SubscriptionId(0), publication, details, payload }
}

/// A list of ids, at most so many.
fn list_of(ids: impl Iterator<Item = u64>, max: usize) -> Result<Value, Refused> {
    let ids: Vec<Value> = ids.map(Value::from).take(max.saturating_add(1)).collect();
    if ids.len() > max { Err(arguments::too_many(max)) } else { Ok(Value::List(ids)) }
}

/// Ids by match policy, in order: what `wamp.subscription.list` and `wamp.registration.list` tell.
fn lists(ids: impl Iterator<Item = (MatchPolicy, u64)>, max: usize) -> Result<Value, Refused> {
    let mut all: Vec<(MatchPolicy, u64)> = ids.take(max + 1).collect();
    if all.len() > max {
        return Err(arguments::too_many(max));
    }
    all.sort_unstable_by_key(|(_, id)| *id);
    let of = |policy: MatchPolicy| -> Value {
        let ids = all.iter().filter(|(it, _)| *it == policy).map(|(_, id)| (*id).into());
        Value::List(ids.collect())
    };
    let dict = Dict::new()
        .with("exact", of(MatchPolicy::Exact))
        .with("prefix", of(MatchPolicy::Prefix))
        .with("wildcard", of(MatchPolicy::Wildcard));
    Ok(dict.into())
}
