//! Delivery contracts of peers that stop reading, over every kind of stream.

use crossweave_router::{AdmissionOptions, OnSlow as TransportOnSlow, QueueOptions};
use crossweave_wamp::message::{Publish, PublishOptions, Subscribe, SubscribeOptions, Unsubscribe};
use crossweave_wamp::{
    ConflationKey, Delivery, Dict, Message, OnSlow, Payload, RequestId, Serializer, SubscriptionId, Value,
};

use super::peer::{Node, Peer, node_with};

const TOPIC: &str = "com.example";
/// More than sockets take of a peer that does not read.
const EVENTS: u64 = 2_500;

async fn slow_node() -> Node {
    let queue = QueueOptions { bytes_max: 512 * 1024, on_slow: TransportOnSlow::DropNew };
    node_with(AdmissionOptions::default(), |transport| transport.queue = queue).await
}

async fn subscribe_with(peer: &mut Peer, delivery: Delivery) -> SubscriptionId {
    let delivery = Some(Box::new(Ok(delivery)));
    let options = SubscribeOptions { delivery, ..SubscribeOptions::default() };
    peer.send(Subscribe { request: RequestId(1), options, topic: TOPIC.into() }).await;
    match peer.receive().await {
        Message::Subscribed(it) => it.subscription,
        other => panic!("expected SUBSCRIBED, got {other:?}"),
    }
}

/// Noise, as compression must not make events small.
fn noise(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + (state % 64) as u8)
    };
    (0..10_000).map(next).collect::<String>().replace('\\', "_")
}

fn event(number: u64, acknowledge: bool) -> Publish<'static> {
    let kwargs = Dict::new().with("id", number % 5);
    let payload = Payload::new(Serializer::Json, &[number.into(), noise(number).into()], &kwargs);
    let options = PublishOptions { acknowledge, ..PublishOptions::default() };
    Publish { request: RequestId(number), options, topic: TOPIC.into(), payload }
}

/// Publishes them all; each comes to the neighbour before the next is published.
async fn publish_all(publisher: &mut Peer, neighbour: &mut Peer) {
    for number in 1..=EVENTS {
        publisher.send(event(number, false)).await;
        let Message::Event(event) = neighbour.receive().await else { panic!("not an EVENT") };
        assert_eq!(event.payload.args()[0], Value::from(number), "the neighbour gets every event");
        assert_eq!(event.details.lost, 0);
    }
}

/// Reads to the last event: the numbers that come, and what was lost before each.
async fn read_all(peer: &mut Peer) -> Vec<(u64, u64)> {
    let mut got = Vec::new();
    loop {
        let Message::Event(event) = peer.receive().await else { panic!("not an EVENT") };
        let number = event.payload.args()[0].as_u64().unwrap();
        got.push((number, event.details.lost));
        if number == EVENTS + 1 {
            return got;
        }
    }
}

/// A subscriber with this contract stops reading while all is published, and then reads.
async fn stop_and_read(mut slow: Peer, node: &Node, delivery: Delivery) -> Vec<(u64, u64)> {
    slow.hello().await;
    subscribe_with(&mut slow, delivery).await;
    let mut neighbour = Peer::rawsocket(node).await;
    neighbour.hello().await;
    neighbour.subscribe().await;
    let mut publisher = Peer::rawsocket(node).await;
    publisher.hello().await;
    publish_all(&mut publisher, &mut neighbour).await;
    let queues = node.router.session_queues("realm1");
    assert!(queues.iter().all(|queue| queue.waiting_bytes <= 512 * 1024), "{queues:?}");
    let publish_last = async {
        // Once all that waits was read, it goes straight.
        while node.router.session_queues("realm1").iter().any(|queue| queue.waiting_bytes > 0) {
            tokio::task::yield_now().await;
        }
        publisher.send(event(EVENTS + 1, false)).await;
    };
    let (got, ()) = tokio::join!(read_all(&mut slow), publish_last);
    let lost: u64 = got.iter().map(|(_, lost)| lost).sum();
    assert_eq!(lost + got.len() as u64, EVENTS + 1, "what is missing was told");
    assert!(lost > 500, "{lost}");
    let counted: u64 = node.router.session_queues("realm1").iter().map(|queue| queue.dropped).sum();
    assert_eq!(counted, lost);
    let stats = node.router.realm_stats("realm1").unwrap();
    assert_eq!((stats.dropped, stats.sessions_with_drops), (lost, 1));
    slow.goodbye().await;
    let stats = node.router.realm_stats("realm1").unwrap();
    assert_eq!((stats.dropped, stats.sessions_with_drops), (lost, 0), "also of sessions that have left");
    got
}

/// Each event is the one after the last and those that were lost.
fn assert_gaps(got: &[(u64, u64)]) {
    let mut next = 1;
    for (number, lost) in got {
        assert_eq!(*number, next + lost);
        next = number + 1;
    }
}

