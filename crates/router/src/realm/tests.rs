//! A realm with queues that nobody empties, and a clock that the test moves.

mod retained;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use crossweave_router_core::boundary::{AuthorizeRequest, Decision};
use crossweave_router_core::{Authorization, HistoryRule, RealmOptions, Role};
use crossweave_transport::codec::Framing;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{
    self, Call, CallOptions, Cancel, Publish, PublishOptions, Register, RegisterOptions, Subscribe,
    SubscribeOptions, Yield, YieldOptions,
};
use crossweave_wamp::{Batching, Delivery, Dict, MatchPolicy, OnSlow, Payload, RequestId, Serializer, Value};
use tokio::task::yield_now;

use super::asking::{ANSWER_DEADLINE, QUESTIONS_WAITING_MAX};
use super::*;
use crate::history::HistoryStore;
use crate::options::AdmissionOptions;
use crate::peer::Wire;
use crate::provision::{Activating, Activation, RealmProvider};
use crate::queue::{QueueOptions, RESERVED_LANE_BYTES};
use crate::router::Router;

/// The bytes of events that may wait for each session here.
const BYTES_MAX: usize = 1_000;

/// Never answers, and counts how often it is asked.
#[derive(Default)]
struct Hanging(AtomicUsize);

impl Authorizer for Hanging {
    fn authorize(&self, _: &str, _: AuthorizeRequest) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }
}

/// A realm whose role "anonymous" may do everything, and whose role "asking" must ask.
fn realm() -> Arc<RealmCell> {
    realm_with(Arc::default())
}

fn realm_with(authorizer: Arc<Hanging>) -> Arc<RealmCell> {
    let asking = Role::new("asking", Authorization::Dynamic);
    let roles = vec![Role::allow_all("anonymous"), asking];
    let definition = RealmDefinition { roles, authorizer: Some(authorizer), ..RealmDefinition::default() };
    RealmCell::start("realm1", definition, Default::default(), Arc::default(), Arc::default(), Arc::default())
}

impl RealmCell {
    /// Has it go down by a defect.
    pub(crate) fn break_down(self: &Arc<Self>) {
        let broken: Result<(), RealmIsDown> = self.handle(&mut Effects::default(), |_| panic!("a defect"));
        assert!(broken.is_err() && !self.is_up());
    }
}

struct Joined {
    slot: Slot,
    peer: Arc<Peer>,
}

impl Joined {
    fn queued(&self) -> String {
        String::from_utf8_lossy(self.peer.queue.lock().unwritten()).into_owned()
    }

    /// Takes what is queued, as its own task would.
    fn take(&self) -> String {
        let queued = self.queued();
        let mut queue = self.peer.queue.lock();
        let len = queue.len();
        queue.advance(len);
        queued
    }

    fn take_all(&self) {
        while self.peer.queue.lock().len() > 0 {
            let mut queue = self.peer.queue.lock();
            let len = queue.unwritten().len();
            queue.advance(len);
        }
    }

    /// Leaves no room for replies and invocations.
    fn fill(&self) {
        let filler = vec![b'.'; BYTES_MAX + RESERVED_LANE_BYTES + 1];
        self.peer.append(&filler, Lane::Control);
    }

    fn detached(&self) -> Option<Detached> {
        self.peer.queue.lock().detached
    }
}

fn join_taking(cell: &Arc<RealmCell>, authrole: &str, message_len_max: usize) -> Result<Joined, RealmIsDown> {
    let id = cell.new_session_id()?;
    let text = |text: &str| -> Arc<str> { text.into() };
    let session = Session {
        id,
        authid: text("alice"),
        authrole: text(authrole),
        authmethod: text("anonymous"),
        authprovider: text("static"),
        roles: Roles::client(),
        authextra: Dict::new(),
        transport: Dict::new(),
    };
    let wire = Wire { serializer: Serializer::Json, framing: Framing::RawSocket, batching: Batching::Single };
    let options = QueueOptions { bytes_max: BYTES_MAX, ..QueueOptions::default() };
    let peer = Peer::new(wire, message_len_max, None, Arc::new(options), Arc::default());
    let welcome = Box::new(Welcome { session: id, details: Dict::new() });
    let slot = cell.join(peer.clone(), Box::new(session), welcome, None, &mut Effects::default())?;
    Ok(Joined { slot, peer })
}

