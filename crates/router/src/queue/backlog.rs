//! Events that wait beside the queue of a session, each by the delivery contract of its subscription.
//!
//! ```text
//!  event of a subscription ──▶ below the low water, and nothing waits? ──▶ queue ──▶ socket
//!  with a contract                       │ no                                ▲
//!                                        ▼                                   │ the queue is empty
//!                                     backlog: a line for each subscription ─┘
//! ```
//!
//! An event in the queue is bytes in order, of which nothing can be taken out any more. In the backlog it can still be
//! dropped, or give its place to a newer one. Whoever empties the queue moves a portion of the backlog there, so that replies
//! and other events wait for that portion at most. Events with a contract leave in the order in which they came, whatever
//! their subscription; one that takes the place of another has that one's turn.
//!
//! While a resumable session has no connection, all of its events with a contract wait here, as a contract says better which of
//! them to keep than the ring does, and go on to its next connection.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use crossweave_router_core::boundary::Contract;
use crossweave_wamp::{Message, OnSlow, SubscriptionId};

use super::{Appended, Lane, Queue, QueueOptions};
use crate::dispatch::LARGE_PAYLOAD_LEN;
use crate::peer::Wire;

/// While fewer bytes wait in the queue, events with a contract go straight there. (Less where the queue may hold little.) Long
/// messages do not count here either: as many as may wait beside the bound go straight.
const LOW_WATER_BYTES: usize = 64 * 1024;

/// Bytes that move from the backlog to the queue at a time, or one event if that is longer.
const PORTION_BYTES: usize = 16 * 1024;

/// What a waiting event takes besides its bytes, as it counts against the bound of the queue.
const OVERHEAD_BYTES: usize = 160;

/// An event for a subscriber with a contract.
pub(crate) struct Offer<'e> {
    pub(crate) subscription: SubscriptionId,
    pub(crate) contract: &'e Contract,
    /// As it goes into the queue.
    pub(crate) framed: &'e Bytes,
    /// The message's own length in octets.
    pub(crate) body_len: usize,
    /// What makes it a version of another one, under this contract. None if nothing does.
    pub(crate) key: Option<&'e Arc<[u8]>>,
}

/// How events look on the session's wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) wire: Wire,
    /// The longest message the peer takes.
    pub(crate) message_len_max: usize,
}

/// The events that wait for one session.
#[derive(Debug)]
pub(super) struct Backlog {
    shape: Shape,
    lines: BTreeMap<SubscriptionId, Line>,
    /// The first event of each line that has one, by its turn.
    turns: BTreeMap<u64, SubscriptionId>,
    last_turn: u64,
    /// What all of it counts for.
    bytes: usize,
}

/// The events of one subscription.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Events that have left at the front since the line was made: the first one that waits is the one of this number.
    left: u64,
    /// The number of the event with each key.
    by_key: HashMap<Arc<[u8]>, u64>,
    /// Events lost behind the last one that waits.
    lost: u64,
    tells_lost: bool,
}

#[derive(Debug)]
struct Waiting {
    turn: u64,
    framed: Bytes,
    body_len: usize,
    key: Option<Arc<[u8]>>,
    /// Events lost between the one before it and this one.
    lost: u64,
}

impl Waiting {
    fn cost(&self) -> usize {
        cost(&self.framed, self.key.as_ref())
    }
}

fn cost(framed: &Bytes, key: Option<&Arc<[u8]>>) -> usize {
    OVERHEAD_BYTES + framed.len() + key.map_or(0, |key| key.len())
}

/// What became of an event that came to a line.
enum Admitted {
    /// It waits, and so many were lost for it; or it is one of those.
    Lost(u64),
    /// It has taken the place of an older version.
    Replaced,
    /// The contract says that the session is to be closed.
    Overflow,
}

impl Line {
    /// Where the event with this key waits.
    fn position(&self, key: Option<&Arc<[u8]>>) -> Option<usize> {
        self.by_key.get(key?).map(|number| (number - self.left) as usize)
    }

