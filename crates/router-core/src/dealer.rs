//! Registrations, and the way of a call to one callee and of its results back.
//!
//! Specification: "Remote Procedure Calls", and the advanced profile from "Progressive Call Results" to "Shared Registration".
//! What can become of a call is decided in one place, [`invocation`]; this file carries it out.

mod invocation;
mod kept;
mod registration;
mod rerouting;
mod sharding;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{
    self, Call, CallOptions, CallSharding, Cancel, CancelMode, Interrupt, InvocationDetails, Kind,
    ResultDetails, Yield,
};
use crossweave_wamp::{MatchPolicy, Message, ProtocolViolation, RegistrationId, RequestId, uris};
use hashbrown::HashMap;
use invocation::{Event, Invocation, State, ToCaller};
use kept::KeptCalls;
use registration::Callee;
pub(crate) use registration::{Registered, Registration};

use crate::boundary::{Outbox, Slot, Undelivered};
use crate::broker::Ended;
use crate::forwarding::disclosed;
use crate::ids::Ids;
use crate::limits::{CallQueueRule, RealmLimits};
use crate::meta;
use crate::passthru;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::Sessions;
use crate::shard::ShardKey;
use crate::slab::{Key, Slab};
use crate::stats::Stats;
use crate::trust::Attribution;
use crate::uri_map::{UriMap, covers};

/// The registrations of a realm and its invocations in flight.
#[derive(Debug)]
pub(crate) struct Dealer {
    limits: RealmLimits,
    /// Exceptions to how many calls of a registration may wait.
    call_queues: Vec<CallQueueRule>,
    procedures: UriMap,
    registrations: Slab<Registration>,
    by_id: HashMap<RegistrationId, Key>,
    invocations: Slab<Invocation>,
    /// Invocations with a timeout, the earliest first.
    timeouts: BTreeSet<(Instant, Key)>,
    /// What the callees of progressive calls are told with every part.
    frozen: Frozen,
    kept: KeptCalls,
    /// Registrations with calls that wait, where a callee may have room again.
    ready: Vec<Key>,
    /// Calls that waited for a registration that is gone.
    orphans: Vec<Key>,
    /// Numbers callees, so that one that registers anew is told from the one it was.
    callees: u64,
}

/// Details of invocations by their place.
type Frozen = HashMap<Key, Box<InvocationDetails<'static>>>;

/// What becomes of a call that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// A callee has it.
    Started,
    /// It waits for a callee with room.
    Queued,
}

/// How a call goes to its callee.
#[derive(Debug)]
struct Way {
    /// The registration.
    place: Key,
    /// Which of its callees.
    at: usize,
    /// What the callee is told of the caller.
    attribution: Attribution,
    deadline: Option<Instant>,
}

impl Dealer {
    pub(crate) fn new(limits: RealmLimits, call_queues: Vec<CallQueueRule>) -> Self {
        Dealer {
            limits,
            call_queues,
            procedures: UriMap::default(),
            registrations: Slab::default(),
            by_id: HashMap::new(),
            invocations: Slab::default(),
            timeouts: BTreeSet::new(),
            frozen: HashMap::new(),
            kept: KeptCalls::default(),
            ready: Vec::new(),
            orphans: Vec::new(),
            callees: 0,
        }
    }

    /// Whether the session may register the procedure, as far as that is not for its callees to say; and which node it is.
    pub(crate) fn check(
        &self,
        sessions: &Sessions,
        from: Slot,
        register: &message::Register<'_>,
    ) -> Result<Option<ShardKey>, Refused> {
        let pattern = (register.options.match_policy, &*register.procedure);
        let count_max = self.limits.registrations_per_session_max;
        sessions.sender(from).registered.check("registrations", count_max, pattern, &self.limits)?;
        if self.procedures.get(pattern.0, pattern.1).is_none() {
            self.procedures.check_room(pattern, &self.limits)?;
        }
        register.options.nkey.as_deref().map(sharding::node).transpose()
    }

