//! Opening and closing a session.

use crossweave_client::{
    Auth, Client, ConnectError, JoinError, Options, Reconnect, Serializer, SessionId, uris,
};
use crossweave_wamp::Dict;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::{Abort, Challenge, Goodbye};
use tokio::net::TcpListener;

use crate::peer::{Peer, hear, joined, pair, reason_of_the_end, soon, welcome};

#[tokio::test]
async fn a_session_has_what_welcome_says() {
    for serializer in Serializer::ALL {
        let (mut peer, stream) = pair(serializer);
        let join = Client::join_stream(stream, serializer, "realm1", Options::default());
        let (client, hello) = soon(async { tokio::join!(join, peer.welcome(7)) }).await;
        assert_eq!(hello.realm.as_deref(), Some("realm1"));
        assert_eq!(hello.authmethods(), ["anonymous"]);
        let roles = Roles::from_details(&hello.details);
        assert!(roles.subscriber.unwrap().has(Features::SUBSCRIPTION_REVOCATION));
        assert!(roles.callee.unwrap().has(Features::REGISTRATION_REVOCATION));
        let session = client.unwrap().session();
        assert_eq!((session.id, session.realm.as_str()), (SessionId(7), "realm1"));
        assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("joe"), Some("frontend")));
        assert_eq!((session.agent.as_deref(), session.serializer), (Some("Script-1"), serializer));
        assert!(session.roles.dealer.is_some());
    }
}

async fn refused_with(abort: Abort) -> ConnectError {
    let (mut peer, stream) = pair(Serializer::Json);
    let join = Client::join_stream(stream, Serializer::Json, "nowhere", Options::default());
    let router = async {
        hear!(peer, Hello);
        peer.send(abort).await;
    };
    soon(async { tokio::join!(join, router) }).await.0.unwrap_err()
}

#[tokio::test]
async fn an_abort_says_where_and_why() {
    let error = refused_with(Abort::new(uris::NO_SUCH_REALM, "no realm \"nowhere\"")).await;
    assert!(error.is_final());
    assert_eq!(
        error.to_string(),
        "cannot join realm \"nowhere\" at stream: refused with wamp.error.no_such_realm: no realm \"nowhere\""
    );
    assert!(!refused_with(Abort::new(uris::SYSTEM_SHUTDOWN, "later")).await.is_final());
}

async fn authenticated(auth: Auth, challenge: Challenge) -> (Option<String>, String) {
    let (mut peer, stream) = pair(Serializer::Json);
    let options = Options { auth, ..Options::default() };
    let join = Client::join_stream(stream, Serializer::Json, "realm1", options);
    let router = async {
        let hello = hear!(peer, Hello);
        peer.send(challenge).await;
        let signature = hear!(peer, Authenticate).signature;
        peer.send(welcome(1)).await;
        (hello.authid().map(str::to_owned), signature)
    };
    let (client, seen) = soon(async { tokio::join!(join, router) }).await;
    client.unwrap();
    seen
}

#[tokio::test]
async fn a_ticket_is_shown_when_asked_for() {
    let challenge = Challenge { method: "ticket".into(), extra: Dict::new() };
    let seen = authenticated(Auth::ticket("joe", "t1cket"), challenge).await;
    assert_eq!(seen, (Some("joe".into()), "t1cket".into()));
}

#[tokio::test]
async fn a_wampcra_challenge_is_signed() {
    let extra = Dict::new().with("challenge", "{\"nonce\": \"x\"}");
    let seen =
        authenticated(Auth::wamp_cra("joe", "secret!!!"), Challenge { method: "wampcra".into(), extra })
            .await;
    assert_eq!(seen, (Some("joe".into()), "be46uL4cP26FZvIjpieLLWJ+9sGGkrwi4nO4RYepLMA=".into()));
}

#[tokio::test]
async fn a_challenge_that_was_not_offered_is_not_answered() {
    let (mut peer, stream) = pair(Serializer::Json);
    let join = Client::join_stream(stream, Serializer::Json, "realm1", Options::default());
    let router = async {
        hear!(peer, Hello);
        peer.send(Challenge { method: "ticket".into(), extra: Dict::new() }).await;
        hear!(peer, Abort)
    };
    let (client, abort) = soon(async { tokio::join!(join, router) }).await;
    assert!(matches!(client, Err(ConnectError::Join { cause: JoinError::Challenge(_), .. })));
    assert!(abort.details.str("message").unwrap().contains("ticket"));
}

#[tokio::test(start_paused = true)]
async fn a_router_that_says_nothing_is_given_up() {
    let (mut peer, stream) = pair(Serializer::Json);
    let join = Client::join_stream(stream, Serializer::Json, "realm1", Options::default());
    let error = join.await.unwrap_err();
    assert_eq!(error.to_string(), "cannot join realm \"realm1\" at stream: no answer within 10000 ms");
    hear!(peer, Hello);
    assert_eq!(hear!(peer, Abort).reason, uris::TIMEOUT);
}

