//! Calls that end otherwise than by an answer: canceled, given up as their caller is not given a part of the result, or as one side leaves.
//! Specification: "Call Canceling".
//!
//! The calls of a session that has left end one by one, as many in one turn as [`crate::realm::leaving`] says. Until its turn comes an
//! invocation is in the tables of both sessions, as always, and can end in every other way; but nothing is sent to who has left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crossweave_wamp::RequestId;
use crossweave_wamp::message::Cancel;
use hashbrown::HashMap;

use super::Dealer;
use super::invocation::Event;
use crate::boundary::{Outbox, Slot, Undelivered};
use crate::session::{Peer, Sessions};
use crate::slab::Key;

impl Dealer {
    /// CANCEL. For a call that is not in flight it does nothing: it may have crossed the answer.
    pub(crate) fn cancel<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        cancel: &Cancel,
        out: &mut O,
    ) {
        if let Some(key) = sessions.sender(from).calls.get(&cancel.request) {
            self.advance(sessions, *key, Event::Cancel(cancel.mode.unwrap_or_default()), out);
        }
    }

    /// Ends a call whose caller cannot be given a part of the result.
    #[cold]
    pub(crate) fn unreceived<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        caller: Slot,
        request: RequestId,
        why: Undelivered,
        out: &mut O,
    ) {
        if let Some(key) = sessions.sender(caller).calls.get(&request) {
            self.advance(sessions, *key, Event::Unreceived(why), out);
        }
    }

    /// Ends the next of the invocations and calls of a session that has left, and says whether there was one.
    pub(crate) fn end_next<O: Outbox>(&mut self, sessions: &mut Sessions, slot: Slot, out: &mut O) -> bool {
        let Some(peer) = sessions.leaving_mut(slot) else { return false };
        let (ended, event) = if let Some(request) = peer.ending.next_invocation() {
            (peer.invocations.get(&request).copied(), Event::CalleeLeft)
        } else if let Some(Reverse(request)) = peer.ending.calls.pop() {
            (peer.calls.get(&request).copied(), Event::CallerLeft)
        } else {
            return false;
        };
        // None where it has ended in another way since.
        if let Some(key) = ended {
            self.advance(sessions, key, event, out);
        }
        true
    }
}

/// The requests of the invocations and calls that a session had when it left, the first in front, so that the same inputs give the
/// same outputs.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    invocations: BinaryHeap<Reverse<RequestId>>,
    calls: BinaryHeap<Reverse<RequestId>>,
}

impl Ending {
    pub(crate) fn of(peer: &Peer) -> Self {
        let requests = |table: &HashMap<RequestId, Key>| table.keys().copied().map(Reverse).collect();
        Ending { invocations: requests(&peer.invocations), calls: requests(&peer.calls) }
    }

    /// What a session has to answer, and nothing else.
    pub(crate) fn of_callee(peer: &Peer) -> Self {
        let invocations = peer.invocations.keys().copied().map(Reverse).collect();
        Ending { invocations, calls: BinaryHeap::new() }
    }

    pub(crate) fn next_invocation(&mut self) -> Option<RequestId> {
        self.invocations.pop().map(|Reverse(request)| request)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.invocations.is_empty() && self.calls.is_empty()
    }
}
