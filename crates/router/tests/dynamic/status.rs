//! What a router tells of its realms.

use crossweave_router::{MessageCounts, RealmError};
use crossweave_wamp::message::Kind;
use tokio::task::yield_now;

use crate::node::{connected, router, served, soon, transport};

fn counts(counts: MessageCounts) -> Vec<(&'static str, u64)> {
    counts.iter().map(|(kind, count)| (kind.name(), count)).collect()
}

#[tokio::test]
async fn a_realm_counts_its_messages_by_type() {
    let router = router();
    let address = router.start_listening(transport()).await.unwrap().address;
    let callee = connected(&address, "realm1").await;
    let double =
        soon(callee.register("com.double", |n: i64| async move { Ok(2 * n) }).into_future()).await.unwrap();
    let mut events = soon(callee.subscribe("com.topic").into_future()).await.unwrap();
    let caller = served(&router, "realm1", "trusted", "service").await;
    let mut second = soon(caller.subscribe("com.topic").into_future()).await.unwrap();
    for number in 0..5 {
        soon(caller.call_with::<i64>("com.double", number)).await.unwrap();
    }
    for _ in 0..3 {
        soon(callee.publish("com.topic", ()).include_me().acknowledged()).await.unwrap();
        assert!(soon(events.next()).await.unwrap().is_ok() && soon(second.next()).await.unwrap().is_ok());
    }
    assert!(soon(caller.call_with::<i64>("com.nobody", ())).await.is_err());

    let stats = router.realm_stats("realm1").unwrap();
    let received = [("PUBLISH", 3), ("SUBSCRIBE", 2), ("CALL", 6), ("REGISTER", 1), ("YIELD", 5)];
    assert_eq!(counts(stats.received), received);
    let sent = [
        ("WELCOME", 2),
        ("ERROR", 1),
        ("PUBLISHED", 3),
        ("SUBSCRIBED", 2),
        ("EVENT", 6),
        ("RESULT", 5),
        ("REGISTERED", 1),
        ("INVOCATION", 5),
    ];
    assert_eq!(counts(stats.sent), sent);
    assert_eq!((stats.sessions, stats.sessions_from_outside), (2, 1));
    assert_eq!((stats.subscriptions, stats.registrations, stats.invocations), (1, 1, 0));
    assert_eq!(stats.roles.iter().map(|it| &**it).collect::<Vec<_>>(), ["anonymous"]);
    assert_eq!(stats.counters.publications, 3);

    drop(double);
    callee.leave().await;
    while router.realm_stats("realm1").unwrap().sent.of(Kind::Goodbye) < 1 {
        yield_now().await;
    }
    assert_eq!(router.realm_stats("realm1").unwrap().sessions_from_outside, 0);
    assert_eq!(router.realm_stats("realm2"), Err(RealmError::NoSuchRealm("realm2".to_owned())));
}

#[tokio::test]
async fn the_sessions_of_a_realm_are_told() {
    let router = router();
    let address = router.start_listening(transport()).await.unwrap().address;
    let outside = connected(&address, "realm1").await;
    let inside = served(&router, "realm1", "trusted", "service").await;
    let mut sessions = router.sessions("realm1").unwrap();
    sessions.sort_by_key(|session| session.authmethod.to_string());
    let found: Vec<(&str, &str)> = sessions.iter().map(|it| (&*it.authmethod, &*it.authrole)).collect();
    assert_eq!(found, [("anonymous", "anonymous"), ("trusted", "trusted")]);
    assert_eq!(sessions[0].id, outside.session().id);
    assert_eq!((sessions[1].id, &*sessions[1].authid), (inside.session().id, "service"));
    assert!(router.sessions("realm2").is_err());
}
