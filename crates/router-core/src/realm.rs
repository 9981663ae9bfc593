//! One realm: every input comes in here, and every ERROR and ABORT of the realm's own is made here.
//!
//! ```text
//!  Input ──▶ handle ─┬─ Join, Leave, Close, Violation ──▶ sessions, meta events
//!                    ├─ Message ──▶ is one of the session waiting? held back : dispatch
//!                    │                 dispatch: permit (URI, permission) ─▶ broker, dealer, meta
//!                    ├─ Answer ───▶ dispatch what waited, then what was held back
//!                    └─ Tick ─────▶ dealer: calls that time out
//! ```
//!
//! A handler returns `Result<_, Stop>`: `Refused` becomes ERROR, a protocol violation becomes ABORT, both in
//! `Realm::dispatch` and nowhere else.

mod figures;
pub(crate) mod leaving;
mod memberships;
mod waiting;

use std::sync::Arc;
use std::time::Instant;

use crossweave_wamp::message::{self, Abort, Call, Kind, Publish, Published, ResultDetails, Welcome};
use crossweave_wamp::{
    AuthMethod, Dict, MatchPolicy, Message, ProtocolViolation, PublicationId, RequestId, SessionId, Value,
    uris,
};
use hashbrown::HashMap;

use crate::authorization::{Disclose, Role, Roles};
use crate::boundary::{
    Decision, Flow, Input, Outbox, Presence, QuestionId, Record, Session, Slot, Undelivered,
};
use crate::broker::{Broker, Publisher};
use crate::clock::Clock;
use crate::dealer::{Dealer, Placed};
use crate::decisions::{DecisionFilter, Decisions};
use crate::denial::Denials;
use crate::ids::Ids;
use crate::limits::{MetaApi, RealmOptions};
use crate::meta;
use crate::meta::arguments::Arguments;
use crate::passthru;
use crate::permit::{Desk, Permit, Route};
use crate::question::Deed;
use crate::refused::{Refused, Stop};
use crate::session::{About, Peer, Sessions};
use crate::stats::Stats;
use crate::trust::Trust;
use leaving::Notice;

/// A realm as a pure state machine. See [`Realm::handle`].
#[derive(Debug)]
pub struct Realm {
    name: Arc<str>,
    pub(crate) options: RealmOptions,
    clock: Clock,
    ids: Ids,
    pub(crate) sessions: Sessions,
    roles: Roles,
    pub(crate) broker: Broker,
    pub(crate) dealer: Dealer,
    /// Who waits for which answer.
    questions: HashMap<QuestionId, Slot>,
    decisions: Box<Decisions>,
    denials: Box<Denials>,
    last_question: u64,
    /// None where the configuration assigns no trust levels.
    trust: Option<Box<Trust>>,
    stats: Stats,
}

impl Realm {
    /// A realm without roles and sessions. All its randomness comes from `seed`, which the driver draws.
    pub fn new(name: impl Into<Arc<str>>, options: RealmOptions, seed: [u8; 32]) -> Self {
        let mut ids = Ids::new(seed);
        let mut broker = Broker::default();
        broker.keep_history(&options.history, &mut ids);
        Realm {
            name: name.into(),
            clock: Clock::default(),
            ids,
            sessions: Sessions::default(),
            roles: Roles::default(),
            broker,
            dealer: Dealer::new(options.limits.clone(), options.call_queues.clone()),
            questions: HashMap::new(),
            decisions: Box::default(),
            denials: Box::default(),
            last_question: 0,
            trust: Trust::new(&options.trust),
            stats: Stats::default(),
            options,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the wall clock: `unix_ms` milliseconds had passed since 1970 at `at`. Without it the realm believes it is 1970,
    /// which shows in the times that the meta API and the event history tell.
    pub fn set_clock(&mut self, at: Instant, unix_ms: u64) {
        if self.clock.set(at, unix_ms) {
            self.broker.date_subscriptions(unix_ms);
        }
    }

    /// Gives a realm that has just been made the events of its history back, oldest first, as far as its rules have room for
    /// them.
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>) {
        self.broker.restore_history(records);
    }

    /// Milliseconds since 1970.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    /// An id for a publication.
    pub(crate) fn new_publication_id(&mut self) -> PublicationId {
        self.ids.publication()
    }

    /// Adds a role, or replaces the one of this name: its sessions have the new permissions from now on.
    pub fn set_role(&mut self, role: Role) {
        self.decisions.forget_role(&role.name);
        self.roles.set(role);
    }

    /// Removes a role and says whether there was one. Sessions that have it are denied every action from now on;
    /// [`Input::RemoveRole`] ends them as well.
    pub fn remove_role(&mut self, name: &str) -> bool {
        self.decisions.forget_role(name);
        self.roles.remove(name)
    }

    /// The names of the roles, in order.
    pub fn roles(&self) -> Vec<Arc<str>> {
        self.roles.names()
    }

    /// Whether there is a role of this name.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.key(name).is_some()
    }