fn join(cell: &Arc<RealmCell>) -> Joined {
    let joined = join_taking(cell, "anonymous", usize::MAX).expect("the realm is up");
    joined.take();
    joined
}

fn hand_over(cell: &Arc<RealmCell>, from: &Joined, message: impl Into<Message<'static>>) -> Flow {
    let mut message = [Ok(message.into())];
    cell.messages(from.slot, message.iter_mut(), &mut Effects::default()).expect("the realm is up")
}

fn say(cell: &Arc<RealmCell>, from: &Joined, message: impl Into<Message<'static>>) {
    let _ = hand_over(cell, from, message);
}

fn subscribe(request: u64) -> Subscribe<'static> {
    Subscribe {
        request: RequestId(request),
        options: SubscribeOptions::default(),
        topic: "com.example".into(),
    }
}

fn register(cell: &Arc<RealmCell>, callee: &Joined) {
    let options = RegisterOptions::default();
    say(cell, callee, Register { request: RequestId(1), options, procedure: "com.example".into() });
    callee.take();
}

fn call(request: u64) -> Call<'static> {
    Call {
        request: RequestId(request),
        options: CallOptions::default(),
        procedure: "com.example".into(),
        payload: Payload::empty(),
    }
}

fn publish(text: &str) -> Publish<'static> {
    let payload = Payload::new(Serializer::Json, &[text.into()], &Dict::new());
    let options = PublishOptions::default();
    Publish { request: RequestId(1), options, topic: "com.example".into(), payload }
}

#[tokio::test]
async fn a_panic_in_the_realm_closes_it_and_aborts_its_sessions() {
    let cell = realm();
    let sessions = [join(&cell), join(&cell)];
    let mut effects = Effects::default();
    let result: Result<(), RealmIsDown> = cell.handle(&mut effects, |_| panic!("a defect"));
    assert!(result.is_err() && !cell.is_up());
    for session in sessions {
        let queued = session.queued();
        assert!(queued.contains("[3,{\"message\":"), "{queued}");
        assert_eq!(session.detached(), Some(Detached::Close(uris::RUNTIME_ERROR)));
    }
    assert!(join_taking(&cell, "anonymous", usize::MAX).is_err());
}

#[tokio::test]
async fn whoever_joins_while_the_router_shuts_down_is_sent_away() {
    let cell = realm();
    cell.close_all(uris::SYSTEM_SHUTDOWN);
    assert!(cell.is_closing());
    let late = join_taking(&cell, "anonymous", usize::MAX).unwrap();
    assert!(late.queued().contains(uris::SYSTEM_SHUTDOWN), "{}", late.queued());
    assert_eq!(late.detached(), Some(Detached::Close(uris::SYSTEM_SHUTDOWN)));
}

/// Takes down what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl RealmProvider for Told {
    fn activate(&self, _: Activation) -> Activating<'_> {
        Box::pin(std::future::pending())
    }

    fn occupied(&self, realm: &str) {
        self.0.lock().push(format!("occupied {realm}"));
    }

    fn emptied(&self, realm: &str) {
        self.0.lock().push(format!("emptied {realm}"));
    }
}

fn realm_telling(told: &Arc<Told>) -> Arc<RealmCell> {
    let provision = Arc::<Provision>::default();
    provision.set(Some(told.clone()));
    let definition =
        RealmDefinition { roles: vec![Role::allow_all("anonymous")], ..RealmDefinition::default() };
    RealmCell::start("realm1", definition, Default::default(), Arc::default(), provision, Arc::default())
}

#[tokio::test]
async fn the_provider_is_told_once_when_a_realm_fills_and_empties() {
    let told = Arc::new(Told::default());
    let cell = realm_telling(&told);
    let (first, second) = (join(&cell), join(&cell));
    assert_eq!(*told.0.lock(), ["occupied realm1"]);
    cell.leave(first.slot, &mut Effects::default());
    assert_eq!(told.0.lock().len(), 1);
    cell.leave(second.slot, &mut Effects::default());
    assert_eq!(*told.0.lock(), ["occupied realm1", "emptied realm1"]);
    let _third = join(&cell);
    cell.stop();
    assert_eq!(told.0.lock().len(), 3, "a realm that is stopped is not told of");
}

