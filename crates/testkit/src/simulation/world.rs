//! The realm, its sessions, its authorizers and its clock.

mod parts;
mod powers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crossweave_router_core::{
    Actions, Authorization, Decision, Disclose, Disclosure, HistoryRule, Input, Permission, Permissions,
    Presence, QuestionId, Realm, RealmLimits, RealmOptions, Role, Session, Slot, Undelivered,
};
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::{
    Call, CallOptions, CallSharding, Cancel, CancelMode, Error, Goodbye, Invocation, InvokePolicy, Kind,
    Passthru, Publish, PublishOptions, Receivers, Register, RegisterOptions, RunMode, Subscribe,
    SubscribeOptions, Unregister, Unsubscribe, Welcome, Yield, YieldOptions,
};
use crossweave_wamp::{
    Delivery, Dict, MatchPolicy, Message, OnSlow, Payload, ProtocolViolation, RegistrationId, RequestId,
    Serializer, SessionId, SubscriptionId, Value, uris,
};

use super::Counts;
use super::dice::Dice;
use super::peer::{Broken, Pattern, Peer, Registered};
use crate::recorder::{Output, Recorder};

const URIS: [&str; 6] = ["a", "a.b", "a.bc", "a.b.c", "a.c.c", "b.b"];
const PREFIXES: [&str; 5] = ["", "a", "a.", "a.b", "b."];
const WILDCARDS: [&str; 5] = ["a.", ".b", "a..c", "..", "a.b."];
const MODES: [Option<CancelMode>; 4] =
    [None, Some(CancelMode::Skip), Some(CancelMode::Kill), Some(CancelMode::KillNoWait)];
const POLICIES: [InvokePolicy; 5] = [
    InvokePolicy::Single,
    InvokePolicy::First,
    InvokePolicy::Last,
    InvokePolicy::RoundRobin,
    InvokePolicy::Random,
];

pub(super) struct World {
    dice: Dice,
    realm: Realm,
    now: Instant,
    peers: BTreeMap<Slot, Peer>,
    questions: VecDeque<(QuestionId, Slot)>,
    /// Slots of sessions that have left, as long as the realm keeps something of them.
    leaving: BTreeSet<Slot>,
    /// Slots that were free before their session was detached.
    freed: BTreeSet<Slot>,
    /// Numbers publications.
    published: u64,
    /// Receivers of the last step's EVENTs.
    delivered: Vec<(Slot, SubscriptionId)>,
    /// The last INVOCATION of the last step.
    invoked: Option<(Slot, RequestId)>,
    /// Numbers calls.
    called: u64,
    /// Calls that reached a callee, by their caller and the registration.
    started: BTreeMap<(u64, RegistrationId), BTreeSet<u64>>,
    counts: Counts,
    history: Option<VecDeque<String>>,
}

impl World {
    pub(super) fn new(seed: u64, keep_history: bool) -> Self {
        let limits = RealmLimits {
            held_messages_max: 20,
            subscriptions_per_session_max: 12,
            patterns_per_session_max: 5,
            wildcard_positions_max: 2,
            leave_portion: 2,
            queue_portion: 1,
            queued_calls_per_registration_max: 2,
            ..RealmLimits::default()
        };
        let history = vec![HistoryRule { events_max: 5, ..HistoryRule::new("a.b", MatchPolicy::Prefix) }];
        let options = RealmOptions { limits, history, ..RealmOptions::default() };
        let mut realm = Realm::new("simulated", options, [seed as u8; 32]);
        realm.set_role(Role::new("static", everything()));
        realm.set_role(Role::new("dynamic", Authorization::Dynamic));
        World {
            dice: Dice::new(seed),
            realm,
            now: Instant::now(),
            peers: BTreeMap::new(),
            questions: VecDeque::new(),
            leaving: BTreeSet::new(),
            freed: BTreeSet::new(),
            published: 0,
            delivered: Vec::new(),
            invoked: None,
            called: 0,
            started: BTreeMap::new(),
            counts: Counts::default(),
            history: keep_history.then(VecDeque::new),
        }
    }

