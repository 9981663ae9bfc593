//! Connections that end.

use crossweave_router::AdmissionOptions;
use crossweave_wamp::message::Goodbye;
use crossweave_wamp::{Message, Serializer, uris};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::peer::{Heard, Peer, SECOND, hello, node, node_with};

/// The opcodes of all frames up to the end of the stream.
async fn opcodes_to_the_end(peer: &mut Peer) -> Vec<u8> {
    let mut octets = Vec::new();
    let read = peer.connection.stream.read_to_end(&mut octets);
    timeout(2 * SECOND, read).await.expect("the end within two seconds").unwrap();
    let (mut opcodes, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        assert!(octets[at + 1] < 126, "a short frame");
        opcodes.push(octets[at] & 15);
        at += 2 + usize::from(octets[at + 1]);
    }
    opcodes
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

#[tokio::test]
async fn nothing_is_read_behind_a_violation() {
    let node = node().await;
    let mut peer = Peer::websocket(&node).await;
    peer.hello().await;
    let mut out = peer.frame(b"no message");
    peer.connection.codec.encoder.append_pong(&mut out, b"").unwrap();
    peer.connection.codec.encoder.append_ping(&mut out, b"behind it");
    peer.write(&out).await;
    assert_eq!(opcodes_to_the_end(&mut peer).await, [TEXT, CLOSE]);
}

#[tokio::test]
async fn a_ping_right_behind_a_violation_is_not_answered() {
    let node = node().await;
    let mut peer = Peer::websocket(&node).await;
    peer.hello().await;
    let mut out = peer.frame(b"no message");
    peer.connection.codec.encoder.append_ping(&mut out, b"behind it");
    peer.write(&out).await;
    assert_eq!(opcodes_to_the_end(&mut peer).await, [TEXT, CLOSE]);
}

#[tokio::test]
async fn what_stands_behind_goodbye_belongs_to_the_next_session_even_if_it_is_no_message() {
    let node = node().await;
    let mut peer = Peer::rawsocket(&node).await;
    peer.hello().await;
    let mut out = peer.frame_message(Goodbye::new(uris::CLOSE_REALM));
    out.extend(peer.frame(b"no message"));
    out.extend(peer.frame_message(hello()));
    peer.write(&out).await;
    assert!(matches!(peer.receive().await, Message::Goodbye(_)));
    assert_eq!(peer.receive_abort().await.0, uris::PROTOCOL_VIOLATION);
    assert!(matches!(peer.hear().await, Heard::End));
}

#[tokio::test]
async fn a_connection_that_is_kept_without_another_session_is_closed_without_a_word() {
    let node = node_with(AdmissionOptions::default(), |transport| transport.handshake_timeout_ms = 200).await;
    let mut websocket = Peer::websocket(&node).await;
    websocket.hello().await;
    websocket.goodbye().await;
    assert!(matches!(websocket.hear().await, Heard::Close(Some(1000))));
    let mut rawsocket = Peer::rawsocket(&node).await;
    rawsocket.hello().await;
    rawsocket.goodbye().await;
    assert!(matches!(rawsocket.hear().await, Heard::End));
}

#[tokio::test]
async fn a_frame_of_the_wrong_kind_closes_the_connection() {
    const UNSUPPORTED_DATA: u16 = 1003;
    let node = node().await;
    let hello = hello();
    let binary = |peer: &mut Peer, message: Message<'_>| {
        let mut framed = Vec::new();
        let body = message.to_bytes(Serializer::Json);
        peer.connection.codec.append_message(&mut framed, false, &body).unwrap();
        framed
    };
    for mut peer in [Peer::websocket(&node).await, Peer::compressed(&node).await] {
        let framed = binary(&mut peer, hello.clone().into());
        peer.write(&framed).await;
        let (reason, text) = peer.receive_abort().await;
        assert_eq!(reason, uris::PROTOCOL_VIOLATION);
        assert_eq!(text, "wamp.2.json goes into text frames, and this is a binary frame");
        assert!(matches!(peer.hear().await, Heard::Close(Some(UNSUPPORTED_DATA))));
    }
    let mut joined = Peer::websocket(&node).await;
    joined.hello().await;
    let framed = binary(&mut joined, Goodbye::new(uris::CLOSE_REALM).into());
    joined.write(&framed).await;
    let (reason, text) = joined.receive_abort().await;
    assert_eq!(reason, uris::PROTOCOL_VIOLATION);
    assert_eq!(text, "wamp.2.json goes into text frames, and this is a binary frame");
    assert!(matches!(joined.hear().await, Heard::Close(Some(UNSUPPORTED_DATA))));
    let mut raw = Peer::rawsocket(&node).await;
    raw.hello().await;
    raw.goodbye().await;
}