    fn push(&mut self, turn: u64, offer: &Offer<'_>) {
        if let Some(key) = offer.key {
            self.by_key.insert(key.clone(), self.left + self.waiting.len() as u64);
        }
        let lost = std::mem::take(&mut self.lost);
        let (framed, body_len, key) = (offer.framed.clone(), offer.body_len, offer.key.cloned());
        self.waiting.push_back(Waiting { turn, framed, body_len, key, lost });
    }

    fn pop(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        if let Some(key) = &first.key {
            self.by_key.remove(key);
        }
        self.left += 1;
        Some(first)
    }

    /// So many events were lost before the first one that waits.
    fn lose_at_front(&mut self, events: u64) {
        match self.waiting.front_mut() {
            Some(next) => next.lost += events,
            None => self.lost += events,
        }
    }

    /// Drops the event that has waited longest. What it counted for.
    fn drop_oldest(&mut self) -> Option<usize> {
        let oldest = self.pop()?;
        self.lose_at_front(oldest.lost + 1);
        Some(oldest.cost())
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && (self.lost == 0 || !self.tells_lost)
    }
}

impl Backlog {
    fn new(shape: Shape) -> Self {
        Backlog { shape, lines: BTreeMap::new(), turns: BTreeMap::new(), last_turn: 0, bytes: 0 }
    }

    /// The line of this subscription, under this contract.
    fn line(&mut self, subscription: SubscriptionId, contract: &Contract) -> &mut Line {
        let line = self.lines.entry(subscription).or_default();
        line.tells_lost = contract.tells_lost;
        line
    }

    /// Changes a line, and keeps the turns and the sum of bytes.
    fn change<T>(
        &mut self,
        subscription: SubscriptionId,
        change: impl FnOnce(&mut Line, &mut usize) -> T,
    ) -> Option<T> {
        let line = self.lines.get_mut(&subscription)?;
        let before = line.waiting.front().map(|first| first.turn);
        let changed = change(line, &mut self.bytes);
        let after = line.waiting.front().map(|first| first.turn);
        if before != after {
            before.and_then(|turn| self.turns.remove(&turn));
            after.map(|turn| self.turns.insert(turn, subscription));
        }
        if line.is_over() {
            self.lines.remove(&subscription);
        }
        Some(changed)
    }

    /// Lets an event wait, with so many bytes of room for all that does, or does what its contract says instead.
    fn admit(&mut self, offer: &Offer<'_>, bytes_max: usize) -> Admitted {
        self.last_turn += 1;
        let turn = self.last_turn;
        self.line(offer.subscription, offer.contract);
        self.change(offer.subscription, |line, bytes| admit(line, bytes, turn, offer, bytes_max))
            .unwrap_or(Admitted::Lost(1))
    }

    /// The event whose turn it is.
    fn pop(&mut self) -> Option<(SubscriptionId, Waiting, bool)> {
        let (_, subscription) = self.turns.first_key_value()?;
        let subscription = *subscription;
        let (first, tells_lost) = self.change(subscription, |line, bytes| {
            let first = line.pop();
            *bytes -= first.as_ref().map_or(0, Waiting::cost);
            (first, line.tells_lost)
        })?;
        Some((subscription, first?, tells_lost))
    }

    /// The event as it goes into the queue; nothing if it has become longer than the session takes.
    fn finish(&self, event: &Waiting, tells_lost: bool) -> Option<Bytes> {
        match tells_lost && event.lost > 0 {
            false => Some(event.framed.clone()),
            true => self.shape.with_lost(&event.framed, event.body_len, event.lost),
        }
    }

    /// So many events of a subscription were lost before the next one.
    fn lose(&mut self, subscription: SubscriptionId, contract: &Contract, events: u64) {
        self.line(subscription, contract);
        self.change(subscription, |line, _| line.lost += events);
    }
}