    /// Whether a client gets the role that has proven itself by this method (none: it is not known by which); none if there is
    /// no such role. The realm does not ask this itself: who joins is for its driver to decide.
    pub fn admits(&self, role: &str, proof: Option<AuthMethod>) -> Option<bool> {
        let key = self.roles.key(role)?;
        let accepted = self.roles.authmethods(key);
        Some(accepted.is_none_or(|accepted| proof.is_some_and(|proof| accepted.contains(&proof))))
    }

    /// A random id that no session of this realm has.
    pub fn new_session_id(&mut self) -> SessionId {
        loop {
            let id = self.ids.session();
            if self.sessions.slot_of(id).is_none() {
                return id;
            }
        }
    }

    /// When to call [`Realm::handle`] with [`Input::Tick`]; `None` while nothing is to time out.
    pub fn deadline(&self) -> Option<Instant> {
        let sessions = &self.sessions;
        let is_now = sessions.is_anybody_leaving() || sessions.is_anybody_silent() || self.dealer.is_behind();
        if is_now { self.clock.now() } else { self.dealer.deadline() }
    }

    /// The driver has given a joined session another transport: what the meta API and authorizers are told of it from now on. What
    /// authorizers decided for the session on the one before no longer holds.
    pub fn set_transport(&mut self, slot: Slot, transport: Dict) {
        if let Some(peer) = self.sessions.get_mut(slot) {
            peer.session.transport = transport;
            peer.transports += 1;
        }
    }

    /// Forgets decisions of authorizers that it remembers, and says how many.
    pub fn purge_decisions(&mut self, filter: &DecisionFilter) -> usize {
        self.decisions.purge(filter)
    }

    /// Takes one input and does all that follows from it, through `out`.
    ///
    /// The [`Flow`] is that of the session the input is about ([`Flow::Continue`] for an input that is about none, and for an
    /// answer that nobody waits for). Inputs about slots that are not attached are ignored and give [`Flow::Gone`].
    ///
    /// [`Outbox::detach`] is called for every session that the realm lets go, not for [`Input::Leave`]: there the driver
    /// said so itself. Either way nothing is sent to the slot any more, and [`Outbox::free`] says when the realm has no more
    /// use for it.
    ///
    /// # Panics
    ///
    /// [`Input::Join`] with a slot that is attached is a bug of the driver.
    #[inline]
    pub fn handle<O: Outbox>(&mut self, now: Instant, input: Input<'_, '_>, out: &mut O) -> Flow {
        self.clock.advance(now);
        match input {
            Input::Message(slot, message) => self.message(now, slot, message, out),
            Input::Join(slot, session, welcome) => self.join(slot, *session, *welcome, out),
            Input::Violation(slot, violation) => self.abort(slot, violation.uri(), violation.message(), out),
            Input::Answer(question, decision) => self.answer(now, question, decision, out),
            Input::Close(slot, reason) => self.close(slot, reason, out),
            Input::Leave(slot) => self.remove(slot, Notice::Given, out),
            Input::Presence(slot, presence) => self.set_presence(slot, presence, out),
            Input::Undelivered(slot, request, why) => self.undelivered(now, slot, request, why, out),
            Input::Unreceived(slot, request, why) => self.unreceived(slot, request, why, out),
            Input::Kill(whom, goodbye) => self.kill_whom(&whom, &goodbye, out),
            Input::RemoveRole(name, goodbye) => self.revoke_role(&name, &goodbye, out),
            Input::Tick => {
                self.dealer.tick(&mut self.sessions, now, out);
                self.end_unanswered(out);
                self.work_off(out);
                self.dealer.catch_up();
                self.serve_queues(out);
                Flow::Continue
            }
        }
    }

