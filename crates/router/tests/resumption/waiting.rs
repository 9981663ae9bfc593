//! What waits while a session has no connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_router::*;
use crossweave_router_core::{Authorization, HistoryRule};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer, Value};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::peer::*;

/// Allows everything, but as many actions with `com.slow` as the test has given permits.
struct OnPermit(Arc<Semaphore>);

impl Authorizer for OnPermit {
    fn authorize(
        &self,
        _: &str,
        request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async move {
            if request.uri == "com.slow" {
                self.0.acquire().await.expect("it is never closed").forget();
            }
            Decision::ALLOW
        })
    }
}

async fn node_that_asks(permits: Arc<Semaphore>) -> Node {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::new("anonymous", Authorization::Dynamic)];
    let authorizer: Arc<dyn Authorizer> = Arc::new(OnPermit(permits));
    let realm = RealmDefinition { roles, authorizer: Some(authorizer), ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.resumption = Some(ResumptionOptions::default());
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

fn subscribe(request: u64, topic: &'static str) -> Subscribe<'static> {
    Subscribe { request: RequestId(request), options: SubscribeOptions::default(), topic: topic.into() }
}

/// Waits for SUBSCRIBED, whatever events come before it.
async fn subscribed(peer: &mut Peer) -> RequestId {
    loop {
        match peer.receive().await {
            Message::Subscribed(it) => return it.request,
            Message::Event(_) => {}
            other => panic!("expected SUBSCRIBED, got {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_awaits_authorization_is_decided_and_those_behind_it_are_read_after_that() {
    for is_decided_meanwhile in [true, false] {
        let permits = Arc::new(Semaphore::new(0));
        let node = node_that_asks(permits.clone()).await;
        let mut publisher = Peer::ordinary(&node).await;
        let mut peer = Peer::join(&node, Link::RawSocket).await;
        peer.subscribe("com.count").await;
        peer.send(subscribe(2, "com.slow")).await;
        sleep(SECOND / 10).await;
        let ticket = peer.ticket();
        drop(peer);
        // Nothing is read from a session that waits: that it is gone shows when it is written to.
        for number in 0..10 {
            publisher.publish("com.count", number).await;
            sleep(SECOND / 50).await;
        }
        if is_decided_meanwhile {
            permits.add_permits(1);
            sleep(SECOND / 10).await;
        }
        let (mut peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
        assert_eq!((flag(&welcome, "resumed"), number(&welcome, "received")), (Some(true), Some(2)));
        peer.send(subscribe(3, "com.count")).await;
        permits.add_permits(1);
        for request in [2, 3] {
            assert_eq!(subscribed(&mut peer).await, RequestId(request), "{is_decided_meanwhile}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_learn_that_a_session_left_when_its_time_is_over() {
    let node = node(ResumptionOptions { window_s: 1, ..Default::default() }).await;
    let mut watcher = Peer::ordinary(&node).await;
    watcher.subscribe("wamp.session.on_leave").await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let first = peer.ticket();
    drop(peer);
    let (peer, _) = Peer::resume(&node, Link::RawSocket, &first).await;
    let second = peer.ticket();
    drop(peer);
    let begin = std::time::Instant::now();
    assert_eq!(watcher.event().await, first.session, "it leaves once");
    assert!(begin.elapsed() > SECOND / 2, "{:?}", begin.elapsed());
    let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &second).await;
    assert_eq!(flag(&welcome, "resumed"), Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_the_framing_or_the_protocol_leaves_at_once() {
    let node = node(ResumptionOptions::default()).await;
    let mut watcher = Peer::ordinary(&node).await;
    for octets in [&[0xff_u8, 0, 0, 0][..], b"\0\0\0\x02{}"] {
        let mut peer = Peer::join(&node, Link::RawSocket).await;
        peer.write(octets).await;
        while peer.next().await.is_some() {}
        assert!(!watcher.knows(peer.ticket().session).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_are_replayed_whole() {
    let node = node(ResumptionOptions { buffer_bytes_max: 4 << 20, ..Default::default() }).await;
    let mut subscriber = Peer::join(&node, Link::WebSocket).await;
    subscriber.subscribe("com.large").await;
    let ticket = subscriber.ticket();
    drop(subscriber);
    let mut publisher = Peer::ordinary(&node).await;
    let lens = [10, 100_000, 20, 300_000, 30, 20_000];
    for (index, len) in lens.into_iter().enumerate() {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        let (request, payload) = (RequestId(index as u64 + 1), payload(&["x".repeat(len).into()]));
        publisher.send(Publish { request, options, topic: "com.large".into(), payload }).await;
        assert!(matches!(publisher.receive().await, Message::Published(_)));
    }
    let (mut subscriber, welcome) = Peer::resume(&node, Link::WebSocket, &ticket).await;
    assert_eq!(flag(&welcome, "recovered"), Some(true));
    for len in lens {
        let Message::Event(event) = subscriber.receive().await else { panic!("expected EVENT") };
        assert_eq!(event.payload.args()[0].as_str().unwrap().len(), len);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_know_nothing_of_it_get_what_they_missed_from_the_history() {
    let router = Router::new(AdmissionOptions::default());
    let history = vec![HistoryRule::new("com.count", MatchPolicy::Exact)];
    let options = RealmOptions { history, ..RealmOptions::default() };
    let roles = vec![Role::allow_all("anonymous")];
    router.start_realm("realm1", RealmDefinition { options, roles, ..RealmDefinition::default() }).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    let node = Node { router, port: address.port() };
    let mut publisher = Peer::ordinary(&node).await;
    let mut subscriber = Peer::ordinary(&node).await;
    subscriber.subscribe("com.count").await;
    publisher.publish("com.count", 0).await;
    let Message::Event(last) = subscriber.receive().await else { panic!("expected EVENT") };
    drop(subscriber);
    for number in 1..=20 {
        publisher.publish("com.count", number).await;
    }
    let mut subscriber = Peer::ordinary(&node).await;
    subscriber.send(subscribe(1, "com.count")).await;
    let Message::Subscribed(subscribed) = subscriber.receive().await else { panic!("expected SUBSCRIBED") };
    let after = Dict::new().with("after_publication", last.publication.0);
    let payload = Payload::new(Serializer::Json, &[subscribed.subscription.0.into()], &after);
    let procedure = "wamp.subscription.get_events".into();
    subscriber
        .send(Call { request: RequestId(2), options: CallOptions::default(), procedure, payload })
        .await;
    let Message::Result(missed) = subscriber.receive().await else { panic!("expected RESULT") };
    let number = |event: &Value| event.as_dict()?.get("args")?.as_list()?.first()?.as_u64();
    let missed: Vec<u64> = missed.payload.args().iter().filter_map(number).collect();
    assert_eq!(missed, (1..=20).collect::<Vec<u64>>());
}