#[tokio::test]
async fn sessions_that_serve_a_realm_do_not_keep_it() {
    let told = Arc::new(Told::default());
    let provision = Arc::<Provision>::default();
    provision.set(Some(told.clone()));
    let roles = vec![Role::allow_all("anonymous"), Role::allow_all("backend")];
    let definition =
        RealmDefinition { roles, background_roles: vec!["backend".into()], ..RealmDefinition::default() };
    let cell =
        RealmCell::start("realm1", definition, Default::default(), Arc::default(), provision, Arc::default());
    let backend = join_taking(&cell, "backend", usize::MAX).unwrap();
    assert!(told.0.lock().is_empty(), "nobody is there yet");
    let client = join(&cell);
    assert!(cell.stop_if_empty().is_none());
    cell.leave(client.slot, &mut Effects::default());
    assert_eq!(*told.0.lock(), ["occupied realm1", "emptied realm1"]);
    let stopped = cell.stop_if_empty().expect("only the backend is there");
    stopped.follow();
    assert!(backend.queued().contains(uris::CLOSE_REALM), "{}", backend.queued());
}

#[tokio::test]
async fn the_provider_is_told_that_a_realm_is_empty_that_a_defect_closed() {
    let told = Arc::new(Told::default());
    let cell = realm_telling(&told);
    let _joined = join(&cell);
    let _: Result<(), RealmIsDown> = cell.handle(&mut Effects::default(), |_| panic!("a defect"));
    assert_eq!(*told.0.lock(), ["occupied realm1", "emptied realm1"]);
}

#[tokio::test]
async fn a_realm_that_was_stopped_keeps_nothing_and_nobody() {
    let cell = realm();
    let joined = join(&cell);
    assert_eq!(cell.stop().len(), 1);
    assert!(joined.queued().contains(uris::CLOSE_REALM), "{}", joined.queued());
    assert_eq!(joined.detached(), Some(Detached::Close(uris::CLOSE_REALM)));
    assert!(join_taking(&cell, "anonymous", usize::MAX).is_err());
    cell.release(joined.slot);
    assert!(cell.stop().is_empty(), "it has stopped");
    let (weak, clock) = (Arc::downgrade(&cell), Arc::downgrade(&cell.timer));
    drop(cell);
    assert!(weak.upgrade().is_none());
    // The clock's task does not wait for its next look.
    while clock.upgrade().is_some() {
        yield_now().await;
    }
}

#[tokio::test]
async fn goodbye_finds_room_in_a_full_queue() {
    let cell = realm();
    let slow = join(&cell);
    slow.fill();
    cell.close_all(uris::SYSTEM_SHUTDOWN);
    assert!(slow.queued().ends_with("\"wamp.close.system_shutdown\"]"));
    assert_eq!(slow.detached(), Some(Detached::Close(uris::SYSTEM_SHUTDOWN)));
}

#[tokio::test]
async fn a_callee_without_room_fails_the_call_and_stays() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join(&cell));
    register(&cell, &callee);
    callee.fill();
    say(&cell, &caller, call(1));
    let error = caller.take();
    assert!(error.contains("[8,48,1,{},\"wamp.error.unavailable\""), "{error}");
    assert_eq!(callee.detached(), None);
    callee.take();
    say(&cell, &caller, call(2));
    assert!(callee.take().contains("[68,2,"), "it is called again once it has read");
}

#[tokio::test]
async fn a_caller_without_room_for_a_result_gets_an_error_and_stays() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join(&cell));
    register(&cell, &callee);
    let answer = |request| Yield {
        request: RequestId(request),
        options: YieldOptions::default(),
        payload: Payload::empty(),
    };
    say(&cell, &caller, call(1));
    caller.fill();
    say(&cell, &callee, answer(1));
    assert!(caller.take().ends_with("[8,48,1,{},\"wamp.error.resource_exhausted\"]"));
    assert_eq!(caller.detached(), None);
    say(&cell, &caller, call(2));
    say(&cell, &callee, answer(2));
    assert!(caller.take().ends_with("[50,2,{}]"));
}

