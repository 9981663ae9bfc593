//! The life of an invocation: from INVOCATION to the one answer its caller gets.
//!
//! ```text
//!                   YIELD progress: RESULT progress
//!                      ┌──┐                         ┌──┐
//!                      │  ▼       CANCEL kill       │  ▼
//!  INVOCATION ──────▶ Running ──────────────────▶ Interrupted
//!                       │ │        INTERRUPT kill    │ │
//!   YIELD, ERROR:       │ │                          │ │
//!     RESULT, ERROR     │ └────────────┬─────────────┘ │
//!   callee leaves:      │              │ the caller no longer waits:
//!     ERROR canceled    │              │   CANCEL skip, killnowait: ERROR canceled
//!                       ▼              │   timeout: ERROR timeout
//!                     ended ◀──────────┤   it leaves: nobody to answer
//!                       ▲              │   it cannot be given a part of the result: ERROR that says why
//!                       │              │   it was refused a part of the call: that ERROR was its answer
//!                       │              │ and from Running, where the callee can be interrupted and CANCEL is not skip:
//!                       │              │   INTERRUPT killnowait, and that is the end
//!                       │              │ otherwise, where somebody counts the callee's calls:
//!                       │              ▼
//!                       └────────── Abandoned
//!       YIELD, ERROR, callee leaves: nothing is sent, its place is free again
//! ```
//!
//! A callee that did not announce `call_canceling` is never interrupted: CANCEL is then as `skip`, in every mode.
//! A timeout is for the first answer, and from each progressive result to the next.
//! Every way into *ended* or *Abandoned* answers the caller exactly once or finds it gone, and no way leads back. An answer
//! that comes after *ended* is legal, as it may have crossed the INTERRUPT; it is counted and forgotten.
//!
//! *Abandoned* exists so that a callee with a concurrency limit is not handed a new call for one that it still works on, or
//! owes an answer to. INTERRUPT with `killnowait` asks for none, and many clients give none: there the place is free at once.
//! A callee names its limit itself and may register anew, so what is remembered has a bound of its own,
//! [`abandoned_per_session_max`](crate::limits::RealmLimits::abandoned_per_session_max): beyond it, *ended* takes the place of
//! *Abandoned*.

use std::time::Instant;

use crossweave_wamp::message::CancelMode;
use crossweave_wamp::{RegistrationId, RequestId, uris};

use crate::boundary::{Slot, Undelivered};
use crate::refused::Refused;
use crate::slab::Key;

/// A call at its callee.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invocation {
    pub(super) state: State,
    /// Who called. Means nothing once [`State::Abandoned`].
    pub(super) caller: Slot,
    /// The caller's id for it.
    pub(super) call: RequestId,
    /// Who is to answer.
    pub(super) callee: Slot,
    /// The callee's id for it.
    pub(super) request: RequestId,
    /// The registration it came through, which may be gone.
    pub(super) registration: RegistrationId,
    /// Where that registration is, or was.
    pub(super) place: Key,
    /// The callee's number in the registration, if its calls are counted.
    pub(super) counted: Option<u64>,
    /// The callee announced `call_canceling`.
    pub(super) can_interrupt: bool,
    /// The callee announced `call_reroute`.
    pub(super) can_reroute: bool,
    /// The caller asked for progressive results.
    pub(super) receive_progress: bool,
    /// The caller may send more CALLs of the same request.
    pub(super) is_open: bool,
    /// It has sent more than one.
    pub(super) has_more_parts: bool,
    /// How long the caller waits for the result, or from one part of it to the next, in milliseconds; 0 for ever.
    pub(super) timeout_ms: u64,
    pub(super) deadline: Option<Instant>,
}

