//! Trust levels as a client sees them: announced where the realm assigns them, told on both sides of a serializer.

use std::time::Duration;

use crossweave_router::{AdmissionOptions, RealmDefinition, RealmOptions, Role, Router};
use crossweave_router_core::TrustRule;
use crossweave_transport::Stream;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn router(trust: Vec<TrustRule>) -> Router {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("plant")];
    let options = RealmOptions { trust, ..RealmOptions::default() };
    router.start_realm("realm1", RealmDefinition { options, roles, ..RealmDefinition::default() }).unwrap();
    router
}

struct Peer {
    stream: Stream,
    serializer: Serializer,
    announced: Roles,
}

impl Peer {
    async fn join(router: &Router, serializer: Serializer) -> Peer {
        let stream = router.connect_local(serializer, "plant", "alice");
        let mut peer = Peer { stream, serializer, announced: Roles::default() };
        let details = Dict::new().with("roles", Roles::client().to_dict());
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        let Message::Welcome(welcome) = peer.receive().await else { panic!("no WELCOME") };
        peer.announced = Roles::from_details(&welcome.details);
        peer
    }

    async fn send(&mut self, message: impl Into<Message<'_>>) {
        let body = message.into().to_bytes(self.serializer);
        self.stream.write_u32(body.len() as u32).await.unwrap();
        self.stream.write_all(&body).await.unwrap();
    }

    async fn receive(&mut self) -> Message<'static> {
        let received = timeout(Duration::from_secs(10), async {
            let mut body = vec![0; self.stream.read_u32().await.unwrap() as usize];
            self.stream.read_exact(&mut body).await.unwrap();
            body
        });
        Message::decode(self.serializer, &received.await.expect("a message in time")).unwrap().into_owned()
    }

    fn announces(&self) -> (bool, bool) {
        let has = |role: Option<Features>, feature| role.is_some_and(|role| role.has(feature));
        (
            has(self.announced.broker, Features::PUBLICATION_TRUSTLEVELS),
            has(self.announced.dealer, Features::CALL_TRUSTLEVELS),
        )
    }
}

#[tokio::test]
async fn levels_are_announced_and_reach_every_serializer() {
    let rule = TrustRule {
        role: "plant".into(),
        uri: "com.safety.".into(),
        match_policy: MatchPolicy::Prefix,
        level: 3,
    };
    let router = router(vec![rule]);
    let mut publisher = Peer::join(&router, Serializer::MsgPack).await;
    assert_eq!(publisher.announces(), (true, true));
    for serializer in Serializer::ALL {
        let mut receiver = Peer::join(&router, serializer).await;
        let (topic, procedure) = ("com.safety.a".into(), "com.safety.p".into());
        receiver.send(Subscribe { request: RequestId(1), options: Default::default(), topic }).await;
        assert!(matches!(receiver.receive().await, Message::Subscribed(_)));
        receiver.send(Register { request: RequestId(2), options: Default::default(), procedure }).await;
        assert!(matches!(receiver.receive().await, Message::Registered(_)));
        let (options, payload) = (PublishOptions::default(), Payload::empty());
        publisher
            .send(Publish { request: RequestId(1), options, topic: "com.safety.a".into(), payload })
            .await;
        let Message::Event(event) = receiver.receive().await else { panic!("no EVENT") };
        assert_eq!(event.details.trustlevel, Some(3), "{serializer:?}");
        let (request, options, payload) = (RequestId(1), CallOptions::default(), Payload::empty());
        publisher.send(Call { request, options, procedure: "com.safety.p".into(), payload }).await;
        let Message::Invocation(invocation) = receiver.receive().await else { panic!("no INVOCATION") };
        assert_eq!(invocation.details.trustlevel, Some(3), "{serializer:?}");
        // It leaves, and so do its registration and the call.
        receiver.send(Goodbye::new("wamp.close.normal")).await;
        assert!(matches!(receiver.receive().await, Message::Goodbye(_)));
        assert!(matches!(publisher.receive().await, Message::Error(_)));
    }
}

#[tokio::test]
async fn without_rules_nothing_is_announced() {
    let peer = Peer::join(&router(Vec::new()), Serializer::Json).await;
    assert_eq!(peer.announces(), (false, false));
}
