//! Callees without a connection: which of several callees gets a call then, and what becomes of the calls of one that fell silent.
//!
//! A callee that is away keeps its place in its registrations, as it may come back. While another callee of the procedure is there, it
//! gets nothing: no call, no queued one and no rerouted one. A call that only callees have that are away waits for them.
//!
//! Of one that did not answer nobody knows whether it will. Its calls under shared registrations end, since their callers could
//! have had another callee. It is told by INTERRUPT, which waits for it with its other messages. They end in portions, like those of one
//! who has left, and if it is back before their turn, they go on.

use crossweave_wamp::message::InvokePolicy;

use super::Dealer;
use super::invocation::Event;
use super::registration::{Callee, Registration};
use crate::boundary::{Outbox, Slot};
use crate::ids::Ids;
use crate::session::Sessions;
use crate::slab::Key;

impl Dealer {
    /// Ends the next of the calls that silent callees have, if others could have had it.
    #[cold]
    pub(crate) fn end_next_unanswered<O: Outbox>(&mut self, sessions: &mut Sessions, out: &mut O) {
        let Some((callee, request)) = sessions.next_unanswered() else { return };
        // None where it has ended in another way since.
        let key = sessions.sender(callee).invocations.get(&request).copied();
        if let Some(key) = key.filter(|key| self.is_shared(*key)) {
            self.advance(sessions, key, Event::CalleeSilent, out);
        }
    }

    /// Whether an invocation came through a registration that others may have, too, and that is still there.
    fn is_shared(&self, key: Key) -> bool {
        let Some(invocation) = self.invocations.get(key) else { return false };
        let registration = self.registrations.get(invocation.place);
        registration.is_some_and(|it| it.id == invocation.registration && it.invoke != InvokePolicy::Single)
    }

    /// A callee has a connection again, and may have room for calls that wait.
    #[cold]
    pub(crate) fn is_back(&mut self, sessions: &Sessions, callee: Slot) {
        // Calls that wait are kept.
        if self.kept.is_empty() {
            return;
        }
        for place in sessions.sender(callee).registrations.values() {
            if let Some(queue) = self.registrations[*place].queue {
                self.make_ready(queue);
            }
        }
    }
}

/// Whether a callee has a connection.
pub(super) fn is_there(sessions: &Sessions, callee: &Callee) -> bool {
    sessions.get(callee.slot).is_some_and(|peer| !peer.is_away)
}

/// The callee that gets a call: of those with a connection, if there are such.
#[cold]
#[inline(never)]
pub(super) fn choose_there(
    registration: &mut Registration,
    ids: &mut Ids,
    sessions: &Sessions,
    can_take: impl Fn(&Callee) -> bool,
) -> Option<usize> {
    match registration.callees.iter().any(|callee| is_there(sessions, callee)) {
        true => registration.choose(ids, |callee| can_take(callee) && is_there(sessions, callee)),
        false => registration.choose(ids, can_take),
    }
}