#[tokio::test]
async fn an_event_longer_than_its_receiver_takes_is_dropped_and_counted() {
    let cell = realm();
    let publisher = join(&cell);
    let short = join_taking(&cell, "anonymous", 100).unwrap();
    let other = join(&cell);
    for subscriber in [&short, &other] {
        say(&cell, subscriber, subscribe(1));
        subscriber.take();
    }
    for (len, dropped) in [(200, 1), (100_000, 2)] {
        say(&cell, &publisher, publish(&"x".repeat(len)));
        assert!(other.peer.queue.lock().len() > len);
        other.take_all();
        assert_eq!(short.queued(), "");
        assert_eq!(short.peer.queue.lock().dropped, dropped, "{len}");
    }
    assert_eq!(short.detached(), None);
    say(&cell, &publisher, publish("y"));
    assert!(short.take().contains("[\"y\"]"));
}

#[tokio::test]
async fn a_resume_that_is_older_than_the_pause_is_forgotten() {
    let cell = realm();
    let asking = join_taking(&cell, "asking", usize::MAX).unwrap();
    let mut effects = Effects::default();
    let flow = cell.handle_locked(&mut cell.state.lock(), &mut effects, |run| {
        run.input(Input::Message(asking.slot, &mut subscribe(1).into()))
    });
    assert_eq!(flow.unwrap(), Flow::Pause);
    let (question, _) = effects.questions.pop().expect("the authorizer is asked");
    let answer = Input::Answer(question, Decision::ALLOW);
    let _ = cell.handle(&mut effects, |run| run.input(answer)).unwrap();
    assert!(asking.peer.queue.lock().is_resumed);
    // Its own task has not seen that yet, as it still hands over what it had read before.
    assert_eq!(hand_over(&cell, &asking, subscribe(2)), Flow::Pause);
    assert!(!asking.peer.queue.lock().is_resumed);
}

#[tokio::test]
async fn a_question_beyond_those_that_may_wait_fails_at_once() {
    let cell = realm();
    let asking = join_taking(&cell, "asking", usize::MAX).unwrap();
    cell.asked.store(QUESTIONS_WAITING_MAX - 1, Ordering::Relaxed);
    say(&cell, &asking, subscribe(1));
    yield_now().await;
    assert_eq!(cell.asked.load(Ordering::Relaxed), QUESTIONS_WAITING_MAX, "one more may wait");
    let another = join_taking(&cell, "asking", usize::MAX).unwrap();
    say(&cell, &another, subscribe(1));
    yield_now().await;
    assert!(another.queued().contains(uris::AUTHORIZATION_FAILED), "{}", another.queued());
    assert!(!asking.queued().contains(uris::AUTHORIZATION_FAILED), "{}", asking.queued());
    assert_eq!(cell.asked.load(Ordering::Relaxed), QUESTIONS_WAITING_MAX);
}

/// Lets the tasks that may go on do so.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test]
async fn the_authorizer_is_not_asked_for_a_session_that_left_before_its_turn() {
    let authorizer = Arc::<Hanging>::default();
    let cell = realm_with(authorizer.clone());
    let asking = || join_taking(&cell, "asking", usize::MAX).unwrap();
    let (leaving, staying) = (asking(), asking());
    let turns = cell.questions.acquire_many(QUESTIONS_MAX as u32).await.unwrap();
    say(&cell, &leaving, subscribe(1));
    say(&cell, &staying, subscribe(1));
    settle().await;
    cell.leave(leaving.slot, &mut Effects::default());
    drop(turns);
    settle().await;
    assert_eq!(authorizer.0.load(Ordering::Relaxed), 1);
    assert_eq!(cell.asked.load(Ordering::Relaxed), 1, "one still waits for its answer");
}

/// Notes for every line of the log whether the realm's lock and a session's were free.
struct Watching {
    cell: Arc<RealmCell>,
    peer: Arc<Peer>,
    lines: Arc<AtomicUsize>,
    was_locked: Arc<AtomicBool>,
}

