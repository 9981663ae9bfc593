//! A callee whose connection stays open but that no longer answers: its calls end when its ping has timed out, and new ones go to
//! others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossweave_router::{
    AdmissionOptions, QueueOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions,
    WebSocketOptions,
};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::{ConnectOptions, Connection, ListenEndpoint, connect};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, Value, uris};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PROCEDURE: &str = "com.example.p";
const SERIALIZER: Serializer = Serializer::MsgPack;

/// A router with two transports: one that pings after 300 ms, and a RawSocket one that does not. And their ports.
async fn node() -> (Router, u16, u16) {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("anonymous")];
    let realm = RealmDefinition { roles, ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    let mut pinging = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    pinging.rawsocket = Some(RawSocketOptions {
        auto_ping_interval_ms: 300,
        auto_ping_timeout_ms: 200,
        ..RawSocketOptions::default()
    });
    pinging.queue = QueueOptions { bytes_max: 64 * 1024, ..pinging.queue };
    let websocket = WebSocketOptions {
        auto_ping_interval_ms: 300,
        auto_ping_timeout_ms: 200,
        ..WebSocketOptions::default()
    };
    pinging.websocket.insert("/ws".into(), websocket);
    let mut plain = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    plain.rawsocket = Some(RawSocketOptions::default());
    let (pinging, plain) = (port(&router, pinging).await, port(&router, plain).await);
    (router, pinging, plain)
}

async fn port(router: &Router, transport: TransportOptions) -> u16 {
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    address.port()
}

fn hello() -> Hello {
    let details = Dict::new().with("roles", Roles::client().to_dict());
    Hello { realm: Some("realm1".into()), details }
}

fn register() -> Register<'static> {
    let options = RegisterOptions { invoke: InvokePolicy::First, ..RegisterOptions::default() };
    Register { request: RequestId(1), options, procedure: PROCEDURE.into() }
}

fn call(request: u64, procedure: &'static str, payload: Payload<'static>) -> Call<'static> {
    let options = CallOptions::default();
    Call { request: RequestId(request), options, procedure: procedure.into(), payload }
}

/// Joins and registers. It reads no more after that: no INVOCATION, no ping.
async fn silent_callee(url: &str) -> Connection {
    let (protocols, serializers) =
        (vec![SERIALIZER.subprotocol().to_owned()], vec![SERIALIZER.rawsocket_id()]);
    let options = ConnectOptions { protocols, serializers, ..ConnectOptions::default() };
    let mut connection = connect(url, &options).await.unwrap();
    let mut out = Vec::new();
    for message in [Message::from(hello()), register().into()] {
        connection.codec.append_message(&mut out, false, &message.to_bytes(SERIALIZER)).unwrap();
    }
    connection.stream.write_all(&out).await.unwrap();
    connection
}

/// A session over RawSocket.
struct Peer(TcpStream);

impl Peer {
    async fn join(port: u16) -> Peer {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(&[0x7f, 0xf0 | SERIALIZER.rawsocket_id(), 0, 0]).await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let mut peer = Peer(stream);
        peer.send(hello()).await;
        assert!(matches!(peer.receive().await, Message::Welcome(_)));
        peer
    }

    async fn send(&mut self, message: impl Into<Message<'_>>) {
        let body = message.into().to_bytes(SERIALIZER);
        self.0.write_u32(body.len() as u32).await.unwrap();
        self.0.write_all(&body).await.unwrap();
    }

