//! Losing the connection and making it again.

use std::time::Duration;

use crossweave_client::{
    Backoff, CallError, Client, Keepalive, Options, Reconnect, RequestError, Serializer, SessionId, State,
    uris,
};
use crossweave_wamp::message::{Abort, Kind, Register, Registered, Subscribe, Subscribed};
use crossweave_wamp::{Message, RegistrationId, RequestId, SubscriptionId};
use tokio::net::TcpListener;

use crate::peer::{Peer, hear, reason_of_the_end, soon};

fn quick() -> Options {
    let backoff = Backoff { first: Duration::from_millis(5), ..Backoff::default() };
    Options { reconnect: Reconnect::Backoff(backoff), ..Options::default() }
}

async fn connected(options: Options) -> (Client, Peer, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rs://{}", listener.local_addr().unwrap());
    let connect = Client::connect_with(&url, "realm1", options);
    let router = accepted(&listener, 1);
    let (client, peer) = soon(async { tokio::join!(connect, router) }).await;
    (client.unwrap(), peer, listener)
}

async fn accepted(listener: &TcpListener, session: u64) -> Peer {
    let mut peer = Peer::accept_rawsocket(listener).await;
    peer.welcome(session).await;
    peer
}

#[tokio::test]
async fn nodes_of_sharding_are_named_again() {
    let (client, mut peer, listener) = connected(quick()).await;
    let first = client.subscribe("com.topic").nkey("node1").into_future();
    let (first, asked) = soon(async { tokio::join!(first, peer.subscribed(5)) }).await;
    assert_eq!(asked.options.nkey.as_deref(), Some("node1"));
    let second = client.subscribe("com.topic").nkey("node2").into_future();
    let (second, _) = soon(async { tokio::join!(second, peer.subscribed(5)) }).await;
    let third = client.subscribe("com.topic").into_future();
    let (third, asked) = soon(async { tokio::join!(third, peer.subscribed(5)) }).await;
    assert_eq!(asked.options.nkey, None);
    let echo = client.register("com.echo", |text: String| async { Ok(text) }).nkey("node3").into_future();
    let _echo = soon(async { tokio::join!(echo, peer.registered(6)) }).await.0.unwrap();
    drop(peer);

    let mut peer = accepted(&listener, 2).await;
    assert_eq!(peer.subscribed(50).await.options.nkey.as_deref(), Some("node2"), "the one named last");
    assert_eq!(peer.registered(60).await.options.nkey.as_deref(), Some("node3"));
    drop((first, second, third));
}

#[tokio::test]
async fn everything_that_is_live_is_asked_for_again() {
    let (client, mut peer, listener) = connected(quick()).await;
    let subscribe = client.subscribe("com.topic").wildcard().into_future();
    let mut subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    let register = client.register("com.echo", |text: String| async { Ok(text) }).into_future();
    let _echo = soon(async { tokio::join!(register, peer.registered(6)) }).await.0.unwrap();
    let gone = client.register("com.gone", |(): ()| async { Ok(()) }).into_future();
    drop(soon(async { tokio::join!(gone, peer.registered(7)) }).await.0.unwrap());
    hear!(peer, Unregister);

    let call = tokio::spawn(client.call("com.pending").into_future());
    hear!(peer, Call);
    let mut states = client.states();
    assert!(states.borrow_and_update().is_connected());
    drop(peer);
    let lost = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(&lost, CallError::Disconnected(why) if why.url.starts_with("rs://127.0.0.1")), "{lost}");

    let mut peer = accepted(&listener, 2).await;
    let asked = peer.subscribed(50).await;
    assert_eq!((&*asked.topic, asked.options.match_policy.as_str()), ("com.topic", "wildcard"));
    assert_eq!(asked.request, RequestId(1)); // each session counts anew
    assert_eq!(&*peer.registered(60).await.procedure, "com.echo");
    assert_eq!(soon(client.ready()).await.unwrap().id, SessionId(2));

    peer.send(peer.event(50, 1, &[1.into()])).await;
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap().parse(), Ok(1));
    peer.send(peer.invocation(60, 1, &["hi".into()])).await;
    assert_eq!(hear!(peer, Yield).payload.args(), ["hi".into()]);
    client.publish("com.topic", ()).await.unwrap();
    hear!(peer, Publish); // the call was not sent again
}

#[tokio::test]
async fn states_tell_what_happens() {
    let (client, peer, listener) = connected(quick()).await;
    let mut states = client.states();
    drop(peer);
    let state = soon(states.wait_for(|state| !state.is_connected())).await.unwrap().clone();
    let State::Disconnected { why, retry_in, attempts } = state else { panic!("{state:?}") };
    assert_eq!((&*why.reason, attempts), ("connection closed by the router", 1));
    assert!(retry_in <= Duration::from_millis(5));
    let _peer = accepted(&listener, 2).await;
    soon(states.wait_for(State::is_connected)).await.unwrap();
    assert_eq!(client.session().id, SessionId(2));
}

#[tokio::test]
async fn nothing_is_sent_while_disconnected() {
    let slow = Backoff { first: Duration::from_secs(60), max: Duration::from_secs(60), attempts_max: None };
    let options = Options { reconnect: Reconnect::Backoff(slow), ..Options::default() };
    let (client, peer, _listener) = connected(options).await;
    drop(peer);
    soon(client.states().wait_for(|state| !state.is_connected())).await.unwrap();
    let error = client.publish("com.topic", ()).await.unwrap_err();
    assert!(matches!(error, RequestError::Disconnected(_)), "{error}");
    assert!(matches!(client.call("com.x").await, Err(CallError::Disconnected(_))));
    soon(client.leave()).await; // also while it waits to connect again
    assert!(client.state().is_closed());
}