/// Where an invocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No callee has room for it yet. It ends as a running one that nobody can interrupt, or another invocation begins.
    Queued,
    /// Caller and callee are at it.
    Running,
    /// The callee was interrupted, the caller waits for what it answers.
    Interrupted,
    /// The caller was answered or is gone; the callee still counts as busy.
    Abandoned,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// YIELD with `progress`.
    Progress,
    /// YIELD, or ERROR.
    Answer,
    /// CANCEL.
    Cancel(CancelMode),
    /// Its deadline has passed.
    Timeout,
    /// A progressive result cannot be given to the caller.
    Unreceived(Undelivered),
    /// The caller was refused a part of the call, and told so.
    PartRefused,
    /// The caller's session ended.
    CallerLeft,
    /// The callee's session ended, or the registration at which the call waits.
    CalleeLeft,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The next state; `None` has ended.
    pub(super) state: Option<State>,
    /// What the caller gets.
    pub(super) caller: ToCaller,
    /// How the callee is interrupted, if it is.
    pub(super) interrupt: Option<CancelMode>,
}

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToCaller {
    /// Nothing.
    Nothing,
    /// What the callee sent.
    Answer,
    /// ERROR `wamp.error.canceled`, as it asked for.
    Canceled,
    /// ERROR `wamp.error.canceled`, as the callee is gone.
    CalleeLeft,
    /// ERROR `wamp.error.no_available_callee`, as the last one left while the call waited for room.
    NoCallee,
    /// ERROR `wamp.error.timeout`.
    TimedOut,
    /// ERROR `wamp.error.payload_size_exceeded` or `wamp.error.resource_exhausted`, as it cannot be given a part of the result.
    Unreceived(Undelivered),
}

impl ToCaller {
    /// The ERROR that the dealer itself answers with.
    pub(super) fn refusal(self) -> Option<Refused> {
        match self {
            ToCaller::Nothing | ToCaller::Answer => None,
            ToCaller::Canceled => Some(Refused::new(uris::CANCELED, "call was canceled by its caller")),
            ToCaller::CalleeLeft => {
                Some(Refused::new(uris::CANCELED, "callee disconnected from running invocation"))
            }
            ToCaller::NoCallee => {
                let why = "the last callee left while the call waited for one with room";
                Some(Refused::new(uris::NO_AVAILABLE_CALLEE, why))
            }
            ToCaller::TimedOut => Some(Refused::new(uris::TIMEOUT, "call timed out")),
            ToCaller::Unreceived(Undelivered::TooLong) => {
                let why = "a progressive result is longer than its caller takes";
                Some(Refused::new(uris::PAYLOAD_SIZE_EXCEEDED, why))
            }
            ToCaller::Unreceived(Undelivered::NoRoom) => {
                let why = "caller is too far behind to be sent a progressive result";
                Some(Refused::new(uris::RESOURCE_EXHAUSTED, why))
            }
        }
    }
}

impl Step {
    fn stay(state: State, caller: ToCaller) -> Step {
        Step { state: Some(state), caller, interrupt: None }
    }

    fn end(caller: ToCaller) -> Step {
        Step { state: None, caller, interrupt: None }
    }
}

impl Invocation {
    /// The state machine above.
    #[inline]
    pub(super) fn step(&self, event: Event) -> Step {
        match (self.state, event) {
            (State::Abandoned, Event::Answer | Event::CalleeLeft) => Step::end(ToCaller::Nothing),
            (State::Abandoned, _) => Step::stay(State::Abandoned, ToCaller::Nothing),

            (_, Event::Answer) => Step::end(ToCaller::Answer),
            (State::Queued, Event::CalleeLeft) => Step::end(ToCaller::NoCallee),
            (_, Event::CalleeLeft) => Step::end(ToCaller::CalleeLeft),
            (state, Event::Progress) if self.receive_progress => Step::stay(state, ToCaller::Answer),
            (state, Event::Progress) => Step::stay(state, ToCaller::Nothing),

            (State::Running, Event::Cancel(CancelMode::Kill)) if self.can_interrupt => Step {
                state: Some(State::Interrupted),
                caller: ToCaller::Nothing,
                interrupt: Some(CancelMode::Kill),
            },
            (State::Interrupted, Event::Cancel(CancelMode::Kill)) => {
                Step::stay(State::Interrupted, ToCaller::Nothing)
            }
            (_, Event::Cancel(CancelMode::Skip)) => self.let_go(ToCaller::Canceled, false),
            (_, Event::Cancel(_)) => self.let_go(ToCaller::Canceled, true),
            (_, Event::Timeout) => self.let_go(ToCaller::TimedOut, true),
            (_, Event::Unreceived(why)) => self.let_go(ToCaller::Unreceived(why), true),
            (_, Event::PartRefused | Event::CallerLeft) => self.let_go(ToCaller::Nothing, true),
        }
    }

