//! How a parked session ends.

use std::time::Duration;

use crossweave_router::{FRAME_COST_BYTES, ResumptionOptions};
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Value, uris};
use tokio::time::timeout;

use crate::peer::*;

fn short() -> ResumptionOptions {
    ResumptionOptions { window_s: 1, ..ResumptionOptions::default() }
}

async fn watcher(node: &Node) -> Peer {
    let mut peer = Peer::connect(node, Link::RawSocket).await;
    peer.hello(Dict::new()).await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_testament_is_published_when_the_time_is_over_and_not_before() {
    let node = node(short()).await;
    let mut watcher = watcher(&node).await;
    watcher.subscribe("com.gone").await;
    let mut peer = Peer::join(&node, Link::RawSocket).await;
    peer.call(
        "wamp.session.add_testament",
        &["com.gone".into(), vec![Value::from(1)].into(), Dict::new().into()],
    )
    .await;
    peer.answer().await.unwrap();
    let ticket = peer.ticket();
    drop(peer);
    assert!(timeout(SECOND / 2, watcher.event()).await.is_err(), "it may still come back");
    assert_eq!(watcher.event().await, 1);
    assert!(!watcher.knows(ticket.session).await);
    let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(false), "it is too late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_callee_that_does_not_come_back_is_answered_with_an_error() {
    let node = node(short()).await;
    let mut callee = Peer::join(&node, Link::WebSocket).await;
    callee.register("com.lost").await;
    let mut caller = watcher(&node).await;
    caller.call("com.lost", &[]).await;
    let Message::Invocation(_) = callee.receive().await else { panic!("no INVOCATION") };
    drop(callee);
    caller.call("com.lost", &[]).await;
    for _ in 0..2 {
        assert!(caller.answer().await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_says_goodbye_leaves_at_once() {
    let node = node(ResumptionOptions::default()).await;
    let mut watcher = watcher(&node).await;
    let mut peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    peer.send(Goodbye::new(uris::CLOSE_REALM)).await;
    assert!(matches!(peer.receive().await, Message::Goodbye(_)));
    assert!(!watcher.knows(ticket.session).await);
    // The next session on the same connection is an ordinary one.
    peer.ticket = None;
    peer.hello(Dict::new()).await;
    assert!(peer.ticket.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_session_can_be_killed() {
    let node = node(ResumptionOptions::default()).await;
    let mut watcher = watcher(&node).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    drop(peer);
    assert!(watcher.knows(ticket.session).await);
    watcher.call("wamp.session.kill", &[ticket.session.into()]).await;
    watcher.answer().await.unwrap();
    assert!(!watcher.knows(ticket.session).await);
    let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_calls_no_longer_fit_leaves_so_that_its_callers_are_answered() {
    let node =
        node(ResumptionOptions { buffer_bytes_max: 3 * (FRAME_COST_BYTES + 60), ..Default::default() }).await;
    let mut callee = Peer::join(&node, Link::RawSocket).await;
    callee.register("com.busy").await;
    let ticket = callee.ticket();
    let mut caller = watcher(&node).await;
    drop(callee);
    node.parked(ticket.session).await;
    for _ in 0..20 {
        caller.call("com.busy", &[]).await;
    }
    for _ in 0..20 {
        assert!(caller.answer().await.is_err());
    }
    assert!(!caller.knows(ticket.session).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_shuts_down_does_not_wait_for_parked_sessions() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    drop(peer);
    timeout(2 * SECOND, node.router.shutdown()).await.expect("nobody is waited for");
    assert!(node.router.session_queues("realm1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_free_again_when_sessions_have_left() {
    let node = node(ResumptionOptions { sessions_max: 1, ..short() }).await;
    let mut watcher = watcher(&node).await;
    for _ in 0..2 {
        let peer = Peer::join(&node, Link::RawSocket).await;
        let session = peer.ticket().session;
        drop(peer);
        watcher.sees_leave(session).await;
        // The task that looked after it lets go of it a little later.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
