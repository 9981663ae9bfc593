use std::sync::Arc;

use crossweave_router_core::Role;
use crossweave_wamp::message::Goodbye;
use crossweave_wamp::uris;

use super::*;
use crate::router::RealmDefinition;

const DEADLINE: Duration = Duration::from_secs(5);

fn realm() -> Arc<RealmCell> {
    let definition =
        RealmDefinition { roles: vec![Role::allow_all("anonymous")], ..RealmDefinition::default() };
    RealmCell::start("realm1", definition, Default::default(), Arc::default(), Arc::default(), Arc::default())
}

#[tokio::test]
async fn the_router_calls_and_is_answered() {
    let realm = realm();
    for _ in 0..3 {
        let answer = realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await;
        assert_eq!(answer.unwrap().args, [Value::from(1)], "one session for all calls");
    }
}

#[tokio::test]
async fn errors_come_back_with_their_text() {
    let failed = realm().call(TRUSTED, "com.example.missing", &[], &Dict::new(), DEADLINE).await.unwrap_err();
    assert!(
        matches!(&failed, CallFailed::Error { error, .. } if error == uris::NO_SUCH_PROCEDURE),
        "{failed}"
    );
    assert!(failed.to_string().contains("com.example.missing"), "{failed}");
}

#[tokio::test]
async fn no_call_hangs_once_the_realm_closes() {
    let realm = realm();
    realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await.unwrap();
    realm.close_all(uris::SYSTEM_SHUTDOWN);
    // The realm lets nobody in any more: the call ends, and does not hang.
    for _ in 0..3 {
        let failed =
            realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await.unwrap_err();
        assert_eq!(failed, CallFailed::Lost);
    }
    assert!(realm.queues().is_empty());
}

#[tokio::test]
async fn a_session_that_was_ended_is_joined_anew() {
    let realm = realm();
    realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await.unwrap();
    let first = realm.line(TRUSTED).unwrap();
    let slot = first.calls.lock().slot;
    let goodbye = Goodbye::new(uris::CLOSE_KILLED);
    let mut effects = Effects::default();
    assert!(realm.messages(slot, [Ok(goodbye.into())].iter_mut(), &mut effects).is_ok());
    realm.finish(effects);
    // Until the end is noticed calls fail; none hangs.
    let answer = loop {
        match realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await {
            Err(CallFailed::Lost) => tokio::task::yield_now().await,
            answer => break answer,
        }
    };
    assert_eq!(answer.unwrap().args, [Value::from(1)]);
    assert!(!Arc::ptr_eq(&first, &realm.line(TRUSTED).unwrap()));
}

#[tokio::test]
async fn nobody_who_connects_gets_the_routers_role() {
    assert!(!realm().has_role(TRUSTED));
}

#[tokio::test]
async fn a_realm_that_goes_takes_its_session_with_it() {
    let realm = realm();
    realm.call(TRUSTED, "wamp.session.count", &[], &Dict::new(), DEADLINE).await.unwrap();
    let line = Arc::downgrade(&realm.line(TRUSTED).unwrap());
    drop(realm);
    assert!(line.upgrade().is_none());
}
