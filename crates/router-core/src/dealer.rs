//! Registrations, and the way of a call to one callee and of its results back.
//!
//! Specification: "Remote Procedure Calls", and the advanced profile from "Progressive Call Results" to "Shared Registration".
//! What can become of a call is decided in one place, [`invocation`]; this file carries it out.

mod invocation;
mod registration;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{
    self, Call, CallOptions, Cancel, Interrupt, InvocationDetails, Kind, ResultDetails, Yield,
};
use crossweave_wamp::{MatchPolicy, ProtocolViolation, RegistrationId, RequestId, uris};
use hashbrown::HashMap;
use invocation::{Event, Invocation, State, ToCaller};
use registration::{Callee, Registration};

use crate::boundary::{Outbox, Slot};
use crate::ids::Ids;
use crate::limits::RealmLimits;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::{Peer, Sessions};
use crate::slab::{Key, Slab};
use crate::stats::Stats;
use crate::uri_map::UriMap;

/// The registrations of a realm and its invocations in flight.
#[derive(Debug)]
pub(crate) struct Dealer {
    limits: RealmLimits,
    procedures: UriMap,
    registrations: Slab<Registration>,
    invocations: Slab<Invocation>,
    /// Invocations with a timeout, the earliest first.
    timeouts: BTreeSet<(Instant, Key)>,
    /// Numbers callees, so that one that registers anew is told from the one it was.
    callees: u64,
}

impl Dealer {
    pub(crate) fn new(limits: RealmLimits) -> Self {
        Dealer {
            limits,
            procedures: UriMap::default(),
            registrations: Slab::default(),
            invocations: Slab::default(),
            timeouts: BTreeSet::new(),
            callees: 0,
        }
    }

    /// Registers the session for the procedure or pattern.
    pub(crate) fn register(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        register: &message::Register<'_>,
    ) -> Result<RegistrationId, Refused> {
        let options = &register.options;
        let (policy, uri) = (options.match_policy, &*register.procedure);
        let count_max = self.limits.registrations_per_session_max;
        let held = sessions.sender(from).registered;
        held.check("registrations", count_max, (policy, uri), &self.limits)?;
        let mut key = self.procedures.get(policy, uri);
        if options.force_reregister
            && let Some(key) = key.take()
        {
            self.revoke(sessions, key);
        }
        if let Some(key) = key {
            self.registrations[key].admit(from, options.invoke, self.limits.callees_per_registration_max)?;
        }
        if key.is_none() {
            self.procedures.check_room(uri, &self.limits)?;
        }
        let key = key.unwrap_or_else(|| {
            let key =
                self.registrations.insert(Registration::new(ids.registration(), uri, policy, options.invoke));
            self.procedures.insert(policy, uri, key);
            key
        });
        self.callees += 1;
        let registration = &mut self.registrations[key];
        let concurrency = options.concurrency.map(|asked| asked.min(self.limits.concurrency_max));
        registration.callees.push(Callee::new(from, self.callees, concurrency));
        let peer = sessions.sender_mut(from);
        peer.registrations.insert(registration.id, key);
        peer.registered.add(policy, uri);
        Ok(registration.id)
    }

    /// Takes the procedure from all its callees. Their invocations in flight go on.
    fn revoke(&mut self, sessions: &mut Sessions, key: Key) {
        let Some(registration) = self.registrations.remove(key) else { return };
        self.procedures.remove(registration.policy, &registration.uri);
        for callee in &registration.callees {
            let peer = sessions.sender_mut(callee.slot);
            peer.registrations.remove(&registration.id);
            peer.registered.remove(registration.policy, &registration.uri);
        }
    }

    /// Ends one registration of the session. Its invocations in flight go on.
    pub(crate) fn unregister(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        id: RegistrationId,
    ) -> Result<(), Refused> {
        let Some(key) = sessions.sender_mut(from).registrations.remove(&id) else {
            return Err(Refused::new(
                uris::NO_SUCH_REGISTRATION,
                format!("session has no registration {id}"),
            ));
        };
        let registration = &self.registrations[key];
        sessions.sender_mut(from).registered.remove(registration.policy, &registration.uri);
        self.remove_callee(key, from);
        Ok(())
    }