fn admit(line: &mut Line, bytes: &mut usize, turn: u64, offer: &Offer<'_>, bytes_max: usize) -> Admitted {
    let delivery = &offer.contract.delivery;
    let cost = cost(offer.framed, offer.key);
    let mut lost = 0;
    loop {
        let older = line.position(offer.key);
        let room = older.map_or(0, |at| line.waiting[at].cost());
        let has_place = older.is_some() || (line.waiting.len() as u64) < delivery.queue_len_max;
        if has_place && *bytes - room + cost <= bytes_max {
            *bytes = *bytes - room + cost;
            let Some(at) = older else {
                line.push(turn, offer);
                return Admitted::Lost(lost);
            };
            let older = &mut line.waiting[at];
            (older.framed, older.body_len) = (offer.framed.clone(), offer.body_len);
            older.lost += 1;
            return if lost == 0 { Admitted::Replaced } else { Admitted::Lost(lost + 1) };
        }
        match delivery.on_slow {
            OnSlow::Disconnect => return Admitted::Overflow,
            OnSlow::DropOldest | OnSlow::Conflate if let Some(freed) = line.drop_oldest() => {
                *bytes -= freed;
                lost += 1;
            }
            _ => {
                line.lost += 1;
                return Admitted::Lost(lost + 1);
            }
        }
    }
}

impl Shape {
    /// The framed event again, with `_lost` in its details.
    fn with_lost(&self, framed: &[u8], body_len: usize, lost: u64) -> Option<Bytes> {
        let body = framed.get(framed.len().checked_sub(body_len)?..)?;
        let message = self.wire.batching.split(body).next()?.ok()?;
        let Ok(Message::Event(mut event)) = Message::decode(self.wire.serializer, message) else {
            return None;
        };
        event.details.lost = lost;
        let mut buffer = Vec::new();
        let framed = self.wire.append(&event.into(), &mut buffer);
        (framed.body_len() <= self.message_len_max).then(|| framed.shared(buffer))
    }
}

