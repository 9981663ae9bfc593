//! Which URIs are used most.

use std::time::Duration;

use crossweave_client::{Arguments, Client, Invocation};
use crossweave_router::{HotUriKind, HotUris, Role, Router, TapOptions};
use crossweave_router_core::Authorization;
use tokio::time::sleep;

use crate::node::{realm, router, served, soon};

/// An answer about at least the shortest time that there are answers for.
async fn hottest(router: &Router, limit: usize) -> HotUris {
    sleep(Duration::from_millis(110)).await;
    router.hot_uris(limit)
}

fn shown(uris: &HotUris) -> Vec<(&str, HotUriKind, &str, u64, u64)> {
    uris.uris.iter().map(|it| (&*it.realm, it.kind, &*it.uri, it.received, it.sent)).collect()
}

async fn publish(client: &Client, topic: &str, times: usize) {
    for _ in 0..times {
        soon(client.publish(topic, ()).acknowledged()).await.unwrap();
    }
}

#[tokio::test]
async fn topics_and_procedures_are_counted_by_realm_while_somebody_asks() {
    let router = router();
    router.start_realm("realm2", realm(["anonymous"])).unwrap();
    let alice = served(&router, "realm1", "anonymous", "alice").await;
    let bob = served(&router, "realm1", "anonymous", "bob").await;
    let far = served(&router, "realm2", "anonymous", "alice").await;
    let _topic = soon(bob.subscribe("com.topic").into_future()).await.unwrap();
    let _pattern = soon(far.subscribe("com").prefix().into_future()).await.unwrap();
    let _double =
        soon(bob.register("com.double", |n: i64| async move { Ok(2 * n) }).into_future()).await.unwrap();
    publish(&alice, "com.before", 9).await;
    assert_eq!(router.hot_uris(5), HotUris::default(), "nothing was counted before somebody asked");

    publish(&alice, "com.topic", 4).await;
    publish(&far, "com.topic", 1).await;
    publish(&bob, "com.nobody", 1).await;
    for number in 0..3 {
        soon(alice.call_with::<i64>("com.double", number)).await.unwrap();
    }
    soon(alice.call_with::<i64>("com.nothing", 1)).await.unwrap_err();
    let told = hottest(&router, 5).await;
    let (topic, procedure) = (HotUriKind::Topic, HotUriKind::Procedure);
    // Who publishes does not get the event: nobody else is on realm2.
    let expected = [
        ("realm1", topic, "com.topic", 4, 4),
        ("realm1", procedure, "com.double", 3, 3),
        ("realm1", topic, "com.nobody", 1, 0),
        ("realm1", procedure, "com.nothing", 1, 0),
        ("realm2", topic, "com.topic", 1, 0),
    ];
    assert_eq!(shown(&told), expected);
    assert!(!told.has_forgotten && told.over >= Duration::from_millis(100), "{:?}", told.over);
    assert_eq!(shown(&hottest(&router, 5).await), []);
}

#[tokio::test]
async fn a_tap_and_counting_do_not_disturb_each_other() {
    let router = router();
    let alice = served(&router, "realm1", "anonymous", "alice").await;
    let tap = router.tap(TapOptions { kept_max: 100, ..TapOptions::default() }).unwrap();
    router.hot_uris(5);
    publish(&alice, "com.topic", 2).await;
    assert_eq!(tap.read(0, 100).len(), 4, "PUBLISH and PUBLISHED, twice");
    drop(tap);
    publish(&alice, "com.topic", 3).await;
    assert_eq!(shown(&hottest(&router, 1).await), [("realm1", HotUriKind::Topic, "com.topic", 5, 0)]);
}

#[tokio::test]
async fn what_an_authorizer_is_asked_is_a_call_like_others() {
    let router = router();
    router.set_role("realm1", Role::new("asking", Authorization::Procedure("com.authorize".into()))).unwrap();
    let authorizer = served(&router, "realm1", "anonymous", "authorizer").await;
    let yes = async |_: Invocation| Ok(Arguments::new().arg(true));
    let _yes = soon(authorizer.register_dynamic("com.authorize", yes).into_future()).await.unwrap();
    let asker = served(&router, "realm1", "asking", "alice").await;
    router.hot_uris(5);
    publish(&asker, "com.topic", 1).await;
    let expected = [
        ("realm1", HotUriKind::Procedure, "com.authorize", 1, 1),
        ("realm1", HotUriKind::Topic, "com.topic", 1, 0),
    ];
    assert_eq!(shown(&hottest(&router, 5).await), expected);
}
