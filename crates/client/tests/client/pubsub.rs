//! Publishing and subscribing.

use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use crossweave_client::{
    ConflationKey, Delivery, Lagged, MatchPolicy, Options, PublicationId, RequestError, Serializer,
    SessionId, Subscription, Withdrawn, uris,
};
use crossweave_wamp::RequestId;
use crossweave_wamp::message::{Kind, Message, Published, Revoked, Unsubscribed};

use crate::peer::{Peer, hear, joined, joined_over_buffered_stream, joined_with, soon};

async fn next(subscription: &mut Subscription) -> i64 {
    soon(subscription.next()).await.expect("the stream goes on").expect("nothing is missed").parse().unwrap()
}

/// Subscribes; the router gives the id.
async fn subscribed(
    client: &crossweave_client::Client,
    peer: &mut Peer,
    topic: &str,
    id: u64,
) -> Subscription {
    let subscribe = client.subscribe(topic).into_future();
    soon(async { tokio::join!(subscribe, peer.subscribed(id)) }).await.0.unwrap()
}

#[tokio::test]
async fn events_come_in_order_with_their_details() {
    let (client, mut peer) = joined().await;
    let subscribe = client.subscribe("com.weather").prefix().get_retained().into_future();
    let (subscription, asked) = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await;
    assert_eq!((&*asked.topic, asked.options.match_policy), ("com.weather", MatchPolicy::Prefix));
    assert!(asked.options.get_retained);
    let mut subscription = subscription.unwrap();

    let mut event = peer.event(5, 9, &["oslo".into(), (-3.5).into()]);
    event.details.topic = Some("com.weather.oslo".into());
    event.details.publisher = Some(SessionId(3));
    event.details.publisher_authrole = Some("sensor".into());
    peer.send(event).await;
    let event = soon(subscription.next()).await.unwrap().unwrap();
    assert_eq!((&*event.topic, event.publication), ("com.weather.oslo", PublicationId(9)));
    assert_eq!((event.publisher, event.publisher_authrole.as_deref()), (Some(SessionId(3)), Some("sensor")));
    assert_eq!(event.parse(), Ok(("oslo".to_owned(), -3.5)));
    assert_eq!(event.args(), ["oslo".into(), (-3.5).into()]);

    let events: Vec<Message> = (0..500).map(|number| peer.event(5, 10, &[number.into()]).into()).collect();
    peer.send_all(events).await;
    for number in 0..500 {
        assert_eq!(next(&mut subscription).await, number);
    }
}

#[tokio::test]
async fn a_delivery_contract_is_asked_for_and_what_was_lost_is_told() {
    let (client, mut peer) = joined().await;
    let delivery = Delivery::conflate(ConflationKey::Argument(1)).queue_len_max(30);
    let subscribe = client.subscribe("com.price").delivery(delivery.clone()).into_future();
    let (subscription, asked) = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await;
    assert_eq!(asked.options.delivery.as_deref(), Some(&Ok(delivery)));
    let mut subscription = subscription.unwrap();
    let mut event = peer.event(5, 9, &[1.into()]);
    peer.send(event.clone()).await;
    event.details.lost = 17;
    peer.send(event).await;
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap().lost, 0);
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap().lost, 17);
    let subscribe = client.subscribe("com.other").into_future();
    let (_subscription, asked) = soon(async { tokio::join!(subscribe, peer.subscribed(6)) }).await;
    assert_eq!(asked.options.delivery, None);
}

#[tokio::test]
async fn a_router_that_reads_no_more_until_it_is_read_is_read() {
    let (client, mut peer) = joined_over_buffered_stream().await;
    let mut subscription = subscribed(&client, &mut peer, "com.topic", 5).await;
    let (small, large) = ("s".repeat(1000), "x".repeat(100_000));
    // More than fits between the two, taken by the stream at once: the client now waits in flushing it.
    for _ in 0..3 {
        soon(client.publish("com.large", &large).into_future()).await.unwrap();
    }
    tokio::task::yield_now().await;
    let events: Vec<Message> =
        (0..300).map(|number| peer.event(5, 10, &[number.into(), small.as_str().into()]).into()).collect();
    soon(peer.send_all(events)).await;
    for number in 0..300 {
        let event = soon(subscription.next()).await.unwrap().unwrap();
        assert_eq!(event.parse(), Ok((number, small.clone())));
    }
    soon(client.publish("com.last", 1).into_future()).await.unwrap();
    for topic in ["com.large", "com.large", "com.large", "com.last"] {
        assert_eq!(&*hear!(peer, Publish).topic, topic);
    }
}

#[tokio::test]
async fn leaving_a_router_that_does_not_read_takes_no_longer_than_its_timeout() {
    let options = Options { leave_timeout: Duration::from_millis(50), ..Options::default() };
    let (client, _peer) = joined_with(Serializer::MsgPack, options).await;
    soon(client.publish("com.large", "x".repeat(300_000)).into_future()).await.unwrap();
    // Let the driver get stuck in writing.
    tokio::time::sleep(Duration::from_millis(20)).await;
    soon(client.leave()).await;
    assert!(client.state().is_closed());
}