impl Queue {
    /// Takes an event for a subscriber with a contract, or does what the contract says.
    #[cold]
    pub(crate) fn offer(&mut self, offer: &Offer<'_>, shape: Shape, options: &QueueOptions) -> Appended {
        if offer.body_len > shape.message_len_max {
            return self.lose_too_long(offer, shape);
        }
        let low_water = LOW_WATER_BYTES.min(options.bytes_max / 2);
        let waits = self.backlog.as_ref().is_some_and(|backlog| !backlog.turns.is_empty());
        let parked_room = self.resumption.as_ref().and_then(|resumption| resumption.parked_room());
        let is_straight = parked_room.is_none() && !waits && self.len_beside_long() < low_water;
        let is_long = is_straight
            && offer.framed.len() >= LARGE_PAYLOAD_LEN
            && self.takes_long(offer.framed.len(), Lane::Event, options);
        if is_long || (is_straight && !self.is_full(offer.framed.len(), Lane::Event, options)) {
            return self.go_straight(offer, shape, is_long);
        }
        let waiting = self.len_beside_long();
        let room = options.bytes_max.saturating_sub(waiting).min(parked_room.unwrap_or(usize::MAX));
        let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(shape)));
        let admitted = backlog.admit(offer, room);
        self.note_backlog();
        match admitted {
            Admitted::Overflow => Appended::Overflow,
            Admitted::Lost(0) => Appended::Queued,
            // That is what was agreed on, and no news for the log.
            Admitted::Replaced => {
                self.dropped += 1;
                self.lose_by(offer.contract, 1);
                Appended::Queued
            }
            Admitted::Lost(events) => {
                self.lose_by(offer.contract, events);
                let is_first = self.dropped_in_a_row == 0;
                self.dropped += events;
                self.dropped_in_a_row += events;
                Appended::Dropped { is_first }
            }
        }
    }

    fn go_straight(&mut self, offer: &Offer<'_>, shape: Shape, is_long: bool) -> Appended {
        let mut lost = 0;
        if let Some(backlog) = &mut self.backlog {
            let taken = backlog.change(offer.subscription, |line, _| std::mem::take(&mut line.lost));
            lost = taken.unwrap_or(0);
            self.note_backlog();
        }
        if lost == 0 || !offer.contract.tells_lost {
            self.push(offer.framed.clone(), is_long);
            return self.appended();
        }
        match shape.with_lost(offer.framed, offer.body_len, lost) {
            Some(framed) => {
                self.push(framed, is_long);
                self.appended()
            }
            None => {
                self.lose(offer, shape, lost);
                self.lose_too_long(offer, shape)
            }
        }
    }

    /// Whether many events may come at once: while less than half of the bound waits.
    pub(crate) fn has_room(&self, options: &QueueOptions) -> bool {
        self.waiting_bytes() <= options.bytes_max / 2
    }

    /// Events of one subscription find no room, whatever they are.
    #[cold]
    pub(crate) fn drop_events(
        &mut self,
        contract: Option<(SubscriptionId, &Contract)>,
        events: u64,
        shape: Shape,
        options: &QueueOptions,
    ) -> Appended {
        match contract {
            None if options.on_slow == super::OnSlow::Disconnect => return Appended::Overflow,
            Some((_, contract)) if contract.delivery.on_slow == OnSlow::Disconnect => {
                return Appended::Overflow;
            }
            Some((subscription, contract)) if contract.tells_lost => {
                let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(shape)));
                backlog.lose(subscription, contract, events);
                self.note_backlog();
            }
            _ => self.lose_untold(events),
        }
        let is_first = self.dropped_in_a_row == 0;
        self.dropped += events;
        self.dropped_in_a_row += events;
        Appended::Dropped { is_first }
    }

    /// The event is longer than the session takes.
    fn lose_too_long(&mut self, offer: &Offer<'_>, shape: Shape) -> Appended {
        self.lose(offer, shape, 1);
        self.count_too_long()
    }

    fn lose(&mut self, offer: &Offer<'_>, shape: Shape, events: u64) {
        if offer.contract.tells_lost {
            let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(shape)));
            backlog.lose(offer.subscription, offer.contract, events);
        }
    }

    /// Events are not delivered by a contract, which may not be the session's own: then no `_lost` tells of them.
    fn lose_by(&mut self, contract: &Contract, events: u64) {
        if !contract.tells_lost {
            self.lose_untold(events);
        }
    }

    /// Moves a portion of the backlog to the queue, which is empty. Whether there was any.
    #[cold]
    pub(super) fn refill(&mut self) -> bool {
        let Some(mut backlog) = self.backlog.take() else { return false };
        while self.len() < PORTION_BYTES
            && let Some((subscription, event, tells_lost)) = backlog.pop()
        {
            match backlog.finish(&event, tells_lost) {
                Some(framed) => self.push(framed, false),
                None => {
                    self.dropped += 1;
                    backlog.lines.entry(subscription).or_default().tells_lost = tells_lost;
                    backlog.change(subscription, |line, _| line.lose_at_front(event.lost + 1));
                }
            }
        }
        self.backlog = Some(backlog);
        self.note_backlog();
        self.len() > 0
    }

    /// Appends a framed event: one with a large payload by reference. The session has a connection.
    fn push(&mut self, framed: Bytes, is_long: bool) {
        if self.resumption.is_some() {
            self.keep(|| framed.clone(), Lane::Event);
        }
        if framed.len() >= LARGE_PAYLOAD_LEN {
            return self.push_shared(framed, is_long);
        }
        self.ensure_buffer();
        self.bytes.extend_from_slice(&framed);
    }

    /// What waits for this subscription is not delivered.
    pub(crate) fn forget(&mut self, subscription: SubscriptionId) {
        let Some(backlog) = &mut self.backlog else { return };
        backlog.change(subscription, |line, bytes| {
            *bytes -= line.waiting.drain(..).map(|event| event.cost()).sum::<usize>();
            line.lost = 0;
        });
        self.note_backlog();
    }

    /// Nothing that waits is delivered: the session ends.
    pub(crate) fn forget_all(&mut self) {
        self.backlog = None;
        self.backlog_bytes = 0;
    }

    /// What waits, for the session's next queue.
    pub(super) fn take_backlog(&mut self) -> Option<Box<Backlog>> {
        self.backlog_bytes = 0;
        self.backlog.take()
    }

    /// What waited in the session's last queue.
    pub(super) fn put_backlog(&mut self, backlog: Option<Box<Backlog>>) {
        self.backlog = backlog;
        self.note_backlog();
    }

    fn note_backlog(&mut self) {
        self.backlog.take_if(|backlog| backlog.lines.is_empty());
        self.backlog_bytes = self.backlog.as_ref().map_or(0, |backlog| backlog.bytes);
    }
}

#[cfg(test)]
mod tests;
