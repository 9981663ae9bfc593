//! Roles that name a procedure of the realm as their authorizer.

use std::time::Instant;

use super::peer::Peer;
use crossweave_router::{AdmissionOptions, DecisionFilter, RealmDefinition, Role, Router};
use crossweave_router_core::Authorization;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, Value, uris};

const AUTHORIZER: &str = "com.example.authorize";

fn router() -> Router {
    let router = Router::new(AdmissionOptions::default());
    let asking = Role::new("asking", Authorization::Procedure(AUTHORIZER.into()));
    let roles = vec![asking, Role::allow_all("backend")];
    let realm = RealmDefinition { roles, ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    router
}

async fn join(router: &Router, authrole: &str) -> Peer {
    Peer::join(router, authrole, "alice", Serializer::Json).await
}

impl Peer {
    async fn authorizer(router: &Router) -> Peer {
        let mut peer = join(router, "backend").await;
        let options = RegisterOptions::default();
        peer.send(Register { request: RequestId(1), options, procedure: AUTHORIZER.into() }).await;
        assert!(matches!(peer.receive().await, Message::Registered(_)));
        peer
    }

    async fn publish(&mut self, n: u64, topic: &'static str) {
        let options = PublishOptions { acknowledge: true, disclose_me: true, ..PublishOptions::default() };
        self.send(Publish { request: RequestId(n), options, topic: topic.into(), payload: Payload::empty() })
            .await;
    }

    /// The next question, which must be one.
    async fn asked(&mut self) -> Invocation<'static> {
        match self.receive().await {
            Message::Invocation(invocation) => invocation,
            other => panic!("not a question: {other:?}"),
        }
    }

    async fn answer(&mut self, request: RequestId, answer: impl Into<Value>) {
        let payload = Payload::new(Serializer::Json, &[answer.into()], &Dict::new());
        self.send(Yield { request, options: YieldOptions::default(), payload }).await;
    }

    async fn error(&mut self) -> Error<'static> {
        match self.receive().await {
            Message::Error(error) => error,
            other => panic!("not an ERROR: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_procedure_is_told_the_session_the_uri_the_action_and_the_options() {
    let router = router();
    let mut authorizer = Peer::authorizer(&router).await;
    let mut asking = join(&router, "asking").await;
    asking.publish(1, "com.example.topic").await;
    let asked = authorizer.asked().await;
    assert_eq!(asked.details.caller_authrole.as_deref(), Some("trusted"));
    let args = asked.payload.args();
    let [Value::Dict(session), uri, action, Value::Dict(options)] = &args[..] else { panic!("{args:?}") };
    assert_eq!((uri.as_str(), action.as_str()), (Some("com.example.topic"), Some("publish")));
    assert_eq!(*options, Dict::new().with("acknowledge", true).with("disclose_me", true));
    let keys: Vec<&str> = session.iter().map(|(key, _)| key).collect();
    let told = ["session", "authid", "authrole", "authmethod", "authprovider", "authextra", "transport"];
    assert_eq!(keys, told);
    assert_eq!((session.str("authid"), session.str("authrole")), (Some("alice"), Some("asking")));
    assert_eq!(session.dict("transport").and_then(|it| it.str("channel_type")), Some("memory"));

    authorizer.answer(asked.request, true).await;
    assert!(matches!(asking.receive().await, Message::Published(_)));
    asking.publish(2, "com.example.topic").await;
    let asked = authorizer.asked().await;
    authorizer.answer(asked.request, false).await;
    let denied = asking.error().await;
    assert_eq!(denied.error, uris::NOT_AUTHORIZED);
    let (args, kwargs) = (denied.payload.args(), denied.payload.kwargs());
    let id = kwargs.str("correlation_id").expect("a correlation id");
    assert!(args[0].as_str().is_some_and(|text| text.contains(id)), "{args:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_may_be_remembered_is_asked_for_once() {
    let router = router();
    let mut authorizer = Peer::authorizer(&router).await;
    let mut asking = join(&router, "asking").await;
    asking.publish(1, "com.example.topic").await;
    let asked = authorizer.asked().await;
    authorizer.answer(asked.request, Dict::new().with("allow", true).with("cache", true)).await;
    for n in 1..100 {
        assert!(matches!(asking.receive().await, Message::Published(_)));
        asking.publish(n + 1, "com.example.topic").await;
    }
    assert!(matches!(asking.receive().await, Message::Published(_)));
    assert_eq!(router.purge_decisions("realm1", &DecisionFilter::default()), 1);
    asking.publish(200, "com.example.topic").await;
    let asked = authorizer.asked().await;
    authorizer.answer(asked.request, true).await;
    assert!(matches!(asking.receive().await, Message::Published(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_decision_denies() {
    let router = router();
    let mut asking = join(&router, "asking").await;
    asking.publish(1, "com.example.topic").await;
    assert_eq!(asking.error().await.error, uris::AUTHORIZATION_FAILED, "nobody has registered it");
    let mut authorizer = Peer::authorizer(&router).await;
    for answer in [Value::from("yes"), 1.into(), Dict::new().with("allow", true).with("alow", 1).into()] {
        asking.publish(2, "com.example.topic").await;
        let asked = authorizer.asked().await;
        authorizer.answer(asked.request, answer).await;
        assert_eq!(asking.error().await.error, uris::AUTHORIZATION_FAILED);
    }
    asking.publish(3, "com.example.topic").await;
    let asked = authorizer.asked().await;
    let mut error = Error::new(Kind::Invocation, asked.request, "com.example.error.no_database");
    error.payload =
        Payload::new(Serializer::Json, &["the password of the database is wrong".into()], &Dict::new());
    authorizer.send(error).await;
    let failed = asking.error().await;
    assert_eq!(failed.error, uris::AUTHORIZATION_FAILED);
    let told = format!("{:?}", failed.payload.args());
    assert!(!told.contains("database"), "what the authorizer says is not for clients: {told}");
    asking.publish(4, "com.example.topic").await;
    authorizer.asked().await;
    drop(authorizer);
    assert_eq!(asking.error().await.error, uris::AUTHORIZATION_FAILED, "it left without an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_that_hangs_is_interrupted_after_its_deadline() {
    let router = router();
    let mut authorizer = Peer::authorizer(&router).await;
    let mut asking = join(&router, "asking").await;
    let started = Instant::now();
    asking.publish(1, "com.example.topic").await;
    let asked = authorizer.asked().await;
    assert_eq!(asking.error().await.error, uris::AUTHORIZATION_FAILED);
    assert!((4..8).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    let Message::Interrupt(interrupt) = authorizer.receive().await else { panic!("not an INTERRUPT") };
    assert_eq!(interrupt.request, asked.request);
    // Later questions are asked and answered.
    authorizer.answer(asked.request, true).await;
    asking.publish(2, "com.example.topic").await;
    let asked = authorizer.asked().await;
    authorizer.answer(asked.request, true).await;
    assert!(matches!(asking.receive().await, Message::Published(_)));
}
