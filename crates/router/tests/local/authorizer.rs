//! Roles that ask an authorizer at run time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, AuthorizeRequest, Authorizer, Decision, RealmDefinition, Role, Router,
};
use crossweave_router_core::{Authorization, Disclose};
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, Value, uris};
use tokio::time::{Instant, sleep, timeout};

use super::peer::Peer;

/// Takes its time, and allows what does not say "forbidden".
struct Slow;

impl Authorizer for Slow {
    fn authorize(
        &self,
        _: &str,
        request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async move {
            sleep(Duration::from_millis(5)).await;
            match request.uri.contains("forbidden") {
                true => Decision::DENY,
                false => Decision::Allow { disclose: Disclose::Always, cache: false },
            }
        })
    }
}

/// Never answers.
struct Hanging;

impl Authorizer for Hanging {
    fn authorize(&self, _: &str, _: AuthorizeRequest) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// Has a defect.
struct Panicking;

impl Authorizer for Panicking {
    fn authorize(
        &self,
        _: &str,
        request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async move {
            assert!(!request.uri.contains("defect"), "a defect");
            Decision::ALLOW
        })
    }
}

fn router(authorizer: impl Authorizer + 'static) -> Router {
    let router = Router::new(AdmissionOptions::default());
    let asking = Role::new("asking", Authorization::Dynamic);
    let roles = vec![asking, Role::allow_all("free")];
    let realm =
        RealmDefinition { roles, authorizer: Some(Arc::new(authorizer)), ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    router
}

async fn join(router: &Router, authrole: &str) -> Peer {
    Peer::join(router, authrole, authrole, Serializer::Json).await
}

fn publish(n: u64, topic: &'static str) -> Publish<'static> {
    let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let payload = Payload::new(Serializer::Json, &[n.into()], &Dict::new());
    Publish { request: RequestId(n), options, topic: topic.into(), payload }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_behind_a_pending_authorization_keep_their_order() {
    let router = router(Slow);
    let mut subscriber = join(&router, "free").await;
    let options =
        SubscribeOptions { match_policy: crossweave_wamp::MatchPolicy::Prefix, ..Default::default() };
    subscriber.send(Subscribe { request: RequestId(1), options, topic: "com.".into() }).await;
    assert!(matches!(subscriber.receive().await, Message::Subscribed(_)));

    let mut publisher = join(&router, "asking").await;
    for n in 1..=100 {
        publisher.send(publish(n, if n % 10 == 0 { "com.forbidden" } else { "com.example" })).await;
    }
    for n in 1..=100 {
        match publisher.receive().await {
            Message::Published(published) => assert_eq!(published.request, RequestId(n)),
            Message::Error(error) => {
                assert_eq!((error.request, &*error.error), (RequestId(n), uris::NOT_AUTHORIZED));
                assert_eq!(n % 10, 0);
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    for n in (1..=100u64).filter(|n| n % 10 != 0) {
        let Message::Event(event) = subscriber.receive().await else { panic!("not an EVENT") };
        assert_eq!(event.payload.args(), [Value::from(n)]);
        assert_eq!(event.details.publisher_authid.as_deref(), Some("asking"), "the authorizer disclosed it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_does_not_delay_others() {
    let router = router(Hanging);
    let mut waiting = join(&router, "asking").await;
    waiting.send(publish(1, "com.example")).await;
    let mut other = join(&router, "free").await;
    other.send(publish(1, "com.example")).await;
    assert!(matches!(other.receive().await, Message::Published(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_that_hangs_fails_the_request_after_its_deadline() {
    let router = router(Hanging);
    let mut waiting = join(&router, "asking").await;
    waiting.send(publish(1, "com.example")).await;
    let Message::Error(error) = waiting.receive().await else { panic!("not an ERROR") };
    assert_eq!(error.error, uris::AUTHORIZATION_FAILED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_leave_while_it_waits() {
    let router = router(Slow);
    let mut leaving = join(&router, "asking").await;
    leaving.send(publish(1, "com.example")).await;
    drop(leaving);
    sleep(Duration::from_millis(50)).await;
    let mut next = join(&router, "asking").await;
    next.send(publish(1, "com.example")).await;
    assert!(matches!(next.receive().await, Message::Published(_)));
    assert_eq!(router.session_queues("realm1").len(), 1);
}

#[tokio::test]
async fn an_authorizer_that_panics_fails_the_request_at_once_and_is_asked_again() {
    let router = router(Panicking);
    let mut asking = join(&router, "asking").await;
    asking.send(publish(1, "com.defect")).await;
    let error = timeout(Duration::from_secs(1), asking.receive()).await.expect("before the deadline");
    let Message::Error(error) = error else { panic!("not an ERROR") };
    assert_eq!(error.error, uris::AUTHORIZATION_FAILED);
    asking.send(publish(2, "com.example")).await;
    assert!(matches!(asking.receive().await, Message::Published(_)));
}

/// The questions that are with the authorizer at a time.
const QUESTIONS_MAX: usize = 256;

async fn ask(router: &Router, count: usize) -> Vec<Peer> {
    let mut asking = Vec::new();
    for _ in 0..count {
        let mut peer = join(router, "asking").await;
        peer.send(publish(1, "com.example")).await;
        asking.push(peer);
    }
    asking
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_an_answer_includes_the_wait_for_its_turn() {
    let router = router(Hanging);
    let begin = Instant::now();
    for mut peer in ask(&router, QUESTIONS_MAX + 1).await {
        let Message::Error(error) = peer.receive().await else { panic!("not an ERROR") };
        assert_eq!(error.error, uris::AUTHORIZATION_FAILED);
    }
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}