async fn every_kind_of_stream(delivery: Delivery, check: impl Fn(&[(u64, u64)])) {
    let node = slow_node().await;
    check(&stop_and_read(Peer::rawsocket(&node).await, &node, delivery.clone()).await);
    let node = slow_node().await;
    check(&stop_and_read(Peer::websocket(&node).await, &node, delivery.clone()).await);
    let node = slow_node().await;
    check(&stop_and_read(Peer::compressed(&node).await, &node, delivery).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_events_come_to_who_drops_the_oldest() {
    let delivery = Delivery::new(OnSlow::DropOldest).queue_len_max(20);
    every_kind_of_stream(delivery, |got| {
        assert_gaps(got);
        let newest: Vec<u64> = got.iter().rev().map(|(number, _)| *number).take(21).collect();
        assert_eq!(newest, (EVENTS - 19..=EVENTS + 1).rev().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_events_come_to_who_drops_the_new() {
    let delivery = Delivery::new(OnSlow::DropNew).queue_len_max(20);
    every_kind_of_stream(delivery, |got| {
        assert_gaps(got);
        let (last, before) = got.split_last().unwrap();
        assert!(last.1 > 500 && before.iter().all(|(_, lost)| *lost == 0), "one gap at the end");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_version_of_each_thing_comes_to_who_conflates() {
    let delivery = Delivery::conflate(ConflationKey::Keyword("id".into()));
    every_kind_of_stream(delivery, |got| {
        let mut last: Vec<u64> = got.iter().rev().skip(1).map(|(number, _)| *number).take(5).collect();
        last.sort_unstable();
        assert_eq!(last, (EVENTS - 4..=EVENTS).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_to_be_disconnected_is() {
    let node = slow_node().await;
    let mut slow = Peer::rawsocket(&node).await;
    slow.hello().await;
    subscribe_with(&mut slow, Delivery::new(OnSlow::Disconnect).queue_len_max(10)).await;
    let mut publisher = Peer::rawsocket(&node).await;
    publisher.hello().await;
    for number in 1..=EVENTS {
        publisher.send(event(number, true)).await;
        assert!(matches!(publisher.receive().await, Message::Published(_)));
    }
    assert_eq!(node.router.session_queues("realm1").len(), 1, "the slow session is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_subscription_comes_after_its_end() {
    let node = slow_node().await;
    let mut slow = Peer::rawsocket(&node).await;
    slow.hello().await;
    let subscription = subscribe_with(&mut slow, Delivery::new(OnSlow::DropOldest)).await;
    let mut publisher = Peer::rawsocket(&node).await;
    publisher.hello().await;
    for number in 1..=EVENTS {
        publisher.send(event(number, true)).await;
        assert!(matches!(publisher.receive().await, Message::Published(_)));
    }
    slow.send(Unsubscribe { request: RequestId(2), subscription }).await;
    let mut events = 0;
    while matches!(slow.receive().await, Message::Event(_)) {
        events += 1;
    }
    assert!(events < EVENTS, "what waited was not delivered");
    publisher.send(event(1, false)).await;
    // The answer is the next thing that comes.
    slow.send(event(2, true)).await;
    assert!(matches!(slow.receive().await, Message::Published(_)));
}

fn long_event(number: u64, len: usize) -> Publish<'static> {
    let payload = Payload::new(Serializer::Json, &[number.into(), "x".repeat(len).into()], &Dict::new());
    let options = PublishOptions { acknowledge: true, exclude_me: false, ..PublishOptions::default() };
    Publish { request: RequestId(number), options, topic: TOPIC.into(), payload }
}

async fn receive_event(peer: &mut Peer) -> u64 {
    match peer.receive().await {
        Message::Event(event) => event.payload.args()[0].as_u64().unwrap(),
        other => panic!("expected EVENT, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_longer_than_the_queue_reach_who_reads_whatever_else_is_on_its_way() {
    const LEN: usize = 2 << 20;
    let node = slow_node().await;
    for mut peer in
        [Peer::rawsocket(&node).await, Peer::websocket(&node).await, Peer::compressed(&node).await]
    {
        peer.hello().await;
        peer.subscribe().await;
        // PUBLISHED waits when the EVENT comes.
        peer.send(long_event(11, LEN)).await;
        assert!(matches!(peer.receive().await, Message::Published(_)));
        assert_eq!(receive_event(&mut peer).await, 11);
        // Each EVENT waits when the next one comes.
        let mut publisher = Peer::rawsocket(&node).await;
        publisher.hello().await;
        let mut together = Vec::new();
        for (number, len) in [(12, LEN), (13, 1), (14, LEN)] {
            together.extend(publisher.frame_message(long_event(number, len)));
        }
        let read = async {
            for number in [12, 13, 14] {
                assert_eq!(receive_event(&mut peer).await, number);
            }
        };
        tokio::join!(publisher.write(&together), read);
    }
}