impl tracing::Subscriber for Watching {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        let is_free = self.cell.state.try_lock().is_some() && self.peer.queue.try_lock().is_some();
        self.lines.fetch_add(1, Ordering::Relaxed);
        self.was_locked.fetch_or(!is_free, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Runs `act`, which is to log one line.
fn assert_logs_outside_the_locks(cell: &Arc<RealmCell>, watched: &Joined, act: impl FnOnce()) {
    let (lines, was_locked) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let watching = Watching {
        cell: cell.clone(),
        peer: watched.peer.clone(),
        lines: lines.clone(),
        was_locked: was_locked.clone(),
    };
    // With one subscriber only, tracing lets a thread that has none decide for all whether a line is written.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    tracing::subscriber::with_default(watching, act);
    assert_eq!(lines.load(Ordering::Relaxed), 1, "lines");
    assert!(!was_locked.load(Ordering::Relaxed), "a lock was held");
}

#[tokio::test]
async fn dropping_events_is_logged_outside_the_locks() {
    let cell = realm();
    let (publisher, slow) = (join(&cell), join(&cell));
    say(&cell, &slow, subscribe(1));
    slow.fill();
    assert_logs_outside_the_locks(&cell, &slow, || {
        say(&cell, &publisher, publish("x"));
        say(&cell, &publisher, publish("x"));
    });
}

#[tokio::test]
async fn closing_a_session_that_does_not_read_is_logged_outside_the_locks() {
    let cell = realm();
    let slow = join(&cell);
    slow.fill();
    assert_logs_outside_the_locks(&cell, &slow, || say(&cell, &slow, subscribe(1)));
    assert_eq!(slow.detached(), Some(Detached::Close(uris::CLOSE_SLOW_RECEIVER)));
}

#[tokio::test]
async fn a_defect_is_logged_outside_the_locks() {
    let cell = realm();
    let session = join(&cell);
    assert_logs_outside_the_locks(&cell, &session, || {
        let result: Result<(), RealmIsDown> = cell.handle(&mut Effects::default(), |_| panic!("a defect"));
        assert!(result.is_err());
    });
}

#[tokio::test]
async fn a_callee_without_room_is_told_that_a_call_was_canceled_and_stays() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join(&cell));
    register(&cell, &callee);
    say(&cell, &caller, call(1));
    callee.fill();
    say(&cell, &caller, Cancel { request: RequestId(1), mode: None, forward_for: None });
    assert!(caller.take().contains("[8,48,1,{},\"wamp.error.canceled\""));
    assert_eq!(callee.detached(), None);
    assert!(callee.take().contains("[69,1,{\"mode\":\"killnowait\""));
}

#[tokio::test]
async fn an_error_whose_name_is_too_long_for_the_caller_is_another_error() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join_taking(&cell, "anonymous", 300).unwrap());
    register(&cell, &callee);
    caller.take();
    for (request, args) in [(1, vec![]), (2, vec![Value::from("why")])] {
        say(&cell, &caller, call(request));
        let mut error =
            message::Error::new(message::Kind::Invocation, RequestId(request), "com.x".repeat(100));
        error.payload = Payload::new(Serializer::Json, &args, &Dict::new());
        say(&cell, &callee, error);
        let answer = format!("[8,48,{request},{{}},\"wamp.error.payload_size_exceeded\"]");
        assert!(caller.take().contains(&answer));
    }
    assert_eq!(caller.detached(), None);
}

#[tokio::test]
async fn a_call_too_long_for_a_callee_that_awaits_authorization_fails_at_once() {
    let cell = realm();
    let callee = join_taking(&cell, "asking", 200).unwrap();
    let caller = join(&cell);
    let mut effects = Effects::default();
    let options = RegisterOptions::default();
    let register = Register { request: RequestId(1), options, procedure: "com.example".into() };
    let _ = cell.handle_locked(&mut cell.state.lock(), &mut effects, |run| {
        run.input(Input::Message(callee.slot, &mut register.into()))
    });
    let (question, _) = effects.questions.pop().expect("the authorizer is asked");
    let answer = Input::Answer(question, Decision::ALLOW);
    let _ = cell.handle(&mut effects, |run| run.input(answer)).unwrap();
    say(&cell, &callee, subscribe(2));
    let payload = Payload::new(Serializer::Json, &["x".repeat(500).into()], &Dict::new());
    say(&cell, &caller, Call { payload, ..call(1) });
    assert!(caller.queued().contains(uris::PAYLOAD_SIZE_EXCEEDED), "{}", caller.queued());
}

