//! Calls that come in parts: later ones go where the first one went. Specification: "Progressive Call Invocations".

use crossweave_wamp::message::{self, Call, CancelMode, InvocationDetails};
use crossweave_wamp::{ProtocolViolation, RegistrationId, RequestId, uris};
use hashbrown::HashMap;

use super::Dealer;
use super::advance::interrupt;
use super::invocation::{Event, State};
use crate::boundary::{Outbox, Slot};
use crate::session::Sessions;
use crate::slab::Key;

/// Details of invocations by their place.
pub(super) type Frozen = HashMap<Key, Box<InvocationDetails<'static>>>;

impl Dealer {
    /// The parts of a progressive call have ended.
    #[cold]
    #[inline(never)]
    pub(super) fn forget_parts(&mut self, key: Key) {
        self.frozen.remove(&key);
    }

    /// One more CALL of a progressive call: to the same callee, whatever its procedure says.
    #[inline(never)]
    pub(crate) fn continue_call<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        key: Key,
        call: &mut Call<'_>,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        let invocation = &mut self.invocations[key];
        if !invocation.is_open {
            return Err(ProtocolViolation::new(format!("call {} is still in flight", call.request)));
        }
        if sessions.is_anybody_leaving() && sessions.get(invocation.callee).is_none() {
            self.callee_has_left(sessions, from, key, call, out);
            return Ok(());
        }
        invocation.has_more_parts = true;
        if !call.options.progress {
            invocation.is_open = false;
            sessions.sender_mut(from).open_calls -= 1;
        }
        let (request, payload) = (invocation.request, call.payload.borrowed());
        let (registration, callee) = (invocation.registration, invocation.callee);
        // What the first CALL said counts for all: its options are frozen.
        let mut details = self.frozen.get(&key).map(|details| (**details).clone()).unwrap_or_default();
        details.progress = call.options.progress;
        if !call.options.progress {
            self.forget_parts(key);
        }
        out.send(callee, &message::Invocation { request, registration, details, payload }.into());
        Ok(())
    }

    /// A part is for a callee that has left, and the call's turn to end for that has not come: it comes now.
    #[cold]
    fn callee_has_left<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        key: Key,
        call: &Call<'_>,
        out: &mut O,
    ) {
        self.advance(sessions, key, Event::CalleeLeft, out);
        // The part is the first behind the end, and may be the last of all.
        sessions.sender_mut(from).is_late_continuation(call);
    }

    /// A part of a progressive call does not reach its callee, and the call ends: a callee that has other parts is told.
    #[cold]
    pub(crate) fn part_is_undelivered<O: Outbox>(
        &self,
        sessions: &Sessions,
        callee: Slot,
        request: RequestId,
        out: &mut O,
    ) {
        let key = sessions.sender(callee).invocations.get(&request);
        if key.is_some_and(|key| {
            let invocation = &self.invocations[*key];
            invocation.has_more_parts && invocation.state == State::Running
        }) {
            out.send(callee, &interrupt(request, CancelMode::KillNoWait, uris::CANCELED));
        }
    }
}

/// Keeps what a callee is told with every part of a progressive call.
#[cold]
#[inline(never)]
pub(super) fn freeze(frozen: &mut Frozen, key: Key, details: &InvocationDetails<'_>) {
    frozen.insert(key, Box::new(owned_details(details)));
}

/// The same details with texts of their own.
fn owned_details(details: &InvocationDetails<'_>) -> InvocationDetails<'static> {
    let invocation = message::Invocation {
        request: RequestId(0),
        registration: RegistrationId(0),
        details: details.clone(),
        payload: crossweave_wamp::Payload::empty(),
    };
    match crossweave_wamp::Message::Invocation(invocation).into_owned() {
        crossweave_wamp::Message::Invocation(it) => it.details,
        _ => unreachable!("an owned INVOCATION is an INVOCATION"),
    }
}