    async fn receive(&mut self) -> Message<'static> {
        let received = timeout(Duration::from_secs(10), async {
            let mut body = vec![0; self.0.read_u32().await.unwrap() as usize];
            self.0.read_exact(&mut body).await.unwrap();
            body
        });
        Message::decode(SERIALIZER, &received.await.expect("a message in time")).unwrap().into_owned()
    }

    async fn callees(&mut self, request: u64) -> Value {
        let arguments = Payload::new(SERIALIZER, &[PROCEDURE.into()], &Dict::new());
        self.send(call(request, "wamp.registration.match", arguments)).await;
        let Message::Result(registration) = self.receive().await else { panic!("no RESULT") };
        let id = registration.payload.args().remove(0);
        if id == Value::Null {
            return 0.into();
        }
        let arguments = Payload::new(SERIALIZER, &[id], &Dict::new());
        self.send(call(request + 1, "wamp.registration.count_callees", arguments)).await;
        let Message::Result(count) = self.receive().await else { panic!("no RESULT") };
        count.payload.args().remove(0)
    }

    /// Waits until so many callees are registered.
    async fn sees_callees(&mut self, count: u64) {
        let mut request = 1_000;
        while self.callees(request).await != count.into() {
            request += 2;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_calls_end_at_the_ping_timeout_and_the_next_goes_to_another_callee() {
    let (_router, pinging, port) = node().await;
    for url in [format!("ws://127.0.0.1:{pinging}/ws"), format!("rs://127.0.0.1:{pinging}")] {
        its_calls_end(&url, port).await;
    }
}

async fn its_calls_end(url: &str, port: u16) {
    let _silent = silent_callee(url).await;
    let mut caller = Peer::join(port).await;
    caller.sees_callees(1).await;
    let mut other = Peer::join(port).await;
    other.send(register()).await;
    assert!(matches!(other.receive().await, Message::Registered(_)));
    let start = Instant::now();
    caller.send(call(1, PROCEDURE, Payload::empty())).await;
    let Message::Error(error) = caller.receive().await else { panic!("no ERROR") };
    assert_eq!((&*error.error, error.request), (uris::CANCELED, RequestId(1)));
    assert!(start.elapsed() < Duration::from_secs(5), "after {:?}", start.elapsed());
    assert_eq!(caller.callees(2).await, 1.into());
    caller.send(call(9, PROCEDURE, Payload::empty())).await;
    let Message::Invocation(invocation) = other.receive().await else { panic!("no INVOCATION") };
    let (request, options, payload) = (invocation.request, YieldOptions::default(), Payload::empty());
    other.send(Yield { request, options, payload }).await;
    assert!(matches!(caller.receive().await, Message::Result(_)));
}

/// What is queued for it is more than it may be behind: the router does not read it, and so would not hear its answer.
#[tokio::test(flavor = "multi_thread")]
async fn its_calls_end_though_its_queue_is_full() {
    const CALLS: u64 = 300;
    let (_router, pinging, port) = node().await;
    let _silent = silent_callee(&format!("ws://127.0.0.1:{pinging}/ws")).await;
    let mut caller = Peer::join(port).await;
    caller.sees_callees(1).await;
    let payload = Payload::new(SERIALIZER, &["x".repeat(60_000).into()], &Dict::new());
    for request in 1..=CALLS {
        caller.send(call(request, PROCEDURE, payload.clone())).await;
    }
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..CALLS {
        let Message::Error(error) = caller.receive().await else { panic!("no ERROR") };
        *errors.entry(error.error.into_owned()).or_default() += 1;
    }
    assert!(errors.contains_key(uris::UNAVAILABLE), "the queue was full: {errors:?}");
    assert!(errors.contains_key(uris::CANCELED), "the others ended too: {errors:?}");
    assert_eq!(caller.callees(CALLS + 1).await, 0.into());
}

/// The types of RawSocket frames, in their first octet.
const PING: u8 = 1;
const PONG: u8 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_rawsocket_peer_that_answers_pings_stays() {
    let (_router, pinging, _) = node().await;
    let mut peer = Peer::join(pinging).await;
    for _ in 0..3 {
        let mut header = [0; 4];
        timeout(Duration::from_secs(5), peer.0.read_exact(&mut header))
            .await
            .expect("a ping in time")
            .unwrap();
        assert_eq!(header[0], PING, "{header:?}");
        let mut frame = [0; 4 + 125];
        let len = usize::from(header[3]);
        peer.0.read_exact(&mut frame[4..4 + len]).await.unwrap();
        header[0] = PONG;
        frame[..4].copy_from_slice(&header);
        peer.0.write_all(&frame[..4 + len]).await.unwrap();
    }
    assert_eq!(peer.callees(1).await, 0.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn rawsocket_peers_are_not_pinged_by_default() {
    let (_router, _, port) = node().await;
    let mut peer = Peer::join(port).await;
    let silence = timeout(Duration::from_millis(700), peer.0.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
    assert_eq!(peer.callees(1).await, 0.into());
}
