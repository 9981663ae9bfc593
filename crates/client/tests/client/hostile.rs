//! A router that does what it must not: the client aborts, and goes on with its life.

use crossweave_client::{Client, Serializer, uris};
use crossweave_wamp::message::{self, Kind, Message};
use crossweave_wamp::{RegistrationId, RequestId, SubscriptionId};

use crate::peer::{Peer, hear, joined, joined_with, reason_of_the_end, soon, welcome};

async fn is_aborted(client: Client, mut peer: Peer, what: &str) {
    let abort = hear!(peer, Abort);
    assert_eq!(abort.reason, uris::PROTOCOL_VIOLATION, "{what}");
    assert!(!abort.details.str("message").unwrap().is_empty());
    peer.expect_end().await;
    assert!(reason_of_the_end(&client).await.starts_with("router broke the protocol: "), "{what}");
}

#[tokio::test]
async fn bytes_that_are_no_message_abort_the_session() {
    for bytes in [
        &b""[..],
        b"[",
        b"[]",
        b"{}",
        b"[36]",
        b"[36, 1, 2, {}, 5]",
        b"[9999, 1]",
        b"[50, -1, {}]",
        b"[50, \"1\", {}]",
        b"[17, 1]",
        b"\xff\xfe",
        b"[36, 1, 2, {\"publisher\": \"x\"}]",
    ] {
        let (client, mut peer) = joined_with(Serializer::Json, Default::default()).await;
        peer.send_bytes(bytes).await;
        is_aborted(client, peer, &String::from_utf8_lossy(bytes)).await;
    }
}

#[tokio::test]
async fn deep_nesting_aborts_the_session() {
    for serializer in Serializer::ALL {
        let (client, mut peer) = joined_with(serializer, Default::default()).await;
        let open = match serializer {
            Serializer::Json | Serializer::Ubjson | Serializer::BjData => b'[',
            Serializer::MsgPack => 0x91,
            Serializer::Cbor => 0x81,
            // Its tables nest no deeper than the schema.
            Serializer::FlatBuffers => continue,
        };
        peer.send_bytes(&vec![open; 100_000]).await;
        is_aborted(client, peer, serializer.name()).await;
    }
}

#[tokio::test]
async fn messages_that_a_router_does_not_send_abort_the_session() {
    let messages: Vec<Message<'static>> = vec![
        welcome(8).into(),
        message::Hello { realm: None, details: Default::default() }.into(),
        message::Unsubscribe { request: RequestId(1), subscription: SubscriptionId(1) }.into(),
        message::Published { request: RequestId(1), publication: crossweave_wamp::PublicationId(1) }.into(),
        message::Published { request: RequestId(0), publication: crossweave_wamp::PublicationId(1) }.into(),
        message::Subscribed { request: RequestId(1), subscription: SubscriptionId(1) }.into(),
        message::Registered { request: RequestId(1), registration: RegistrationId(1) }.into(),
        message::Error::new(Kind::Call, RequestId(77), "com.error").into(),
        message::Error::new(Kind::Invocation, RequestId(77), "com.error").into(),
    ];
    for message in messages {
        let (client, mut peer) = joined().await;
        peer.send(message.clone()).await;
        is_aborted(client, peer, &format!("{message:?}")).await;
    }
}

#[tokio::test]
async fn an_id_for_two_topics_or_a_second_invocation_under_an_id_aborts_the_session() {
    let (client, mut peer) = joined().await;
    let first = client.subscribe("com.a").into_future();
    let _first = soon(async { tokio::join!(first, peer.subscribed(5)) }).await.0.unwrap();
    let second = tokio::spawn(client.subscribe("com.b").into_future());
    peer.subscribed(5).await;
    assert!(soon(second).await.unwrap().is_err());
    is_aborted(client, peer, "two topics").await;

    let (client, mut peer) = joined().await;
    let stuck = client.register("com.a", |(): ()| std::future::pending::<Result<(), _>>()).into_future();
    let _stuck = soon(async { tokio::join!(stuck, peer.registered(5)) }).await.0.unwrap();
    peer.send(peer.invocation(5, 1, &[])).await;
    peer.send(peer.invocation(5, 1, &[])).await;
    is_aborted(client, peer, "second invocation").await;
}

#[tokio::test]
async fn broken_framing_ends_the_connection() {
    for octets in [&b"\xf0\0\0\0"[..], b"\x07\0\0\0"] {
        let (client, mut peer) = joined().await;
        peer.send_octets(octets).await;
        peer.expect_end().await;
        assert!(reason_of_the_end(&client).await.starts_with("router broke the framing: "));
    }
}

#[tokio::test]
async fn a_message_longer_than_allowed_ends_the_connection_before_it_is_read() {
    let options = crossweave_client::Options { message_len_max: 1024, ..Default::default() };
    let (client, mut peer) = joined_with(Serializer::Json, options).await;
    peer.send_octets(b"\0\x01\0\0").await;
    peer.expect_end().await;
    let reason = reason_of_the_end(&client).await;
    assert!(reason.contains("65536") && reason.contains("1024"), "{reason}");
}

#[tokio::test]
async fn a_router_that_makes_us_answer_but_does_not_read_is_left() {
    let (client, mut peer) = joined().await;
    let flood = async {
        let invocations: Vec<Message> =
            (1..1000).map(|request| peer.invocation(5, request, &[]).into()).collect();
        for _ in 0..1000 {
            if peer.try_send_all(invocations.clone()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let flooding = async {
        tokio::select! {
            () = flood => panic!("5 MB of refusals were taken in"),
            reason = reason_of_the_end(&client) => reason,
        }
    };
    assert_eq!(soon(flooding).await, "router does not read");
}