#[tokio::test]
async fn leaving_says_goodbye_and_waits() {
    let (client, mut peer) = joined().await;
    let router = async {
        assert_eq!(hear!(peer, Goodbye).reason, uris::CLOSE_REALM);
        peer.send(Goodbye::new(uris::GOODBYE_AND_OUT)).await;
        peer.expect_end().await;
    };
    soon(async { tokio::join!(client.leave(), router) }).await;
    assert!(client.state().is_closed());
    assert!(client.publish("com.topic", ()).await.unwrap_err().to_string().contains("left"));
}

#[tokio::test]
async fn what_was_sent_before_leaving_arrives() {
    let (client, mut peer) = joined().await;
    for number in 0..100 {
        client.publish("com.topic", number).await.unwrap();
    }
    drop(client);
    for number in 0..100 {
        assert_eq!(hear!(peer, Publish).payload.args(), [number.into()]);
    }
    hear!(peer, Goodbye);
}

#[tokio::test]
async fn the_last_handle_says_goodbye() {
    let (client, mut peer) = joined().await;
    let clone = client.clone();
    let subscribing = tokio::spawn(async move { client.subscribe("com.topic").await.unwrap() });
    peer.subscribed(1).await;
    let subscription = subscribing.await.unwrap();
    drop(clone);
    drop(subscription);
    hear!(peer, Unsubscribe);
    hear!(peer, Goodbye);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_does_not_answer_goodbye_is_left_anyway() {
    let (client, mut peer) = joined().await;
    client.leave().await;
    hear!(peer, Goodbye);
    peer.expect_end().await;
}

#[tokio::test]
async fn a_goodbye_from_the_router_is_answered() {
    let (client, mut peer) = joined().await;
    peer.send(Goodbye::new(uris::SYSTEM_SHUTDOWN)).await;
    assert_eq!(hear!(peer, Goodbye).reason, uris::GOODBYE_AND_OUT);
    peer.expect_end().await;
    let reason = soon(reason_of_the_end(&client)).await;
    assert_eq!(reason, "router closed the session: wamp.close.system_shutdown");
    let error = client.ready().await.unwrap_err();
    assert_eq!(error.to_string(), format!("not connected to stream: {reason}"));
    assert_eq!(error.goodbye.as_deref(), Some(uris::SYSTEM_SHUTDOWN));
}

#[tokio::test]
async fn urls_choose_the_transport_and_the_router_the_serializer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serializers = Serializer::ALL.to_vec();
    let options = Options { reconnect: Reconnect::Off, serializers, ..Options::default() };
    for serializer in Serializer::ALL {
        let url = format!("ws://{address}/ws");
        let connect = Client::connect_with(&url, "realm1", options.clone());
        let router = async {
            let mut peer = Peer::accept_websocket(&listener, serializer).await;
            // As a router's ids are: the number tells which encoding of UBJSON it is.
            peer.welcome(1 << 40).await;
            peer
        };
        let (client, mut peer) = soon(async { tokio::join!(connect, router) }).await;
        let client = client.unwrap();
        assert_eq!(client.session().serializer, serializer);
        client.publish("com.topic", ("ä", 1.5)).await.unwrap();
        assert_eq!(hear!(peer, Publish).payload.args(), ["ä".into(), 1.5.into()]);
        tokio::join!(client.leave(), async {
            hear!(peer, Goodbye);
            peer.send(Goodbye::new(uris::GOODBYE_AND_OUT)).await;
            peer.expect_end().await;
            assert_eq!(peer.closed, Some((Some(1000), String::new())));
        });
    }
}

#[tokio::test]
async fn an_unreachable_router_is_named() {
    let error = Client::connect("rs://127.0.0.1:1", "realm1").await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect to rs://127.0.0.1:1: connect: "), "{error}");
    let error = Client::connect("http://127.0.0.1", "realm1").await.unwrap_err();
    assert!(error.is_final() && error.to_string().contains("scheme"), "{error}");
}

#[tokio::test]
async fn the_query_of_a_url_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws?token=s3cret", listener.local_addr().unwrap());
    let router = async {
        let mut peer = Peer::accept_websocket(&listener, Serializer::Json).await;
        hear!(peer, Hello);
        peer.send(Abort::new(uris::NO_SUCH_REALM, "none")).await;
    };
    let error = soon(async { tokio::join!(Client::connect(&url, "realm1"), router) }).await.0.unwrap_err();
    assert!(error.to_string().contains("/ws: refused with wamp.error.no_such_realm"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
