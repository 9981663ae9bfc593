//! Calls that do not go to a callee at once and for good: they wait for room, or go on to another callee.
//!
//! ```text
//!            all callees full                       ERROR wamp.error.unavailable
//!  CALL ──────────────────────▶ queue ─▶ INVOCATION ────────────────────────────▶ next callee, by the invocation policy
//!            no room there: ERROR            ▲                                      none left: ERROR no_available_callee,
//!                                            │                                      or why those that are left do not take it
//!                                            └── a callee has room again, or a new one registers
//! ```
//!
//! To its caller a call that waits is a call in flight: it can be canceled, times out, and counts for the caller's bound.
//!
//! Where there is room for very many at once, they start in portions, one a tick, and nobody overtakes those that are left.

use std::time::Instant;

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{Call, CallOptions, Kind};
use crossweave_wamp::{MatchPolicy, RequestId, uris};

use super::away::is_there;
use super::invocation::{Event, Invocation, State, ToCaller};
use super::kept::KeptCall;
use super::queues::Queued;
use super::registration::Callee;
use super::{Dealer, NotTaken, Placed, Way, all_busy, is_partitioned, is_taken, not_taken};
use crate::boundary::{Outbox, Slot};
use crate::ids::Ids;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::Sessions;
use crate::slab::Key;
use crate::stats::Stats;
use crate::trust::Attribution;

/// Calls that wait, and the registration that they waited at is taken away.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct Waiting(Option<Key>);

/// The callee of a call that waits: nobody.
const NOBODY: Slot = Slot(u32::MAX);

impl Dealer {
    /// Puts a call into the queue of its registration, or refuses it.
    #[cold]
    #[inline(never)]
    pub(super) fn wait(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        call: &Call<'_>,
        route: Route,
        place: Key,
        deadline: Option<Instant>,
    ) -> Result<Placed, Refused> {
        let registration = &mut self.registrations[place];
        // The parts of a progressive call would have to wait with it.
        let has_place = self.queues.len(registration.queue) < registration.queued_max;
        let has_room = has_place && self.kept.has_room(call, self.limits.kept_call_bytes_max);
        if call.options.progress || !has_room {
            return Err(all_busy(&call.procedure));
        }
        let key = self.invocations.insert(Invocation {
            state: State::Queued,
            caller: from,
            call: call.request,
            callee: NOBODY,
            request: RequestId(0),
            registration: registration.id,
            place,
            counted: None,
            can_interrupt: false,
            can_reroute: false,
            receive_progress: call.options.receive_progress,
            is_open: false,
            has_more_parts: false,
            timeout_ms: call.options.timeout_ms,
            deadline,
        });
        let mut kept = Box::new(KeptCall::new(call, route.attribution));
        kept.queued = Some(self.queues.push(place, &mut registration.queue, key));
        self.kept.insert(key, kept);
        if let Some(deadline) = deadline {
            self.timeouts.insert((deadline, key));
        }
        sessions.sender_mut(from).calls.insert(call.request, key);
        Ok(Placed::Queued)
    }

    /// Keeps a call that another callee may have to take, if there is room for it.
    #[cold]
    #[inline(never)]
    pub(super) fn keep(&mut self, key: Key, call: &Call<'_>, attribution: Attribution, tried: &[u64]) {
        if self.kept.has_room(call, self.limits.kept_call_bytes_max) {
            let mut kept = Box::new(KeptCall::new(call, attribution));
            kept.tried = tried.to_vec();
            self.kept.insert(key, kept);
        }
    }

    /// An invocation has ended or changed: nothing is kept of its call.
    #[cold]
    #[inline(never)]
    pub(super) fn forget_kept(&mut self, key: Key) {
        let queued = self.kept.remove(key).and_then(|kept| kept.queued);
        self.leave_queue(queued);
    }

    /// A call waits no more, if it did.
    fn leave_queue(&mut self, queued: Option<Queued>) {
        let Some(queued) = queued else { return };
        if let Some(place) = self.queues.remove(queued) {
            self.registrations[place].queue = None;
        }
        self.is_behind &= self.queues.has_ready();
    }

