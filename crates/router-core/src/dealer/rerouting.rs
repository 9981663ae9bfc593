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

use std::collections::BTreeMap;
use std::time::Instant;

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{Call, CallOptions, Kind};
use crossweave_wamp::{MatchPolicy, RequestId, uris};

use super::away::is_there;
use super::invocation::{Event, Invocation, State, ToCaller};
use super::kept::{KeptCall, Queued};
use super::registration::Callee;
use super::{Dealer, Placed, Way, all_busy, is_taken, not_taken};
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
pub(crate) struct Waiting(BTreeMap<u64, Key>);

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
        let has_place = registration.queue.len() < registration.queued_max;
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
        let ticket = self.kept.ticket();
        registration.queue.insert(ticket, key);
        let mut kept = Box::new(KeptCall::new(call, route.attribution));
        kept.queued = Some(Queued { place, registration: registration.id, ticket });
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
    pub(super) fn keep(&mut self, key: Key, call: &Call<'_>, attribution: Attribution, tried: &[Slot]) {
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
        let Some(queued) = self.kept.remove(key).and_then(|kept| kept.queued) else { return };
        if let Some(registration) = self.registrations.get_mut(queued.place)
            && registration.id == queued.registration
        {
            registration.queue.remove(&queued.ticket);
        }
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
                kept.tried.push(invocation.callee);
                self.start_again(sessions, ids, &invocation, *kept, out)
            }
            None => Err(nobody_is_available()),
        };
        stats.rerouted += u64::from(moved.is_ok());
        if let Err(why) = moved {
            out.send(invocation.caller, &why.to_error(Kind::Call, invocation.call));
        }
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
        self.start(sessions, before.caller, &mut call, way, &tried, out)
    }

    /// Why no callee gets a kept call: those that have room do not take it, or there are none.
    fn why_nobody(&self, sessions: &Sessions, place: Key, tried: &[Slot], options: &CallOptions) -> Refused {
        let has_room =
            |it: &&Callee| it.has_room() && sessions.get(it.slot).is_some() && !tried.contains(&it.slot);
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
        Waiting(place.map(|place| std::mem::take(&mut self.registrations[place].queue)).unwrap_or_default())
    }

    /// Lets calls that waited at a registration of the same procedure or pattern wait at this one, which is new. They end where
    /// there is none.
    pub(crate) fn let_wait_at(&mut self, place: Option<Key>, waiting: Waiting) {
        let Some(place) = place else { return self.orphans.extend(waiting.0.values()) };
        let registration = &mut self.registrations[place];
        for (ticket, key) in &waiting.0 {
            let invocation = &mut self.invocations[*key];
            (invocation.place, invocation.registration) = (place, registration.id);
            self.kept.move_to(*key, Queued { place, registration: registration.id, ticket: *ticket });
        }
        if !waiting.0.is_empty() {
            registration.queue.extend(waiting.0);
            self.make_ready(place);
        }
    }

    /// A callee of a registration may have room for calls that wait there.
    #[cold]
    pub(super) fn make_ready(&mut self, place: Key) {
        let registration = &mut self.registrations[place];
        if !registration.is_ready {
            registration.is_ready = true;
            self.ready.push_back(place);
        }
    }

    /// Whether [`Dealer::serve_queues`] has something to do before the next tick.
    #[inline]
    pub(crate) fn has_ready_calls(&self) -> bool {
        !self.is_behind && (!self.ready.is_empty() || !self.orphans.is_empty())
    }

    /// Whether calls that need not wait any more are left for the next tick.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
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
            && let Some(key) = self.orphans.pop_front()
        {
            left -= 1;
            if self.is_orphan(key) {
                self.advance(sessions, key, Event::CalleeLeft, out);
            }
        }
        while left > 0
            && let Some(place) = self.ready.pop_front()
        {
            let started = self.serve_queue(sessions, ids, (place, left), stats, out);
            // Looking in vain counts as well.
            left -= started.max(1);
        }
        self.is_behind = !self.ready.is_empty() || !self.orphans.is_empty();
    }

    /// Whether a call still waits for a registration that is gone. Since it came among the orphans it may have ended, and its place may
    /// be another call's.
    fn is_orphan(&self, key: Key) -> bool {
        self.invocations.get(key).is_some_and(|it| {
            let registration = self.registrations.get(it.place);
            it.state == State::Queued && registration.is_none_or(|at| at.id != it.registration)
        })
    }

    /// Starts at most `max` calls that wait at one registration, and says how many.
    fn serve_queue<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        (place, max): (Key, usize),
        stats: &mut Stats,
        out: &mut O,
    ) -> usize {
        if let Some(registration) = self.registrations.get_mut(place) {
            registration.is_ready = false;
        }
        for started in 0..max {
            let Some(key) = self.next_queued(sessions, place) else { return started };
            let waited = self.invocations[key];
            if sessions.get(waited.caller).is_none() {
                // It has left, and its turn to end for that has not come.
                self.advance(sessions, key, Event::CallerLeft, out);
                continue;
            }
            let Some(kept) = self.kept.remove(key) else { return started };
            if let Some(queued) = kept.queued {
                self.registrations[place].queue.remove(&queued.ticket);
            }
            // Its place as a call in flight goes to the invocation that now begins.
            self.enter(sessions, key, None);
            match self.start_again(sessions, ids, &waited, *kept, out) {
                Ok(()) => stats.invocations += 1,
                Err(why) => out.send(waited.caller, &why.to_error(Kind::Call, waited.call)),
            }
        }
        if self.next_queued(sessions, place).is_some() {
            // Behind the others.
            self.make_ready(place);
        }
        max
    }

    /// The call that is next, if a callee has room for it.
    fn next_queued(&self, sessions: &Sessions, place: Key) -> Option<Key> {
        let registration = self.registrations.get(place)?;
        let (_, key) = registration.queue.first_key_value()?;
        // Here it can still go to another callee than one that is away.
        registration.callees.iter().any(|it| it.has_room() && is_there(sessions, it)).then_some(*key)
    }
}

/// What a callee announced.
fn features(sessions: &Sessions, callee: &Callee) -> Features {
    sessions.get(callee.slot).and_then(|peer| peer.session.roles.callee).unwrap_or_default()
}

fn nobody_is_available() -> Refused {
    Refused::new(uris::NO_AVAILABLE_CALLEE, "no callee of the procedure is available")
}