    /// Registers the session for the procedure or pattern.
    pub(crate) fn register(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        register: &message::Register<'_>,
        created_ms: u64,
    ) -> Result<Registered, Refused> {
        let options = &register.options;
        let (policy, uri) = (options.match_policy, &*register.procedure);
        let node = self.check(sessions, from, register)?;
        let key = self.procedures.get(policy, uri);
        if let Some(key) = key {
            self.registrations[key].admit(from, options.invoke, self.limits.callees_per_registration_max)?;
        }
        let is_created = key.is_none();
        let key = key.unwrap_or_else(|| {
            let id = ids.registration();
            let queued_max = self.queued_max(policy, uri);
            let registration = Registration::new(id, uri, policy, options.invoke, created_ms, queued_max);
            let key = self.registrations.insert(registration);
            self.procedures.insert(policy, uri, key);
            self.by_id.insert(id, key);
            key
        });
        self.callees += 1;
        let registration = &mut self.registrations[key];
        let concurrency = options.concurrency.map(|asked| asked.min(self.limits.concurrency_max));
        let mut callee = Callee::new(from, self.callees, concurrency, node);
        callee.disclose_caller = options.disclose_caller;
        registration.callees.push(callee);
        let peer = sessions.sender_mut(from);
        peer.registrations.insert(registration.id, key);
        peer.registered.add(policy, uri);
        if !registration.queue.is_empty() {
            self.ready.push(key);
        }
        Ok(Registered { key, id: registration.id, is_created })
    }

    /// How many calls of a registration may wait.
    fn queued_max(&self, policy: MatchPolicy, uri: &str) -> usize {
        let covers = |rule: &&CallQueueRule| covers((rule.match_policy, &rule.uri), (policy, uri));
        // Of equals, `max_by_key` takes the last.
        let rule = self.call_queues.iter().rev().filter(covers).max_by_key(|rule| rule.uri.len());
        rule.map_or(self.limits.queued_calls_per_registration_max, |rule| rule.calls_max)
    }

    /// Ends one registration of the session. Its invocations in flight go on.
    pub(crate) fn unregister(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        id: RegistrationId,
    ) -> Result<Ended, Refused> {
        let Some(key) = sessions.sender_mut(from).registrations.remove(&id) else {
            return Err(Refused::new(
                uris::NO_SUCH_REGISTRATION,
                format!("session has no registration {id}"),
            ));
        };
        let registration = &self.registrations[key];
        sessions.sender_mut(from).registered.remove(registration.policy, &registration.uri);
        Ok(self.remove_callee(key, from))
    }

    /// Takes a callee out that no longer knows of the registration itself.
    pub(crate) fn remove_callee(&mut self, key: Key, slot: Slot) -> Ended {
        let registration = &mut self.registrations[key];
        registration.remove(slot);
        let (id, was_last) = (registration.id, registration.callees.is_empty());
        let is_reserved = meta::is_reserved(&registration.uri);
        if was_last {
            self.orphans.extend(registration.queue.values());
            self.procedures.remove(registration.policy, &registration.uri);
            self.registrations.remove(key);
            self.by_id.remove(&id);
        }
        Ended { id: id.0, was_last, is_reserved, had_contract: false }
    }

    /// The registration at this place.
    pub(crate) fn at(&self, key: Key) -> &Registration {
        &self.registrations[key]
    }

    /// The registration with this id.
    pub(crate) fn by_id(&self, id: RegistrationId) -> Option<&Registration> {
        self.by_id.get(&id).map(|key| &self.registrations[*key])
    }

    /// The registration of exactly this procedure or pattern.
    pub(crate) fn of_pattern(&self, policy: MatchPolicy, uri: &str) -> Option<&Registration> {
        self.procedures.get(policy, uri).map(|key| &self.registrations[key])
    }

    /// The registration that a call of this procedure would go to.
    pub(crate) fn matching(&self, procedure: &str) -> Option<&Registration> {
        self.exact(procedure).or_else(|| self.best(procedure)).map(|key| &self.registrations[key])
    }