    /// Whether a callee's ERROR `wamp.error.unavailable` is for the dealer rather than for the caller.
    pub(super) fn is_rerouted(&self, key: Key) -> bool {
        let invocation = &self.invocations[key];
        invocation.state == State::Running && invocation.can_reroute
    }

    /// The callee is not available: the call goes to another one.
    #[cold]
    #[inline(never)]
    pub(super) fn reroute<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        key: Key,
        stats: &mut Stats,
        out: &mut O,
    ) {
        let kept = self.kept.remove(key);
        let invocation = self.invocations[key];
        // The callee is done with it, and the caller is not told, if it is still there.
        if self.advance(sessions, key, Event::Answer, out) == ToCaller::Nothing {
            return;
        }
        let moved = match kept {
            Some(mut kept) => {
                kept.tried.extend(self.number_of(&invocation));
                self.start_again(sessions, ids, &invocation, *kept, out)
            }
            None => Err(nobody_is_available()),
        };
        stats.rerouted += u64::from(moved.is_ok());
        if let Err(why) = moved {
            out.send(invocation.caller, &why.to_error(Kind::Call, invocation.call));
        }
    }

    /// The number that the callee of an invocation has as long as it is registered.
    fn number_of(&self, invocation: &Invocation) -> Option<u64> {
        let registration = self.registrations.get(invocation.place)?;
        registration.callees.iter().find(|it| it.slot == invocation.callee).map(|it| it.number)
    }

    /// Hands a kept call to a callee that was not tried and takes it.
    fn start_again<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        before: &Invocation,
        kept: KeptCall,
        out: &mut O,
    ) -> Result<(), Refused> {
        let place = before.place;
        let is_there = self.registrations.get(place).is_some_and(|it| it.id == before.registration);
        if !is_there {
            return Err(nobody_is_available());
        }
        let KeptCall { mut call, attribution, tried, .. } = kept;
        let takes = |callee: &Callee| is_taken(&call.options, features(sessions, callee));
        let Some(at) = self.choose(sessions, ids, place, &tried, takes) else {
            return Err(self.why_nobody(sessions, place, &tried, &call.options));
        };
        let way = Way { place, at, attribution, deadline: before.deadline };
        let started = self.start(sessions, before.caller, &mut call, way, &tried, out);
        started.map_err(|NotTaken(features)| not_taken(&call.options, features))
    }

    /// Hands a call that the callee whose turn it was does not take to another one that does, if it is not for that one alone.
    #[cold]
    #[inline(never)]
    pub(super) fn start_elsewhere<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        call: &mut Call<'_>,
        (way, not_by): (Way, Features),
        out: &mut O,
    ) -> Result<(), Refused> {
        let why = not_taken(&call.options, not_by);
        if is_partitioned(&call.options) {
            return Err(why);
        }
        let takes = |callee: &Callee| is_taken(&call.options, features(sessions, callee));
        let Some(at) = self.choose(sessions, ids, way.place, &[], takes) else { return Err(why) };
        self.start(sessions, from, call, Way { at, ..way }, &[], out).map_err(|_| why)
    }

    /// Why no callee gets a kept call: those that have room do not take it, or there are none.
    fn why_nobody(&self, sessions: &Sessions, place: Key, tried: &[u64], options: &CallOptions) -> Refused {
        let has_room =
            |it: &&Callee| it.has_room() && sessions.get(it.slot).is_some() && !tried.contains(&it.number);
        let with_room = self.registrations[place].callees.iter().filter(has_room);
        match with_room.map(|it| features(sessions, it)).find(|it| !is_taken(options, *it)) {
            Some(callee) => not_taken(options, callee),
            None => nobody_is_available(),
        }
    }

    /// Takes the calls that wait at the registration of exactly this procedure or pattern. They are nobody's until
    /// [`Dealer::let_wait_at`].
    pub(crate) fn take_waiting(&mut self, policy: MatchPolicy, uri: &str) -> Waiting {
        let place = self.procedures.get(policy, uri);
        Waiting(place.and_then(|place| self.registrations[place].queue.take()))
    }

    /// Lets calls that waited at a registration of the same procedure or pattern wait at this one, which is new. They end where
    /// there is none.
    pub(crate) fn let_wait_at(&mut self, place: Option<Key>, waiting: Waiting) {
        let Some(queue) = waiting.0 else { return };
        if let Some(place) = place {
            self.registrations[place].queue = Some(queue);
        }
        self.queues.move_to(queue, place);
    }

    /// A callee may have room for calls of this queue.
    #[cold]
    pub(super) fn make_ready(&mut self, queue: Key) {
        self.queues.make_ready(queue);
    }

    /// Whether [`Dealer::serve_queues`] has something to do before the next tick.
    #[inline]
    pub(crate) fn has_ready_calls(&self) -> bool {
        !self.is_behind && self.queues.has_ready()
    }

    /// Whether calls that need not wait any more are left for the next tick.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// No call that waits starts or ends until [`Dealer::leave_queues`].
    pub(crate) fn hold_queues(&mut self) {
        self.is_behind = true;
    }

    /// Calls that need not wait any more are for the next tick, if there are such.
    pub(crate) fn leave_queues(&mut self) {
        self.is_behind = self.queues.has_ready();
    }

    /// The tick has come.
    pub(crate) fn catch_up(&mut self) {
        self.is_behind = false;
    }

    /// Starts calls that waited where there is room now, and ends those whose registration is gone: a portion.
    #[cold]
    #[inline(never)]
    pub(crate) fn serve_queues<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        stats: &mut Stats,
        out: &mut O,
    ) {
        let mut left = self.limits.queue_portion.max(1);
        while left > 0
            && let Some(queue) = self.queues.next_ready()
        {
            let done = match self.queues.place(queue) {
                Some(place) => self.serve_queue(sessions, ids, (queue, place, left), stats, out),
                None => self.end_queue(sessions, (queue, left), out),
            };
            if self.is_to_go_on(sessions, queue) {
                // Behind the others.
                self.make_ready(queue);
            }
            // Looking in vain counts as well.
            left -= done.max(1);
        }
        self.leave_queues();
    }

    /// Ends at most `max` calls whose registration is gone, and says how many.
    fn end_queue<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        (queue, max): (Key, usize),
        out: &mut O,
    ) -> usize {
        for ended in 0..max {
            let Some(key) = self.queues.first(queue) else { return ended };
            self.advance(sessions, key, Event::CalleeLeft, out);
        }
        max
    }

    /// Starts at most `max` calls that wait at one registration, and says how many.
    fn serve_queue<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        (queue, place, max): (Key, Key, usize),
        stats: &mut Stats,
        out: &mut O,
    ) -> usize {
        let registration = self.registrations[place].id;
        for started in 0..max {
            let next = self.queues.first(queue).filter(|_| self.has_free_callee(sessions, place));
            let Some(key) = next else { return started };
            // Since it came it may have gone from one registration to another.
            let waited = Invocation { place, registration, ..self.invocations[key] };
            if sessions.get(waited.caller).is_none() {
                // It has left, and its turn to end for that has not come.
                self.advance(sessions, key, Event::CallerLeft, out);
                continue;
            }
            let kept = self.kept.remove(key).expect("a call that waits is kept");
            self.leave_queue(kept.queued);
            // Its place as a call in flight goes to the invocation that now begins.
            self.enter(sessions, key, None);
            match self.start_again(sessions, ids, &waited, *kept, out) {
                Ok(()) => stats.invocations += 1,
                Err(why) => out.send(waited.caller, &why.to_error(Kind::Call, waited.call)),
            }
        }
        max
    }

    /// Whether calls are left in a queue that need not wait.
    fn is_to_go_on(&self, sessions: &Sessions, queue: Key) -> bool {
        self.queues.first(queue).is_some()
            && self.queues.place(queue).is_none_or(|place| self.has_free_callee(sessions, place))
    }

    /// Whether a callee has room for a call that waits.
    fn has_free_callee(&self, sessions: &Sessions, place: Key) -> bool {
        // Here it can still go to another callee than one that is away.
        self.registrations[place].callees.iter().any(|it| it.has_room() && is_there(sessions, it))
    }
}

/// What a callee announced.
fn features(sessions: &Sessions, callee: &Callee) -> Features {
    sessions.get(callee.slot).and_then(|peer| peer.session.roles.callee).unwrap_or_default()
}

fn nobody_is_available() -> Refused {
    Refused::new(uris::NO_AVAILABLE_CALLEE, "no callee of the procedure is available")
}