    /// Ends calls that silent callees do not answer, a portion.
    fn end_unanswered<O: Outbox>(&mut self, out: &mut O) {
        for _ in 0..self.options.limits.leave_portion.max(1) {
            if !self.sessions.is_anybody_silent() {
                return;
            }
            self.dealer.end_next_unanswered(&mut self.sessions, out);
        }
    }

    /// Starts calls that waited for a callee with room, if one has room now.
    #[inline]
    fn serve_queues<O: Outbox>(&mut self, out: &mut O) {
        if self.dealer.has_ready_calls() {
            self.dealer.serve_queues(&mut self.sessions, &mut self.ids, &mut self.stats, out);
        }
    }

    // Sessions

    /// A session has lost its connection, or has another one.
    #[cold]
    fn set_presence<O: Outbox>(&mut self, slot: Slot, presence: Presence, out: &mut O) -> Flow {
        if self.sessions.get(slot).is_none() {
            return Flow::Gone;
        }
        self.sessions.set_away(slot, presence != Presence::There);
        match presence {
            Presence::Away => {}
            Presence::Silent => {
                self.sessions.set_silent(slot);
                self.end_unanswered(out);
            }
            Presence::There => self.dealer.is_back(&self.sessions, slot),
        }
        self.serve_queues(out);
        Flow::Continue
    }

    fn join<O: Outbox>(&mut self, slot: Slot, session: Session, welcome: Welcome, out: &mut O) -> Flow {
        let Some(role) = self.roles.key(&session.authrole) else {
            let why = format!("no role {:?} on realm {:?}", session.authrole, self.name);
            out.send(slot, &Abort::new(uris::NO_SUCH_ROLE, why).into());
            out.detach(slot, Some(uris::NO_SUCH_ROLE));
            out.free(slot);
            return Flow::Gone;
        };
        self.sessions.insert(Peer::new(slot, session, role));
        out.send(slot, &welcome.into());
        if self.tells(meta::session::ON_JOIN) {
            let details = meta::session::details(&self.sessions.sender(slot).session);
            self.tell(meta::session::ON_JOIN, &[details.into()], Some(slot), out);
        }
        Flow::Continue
    }

    /// Whether anybody listens to an event of the meta API.
    fn tells(&self, topic: &str) -> bool {
        self.options.meta_api != MetaApi::Nobody && self.broker.is_heard(topic)
    }

    /// An event of the realm itself, if anybody may hear it: ask [`Realm::tells`] first.
    pub(crate) fn tell<O: Outbox>(
        &mut self,
        topic: &'static str,
        args: &[Value],
        excluded: Option<Slot>,
        out: &mut O,
    ) {
        let event = meta::event(self.ids.publication(), args);
        let is_for_own = self.options.meta_api == MetaApi::Own;
        self.broker.publish_meta(&self.sessions, topic, event, excluded, is_for_own, out);
    }