#[tokio::test]
async fn dropping_unsubscribes_and_late_events_are_ignored() {
    let (client, mut peer) = joined().await;
    let subscription = subscribed(&client, &mut peer, "com.topic", 5).await;
    drop(subscription);
    let unsubscribe = hear!(peer, Unsubscribe);
    assert_eq!(unsubscribe.subscription.0, 5);
    peer.send(peer.event(5, 1, &[])).await;
    peer.send(Unsubscribed { request: unsubscribe.request, revoked: None }).await;
    let mut again = subscribed(&client, &mut peer, "com.topic", 5).await;
    peer.send(peer.event(5, 2, &[7.into()])).await;
    assert_eq!(next(&mut again).await, 7);
}

#[tokio::test]
async fn two_subscriptions_on_a_topic_share_the_routers_one() {
    let (client, mut peer) = joined().await;
    let mut first = subscribed(&client, &mut peer, "com.topic", 5).await;
    let mut second = subscribed(&client, &mut peer, "com.topic", 5).await;
    peer.send(peer.event(5, 1, &[1.into()])).await;
    assert_eq!((next(&mut first).await, next(&mut second).await), (1, 1));
    drop(first);
    peer.send(peer.event(5, 2, &[2.into()])).await;
    assert_eq!(next(&mut second).await, 2);
    let unsubscribe = second.unsubscribe();
    let router = async {
        let request = hear!(peer, Unsubscribe).request; // the first one after both SUBSCRIBEs
        peer.send(Unsubscribed { request, revoked: None }).await;
        request
    };
    let (done, request) = soon(async { tokio::join!(unsubscribe, router) }).await;
    done.unwrap();
    assert_eq!(request, RequestId(3));
}

#[tokio::test]
async fn a_subscription_that_is_dropped_does_not_end_one_that_is_being_made() {
    let (client, mut peer) = joined().await;
    let first = subscribed(&client, &mut peer, "com.topic", 5).await;
    let second = tokio::spawn(client.subscribe("com.topic").into_future());
    let request = hear!(peer, Subscribe).request;
    drop(first);
    peer.send(crossweave_wamp::message::Subscribed {
        request,
        subscription: crossweave_wamp::SubscriptionId(5),
    })
    .await;
    let mut second = soon(second).await.unwrap().unwrap();
    peer.send(peer.event(5, 1, &[1.into()])).await;
    assert_eq!(next(&mut second).await, 1);
    client.publish("com.topic", ()).await.unwrap();
    hear!(peer, Publish); // and no UNSUBSCRIBE before
}

#[tokio::test]
async fn a_subscription_that_is_given_up_while_being_made_is_undone() {
    let (client, mut peer) = joined().await;
    let subscribing = tokio::spawn(client.subscribe("com.topic").into_future());
    let request = hear!(peer, Subscribe).request;
    subscribing.abort();
    let _ = subscribing.await;
    peer.send(crossweave_wamp::message::Subscribed {
        request,
        subscription: crossweave_wamp::SubscriptionId(5),
    })
    .await;
    assert_eq!(hear!(peer, Unsubscribe).subscription.0, 5);
}

#[tokio::test]
async fn a_slow_reader_misses_the_oldest_events_and_is_told() {
    let (client, mut peer) = joined().await;
    let subscribe = client.subscribe("com.slow").events_max(3).into_future();
    let (slow, _) = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await;
    let (mut slow, mut fast) = (slow.unwrap(), subscribed(&client, &mut peer, "com.fast", 6).await);
    for number in 0..10 {
        peer.send(peer.event(5, 1, &[number.into()])).await;
    }
    peer.send(peer.event(6, 1, &[99.into()])).await;
    assert_eq!(next(&mut fast).await, 99); // the slow one holds nobody up
    assert_eq!(soon(slow.next()).await.unwrap().unwrap_err(), Lagged { missed: 7 });
    assert_eq!([next(&mut slow).await, next(&mut slow).await, next(&mut slow).await], [7, 8, 9]);
}

#[tokio::test]
async fn a_refused_subscription_names_the_topic() {
    let (client, mut peer) = joined().await;
    let router = async {
        let request = hear!(peer, Subscribe).request;
        peer.send(peer.error(Kind::Subscribe, request, uris::NOT_AUTHORIZED, &["not for you".into()])).await;
    };
    let error = soon(async { tokio::join!(client.subscribe("com.secret").into_future(), router) })
        .await
        .0
        .unwrap_err();
    assert_eq!(error.to_string(), "SUBSCRIBE com.secret refused: wamp.error.not_authorized: not for you");
}