#[tokio::test]
async fn a_session_whose_websocket_breaks_the_framing_is_told_what_was_wrong() {
    const TOO_BIG: u16 = 1009;
    let node = node_with(AdmissionOptions::default(), |transport| {
        transport.websocket.values_mut().for_each(|it| it.max_message_size = 1_000);
    })
    .await;
    for mut peer in [Peer::websocket(&node).await, Peer::compressed(&node).await] {
        peer.hello().await;
        let framed =
            peer.frame(format!("[16,1,{{}},\"com.example\",[\"{}\"]]", "x".repeat(1_000)).as_bytes());
        peer.write(&framed).await;
        let (reason, text) = peer.receive_abort().await;
        assert_eq!(reason, uris::PROTOCOL_VIOLATION);
        assert!(text.contains("limit of 1000"), "{text}");
        assert!(matches!(peer.hear().await, Heard::Close(Some(TOO_BIG))));
    }
}

#[tokio::test]
async fn who_closes_and_then_sends_no_more_is_still_written_what_waits() {
    const EVENTS: usize = 300;
    let node = node_with(AdmissionOptions::default(), |transport| transport.queue.bytes_max = 64 << 20).await;
    let mut subscriber = Peer::websocket(&node).await;
    subscriber.hello().await;
    subscriber.subscribe().await;
    let mut publisher = Peer::rawsocket(&node).await;
    publisher.hello().await;
    // More than the sockets between the two hold.
    for _ in 0..EVENTS {
        publisher.publish(60_000).await;
    }
    let waiting: usize = node.router.session_queues("realm1").iter().map(|queue| queue.waiting_bytes).sum();
    assert!(waiting > 1 << 20, "only {waiting} octets wait");
    let mut close = Vec::new();
    subscriber.connection.codec.encoder.append_close(&mut close, Some(1000), "");
    subscriber.write(&close).await;
    subscriber.connection.stream.shutdown().await.unwrap();
    for _ in 0..EVENTS {
        assert!(matches!(subscriber.receive().await, Message::Event(_)));
    }
    assert!(matches!(subscriber.hear().await, Heard::Close(Some(1000))));
    assert!(matches!(subscriber.hear().await, Heard::End));
}

#[tokio::test]
async fn who_says_goodbye_and_then_sends_no_more_is_still_written_what_waits() {
    const EVENTS: usize = 300;
    let node = node_with(AdmissionOptions::default(), |transport| transport.queue.bytes_max = 64 << 20).await;
    let mut subscriber = Peer::rawsocket(&node).await;
    subscriber.hello().await;
    subscriber.subscribe().await;
    let mut publisher = Peer::rawsocket(&node).await;
    publisher.hello().await;
    // More than the sockets between the two hold.
    for _ in 0..EVENTS {
        publisher.publish(60_000).await;
    }
    let waiting: usize = node.router.session_queues("realm1").iter().map(|queue| queue.waiting_bytes).sum();
    assert!(waiting > 1 << 20, "only {waiting} octets wait");
    subscriber.send(Goodbye::new(uris::CLOSE_REALM)).await;
    subscriber.connection.stream.shutdown().await.unwrap();
    for _ in 0..EVENTS {
        assert!(matches!(subscriber.receive().await, Message::Event(_)));
    }
    assert!(matches!(subscriber.receive().await, Message::Goodbye(_)));
}
