//! Callees that may come back and do not answer pings: their calls under shared registrations end, others wait.

use crossweave_router::{
    AdmissionOptions, RawSocketOptions, RealmDefinition, ResumptionOptions, Router, TransportOptions,
    WebSocketOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, RequestId, uris};
use tokio::time::timeout;

use crate::peer::*;

const SHARED: &str = "com.shared";
const SINGLE: &str = "com.single";

/// WebSocket peers are pinged after 300 ms; these never answer.
async fn node() -> Node {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![may_do_all("anonymous")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    let websocket = WebSocketOptions {
        auto_ping_interval_ms: 300,
        auto_ping_timeout_ms: 200,
        ..WebSocketOptions::default()
    };
    transport.websocket.insert("/ws".into(), websocket);
    transport.resumption = Some(ResumptionOptions::default());
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

async fn peer(node: &Node) -> Peer {
    let mut peer = Peer::connect(node, Link::RawSocket).await;
    peer.hello(Dict::new()).await;
    peer
}

fn shared() -> RegisterOptions {
    RegisterOptions { invoke: InvokePolicy::First, ..RegisterOptions::default() }
}

async fn answer(peer: &mut Peer, request: u64, number: u64) {
    let (options, payload) = (YieldOptions::default(), payload(&[number.into()]));
    peer.send(Yield { request: RequestId(request), options, payload }).await;
}

async fn invoked(peer: &mut Peer) -> RequestId {
    match peer.receive().await {
        Message::Invocation(it) => it.request,
        other => panic!("expected INVOCATION, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_silent_callee_end_where_there_may_be_others_and_it_is_told_when_it_comes_back() {
    let node = node().await;
    let mut callee = Peer::join(&node, Link::WebSocket).await;
    callee.register_with(SHARED, shared()).await;
    callee.register(SINGLE).await;
    let ticket = callee.ticket();
    let (mut caller, mut other) = (peer(&node).await, peer(&node).await);
    other.register_with(SHARED, shared()).await;
    caller.call(SHARED, &[]).await;
    caller.call(SINGLE, &[]).await;
    // Its connection stays open, and its window is 30 seconds long.
    assert_eq!(caller.answer().await, Err(uris::CANCELED.to_owned()));
    node.parked(ticket.session).await;
    caller.call(SHARED, &[]).await;
    assert_eq!(invoked(&mut other).await, RequestId(1));
    answer(&mut other, 1, 3).await;
    assert_eq!(caller.answer().await, Ok(3.into()));

    let (mut callee, welcome) = Peer::resume(&node, Link::WebSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true));
    for request in [1, 2] {
        assert_eq!(invoked(&mut callee).await, RequestId(request));
    }
    let Message::Interrupt(interrupt) = callee.receive().await else { panic!("expected INTERRUPT") };
    assert_eq!((interrupt.request, interrupt.mode), (RequestId(1), Some(CancelMode::KillNoWait)));
    for request in [1, 2] {
        answer(&mut callee, request, request).await;
    }
    // The first is nobody's, and no offence.
    assert_eq!(caller.answer().await, Ok(2.into()));
    assert!(caller.knows(ticket.session).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_callee_whose_connection_is_lost_wait_for_it() {
    let node = node().await;
    let mut callee = Peer::join(&node, Link::RawSocket).await;
    callee.register_with(SHARED, shared()).await;
    let ticket = callee.ticket();
    let mut caller = peer(&node).await;
    caller.call(SHARED, &[]).await;
    invoked(&mut callee).await;
    drop(callee);
    node.parked(ticket.session).await;
    assert!(timeout(SECOND, caller.next()).await.is_err(), "the call waits");
    let (mut callee, _) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    invoked(&mut callee).await;
    answer(&mut callee, 1, 1).await;
    assert_eq!(caller.answer().await, Ok(1.into()));
}
