//! Following messages while they pass.

use std::sync::Arc;

use crossweave_client::{Arguments, Invocation, WampError};
use crossweave_router::{Direction, Role, Router, TAPPED_PAYLOAD_LEN_MAX, TAPS_MAX, Tap, TapOptions, Tapped};
use crossweave_router_core::Authorization;
use crossweave_wamp::message::Kind;
use crossweave_wamp::{MatchPolicy, Value};

use crate::node::{realm, router, served, soon};

fn tap(router: &Router, options: TapOptions) -> Tap {
    router.tap(TapOptions { kept_max: 1_000, ..options }).unwrap()
}

fn exactly(uri: &str) -> TapOptions {
    TapOptions { uri: Some((MatchPolicy::Exact, uri.to_owned())), ..TapOptions::default() }
}

fn kinds(tap: &Tap) -> Vec<&'static str> {
    tap.read(0, 1_000).iter().map(|it| it.kind.name()).collect()
}

#[tokio::test]
async fn a_call_is_followed_by_its_uri_from_end_to_end() {
    let router = router();
    let callee = served(&router, "realm1", "anonymous", "carol").await;
    let double = async |n: i64| Ok(2 * n);
    let _double = soon(callee.register("com.double", double).into_future()).await.unwrap();
    let caller = served(&router, "realm1", "anonymous", "alice").await;

    // What came before is known: to whom the procedure belongs, and who is who.
    let tap = tap(&router, TapOptions { has_payload: true, ..exactly("com.double") });
    soon(caller.call_with::<i64>("com.double", 21)).await.unwrap();
    soon(caller.call_with::<i64>("com.other", 21)).await.unwrap_err();
    let seen = tap.read(0, 10);
    let shown = |it: &Arc<Tapped>| {
        let args = it.payload.as_ref().map(|payload| payload.args());
        (it.direction, it.kind, it.authid.as_deref().map(str::to_owned), args)
    };
    let (received, sent) = (Direction::Received, Direction::Sent);
    let who = |name: &str| Some(name.to_owned());
    let number = |n: i64| Some(vec![Value::from(n)]);
    let expected = [
        (received, Kind::Call, who("alice"), number(21)),
        (sent, Kind::Invocation, who("carol"), number(21)),
        (received, Kind::Yield, who("carol"), number(42)),
        (sent, Kind::Result, who("alice"), number(42)),
    ];
    assert_eq!(seen.iter().map(shown).collect::<Vec<_>>(), expected);
    assert!(seen.iter().all(|it| it.uri.as_deref() == Some("com.double") && &*it.realm == "realm1"));
    assert_eq!((seen[0].session, seen[0].request), (caller.session().id, seen[3].request));
    assert!(seen[0].len > seen[0].payload_len && seen[0].payload_len > 0);
}

#[tokio::test]
async fn messages_are_taken_by_realm_session_authid_and_type() {
    let router = router();
    router.start_realm("realm2", realm(["anonymous"])).unwrap();
    let alice = served(&router, "realm1", "anonymous", "alice").await;
    let bob = served(&router, "realm1", "anonymous", "bob").await;
    let far = served(&router, "realm2", "anonymous", "alice").await;
    let mut events = soon(bob.subscribe("com.topic").into_future()).await.unwrap();

    let all = tap(&router, TapOptions::default());
    let of_realm = tap(&router, TapOptions { realm: Some("realm2".to_owned()), ..TapOptions::default() });
    let of_bob = tap(&router, TapOptions { session: Some(bob.session().id), ..TapOptions::default() });
    let of_alice = tap(&router, TapOptions { authid: Some("alice".to_owned()), ..TapOptions::default() });
    let of_kind = tap(&router, TapOptions { kinds: vec![Kind::Published], ..TapOptions::default() });
    let of_topic = tap(
        &router,
        TapOptions { uri: Some((MatchPolicy::Prefix, "com.t".to_owned())), ..Default::default() },
    );
    soon(alice.publish("com.topic", ("x".repeat(TAPPED_PAYLOAD_LEN_MAX),)).acknowledged()).await.unwrap();
    assert!(soon(events.next()).await.unwrap().is_ok());
    soon(far.publish("com.elsewhere", ()).acknowledged()).await.unwrap();

    assert_eq!(kinds(&all), ["PUBLISH", "PUBLISHED", "EVENT", "PUBLISH", "PUBLISHED"]);
    assert_eq!(kinds(&of_realm), ["PUBLISH", "PUBLISHED"]);
    assert_eq!(kinds(&of_bob), ["EVENT"]);
    assert_eq!(kinds(&of_alice), ["PUBLISH", "PUBLISHED", "PUBLISH", "PUBLISHED"]);
    assert_eq!(kinds(&of_kind), ["PUBLISHED", "PUBLISHED"]);
    assert_eq!(kinds(&of_topic), ["PUBLISH", "PUBLISHED", "EVENT"]);
    let event = &of_bob.read(0, 1)[0];
    assert!(event.payload.is_none() && event.payload_len > TAPPED_PAYLOAD_LEN_MAX, "nobody asked for it");
}

