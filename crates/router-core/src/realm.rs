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

use std::sync::Arc;
use std::time::Instant;

use crossweave_wamp::message::{
    self, Abort, Call, Goodbye, Kind, Publish, Published, ResultDetails, Welcome,
};
use crossweave_wamp::{
    Dict, Message, Payload, ProtocolViolation, PublicationId, RequestId, Serializer, SessionId, uris,
};
use hashbrown::HashMap;

use crate::authorization::{Role, Roles};
use crate::boundary::{AuthorizeRequest, Decision, Flow, Input, Outbox, QuestionId, Session, Slot};
use crate::broker::Broker;
use crate::dealer::Dealer;
use crate::decisions::{self, DecisionFilter, Decisions};
use crate::denial::Denials;
use crate::ids::Ids;
use crate::limits::RealmOptions;
use crate::meta;
use crate::permit::{Desk, Permit, Route};
use crate::question::Deed;
use crate::refused::{Refused, Stop};
use crate::session::{Gate, Peer, Sessions};
use crate::stats::Stats;

/// A realm as a pure state machine. See [`Realm::handle`].
#[derive(Debug)]
pub struct Realm {
    name: Arc<str>,
    options: RealmOptions,
    ids: Ids,
    sessions: Sessions,
    roles: Roles,
    broker: Broker,
    dealer: Dealer,
    /// Who waits for which answer.
    questions: HashMap<QuestionId, Slot>,
    decisions: Box<Decisions>,
    denials: Box<Denials>,
    last_question: u64,
    stats: Stats,
}

