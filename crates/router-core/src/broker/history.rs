//! Events kept in the order they were published, per topic or pattern that is configured. Specification: "Event History".
//!
//! ```text
//!  PUBLISH ─▶ record ─▶ the ring of each rule that matches its topic: one entry, whether anybody was subscribed or not
//!  get_events ─▶ covering ─▶ the one rule whose events include all of the subscription's ─▶ select
//! ```
//!
//! Each rule holds a subscription of its own, so that its id can be looked up and asked for though nobody is subscribed. What
//! names sessions by id in its lists is not recorded, as those ids mean nothing to sessions to come.

use std::collections::VecDeque;
use std::sync::Arc;

use crossweave_wamp::PublicationId;
use crossweave_wamp::message::Publish;

use super::Subscription;
use super::kept::Kept;
use crate::boundary::Session;
use crate::limits::HistoryRule;
use crate::slab::Key;
use crate::uri_map::{UriMap, covers};

/// If there are more events in a millisecond, their numbers run ahead of the time.
const NUMBERS_PER_MS: u64 = 1_000;

/// The histories of a realm.
#[derive(Debug, Default)]
pub(crate) struct History {
    rings: Vec<Ring>,
    index: UriMap,
    /// The number of the last event recorded.
    last: u64,
}

/// The events of one rule, oldest first.
#[derive(Debug)]
struct Ring {
    rule: HistoryRule,
    events: VecDeque<Arc<Kept>>,
    bytes: usize,
}

/// Which events are asked for: all that meet every condition.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Newest first.
    pub(crate) reverse: bool,
    pub(crate) limit: Option<usize>,
    /// At this time or later, in milliseconds since 1970.
    pub(crate) from_ms: Option<u64>,
    /// Before this time.
    pub(crate) before_ms: Option<u64>,
    pub(crate) topic: Option<String>,
    /// With this publication or later ones.
    pub(crate) from: Option<PublicationId>,
    pub(crate) after: Option<PublicationId>,
    pub(crate) before: Option<PublicationId>,
    pub(crate) until: Option<PublicationId>,
}

/// Events that were selected.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) events: Vec<Arc<Kept>>,
    /// There would be more.
    pub(crate) is_limit_reached: bool,
    /// A publication of the selection is not kept, or not any more: it bounds nothing, and there may have been events
    /// before those that are here.
    pub(crate) missed: bool,
}

/// How much one answer may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) events_max: usize,
    pub(crate) bytes_max: usize,
}

impl History {
    /// Adds a rule, unless there is one for the same topic or pattern.
    pub(super) fn add(&mut self, rule: HistoryRule) -> bool {
        if self.index.get(rule.match_policy, &rule.uri).is_some() {
            return false;
        }
        self.index.insert(rule.match_policy, &rule.uri, self.rings.len() as Key);
        self.rings.push(Ring { rule, events: VecDeque::new(), bytes: 0 });
        true
    }

    /// Whether nothing is recorded here at all.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.rings.is_empty()
    }

    /// Whether there may be room for a publication in a history, as far as that is seen before it is copied.
    #[cold]
    pub(super) fn wants(&self, publish: &Publish<'_>) -> bool {
        let receivers = publish.options.receivers.as_deref();
        if receivers.is_some_and(|lists| lists.exclude.is_some() || lists.eligible.is_some()) {
            return false;
        }
        let (len, mut is_wanted) = (publish.payload.bytes().len(), false);
        let mut look = |key: Key| is_wanted |= self.rings[key as usize].rule.bytes_max > len;
        if let Some(key) = self.index.exact(&publish.topic) {
            look(key);
        }
        self.index.visit_patterns(&publish.topic, look);
        is_wanted
    }

    /// The number of the next event. Events are in the order of their numbers, also of those before a restart that could not
    /// be restored: hence the time is in them.
    pub(super) fn next_number(&self, unix_ms: u64) -> u64 {
        (self.last + 1).max(unix_ms.saturating_mul(NUMBERS_PER_MS))
    }

    /// Records an event in every history it belongs to, and says whether there is one that has room for it.
    pub(super) fn record(&mut self, event: &Arc<Kept>) -> bool {
        if event.names_sessions() {
            return false;
        }
        self.last = self.last.max(event.number);
        let (rings, mut is_recorded) = (&mut self.rings, false);
        let mut record = |key: Key| is_recorded |= rings[key as usize].push(event);
        if let Some(key) = self.index.exact(&event.topic) {
            record(key);
        }
        self.index.visit_patterns(&event.topic, record);
        is_recorded
    }

    /// The events of a subscription; nothing if no rule covers it.
    pub(crate) fn select(
        &self,
        subscription: &Subscription,
        session: &Session,
        selection: &Selection,
        room: Room,
        now_ms: u64,
    ) -> Option<Selected> {
        let ring = self.covering(subscription)?;
        let (policy, uri) = (subscription.policy, &*subscription.uri);
        let oldest_ms = ring.rule.age_max_ms.map_or(0, |age| now_ms.saturating_sub(age));
        let Range { start, end, missed } = ring.range(selection, oldest_ms);
        let is_wanted = |event: &&Arc<Kept>| {
            event.unix_ms >= oldest_ms
                && selection.from_ms.is_none_or(|from| event.unix_ms >= from)
                && selection.before_ms.is_none_or(|before| event.unix_ms < before)
                && selection.topic.as_deref().is_none_or(|topic| topic == &*event.topic)
                && policy.matches(uri, &event.topic)
                && event.admits(session)
        };
        let events = ring.events.range(start..end);
        let max = selection.limit.unwrap_or(usize::MAX).min(room.events_max);
        let selected = match selection.reverse {
            true => take(events.rev().filter(is_wanted), max, room.bytes_max),
            false => take(events.filter(is_wanted), max, room.bytes_max),
        };
        Some(Selected { missed, ..selected })
    }

    /// The history of the most specific rule that has all events of the subscription.
    fn covering(&self, subscription: &Subscription) -> Option<&Ring> {
        let (policy, uri) = (subscription.policy, &*subscription.uri);
        if let Some(key) = self.index.get(policy, uri) {
            return Some(&self.rings[key as usize]);
        }
        let covers = |ring: &&Ring| covers((ring.rule.match_policy, &ring.rule.uri), (policy, uri));
        self.rings.iter().filter(covers).max_by_key(|ring| ring.rule.uri.len())
    }
}