#[tokio::test]
async fn what_a_reader_misses_is_missing_in_the_numbers() {
    let router = router();
    let alice = served(&router, "realm1", "anonymous", "alice").await;
    let tap = router.tap(TapOptions { kept_max: 2, ..exactly("com.topic") }).unwrap();
    let numbers = |from| tap.read(from, 10).iter().map(|it| it.seq).collect::<Vec<_>>();
    soon(alice.publish("com.topic", ()).acknowledged()).await.unwrap();
    assert_eq!(numbers(0), [0, 1]);
    for _ in 0..3 {
        soon(alice.publish("com.topic", ()).acknowledged()).await.unwrap();
    }
    assert_eq!((numbers(2), tap.next_seq()), (vec![6, 7], 8));
    let waiting = async {
        tap.wait(8).await;
        numbers(8)
    };
    let publish = async { alice.publish("com.topic", ()).acknowledged().await.unwrap() };
    let (seen, _) = soon(async { tokio::join!(waiting, publish) }).await;
    assert_eq!(seen.first(), Some(&8));

    tap.close();
    soon(alice.publish("com.topic", ()).acknowledged()).await.unwrap();
    assert_eq!(tap.next_seq(), 10, "a closed tap takes nothing more");
}

#[tokio::test]
async fn payloads_of_the_routers_own_calls_are_shown_to_nobody() {
    let router = router();
    let asking = Role::new("asking", Authorization::Procedure("com.authorize".into()));
    router.set_role("realm1", asking).unwrap();
    let authorizer = served(&router, "realm1", "anonymous", "authorizer").await;
    let yes = async |_: Invocation| Ok(Arguments::new().arg(true));
    let _yes = soon(authorizer.register_dynamic("com.authorize", yes).into_future()).await.unwrap();
    let tap = tap(&router, TapOptions { has_payload: true, ..TapOptions::default() });
    let asker = served(&router, "realm1", "asking", "alice").await;
    soon(asker.publish("com.topic", "shown").acknowledged()).await.unwrap();

    let seen = tap.read(0, 100);
    let of = |uri: &str| seen.iter().filter(|it| it.uri.as_deref() == Some(uri)).collect::<Vec<_>>();
    let question: Vec<_> = of("com.authorize").iter().map(|it| it.kind).collect();
    assert_eq!(question, [Kind::Call, Kind::Invocation, Kind::Yield, Kind::Result]);
    assert!(of("com.authorize").iter().all(|it| it.payload.is_none() && it.payload_len > 0));
    assert!(of("com.topic")[0].payload.is_some());
}

#[tokio::test]
async fn taps_are_bounded_and_close_when_they_are_dropped() {
    let router = router();
    let taps: Vec<Tap> = (0..TAPS_MAX).map(|_| tap(&router, TapOptions::default())).collect();
    assert!(router.tap(TapOptions::default()).is_err());
    drop(taps);
    assert!(router.tap(TapOptions::default()).is_ok());
}

#[tokio::test]
async fn what_is_noted_of_a_uri_is_bounded() {
    let router = router();
    let callee = served(&router, "realm1", "anonymous", "carol").await;
    let long = "é".repeat(500_000);
    let error = long.clone();
    let fails = move |_: Invocation| {
        let error = error.clone();
        async move { Err::<Arguments, _>(WampError::new(error)) }
    };
    let _fails = soon(callee.register_dynamic("com.fails", fails).into_future()).await.unwrap();
    let caller = served(&router, "realm1", "anonymous", "alice").await;
    let tap = tap(&router, TapOptions::default());
    // The realm takes no such URI, but the message was there.
    soon(caller.publish(&*long, ()).acknowledged()).await.unwrap_err();
    soon(caller.call_with::<i64>("com.fails", ())).await.unwrap_err();
    let seen = tap.read(0, 100);
    let lens =
        seen.iter().flat_map(|it| [it.uri.as_deref().map(str::len), it.error.as_deref().map(str::len)]);
    let lens: Vec<usize> = lens.flatten().collect();
    assert!(lens.contains(&1_024) && lens.iter().all(|len| *len <= 1_024), "{lens:?}");
}