impl Realm {
    /// A realm without roles and sessions. All its randomness comes from `seed`, which the driver draws.
    pub fn new(name: impl Into<Arc<str>>, options: RealmOptions, seed: [u8; 32]) -> Self {
        Realm {
            name: name.into(),
            ids: Ids::new(seed),
            sessions: Sessions::default(),
            roles: Roles::default(),
            broker: Broker::default(),
            dealer: Dealer::new(options.limits.clone()),
            questions: HashMap::new(),
            decisions: Box::default(),
            denials: Box::default(),
            last_question: 0,
            stats: Stats::default(),
            options,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a role, or replaces the one of this name: its sessions have the new permissions from now on.
    pub fn set_role(&mut self, role: Role) {
        self.decisions.forget_role(&role.name);
        self.roles.set(role);
    }

    /// Removes a role and says whether there was one. Sessions that have it are denied every action from now on.
    pub fn remove_role(&mut self, name: &str) -> bool {
        self.decisions.forget_role(name);
        self.roles.remove(name)
    }

    /// Whether there is a role of this name.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.key(name).is_some()
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
        self.dealer.deadline()
    }

    /// The joined sessions with their slots, in the order of the slots.
    pub fn sessions(&self) -> impl Iterator<Item = (Slot, &Session)> {
        self.sessions.iter().map(|peer| (peer.slot, &peer.session))
    }

    /// Number of joined sessions.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Number of subscriptions: topics and patterns with at least one subscriber.
    pub fn subscription_count(&self) -> usize {
        self.broker.len()
    }

    /// Number of registrations: procedures and patterns with at least one callee.
    pub fn registration_count(&self) -> usize {
        self.dealer.registrations_len()
    }

    /// Number of invocations that a callee has to answer.
    pub fn invocation_count(&self) -> usize {
        self.dealer.invocations_len()
    }

    /// Number of messages that wait for an authorizer.
    pub fn question_count(&self) -> usize {
        self.questions.len()
    }

    /// Whether a message still waits for this answer: not if its session has left, or it was answered.
    pub fn is_asked(&self, question: QuestionId) -> bool {
        self.questions.contains_key(&question)
    }

    /// Forgets decisions of authorizers that it remembers, and says how many.
    pub fn purge_decisions(&mut self, filter: &DecisionFilter) -> usize {
        self.decisions.purge(filter)
    }

    /// Number of decisions of authorizers that it remembers.
    pub fn decision_count(&self) -> usize {
        self.decisions.len()
    }

    /// What it counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes one input and does all that follows from it, through `out`.
    ///
    /// The [`Flow`] is that of the session the input is about ([`Flow::Continue`] for [`Input::Tick`] and for an answer that
    /// nobody waits for). Inputs about slots that are not attached are ignored and give [`Flow::Gone`].
    ///
    /// [`Outbox::detach`] is called for every session that the realm lets go, not for [`Input::Leave`]: there the driver
    /// said so itself. Either way the realm has forgotten the slot when this returns; when another session gets it is for the
    /// driver to say.
    ///
    /// # Panics
    ///
    /// [`Input::Join`] with a slot that is attached is a bug of the driver.
    #[inline]
    pub fn handle<O: Outbox>(&mut self, now: Instant, mut input: Input<'_>, out: &mut O) -> Flow {
        // A message is a few hundred bytes: the hot path takes what it needs out of it rather than moving it along.
        match input {
            Input::Message(slot, ref mut message) => self.message(now, slot, message, out),
            Input::Join(slot, session, welcome) => self.join(slot, *session, *welcome, out),
            Input::Violation(slot, violation) => self.abort(slot, violation.uri(), violation.message(), out),
            Input::Answer(question, decision) => self.answer(now, question, decision, out),
            Input::Close(slot, reason) => self.close(slot, reason, out),
            Input::Leave(slot) => self.remove(slot, out),
            Input::Undelivered(slot, request) => self.undelivered(now, slot, request, out),
            Input::Tick => {
                self.dealer.tick(&mut self.sessions, now, out);
                Flow::Continue
            }
        }
    }

    // Sessions

    fn join<O: Outbox>(&mut self, slot: Slot, session: Session, welcome: Welcome, out: &mut O) -> Flow {
        let Some(role) = self.roles.key(&session.authrole) else {
            let why = format!("no role {:?} on realm {:?}", session.authrole, self.name);
            out.send(slot, &Abort::new(uris::NO_SUCH_ROLE, why).into());
            out.detach(slot, Some(uris::NO_SUCH_ROLE));
            return Flow::Gone;
        };
        self.sessions.insert(Peer::new(slot, session, role));
        out.send(slot, &welcome.into());
        if self.tells(meta::ON_JOIN) {
            let payload = meta::joined(&self.sessions.sender(slot).session);
            let event = meta::event(self.ids.publication(), payload);
            self.broker.publish_meta(&self.sessions, meta::ON_JOIN, event, Some(slot), out);
        }
        Flow::Continue
    }

    /// Whether anybody listens to an event of the meta API.
    fn tells(&self, topic: &str) -> bool {
        self.options.enable_meta_api && self.broker.has_subscribers(topic)
    }

    /// Forgets a session and ends everything it took part in. Nothing is sent to it.
    fn remove<O: Outbox>(&mut self, slot: Slot, out: &mut O) -> Flow {
        let Some(mut peer) = self.sessions.remove(slot) else { return Flow::Gone };
        if let Some(gate) = peer.gate.take() {
            self.questions.remove(&gate.question);
        }
        self.broker.leave(&mut self.sessions, &mut peer);
        self.dealer.leave(&mut self.sessions, &mut peer, out);
        if self.tells(meta::ON_LEAVE) {
            let event = meta::event(self.ids.publication(), meta::left(&peer.session));
            self.broker.publish_meta(&self.sessions, meta::ON_LEAVE, event, None, out);
        }
        Flow::Gone
    }

    /// The router closes the session.
    fn close<O: Outbox>(&mut self, slot: Slot, reason: &'static str, out: &mut O) -> Flow {
        if self.sessions.get(slot).is_some() {
            out.send(slot, &Goodbye::new(reason).into());
            let _ = self.remove(slot, out);
            out.detach(slot, Some(reason));
        }
        Flow::Gone
    }

    /// The session closes itself, and its transport may open another one.
    fn goodbye<O: Outbox>(&mut self, slot: Slot, out: &mut O) -> Flow {
        out.send(slot, &Goodbye::new(uris::GOODBYE_AND_OUT).into());
        let _ = self.remove(slot, out);
        out.detach(slot, None);
        Flow::Gone
    }

    /// The session broke the protocol or a bound.
    #[cold]
    fn abort<O: Outbox>(&mut self, slot: Slot, reason: &'static str, message: &str, out: &mut O) -> Flow {
        if self.sessions.get(slot).is_some() {
            self.stats.aborted += 1;
            out.send(slot, &Abort::new(reason, message).into());
            let _ = self.remove(slot, out);
            out.detach(slot, Some(reason));
        }
        Flow::Gone
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

    /// Keeps a message that came while an earlier one of its session awaits authorization.
    #[cold]
    fn hold<O: Outbox>(&mut self, slot: Slot, message: &mut Message<'_>, out: &mut O) -> Flow {
        let max = self.options.limits.held_messages_max;
        let Some(gate) = &mut self.sessions.sender_mut(slot).gate else { return Flow::Continue };
        if gate.held.len() >= max {
            let why = format!("session sent more than {max} messages while one awaits authorization");
            return self.abort(slot, uris::RESOURCE_EXHAUSTED, &why, out);
        }
        gate.held.push_back(take(message));
        Flow::Pause
    }

    /// Answers an invocation that its callee never got, in the callee's place.
    #[cold]
    fn undelivered<O: Outbox>(&mut self, now: Instant, slot: Slot, request: RequestId, out: &mut O) -> Flow {
        let Some(callee) = self.sessions.get(slot) else { return Flow::Gone };
        let flow = if callee.gate.is_some() { Flow::Pause } else { Flow::Continue };
        let busy = Refused::new(uris::UNAVAILABLE, "callee is too far behind to be sent the invocation");
        let mut error = busy.to_error(Kind::Invocation, request);
        match self.dispatch(now, slot, &mut error, None, out) {
            Flow::Gone => Flow::Gone,
            _ => flow,
        }
    }

    /// Asks for a message, and lets the session wait.
    #[cold]
    fn ask<O: Outbox>(
        &mut self,
        slot: Slot,
        request: AuthorizeRequest,
        message: &mut Message<'_>,
        out: &mut O,
    ) -> Flow {
        self.last_question += 1;
        let question = QuestionId(self.last_question);
        self.questions.insert(question, slot);
        let (waiting, held) = (take(message), Default::default());
        let peer = self.sessions.sender_mut(slot);
        let role_version = self.roles.version(peer.role);
        peer.gate = Some(Box::new(Gate { question, role_version, waiting, held }));
        out.ask(question, request);
        Flow::Pause
    }

    /// Carries out what waited for the answer, then what was held back, until one of those has to wait in turn.
    fn answer<O: Outbox>(
        &mut self,
        now: Instant,
        question: QuestionId,
        decision: Decision,
        out: &mut O,
    ) -> Flow {
        let Some(slot) = self.questions.remove(&question) else { return Flow::Continue };
        let Some(gate) = self.sessions.sender_mut(slot).gate.take() else { return Flow::Continue };
        let Gate { mut waiting, mut held, role_version, .. } = *gate;
        // An answer about a role that is another one by now means nothing.
        let peer = self.sessions.sender(slot);
        let decision = (self.roles.version(peer.role) == role_version).then_some(decision);
        if let (Some(decision), Some(deed)) = (&decision, Deed::of(&waiting)) {
            self.decisions.remember(now, peer, role_version, &deed, decision, &self.options.limits);
        }
        let mut flow = self.dispatch(now, slot, &mut waiting, decision, out);
        while flow == Flow::Continue {
            let Some(mut message) = held.pop_front() else {
                out.resume(slot);
                return Flow::Continue;
            };
            flow = self.dispatch(now, slot, &mut message, None, out);
        }
        if let Some(peer) = self.sessions.get_mut(slot)
            && let Some(gate) = &mut peer.gate
        {
            gate.held = held;
        }
        flow
    }

    /// Carries out one message, with the authorizer's decision if it waited for that.
    #[inline]
    fn dispatch<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        decision: Option<Decision>,
        out: &mut O,
    ) -> Flow {
        let answer_to = answer_to(message);
        let done = match self.desk(now).permit(self.sessions.sender(slot), message, decision) {
            Ok(Permit::Granted(route)) => match message {
                Message::Goodbye(_) => return self.goodbye(slot, out),
                Message::Abort(_) => {
                    let _ = self.remove(slot, out);
                    out.detach(slot, Some(uris::CLOSE_NORMAL));
                    return Flow::Gone;
                }
                message => self.carry_out(now, slot, message, route, out),
            },
            Ok(Permit::Ask(request)) => return self.ask(slot, *request, message, out),
            Err(refused) => Err(refused.into()),
        };
        match done {
            Ok(()) => Flow::Continue,
            Err(Stop::Violation(violation)) => self.abort(slot, violation.uri(), violation.message(), out),
            Err(Stop::Refused(mut refused)) => {
                self.stats.refused += 1;
                self.tell_denied(now, slot, &mut refused, out);
                if let Some((kind, request)) = answer_to {
                    out.send(slot, &refused.to_error(kind, request));
                }
                Flow::Continue
            }
        }
    }

    /// Tells the operator why a request was denied, and the peer under which id.
    #[cold]
    fn tell_denied<O: Outbox>(&mut self, now: Instant, slot: Slot, refused: &mut Refused, out: &mut O) {
        let Some(denied) = refused.denied.take() else { return };
        let peer = self.sessions.sender(slot);
        let (id, denial) = self.denials.tell(now, &mut self.ids, peer, self.roles.get(peer.role), &denied);
        refused.correlation_id = Some(id);
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
        match message {
            Message::Publish(publish) => self.publish(slot, publish, route, out),
            Message::Call(call) => return self.call(now, slot, call, route, out),
            Message::Yield(it) => self.dealer.yield_(&mut self.sessions, slot, it, &mut self.stats, out)?,
            Message::Error(it) => self.dealer.error(&mut self.sessions, slot, it, &mut self.stats, out)?,
            Message::Cancel(cancel) => self.dealer.cancel(&mut self.sessions, slot, cancel, out),
            Message::Subscribe(subscribe) => self.subscribe(slot, subscribe, out)?,
            Message::Unsubscribe(it) => {
                self.broker.unsubscribe(&mut self.sessions, slot, it.subscription)?;
                out.send(slot, &message::Unsubscribed { request: it.request, revoked: None }.into());
            }
            Message::Register(register) => {
                let registration = self.dealer.register(&mut self.sessions, &mut self.ids, slot, register)?;
                out.send(slot, &message::Registered { request: register.request, registration }.into());
            }
            Message::Unregister(it) => {
                self.dealer.unregister(&mut self.sessions, slot, it.registration)?;
                out.send(slot, &message::Unregistered { request: it.request, revoked: None }.into());
            }
            other => return Err(unexpected(other).into()),
        }
        Ok(())
    }

    /// PUBLISHED goes out before the events do: a publisher that also subscribes learns the publication's id first.
    #[inline]
    fn publish<O: Outbox>(&mut self, slot: Slot, publish: &mut Publish<'_>, route: Route, out: &mut O) {
        let publication = self.ids.publication();
        self.stats.publications += 1;
        if publish.options.acknowledge {
            out.send(slot, &Published { request: publish.request, publication }.into());
        }
        self.broker.publish(&self.sessions, slot, publication, publish, route, out);
    }

    fn subscribe<O: Outbox>(
        &mut self,
        slot: Slot,
        subscribe: &message::Subscribe<'_>,
        out: &mut O,
    ) -> Result<(), Refused> {
        let pattern = (subscribe.options.match_policy, &*subscribe.topic);
        let limits = &self.options.limits;
        let subscription = self.broker.subscribe(&mut self.sessions, &mut self.ids, slot, pattern, limits)?;
        out.send(slot, &message::Subscribed { request: subscribe.request, subscription }.into());
        Ok(())
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
        if route.exact.is_none() && meta::is_reserved(&call.procedure) {
            return Ok(self.call_meta(slot, call, out)?);
        }
        self.dealer.call(&mut self.sessions, &mut self.ids, now, slot, call, route, out)?;
        self.stats.invocations += 1;
        Ok(())
    }

    fn call_meta<O: Outbox>(&mut self, slot: Slot, call: &Call<'_>, out: &mut O) -> Result<(), Refused> {
        if !self.options.enable_meta_api {
            return Err(Refused::no_such_procedure(&call.procedure));
        }
        let payload = match &*call.procedure {
            decisions::PURGE => {
                let purged = self.decisions.purge(&DecisionFilter::from_payload(&call.payload)?);
                Payload::new(Serializer::Json, &[purged.into()], &Dict::new())
            }
            procedure => meta::call(&self.sessions, procedure, &call.payload)?,
        };
        let result = message::Result { request: call.request, details: ResultDetails::default(), payload };
        out.send(slot, &result.into());
        Ok(())
    }
}

/// The message, to be kept. What stays behind is not looked at again.
fn take(message: &mut Message<'_>) -> Message<'static> {
    let nothing = message::EventReceived { publication: PublicationId(0) };
    std::mem::replace(message, nothing.into()).into_owned()
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
