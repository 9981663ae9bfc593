//! A connection whose task the test holds back.

use crossweave_router_core::Role;
use crossweave_transport::ListenEndpoint;
use crossweave_transport::rawsocket::MaxLen;
use crossweave_transport::{Codec, Stream};
use crossweave_wamp::message::Abort;
use crossweave_wamp::{Batching, Serializer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::options::AdmissionOptions;
use crate::queue::{Appended, Lane};
use crate::router::{RealmDefinition, Router};

/// A connection that is being opened and takes messages of so many octets, and its other end.
async fn opening(message_len_max: usize) -> (Connection, TcpStream) {
    opening_with(message_len_max, Batching::Single).await
}

async fn opening_with(message_len_max: usize, batching: Batching) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let options = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    let codec = Codec::rawsocket(MaxLen::MAX, MaxLen::MAX);
    let established = Established {
        stream: Stream::Tcp(near),
        wire: Wire { serializer: Serializer::Json, framing: codec.encoder.framing(), batching },
        codec,
        message_len_max,
        leftover: Vec::new(),
        address: PeerAddress::Memory,
        tls: None,
        authentication: Authentication::anonymous("anonymous"),
        visit: None,
        channel_framing: "rawsocket",
        ping: None,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("anonymous")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    let shared = router.shared();
    (Connection::new(shared, Arc::new(options), established, None, None), far)
}

async fn read_to_end(far: &mut TcpStream) -> String {
    let mut all = Vec::new();
    timeout(Duration::from_secs(1), far.read_to_end(&mut all)).await.expect("the end at once").unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_connection_that_closes_writes_what_others_still_owe_a_flush_for() {
    let (mut connection, mut far) = opening(usize::MAX).await;
    // Whoever appended this flushes it later than the test waits.
    assert_eq!(connection.peer.append(b"owed", Lane::Event), Appended::FlushOwed);
    connection.close("");
    tokio::spawn(connection);
    assert_eq!(read_to_end(&mut far).await, "owed");
}

#[tokio::test]
async fn an_abort_longer_than_the_peer_takes_is_sent_without_its_text() {
    for (text_len, is_told) in [(100, true), (2_000, false)] {
        let (mut connection, mut far) = opening(1_024).await;
        connection.refuse(&Abort::new("wamp.error.no_such_realm", "x".repeat(text_len)));
        tokio::spawn(connection);
        let sent = read_to_end(&mut far).await;
        assert!(sent.ends_with("\"wamp.error.no_such_realm\"]"), "{sent}");
        assert_eq!(sent.contains('x'), is_told, "{sent}");
        assert!(sent.len() < 1_024);
    }
}

#[tokio::test]
async fn a_peer_that_takes_no_welcome_however_short_is_told() {
    for (len_max, answer) in [(80, "[2,"), (50, "[3,{},\"wamp.error.payload_size_exceeded\"]")] {
        let (connection, mut far) = opening(len_max).await;
        tokio::spawn(connection);
        let hello = br#"[1,"realm1",{"roles":{"caller":{}}}]"#;
        far.write_u32(hello.len() as u32).await.unwrap();
        far.write_all(hello).await.unwrap();
        let received =
            timeout(Duration::from_secs(1), far.read_u32()).await.expect("an answer at once").unwrap();
        assert!(received <= len_max as u32);
        let mut received = vec![0; received as usize];
        far.read_exact(&mut received).await.unwrap();
        let received = String::from_utf8(received).unwrap();
        assert!(received.starts_with(answer), "{received}");
    }
}

#[tokio::test]
async fn a_turn_takes_a_part_of_a_batch_and_the_turns_take_all_of_it() {
    let (mut connection, mut far) = opening_with(usize::MAX, Batching::RecordSeparator).await;
    let mut batch = Vec::new();
    for request in 1..=10_000 {
        batch.extend_from_slice(format!("[16,{request},{{}},\"com.x\"]\x1e").as_bytes());
    }
    for frame in [&b"[1,\"realm1\",{\"roles\":{\"publisher\":{}}}]\x1e"[..], &batch, &batch] {
        far.write_u32(frame.len() as u32).await.unwrap();
        far.write_all(frame).await.unwrap();
    }
    let routed = |connection: &Connection| match connection.stage {
        Stage::Joined { received, .. } => received,
        _ => 0,
    };
    let portion = (READS_PER_TURN * receive::BATCH_MESSAGES_MAX) as u64;
    while routed(&connection) < 20_000 {
        let before = routed(&connection);
        let ended = poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx).is_ready())).await;
        assert!(!ended && routed(&connection) <= before + portion);
        tokio::task::yield_now().await;
    }
    assert_eq!(routed(&connection), 20_000);
    assert!(connection.unread.is_none() && connection.carry.is_empty());
}