#[tokio::test]
async fn a_revoked_subscription_ends_and_says_why() {
    let (client, mut peer) = joined().await;
    let mut subscription = subscribed(&client, &mut peer, "com.topic", 5).await;
    let other = subscribed(&client, &mut peer, "com.other", 6).await;
    peer.send(peer.event(5, 1, &[1.into()])).await;
    let revoked = Some(Revoked { id: 5, reason: Some("com.moved".into()) });
    peer.send(Unsubscribed { request: RequestId(0), revoked }).await;
    assert_eq!(next(&mut subscription).await, 1);
    assert!(soon(subscription.next()).await.is_none());
    let why = subscription.withdrawn().expect("the router said it");
    assert_eq!(*why, Withdrawn::Revoked { reason: Some("com.moved".into()) });
    assert_eq!(why.to_string(), "revoked by the router: com.moved");
    assert_eq!(other.withdrawn(), None);
    drop(subscription);
    drop(other);
    assert_eq!(hear!(peer, Unsubscribe).subscription.0, 6, "what was revoked is not unsubscribed");
}

#[tokio::test]
async fn a_subscription_of_a_closed_client_was_not_withdrawn() {
    let (client, mut peer) = joined().await;
    let mut subscription = subscribed(&client, &mut peer, "com.topic", 5).await;
    drop(peer);
    assert!(soon(subscription.next()).await.is_none());
    assert_eq!(subscription.withdrawn(), None);
}

#[tokio::test]
async fn publications_carry_their_options() {
    let (client, mut peer) = joined().await;
    client.publish("com.topic", ("a", 1)).kwarg("k", 2).await.unwrap();
    let publish = hear!(peer, Publish);
    assert_eq!((&*publish.topic, publish.payload.args()), ("com.topic", vec!["a".into(), 1.into()]));
    assert_eq!(publish.payload.kwargs().get("k"), Some(&2.into()));
    assert_eq!(publish.options, Default::default());

    let publish = client.publish("com.topic", ()).include_me().retain().disclose_me().exclude([SessionId(1)]);
    publish.receivers(|receivers| receivers.eligible_authrole = Some(vec!["admin".into()])).await.unwrap();
    let options = hear!(peer, Publish).options;
    assert!(!options.exclude_me && options.retain && options.disclose_me && !options.acknowledge);
    let receivers = options.receivers.unwrap();
    assert_eq!(receivers.exclude, Some(vec![SessionId(1)]));
    assert_eq!(receivers.eligible_authrole, Some(vec!["admin".into()]));
}

#[tokio::test]
async fn an_acknowledged_publication_waits_for_the_router() {
    let (client, mut peer) = joined().await;
    let router = async {
        let publish = hear!(peer, Publish);
        assert!(publish.options.acknowledge);
        peer.send(Published { request: publish.request, publication: PublicationId(77) }).await;
        let request = hear!(peer, Publish).request;
        peer.send(peer.error(Kind::Publish, request, uris::NOT_AUTHORIZED, &[])).await;
    };
    let publishing = async {
        assert_eq!(client.publish("com.topic", 1).acknowledged().await, Ok(PublicationId(77)));
        client.publish("com.topic", 1).acknowledged().await
    };
    let refused = soon(async { tokio::join!(publishing, router) }).await.0;
    assert!(matches!(refused, Err(RequestError::Refused { request: "PUBLISH", .. })), "{refused:?}");
}

#[tokio::test]
async fn what_cannot_be_serialized_is_refused_before_it_is_sent() {
    let (client, mut peer) = joined().await;
    let not_utf8: std::path::PathBuf = std::ffi::OsString::from_vec(vec![0xff]).into();
    let error = client.publish("com.topic", (1, not_utf8)).await;
    assert!(matches!(error, Err(RequestError::Encode(_))), "{error:?}");
    client.publish("com.topic", 1).await.unwrap();
    assert_eq!(hear!(peer, Publish).request, RequestId(1));
}

#[tokio::test]
async fn a_message_too_long_for_the_router_is_refused_and_uses_no_request_id() {
    let (client, mut peer) = joined().await;
    let error = client.publish("com.topic", "x".repeat(17 << 20)).await;
    assert!(matches!(error, Err(RequestError::Encode(_))), "{error:?}");
    client.publish("com.topic", 1).await.unwrap();
    assert_eq!(hear!(peer, Publish).request, RequestId(1));
}

#[tokio::test]
async fn publishing_waits_for_a_router_that_does_not_read() {
    let (client, mut peer) = joined().await;
    let publishing = tokio::spawn(async move {
        for number in 0..200 {
            client.publish("com.topic", (number, "x".repeat(100_000))).await.unwrap();
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!publishing.is_finished(), "20 MB do not fit into what may wait");
    for number in 0..200 {
        assert_eq!(hear!(peer, Publish).payload.args()[0], number.into());
    }
    soon(publishing).await.unwrap();
}
