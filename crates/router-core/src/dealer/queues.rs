//! The calls that wait, in a queue for each registration that has such, and which queue is next to be looked at.
//!
//! A queue knows its registration and the registration its queue, so that it goes to another registration, or to none, in one step,
//! however long it is. None is empty, and none has two turns: there are never more of both than calls that wait.

use std::collections::BTreeMap;

use crate::slab::{Key, Slab};

/// All queues, and those of them with calls that need not wait any more.
#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: Slab<Queue>,
    /// Those with such calls, in the order in which that came up.
    turns: BTreeMap<u64, Key>,
    last_turn: u64,
    last_ticket: u64,
}

/// Calls that wait at one registration.
#[derive(Debug)]
struct Queue {
    /// In the order they came.
    calls: BTreeMap<u64, Key>,
    /// Their registration; none if it is gone.
    place: Option<Key>,
    turn: Option<u64>,
}

/// Where a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    queue: Key,
    ticket: u64,
}

impl Queues {
    /// Puts a call behind those that wait at a registration. It has this queue, or gets it now.
    pub(super) fn push(&mut self, place: Key, queue: &mut Option<Key>, call: Key) -> Queued {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let new = || Queue { calls: BTreeMap::new(), place: Some(place), turn: None };
        let queue = *queue.get_or_insert_with(|| self.queues.insert(new()));
        self.queues[queue].calls.insert(ticket, call);
        Queued { queue, ticket }
    }

    /// Takes a call out. Returns the registration that has no queue any more, if this was its last call.
    pub(super) fn remove(&mut self, Queued { queue, ticket }: Queued) -> Option<Key> {
        self.queues[queue].calls.remove(&ticket);
        if !self.queues[queue].calls.is_empty() {
            return None;
        }
        let Queue { place, turn, .. } = self.queues.remove(queue)?;
        turn.map(|turn| self.turns.remove(&turn));
        place
    }

    /// How many calls wait there.
    pub(super) fn len(&self, queue: Option<Key>) -> usize {
        queue.map_or(0, |queue| self.queues[queue].calls.len())
    }

    /// The call that is next, if the queue is still there.
    pub(super) fn first(&self, queue: Key) -> Option<Key> {
        self.queues.get(queue)?.calls.first_key_value().map(|(_, call)| *call)
    }

    /// The registration at which calls wait.
    pub(super) fn place(&self, queue: Key) -> Option<Key> {
        self.queues[queue].place
    }

    /// Lets all calls of a queue wait at another registration, or at none.
    pub(super) fn move_to(&mut self, queue: Key, place: Option<Key>) {
        self.queues[queue].place = place;
        self.make_ready(queue);
    }

    /// Calls of this queue may have to wait no more.
    pub(super) fn make_ready(&mut self, queue: Key) {
        let turn = &mut self.queues[queue].turn;
        if turn.is_none() {
            self.last_turn += 1;
            *turn = Some(self.last_turn);
            self.turns.insert(self.last_turn, queue);
        }
    }

    /// Whether calls of any queue may have to wait no more.
    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.turns.is_empty()
    }

    /// The queue whose turn it is. It has none then.
    pub(super) fn next_ready(&mut self) -> Option<Key> {
        let (_, queue) = self.turns.pop_first()?;
        self.queues[queue].turn = None;
        Some(queue)
    }

    /// Number of queues.
    pub(super) fn count(&self) -> usize {
        self.queues.len()
    }
}