    /// All registrations, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.iter()
    }

    /// The registration of exactly this procedure. If there is one, the procedure is a valid URI and not reserved.
    #[inline]
    pub(crate) fn exact(&self, procedure: &str) -> Option<Key> {
        self.procedures.exact(procedure)
    }

    /// Whether a call finds a registration.
    pub(crate) fn has_callees(&self, procedure: &str) -> bool {
        self.exact(procedure).or_else(|| self.best(procedure)).is_some()
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
    ) -> Result<Placed, Refused> {
        let Some(place) = route.exact.or_else(|| self.best(&call.procedure)) else {
            return Err(Refused::no_such_procedure(&call.procedure));
        };
        let max = self.limits.calls_per_session_max;
        if sessions.sender(from).calls.len() >= max {
            return Err(Refused::resource_exhausted("calls in flight", max));
        }
        let deadline = deadline(now, call.options.timeout_ms);
        let chosen = match call.options.sharding.as_deref() {
            Some(CallSharding { runmode: Some(mode), rkey }) => {
                Some(self.choose_shard(sessions, place, (*mode, rkey.as_deref()), &call.procedure)?)
            }
            _ => self.choose(sessions, ids, place, &[]),
        };
        let Some(at) = chosen else {
            return self.wait(sessions, from, call, route, place, deadline);
        };
        let way = Way { place, at, attribution: route.attribution, deadline };
        self.start(sessions, from, call, way, &[], out)?;
        Ok(Placed::Started)
    }

    /// The callee that gets a call, among those that have room and were not tried.
    #[inline]
    fn choose(&mut self, sessions: &Sessions, ids: &mut Ids, place: Key, tried: &[Slot]) -> Option<usize> {
        let has_left = |callee: &Callee| sessions.is_anybody_leaving() && sessions.get(callee.slot).is_none();
        let can_take =
            |callee: &Callee| callee.has_room() && !has_left(callee) && !tried.contains(&callee.slot);
        let registration = &mut self.registrations[place];
        match sessions.is_anybody_away() {
            false => registration.choose(ids, can_take),
            true => choose_there(registration, ids, sessions, can_take),
        }
    }

    /// Sends the INVOCATION.
    #[inline(always)]
    fn start<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        call: &mut Call<'_>,
        way: Way,
        tried: &[Slot],
        out: &mut O,
    ) -> Result<(), Refused> {
        let Way { place, at, attribution, deadline } = way;
        let registration = &mut self.registrations[place];
        let callee = &registration.callees[at];
        let (to, counted) = (callee.slot, callee.is_limited().then_some(callee.number));
        // Either side can ask; that the role forbids it holds against both.
        let is_asked_for = call.options.disclose_me || callee.disclose_caller;
        let peer = sessions.sender_mut(to);
        let features = peer.session.roles.callee.unwrap_or_default();
        // A callee that cannot be interrupted could not be told that the parts end.
        let takes_parts = Features::PROGRESSIVE_CALL_INVOCATIONS.and(Features::CALL_CANCELING);
        if call.options.progress && !features.has(takes_parts) {
            return Err(Refused::takes_no_parts());
        }
        if let Some(passthru) = &call.options.passthru
            && !passthru::is_announced(passthru, Some(features))
        {
            return Err(passthru::not_supported(Kind::Invocation));
        }
        registration.take(at);
        peer.last_invocation += 1;
        let request = RequestId(peer.last_invocation);
        let can_reroute = features.has(Features::CALL_REROUTE);
        let has_others = registration.callees.len() > 1;
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
            can_reroute,
            receive_progress: call.options.receive_progress,
            is_open: call.options.progress,
            has_more_parts: false,
            timeout_ms: call.options.timeout_ms,
            deadline,
        });
        peer.invocations.insert(request, key);
        if let Some(deadline) = deadline {
            self.timeouts.insert((deadline, key));
        }
        let caller = sessions.sender_mut(from);
        caller.calls.insert(call.request, key);
        caller.open_calls += u32::from(call.options.progress);
        // What belongs to one callee is no other's.
        let is_anybodys = !call.options.progress && !is_partitioned(&call.options);
        if can_reroute && has_others && is_anybodys {
            self.keep(key, call, attribution, tried);
        }
        let mut details = details(&mut call.options, features);
        details.trustlevel = attribution.trustlevel;
        if attribution.disclose.holds(is_asked_for) {
            let caller = &sessions.sender(from).session;
            (details.caller, details.caller_authid, details.caller_authrole) =
                disclosed(caller, details.forward_for.as_deref(), call.options.disclose_me);
        }
        let registration = &self.registrations[place];
        if registration.policy != MatchPolicy::Exact {
            details.procedure = Some(Cow::Borrowed(&call.procedure));
        }
        if call.options.progress {
            freeze(&mut self.frozen, key, &details);
        }
        let payload = call.payload.borrowed();
        out.send(
            to,
            &message::Invocation { request, registration: registration.id, details, payload }.into(),
        );
        Ok(())
    }

    /// The parts of a progressive call have ended.
    #[cold]
    #[inline(never)]
    fn forget_parts(&mut self, key: Key) {
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

    /// A result.
    #[inline]
    pub(crate) fn yield_<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        now: Instant,
        from: Slot,
        yield_: &mut Yield<'_>,
        stats: &mut Stats,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        let Some(key) = self.answered(sessions, from, Kind::Yield, yield_.request, stats)? else {
            return Ok(());
        };
        let options = &mut yield_.options;
        if options.progress && !self.kept.is_empty() {
            // Part of the result is with the caller: the call cannot start again with somebody else.
            self.forget_kept(key);
        }
        let event = if options.progress { Event::Progress } else { Event::Answer };
        let invocation = &self.invocations[key];
        if options.progress && invocation.deadline.is_some() {
            self.put_off(key, now);
        }
        let invocation = &self.invocations[key];
        let (to, request) = (invocation.caller, invocation.call);
        match self.advance(sessions, key, event, out) {
            ToCaller::Nothing if options.progress => stats.unwanted_progress += 1,
            ToCaller::Nothing => stats.late_answers += 1,
            _ if options.passthru.is_some() && !takes(sessions, to, options.passthru.as_deref()) => {
                // The caller could make nothing of a part, but of the end.
                if !options.progress {
                    out.send(to, &passthru::not_supported(Kind::Result).to_error(Kind::Call, request));
                }
            }
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

    /// A part of a result has come: from here the caller waits as long again, if it wanted the part and waits at all.
    /// Specification: "Progressive Call Results", "Timeouts".
    #[cold]
    #[inline(never)]
    fn put_off(&mut self, key: Key, now: Instant) {
        let invocation = &mut self.invocations[key];
        if invocation.state != State::Running || !invocation.receive_progress {
            return;
        }
        let before = std::mem::replace(&mut invocation.deadline, deadline(now, invocation.timeout_ms));
        let after = invocation.deadline;
        if let Some(before) = before {
            self.timeouts.remove(&(before, key));
        }
        if let Some(after) = after {
            self.timeouts.insert((after, key));
        }
    }

    /// A procedure's error: to the caller as it came, or as `wamp.error.canceled` if the caller had it killed, whatever the
    /// callee's language makes of being interrupted.
    pub(crate) fn error<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        error: &mut message::Error<'_>,
        ids: &mut Ids,
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
        if error.error == uris::UNAVAILABLE && self.is_rerouted(key) {
            self.reroute(sessions, ids, key, stats, out);
            return Ok(());
        }
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

    /// Ends a call that may be continued, as its caller was refused a part of it.
    #[cold]
    pub(crate) fn part_is_refused<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        caller: Slot,
        part: &Call<'_>,
        out: &mut O,
    ) {
        let Some(key) = sessions.sender(caller).calls.get(&part.request).copied() else { return };
        if !self.invocations[key].is_open {
            return;
        }
        self.advance(sessions, key, Event::PartRefused, out);
        if !part.options.progress {
            // It was the last one.
            sessions.sender_mut(caller).is_late_continuation(part);
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
            out.send(invocation.callee, &interrupt(invocation.request, mode, reason));
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
        if !self.kept.is_empty() {
            self.forget_kept(key);
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
            if !registration.queue.is_empty() {
                self.ready.push(invocation.place);
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
        let Some(caller) = sessions.get_mut(invocation.caller) else { return };
        caller.calls.remove(&invocation.call);
        if invocation.is_open {
            caller.open_calls -= 1;
            caller.remember_ended(invocation.call, self.limits.ended_progressive_calls_max);
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

/// The callee that gets a call, of those with a connection if one of them can take it.
#[cold]
#[inline(never)]
fn choose_there(
    registration: &mut Registration,
    ids: &mut Ids,
    sessions: &Sessions,
    can_take: impl Fn(&Callee) -> bool,
) -> Option<usize> {
    let is_there = |callee: &Callee| sessions.get(callee.slot).is_some_and(|peer| !peer.is_away);
    let there = registration.choose(ids, |callee| can_take(callee) && is_there(callee));
    there.or_else(|| registration.choose(ids, can_take))
}

/// Whether a caller takes an opaque result.
#[cold]
#[inline(never)]
fn takes(sessions: &Sessions, caller: Slot, passthru: Option<&message::Passthru>) -> bool {
    let features = sessions.get(caller).and_then(|peer| peer.session.roles.caller);
    passthru.is_none_or(|passthru| passthru::is_announced(passthru, features))
}

/// Whether the call is for one callee and no other.
fn is_partitioned(options: &CallOptions) -> bool {
    options.sharding.as_ref().is_some_and(|sharding| sharding.runmode.is_some())
}

/// Keeps what a callee is told with every part of a progressive call.
#[cold]
#[inline(never)]
fn freeze(frozen: &mut Frozen, key: Key, details: &InvocationDetails<'_>) {
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

fn interrupt(request: RequestId, mode: CancelMode, reason: &'static str) -> Message<'static> {
    let (mode, reason) = (Some(mode), Some(Cow::Borrowed(reason)));
    Interrupt { request, mode, reason, forward_for: None }.into()
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
