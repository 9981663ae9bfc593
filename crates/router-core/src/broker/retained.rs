//! Events that PUBLISH asked to retain, for those who subscribe later with `get_retained`. Specification: "Event Retention".
//!
//! A topic retains the last event that was for everybody and, above it, later ones that were for some: whoever subscribes
//! gets the newest that was for him. An event without payload is not retained: it clears its topic.
//! What finds no room within the bounds is not retained, and what it would have replaced is gone, as it is no longer true.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crossweave_wamp::MatchPolicy;

use super::Subscription;
use super::kept::Kept;
use crate::boundary::{RetainedBound, Session};
use crate::limits::RealmLimits;
use crate::uri_map::wildcard_lead;

/// Retained events by topic.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    /// Oldest first; only the first may be for everybody.
    topics: BTreeMap<Box<str>, Vec<Arc<Kept>>>,
    count: usize,
    bytes: usize,
    /// When all may be looked at again for those that are too old, in milliseconds since 1970.
    next_look_ms: u64,
}

impl Retained {
    /// Retains an event.
    ///
    /// # Errors
    /// There is no room: which bound says so.
    pub(super) fn keep(&mut self, event: &Arc<Kept>, limits: &RealmLimits) -> Result<(), RetainedBound> {
        if !event.is_restricted() {
            self.clear(&event.topic);
        } else {
            self.make_room_above(&event.topic, limits.retained_restricted_max);
        }
        if self.bound_met(event, limits).is_some() {
            self.forget_old(event.unix_ms, limits);
        }
        if let Some(bound) = self.bound_met(event, limits) {
            return Err(bound);
        }
        self.bytes += event.bytes();
        self.count += 1;
        self.topics.entry(event.topic.clone()).or_default().push(event.clone());
        Ok(())
    }

    /// The bound that leaves no room for an event.
    fn bound_met(&self, event: &Kept, limits: &RealmLimits) -> Option<RetainedBound> {
        if self.count >= limits.retained_events_max {
            return Some(RetainedBound::Events(limits.retained_events_max));
        }
        let is_full = self.bytes + event.bytes() > limits.retained_bytes_max;
        is_full.then_some(RetainedBound::Bytes(limits.retained_bytes_max))
    }

    /// Forgets what is too old to be delivered, so that it is in nobody's way. It looks at everything, and does so eight times at
    /// most while an event gets old.
    #[cold]
    fn forget_old(&mut self, now_ms: u64, limits: &RealmLimits) {
        let Some(age) = limits.retained_age_max_ms else { return };
        if now_ms < self.next_look_ms {
            return;
        }
        self.next_look_ms = now_ms.saturating_add(age / 8);
        let oldest_ms = now_ms.saturating_sub(age);
        let (mut count, mut bytes) = (0, 0);
        self.topics.retain(|_, events| {
            events.retain(|event| event.unix_ms >= oldest_ms);
            count += events.len();
            bytes += events.iter().map(|event| event.bytes()).sum::<usize>();
            !events.is_empty()
        });
        (self.count, self.bytes) = (count, bytes);
    }

    /// Forgets what a topic retains.
    pub(super) fn clear(&mut self, topic: &str) {
        for event in self.topics.remove(topic).into_iter().flatten() {
            self.forget(&event);
        }
    }

    /// Drops the oldest event that was for some, if there are as many as may be.
    fn make_room_above(&mut self, topic: &str, max: usize) {
        let Some(events) = self.topics.get_mut(topic) else { return };
        let restricted = events.iter().filter(|event| event.is_restricted()).count();
        if restricted >= max.max(1)
            && let Some(oldest) = events.iter().position(|event| event.is_restricted())
        {
            let event = events.remove(oldest);
            self.forget(&event);
        }
    }

    fn forget(&mut self, event: &Kept) {
        self.count -= 1;
        self.bytes -= event.bytes();
    }

    /// What a session that subscribes gets: of each topic that matches the newest event that was for it, in the order of the
    /// topics.
    pub(super) fn of(
        &self,
        subscription: &Subscription,
        session: &Session,
        limits: &RealmLimits,
        now_ms: u64,
    ) -> Vec<Arc<Kept>> {
        let oldest_ms = limits.retained_age_max_ms.map_or(0, |age| now_ms.saturating_sub(age));
        let is_for = |event: &&Arc<Kept>| event.unix_ms >= oldest_ms && event.was_for(session);
        let newest = |events: &Vec<Arc<Kept>>| events.iter().rev().find(is_for).cloned();
        let (policy, uri) = (subscription.policy, &*subscription.uri);
        if policy == MatchPolicy::Exact {
            return self.topics.get(uri).and_then(newest).into_iter().collect();
        }
        // All topics that match begin as the pattern does, up to where a wildcard opens it.
        let lead = if policy == MatchPolicy::Wildcard { wildcard_lead(uri) } else { uri };
        let mut bytes = 0;
        let mut has_room = |event: &Arc<Kept>| {
            let is_first = bytes == 0;
            bytes += event.bytes();
            is_first || bytes <= limits.retained_bytes_per_subscribe_max
        };
        self.topics
            .range::<str, _>((Bound::Included(lead), Bound::Unbounded))
            .take_while(|(topic, _)| topic.starts_with(lead))
            .filter(|(topic, _)| policy.matches(uri, topic))
            .filter_map(|(_, events)| newest(events))
            .take_while(|event| has_room(event))
            .take(limits.retained_per_subscribe_max)
            .collect()
    }

    /// Number of events.
    pub(crate) fn len(&self) -> usize {
        self.count
    }
}