    /// The caller no longer waits: the callee is told so, or works on in vain.
    fn let_go(&self, caller: ToCaller, interrupt: bool) -> Step {
        let interrupts = interrupt && self.can_interrupt && self.state == State::Running;
        Step {
            state: (!interrupts && self.counted.is_some()).then_some(State::Abandoned),
            caller,
            interrupt: interrupts.then_some(CancelMode::KillNoWait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 10] = [
        Event::Progress,
        Event::Answer,
        Event::Cancel(CancelMode::Skip),
        Event::Cancel(CancelMode::Kill),
        Event::Cancel(CancelMode::KillNoWait),
        Event::Timeout,
        Event::Unreceived(Undelivered::TooLong),
        Event::PartRefused,
        Event::CallerLeft,
        Event::CalleeLeft,
    ];

    fn invocation(bits: usize) -> Invocation {
        Invocation {
            state: State::Running,
            caller: Slot(1),
            call: RequestId(1),
            callee: Slot(2),
            request: RequestId(1),
            registration: RegistrationId(1),
            place: 0,
            counted: (bits & 1 != 0).then_some(7),
            can_interrupt: bits & 2 != 0,
            can_reroute: false,
            receive_progress: bits & 4 != 0,
            is_open: false,
            has_more_parts: false,
            timeout_ms: 0,
            deadline: None,
        }
    }

    /// Follows every sequence of five events and counts the final answers and interrupts on the way.
    fn follow(mut invocation: Invocation, depth: usize, answers: u32, interrupts: u32, caller_left: bool) {
        for event in EVENTS {
            let before = invocation.state;
            let step = invocation.step(event);
            let is_final = !matches!(step.caller, ToCaller::Nothing) && event != Event::Progress;
            let answers = answers + u32::from(is_final);
            let interrupts = interrupts + u32::from(step.interrupt.is_some());
            // Or it has had the ERROR for its part.
            let caller_left = caller_left || matches!(event, Event::CallerLeft | Event::PartRefused);
            assert!(answers <= 1 && interrupts <= 1, "{before:?} {event:?} {step:?}");
            assert!(step.interrupt.is_none() || invocation.can_interrupt);
            let is_over = matches!(step.state, None | Some(State::Abandoned));
            if before != State::Abandoned {
                let is_settled = answers == 1 || caller_left;
                assert_eq!(is_over, is_settled, "{before:?} {event:?} {step:?}");
            }
            if let Some(state) = step.state.filter(|_| depth > 0) {
                invocation.state = state;
                follow(invocation, depth - 1, answers, interrupts, caller_left);
                invocation.state = before;
            }
        }
    }

    #[test]
    fn a_caller_is_answered_exactly_once_in_any_order_of_events() {
        for bits in 0..8 {
            follow(invocation(bits), 4, 0, 0, false);
        }
    }

    #[test]
    fn a_call_that_waits_is_answered_exactly_once_too() {
        let queued = Invocation { state: State::Queued, ..invocation(0) };
        let ends = [
            (Event::Cancel(CancelMode::Kill), ToCaller::Canceled),
            (Event::Cancel(CancelMode::Skip), ToCaller::Canceled),
            (Event::Timeout, ToCaller::TimedOut),
            (Event::PartRefused, ToCaller::Nothing),
            (Event::CallerLeft, ToCaller::Nothing),
            (Event::CalleeLeft, ToCaller::NoCallee),
        ];
        for (event, caller) in ends {
            assert_eq!(queued.step(event), Step::end(caller), "{event:?}");
        }
    }

    #[test]
    fn only_a_callee_whose_calls_are_counted_is_abandoned() {
        for bits in 0..8 {
            let invocation = invocation(bits);
            let abandoned = invocation.step(Event::Cancel(CancelMode::Skip)).state == Some(State::Abandoned);
            assert_eq!(abandoned, invocation.counted.is_some());
        }
    }
}
