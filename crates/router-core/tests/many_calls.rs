//! Very many calls that end at the same moment hold nobody up: they end in portions.

use std::time::{Duration, Instant};

use crossweave_router_core::boundary::{Input, Session};
use crossweave_router_core::{
    Actions, Authorization, Disclosure, Permission, Permissions, Presence, Realm, RealmLimits, RealmOptions,
    Role, Slot,
};
use crossweave_testkit::recorder::{Output, Recorder};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{
    Call, CallOptions, Cancel, InvokePolicy, Kind, Register, RegisterOptions, Welcome, Yield, YieldOptions,
};
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId};

const CALLER: Slot = Slot(0);
const CALLEE: Slot = Slot(1);
const CALLS: usize = 1_000;
/// What ends in the turn in which a session leaves.
const FIRST: usize = 512;
/// What ends in any later one.
const PORTION: usize = 256;

fn join(realm: &mut Realm, slot: Slot, now: Instant, out: &mut Recorder) {
    let id = realm.new_session_id();
    let session = Session {
        id,
        authid: "joe".into(),
        authrole: "user".into(),
        authmethod: "anonymous".into(),
        authprovider: "static".into(),
        roles: Roles::client(),
        authextra: Dict::new(),
        transport: Dict::new(),
    };
    let welcome = Welcome { session: id, details: Dict::new() };
    let _ = realm.handle(now, Input::Join(slot, Box::new(session), Box::new(welcome)), out);
}

fn send(
    realm: &mut Realm,
    from: Slot,
    message: impl Into<Message<'static>>,
    now: Instant,
    out: &mut Recorder,
) {
    let _ = realm.handle(now, Input::Message(from, &mut message.into()), out);
}

/// A realm with calls in flight that time out after a second.
fn with_calls(now: Instant) -> Realm {
    with_calls_to(RealmOptions::default(), InvokePolicy::Single, now)
}

/// The same, or one in which only one of them is in flight, if calls may wait.
fn with_calls_to(options: RealmOptions, invoke: InvokePolicy, now: Instant) -> Realm {
    let concurrency = (options.limits.queued_calls_per_registration_max > 0).then_some(1);
    let allow = Permission {
        uri: String::new(),
        match_policy: MatchPolicy::Prefix,
        allow: Actions::ALL,
        disclose: Disclosure::default(),
    };
    let rules = Permissions::new([allow]).expect("the rule is well formed");
    let (mut realm, mut out) = (Realm::new("realm1", options, [7; 32]), Recorder::default());
    realm.set_role(Role::new("user", Authorization::Static(rules.into())));
    join(&mut realm, CALLER, now, &mut out);
    join(&mut realm, CALLEE, now, &mut out);
    let options = RegisterOptions { invoke, concurrency, ..RegisterOptions::default() };
    let request = RequestId(1);
    send(&mut realm, CALLEE, Register { request, options, procedure: "com.p".into() }, now, &mut out);
    for request in 1..=CALLS as u64 {
        let options = CallOptions { timeout_ms: 1_000, ..CallOptions::default() };
        let (request, procedure) = (RequestId(request), "com.p".into());
        send(
            &mut realm,
            CALLER,
            Call { request, options, procedure, payload: Payload::empty() },
            now,
            &mut out,
        );
    }
    realm
}

#[test]
fn calls_that_time_out_together_end_in_portions() {
    let start = Instant::now();
    let (mut realm, later) = (with_calls(start), start + Duration::from_secs(1));
    let (mut ended, mut turns) = (0, 0);
    while realm.deadline().is_some_and(|deadline| deadline <= later) {
        let mut out = Recorder::default();
        let _ = realm.handle(later, Input::Tick, &mut out);
        let is_error = |it: &Output| matches!(it, Output::Send(CALLER, Message::Error(_)));
        let errors = out.take().iter().filter(|it| is_error(it)).count();
        assert!(errors <= 256, "{errors} in one turn");
        (ended, turns) = (ended + errors, turns + 1);
    }
    assert_eq!((ended, turns), (CALLS, 4));
    assert_eq!((realm.invocation_count(), realm.deadline()), (0, None));
}

/// What one input leads to.
fn turn(realm: &mut Realm, input: Input<'_, '_>, now: Instant) -> Vec<Output> {
    let mut out = Recorder::default();
    let _ = realm.handle(now, input, &mut out);
    out.take()
}

fn count(outputs: &[Output], is_it: impl Fn(&Output) -> bool) -> usize {
    outputs.iter().filter(|it| is_it(it)).count()
}

fn is_to(slot: Slot) -> impl Fn(&Output) -> bool {
    move |it| matches!(it, Output::Send(to, _) if *to == slot)
}

fn is_free(slot: Slot) -> impl Fn(&Output) -> bool {
    move |it| matches!(it, Output::Free(free) if *free == slot)
}

/// Ticks until nothing is left to do, and returns how often one of these came.
fn work_off(realm: &mut Realm, now: Instant, gone: Slot, is_it: impl Fn(&Output) -> bool) -> usize {
    let (mut sum, mut frees) = (0, 0);
    while realm.deadline().is_some_and(|deadline| deadline <= now) {
        assert_eq!(frees, 0, "its slot is free, and something is left to do");
        let outputs = turn(realm, Input::Tick, now);
        let came = count(&outputs, &is_it);
        assert!(came <= PORTION, "{came} in one turn");
        assert_eq!(count(&outputs, is_to(gone)), 0, "it has left");
        (sum, frees) = (sum + came, frees + count(&outputs, is_free(gone)));
    }
    assert_eq!(frees, 1);
    assert_eq!((realm.invocation_count(), realm.kept_of_calls(), realm.deadline()), (0, 0, None));
    sum
}

