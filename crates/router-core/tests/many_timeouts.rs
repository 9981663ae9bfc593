//! Calls that time out at the same moment hold nobody up: they end in portions.

use std::time::{Duration, Instant};

use crossweave_router_core::boundary::{Input, Session};
use crossweave_router_core::{
    Actions, Authorization, Disclosure, Permission, Permissions, Realm, RealmOptions, Role, Slot,
};
use crossweave_testkit::recorder::{Output, Recorder};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Call, CallOptions, Register, RegisterOptions, Welcome};
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId};

const CALLER: Slot = Slot(0);
const CALLEE: Slot = Slot(1);
const CALLS: usize = 1_000;

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
