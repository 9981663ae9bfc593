//! `wamp.subscription.get_events`: what was published to a subscription before. Specification: "Event History".
//!
//! Two forms are served. The specification's has its filters as keyword arguments, and its answer is one argument per event,
//! oldest first. Crossbar.io's has the number of events as second argument, and its answer is one list, newest first; it is
//! what users of Autobahn wrote. A call with the subscription alone is the specification's.
//!
//! If a publication that the filters name is not kept (any more), it is left out of them, and the answer says `missed`: who asks
//! for what came after the last event that it has must not take "nothing is left of it" for "nothing happened".

use std::str::FromStr;

use crossweave_wamp::message::{Subscribe, SubscribeOptions};
use crossweave_wamp::{
    Dict, MatchPolicy, Message, Payload, PublicationId, RequestId, Serializer, SessionId, Strictness,
    SubscriptionId, Value, uri, uris,
};
use jiff::Timestamp;

use super::arguments::{Arguments, invalid};
use super::subscription;
use crate::boundary::Slot;
use crate::broker::Subscription;
use crate::broker::history::{Room, Selected, Selection};
use crate::broker::kept::Kept;
use crate::clock::rfc3339;
use crate::realm::Realm;
use crate::refused::Refused;

/// What a subscription's events are for: those who may subscribe.
pub(super) fn subscription(realm: &Realm, arguments: &Arguments) -> Result<Subscribe<'static>, Refused> {
    let found = subscription::find(&realm.broker, arguments)?;
    let options = SubscribeOptions { match_policy: found.policy, ..SubscribeOptions::default() };
    Ok(Subscribe { request: RequestId(0), options, topic: found.uri.to_string().into() })
}

pub(super) fn get_events(
    realm: &Realm,
    caller: Slot,
    arguments: &Arguments,
) -> Result<Payload<'static>, Refused> {
    let subscription = subscription::find(&realm.broker, arguments)?;
    let is_crossbars = arguments.at(1).is_some();
    let selection = if is_crossbars { newest(arguments)? } else { selection(arguments)? };
    let session = &realm.sessions.sender(caller).session;
    let limits = &realm.options.limits;
    let room = Room { events_max: limits.history_result_max, bytes_max: limits.history_result_bytes_max };
    let now = realm.unix_ms();
    let selected = realm.broker.history.select(subscription, session, &selection, room, now);
    let Some(Selected { events, is_limit_reached, missed }) = selected else {
        let why = format!("no history is kept for subscription {}", subscription.id);
        return Err(Refused::new(uris::HISTORY_UNAVAILABLE, why));
    };
    // MessagePack, as it holds whatever was published.
    if is_crossbars {
        let events = events.iter().map(|event| crossbars(event, realm.name()).into());
        return Ok(Payload::new(Serializer::MsgPack, &[Value::List(events.collect())], &Dict::new()));
    }
    let events: Vec<Value> = events.iter().map(|event| described(event, subscription).into()).collect();
    let mut about = Dict::new().with("is_limit_reached", is_limit_reached);
    if missed {
        about.insert("missed", true);
    }
    Ok(Payload::new(Serializer::MsgPack, &events, &about))
}

/// An event as the specification describes it.
fn described(event: &Kept, subscription: &Subscription) -> Dict {
    let mut dict = Dict::new()
        .with("timestamp", rfc3339(event.unix_ms))
        .with("subscription", subscription.id.0)
        .with("publication", event.publication.0)
        .with("details", details(event, subscription));
    let (args, kwargs) = arguments_of(event);
    if !args.is_empty() {
        dict.insert("args", Value::List(args));
    }
    if !kwargs.is_empty() {
        dict.insert("kwargs", kwargs);
    }
    dict
}

/// The details that EVENT had, as a dict.
fn details(event: &Kept, subscription: &Subscription) -> Value {
    let message = crossweave_wamp::message::Event {
        subscription: SubscriptionId(1),
        publication: event.publication,
        details: event.details_for(subscription),
        payload: Payload::empty(),
    };
    let bytes = Message::Event(message).to_bytes(Serializer::MsgPack);
    let value = Serializer::MsgPack.decode_value(&bytes).ok();
    let details = value.as_ref().and_then(Value::as_list).and_then(|elements| elements.get(3)).cloned();
    details.unwrap_or_else(|| Dict::new().into())
}

/// An event as Crossbar.io describes it; who published it only if that was disclosed.
fn crossbars(event: &Kept, realm: &str) -> Dict {
    let (args, kwargs) = arguments_of(event);
    Dict::new()
        .with("time_ns", event.unix_ms.saturating_mul(1_000_000))
        .with("timestamp", rfc3339(event.unix_ms))
        .with("realm", realm)
        .with("session_id", event.details.publisher.map(|id: SessionId| id.0))
        .with("authid", event.details.publisher_authid.as_deref())
        .with("authrole", event.details.publisher_authrole.as_deref())
        .with("publication", event.publication.0)
        .with("topic", &*event.topic)
        .with("args", Value::List(args))
        .with("kwargs", kwargs)
}

