//! Subscriptions, and who gets an event.
//!
//! A subscription is one topic or pattern, shared by its subscribers. A session with several subscriptions that match a
//! publication gets one EVENT for each. Specification: "Publish & Subscribe", "Pattern-based Subscriptions".

mod recipients;

use std::borrow::Cow;

use crossweave_wamp::message::{Event, EventDetails, Publish};
use crossweave_wamp::{MatchPolicy, Message, PublicationId, SubscriptionId, uris};
use recipients::Filter;

use crate::boundary::{Outbox, Slot};
use crate::ids::Ids;
use crate::limits::RealmLimits;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::{Membership, Peer, Sessions};
use crate::slab::{Key, Slab};
use crate::uri_map::UriMap;

/// One topic or pattern and its subscribers.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: SubscriptionId,
    uri: Box<str>,
    policy: MatchPolicy,
    /// In no order: the last one takes the place of one who leaves.
    members: Vec<Slot>,
}

/// The subscriptions of a realm.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    topics: UriMap,
    subscriptions: Slab<Subscription>,
}

impl Broker {
    /// Subscribes the session; again, it gets the same id.
    pub(crate) fn subscribe(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        (policy, uri): (MatchPolicy, &str),
        limits: &RealmLimits,
    ) -> Result<SubscriptionId, Refused> {
        let peer = sessions.sender_mut(from);
        let key = self.topics.get(policy, uri);
        if let Some(id) = key.map(|key| self.subscriptions[key].id)
            && peer.subscriptions.contains_key(&id)
        {
            return Ok(id);
        }
        peer.subscribed.check(
            "subscriptions",
            limits.subscriptions_per_session_max,
            (policy, uri),
            limits,
        )?;
        if key.is_none() {
            self.topics.check_room(uri, limits)?;
        }
        let key = key.unwrap_or_else(|| self.create(ids.subscription(), policy, uri));
        let subscription = &mut self.subscriptions[key];
        let position = subscription.members.len() as u32;
        subscription.members.push(from);
        peer.subscriptions.insert(subscription.id, Membership { key, position });
        peer.subscribed.add(policy, uri);
        Ok(subscription.id)
    }

    fn create(&mut self, id: SubscriptionId, policy: MatchPolicy, uri: &str) -> Key {
        let key =
            self.subscriptions.insert(Subscription { id, uri: uri.into(), policy, members: Vec::new() });
        self.topics.insert(policy, uri, key);
        key
    }

    /// Ends one subscription of the session.
    pub(crate) fn unsubscribe(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        id: SubscriptionId,
    ) -> Result<(), Refused> {
        let Some(membership) = sessions.sender_mut(from).subscriptions.remove(&id) else {
            return Err(Refused::new(
                uris::NO_SUCH_SUBSCRIPTION,
                format!("session has no subscription {id}"),
            ));
        };
        let subscription = &self.subscriptions[membership.key];
        sessions.sender_mut(from).subscribed.remove(subscription.policy, &subscription.uri);
        self.remove_member(sessions, id, membership);
        Ok(())
    }

    /// Ends every subscription of a session that has been taken out of `sessions`.
    pub(crate) fn leave(&mut self, sessions: &mut Sessions, peer: &mut Peer) {
        for (id, membership) in std::mem::take(&mut peer.subscriptions) {
            self.remove_member(sessions, id, membership);
        }
    }

    /// Takes a member out by its position and tells the one who moves there, in constant time.
    fn remove_member(&mut self, sessions: &mut Sessions, id: SubscriptionId, membership: Membership) {
        let Membership { key, position } = membership;
        let subscription = &mut self.subscriptions[key];
        subscription.members.swap_remove(position as usize);
        if let Some(moved) = subscription.members.get(position as usize) {
            let moved = sessions.sender_mut(*moved).subscriptions.get_mut(&id);
            moved.expect("members know their subscription").position = position;
        } else if subscription.members.is_empty() {
            self.topics.remove(subscription.policy, &subscription.uri);
            self.subscriptions.remove(key);
        }
    }

    /// The subscription to exactly this topic. If there is one, the topic is a valid URI.
    #[inline]
    pub(crate) fn exact(&self, topic: &str) -> Option<Key> {
        self.topics.exact(topic)
    }

    /// Whether any subscription matches the topic.
    pub(crate) fn has_subscribers(&self, topic: &str) -> bool {
        self.topics.exact(topic).is_some()
            || self.topics.longest_prefix(topic).is_some()
            || self.topics.best_wildcard(topic).is_some()
    }

    /// Delivers to every matching subscription: the exact one (as found before), prefixes, wildcards.
    #[inline]
    pub(crate) fn publish<O: Outbox>(
        &self,
        sessions: &Sessions,
        from: Slot,
        publication: PublicationId,
        publish: &mut Publish<'_>,
        route: Route,
        out: &mut O,
    ) {
        let options = &mut publish.options;
        let mut details = EventDetails {
            passthru: options.passthru.take(),
            forward_for: options.forward_for.take(),
            transaction_hash: options.transaction_hash.take(),
            ..EventDetails::default()
        };
        if route.disclose.holds(options.disclose_me) {
            let publisher = &sessions.sender(from).session;
            details.publisher = Some(publisher.id);
            details.publisher_authid = Some(Cow::Borrowed(&publisher.authid));
            details.publisher_authrole = Some(Cow::Borrowed(&publisher.authrole));
        }
        let payload = publish.payload.borrowed();
        let event = Event { subscription: SubscriptionId(0), publication, details, payload };
        let excluded = options.exclude_me.then_some(from);
        let filter = options.receivers.take().map(|receivers| Filter::new(*receivers, sessions));
        self.deliver(sessions, &publish.topic, route.exact, event, excluded, filter.as_ref(), out);
    }

    /// An event of the realm itself, to every subscriber but `excluded`.
    pub(crate) fn publish_meta<O: Outbox>(
        &self,
        sessions: &Sessions,
        topic: &str,
        event: Event<'_>,
        excluded: Option<Slot>,
        out: &mut O,
    ) {
        self.deliver(sessions, topic, self.exact(topic), event, excluded, None, out);
    }

    #[allow(clippy::too_many_arguments, reason = "one event and everything that decides who gets it")]
    #[inline]
    fn deliver<'a, O: Outbox>(
        &self,
        sessions: &Sessions,
        topic: &'a str,
        exact: Option<Key>,
        event: Event<'a>,
        excluded: Option<Slot>,
        filter: Option<&Filter>,
        out: &mut O,
    ) {
        let mut message = Message::Event(event);
        let mut deliver_for = |key: Key| {
            let subscription = &self.subscriptions[key];
            let Message::Event(event) = &mut message else { return };
            event.subscription = subscription.id;
            event.details.topic = (subscription.policy != MatchPolicy::Exact).then_some(Cow::Borrowed(topic));
            let members = &subscription.members;
            match filter {
                None => {
                    out.multicast(members.iter().copied().filter(|slot| Some(*slot) != excluded), &message)
                }
                Some(filter) => filter.deliver(sessions, subscription.id, members, excluded, &message, out),
            }
        };
        if let Some(key) = exact {
            deliver_for(key);
        }
        self.topics.visit_patterns(topic, deliver_for);
    }

    /// Number of subscriptions.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }
}
