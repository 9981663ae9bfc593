//! What comes back to whom.

use crossweave_router::{Authentication, ResumptionOptions};
use crossweave_wamp::message::*;
use crossweave_wamp::{Delivery, Message, OnSlow, RequestId};

use crate::peer::*;

const ALL: [Link; 3] = [Link::RawSocket, Link::WebSocket, Link::Compressed];

#[tokio::test(flavor = "multi_thread")]
async fn every_event_comes_once_and_in_order_though_the_connection_is_lost_again_and_again() {
    for kind in ALL {
        let node = node(ResumptionOptions { buffer_bytes_max: 4 << 20, ..Default::default() }).await;
        let (mut subscriber, mut publisher) = counting(&node, kind).await;
        let publishing = tokio::spawn(async move {
            for number in 0..3_000 {
                publisher.publish("com.count", number).await;
            }
        });
        let mut next = 0;
        while next < 3_000 {
            for _ in 0..(600 - next % 7).min(3_000 - next) {
                assert_eq!(subscriber.event().await, next, "{kind:?}");
                next += 1;
            }
            let ticket = subscriber.ticket();
            drop(subscriber);
            let welcome;
            (subscriber, welcome) = Peer::resume(&node, kind, &ticket).await;
            assert_eq!(flag(&welcome, "resumed"), Some(true), "{kind:?} {welcome:?}");
            assert_eq!(flag(&welcome, "recovered"), Some(true), "{kind:?} {welcome:?}");
            assert_eq!(welcome.session.0, ticket.session);
            assert_eq!(number(&welcome, "received"), Some(1), "SUBSCRIBE is all that was sent");
            assert_ne!(subscriber.ticket().token, ticket.token, "each token is good for one time");
        }
        publishing.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_longer_fits_is_counted_exactly() {
    let node = node_that_keeps_few().await;
    let (mut subscriber, mut publisher) = counting(&node, Link::RawSocket).await;
    publisher.publish("com.count", 0).await;
    assert_eq!(subscriber.event().await, 0);
    let ticket = subscriber.ticket();
    drop(subscriber);
    for number in 1..=100 {
        publisher.publish("com.count", number).await;
    }
    let (mut subscriber, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!((flag(&welcome, "resumed"), flag(&welcome, "recovered")), (Some(true), Some(false)));
    let missed = number(&welcome, "missed").unwrap();
    assert!((80..95).contains(&missed), "{missed}");
    for number in missed + 1..=100 {
        assert_eq!(subscriber.event().await, number);
    }
    publisher.publish("com.count", 101).await;
    assert_eq!(subscriber.event().await, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_missed_events_goes_on_again_and_again_and_gets_each_message_once() {
    let node = node_that_keeps_few().await;
    let (mut subscriber, mut publisher) = counting(&node, Link::RawSocket).await;
    let mut next = 1;
    for round in 1..=3 {
        let ticket = subscriber.park(&node).await;
        for number in next..next + 100 {
            publisher.publish("com.count", number).await;
        }
        let welcome;
        (subscriber, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
        assert_eq!(flag(&welcome, "resumed"), Some(true), "{round}");
        let missed = number(&welcome, "missed").unwrap();
        assert!((80..95).contains(&missed), "{round}: {missed}");
        for number in next + missed..next + 100 {
            assert_eq!(subscriber.event().await, number, "{round}");
        }
        next += 100;
        publisher.publish("com.count", next).await;
        assert_eq!(subscriber.event().await, next, "{round}");
        next += 1;
    }
    // Nothing was missed since: what it counts is what it has received.
    let ticket = subscriber.ticket();
    drop(subscriber);
    let (mut subscriber, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!((flag(&welcome, "recovered"), number(&welcome, "missed")), (Some(true), None));
    publisher.publish("com.count", next).await;
    assert_eq!(subscriber.event().await, next, "nothing comes a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_told_again_to_a_client_whose_welcome_was_lost() {
    let node = node_that_keeps_few().await;
    let (subscriber, mut publisher) = counting(&node, Link::RawSocket).await;
    let ticket = subscriber.park(&node).await;
    for number in 1..=100 {
        publisher.publish("com.count", number).await;
    }
    let (lost, first) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    let missed = number(&first, "missed").unwrap();
    drop(lost);
    node.parked(ticket.session).await;
    publisher.publish("com.count", 101).await;
    let (mut subscriber, second) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(number(&second, "missed"), Some(missed + 1), "one more event has fallen out");
    assert_eq!(subscriber.event().await, missed + 2);
    // Who comes by the newest token has that WELCOME.
    let ticket = Ticket { received: subscriber.ticket().received, ..subscriber.ticket() };
    drop(subscriber);
    let (_, third) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!((flag(&third, "recovered"), number(&third, "missed")), (Some(true), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contract_of_a_role_drops_meanwhile_is_missed() {
    for kind in ALL {
        let role =
            may_do_all("anonymous").with_delivery(Some(Delivery::new(OnSlow::DropOldest).queue_len_max(3)));
        let anonymous = Authentication::anonymous("anonymous");
        let node = node_of(Some(ResumptionOptions::default()), anonymous, vec![role]).await;
        let (subscriber, mut publisher) = counting(&node, kind).await;
        let ticket = subscriber.park(&node).await;
        for number in 1..=10 {
            publisher.publish("com.count", number).await;
        }
        let (mut subscriber, welcome) = Peer::resume(&node, kind, &ticket).await;
        assert_eq!((flag(&welcome, "recovered"), number(&welcome, "missed")), (Some(false), Some(7)));
        let Message::Event(first) = subscriber.receive().await else { panic!("no EVENT") };
        assert_eq!((first.payload.args()[0].as_u64(), first.details.lost), (Some(8), 0), "{kind:?}");
        assert_eq!((subscriber.event().await, subscriber.event().await), (9, 10), "{kind:?}");
        let ticket = subscriber.ticket();
        drop(subscriber);
        let (_, welcome) = Peer::resume(&node, kind, &ticket).await;
        assert_eq!((flag(&welcome, "recovered"), number(&welcome, "missed")), (Some(true), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_says_what_becomes_of_the_events_that_come_meanwhile() {
    for kind in ALL {
        let node = node(ResumptionOptions::default()).await;
        let mut subscriber = Peer::join(&node, kind).await;
        let delivery = Some(Box::new(Ok(Delivery::new(OnSlow::DropOldest).queue_len_max(3))));
        subscriber
            .subscribe_with("com.count", SubscribeOptions { delivery, ..SubscribeOptions::default() })
            .await;
        let mut publisher = Peer::ordinary(&node).await;
        publisher.publish("com.count", 0).await;
        assert_eq!(subscriber.event().await, 0);
        let ticket = subscriber.park(&node).await;
        for number in 1..=10 {
            publisher.publish("com.count", number).await;
        }
        let (mut subscriber, welcome) = Peer::resume(&node, kind, &ticket).await;
        assert_eq!(
            flag(&welcome, "recovered"),
            Some(true),
            "the session has got all that it is owed: {kind:?}"
        );
        let Message::Event(first) = subscriber.receive().await else { panic!("no EVENT") };
        assert_eq!((first.payload.args()[0].as_u64(), first.details.lost), (Some(8), 7), "{kind:?}");
        assert_eq!((subscriber.event().await, subscriber.event().await), (9, 10), "{kind:?}");
        publisher.publish("com.count", 11).await;
        assert_eq!(subscriber.event().await, 11, "{kind:?}");
        // They are numbered like any other message, and come again when the connection is lost before they arrive.
        let ticket = subscriber.ticket();
        drop(subscriber);
        let (_, welcome) = Peer::resume(&node, kind, &ticket).await;
        assert_eq!(flag(&welcome, "recovered"), Some(true), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_answered_meanwhile_gets_its_answer_later() {
    let node = node(ResumptionOptions::default()).await;
    let mut caller = Peer::join(&node, Link::WebSocket).await;
    let mut callee = Peer::ordinary(&node).await;
    callee.register("com.slow").await;
    caller.call("com.slow", &[]).await;
    let Message::Invocation(invocation) = callee.receive().await else { panic!("no INVOCATION") };
    let ticket = caller.ticket();
    drop(caller);
    let answer = Yield {
        request: invocation.request,
        options: YieldOptions::default(),
        payload: payload(&[42.into()]),
    };
    callee.send(answer).await;
    assert!(callee.knows(ticket.session).await, "it is parked");
    let (mut caller, welcome) = Peer::resume(&node, Link::WebSocket, &ticket).await;
    assert_eq!(flag(&welcome, "recovered"), Some(true));
    assert_eq!(caller.answer().await, Ok(42.into()));
    assert_eq!(number(&welcome, "received"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_gets_the_calls_that_came_meanwhile() {
    let node = node(ResumptionOptions::default()).await;
    let mut callee = Peer::join(&node, Link::RawSocket).await;
    callee.register("com.echo").await;
    let mut caller = Peer::ordinary(&node).await;
    let ticket = callee.ticket();
    drop(callee);
    caller.call("com.echo", &[7.into()]).await;
    node.parked(ticket.session).await;
    let (mut callee, _) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    let Message::Invocation(invocation) = callee.receive().await else { panic!("no INVOCATION") };
    let payload = invocation.payload.into_owned();
    callee.send(Yield { request: invocation.request, options: YieldOptions::default(), payload }).await;
    assert_eq!(caller.answer().await, Ok(7.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_callees_of_a_procedure_one_with_a_connection_gets_the_call() {
    let node = node(ResumptionOptions::default()).await;
    let shared = || RegisterOptions { invoke: InvokePolicy::RoundRobin, ..RegisterOptions::default() };
    let mut lost = Peer::join(&node, Link::RawSocket).await;
    lost.register_with("com.shared", shared()).await;
    lost.register("com.alone").await;
    let mut there = Peer::ordinary(&node).await;
    there.register_with("com.shared", shared()).await;
    let mut caller = Peer::ordinary(&node).await;
    let ticket = lost.park(&node).await;
    for number in 1..=3 {
        caller.call("com.shared", &[number.into()]).await;
        let Message::Invocation(invocation) = there.receive().await else { panic!("no INVOCATION") };
        let (request, payload) = (invocation.request, invocation.payload.into_owned());
        there.send(Yield { request, options: YieldOptions::default(), payload }).await;
        assert_eq!(caller.answer().await, Ok(number.into()));
    }
    // Of a procedure that nobody else has, it gets the call when it is back; and then its turn again.
    caller.call("com.alone", &[4.into()]).await;
    let (mut back, _) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    let Message::Invocation(alone) = back.receive().await else { panic!("no INVOCATION") };
    assert_eq!(alone.payload.args(), [4.into()]);
    for number in 5..=6 {
        caller.call("com.shared", &[number.into()]).await;
    }
    assert!(matches!(back.receive().await, Message::Invocation(_)));
    assert!(matches!(there.receive().await, Message::Invocation(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_told_what_the_router_has_received_in_all_connections() {
    let node = node(ResumptionOptions::default()).await;
    let mut peer = Peer::join(&node, Link::RawSocket).await;
    for round in 1..=3 {
        for number in 0..10 {
            peer.publish("com.count", number).await;
        }
        let ticket = peer.ticket();
        drop(peer);
        let welcome;
        (peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
        assert_eq!(number(&welcome, "received"), Some(10 * round));
        // Request ids of the session go on.
        peer.requests = 10 * round;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_seems_alive_is_taken_over() {
    for kind in ALL {
        let node = node(ResumptionOptions::default()).await;
        let mut old = Peer::join(&node, kind).await;
        old.subscribe("com.count").await;
        let (mut new, welcome) = Peer::resume(&node, kind, &old.ticket()).await;
        assert_eq!(flag(&welcome, "resumed"), Some(true), "{kind:?}");
        assert!(old.next().await.is_none(), "{kind:?}: the old connection is closed");
        let mut publisher = Peer::ordinary(&node).await;
        publisher.publish("com.count", 5).await;
        assert_eq!(new.event().await, 5, "{kind:?}");
        assert_eq!(node.router.session_queues("realm1").len(), 2, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_resume_at_once_one_has_the_session_in_the_end() {
    for is_connected in [false, true] {
        let node = node(ResumptionOptions::default()).await;
        let peer = Peer::join(&node, Link::RawSocket).await;
        let ticket = peer.ticket();
        let held = is_connected.then_some(peer);
        let mut first = Peer::connect(&node, Link::RawSocket).await;
        let mut second = Peer::connect(&node, Link::RawSocket).await;
        first.send(hello(ticket.details())).await;
        second.send(hello(ticket.details())).await;
        let resumed = [first.welcome().await, second.welcome().await].map(|it| flag(&it, "resumed").unwrap());
        assert!(resumed.contains(&true), "{is_connected}");
        if resumed == [true, true] {
            // The later one may be the client whose WELCOME was lost: it gets the session, and the other one is closed.
            let next = tokio::select! { next = first.next() => next, next = second.next() => next };
            assert!(next.is_none(), "{next:?}");
        }
        let queues = node.router.session_queues("realm1");
        let kept: Vec<_> = queues.iter().filter(|it| it.session.0 == ticket.session).collect();
        assert!(matches!(kept[..], [it] if !it.is_parked), "{kept:?}");
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_router_never_got_can_be_sent_again() {
    let node = node(ResumptionOptions::default()).await;
    let mut peer = Peer::join(&node, Link::RawSocket).await;
    peer.subscribe("com.count").await;
    let ticket = peer.ticket();
    drop(peer);
    let (mut peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(number(&welcome, "received"), Some(1));
    let request = RequestId(2);
    let options = PublishOptions { acknowledge: true, exclude_me: false, ..PublishOptions::default() };
    peer.send(Publish { request, options, topic: "com.count".into(), payload: payload(&[9.into()]) }).await;
    let both = [peer.receive().await, peer.receive().await];
    assert!(both.iter().any(|it| matches!(it, Message::Published(_))), "{both:?}");
    assert!(both.iter().any(|it| matches!(it, Message::Event(_))), "{both:?}");
}