/// Arguments of the event; an opaque payload is the one argument.
fn arguments_of(event: &Kept) -> (Vec<Value>, Dict) {
    let is_opaque = event.details.passthru.as_deref().is_some_and(|passthru| passthru.is_active());
    match event.payload.opaque_bytes().filter(|_| is_opaque) {
        Some(bytes) => (vec![Value::Bin(bytes)], Dict::new()),
        None => (event.payload.args(), event.payload.kwargs()),
    }
}

/// Crossbar.io's form: so many, newest first.
fn newest(arguments: &Arguments) -> Result<Selection, Refused> {
    let limit = Some(positive(arguments.at(1), "limit")?);
    Ok(Selection { reverse: true, limit, ..Selection::default() })
}

/// What may be given by name: a filter that is misspelt would let everything through.
pub(super) const NAMES: [&str; 12] = [
    "subscription",
    "reverse",
    "limit",
    "topic",
    "from_time",
    "after_time",
    "before_time",
    "until_time",
    "from_publication",
    "after_publication",
    "before_publication",
    "until_publication",
];

fn selection(arguments: &Arguments) -> Result<Selection, Refused> {
    let publication = |name| match arguments.named(name) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(id) => Ok(Some(PublicationId(id))),
            None => Err(invalid(format!("{name} must be a publication id"))),
        },
    };
    let time = |name| time(arguments, name);
    let reverse = match arguments.named("reverse") {
        None => false,
        Some(value) => value.as_bool().ok_or_else(|| invalid("reverse must be a boolean".into()))?,
    };
    let limit = arguments.named("limit").map(|value| positive(Some(value), "limit")).transpose()?;
    let topic = match arguments.named("topic") {
        None => None,
        Some(value) => {
            let topic = value.as_str().ok_or_else(|| invalid("topic must be a string".into()))?;
            uri::check(topic, MatchPolicy::Exact, Strictness::Loose)?;
            Some(topic.to_owned())
        }
    };
    Ok(Selection {
        reverse,
        limit,
        from_ms: later(time("from_time")?.map(first_ms), time("after_time")?.map(after_ms)),
        before_ms: earlier(time("before_time")?.map(first_ms), time("until_time")?.map(after_ms)),
        topic,
        from: publication("from_publication")?,
        after: publication("after_publication")?,
        before: publication("before_publication")?,
        until: publication("until_publication")?,
    })
}

fn positive(value: Option<&Value>, name: &str) -> Result<usize, Refused> {
    let number = value.and_then(Value::as_u64).filter(|number| *number > 0);
    let number = number.ok_or_else(|| invalid(format!("{name} must be a positive integer")))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn time(arguments: &Arguments, name: &str) -> Result<Option<Timestamp>, Refused> {
    let Some(value) = arguments.named(name) else { return Ok(None) };
    let time = value.as_str().and_then(|text| Timestamp::from_str(text).ok());
    time.map(Some)
        .ok_or_else(|| invalid(format!("{name} must be a time such as \"2026-01-31T12:00:00.000Z\"")))
}

/// The first millisecond that is not before a time. Events are dated by whole milliseconds.
fn first_ms(time: Timestamp) -> u64 {
    let whole = Timestamp::from_millisecond(time.as_millisecond()).is_ok_and(|whole| whole >= time);
    u64::try_from(time.as_millisecond() + i64::from(!whole)).unwrap_or(0)
}

/// The first millisecond that is after a time.
fn after_ms(time: Timestamp) -> u64 {
    let is_later = Timestamp::from_millisecond(time.as_millisecond()).is_ok_and(|whole| whole > time);
    u64::try_from(time.as_millisecond() + i64::from(!is_later)).unwrap_or(0)
}

fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.max(b)
}

fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_milliseconds_are_neither() {
        let time = |text: &str| Timestamp::from_str(text).unwrap();
        let start = "1970-01-01T00:00:00";
        assert_eq!(first_ms(time(&format!("{start}.007Z"))), 7);
        assert_eq!(after_ms(time(&format!("{start}.007Z"))), 8);
        assert_eq!(first_ms(time(&format!("{start}.0070001Z"))), 8);
        assert_eq!(after_ms(time(&format!("{start}.0070001Z"))), 8);
        assert_eq!(first_ms(time("1960-01-01T00:00:00Z")), 0);
        assert_eq!(first_ms(time("1970-01-01T01:00:00+01:00")), 0);
    }
}
