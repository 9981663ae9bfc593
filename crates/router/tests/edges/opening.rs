//! Connections that have not joined.

use crossweave_router::AdmissionOptions;
use crossweave_wamp::message::Hello;
use crossweave_wamp::{Dict, Message, Value, uris};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, advance, pause, resume, timeout};

use crate::peer::{Heard, Node, Peer, SECOND, hello, node, node_with};

/// The longest message before joining.
const LEN_MAX: usize = 64 * 1024;

/// A HELLO of just so many octets.
fn hello_of(len: usize) -> Vec<u8> {
    let mut text = Message::from(hello()).to_bytes(crossweave_wamp::Serializer::Json);
    text.resize(len, b' ');
    text
}

#[tokio::test]
async fn a_hello_of_64_kib_is_taken() {
    let node = node().await;
    for mut peer in
        [Peer::rawsocket(&node).await, Peer::websocket(&node).await, Peer::compressed(&node).await]
    {
        let framed = peer.frame(&hello_of(LEN_MAX));
        peer.write(&framed).await;
        assert!(matches!(peer.receive().await, Message::Welcome(_)));
    }
}

async fn assert_told_it_is_too_long(peer: &mut Peer) {
    let Message::Abort(abort) = peer.receive().await else { panic!("expected ABORT") };
    assert_eq!(abort.reason, uris::PROTOCOL_VIOLATION);
    assert!(abort.details.str("message").is_some_and(|text| text.contains("limit of 65536")), "{abort:?}");
}

#[tokio::test]
async fn a_longer_message_before_joining_ends_the_connection_at_its_header() {
    let node = node().await;
    let mut peer = Peer::rawsocket(&node).await;
    peer.write(&(LEN_MAX as u32 + 1).to_be_bytes()).await;
    assert_told_it_is_too_long(&mut peer).await;
    assert!(matches!(peer.hear().await, Heard::End));

    let mut peer = Peer::websocket(&node).await;
    let framed = peer.frame(&hello_of(LEN_MAX + 1));
    peer.write(&framed[..14]).await;
    assert_told_it_is_too_long(&mut peer).await;
    assert!(matches!(peer.hear().await, Heard::Close(Some(1009))));
}

#[tokio::test]
async fn what_is_inflated_before_joining_is_bounded() {
    let node = node().await;
    let mut peer = Peer::compressed(&node).await;
    let mut framed = peer.frame(&hello_of(8 << 20));
    assert!(framed.len() < LEN_MAX, "{} octets stand for 8 MiB", framed.len());
    // The message is not complete: its parts are measured as they come.
    framed[0] &= 0x7f;
    peer.write(&framed).await;
    assert_told_it_is_too_long(&mut peer).await;
    assert!(matches!(peer.hear().await, Heard::Close(Some(1009))));
}

#[tokio::test]
async fn the_bound_is_lifted_by_welcome_and_holds_again_after_goodbye() {
    let node = node().await;
    let mut peer = Peer::rawsocket(&node).await;
    peer.hello().await;
    peer.publish(10 * LEN_MAX).await;
    peer.goodbye().await;
    peer.write(&(LEN_MAX as u32 + 1).to_be_bytes()).await;
    assert_told_it_is_too_long(&mut peer).await;
    assert!(matches!(peer.hear().await, Heard::End));
}

#[tokio::test]
async fn the_transports_handshake_and_hello_share_one_deadline() {
    let node = node().await;
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    // Until it is accepted, its deadline is not set.
    while node.router.connections() == (0, 0) {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    pause();
    advance(Duration::from_millis(4_800)).await;
    resume();
    stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    let mut rest = Vec::new();
    timeout(2 * SECOND, stream.read_to_end(&mut rest)).await.expect("200 ms are left").unwrap();
    assert!(String::from_utf8_lossy(&rest).contains(uris::CLOSE_TIMEOUT), "{rest:?}");
}

async fn refusal(node: &Node, hello: Hello) -> (String, String) {
    let mut peer = Peer::rawsocket(node).await;
    peer.send(hello).await;
    peer.receive_abort().await
}

#[tokio::test]
async fn a_refusal_shows_only_the_beginning_of_what_the_peer_said() {
    let node = node().await;
    let method = Value::List(vec!["x".repeat(50_000).into()]);
    let details = hello().details.with("authmethods", method);
    let (reason, text) = refusal(&node, Hello { details, ..hello() }).await;
    assert_eq!(reason, uris::NO_MATCHING_AUTH_METHOD);
    assert!(text.contains(&format!("({}…)", "x".repeat(64))), "{text}");

    let long = Hello { realm: Some("r".repeat(1_000)), ..hello() };
    let (reason, text) = refusal(&node, long).await;
    assert_eq!(reason, uris::NO_SUCH_REALM);
    assert!(text.contains(&format!("\"{}…\"", "r".repeat(64))), "{text}");

    let whole = "r".repeat(64);
    let (_, text) = refusal(&node, Hello { realm: Some(whole.clone()), ..hello() }).await;
    assert!(text.contains(&format!("{whole:?}")), "{text}");
}

#[tokio::test]
async fn who_was_refused_counts_until_it_is_gone() {
    let admission = AdmissionOptions { pending_per_address_max: 2, ..AdmissionOptions::default() };
    let node = node_with(admission, |_| {}).await;
    let mut refused = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::rawsocket(&node).await;
        peer.send(Hello { realm: None, details: Dict::new() }).await;
        peer.receive_abort().await;
        assert!(matches!(peer.hear().await, Heard::End));
        refused.push(peer);
    }
    assert_eq!(node.router.connections(), (2, 2));
    let mut third = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let read = timeout(2 * SECOND, third.read(&mut [0])).await.expect("refused at once");
    assert!(matches!(read, Ok(0) | Err(_)));
    drop(refused);
    let gone = async {
        while node.router.connections() != (0, 0) {
            tokio::task::yield_now().await;
        }
    };
    timeout(2 * SECOND, gone).await.expect("nothing is left of them");
    Peer::rawsocket(&node).await.hello().await;
}

#[tokio::test]
async fn a_longer_message_than_a_rawsocket_takes_gets_abort_after_joining_too() {
    let node = node_with(AdmissionOptions::default(), |transport| {
        transport.rawsocket.as_mut().unwrap().max_message_size = 1 << 16;
    })
    .await;
    let mut peer = Peer::rawsocket(&node).await;
    peer.hello().await;
    peer.write(&(LEN_MAX as u32 + 1).to_be_bytes()).await;
    assert_told_it_is_too_long(&mut peer).await;
    assert!(matches!(peer.hear().await, Heard::End));
    assert!(node.router.session_queues("realm1").is_empty(), "the session has left");
}