    fn desk(&self, now: Instant) -> Desk<'_> {
        Desk {
            options: &self.options,
            roles: &self.roles,
            broker: &self.broker,
            dealer: &self.dealer,
            decisions: &self.decisions,
            now,
        }
    }

    // Messages, and those that wait

    #[inline]
    fn message<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        out: &mut O,
    ) -> Flow {
        match self.sessions.get(slot) {
            None => Flow::Gone,
            Some(peer) if peer.gate.is_some() => self.hold(slot, message, out),
            Some(_) => self.dispatch(now, slot, message, None, out),
        }
    }

    /// Answers an invocation that its callee never got, in the callee's place.
    #[cold]
    fn undelivered<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        request: RequestId,
        why: Undelivered,
        out: &mut O,
    ) -> Flow {
        let Some(callee) = self.sessions.get(slot) else { return Flow::Gone };
        let flow = if callee.gate.is_some() { Flow::Pause } else { Flow::Continue };
        let refused = match why {
            Undelivered::NoRoom => {
                Refused::new(uris::UNAVAILABLE, "callee is too far behind to be sent the invocation")
            }
            Undelivered::TooLong => {
                Refused::new(uris::PAYLOAD_SIZE_EXCEEDED, "invocation is longer than its callee takes")
            }
        };
        self.dealer.part_is_undelivered(&self.sessions, slot, request, out);
        // The call that is next would come back as well, and so on: each has a turn of its own.
        self.dealer.hold_queues();
        let mut error = refused.to_error(Kind::Invocation, request);
        let done = self.dispatch(now, slot, &mut error, None, out);
        self.dealer.leave_queues();
        if done == Flow::Gone { Flow::Gone } else { flow }
    }

    /// Ends a call that cannot go on, as its caller does not take what its callee answers.
    #[cold]
    fn unreceived<O: Outbox>(
        &mut self,
        slot: Slot,
        request: RequestId,
        why: Undelivered,
        out: &mut O,
    ) -> Flow {
        let Some(caller) = self.sessions.get(slot) else { return Flow::Gone };
        let flow = if caller.gate.is_some() { Flow::Pause } else { Flow::Continue };
        self.dealer.unreceived(&mut self.sessions, slot, request, why, out);
        self.serve_queues(out);
        flow
    }

    /// Carries out one message, with the authorizer's decision if it waited for that.
    #[inline]
    fn dispatch<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        decision: Option<&Decision>,
        out: &mut O,
    ) -> Flow {
        let answer_to = answer_to(message);
        let done = match self.desk(now).permit(self.sessions.sender(slot), message, decision) {
            Ok(Permit::Granted(route)) => match message {
                Message::Goodbye(_) => return self.goodbye(slot, out),
                Message::Abort(_) => {
                    let _ = self.remove(slot, Notice::Given, out);
                    out.detach(slot, Some(uris::CLOSE_NORMAL));
                    return Flow::Gone;
                }
                _ => self.carry_out(now, slot, message, route, out),
            },
            Ok(Permit::Ask(request)) => return self.ask(slot, (About::Message, *request), message, out),
            Err(refused) => Err(refused.into()),
        };
        self.conclude(now, slot, message, answer_to, done, out)
    }

    #[inline]
    fn conclude<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        answer_to: Option<(Kind, RequestId)>,
        done: Result<(), Stop>,
        out: &mut O,
    ) -> Flow {
        match done {
            Ok(()) => Flow::Continue,
            Err(Stop::Violation(violation)) => self.abort(slot, violation.uri(), violation.message(), out),
            Err(Stop::Ask(request)) => self.ask(slot, (About::Effect, *request), message, out),
            Err(Stop::Refused(mut refused)) => {
                self.stats.refused += 1;
                self.tell_denied(now, slot, &mut refused, out);
                self.end_open_call(slot, message);
                if let Some((kind, request)) = answer_to {
                    out.send(slot, &refused.to_error(kind, request));
                }
                Flow::Continue
            }
        }
    }

    /// A CALL has its answer at once. If it is the first part of a progressive call, others may be on the way, and are no new calls.
    #[cold]
    fn end_open_call(&mut self, slot: Slot, message: &Message<'_>) {
        if let Message::Call(call) = message
            && call.options.progress
        {
            self.sessions.sender_mut(slot).end_open_call(call.request, &self.options.limits);
        }
    }

    /// Tells the operator why a request was denied, and the peer under which id.
    #[cold]
    fn tell_denied<O: Outbox>(&mut self, now: Instant, slot: Slot, refused: &mut Refused, out: &mut O) {
        let Some(denied) = refused.denied.take() else { return };
        let peer = self.sessions.sender(slot);
        let (id, denial) = self.denials.tell(now, &mut self.ids, peer, self.roles.get(peer.role), &denied);
        // Who may not even know of a procedure learns nothing of the denial.
        refused.correlation_id = (refused.error != uris::NO_SUCH_PROCEDURE).then_some(id);
        if let Some(denial) = denial {
            out.denied(denial);
        }
    }

    #[inline]
    fn carry_out<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        route: Route,
        out: &mut O,
    ) -> Result<(), Stop> {
        if has_passthru(message) {
            passthru::check(self.sessions.sender(slot), message)?;
        }
        match message {
            Message::Publish(publish) => self.publish(slot, publish, route, out),
            Message::Call(call) => return self.call(now, slot, call, route, out),
            Message::Yield(it) => {
                self.dealer.yield_(&mut self.sessions, now, slot, it, &mut self.stats, out)?;
                self.serve_queues(out);
            }
            Message::Error(it) => {
                self.dealer.error(&mut self.sessions, slot, it, &mut self.ids, &mut self.stats, out)?;
                self.serve_queues(out);
            }
            Message::Cancel(cancel) => {
                self.dealer.cancel(&mut self.sessions, slot, cancel, out);
                self.serve_queues(out);
            }
            Message::Subscribe(subscribe) => self.subscribe(slot, subscribe, out)?,
            Message::Unsubscribe(it) => self.unsubscribe(slot, it, out)?,
            Message::Register(register) => {
                self.register(slot, register, out)?;
                self.serve_queues(out);
            }
            Message::Unregister(it) => {
                self.unregister(slot, it, out)?;
                self.serve_queues(out);
            }
            other => return Err(unexpected(other).into()),
        }
        Ok(())
    }

    /// PUBLISHED goes out before the events do: a publisher that also subscribes learns the publication's id first.
    #[inline]
    fn publish<O: Outbox>(&mut self, slot: Slot, publish: &mut Publish<'_>, mut route: Route, out: &mut O) {
        if let Some(trust) = &self.trust {
            let role = &self.sessions.sender(slot).session.authrole;
            route.attribution.trustlevel = trust.level(role, &publish.topic);
        }
        let publication = self.ids.publication();
        self.stats.publications += 1;
        if publish.options.acknowledge {
            out.send(slot, &Published { request: publish.request, publication }.into());
        }
        self.broadcast(Publisher::Joined(slot), publication, publish, route, out);
    }

    /// Delivers a publication, and keeps it for later if that is asked for.
    #[inline]
    fn broadcast<O: Outbox>(
        &mut self,
        from: Publisher<'_>,
        publication: PublicationId,
        publish: &mut Publish<'_>,
        route: Route,
        out: &mut O,
    ) {
        if self.broker.keeps(publish) {
            let (publisher, now) = (from.session(&self.sessions), self.clock.unix_ms());
            let (attribution, limits) = (route.attribution, &self.options.limits);
            let is_kept = self.broker.keep(publish, publication, publisher, attribution, now, limits, out);
            self.stats.not_retained += u64::from(!is_kept);
        }
        self.broker.publish(&self.sessions, from, publication, publish, route, out);
    }

    #[inline]
    fn call<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        call: &mut Call<'_>,
        route: Route,
        out: &mut O,
    ) -> Result<(), Stop> {
        let caller = self.sessions.sender_mut(slot);
        if let Some(key) = caller.calls.get(&call.request) {
            let key = *key;
            return Ok(self.dealer.continue_call(&mut self.sessions, slot, key, call, out)?);
        }
        if !caller.ended_open_calls.is_empty() && caller.is_late_continuation(call) {
            return Ok(());
        }
        if call.options.progress {
            caller.check_first_part(call)?;
        }
        if route.exact.is_none() && meta::is_reserved(&call.procedure) {
            return self.call_meta(now, slot, call, None, out);
        }
        let mut route = route;
        if let Some(trust) = &self.trust {
            let role = &self.sessions.sender(slot).session.authrole;
            route.attribution.trustlevel = trust.level(role, &call.procedure);
        }
        if self.sessions.is_anybody_leaving() {
            self.settle_procedure(MatchPolicy::Exact, &call.procedure, out);
            route.exact = self.dealer.exact(&call.procedure);
        }
        match self.dealer.call(&mut self.sessions, &mut self.ids, now, slot, call, route, out)? {
            Placed::Started => self.stats.invocations += 1,
            Placed::Queued => self.stats.queued += 1,
        }
        Ok(())
    }

    /// Calls a procedure of the realm's own; `decision` is about its effect.
    fn call_meta<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        call: &Call<'_>,
        decision: Option<&Decision>,
        out: &mut O,
    ) -> Result<(), Stop> {
        let is_there = self.options.meta_api.is_for(&self.sessions.sender(slot).session.authrole);
        if !is_there || !meta::is_procedure(&call.procedure) {
            return Err(Refused::no_such_procedure(&call.procedure).into());
        }
        let arguments = meta::arguments_of(&call.procedure, &call.payload, &self.options.limits)?;
        let disclose = self.permit_effect(now, slot, &call.procedure, &arguments, decision)?;
        let payload = meta::call(self, slot, &call.procedure, &arguments, disclose, out)?;
        self.serve_queues(out);
        let result = message::Result { request: call.request, details: ResultDetails::default(), payload };
        out.send(slot, &result.into());
        if call.options.progress {
            self.sessions.sender_mut(slot).end_open_call(call.request, &self.options.limits);
        }
        Ok(())
    }

    /// Whether a call of the realm's own procedure may have its effect; if so, whether its author is disclosed.
    fn permit_effect(
        &mut self,
        now: Instant,
        slot: Slot,
        procedure: &str,
        arguments: &Arguments,
        decision: Option<&Decision>,
    ) -> Result<Disclose, Stop> {
        let Some(effect) = meta::effect(self, procedure, arguments)? else { return Ok(Disclose::AsAsked) };
        let peer = self.sessions.sender(slot);
        if let (Some(decision), Some(deed)) = (decision, Deed::of(&effect)) {
            let version = self.roles.version(peer.role);
            self.decisions.remember(now, peer, version, &deed, decision, &self.options.limits);
        }
        match self.desk(now).permit(peer, &effect, decision)? {
            Permit::Granted(route) => Ok(route.attribution.disclose),
            Permit::Ask(request) => Err(Stop::Ask(request)),
        }
    }
}