#[test]
fn calls_of_a_caller_that_leaves_end_in_portions() {
    let now = Instant::now();
    let mut realm = with_calls(now);
    let is_interrupt = |it: &Output| matches!(it, Output::Send(CALLEE, Message::Interrupt(_)));
    let outputs = turn(&mut realm, Input::Leave(CALLER), now);
    assert_eq!((count(&outputs, is_interrupt), outputs.len()), (FIRST, FIRST));
    // The callee may answer before the turn of a call has come. Nobody gets the answer, and it is not interrupted any more.
    let options = YieldOptions::default();
    let answer = Yield { request: RequestId(CALLS as u64), options, payload: Payload::empty() };
    assert_eq!(turn(&mut realm, Input::Message(CALLEE, &mut answer.into()), now).len(), 0);
    assert_eq!(work_off(&mut realm, now, CALLER, is_interrupt), CALLS - FIRST - 1);
}

#[test]
fn calls_to_a_callee_that_leaves_end_in_portions() {
    let now = Instant::now();
    let mut realm = with_calls(now);
    let is_canceled = |it: &Output| match it {
        Output::Send(CALLER, Message::Error(it)) => {
            it.request_kind == Kind::Call && it.error == "wamp.error.canceled"
        }
        _ => false,
    };
    let outputs = turn(&mut realm, Input::Leave(CALLEE), now);
    assert_eq!((count(&outputs, is_canceled), outputs.len()), (FIRST, FIRST));
    // A caller need not wait for the turn of a call.
    let cancel = Cancel { request: RequestId(CALLS as u64), mode: None, forward_for: None };
    let outputs = turn(&mut realm, Input::Message(CALLER, &mut cancel.into()), now);
    assert_eq!((count(&outputs, is_canceled), outputs.len()), (1, 1));
    assert_eq!(work_off(&mut realm, now, CALLEE, is_canceled), CALLS - FIRST - 1);
}

#[test]
fn calls_between_two_that_leave_end_once() {
    let now = Instant::now();
    let mut realm = with_calls(now);
    assert_eq!(turn(&mut realm, Input::Leave(CALLER), now).len(), FIRST);
    let outputs = turn(&mut realm, Input::Leave(CALLEE), now);
    assert_eq!(count(&outputs, is_to(CALLER)) + count(&outputs, is_to(CALLEE)), 0);
    let mut frees = count(&outputs, |it| matches!(it, Output::Free(_)));
    while realm.deadline().is_some_and(|deadline| deadline <= now) {
        let outputs = turn(&mut realm, Input::Tick, now);
        frees += outputs.len();
        assert_eq!(count(&outputs, |it| matches!(it, Output::Free(_))), outputs.len());
    }
    assert_eq!((frees, realm.invocation_count(), realm.deadline()), (2, 0, None));
}

#[test]
fn calls_of_a_callee_that_does_not_answer_end_in_portions() {
    let now = Instant::now();
    let mut realm = with_calls_to(RealmOptions::default(), InvokePolicy::RoundRobin, now);
    let is_error = |it: &Output| matches!(it, Output::Send(CALLER, Message::Error(_)));
    let mut ended = count(&turn(&mut realm, Input::Presence(CALLEE, Presence::Silent), now), is_error);
    assert_eq!(ended, PORTION);
    while realm.deadline().is_some_and(|deadline| deadline <= now) {
        let came = count(&turn(&mut realm, Input::Tick, now), is_error);
        assert!(came <= PORTION, "{came} in one turn");
        ended += came;
    }
    assert_eq!((ended, realm.invocation_count(), realm.deadline()), (CALLS, 0, None));
}

/// A realm in which one call runs and all others wait for it.
fn with_calls_that_wait(now: Instant) -> Realm {
    let limits = RealmLimits { queued_calls_per_registration_max: CALLS, ..RealmLimits::default() };
    let options = RealmOptions { limits, ..RealmOptions::default() };
    with_calls_to(options, InvokePolicy::Single, now)
}

fn cancel_all(realm: &mut Realm, now: Instant) {
    let mut out = Recorder::default();
    for request in 1..=CALLS as u64 {
        let request = RequestId(request);
        send(realm, CALLER, Cancel { request, mode: None, forward_for: None }, now, &mut out);
    }
    assert_eq!((realm.kept_of_calls(), realm.deadline()), (0, None));
}

#[test]
fn nothing_remains_of_calls_that_are_canceled_before_their_turn_to_end() {
    let now = Instant::now();
    let mut realm = with_calls_that_wait(now);
    let is_error = |it: &Output| matches!(it, Output::Send(CALLER, Message::Error(_)));
    let outputs = turn(&mut realm, Input::Leave(CALLEE), now);
    // One was with the callee, the others waited for it.
    assert_eq!(count(&outputs, is_error), 1 + PORTION);
    assert_eq!(realm.deadline(), Some(now));
    cancel_all(&mut realm, now);
}

#[test]
fn nothing_remains_of_turns_to_start_calls_whose_registration_is_taken_again_and_again() {
    let now = Instant::now();
    let mut realm = with_calls_that_wait(now);
    let mut out = Recorder::default();
    for request in 2..100 {
        let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
        let request = RequestId(request);
        send(&mut realm, CALLEE, Register { request, options, procedure: "com.p".into() }, now, &mut out);
    }
    let is_invocation = |it: &Output| matches!(it, Output::Send(CALLEE, Message::Invocation(_)));
    assert_eq!(count(&out.take(), is_invocation), PORTION);
    cancel_all(&mut realm, now);
}
