//! Very many calls that end at the same moment hold nobody up: they end in portions.

use std::time::{Duration, Instant};

use crossweave_router_core::boundary::{Input, Session};
use crossweave_router_core::{
    Actions, Authorization, Disclosure, Permission, Permissions, Realm, RealmOptions, Role, Slot,
};
use crossweave_testkit::recorder::{Output, Recorder};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{
    Call, CallOptions, Cancel, Kind, Register, RegisterOptions, Welcome, Yield, YieldOptions,
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
    let allow = Permission {
        uri: String::new(),
        match_policy: MatchPolicy::Prefix,
        allow: Actions::ALL,
        disclose: Disclosure::default(),
    };
    let rules = Permissions::new([allow]).expect("the rule is well formed");
    let (mut realm, mut out) = (Realm::new("realm1", RealmOptions::default(), [7; 32]), Recorder::default());
    realm.set_role(Role::new("user", Authorization::Static(rules.into())));
    join(&mut realm, CALLER, now, &mut out);
    join(&mut realm, CALLEE, now, &mut out);
    let (request, options) = (RequestId(1), RegisterOptions::default());
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
