//! Roles of a realm that runs.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_client::{Client, ConnectError, JoinError};
use crossweave_router::{AuthorizeRequest, Authorizer, Decision, RealmDefinition, RealmError, Role};
use crossweave_router_core::{Authorization, Permissions};
use crossweave_wamp::{Serializer, SessionId, uris};
use tokio::net::UnixStream;

use crate::node::{once, realm, router, served, soon};

async fn may_publish(client: &Client) -> bool {
    soon(client.publish("com.topic", ()).acknowledged()).await.is_ok()
}

#[tokio::test]
async fn a_role_that_changes_holds_for_the_next_message() {
    let router = router();
    let client = served(&router, "realm1", "anonymous", "joe").await;
    assert!(may_publish(&client).await);
    router.set_role("realm1", Role::fixed("anonymous", Permissions::default())).unwrap();
    assert!(!may_publish(&client).await);
    router.set_role("realm1", Role::allow_all("anonymous")).unwrap();
    assert!(may_publish(&client).await);
}

#[tokio::test]
async fn a_role_that_starts_lets_sessions_in() {
    let router = router();
    assert_eq!(refusal(&router, "later").await, uris::NO_SUCH_ROLE);
    router.set_role("realm1", Role::allow_all("later")).unwrap();
    let client = served(&router, "realm1", "later", "joe").await;
    assert!(may_publish(&client).await);
    let roles = router.roles("realm1").unwrap();
    assert_eq!(roles.iter().map(|role| &**role).collect::<Vec<_>>(), ["anonymous", "later"]);
}

#[tokio::test]
async fn a_role_that_is_removed_ends_its_sessions_and_lets_nobody_in() {
    let router = router();
    router.set_role("realm1", Role::allow_all("guest")).unwrap();
    let guest = served(&router, "realm1", "guest", "joe").await;
    let other = served(&router, "realm1", "anonymous", "ann").await;
    assert_eq!(router.remove_role("realm1", "guest").unwrap(), [guest.session().id]);
    let why = soon(guest.closed()).await.unwrap();
    assert!(why.reason.contains(uris::CLOSE_KILLED), "{}", why.reason);
    assert!(why.reason.contains("role \"guest\" was removed from realm \"realm1\""), "{}", why.reason);
    assert_eq!(refusal(&router, "guest").await, uris::NO_SUCH_ROLE);
    assert!(may_publish(&other).await);
    let gone = RealmError::NoSuchRole { realm: "realm1".to_owned(), role: "guest".to_owned() };
    assert_eq!(router.remove_role("realm1", "guest"), Err(gone));
    router.set_role("realm1", Role::allow_all("guest")).unwrap();
    assert!(may_publish(&served(&router, "realm1", "guest", "joe").await).await);
}

#[tokio::test]
async fn what_an_authorizer_decided_is_forgotten_with_the_role() {
    struct Counting(AtomicUsize);
    impl Authorizer for Counting {
        fn authorize(
            &self,
            _: &str,
            _: AuthorizeRequest,
        ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let disclose = crossweave_router_core::Disclose::AsAsked;
            Box::pin(ready(Decision::Allow { disclose, cache: true }))
        }
    }
    let router = router();
    let authorizer = Arc::new(Counting(AtomicUsize::new(0)));
    let dynamic = || Role::new("asks", Authorization::Dynamic);
    let definition = RealmDefinition {
        roles: vec![dynamic()],
        authorizer: Some(authorizer.clone()),
        ..RealmDefinition::default()
    };
    router.start_realm("realm2", definition).unwrap();
    let client = served(&router, "realm2", "asks", "joe").await;
    for _ in 0..3 {
        assert!(may_publish(&client).await);
    }
    assert_eq!(authorizer.0.load(Ordering::Relaxed), 1);
    router.set_role("realm2", dynamic()).unwrap();
    assert!(may_publish(&client).await);
    assert_eq!(authorizer.0.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_role_of_the_router_itself_stays_as_it_is() {
    let router = router();
    let reserved = Err(RealmError::ReservedRole("trusted".to_owned()));
    assert_eq!(router.set_role("realm1", Role::allow_all("trusted")), reserved);
    assert_eq!(router.remove_role("realm1", "trusted").map(drop), reserved);
    let unknown = Err(RealmError::NoSuchRealm("realm9".to_owned()));
    assert_eq!(router.set_role("realm9", Role::allow_all("guest")), unknown);
}

#[tokio::test]
async fn sessions_of_an_authid_are_ended_by_the_router() {
    let router = router();
    let joes = [
        served(&router, "realm1", "anonymous", "joe").await,
        served(&router, "realm1", "trusted", "joe").await,
    ];
    let ann = served(&router, "realm1", "anonymous", "ann").await;
    let mut killed = router.kill_by_authid("realm1", "joe", "com.example.moved", Some("you moved")).unwrap();
    killed.sort_unstable();
    let mut expected: Vec<SessionId> = joes.iter().map(|joe| joe.session().id).collect();
    expected.sort_unstable();
    assert_eq!(killed, expected);
    for joe in &joes {
        let why = soon(joe.closed()).await.unwrap();
        assert!(why.reason.contains("com.example.moved: you moved"), "{}", why.reason);
    }
    assert!(may_publish(&ann).await);
    assert_eq!(router.kill_by_authid("realm1", "joe", "com.example.moved", None), Ok(vec![]));
    router.start_realm("realm2", realm([])).unwrap();
    assert_eq!(router.kill_by_authid("realm2", "ann", "com.example.moved", None), Ok(vec![]));
}

async fn refusal(router: &crossweave_router::Router, role: &str) -> String {
    let (near, far) = UnixStream::pair().unwrap();
    router.serve(far, Serializer::Cbor, role, "joe").unwrap();
    let refused = soon(Client::connect_over(near, "realm1", once())).await.unwrap_err();
    let ConnectError::Join { cause: JoinError::Refused(why), .. } = refused else { panic!("{refused}") };
    why.uri
}
