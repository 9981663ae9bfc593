//! Retained events for sessions that do not read.

use super::*;

const EVENTS: u64 = 10;

/// A realm that retains events of one prefix, and one who does not read.
fn retaining() -> (Arc<RealmCell>, Joined, Joined) {
    let cell = realm();
    let (publisher, subscriber) = (join(&cell), join(&cell));
    for number in 0..EVENTS {
        let options = PublishOptions { retain: true, ..PublishOptions::default() };
        let topic = format!("com.example.{number}").into();
        say(&cell, &publisher, Publish { options, topic, ..publish("a") });
    }
    (cell, publisher, subscriber)
}

fn subscribe_to_all(cell: &Arc<RealmCell>, subscriber: &Joined, delivery: Option<Delivery>) {
    let delivery = delivery.map(|delivery| Box::new(Ok(delivery)));
    let (match_policy, get_retained) = (MatchPolicy::Prefix, true);
    let options = SubscribeOptions { match_policy, get_retained, delivery, ..SubscribeOptions::default() };
    say(cell, subscriber, Subscribe { options, topic: "com.".into(), ..subscribe(1) });
}

fn retained(queued: &str) -> u64 {
    queued.matches("\"retained\":true").count() as u64
}

#[tokio::test]
async fn who_does_not_read_has_no_retained_events_encoded_again_and_again() {
    let (cell, _, subscriber) = retaining();
    subscribe_to_all(&cell, &subscriber, None);
    assert_eq!(retained(&subscriber.queued()), EVENTS);
    for again in 1..=5 {
        subscribe_to_all(&cell, &subscriber, None);
        assert_eq!(subscriber.peer.queue.lock().dropped, again * EVENTS, "all of them, and exactly");
    }
    assert_eq!(retained(&subscriber.take()), EVENTS);
    subscribe_to_all(&cell, &subscriber, None);
    assert_eq!(retained(&subscriber.take()), EVENTS, "who reads gets them");
}

#[tokio::test]
async fn retained_events_that_are_not_sent_count_as_lost() {
    let (cell, publisher, subscriber) = retaining();
    let dropped = || subscriber.peer.queue.lock().dropped;
    subscribe_to_all(&cell, &subscriber, Some(Delivery::new(OnSlow::DropNew)));
    let before = dropped();
    subscribe_to_all(&cell, &subscriber, Some(Delivery::new(OnSlow::DropNew)));
    assert_eq!(dropped(), before + EVENTS);
    let lost = dropped();
    subscriber.take_all();
    say(&cell, &publisher, Publish { topic: "com.example.new".into(), ..publish("b") });
    let queued = subscriber.take();
    assert!(queued.contains(&format!("\"_lost\":{lost}")), "{queued}");
}

#[tokio::test]
async fn who_is_to_be_closed_when_it_is_slow_is_closed() {
    let (cell, _, subscriber) = retaining();
    for _ in 0..2 {
        subscribe_to_all(&cell, &subscriber, Some(Delivery::new(OnSlow::Disconnect)));
    }
    assert!(matches!(subscriber.detached(), Some(Detached::Close(_))));
}