    /// The last inputs and outputs, for a failure.
    pub(super) fn history(&self) -> String {
        self.history.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// One thing happens.
    pub(super) fn step(&mut self) -> Result<(), Broken> {
        let slots: Vec<Slot> = self.peers.keys().copied().collect();
        let Some(slot) = self.dice.pick(&slots).filter(|_| slots.len() > 2) else { return self.join() };
        match self.dice.below(100) {
            0..3 => self.join(),
            3..5 => self.leave(slot),
            5..18 => self.subscribe(slot),
            18..24 => self.unsubscribe(slot),
            24..38 => self.publish(slot),
            38..46 => self.register(slot),
            46..49 => self.unregister(slot),
            49..61 => self.call(slot),
            61..66 => self.continue_call(slot),
            66..70 => self.cancel(slot),
            70..84 => self.answer_invocation(slot),
            84..85 => self.misbehave(slot),
            85..87 => self.use_power(slot),
            87..89 => self.change_presence(slot),
            89..96 => self.answer_question(),
            _ => self.wait(),
        }
    }

    /// Everybody finishes what is open, then all leave.
    pub(super) fn end(&mut self) -> Result<Counts, Broken> {
        while !self.questions.is_empty() {
            self.answer_question()?;
        }
        for slot in self.peers.keys().copied().collect::<Vec<_>>() {
            self.input(Input::Presence(slot, Presence::There))?;
        }
        self.tick()?;
        while self.has_invocations() {
            self.finish_invocations()?;
            // Calls that waited may go to who has just answered.
            self.tick()?;
        }
        self.tick()?;
        if self.realm.deadline().is_some() || self.realm.invocation_count() > 0 {
            return Err("calls are in flight though all invocations were answered".into());
        }
        if self.realm.kept_of_calls() > 0 {
            return Err("something is kept of calls though none is in flight".into());
        }
        let open = self.peers.values().find(|peer| !peer.calls.is_empty());
        if let Some(peer) = open {
            return Err(format!("calls without an answer: {:?}", peer.calls));
        }
        self.places_are_free()?;
        for slot in self.peers.keys().copied().collect::<Vec<_>>() {
            self.leave(slot)?;
        }
        self.tick()?;
        let realm = &self.realm;
        let left = [
            realm.session_count(),
            realm.subscription_count(),
            realm.registration_count(),
            realm.invocation_count(),
            realm.question_count(),
            realm.kept_of_calls(),
        ];
        self.counts.rerouted += realm.stats().rerouted;
        self.counts.queued += realm.stats().queued;
        if left == [0; 6] { Ok(self.counts) } else { Err(format!("the empty realm keeps {left:?}")) }
    }

    /// With no call in flight, every registration with a concurrency takes a call.
    fn places_are_free(&mut self) -> Result<(), Broken> {
        let caller = self.join_as("static")?;
        let full = self.counts.full;
        for uri in URIS {
            let request = self.peer(caller).request();
            self.peer(caller).calls.insert(request, false);
            self.send(caller, call(request, uri, CallOptions::default()))?;
            self.finish_invocations()?;
        }
        if self.counts.full > full { Err("a callee is full though nobody calls it".into()) } else { Ok(()) }
    }

    fn has_invocations(&self) -> bool {
        self.peers.values().any(|peer| !peer.invocations.is_empty())
    }

    fn finish_invocations(&mut self) -> Result<(), Broken> {
        let next = |world: &World| {
            let mut open =
                world.peers.iter().flat_map(|(slot, peer)| peer.invocations.keys().map(|it| (*slot, *it)));
            open.next()
        };
        while let Some((slot, request)) = next(self) {
            self.finish_invocation(slot, request)?;
        }
        Ok(())
    }

    // Inputs

    fn send(&mut self, slot: Slot, mut message: Message<'static>) -> Result<(), Broken> {
        self.input(Input::Message(slot, &mut message))
    }

    fn input(&mut self, input: Input<'_, '_>) -> Result<(), Broken> {
        self.note("> ", || tell_input(&input));
        let mut recorder = Recorder::default();
        let is_late = matches!(input, Input::Tick);
        self.delivered.clear();
        self.invoked = None;
        if let Input::Leave(slot) = input {
            self.peers.remove(&slot);
            self.leaving.insert(slot);
        }
        let _ = self.realm.handle(self.now, input, &mut recorder);
        for output in recorder.take() {
            self.note("  < ", || tell_output(&output));
            self.output(output, is_late)?;
        }
        let (joined, known) = (self.realm.session_count(), self.peers.len());
        if joined != known {
            return Err(format!("{joined} sessions on the realm, {known} attached"));
        }
        if self.realm.question_count() != self.questions.len() {
            return Err("the realm waits for other answers than it asked for".into());
        }
        let is_due = self.realm.deadline().is_some_and(|deadline| deadline <= self.now);
        if !is_due && !self.leaving.is_empty() {
            return Err(format!("{:?} are leaving, and no deadline has passed", self.leaving));
        }
        // No call times out before the clock moves on.
        self.counts.behind += u64::from(is_due && self.leaving.is_empty());
        self.lose_invocation()
    }

    fn output(&mut self, output: Output, is_late: bool) -> Result<(), Broken> {
        match output {
            Output::Send(slot, message) => {
                let peer =
                    self.peers.get_mut(&slot).ok_or(format!("{message:?} for {slot:?}, which has left"))?;
                peer.receive(&message, &mut self.counts)?;
                match message {
                    Message::Event(event) => self.delivered.push((slot, event.subscription)),
                    Message::Invocation(it) => {
                        self.invoked = Some((slot, it.request));
                        self.starts_in_order(&it)?;
                    }
                    _ => {}
                }
            }
            Output::Under(..) | Output::Forget(..) | Output::NotRetained(..) => {}
            Output::Ask(question, request) => {
                self.counts.questions += 1;
                let asker = self.peers.iter().find(|(_, peer)| peer.session.id == request.session);
                let (slot, _) = asker.ok_or("a question of one who has left")?;
                if self.questions.iter().any(|(_, waiting)| waiting == slot) {
                    return Err(format!("a message of {slot:?} overtakes one that waits"));
                }
                self.questions.push_back((question, *slot));
            }
            Output::Denied(denial) => {
                let is_here = self.peers.values().any(|peer| peer.session.id == denial.session);
                if !is_here || denial.reason.is_empty() {
                    return Err(format!("a denial that says nothing: {denial:?}"));
                }
            }
            Output::Recorded(event) => {
                self.counts.recorded += 1;
                if !event.topic().starts_with("a.b") {
                    return Err(format!("no history is kept of {event:?}, which is recorded"));
                }
            }
            Output::Resume(slot) => {
                if self.questions.iter().any(|(_, waiting)| *waiting == slot) {
                    return Err(format!("{slot:?} is resumed while a message of it waits"));
                }
            }
            Output::Detach(slot, _) => {
                self.peers.remove(&slot).ok_or(format!("{slot:?} leaves twice"))?;
                self.questions.retain(|(_, waiting)| *waiting != slot);
                // The realm may be done with it already.
                if !self.freed.remove(&slot) {
                    self.leaving.insert(slot);
                }
            }
            Output::Free(slot) => {
                self.counts.late_frees += u64::from(is_late);
                if !self.leaving.remove(&slot) && !self.freed.insert(slot) {
                    return Err(format!("{slot:?} is free twice"));
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, mark: &str, what: impl FnOnce() -> String) {
        let Some(history) = &mut self.history else { return };
        if history.len() == 60 {
            history.pop_front();
        }
        history.push_back(format!("{mark}{}", what()));
    }

    fn peer(&mut self, slot: Slot) -> &mut Peer {
        self.peers.get_mut(&slot).expect("the slot was picked among the peers")
    }

    // Sessions

    fn join(&mut self) -> Result<(), Broken> {
        if self.peers.len() >= 8 {
            return Ok(());
        }
        let role = if self.dice.one_in(3) { "dynamic" } else { "static" };
        self.join_as(role).map(drop)
    }

    fn join_as(&mut self, role: &str) -> Result<Slot, Broken> {
        // The lowest free slot, so that slots are reused often.
        let is_free = |slot: &Slot| !self.peers.contains_key(slot) && !self.leaving.contains(slot);
        let slot = (0..).map(Slot).find(is_free).expect("there are many slots");
        let id = self.realm.new_session_id();
        let mut roles = Roles::client();
        let parts = Features::PROGRESSIVE_CALL_INVOCATIONS;
        roles.caller = roles.caller.map(|features| features.and(parts));
        roles.subscriber = roles.subscriber.map(|features| features.and(Features::SUBSCRIPTION_REVOCATION));
        let revocation = Features::REGISTRATION_REVOCATION;
        match self.dice.below(3) {
            0 => roles.callee = Some(revocation),
            1 => roles.callee = roles.callee.map(|it| it.and(revocation).and(Features::CALL_REROUTE)),
            _ => {
                roles.callee =
                    roles.callee.map(|it| it.and(revocation).and(Features::CALL_REROUTE).and(parts))
            }
        }
        let session = Session {
            id,
            authid: ["ann", "ben"][self.dice.below(2)].into(),
            authrole: role.into(),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            roles,
            authextra: Dict::new(),
            transport: Dict::new(),
        };
        self.peers.insert(slot, Peer::new(session.clone(), role == "dynamic"));
        let welcome = Welcome { session: id, details: Dict::new() };
        self.input(Input::Join(slot, Box::new(session), Box::new(welcome)))?;
        Ok(slot)
    }

    fn leave(&mut self, slot: Slot) -> Result<(), Broken> {
        self.questions_of_the_leaving(slot);
        match self.dice.below(3) {
            0 => self.input(Input::Close(slot, uris::SYSTEM_SHUTDOWN))?,
            _ => self.input(Input::Leave(slot))?,
        };
        Ok(())
    }

    /// Its connection is lost, silent, or there again; what it sends all the same may have been on its way.
    fn change_presence(&mut self, slot: Slot) -> Result<(), Broken> {
        let presences = [Presence::There, Presence::There, Presence::Away, Presence::Silent];
        let presence = presences[self.dice.below(presences.len())];
        self.input(Input::Presence(slot, presence))
    }

    fn questions_of_the_leaving(&mut self, slot: Slot) {
        self.questions.retain(|(_, waiting)| *waiting != slot);
    }

    fn misbehave(&mut self, slot: Slot) -> Result<(), Broken> {
        let waits = self.questions.iter().any(|(_, waiting)| *waiting == slot);
        let never = RequestId(1 << 40);
        let message: Message<'static> = match self.dice.below(4) {
            0 => {
                let violation = ProtocolViolation::new("nonsense");
                self.questions_of_the_leaving(slot);
                self.input(Input::Violation(slot, violation))?;
                return self.has_left(slot);
            }
            1 => Yield { request: never, options: YieldOptions::default(), payload: Payload::empty() }.into(),
            2 => Error::new(Kind::Invocation, never, "com.error").into(),
            _ => Goodbye::new(uris::CLOSE_REALM).into(),
        };
        self.send(slot, message)?;
        if waits { Ok(()) } else { self.has_left(slot) }
    }

    fn has_left(&self, slot: Slot) -> Result<(), Broken> {
        if self.peers.contains_key(&slot) { Err(format!("{slot:?} is still there")) } else { Ok(()) }
    }

    /// The authorizer becomes another one: what the old one was asked and what it decided means nothing any more.
    fn flip_role(&mut self) -> Result<(), Broken> {
        self.realm.set_role(Role::new("dynamic", Authorization::Dynamic));
        match self.realm.decision_count() {
            0 => Ok(()),
            kept => Err(format!("{kept} decisions outlive the role")),
        }
    }

    fn answer_question(&mut self) -> Result<(), Broken> {
        if self.dice.one_in(20) {
            // Nobody waits for this one.
            self.input(Input::Answer(QuestionId(u64::MAX), Decision::DENY))?;
        }
        if self.dice.one_in(30) {
            self.flip_role()?;
        }
        let at = self.dice.below(self.questions.len());
        let Some((question, _)) = self.questions.remove(at) else { return Ok(()) };
        let disclose = [Disclose::AsAsked, Disclose::Always, Disclose::Never][self.dice.below(3)];
        let decision = match self.dice.below(8) {
            0 => Decision::Deny { cache: self.dice.one_in(2) },
            1 => Decision::Failed("the dice say so".into()),
            _ => Decision::Allow { disclose, cache: self.dice.one_in(4) },
        };
        self.input(Input::Answer(question, decision))?;
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Broken> {
        self.now += Duration::from_millis(self.dice.below(40) as u64);
        self.tick()
    }

    fn tick(&mut self) -> Result<(), Broken> {
        while self.realm.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.input(Input::Tick)?;
        }
        Ok(())
    }

    // Publish and subscribe

    fn pattern(&mut self) -> Pattern {
        let (policy, choices): (_, &[&str]) = match self.dice.below(4) {
            0 => (MatchPolicy::Prefix, &PREFIXES),
            1 => (MatchPolicy::Wildcard, &WILDCARDS),
            _ => (MatchPolicy::Exact, &URIS),
        };
        (policy, choices[self.dice.below(choices.len())].to_owned())
    }

    fn subscribe(&mut self, slot: Slot) -> Result<(), Broken> {
        let (match_policy, topic) = self.pattern();
        let peer = self.peer(slot);
        let request = peer.request();
        peer.subscribing.insert(request, (match_policy, topic.clone()));
        let delivery = (self.dice.below(4) == 0).then(|| Box::new(Ok(Delivery::new(OnSlow::DropOldest))));
        let get_retained = self.dice.one_in(3);
        let options =
            SubscribeOptions { match_policy, delivery, get_retained, ..SubscribeOptions::default() };
        self.send(slot, Subscribe { request, options, topic: topic.into() }.into())?;
        Ok(())
    }

    fn unsubscribe(&mut self, slot: Slot) -> Result<(), Broken> {
        let known: Vec<SubscriptionId> = self.peers[&slot].subscriptions.keys().copied().collect();
        let id = self.dice.pick(&known).unwrap_or(SubscriptionId(77_777));
        let peer = self.peer(slot);
        let request = peer.request();
        peer.unsubscribing.insert(request, id);
        self.send(slot, Unsubscribe { request, subscription: id }.into())?;
        Ok(())
    }

    fn publish(&mut self, slot: Slot) -> Result<(), Broken> {
        let topic = URIS[self.dice.below(URIS.len())];
        self.published += 1;
        let peer = &self.peers[&slot];
        let args = [topic.into(), Value::from(peer.session.id.0), Value::from(self.published)];
        let options = PublishOptions {
            acknowledge: self.dice.one_in(3),
            exclude_me: !self.dice.one_in(3),
            disclose_me: self.dice.one_in(3),
            receivers: self.receivers(),
            retain: self.dice.one_in(5),
            ..PublishOptions::default()
        };
        let expected = self.expected_receivers(slot, topic, &options);
        let request = self.peer(slot).request();
        let payload = Payload::new(Serializer::Json, &args, &Dict::new());
        self.send(slot, Publish { request, options, topic: topic.into(), payload }.into())?;
        if self.peers.get(&slot).is_some_and(|peer| !peer.is_dynamic) {
            self.counts.scans += 1;
            self.delivered.sort_unstable();
            if self.delivered != expected {
                return Err(format!("{topic:?} went to {:?}, not to {expected:?}", self.delivered));
            }
        }
        Ok(())
    }

    fn receivers(&mut self) -> Option<Box<Receivers>> {
        if !self.dice.one_in(3) {
            return None;
        }
        let sessions = |dice: &mut Dice| -> Option<Vec<SessionId>> {
            let some: Vec<SessionId> =
                self.peers.values().map(|peer| peer.session.id).filter(|_| dice.one_in(2)).collect();
            dice.one_in(2).then_some(some)
        };
        let (exclude, eligible) = (sessions(&mut self.dice), sessions(&mut self.dice));
        let mut names = |list: &[&str]| -> Option<Vec<String>> {
            let some = list.iter().filter(|_| self.dice.one_in(2)).map(|it| (*it).to_owned()).collect();
            self.dice.one_in(3).then_some(some)
        };
        Some(Box::new(Receivers {
            exclude,
            eligible,
            exclude_authid: names(&["ann", "ben"]),
            exclude_authrole: names(&["static", "dynamic"]),
            eligible_authid: names(&["ann", "ben"]),
            eligible_authrole: names(&["static", "dynamic"]),
            rkey: None,
        }))
    }

    /// Who should get it, found by looking at every subscription of every session.
    fn expected_receivers(
        &self,
        from: Slot,
        topic: &str,
        options: &PublishOptions,
    ) -> Vec<(Slot, SubscriptionId)> {
        let mut expected = Vec::new();
        for (slot, peer) in &self.peers {
            if (options.exclude_me && *slot == from) || !admits(options.receivers.as_deref(), &peer.session) {
                continue;
            }
            let matching =
                peer.subscriptions.iter().filter(|(_, (policy, pattern))| policy.matches(pattern, topic));
            expected.extend(matching.map(|(id, _)| (*slot, *id)));
        }
        expected.sort_unstable();
        expected
    }

    // Calls

    fn register(&mut self, slot: Slot) -> Result<(), Broken> {
        let pattern = self.pattern();
        let concurrency = self.dice.one_in(2).then_some(1 + self.dice.below(2) as u64);
        // Mostly the same for the same pattern, so that registrations are shared.
        let policy = if self.dice.one_in(4) { self.dice.below(5) } else { pattern.1.len() % 4 + 1 };
        let nkey = slot.0.is_multiple_of(2).then(|| format!("node{}", slot.0 % 3).into());
        let options = RegisterOptions {
            nkey,
            match_policy: pattern.0,
            invoke: POLICIES[policy],
            concurrency,
            force_reregister: self.dice.one_in(8),
            ..RegisterOptions::default()
        };
        let procedure = pattern.1.clone();
        let peer = self.peer(slot);
        let request = peer.request();
        peer.registering.insert(request, Registered { concurrency });
        self.send(slot, Register { request, options, procedure: procedure.into() }.into())?;
        Ok(())
    }

    fn unregister(&mut self, slot: Slot) -> Result<(), Broken> {
        let known: Vec<RegistrationId> = self.peers[&slot].registrations.keys().copied().collect();
        let id = self.dice.pick(&known).unwrap_or(RegistrationId(77_777));
        let peer = self.peer(slot);
        let request = peer.request();
        peer.unregistering.insert(request, id);
        self.send(slot, Unregister { request, registration: id }.into())?;
        Ok(())
    }

    fn call(&mut self, slot: Slot) -> Result<(), Broken> {
        let mut options = CallOptions {
            timeout_ms: if self.dice.one_in(3) { 1 + self.dice.below(50) as u64 } else { 0 },
            receive_progress: self.dice.one_in(2),
            disclose_me: self.dice.one_in(3),
            ..CallOptions::default()
        };
        options.progress = self.dice.one_in(4);
        let is_opaque = self.dice.one_in(6);
        options.passthru = is_opaque.then(|| Box::new(opaque()));
        let uri = URIS[self.dice.below(URIS.len())];
        self.called += 1;
        let number = self.called;
        let peer = self.peer(slot);
        let request = peer.request();
        if options.progress {
            peer.parts.insert(request);
        }
        // One for a certain callee waits for nobody.
        let mut args = vec![peer.session.id.0.into(), number.into()];
        if request.0.is_multiple_of(6) {
            let (runmode, rkey) = (Some(RunMode::Partition), Some(request.0.to_string().into()));
            options.sharding = Some(Box::new(CallSharding { runmode, rkey }));
            args.clear();
        }
        peer.calls.insert(request, options.receive_progress);
        let payload = Payload::new(Serializer::Json, &args, &Dict::new());
        self.send(slot, Call { request, options, procedure: uri.into(), payload }.into())?;
        Ok(())
    }

    /// Calls of one session through one registration reach callees in the order in which they were made, except where one is handed
    /// on to another callee.
    fn starts_in_order(&mut self, invocation: &Invocation<'_>) -> Result<(), Broken> {
        let args = invocation.payload.args();
        let numbers = (args.first().and_then(Value::as_u64), args.get(1).and_then(Value::as_u64));
        let (Some(caller), Some(number)) = numbers else { return Ok(()) };
        let started = self.started.entry((caller, invocation.registration)).or_default();
        let last = started.last().copied().unwrap_or(0);
        match started.insert(number) && last > number {
            true => Err(format!("call {number} of {caller} starts after {last}")),
            false => Ok(()),
        }
    }

    fn cancel(&mut self, slot: Slot) -> Result<(), Broken> {
        let open: Vec<RequestId> = self.peers[&slot].calls.keys().copied().collect();
        let request = self.dice.pick(&open).unwrap_or(RequestId(1));
        let waits = self.questions.iter().any(|(_, waiting)| *waiting == slot);
        if self.dice.one_in(8) {
            // A part of its result cannot be given to the caller.
            self.input(Input::Unreceived(slot, request, Undelivered::NoRoom))?;
            return match self.peers[&slot].calls.contains_key(&request) && !waits {
                true => Err(format!("call {request} is still open after a part that was not received")),
                false => Ok(()),
            };
        }
        let mode = MODES[self.dice.below(4)];
        self.send(slot, Cancel { request, mode, forward_for: None }.into())?;
        let at_once = matches!(mode, Some(CancelMode::Skip) | Some(CancelMode::KillNoWait) | None);
        let is_open = self.peers.get(&slot).is_some_and(|peer| peer.calls.contains_key(&request));
        if at_once && is_open && !waits {
            return Err(format!("call {request} is still open after CANCEL {mode:?}"));
        }
        Ok(())
    }

    fn answer_invocation(&mut self, slot: Slot) -> Result<(), Broken> {
        let open: Vec<RequestId> = self.peers[&slot].invocations.keys().copied().collect();
        let Some(request) = self.dice.pick(&open) else { return Ok(()) };
        if self.dice.one_in(3) {
            let options = YieldOptions { progress: true, ..YieldOptions::default() };
            self.send(slot, Yield { request, options, payload: Payload::empty() }.into())?;
            return Ok(());
        }
        self.finish_invocation(slot, request)?;
        if self.dice.one_in(10) && self.peers.contains_key(&slot) {
            // Answering twice is legal.
            self.finish_invocation(slot, request)?;
        }
        Ok(())
    }

    fn finish_invocation(&mut self, slot: Slot, request: RequestId) -> Result<(), Broken> {
        self.peer(slot).invocations.remove(&request);
        let message: Message<'static> = if self.dice.one_in(3) {
            let error = if self.dice.one_in(2) { uris::UNAVAILABLE } else { "com.error.own" };
            Error::new(Kind::Invocation, request, error).into()
        } else {
            Yield { request, options: YieldOptions::default(), payload: Payload::empty() }.into()
        };
        self.send(slot, message)?;
        if let Some(peer) = self.peers.get_mut(&slot) {
            peer.answered(request);
        }
        Ok(())
    }
}

fn tell(slot: Slot, message: &Message<'_>) -> String {
    format!("{} {}", slot.0, String::from_utf8_lossy(&message.to_bytes(Serializer::Json)))
}

fn tell_input(input: &Input<'_, '_>) -> String {
    match input {
        Input::Message(slot, message) => tell(*slot, message),
        Input::Join(slot, session, _) => {
            format!("{} joins as {} {}, {:?}", slot.0, session.id, session.authrole, session.roles.callee)
        }
        other => format!("{other:?}"),
    }
}

fn tell_output(output: &Output) -> String {
    match output {
        Output::Send(slot, message) => tell(*slot, message),
        other => format!("{other:?}"),
    }
}

fn call(request: RequestId, uri: &'static str, options: CallOptions) -> Message<'static> {
    Call { request, options, procedure: uri.into(), payload: Payload::empty() }.into()
}

/// What callees take that announced it.
fn opaque() -> Passthru {
    Passthru { ppt_scheme: Some("x_opaque".into()), ..Passthru::default() }
}

/// A role that may do everything and has rules enough that they are looked up.
fn everything() -> Authorization {
    let rule = |uri: &str, match_policy| Permission {
        uri: uri.into(),
        match_policy,
        allow: Actions::ALL,
        disclose: Disclosure::default(),
    };
    let rules = [
        rule("", MatchPolicy::Prefix),
        rule("wamp.", MatchPolicy::Prefix),
        rule("a.b", MatchPolicy::Exact),
        rule("a..c", MatchPolicy::Wildcard),
    ];
    Authorization::Static(Permissions::new(rules).expect("the rules are well formed").into())
}

fn admits(receivers: Option<&Receivers>, session: &Session) -> bool {
    let Some(lists) = receivers else { return true };
    let (authid, authrole) = (session.authid.to_string(), session.authrole.to_string());
    !lists.exclude.as_ref().is_some_and(|list| list.contains(&session.id))
        && !lists.exclude_authid.as_ref().is_some_and(|list| list.contains(&authid))
        && !lists.exclude_authrole.as_ref().is_some_and(|list| list.contains(&authrole))
        && lists.eligible.as_ref().is_none_or(|list| list.contains(&session.id))
        && lists.eligible_authid.as_ref().is_none_or(|list| list.contains(&authid))
        && lists.eligible_authrole.as_ref().is_none_or(|list| list.contains(&authrole))
}
