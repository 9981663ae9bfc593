//! Subscriptions, and who gets an event.
//!
//! A subscription is one topic or pattern, shared by its subscribers. A session with several subscriptions that match a
//! publication gets one EVENT for each. Specification: "Publish & Subscribe", "Pattern-based Subscriptions".

mod audience;
mod contracts;
pub(crate) mod history;
pub(crate) mod kept;
mod recipients;
pub(crate) mod record;
mod retained;

use std::borrow::Cow;
use std::sync::Arc;

use contracts::Contracts;
use crossweave_wamp::message::{Event, EventDetails, Publish, Receivers};
use crossweave_wamp::{MatchPolicy, Message, PublicationId, SubscriptionId, uris};
use hashbrown::HashMap;
use history::History;
use kept::Kept;
use recipients::Filter;
use record::{Record, Recorded};
use retained::Retained;

use crate::boundary::{Contract, Outbox, Session, Slot};
use crate::forwarding::{self, disclosed};
use crate::ids::Ids;
use crate::limits::{HistoryRule, RealmLimits};
use crate::meta;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::{Membership, Peer, Sessions};
use crate::shard::{self, ShardKey, Shards};
use crate::slab::{Key, Slab};
use crate::trust::Attribution;
use crate::uri_map::UriMap;

/// One topic or pattern and its subscribers.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) uri: Box<str>,
    pub(crate) policy: MatchPolicy,
    /// When it came to be, in milliseconds since 1970.
    pub(crate) created_ms: u64,
    /// It is there without subscribers, too.
    stays: bool,
    /// In no order: the last one takes the place of one who leaves.
    pub(crate) members: Vec<Slot>,
    /// Those of the members that named a node.
    shards: Option<Box<Shards>>,
    /// Those of them that have a contract.
    contracts: Option<Box<Contracts>>,
}

impl Subscription {
    /// Whether the member had a contract.
    #[cold]
    fn end_contract(&mut self, member: Slot) -> bool {
        let had_one = self.contracts.as_mut().is_some_and(|contracts| contracts.remove(member));
        self.contracts.take_if(|contracts| contracts.is_empty());
        had_one
    }
}

/// What SUBSCRIBE has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscribed {
    pub(crate) key: Key,
    pub(crate) id: SubscriptionId,
    /// The subscription is new.
    pub(crate) is_created: bool,
    /// The session was not subscribed before.
    pub(crate) is_new_member: bool,
}

/// A session is no longer a member of a subscription or a callee of a registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// The id of the subscription or registration.
    pub(crate) id: u64,
    /// It was the last one: the subscription or registration is gone.
    pub(crate) was_last: bool,
    /// Its URI is the router's own.
    pub(crate) is_reserved: bool,
    /// The subscriber had a delivery contract.
    pub(crate) had_contract: bool,
}

/// The subscriptions of a realm.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    topics: UriMap,
    subscriptions: Slab<Subscription>,
    by_id: HashMap<SubscriptionId, Key>,
    /// Subscriptions that may match a topic of the router's own.
    listening: usize,
    /// Subscriptions without a subscriber, which stand for what the history keeps.
    idle: usize,
    retained: Retained,
    pub(crate) history: History,
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Publisher<'s> {
    /// A session of the realm.
    Joined(Slot),
    /// A session that has left, by its testament.
    Left(&'s Session),
}

impl<'s> Publisher<'s> {
    #[inline]
    pub(crate) fn session(self, sessions: &'s Sessions) -> &'s Session {
        match self {
            Publisher::Joined(slot) => &sessions.sender(slot).session,
            Publisher::Left(session) => session,
        }
    }

    #[inline]
    fn slot(self) -> Option<Slot> {
        match self {
            Publisher::Joined(slot) => Some(slot),
            Publisher::Left(_) => None,
        }
    }
}

impl Broker {
    /// Keeps histories by these rules, each with a subscription that stays.
    pub(crate) fn keep_history(&mut self, rules: &[HistoryRule], ids: &mut Ids) {
        for rule in rules {
            if self.history.add(rule.clone()) {
                let key = self.create(ids.subscription(), rule.match_policy, &rule.uri, 0);
                self.subscriptions[key].stays = true;
                self.idle += 1;
            }
        }
    }

    /// Puts events back into the histories that they belong to, oldest first.
    pub(crate) fn restore_history(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.history.record(&Arc::new(record.into_kept()));
        }
    }

    /// Dates the subscriptions that were there before anybody knew the time.
    pub(crate) fn date_subscriptions(&mut self, unix_ms: u64) {
        self.subscriptions.iter_mut().filter(|it| it.created_ms == 0).for_each(|it| it.created_ms = unix_ms);
    }

