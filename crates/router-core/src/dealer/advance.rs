//! Moves invocations on: what the state machine of [`invocation`](super::invocation) says becomes of one is done here, in the tables of
//! the dealer and of both sessions.

use std::borrow::Cow;

use crossweave_wamp::message::{CancelMode, Interrupt, Kind};
use crossweave_wamp::{Message, RequestId, uris};

use super::Dealer;
use super::invocation::{Event, Invocation, State, ToCaller};
use crate::boundary::{Outbox, Slot};
use crate::session::Sessions;
use crate::slab::Key;

impl Dealer {
    /// Moves an invocation on, and tells callee and caller what that means to them. What the callee itself said to the caller
    /// is left to the one who has it ([`ToCaller::Answer`]).
    ///
    /// The only place where an invocation changes or ends.
    #[inline]
    pub(super) fn advance<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        key: Key,
        event: Event,
        out: &mut O,
    ) -> ToCaller {
        let invocation = self.invocations[key];
        let is_anybody_leaving = sessions.is_anybody_leaving();
        let event = if is_anybody_leaving { or_callee_left(sessions, &invocation, event) } else { event };
        let mut step = invocation.step(event);
        if step.state == Some(State::Abandoned) && invocation.state != State::Abandoned {
            step.state = self.abandon(sessions, invocation.callee);
        }
        if step.state != Some(invocation.state) {
            self.enter(sessions, key, step.state);
        }
        if let Some(mode) = step.interrupt {
            let reason = if event == Event::Timeout { uris::TIMEOUT } else { uris::CANCELED };
            out.send(invocation.callee, &interrupt(invocation.request, mode, reason));
        }
        // One that has left gets nothing, neither of the realm nor of its callee.
        if is_anybody_leaving && sessions.get(invocation.caller).is_none() {
            return ToCaller::Nothing;
        }
        if let Some(refused) = step.caller.refusal() {
            out.send(invocation.caller, &refused.to_error(Kind::Call, invocation.call));
        }
        step.caller
    }

    /// Counts one more invocation that a callee owes an answer nobody waits for; it ends at once if there are too many.
    fn abandon(&self, sessions: &mut Sessions, callee: Slot) -> Option<State> {
        let callee = sessions.get_mut(callee)?;
        let has_room = callee.abandoned < self.limits.abandoned_per_session_max;
        callee.abandoned += usize::from(has_room);
        has_room.then_some(State::Abandoned)
    }

    /// Takes an invocation out of the tables its new state has no part in.
    pub(super) fn enter(&mut self, sessions: &mut Sessions, key: Key, state: Option<State>) {
        let invocation = self.invocations[key];
        if invocation.state != State::Abandoned && state != Some(State::Interrupted) {
            self.release_caller(sessions, key, &invocation);
        }
        if !self.kept.is_empty() {
            self.forget_kept(key);
        }
        if let Some(state) = state {
            self.invocations[key].state = state;
            return;
        }
        self.invocations.remove(key);
        if let Some(callee) = sessions.anyone_mut(invocation.callee) {
            callee.invocations.remove(&invocation.request);
            callee.abandoned -= usize::from(invocation.state == State::Abandoned);
        }
        if let Some(number) = invocation.counted
            && let Some(registration) = self.registrations.get_mut(invocation.place)
        {
            registration.give_back(number);
            if let Some(queue) = registration.queue {
                self.make_ready(queue);
            }
        }
    }

    fn release_caller(&mut self, sessions: &mut Sessions, key: Key, invocation: &Invocation) {
        if let Some(deadline) = invocation.deadline {
            self.timeouts.remove(&(deadline, key));
        }
        if invocation.is_open {
            self.forget_parts(key);
        }
        let Some(caller) = sessions.anyone_mut(invocation.caller) else { return };
        caller.calls.remove(&invocation.call);
        if invocation.is_open {
            caller.open_calls -= 1;
            caller.end_open_call(invocation.call, &self.limits);
        }
    }
}

/// The event; or that the callee has left, where the turn of the invocation to end for that has not come: it comes now.
#[cold]
#[inline(never)]
fn or_callee_left(sessions: &Sessions, invocation: &Invocation, event: Event) -> Event {
    let has_left = invocation.state != State::Queued && sessions.get(invocation.callee).is_none();
    if has_left { Event::CalleeLeft } else { event }
}

pub(super) fn interrupt(request: RequestId, mode: CancelMode, reason: &'static str) -> Message<'static> {
    let (mode, reason) = (Some(mode), Some(Cow::Borrowed(reason)));
    Interrupt { request, mode, reason, forward_for: None }.into()
}