#[tokio::test]
async fn a_call_ends_once_at_a_part_of_its_result_that_is_too_long_for_its_caller() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join_taking(&cell, "anonymous", 300).unwrap());
    register(&cell, &callee);
    caller.take();
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    say(&cell, &caller, Call { options, ..call(1) });
    callee.take();
    let answer = |progress, len| {
        let options = YieldOptions { progress, ..YieldOptions::default() };
        let payload = Payload::new(Serializer::Json, &["x".repeat(len).into()], &Dict::new());
        Ok(Yield { request: RequestId(1), options, payload }.into())
    };
    let mut answers = [answer(true, 10), answer(true, 500), answer(true, 10), answer(false, 10)];
    let _ = cell.messages(callee.slot, answers.iter_mut(), &mut Effects::default()).unwrap();
    let told = caller.take();
    assert_eq!(told.matches("[50,1,{\"progress\":true}").count(), 1, "{told}");
    assert_eq!(told.matches("[8,48,1,{},\"wamp.error.payload_size_exceeded\"").count(), 1, "{told}");
    assert!(!told.contains("[50,1,{},"), "{told}");
    assert!(callee.take().contains("[69,1,"), "the callee is interrupted");
}

#[tokio::test]
async fn the_clock_knows_of_a_call_that_began_while_it_was_looked_at() {
    const ROUNDS: usize = 20_000;
    let cell = realm();
    let (callee, caller) = (join(&cell), join(&cell));
    register(&cell, &callee);
    let (step, mut forgotten) = (AtomicUsize::new(0), 0);
    let wait_for = |last: usize| {
        while step.load(Ordering::Acquire) < last {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                wait_for(2 * round + 1);
                let _ = cell.tick();
                step.store(2 * round + 2, Ordering::Release);
            }
        });
        for round in 0..ROUNDS {
            // As it is when a deadline has come.
            cell.state.lock().armed = Some(Instant::now());
            step.store(2 * round + 1, Ordering::Release);
            (0..round % 100).for_each(|_| std::hint::spin_loop());
            let (request, timeout_ms) = (round as u64 + 1, 3_600_000);
            let options = CallOptions { timeout_ms, ..CallOptions::default() };
            say(&cell, &caller, Call { options, ..call(request) });
            wait_for(2 * round + 2);
            let state = cell.state.lock();
            let deadline = state.realm.as_ref().and_then(Realm::deadline);
            forgotten += usize::from(state.armed.is_none() || state.armed > deadline);
            drop(state);
            say(&cell, &caller, Cancel { request: RequestId(request), mode: None, forward_for: None });
            callee.take_all();
            caller.take_all();
        }
    });
    assert_eq!(forgotten, 0);
}

#[tokio::test]
async fn a_caller_without_room_for_a_part_of_a_result_loses_the_call_and_stays() {
    let cell = realm();
    let (callee, caller) = (join(&cell), join(&cell));
    register(&cell, &callee);
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    say(&cell, &caller, Call { options, ..call(1) });
    callee.take();
    caller.fill();
    for progress in [true, true, false] {
        let options = YieldOptions { progress, ..YieldOptions::default() };
        say(&cell, &callee, Yield { request: RequestId(1), options, payload: Payload::empty() });
    }
    assert_eq!(caller.detached(), None);
    let told = caller.take();
    assert!(told.ends_with("[8,48,1,{},\"wamp.error.resource_exhausted\"]"), "{told}");
    assert!(!told.contains("[50,1,"), "{told}");
    assert!(callee.take().contains("[69,1,"), "the callee is interrupted");
}