    /// Subscribes the session; again, it gets the same id.
    pub(crate) fn subscribe(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        (policy, uri): (MatchPolicy, &str),
        limits: &RealmLimits,
        created_ms: u64,
    ) -> Result<Subscribed, Refused> {
        let peer = sessions.sender_mut(from);
        let key = self.topics.get(policy, uri);
        if let Some(key) = key
            && let id = self.subscriptions[key].id
            && peer.subscriptions.contains_key(&id)
        {
            return Ok(Subscribed { key, id, is_created: false, is_new_member: false });
        }
        peer.subscribed.check(
            "subscriptions",
            limits.subscriptions_per_session_max,
            (policy, uri),
            limits,
        )?;
        if key.is_none() {
            self.topics.check_room((policy, uri), limits)?;
        }
        let is_created = key.is_none();
        let key = key.unwrap_or_else(|| self.create(ids.subscription(), policy, uri, created_ms));
        let subscription = &mut self.subscriptions[key];
        let position = subscription.members.len() as u32;
        self.idle -= usize::from(subscription.stays && position == 0);
        subscription.members.push(from);
        peer.subscriptions.insert(subscription.id, Membership { key, position });
        peer.subscribed.add(policy, uri);
        Ok(Subscribed { key, id: subscription.id, is_created, is_new_member: true })
    }

    /// Says which node a member of a subscription is.
    #[cold]
    pub(crate) fn name_node(&mut self, key: Key, member: Slot, nkey: &str) {
        let node = ShardKey::new(nkey.as_bytes());
        self.subscriptions[key].shards.get_or_insert_default().set(member, node);
    }

    /// Whether one who subscribes may name this node.
    #[cold]
    pub(crate) fn check_node(
        &self,
        (policy, uri): (MatchPolicy, &str),
        nkey: &str,
        limits: &RealmLimits,
    ) -> Result<(), Refused> {
        shard::check_node_key(nkey)?;
        let max = limits.sharded_subscribers_max;
        let shards = self.topics.get(policy, uri).and_then(|key| self.subscriptions[key].shards.as_ref());
        if shards.is_some_and(|shards| shards.len() >= max) {
            let why = format!("subscription {uri:?} has {max} subscribers with nkey, no more are allowed");
            return Err(Refused::new(uris::RESOURCE_EXHAUSTED, why));
        }
        Ok(())
    }

    /// Gives a member a contract, in the place of the one it had.
    pub(crate) fn agree(&mut self, key: Key, member: Slot, contract: Arc<Contract>) {
        self.subscriptions[key].contracts.get_or_insert_default().insert(member, contract);
    }

    fn create(&mut self, id: SubscriptionId, policy: MatchPolicy, uri: &str, created_ms: u64) -> Key {
        let (uri_, members, shards, contracts) = (uri.into(), Vec::new(), None, None);
        let subscription =
            Subscription { id, uri: uri_, policy, created_ms, stays: false, members, shards, contracts };
        let key = self.subscriptions.insert(subscription);
        self.topics.insert(policy, uri, key);
        self.by_id.insert(id, key);
        self.listening += usize::from(may_match_reserved(policy, uri));
        key
    }

    /// Ends one subscription of the session.
    pub(crate) fn unsubscribe(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        id: SubscriptionId,
    ) -> Result<Ended, Refused> {
        let Some(membership) = sessions.sender_mut(from).subscriptions.remove(&id) else {
            return Err(Refused::new(
                uris::NO_SUCH_SUBSCRIPTION,
                format!("session has no subscription {id}"),
            ));
        };
        let subscription = &self.subscriptions[membership.key];
        sessions.sender_mut(from).subscribed.remove(subscription.policy, &subscription.uri);
        Ok(self.remove_member(sessions, id, membership))
    }

    /// Takes a member out by its position and tells the one who moves there, in constant time.
    pub(crate) fn remove_member(
        &mut self,
        sessions: &mut Sessions,
        id: SubscriptionId,
        membership: Membership,
    ) -> Ended {
        let Membership { key, position } = membership;
        let subscription = &mut self.subscriptions[key];
        let member = subscription.members.swap_remove(position as usize);
        if let Some(shards) = &mut subscription.shards {
            shards.remove(member);
        }
        let had_contract = subscription.contracts.is_some() && subscription.end_contract(member);
        if let Some(moved) = subscription.members.get(position as usize) {
            let moved = sessions.member_mut(*moved).subscriptions.get_mut(&id);
            moved.expect("members know their subscription").position = position;
        }
        let is_empty = subscription.members.is_empty();
        self.idle += usize::from(subscription.stays && is_empty);
        let was_last = is_empty && !subscription.stays;
        let is_reserved = meta::is_reserved(&subscription.uri);
        if was_last {
            self.listening -= usize::from(may_match_reserved(subscription.policy, &subscription.uri));
            self.topics.remove(subscription.policy, &subscription.uri);
            self.subscriptions.remove(key);
            self.by_id.remove(&id);
        }
        Ended { id: id.0, was_last, is_reserved, had_contract }
    }

