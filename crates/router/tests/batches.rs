//! Batches of many messages in a WebSocket message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, Authentication, AuthorizeRequest, Authorizer, Decision, RealmDefinition, Role, Router,
    TransportOptions, WebSocketOptions,
};
use crossweave_router_core::{Authorization, Disclose};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
/// Some eight megabytes.
const COUNT: usize = 250_000;
const HELLO: &str = r#"[1,"realm1",{"roles":{"publisher":{},"subscriber":{}}}]"#;

async fn node(definition: RealmDefinition) -> (Router, u16) {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.websocket.insert("/ws".into(), WebSocketOptions::default());
    transport.authentication = Authentication::anonymous("anonymous");
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    (router, address.port())
}

async fn open_node() -> (Router, u16) {
    let roles = vec![Role::allow_all("anonymous")];
    node(RealmDefinition { roles, ..RealmDefinition::default() }).await
}

/// A peer that speaks JSON, one message in each frame or many.
struct Peer {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Peer {
    async fn connect(port: u16, protocol: &str) -> Peer {
        let options = ConnectOptions { protocols: vec![protocol.to_owned()], ..ConnectOptions::default() };
        let connection = connect(&format!("ws://127.0.0.1:{port}/ws"), &options).await.unwrap();
        let buffer = connection.leftover.clone();
        Peer { connection, buffer }
    }

    async fn join(port: u16, protocol: &str) -> Peer {
        let mut peer = Peer::connect(port, protocol).await;
        peer.send(&[HELLO]).await;
        assert!(peer.receive().await.starts_with("[2,"));
        peer
    }

    /// Sends frames at once.
    async fn send(&mut self, frames: &[&str]) {
        let mut framed = Vec::new();
        for frame in frames {
            self.connection.codec.encoder.append_message(&mut framed, true, frame.as_bytes()).unwrap();
        }
        self.connection.stream.write_all(&framed).await.unwrap();
    }

    /// What the next frame holds.
    async fn receive(&mut self) -> String {
        timeout(PATIENCE, self.next()).await.expect("an answer in time").expect("an answer")
    }

    /// The same; nothing at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            let decoded = self.connection.codec.decoder.decode(&mut self.buffer).unwrap();
            let consumed = decoded.consumed;
            let item = match decoded.item {
                Item::Message { data, .. } => Some(String::from_utf8(data.to_vec()).unwrap()),
                Item::Incomplete => None,
                other => panic!("{other:?}"),
            };
            self.buffer.drain(..consumed);
            if item.is_some() {
                return item;
            }
            if self.connection.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

/// PUBLISH messages of these numbers.
fn publications(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("[16,{},{{}},\"com.x\",[{number}]]\u{1e}", number + 1)).collect()
}

async fn subscriber(port: u16) -> Peer {
    let mut subscriber = Peer::join(port, "wamp.2.json").await;
    subscriber.send(&[r#"[32,1,{},"com.x"]"#]).await;
    assert!(subscriber.receive().await.starts_with("[33,"));
    subscriber
}

/// Whether the next events are of these numbers, in order.
async fn hears(subscriber: &mut Peer, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let event = subscriber.receive().await;
        assert!(event.ends_with(&format!(",{{}},[{number}]]")), "{number}: {event}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_reads_misses_no_event_of_a_batch_however_long() {
    let (_router, port) = open_node().await;
    let mut subscriber = subscriber(port).await;
    let mut publisher = Peer::join(port, "wamp.2.json.batched").await;
    let batch = publications(0..COUNT);
    tokio::spawn(async move {
        publisher.send(&[&batch]).await;
        // It stays until its batch is read.
        publisher.next().await
    });
    hears(&mut subscriber, 0..COUNT).await;
}

#[tokio::test]
async fn what_comes_behind_a_batch_is_routed_behind_it() {
    let (_router, port) = open_node().await;
    let mut subscriber = subscriber(port).await;
    let mut publisher = Peer::connect(port, "wamp.2.json.batched").await;
    let frames = [
        format!("{HELLO}\u{1e}{}", publications(0..500)),
        publications(500..1_500),
        publications(1_500..1_501),
        publications(1_501..5_000),
        "[6,{},\"wamp.close.normal\"]\u{1e}".to_owned(),
    ];
    publisher.send(&frames.each_ref().map(String::as_str)).await;
    hears(&mut subscriber, 0..5_000).await;
    assert!(publisher.receive().await.starts_with("[2,"));
    assert!(publisher.receive().await.starts_with("[6,"));
}

#[tokio::test]
async fn a_batch_that_is_broken_behind_its_first_portion_ends_its_session_there() {
    let (_router, port) = open_node().await;
    let mut subscriber = subscriber(port).await;
    let mut publisher = Peer::join(port, "wamp.2.json.batched").await;
    publisher.send(&[&format!("{}nonsense\u{1e}{}", publications(0..1_000), publications(0..1_000))]).await;
    hears(&mut subscriber, 0..1_000).await;
    let abort = publisher.receive().await;
    assert!(abort.contains("wamp.error.protocol_violation"), "{abort}");
    assert_eq!(subscriber_is_quiet(&mut subscriber).await, None);
}

async fn subscriber_is_quiet(subscriber: &mut Peer) -> Option<String> {
    timeout(Duration::from_millis(200), subscriber.next()).await.ok().flatten()
}

/// Takes its time for its first answer, which is remembered.
#[derive(Debug)]
struct Slow;

impl Authorizer for Slow {
    fn authorize(
        &self,
        _realm: &str,
        _request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Decision::Allow { disclose: Disclose::AsAsked, cache: true }
        })
    }
}

#[tokio::test]
async fn a_batch_of_one_who_is_authorized_dynamically_waits_for_the_decision() {
    let roles = vec![Role::new("anonymous", Authorization::Dynamic)];
    let authorizer: Option<Arc<dyn Authorizer>> = Some(Arc::new(Slow));
    let (_router, port) = node(RealmDefinition { roles, authorizer, ..RealmDefinition::default() }).await;
    let mut publisher = Peer::join(port, "wamp.2.json.batched").await;
    let asked = "[16,10001,{\"acknowledge\":true},\"com.x\"]\u{1e}";
    publisher.send(&[&format!("{}{asked}", publications(0..10_000))]).await;
    let answer = publisher.receive().await;
    assert!(answer.starts_with("[17,10001,"), "{answer}");
}
