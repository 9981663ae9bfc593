//! `wamp.subscription.*`: what is subscribed to and by whom. Specification: "Subscription Meta API".
//!
//! Subscriptions to the router's own topics do not appear here by topic, neither in lists nor in events.

use crossweave_wamp::{Dict, SessionId, SubscriptionId, Value, uris};

use super::arguments::Arguments;
use super::{is_reserved, list_of, lists, session};
use crate::boundary::{Outbox, Slot};
use crate::broker::{Broker, Subscription};
use crate::clock::rfc3339;
use crate::realm::Realm;
use crate::refused::Refused;

/// A topic or pattern has its first subscriber: the session, and the subscription's details.
pub(crate) const ON_CREATE: &str = "wamp.subscription.on_create";
/// A session has subscribed: its id and the subscription's.
pub(crate) const ON_SUBSCRIBE: &str = "wamp.subscription.on_subscribe";
/// A session is no longer subscribed: its id and the subscription's.
pub(crate) const ON_UNSUBSCRIBE: &str = "wamp.subscription.on_unsubscribe";
/// That was the last one: its id and the subscription's.
pub(crate) const ON_DELETE: &str = "wamp.subscription.on_delete";

/// What [`ON_CREATE`] and `wamp.subscription.get` say.
pub(crate) fn details(subscription: &Subscription) -> Dict {
    Dict::new()
        .with("id", subscription.id.0)
        .with("created", rfc3339(subscription.created_ms))
        .with("uri", &*subscription.uri)
        .with("match", subscription.policy.as_str())
}

/// Ids by match policy; of one session, if the first argument names it.
pub(super) fn list(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    let max = realm.options.limits.meta_list_max;
    let listed = |it: &Subscription| (it.policy, it.id.0);
    let Some(id) = arguments.optional_session(0)? else {
        return lists(realm.broker.iter().filter(|it| !is_reserved(&it.uri)).map(listed), max);
    };
    let peer = realm.sessions.slot_of(id).and_then(|slot| realm.sessions.get(slot));
    let peer = peer.ok_or_else(|| session::no_such_session(id))?;
    let theirs = peer.subscriptions.keys().filter_map(|id| realm.broker.by_id(*id));
    lists(theirs.filter(|it| !is_reserved(&it.uri)).map(listed), max)
}

/// The id of the subscription to exactly this topic, or pattern if the options say so.
pub(super) fn lookup(broker: &Broker, arguments: &Arguments) -> Result<Value, Refused> {
    let (topic, policy) = (arguments.text(0, "topic")?, arguments.match_policy(1)?);
    let found = broker.of_pattern(policy, topic).filter(|it| !is_reserved(&it.uri));
    Ok(found.map(|it| it.id.0).into())
}

/// The ids of all subscriptions that an event of the topic would go to.
pub(super) fn matching(broker: &Broker, arguments: &Arguments) -> Result<Value, Refused> {
    let found = broker.matching(arguments.text(0, "topic")?);
    let ids: Vec<Value> =
        found.into_iter().filter(|it| !is_reserved(&it.uri)).map(|it| it.id.0.into()).collect();
    Ok(if ids.is_empty() { Value::Null } else { Value::List(ids) })
}

pub(super) fn get(broker: &Broker, arguments: &Arguments) -> Result<Value, Refused> {
    Ok(details(find(broker, arguments)?).into())
}

pub(crate) fn find<'b>(broker: &'b Broker, arguments: &Arguments) -> Result<&'b Subscription, Refused> {
    let id = SubscriptionId(arguments.id(0, "subscription")?);
    broker.by_id(id).ok_or_else(|| {
        Refused::new(uris::NO_SUCH_SUBSCRIPTION, format!("no subscription {id} on this realm"))
    })
}

pub(super) fn list_subscribers(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    let subscription = find(&realm.broker, arguments)?;
    list_of(subscribers(realm, subscription).map(|(_, id)| id.0), realm.options.limits.meta_list_max)
}

pub(super) fn count_subscribers(realm: &Realm, arguments: &Arguments) -> Result<Value, Refused> {
    Ok(subscribers(realm, find(&realm.broker, arguments)?).count().into())
}

/// The subscribers that are still on the realm.
fn subscribers<'r>(
    realm: &'r Realm,
    subscription: &'r Subscription,
) -> impl Iterator<Item = (Slot, SessionId)> + 'r {
    let of = |slot: &Slot| realm.sessions.get(*slot).map(|peer| (*slot, peer.session.id));
    subscription.members.iter().filter_map(of)
}

/// Ends the subscription of another session: ids of the subscription and the session, and a reason.
pub(super) fn remove_subscriber<O: Outbox>(
    realm: &mut Realm,
    arguments: &Arguments,
    out: &mut O,
) -> Result<Value, Refused> {
    let id = find(&realm.broker, arguments)?.id;
    let session = SessionId(arguments.id(1, "session")?);
    let reason = arguments.optional_text(2, "reason")?.map(str::to_owned);
    let slot = realm.sessions.slot_of(session).ok_or_else(|| session::no_such_session(session))?;
    if !realm.sessions.sender(slot).subscriptions.contains_key(&id) {
        let why = format!("session {session} has no subscription {id}");
        return Err(Refused::new(uris::NO_SUCH_SESSION, why));
    }
    realm.revoke_subscription(slot, id, reason, out);
    Ok(Value::Null)
}