    /// The subscription at this place.
    pub(crate) fn at(&self, key: Key) -> &Subscription {
        &self.subscriptions[key]
    }

    /// The subscription with this id.
    pub(crate) fn by_id(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.by_id.get(&id).map(|key| &self.subscriptions[*key])
    }

    /// The subscription to exactly this topic or pattern.
    pub(crate) fn of_pattern(&self, policy: MatchPolicy, uri: &str) -> Option<&Subscription> {
        self.topics.get(policy, uri).map(|key| &self.subscriptions[key])
    }

    /// All subscriptions, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter()
    }

    /// Every subscription that matches the topic: exact, prefixes from short to long, wildcards.
    pub(crate) fn matching(&self, topic: &str) -> Vec<&Subscription> {
        let mut found: Vec<Key> = self.exact(topic).into_iter().collect();
        self.topics.visit_patterns(topic, |key| found.push(key));
        found.into_iter().map(|key| &self.subscriptions[key]).collect()
    }

    /// The subscription to exactly this topic. If there is one, the topic is a valid URI.
    #[inline]
    pub(crate) fn exact(&self, topic: &str) -> Option<Key> {
        self.topics.exact(topic)
    }

    /// Whether any subscription matches a topic of the router's own.
    pub(crate) fn is_heard(&self, topic: &str) -> bool {
        if self.listening == 0 {
            return false;
        }
        self.topics.exact(topic).is_some()
            || self.topics.longest_prefix(topic).is_some()
            || self.topics.best_wildcard(topic).is_some()
    }

    /// Whether publications are to be shown to [`Broker::keep`].
    #[inline]
    pub(crate) fn keeps(&self, publish: &Publish<'_>) -> bool {
        publish.options.retain || (!self.history.is_off() && self.history.wants(publish))
    }

    /// Keeps a publication for those who come later, as far as it or the configuration asks for that. Says whether what was
    /// to be retained is.
    #[cold]
    #[allow(clippy::too_many_arguments, reason = "one publication and everything that is kept of it")]
    pub(crate) fn keep<O: Outbox>(
        &mut self,
        publish: &Publish<'_>,
        publication: PublicationId,
        publisher: &Session,
        attribution: Attribution,
        unix_ms: u64,
        limits: &RealmLimits,
        out: &mut O,
    ) -> bool {
        if publish.options.retain && is_void(publish) {
            self.retained.clear(&publish.topic);
            if !self.history.wants(publish) {
                return true;
            }
        }
        let ids = (self.history.next_number(unix_ms), publication);
        let event = Arc::new(Kept::new(publish, ids, publisher, attribution, unix_ms));
        if self.history.record(&event) {
            out.recorded(Recorded(event.clone()));
        }
        if !publish.options.retain || is_void(publish) {
            return true;
        }
        let kept = self.retained.keep(&event, limits);
        if let Err(bound) = kept {
            out.not_retained(&publish.topic, bound);
        }
        kept.is_ok()
    }

    /// Sends one who has just subscribed what the topics of his subscription retain.
    pub(crate) fn send_retained<O: Outbox>(
        &self,
        key: Key,
        peer: &Peer,
        limits: &RealmLimits,
        now_ms: u64,
        out: &mut O,
    ) {
        let subscription = &self.subscriptions[key];
        let contract = subscription.contracts.as_ref().and_then(|contracts| contracts.get(peer.slot));
        let events = self.retained.of(subscription, &peer.session, limits, now_ms);
        // Else who does not read could have them encoded again and again, while everybody waits.
        if !events.is_empty() && !out.has_room(peer.slot) {
            return out.drop_events(peer.slot, subscription.id, contract, events.len() as u64);
        }
        for event in events {
            let message = event.retained(subscription).into();
            match contract {
                None => out.send(peer.slot, &message),
                Some(contract) => out.deliver([(peer.slot, contract)].into_iter(), &message, &event.topic),
            }
        }
    }

    /// Number of retained events.
    pub(crate) fn retained_len(&self) -> usize {
        self.retained.len()
    }

    /// Delivers to every matching subscription: the exact one (as found before), prefixes, wildcards.
    #[inline]
    pub(crate) fn publish<O: Outbox>(
        &self,
        sessions: &Sessions,
        from: Publisher<'_>,
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
            trustlevel: route.attribution.trustlevel,
            ..EventDetails::default()
        };
        if route.attribution.disclose.holds(options.disclose_me) {
            let publisher = from.session(sessions);
            (details.publisher, details.publisher_authid, details.publisher_authrole) =
                disclosed(publisher, details.forward_for.as_deref(), options.disclose_me);
        }
        let payload = publish.payload.borrowed();
        let mut event =
            Message::Event(Event { subscription: SubscriptionId(0), publication, details, payload });
        let excluded = from.slot().filter(|_| options.exclude_me);
        let filter = options.receivers.take().map(|receivers| Filter::new(*receivers, sessions));
        self.deliver(sessions, &publish.topic, route.exact, &mut event, excluded, filter.as_ref(), out);
    }

    /// An event of the realm itself, to every subscriber but `excluded`.
    pub(crate) fn publish_meta<O: Outbox>(
        &self,
        sessions: &Sessions,
        topic: &str,
        event: Event<'_>,
        excluded: Option<Slot>,
        is_for_own: bool,
        out: &mut O,
    ) {
        let mut event = Message::Event(event);
        let filter = is_for_own.then(|| own_sessions(sessions));
        self.deliver(sessions, topic, self.exact(topic), &mut event, excluded, filter.as_ref(), out);
    }

    #[allow(clippy::too_many_arguments, reason = "one event and everything that decides who gets it")]
    #[inline]
    fn deliver<'a, O: Outbox>(
        &self,
        sessions: &Sessions,
        topic: &'a str,
        exact: Option<Key>,
        message: &mut Message<'a>,
        excluded: Option<Slot>,
        filter: Option<&Filter>,
        out: &mut O,
    ) {
        let mut deliver_for = |key: Key| {
            let subscription = &self.subscriptions[key];
            let Message::Event(event) = message else { return };
            event.subscription = subscription.id;
            event.details.topic = (subscription.policy != MatchPolicy::Exact).then_some(Cow::Borrowed(topic));
            let members = &subscription.members;
            if let Some(contracts) = &subscription.contracts {
                return contracts.deliver(sessions, subscription, (excluded, filter), (message, topic), out);
            }
            match filter {
                None if sessions.is_anybody_leaving() => {
                    deliver_to_those_there(sessions, members, excluded, message, out);
                }
                None => {
                    out.multicast(members.iter().copied().filter(|slot| Some(*slot) != excluded), message)
                }
                Some(filter) => {
                    out.multicast(filter.receivers(sessions, subscription, excluded), message);
                }
            }
        };
        if let Some(key) = exact {
            deliver_for(key);
        }
        self.topics.visit_patterns(topic, deliver_for);
    }

    /// Number of subscriptions that have subscribers.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len() - self.idle
    }
}