fn take<'e>(events: impl Iterator<Item = &'e Arc<Kept>>, max: usize, bytes_max: usize) -> Selected {
    let mut selected = Selected::default();
    let mut bytes = 0;
    for event in events {
        bytes += event.bytes();
        if selected.events.len() >= max || (bytes > bytes_max && !selected.events.is_empty()) {
            selected.is_limit_reached = true;
            break;
        }
        selected.events.push(event.clone());
    }
    selected
}

impl Ring {
    /// Takes an event, unless it is too large by itself.
    fn push(&mut self, event: &Arc<Kept>) -> bool {
        let bytes = event.bytes();
        if bytes > self.rule.bytes_max || self.rule.events_max == 0 {
            return false;
        }
        self.bytes += bytes;
        self.events.push_back(event.clone());
        let oldest_ms = self.rule.age_max_ms.map_or(0, |age| event.unix_ms.saturating_sub(age));
        while let Some(first) = self.events.front()
            && (self.events.len() > self.rule.events_max
                || self.bytes > self.rule.bytes_max
                || first.unix_ms < oldest_ms)
        {
            self.bytes -= first.bytes();
            self.events.pop_front();
        }
        true
    }

    /// The places of the events between the publications of a selection. What is older than the rule allows counts as
    /// gone, like what had to make room.
    fn range(&self, selection: &Selection, oldest_ms: u64) -> Range {
        let mut missed = false;
        let mut place = |id: PublicationId| {
            let is_it = |event: &Arc<Kept>| event.publication == id && event.unix_ms >= oldest_ms;
            let place = self.events.iter().position(is_it);
            missed |= place.is_none();
            place
        };
        let from = selection.from.and_then(&mut place);
        let after = selection.after.and_then(&mut place).map(|at| at + 1);
        let before = selection.before.and_then(&mut place);
        let until = selection.until.and_then(&mut place).map(|at| at + 1);
        let start = from.max(after).unwrap_or(0);
        let end = before.into_iter().chain(until).min().unwrap_or(self.events.len());
        Range { start: start.min(end), end, missed }
    }
}

/// Places in a ring.
struct Range {
    start: usize,
    end: usize,
    missed: bool,
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::message::{PublishOptions, Receivers};
    use crossweave_wamp::{Dict, MatchPolicy, Payload, RequestId, Serializer, SessionId};

    use super::*;

    fn publish(topic: &'static str, bytes: usize) -> Publish<'static> {
        let payload = Payload::new(Serializer::MsgPack, &[vec![0; bytes].into()], &Dict::new());
        Publish { request: RequestId(1), options: PublishOptions::default(), topic: topic.into(), payload }
    }

    #[test]
    fn only_what_may_find_room_in_a_history_is_looked_at_closer() {
        let mut history = History::default();
        assert!(!history.wants(&publish("com.kept.x", 0)));
        for (uri, policy) in [
            ("com.kept.", MatchPolicy::Prefix),
            ("com.one", MatchPolicy::Exact),
            ("com..all", MatchPolicy::Wildcard),
        ] {
            assert!(history.add(HistoryRule { bytes_max: 1_000, ..HistoryRule::new(uri, policy) }));
        }
        for topic in ["com.kept.x", "com.one", "com.x.all"] {
            assert!(history.wants(&publish(topic, 0)), "{topic}");
            assert!(!history.wants(&publish(topic, 1_000)), "{topic}: too large");
        }
        for topic in ["com.kept", "com.one.more", "com.other", "com.x.y.all"] {
            assert!(!history.wants(&publish(topic, 0)), "{topic}: no rule");
        }
        let mut for_one = publish("com.one", 0);
        let receivers = Receivers { eligible: Some(vec![SessionId(1)]), ..Receivers::default() };
        for_one.options.receivers = Some(Box::new(receivers));
        assert!(!history.wants(&for_one), "an id means nothing to sessions to come");
    }
}