/// Whether a request or answer has options of payload passthru.
#[inline]
fn has_passthru(message: &Message<'_>) -> bool {
    match message {
        Message::Publish(it) => it.options.passthru.is_some(),
        Message::Call(it) => it.options.passthru.is_some(),
        Message::Yield(it) => it.options.passthru.is_some(),
        _ => false,
    }
}

/// Which request an ERROR would answer. An unacknowledged PUBLISH gets none, whatever becomes of it.
#[inline]
fn answer_to(message: &Message<'_>) -> Option<(Kind, RequestId)> {
    let request = match message {
        Message::Publish(it) if !it.options.acknowledge => return None,
        Message::Publish(it) => it.request,
        Message::Call(it) => it.request,
        Message::Subscribe(it) => it.request,
        Message::Unsubscribe(it) => it.request,
        Message::Register(it) => it.request,
        Message::Unregister(it) => it.request,
        _ => return None,
    };
    Some((message.kind(), request))
}

#[cold]
fn unexpected(message: &Message<'_>) -> ProtocolViolation {
    let name = message.kind().name();
    let why = match message {
        Message::Hello(_) => "the session is open",
        Message::Authenticate(_) => "there is no CHALLENGE to answer",
        Message::EventReceived(_) => "the router did not announce acknowledged delivery",
        _ => "only routers send it",
    };
    ProtocolViolation::new(format!("unexpected {name}: {why}"))
}