#[tokio::test]
async fn a_refused_rejoin_ends_the_client() {
    let (client, mut peer, listener) = connected(quick()).await;
    let subscribe = client.subscribe("com.topic").into_future();
    let mut subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    hear!(peer, Hello);
    peer.send(Abort::new(uris::NO_SUCH_REALM, "gone")).await;
    let why = soon(reason_of_the_end(&client)).await;
    assert!(why.contains(uris::NO_SUCH_REALM), "{why}");
    assert!(soon(subscription.next()).await.is_none());
}

#[tokio::test]
async fn other_refusals_are_tried_again() {
    let (client, peer, listener) = connected(quick()).await;
    drop(peer);
    let mut peer = Peer::accept_rawsocket(&listener).await;
    hear!(peer, Hello);
    peer.send(Abort::new(uris::SYSTEM_SHUTDOWN, "restarting")).await;
    let _peer = accepted(&listener, 3).await;
    soon(client.states().wait_for(State::is_connected)).await.unwrap();
}

#[tokio::test]
async fn what_the_router_cannot_decide_on_yet_is_asked_for_later() {
    let (client, mut peer, listener) = connected(quick()).await;
    let subscribe = client.subscribe("com.topic").into_future();
    let mut subscription = soon(async { tokio::join!(subscribe, peer.subscribed(5)) }).await.0.unwrap();
    let register = client.register("com.echo", |text: String| async { Ok(text) }).into_future();
    let echo = soon(async { tokio::join!(register, peer.registered(6)) }).await.0.unwrap();
    drop(peer);
    let mut peer = accepted(&listener, 2).await;
    let (first, second) = (hear!(peer, Subscribe).request, hear!(peer, Register).request);
    for (kind, request) in [(Kind::Subscribe, first), (Kind::Register, second)] {
        peer.send(peer.error(kind, request, uris::AUTHORIZATION_FAILED, &[])).await;
    }
    for _ in 0..2 {
        match peer.expect().await {
            Message::Subscribe(Subscribe { request, .. }) => {
                peer.send(Subscribed { request, subscription: SubscriptionId(50) }).await;
            }
            Message::Register(Register { request, .. }) => {
                peer.send(Registered { request, registration: RegistrationId(60) }).await;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(echo.is_live());
    peer.send(peer.event(50, 1, &[1.into()])).await;
    assert_eq!(soon(subscription.next()).await.unwrap().unwrap().parse(), Ok(1));
}

#[tokio::test]
async fn a_procedure_that_our_last_session_still_holds_is_registered_later() {
    let (client, mut peer, listener) = connected(quick()).await;
    let register = client.register("com.echo", |text: String| async { Ok(text) }).into_future();
    let echo = soon(async { tokio::join!(register, peer.registered(6)) }).await.0.unwrap();
    drop(peer);
    let mut peer = accepted(&listener, 2).await;
    let request = hear!(peer, Register).request;
    peer.send(peer.error(Kind::Register, request, uris::PROCEDURE_ALREADY_EXISTS, &[])).await;
    peer.registered(7).await;
    assert!(echo.is_live());
    peer.send(peer.invocation(7, 1, &["hi".into()])).await;
    assert_eq!(hear!(peer, Yield).payload.args(), ["hi".into()]);
}

#[tokio::test]
async fn without_reconnecting_a_lost_connection_is_the_end() {
    let (client, peer, _listener) =
        connected(Options { reconnect: Reconnect::Off, ..Options::default() }).await;
    drop(peer);
    assert_eq!(soon(reason_of_the_end(&client)).await, "connection closed by the router");
}

#[tokio::test]
async fn handlers_of_a_lost_connection_are_dropped_and_their_answers_not_sent() {
    let (client, mut peer, listener) = connected(quick()).await;
    let slow = client.register_dynamic("com.slow", |invocation| async move {
        invocation.canceled().await;
        Ok(crossweave_client::Arguments::new().arg("late"))
    });
    let _slow = soon(async { tokio::join!(slow.tell_interrupts().into_future(), peer.registered(6)) })
        .await
        .0
        .unwrap();
    peer.send(peer.invocation(6, 1, &[])).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(peer);
    let mut peer = accepted(&listener, 2).await;
    peer.registered(7).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.publish("com.topic", ()).await.unwrap();
    hear!(peer, Publish); // and no YIELD for an invocation of the last session
}

#[tokio::test]
async fn a_silent_router_is_pinged_and_then_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (idle, timeout) = (Duration::from_millis(30), Duration::from_millis(100));
    let keepalive = Keepalive { idle, timeout, on_rawsocket: false };
    let options = Options { keepalive, reconnect: Reconnect::Off, ..Options::default() };
    let connect = Client::connect_with(&url, "realm1", options);
    let router = async {
        let mut peer = Peer::accept_websocket(&listener, Serializer::Cbor).await;
        peer.welcome(1).await;
        peer
    };
    let (client, mut peer) = soon(async { tokio::join!(connect, router) }).await;
    let client = client.unwrap();
    // The peer answers pings while it reads.
    let _ = tokio::time::timeout(Duration::from_millis(400), peer.receive()).await;
    assert!(client.state().is_connected());
    let why = soon(reason_of_the_end(&client)).await;
    assert!(why.contains("no answer to a ping within 100 ms"), "{why}");
}