#[tokio::test]
async fn a_defect_is_told_even_to_a_session_whose_queue_is_full() {
    let cell = realm();
    let slow = join(&cell);
    slow.fill();
    let _: Result<(), RealmIsDown> = cell.handle(&mut Effects::default(), |_| panic!("a defect"));
    assert!(slow.queued().ends_with("\"wamp.error.runtime_error\"]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_starts_afresh_has_its_written_history() {
    let folder = tempfile::tempdir().unwrap();
    let rules = vec![HistoryRule::new("com.", MatchPolicy::Prefix)];
    let definition = RealmDefinition {
        options: RealmOptions { history: rules, ..RealmOptions::default() },
        roles: vec![Role::allow_all("anonymous")],
        history: HistoryStore::Sqlite { path: folder.path().join("events.db") },
        ..RealmDefinition::default()
    };
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition).unwrap();
    let cell = router.shared().realm("realm1").unwrap();
    let payload = |n: u64| Payload::new(Serializer::Json, &[n.into()], &Dict::new());
    for (n, topic) in [(1, "com.x"), (2, "net.x"), (3, "com.y")] {
        let options = PublishOptions::default();
        say(
            &cell,
            &join(&cell),
            Publish { request: RequestId(n), options, topic: topic.into(), payload: payload(n) },
        );
    }
    cell.break_down();
    let cell = router.shared().realm("realm1").unwrap();
    let ask = |procedure: &'static str, argument: Value| {
        let cell = cell.clone();
        async move {
            cell.call(TRUSTED, procedure, &[argument], &Dict::new(), ANSWER_DEADLINE).await.unwrap().args
        }
    };
    let rules = ask("wamp.subscription.match", "com.x".into()).await;
    let events = ask("wamp.subscription.get_events", rules[0].as_list().unwrap()[0].clone()).await;
    let args: Vec<_> = events.iter().map(|event| event.as_dict().unwrap().get("args").cloned()).collect();
    assert_eq!(args, [Some(Value::List(vec![1.into()])), Some(Value::List(vec![3.into()]))]);
    router.shutdown().await;
}

fn subscribe_with(cell: &Arc<RealmCell>, subscriber: &Joined, delivery: Option<Delivery>) {
    let delivery = delivery.map(|delivery| Box::new(Ok(delivery)));
    let options = SubscribeOptions { delivery, ..SubscribeOptions::default() };
    say(cell, subscriber, Subscribe { options, ..subscribe(1) });
    subscriber.take();
}

/// The events that are queued, without the ids of their publications.
fn events_of(queued: &str) -> Vec<String> {
    let events = queued.split("[36,").skip(1).filter_map(|event| event.split("]]").next());
    events
        .map(|event| event.split(',').enumerate().filter(|(at, _)| *at != 1).map(|(_, it)| it).collect())
        .collect()
}

#[tokio::test]
async fn members_without_a_contract_get_the_same_bytes_as_ever() {
    let cell = realm();
    let (plain, asking, publisher) = (join(&cell), join(&cell), join(&cell));
    subscribe_with(&cell, &plain, None);
    say(&cell, &publisher, publish("one"));
    let before = events_of(&plain.take());
    assert_eq!(before.len(), 1);
    subscribe_with(&cell, &asking, Some(Delivery::new(OnSlow::DropOldest).queue_len_max(1)));
    (0..50).for_each(|_| say(&cell, &publisher, publish("one")));
    let after = events_of(&plain.take());
    assert!(after.len() > 10 && after.len() < 50, "{}", after.len());
    assert!(after.iter().all(|event| *event == before[0]), "{after:?}");
    asking.take();
    assert!(asking.take().contains("\"_lost\":"), "what waited comes after what was in the queue");
}

#[tokio::test]
async fn goodbye_is_the_last_thing_a_session_with_a_contract_gets() {
    let cell = realm();
    let (slow, publisher) = (join(&cell), join(&cell));
    subscribe_with(&cell, &slow, Some(Delivery::new(OnSlow::DropOldest).queue_len_max(5)));
    (0..100).for_each(|_| say(&cell, &publisher, publish("one")));
    {
        let queue = slow.peer.queue.lock();
        assert!(queue.waiting_bytes() > queue.len(), "some wait");
    }
    cell.close_all(uris::SYSTEM_SHUTDOWN);
    assert!(slow.take().ends_with("\"wamp.close.system_shutdown\"]"));
    assert_eq!(slow.peer.queue.lock().len(), 0);
}

#[tokio::test]
async fn a_contract_of_the_role_drops_and_does_not_tell() {
    let cell = realm();
    let delivery = Some(Delivery::new(OnSlow::DropOldest).queue_len_max(1));
    let role = Role::allow_all("slow").with_delivery(delivery);
    cell.handle(&mut Effects::default(), |run| run.realm.set_role(role)).expect("the realm is up");
    let slow = join_taking(&cell, "slow", usize::MAX).expect("the realm is up");
    slow.take();
    let publisher = join(&cell);
    subscribe_with(&cell, &slow, None);
    (0..50).for_each(|number| say(&cell, &publisher, publish(&number.to_string())));
    slow.take();
    let last = slow.take();
    assert!(last.contains("[\"49\"]") && !last.contains("_lost"), "{last}");
    assert!(slow.peer.queue.lock().dropped > 0);
}
