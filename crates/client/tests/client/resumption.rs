//! Going on with a session over another connection.

use std::time::Duration;

use crossweave_client::{
    Backoff, CallError, Client, Dict, Options, Reconnect, RequestError, Resume, SessionId,
};
use crossweave_wamp::message::{Hello, ResultDetails, Welcome};
use crossweave_wamp::{RequestId, Value, message};
use tokio::net::TcpListener;

use crate::peer::{Peer, hear, soon, welcome};

fn options(resume: Resume) -> Options {
    let backoff = Backoff { first: Duration::from_millis(5), ..Backoff::default() };
    Options { reconnect: Reconnect::Backoff(backoff), resume: Some(resume), ..Options::default() }
}

/// WELCOME of a session that can be resumed with this token.
fn resumable(session: u64, token: &str, more: Dict) -> Welcome {
    let mut welcome = welcome(session);
    let details = Dict::new().with("resumable", true).with("resume_token", token).with("resume_window", 30);
    for (key, value) in details.into_iter().chain(more) {
        welcome.details.insert(key, value);
    }
    welcome
}

fn resumed(session: u64, token: &str, received: u64) -> Welcome {
    let more = Dict::new().with("resumed", true).with("recovered", true).with("received", received);
    resumable(session, token, more)
}

async fn connected(resume: Resume) -> (Client, Peer, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rs://{}", listener.local_addr().unwrap());
    let connect = Client::connect_with(&url, "realm1", options(resume));
    let router = async {
        let mut peer = Peer::accept_rawsocket(&listener).await;
        let hello = hear!(peer, Hello);
        assert_eq!(hello.details.get("resumable").and_then(Value::as_bool), Some(true));
        peer.send(resumable(1, "first", Dict::new())).await;
        peer
    };
    let (client, peer) = soon(async { tokio::join!(connect, router) }).await;
    (client.unwrap(), peer, listener)
}

/// Session, token and messages received, as HELLO says.
fn claim(hello: &Hello) -> Option<(u64, &str, u64)> {
    let number = |name: &str| hello.details.get(name).and_then(Value::as_u64);
    Some((number("resume_session")?, hello.details.str("resume_token")?, number("resume_received")?))
}

async fn answer(peer: &mut Peer, request: RequestId, value: i64) {
    let payload = peer.payload(&[value.into()]);
    peer.send(message::Result { request, details: ResultDetails::default(), payload }).await;
}

#[tokio::test]
async fn what_is_pending_stays_so_and_what_the_router_lacks_is_sent_again() {
    let (client, mut peer, listener) = connected(Resume::default()).await;
    let subscribe = client.subscribe("com.topic").into_future();
    let mut subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    let first = tokio::spawn(client.call("com.first").into_future());
    hear!(peer, Call);
    client.publish("com.lost", ()).await.unwrap();
    drop(peer);
    soon(client.states().wait_for(|state| !state.is_connected())).await.unwrap();
    let meanwhile = tokio::spawn(client.call("com.meanwhile").into_future());

    let mut peer = Peer::accept_rawsocket(&listener).await;
    // SUBSCRIBED is all that the client has received.
    assert_eq!(claim(&hear!(peer, Hello)), Some((1, "first", 1)));
    // SUBSCRIBE and CALL are all that the router has.
    peer.send(resumed(1, "second", 2)).await;
    assert_eq!(&*hear!(peer, Publish).topic, "com.lost");
    let call = hear!(peer, Call);
    assert_eq!((&*call.procedure, call.request), ("com.meanwhile", RequestId(4)));
    answer(&mut peer, RequestId(2), 20).await;
    answer(&mut peer, RequestId(4), 40).await;
    peer.send(peer.event(5, 1, &[7.into()])).await;
    assert_eq!(soon(first).await.unwrap().unwrap().parse(), Ok(20));
    assert_eq!(soon(meanwhile).await.unwrap().unwrap().parse(), Ok(40));
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap().parse(), Ok(7));
    let session = client.session();
    assert!(session.is_resumed && session.details.get("resume_token").is_none(), "{session:?}");

    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    // Two RESULTs and an EVENT more, and the other token.
    assert_eq!(claim(&hear!(peer, Hello)), Some((1, "second", 4)));
}

#[tokio::test]
async fn a_router_that_does_not_go_on_gets_everything_anew() {
    let (client, mut peer, listener) = connected(Resume::default()).await;
    let subscribe = client.subscribe("com.topic").into_future();
    let _subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    let call = tokio::spawn(client.call("com.pending").into_future());
    hear!(peer, Call);
    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    assert!(claim(&hear!(peer, Hello)).is_some());
    peer.send(resumable(2, "other", Dict::new().with("resumed", false))).await;
    assert_eq!(peer.subscribed(6).await.request, RequestId(1), "the new session counts anew");
    assert!(matches!(soon(call).await.unwrap(), Err(CallError::Disconnected(_))));
    assert_eq!(client.session().id, SessionId(2));
}

#[tokio::test]
async fn a_client_that_no_longer_has_what_the_router_lacks_joins_anew() {
    let (client, mut peer, listener) = connected(Resume { buffer_bytes_max: 100 }).await;
    let subscribe = client.subscribe("com.topic").into_future();
    let _subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    for _ in 0..10 {
        client.publish("com.topic", "x".repeat(50)).await.unwrap();
    }
    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    assert!(claim(&hear!(peer, Hello)).is_some());
    peer.send(resumed(1, "second", 1)).await;
    hear!(peer, Goodbye);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    assert_eq!(claim(&hear!(peer, Hello)), None);
    peer.send(resumable(2, "third", Dict::new())).await;
    peer.subscribed(6).await;
    assert!(!client.session().is_resumed);
}

#[tokio::test]
async fn nonsense_of_the_router_is_not_believed() {
    for received in [Value::from(1_000), "1".into(), Value::Null] {
        let (client, peer, listener) = connected(Resume::default()).await;
        drop(peer);
        let mut peer = Peer::accept_rawsocket(&listener).await;
        hear!(peer, Hello);
        let more = Dict::new().with("resumed", true).with("received", received);
        peer.send(resumable(1, "second", more)).await;
        hear!(peer, Goodbye);
        let mut peer = Peer::accept_rawsocket(&listener).await;
        assert_eq!(claim(&hear!(peer, Hello)), None);
        peer.send(welcome(2)).await;
        soon(client.states().wait_for(|state| state.is_connected())).await.unwrap();
        // This session cannot be resumed.
        drop(peer);
        let mut peer = Peer::accept_rawsocket(&listener).await;
        assert_eq!(claim(&hear!(peer, Hello)), None);
    }
}

#[tokio::test]
async fn a_session_that_the_router_ends_is_not_resumed() {
    let (client, mut peer, listener) = connected(Resume::default()).await;
    peer.send(message::Goodbye::new("wamp.close.killed")).await;
    hear!(peer, Goodbye);
    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    assert_eq!(claim(&hear!(peer, Hello)), None);
    drop(client);
}

#[tokio::test]
async fn leaving_while_disconnected_ends_what_is_pending() {
    let (client, mut peer, listener) = connected(Resume::default()).await;
    let call = tokio::spawn(client.call("com.pending").into_future());
    hear!(peer, Call);
    drop(listener);
    drop(peer);
    soon(client.states().wait_for(|state| !state.is_connected())).await.unwrap();
    soon(client.clone().leave()).await;
    assert!(matches!(soon(call).await.unwrap(), Err(CallError::Disconnected(_))));
    assert!(matches!(client.publish("com.topic", ()).await, Err(RequestError::Disconnected(_))));
}
