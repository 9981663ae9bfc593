//! Trust levels as a client sees them: announced where the realm assigns them, told on both sides of a serializer.

use super::peer::Peer;
use crossweave_router::{AdmissionOptions, RealmDefinition, RealmOptions, Role, Router};
use crossweave_router_core::TrustRule;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::*;
use crossweave_wamp::{MatchPolicy, Message, Payload, RequestId, Serializer};

fn router(trust: Vec<TrustRule>) -> Router {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("plant")];
    let options = RealmOptions { trust, ..RealmOptions::default() };
    router.start_realm("realm1", RealmDefinition { options, roles, ..RealmDefinition::default() }).unwrap();
    router
}

async fn join(router: &Router, serializer: Serializer) -> Peer {
    Peer::join(router, "plant", "alice", serializer).await
}

impl Peer {
    fn announces(&self) -> (bool, bool) {
        let announced = Roles::from_details(&self.welcome);
        let has = |role: Option<Features>, feature| role.is_some_and(|role| role.has(feature));
        (
            has(announced.broker, Features::PUBLICATION_TRUSTLEVELS),
            has(announced.dealer, Features::CALL_TRUSTLEVELS),
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
    let mut publisher = join(&router, Serializer::MsgPack).await;
    assert_eq!(publisher.announces(), (true, true));
    for serializer in Serializer::ALL {
        let mut receiver = join(&router, serializer).await;
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
    let peer = join(&router(Vec::new()), Serializer::Json).await;
    assert_eq!(peer.announces(), (false, false));
}
