//! Calls that end otherwise than by an answer: canceled, given up as their caller is not given a part of the result, or as one side leaves.
//! Specification: "Call Canceling".

use crossweave_wamp::RequestId;
use crossweave_wamp::message::Cancel;
use hashbrown::HashMap;

use super::Dealer;
use super::invocation::Event;
use crate::boundary::{Outbox, Slot, Undelivered};
use crate::session::Sessions;
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

    /// Ends the invocations and calls of a session that has been taken out of `sessions`.
    pub(crate) fn leave<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        calls: HashMap<RequestId, Key>,
        invocations: HashMap<RequestId, Key>,
        out: &mut O,
    ) {
        for key in in_order(invocations) {
            self.advance(sessions, key, Event::CalleeLeft, out);
        }
        for key in in_order(calls) {
            // A call of the session to itself has ended with its invocation above.
            if self.invocations.get(key).is_some() {
                self.advance(sessions, key, Event::CallerLeft, out);
            }
        }
    }
}

/// Keys in the order of their requests, so that the same inputs give the same outputs.
pub(super) fn in_order(table: HashMap<RequestId, Key>) -> impl Iterator<Item = Key> {
    let mut entries: Vec<(RequestId, Key)> = table.into_iter().collect();
    entries.sort_unstable();
    entries.into_iter().map(|(_, key)| key)
}