/// Lets nothing but parts of the router's program have an event.
#[cold]
fn own_sessions(sessions: &Sessions) -> Filter {
    let eligible_authrole = Some(vec![forwarding::OWN.to_owned()]);
    Filter::new(Receivers { eligible_authrole, ..Receivers::default() }, sessions)
}

/// Delivers to the members that have not left.
#[cold]
#[inline(never)]
fn deliver_to_those_there<O: Outbox>(
    sessions: &Sessions,
    members: &[Slot],
    excluded: Option<Slot>,
    event: &Message<'_>,
    out: &mut O,
) {
    let is_there = |slot: &Slot| Some(*slot) != excluded && sessions.get(*slot).is_some();
    out.multicast(members.iter().copied().filter(is_there), event);
}

/// Whether a publication has no payload.
fn is_void(publish: &Publish<'_>) -> bool {
    let payload = &publish.payload;
    let is_opaque = publish.options.passthru.as_deref().is_some_and(|passthru| passthru.is_active());
    // Empty `args` and `kwargs` take a few bytes in every serializer.
    payload.is_empty()
        || (!is_opaque
            && payload.bytes().len() <= 16
            && payload.args().is_empty()
            && payload.kwargs().is_empty())
}

/// Whether a subscription may match topics that begin with `wamp.`.
fn may_match_reserved(policy: MatchPolicy, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => meta::is_reserved(uri),
        MatchPolicy::Prefix => meta::is_reserved(uri) || "wamp.".starts_with(uri),
        MatchPolicy::Wildcard => meta::is_reserved(uri) || uri.starts_with('.'),
    }
}