    fn remove_callee(&mut self, key: Key, slot: Slot) {
        let registration = &mut self.registrations[key];
        registration.remove(slot);
        if registration.callees.is_empty() {
            self.procedures.remove(registration.policy, &registration.uri);
            self.registrations.remove(key);
        }
    }

    /// The registration of exactly this procedure. If there is one, the procedure is a valid URI and not reserved.
    #[inline]
    pub(crate) fn exact(&self, procedure: &str) -> Option<Key> {
        self.procedures.exact(procedure)
    }

    /// The one registration that gets the call: exact, else the longest prefix, else the most specific wildcard.
    #[inline]
    fn best(&self, procedure: &str) -> Option<Key> {
        let prefix = self.procedures.longest_prefix(procedure).map(|(_, key)| key);
        prefix.or_else(|| self.procedures.best_wildcard(procedure))
    }

    /// Hands a call to a callee. The caller has no call in flight with this request.
    #[allow(clippy::too_many_arguments, reason = "the realm's parts, borrowed one by one")]
    #[inline]
    pub(crate) fn call<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        now: Instant,
        from: Slot,
        call: &mut Call<'_>,
        route: Route,
        out: &mut O,
    ) -> Result<(), Refused> {
        let Some(place) = route.exact.or_else(|| self.best(&call.procedure)) else {
            return Err(Refused::no_such_procedure(&call.procedure));
        };
        let max = self.limits.calls_per_session_max;
        if sessions.sender(from).calls.len() >= max {
            return Err(Refused::resource_exhausted("calls in flight", max));
        }
        let registration = &mut self.registrations[place];
        let Some(at) = registration.choose(ids) else { return Err(all_busy(&call.procedure)) };
        let callee = &registration.callees[at];
        let (to, counted) = (callee.slot, callee.is_limited().then_some(callee.number));
        let peer = sessions.sender_mut(to);
        let features = peer.session.roles.callee.unwrap_or_default();
        if call.options.progress && !features.has(Features::PROGRESSIVE_CALL_INVOCATIONS) {
            return Err(Refused::new(
                uris::FEATURE_NOT_SUPPORTED,
                "callee takes no progressive call invocations",
            ));
        }
        registration.take(at);
        peer.last_invocation += 1;
        let request = RequestId(peer.last_invocation);
        let deadline = deadline(now, call.options.timeout_ms);
        let key = self.invocations.insert(Invocation {
            state: State::Running,
            caller: from,
            call: call.request,
            callee: to,
            request,
            registration: registration.id,
            place,
            counted,
            can_interrupt: features.has(Features::CALL_CANCELING),
            receive_progress: call.options.receive_progress,
            is_open: call.options.progress,
            deadline,
        });
        peer.invocations.insert(request, key);
        if let Some(deadline) = deadline {
            self.timeouts.insert((deadline, key));
        }
        let caller = sessions.sender_mut(from);
        caller.calls.insert(call.request, key);
        caller.open_calls += u32::from(call.options.progress);
        let disclose_me = call.options.disclose_me;
        let mut details = details(&mut call.options, features);
        if route.disclose.holds(disclose_me) {
            let caller = &sessions.sender(from).session;
            details.caller = Some(caller.id);
            details.caller_authid = Some(Cow::Borrowed(&caller.authid));
            details.caller_authrole = Some(Cow::Borrowed(&caller.authrole));
        }
        let registration = &self.registrations[place];
        if registration.policy != MatchPolicy::Exact {
            details.procedure = Some(Cow::Borrowed(&call.procedure));
        }
        let payload = call.payload.borrowed();
        out.send(
            to,
            &message::Invocation { request, registration: registration.id, details, payload }.into(),
        );
        Ok(())
    }

    /// One more CALL of a progressive call: to the same callee, whatever its procedure says.
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
        if !call.options.progress {
            invocation.is_open = false;
            sessions.sender_mut(from).open_calls -= 1;
        }
        let features = sessions.sender(invocation.callee).session.roles.callee.unwrap_or_default();
        let details = details(&mut call.options, features);
        let (request, payload) = (invocation.request, call.payload.borrowed());
        let registration = invocation.registration;
        out.send(invocation.callee, &message::Invocation { request, registration, details, payload }.into());
        Ok(())
    }

    /// A result.
    #[inline]
    pub(crate) fn yield_<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        yield_: &mut Yield<'_>,
        stats: &mut Stats,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        let Some(key) = self.answered(sessions, from, Kind::Yield, yield_.request, stats)? else {
            return Ok(());
        };
        let options = &mut yield_.options;
        let event = if options.progress { Event::Progress } else { Event::Answer };
        let invocation = &self.invocations[key];
        let (to, request) = (invocation.caller, invocation.call);
        match self.advance(sessions, key, event, out) {
            ToCaller::Nothing if options.progress => stats.unwanted_progress += 1,
            ToCaller::Nothing => stats.late_answers += 1,
            _ => {
                let details = ResultDetails {
                    progress: options.progress,
                    passthru: options.passthru.take(),
                    forward_for: options.forward_for.take(),
                };
                let payload = yield_.payload.borrowed();
                out.send(to, &message::Result { request, details, payload }.into());
            }
        }
        Ok(())
    }

    /// A procedure's error: to the caller as it came, or as `wamp.error.canceled` if the caller had it killed, whatever the
    /// callee's language makes of being interrupted.
    pub(crate) fn error<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        error: &mut message::Error<'_>,
        stats: &mut Stats,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        if error.request_kind != Kind::Invocation {
            let kind = error.request_kind.name();
            return Err(ProtocolViolation::new(format!(
                "unexpected ERROR for {kind}: a client answers INVOCATION only"
            )));
        }
        let Some(key) = self.answered(sessions, from, Kind::Error, error.request, stats)? else {
            return Ok(());
        };
        let invocation = &self.invocations[key];
        let (to, request) = (invocation.caller, invocation.call);
        let was_interrupted = invocation.state == State::Interrupted;
        match self.advance(sessions, key, Event::Answer, out) {
            ToCaller::Nothing => stats.late_answers += 1,
            _ => {
                let details = std::mem::take(&mut error.details);
                let name = Cow::Borrowed(if was_interrupted { uris::CANCELED } else { &error.error });
                let payload = error.payload.borrowed();
                out.send(
                    to,
                    &message::Error { request_kind: Kind::Call, request, details, error: name, payload }
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// The invocation that a callee answers; `None` if it has ended.
    #[inline]
    fn answered(
        &self,
        sessions: &Sessions,
        from: Slot,
        kind: Kind,
        request: RequestId,
        stats: &mut Stats,
    ) -> Result<Option<Key>, ProtocolViolation> {
        let callee = sessions.sender(from);
        if let Some(key) = callee.invocations.get(&request) {
            return Ok(Some(*key));
        }
        if request.0 == 0 || request.0 > callee.last_invocation {
            let kind = kind.name();
            return Err(ProtocolViolation::new(format!(
                "{kind} for invocation {request}, which was never sent"
            )));
        }
        stats.late_answers += 1;
        Ok(None)
    }

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

    /// Ends the calls whose timeout has passed.
    pub(crate) fn tick<O: Outbox>(&mut self, sessions: &mut Sessions, now: Instant, out: &mut O) {
        while let Some((deadline, key)) = self.timeouts.first().copied()
            && deadline <= now
        {
            self.advance(sessions, key, Event::Timeout, out);
            debug_assert_ne!(self.timeouts.first(), Some(&(deadline, key)), "a timed out call has ended");
        }
    }

    /// When [`Dealer::tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timeouts.first().map(|(deadline, _)| *deadline)
    }

    /// Ends the registrations, invocations and calls of a session that has been taken out of `sessions`.
    pub(crate) fn leave<O: Outbox>(&mut self, sessions: &mut Sessions, peer: &mut Peer, out: &mut O) {
        for (_, key) in std::mem::take(&mut peer.registrations) {
            self.remove_callee(key, peer.slot);
        }
        for key in in_order(std::mem::take(&mut peer.invocations)) {
            self.advance(sessions, key, Event::CalleeLeft, out);
        }
        for key in in_order(std::mem::take(&mut peer.calls)) {
            // A call of the session to itself has ended with its invocation above.
            if self.invocations.get(key).is_some() {
                self.advance(sessions, key, Event::CallerLeft, out);
            }
        }
    }

    /// Moves an invocation on, and tells callee and caller what that means to them. What the callee itself said to the caller
    /// is left to the one who has it ([`ToCaller::Answer`]).
    ///
    /// The only place where an invocation changes or ends.
    #[inline]
    fn advance<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        key: Key,
        event: Event,
        out: &mut O,
    ) -> ToCaller {
        let invocation = self.invocations[key];
        let mut step = invocation.step(event);
        if step.state == Some(State::Abandoned) && invocation.state != State::Abandoned {
            step.state = self.abandon(sessions, invocation.callee);
        }
        if step.state != Some(invocation.state) {
            self.enter(sessions, key, step.state);
        }
        if let Some(mode) = step.interrupt {
            let reason = if event == Event::Timeout { uris::TIMEOUT } else { uris::CANCELED };
            let (mode, reason) = (Some(mode), Some(Cow::Borrowed(reason)));
            let interrupt = Interrupt { request: invocation.request, mode, reason, forward_for: None };
            out.send(invocation.callee, &interrupt.into());
        }
        // A session that calls itself and leaves is both; it gets nothing.
        if let Some(refused) = step.caller.refusal()
            && sessions.get(invocation.caller).is_some()
        {
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
    fn enter(&mut self, sessions: &mut Sessions, key: Key, state: Option<State>) {
        let invocation = self.invocations[key];
        if invocation.state != State::Abandoned && state != Some(State::Interrupted) {
            self.release_caller(sessions, key, &invocation);
        }
        if let Some(state) = state {
            self.invocations[key].state = state;
            return;
        }
        self.invocations.remove(key);
        if let Some(callee) = sessions.get_mut(invocation.callee) {
            callee.invocations.remove(&invocation.request);
            callee.abandoned -= usize::from(invocation.state == State::Abandoned);
        }
        if let Some(number) = invocation.counted
            && let Some(registration) = self.registrations.get_mut(invocation.place)
        {
            registration.give_back(number);
        }
    }

    fn release_caller(&mut self, sessions: &mut Sessions, key: Key, invocation: &Invocation) {
        if let Some(deadline) = invocation.deadline {
            self.timeouts.remove(&(deadline, key));
        }
        let Some(caller) = sessions.get_mut(invocation.caller) else { return };
        caller.calls.remove(&invocation.call);
        if invocation.is_open {
            caller.open_calls -= 1;
            caller.ended_open_calls.push_back(invocation.call);
            if caller.ended_open_calls.len() > self.limits.ended_progressive_calls_max {
                caller.ended_open_calls.pop_front();
            }
        }
    }

    /// Number of registrations.
    pub(crate) fn registrations_len(&self) -> usize {
        self.registrations.len()
    }

    /// Number of invocations in flight.
    pub(crate) fn invocations_len(&self) -> usize {
        self.invocations.len()
    }
}

/// When a call that starts now and may take `timeout_ms` (0: for ever) times out.
#[inline]
fn deadline(now: Instant, timeout_ms: u64) -> Option<Instant> {
    // A time beyond what the clock can tell never comes.
    if timeout_ms == 0 { None } else { now.checked_add(Duration::from_millis(timeout_ms)) }
}

/// The details of a call's options, as far as the callee announced that it knows them.
#[inline]
fn details(options: &mut CallOptions, callee: Features) -> InvocationDetails<'static> {
    InvocationDetails {
        timeout_ms: if callee.has(Features::CALL_TIMEOUT) { options.timeout_ms } else { 0 },
        receive_progress: options.receive_progress && callee.has(Features::PROGRESSIVE_CALL_RESULTS),
        progress: options.progress,
        passthru: options.passthru.take(),
        forward_for: options.forward_for.take(),
        transaction_hash: options.transaction_hash.take(),
        ..InvocationDetails::default()
    }
}

#[cold]
fn all_busy(procedure: &str) -> Refused {
    let why = format!("every callee of procedure {procedure:?} has as many calls as it takes at once");
    Refused::new(uris::MAX_CONCURRENCY_REACHED, why)
}

/// Keys in the order of their requests, so that the same inputs give the same outputs.
fn in_order(table: HashMap<RequestId, Key>) -> impl Iterator<Item = Key> {
    let mut entries: Vec<(RequestId, Key)> = table.into_iter().collect();
    entries.sort_unstable();
    entries.into_iter().map(|(_, key)| key)
}
