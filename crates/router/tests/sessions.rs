//! Sessions over real sockets, as their peers see them.

use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, OnSlow, QueueOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, Value, uris};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

struct Node {
    router: Router,
    port: u16,
}

async fn node_with(admission: AdmissionOptions, change: impl FnOnce(&mut TransportOptions)) -> Node {
    let router = Router::new(admission);
    let roles = vec![Role::allow_all("anonymous")];
    let realm = RealmDefinition { roles, ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    change(&mut transport);
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

async fn node() -> Node {
    node_with(AdmissionOptions::default(), |_| {}).await
}

struct Peer {
    stream: TcpStream,
    serializer: Serializer,
}

impl Peer {
    async fn connect(node: &Node, serializer: Serializer) -> Peer {
        Peer::connect_taking(node, serializer, 15).await
    }

    async fn connect_taking(node: &Node, serializer: Serializer, nibble: u8) -> Peer {
        let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
        stream.write_all(&[0x7f, nibble << 4 | serializer.rawsocket_id(), 0, 0]).await.unwrap();
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!((reply[0], reply[1] & 15), (0x7f, serializer.rawsocket_id()));
        Peer { stream, serializer }
    }

    async fn join(node: &Node, serializer: Serializer) -> Peer {
        let mut peer = Peer::connect(node, serializer).await;
        peer.hello().await;
        peer
    }

    async fn hello(&mut self) -> Welcome {
        self.hello_as(Roles::client()).await
    }

    async fn hello_as(&mut self, roles: Roles) -> Welcome {
        // The number tells which encoding of UBJSON it is.
        let details = Dict::new().with("roles", roles.to_dict()).with("x_number", 70_000);
        self.send(Hello { realm: Some("realm1".into()), details }).await;
        match self.receive().await {
            Message::Welcome(welcome) => welcome,
            other => panic!("expected WELCOME, got {other:?}"),
        }
    }

    async fn send(&mut self, message: impl Into<Message<'_>>) {
        self.send_all([message.into()]).await;
    }

    async fn send_all(&mut self, messages: impl IntoIterator<Item = Message<'_>>) {
        let mut bytes = Vec::new();
        for message in messages {
            let body = message.to_bytes(self.serializer);
            bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&body);
        }
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn receive(&mut self) -> Message<'static> {
        let received = timeout(5 * SECOND, async {
            let len = self.stream.read_u32().await.unwrap();
            assert_eq!(len >> 24, 0, "not a message");
            let mut body = vec![0; len as usize];
            self.stream.read_exact(&mut body).await.unwrap();
            body
        });
        let body = received.await.expect("a message within five seconds");
        Message::decode(self.serializer, &body).unwrap().into_owned()
    }

    async fn receive_end(&mut self) {
        let mut rest = Vec::new();
        timeout(5 * SECOND, self.stream.read_to_end(&mut rest))
            .await
            .expect("the end within five seconds")
            .unwrap();
        assert_eq!(rest, b"");
    }

    async fn subscribe(&mut self, topic: &'static str) {
        let options = SubscribeOptions::default();
        self.send(Subscribe { request: RequestId(1), options, topic: topic.into() }).await;
        assert!(matches!(self.receive().await, Message::Subscribed(_)));
    }

    async fn register(&mut self, procedure: &'static str) {
        let options = RegisterOptions::default();
        self.send(Register { request: RequestId(1), options, procedure: procedure.into() }).await;
        assert!(matches!(self.receive().await, Message::Registered(_)));
    }
}

fn publish(request: u64, topic: &'static str, payload: Payload<'static>) -> Message<'static> {
    Publish { request: RequestId(request), options: PublishOptions::default(), topic: topic.into(), payload }
        .into()
}

fn acknowledged(request: u64, topic: &'static str, payload: Payload<'static>) -> Message<'static> {
    let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    Publish { request: RequestId(request), options, topic: topic.into(), payload }.into()
}

fn call(request: u64, procedure: &'static str, payload: Payload<'static>) -> Message<'static> {
    Call {
        request: RequestId(request),
        options: CallOptions::default(),
        procedure: procedure.into(),
        payload,
    }
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_every_serializer_with_their_values() {
    let node = node().await;
    let value =
        Value::List(vec![1.into(), "zwölf".into(), Value::Bin(vec![0, 255]), Value::Null, 1.5.into()]);
    let mut subscribers = Vec::new();
    for serializer in Serializer::ALL {
        let mut subscriber = Peer::join(&node, serializer).await;
        subscriber.subscribe("com.example.topic").await;
        subscribers.push(subscriber);
    }
    for serializer in Serializer::ALL {
        let mut publisher = Peer::join(&node, serializer).await;
        let payload =
            Payload::new(serializer, std::slice::from_ref(&value), &Dict::new().with("n", u64::MAX));
        publisher.send(publish(1, "com.example.topic", payload)).await;
        for subscriber in &mut subscribers {
            let Message::Event(event) = subscriber.receive().await else { panic!("not an EVENT") };
            assert_eq!(
                event.payload.args().first(),
                Some(&value),
                "{serializer} to {}",
                subscriber.serializer
            );
            assert_eq!(event.payload.kwargs().get("n"), Some(&Value::UInt(u64::MAX)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipelined_burst_arrives_whole_and_in_order() {
    let node = node().await;
    let mut subscriber = Peer::join(&node, Serializer::MsgPack).await;
    subscriber.subscribe("com.example.topic").await;
    let mut publisher = Peer::join(&node, Serializer::Json).await;
    let numbered =
        |n: u64| publish(n, "com.example.topic", Payload::new(Serializer::Json, &[n.into()], &Dict::new()));
    publisher.send_all((1..=20_000).map(numbered)).await;
    for n in 1..=20_000u64 {
        let Message::Event(event) = subscriber.receive().await else { panic!("not an EVENT") };
        assert_eq!(event.payload.args(), [n.into()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_to_the_callee_and_back() {
    let node = node().await;
    let mut callee = Peer::join(&node, Serializer::Cbor).await;
    callee.register("com.example.add2").await;
    let mut caller = Peer::join(&node, Serializer::Json).await;
    let payload = Payload::new(Serializer::Json, &[2.into(), 3.into()], &Dict::new());
    caller.send(call(1, "com.example.add2", payload)).await;
    let Message::Invocation(invocation) = callee.receive().await else { panic!("not an INVOCATION") };
    let payload = Payload::new(Serializer::Cbor, &[5.into()], &Dict::new());
    callee.send(Yield { request: invocation.request, options: YieldOptions::default(), payload }).await;
    let Message::Result(result) = caller.receive().await else { panic!("not a RESULT") };
    assert_eq!(result.payload.args(), [5.into()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_times_out() {
    let node = node().await;
    let mut callee = Peer::join(&node, Serializer::Json).await;
    callee.register("com.example.slow").await;
    let mut caller = Peer::join(&node, Serializer::Json).await;
    let options = CallOptions { timeout_ms: 50, ..CallOptions::default() };
    let (request, procedure) = (RequestId(1), "com.example.slow".into());
    caller.send(Call { request, options, procedure, payload: Payload::empty() }).await;
    let Message::Error(error) = caller.receive().await else { panic!("not an ERROR") };
    assert_eq!(error.error, uris::TIMEOUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn goodbye_ends_the_session_and_the_transport_opens_another() {
    let node = node().await;
    let mut peer = Peer::connect(&node, Serializer::Json).await;
    let first = peer.hello().await;
    peer.send(Goodbye::new(uris::CLOSE_REALM)).await;
    let Message::Goodbye(goodbye) = peer.receive().await else { panic!("not a GOODBYE") };
    assert_eq!(goodbye.reason, uris::GOODBYE_AND_OUT);
    let second = peer.hello().await;
    assert_ne!(first.session, second.session);
    peer.subscribe("com.example.topic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_violation_aborts_its_session_and_no_other() {
    let node = node().await;
    let mut neighbour = Peer::join(&node, Serializer::Json).await;
    neighbour.subscribe("com.example.topic").await;
    let mut peer = Peer::join(&node, Serializer::Json).await;
    peer.send(Welcome { session: crossweave_wamp::SessionId(1), details: Dict::new() }).await;
    let Message::Abort(abort) = peer.receive().await else { panic!("not an ABORT") };
    assert_eq!(abort.reason, uris::PROTOCOL_VIOLATION);
    peer.receive_end().await;
    let mut publisher = Peer::join(&node, Serializer::Json).await;
    publisher.send(publish(1, "com.example.topic", Payload::empty())).await;
    assert!(matches!(neighbour.receive().await, Message::Event(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_realm_is_refused_with_its_name() {
    let node = node().await;
    let mut peer = Peer::connect(&node, Serializer::Cbor).await;
    let details = Dict::new().with("roles", Roles::client().to_dict());
    peer.send(Hello { realm: Some("realm2".into()), details }).await;
    let Message::Abort(abort) = peer.receive().await else { panic!("not an ABORT") };
    assert_eq!(abort.reason, uris::NO_SUCH_REALM);
    assert!(abort.details.str("message").unwrap().contains("realm2"));
    peer.receive_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_closed_at_its_deadline() {
    let node = node_with(AdmissionOptions::default(), |transport| transport.handshake_timeout_ms = 200).await;
    let mut silent = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let mut rest = Vec::new();
    timeout(2 * SECOND, silent.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
    let mut peer = Peer::connect(&node, Serializer::Json).await;
    let Message::Abort(abort) = peer.receive().await else { panic!("not an ABORT") };
    assert_eq!(abort.reason, uris::CLOSE_TIMEOUT);
    peer.receive_end().await;
    drop(peer);
    let gone = async {
        while node.router.connections() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SECOND, gone).await.expect("nothing is left of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_do_not_join_are_bounded_per_address() {
    let admission = AdmissionOptions { pending_per_address_max: 2, ..AdmissionOptions::default() };
    let node = node_with(admission, |_| {}).await;
    let mut first = Peer::connect(&node, Serializer::Json).await;
    let _second = Peer::connect(&node, Serializer::Json).await;
    let mut third = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(SECOND, third.read_to_end(&mut rest)).await.expect("closed at once");
    first.hello().await;
    let _fourth = Peer::connect(&node, Serializer::Json).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_stops_reading_loses_events_and_is_counted() {
    let queue = QueueOptions { bytes_max: 256 * 1024, on_slow: OnSlow::DropNew };
    let node = node_with(AdmissionOptions::default(), |transport| transport.queue = queue).await;
    let mut slow = Peer::join(&node, Serializer::Json).await;
    slow.subscribe("com.example.topic").await;
    let mut neighbour = Peer::join(&node, Serializer::Json).await;
    neighbour.subscribe("com.example.topic").await;
    let mut publisher = Peer::join(&node, Serializer::Json).await;
    let payload = || Payload::new(Serializer::Json, &["x".repeat(10_000).into()], &Dict::new());
    for n in 1..=3_000 {
        publisher.send(publish(n, "com.example.topic", payload())).await;
        assert!(matches!(neighbour.receive().await, Message::Event(_)));
    }
    let queues = node.router.session_queues("realm1");
    let dropped: u64 = queues.iter().map(|queue| queue.dropped).sum();
    let waiting = queues.iter().map(|queue| queue.waiting_bytes).max().unwrap();
    assert!(dropped > 0, "{queues:?}");
    assert!(waiting <= 256 * 1024, "{queues:?}");
    let longest = node.router.realm_stats("realm1").unwrap().longest_queue_bytes;
    assert!((1..=256 * 1024).contains(&longest), "{longest}");
    // It reads again: what was queued arrives, and then what is published from now on.
    let mut received = 0;
    while let Ok(Message::Event(_)) = timeout(SECOND, slow.receive()).await {
        received += 1;
        if received + dropped == 3_000 {
            break;
        }
    }
    assert_eq!(received + dropped, 3_000);
    publisher.send(publish(3_001, "com.example.topic", payload())).await;
    assert!(matches!(slow.receive().await, Message::Event(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_disconnecting_closes_the_slow_subscriber() {
    let queue = QueueOptions { bytes_max: 64 * 1024, on_slow: OnSlow::Disconnect };
    let node = node_with(AdmissionOptions::default(), |transport| transport.queue = queue).await;
    let mut slow = Peer::join(&node, Serializer::Json).await;
    slow.subscribe("com.example.topic").await;
    let mut publisher = Peer::join(&node, Serializer::Json).await;
    for n in 1..=2_000 {
        let payload = Payload::new(Serializer::Json, &["x".repeat(10_000).into()], &Dict::new());
        publisher.send(acknowledged(n, "com.example.topic", payload)).await;
        assert!(matches!(publisher.receive().await, Message::Published(_)));
    }
    let gone = async {
        while node.router.session_queues("realm1").len() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(5 * SECOND, gone).await.expect("the slow session is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_too_long_for_the_caller_becomes_an_error() {
    let node = node().await;
    let mut callee = Peer::join(&node, Serializer::Json).await;
    callee.register("com.example.big").await;
    let mut caller = Peer::connect_taking(&node, Serializer::Json, 2).await;
    caller.hello().await;
    caller.send(call(1, "com.example.big", Payload::empty())).await;
    let Message::Invocation(invocation) = callee.receive().await else { panic!("not an INVOCATION") };
    let payload = Payload::new(Serializer::Json, &["x".repeat(4_000).into()], &Dict::new());
    callee.send(Yield { request: invocation.request, options: YieldOptions::default(), payload }).await;
    let Message::Error(error) = caller.receive().await else { panic!("not an ERROR") };
    assert_eq!(error.error, uris::PAYLOAD_SIZE_EXCEEDED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_too_long_for_the_callee_fails_the_call() {
    let node = node().await;
    let mut callee = Peer::connect_taking(&node, Serializer::Json, 2).await;
    callee.hello().await;
    callee.register("com.example.small").await;
    let mut caller = Peer::join(&node, Serializer::Json).await;
    let payload = Payload::new(Serializer::Json, &["x".repeat(4_000).into()], &Dict::new());
    caller.send(call(1, "com.example.small", payload)).await;
    let Message::Error(error) = caller.receive().await else { panic!("not an ERROR") };
    assert_eq!(error.error, uris::PAYLOAD_SIZE_EXCEEDED);
}

#[tokio::test]
async fn a_callee_is_interrupted_if_a_later_part_of_a_call_is_too_long_for_it() {
    let node = node().await;
    let announced = Features::PROGRESSIVE_CALL_INVOCATIONS.and(Features::CALL_CANCELING);
    let roles = Roles { caller: Some(announced), callee: Some(announced), ..Roles::client() };
    // It takes 2,048 octets.
    let mut callee = Peer::connect_taking(&node, Serializer::Json, 2).await;
    callee.hello_as(roles).await;
    callee.register("com.example.parts").await;
    let mut caller = Peer::connect(&node, Serializer::Json).await;
    caller.hello_as(roles).await;
    for (request, is_last) in [(1, false), (2, true)] {
        let part = |progress: bool, len: usize| {
            let options = CallOptions { progress, ..CallOptions::default() };
            let payload = Payload::new(Serializer::Json, &["x".repeat(len).into()], &Dict::new());
            Call { request: RequestId(request), options, procedure: "com.example.parts".into(), payload }
        };
        caller.send(part(true, 10)).await;
        assert!(matches!(callee.receive().await, Message::Invocation(_)));
        caller.send(part(!is_last, 4_000)).await;
        let Message::Error(error) = caller.receive().await else { panic!("expected ERROR") };
        assert_eq!(error.error, uris::PAYLOAD_SIZE_EXCEEDED);
        let Message::Interrupt(interrupt) = callee.receive().await else { panic!("expected INTERRUPT") };
        assert_eq!((interrupt.request, interrupt.mode), (RequestId(request), Some(CancelMode::KillNoWait)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_says_goodbye_to_every_session() {
    let node = node().await;
    let mut peer = Peer::join(&node, Serializer::MsgPack).await;
    let shutdown = tokio::spawn(async move { node.router.shutdown().await });
    let Message::Goodbye(goodbye) = peer.receive().await else { panic!("not a GOODBYE") };
    assert_eq!(goodbye.reason, uris::SYSTEM_SHUTDOWN);
    peer.receive_end().await;
    drop(peer);
    timeout(SECOND, shutdown).await.expect("shut down").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_this_program_join_without_a_socket() {
    let node = node().await;
    let mut local = node.router.connect_local(Serializer::Cbor, "anonymous", "component");
    let details = Dict::new().with("roles", Roles::client().to_dict());
    let hello = Message::from(Hello { realm: Some("realm1".into()), details }).to_bytes(Serializer::Cbor);
    local.write_u32(hello.len() as u32).await.unwrap();
    local.write_all(&hello).await.unwrap();
    let mut body = vec![0; timeout(SECOND, local.read_u32()).await.expect("an answer").unwrap() as usize];
    local.read_exact(&mut body).await.unwrap();
    let Ok(Message::Welcome(welcome)) = Message::decode(Serializer::Cbor, &body) else {
        panic!("not a WELCOME")
    };
    assert_eq!(welcome.details.str("authid"), Some("component"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_goes_on_after_breaking_the_framing_is_cut_off() {
    let node = node().await;
    let mut peer = Peer::join(&node, Serializer::Json).await;
    // A frame of an unknown type, then as much as it can.
    let mut sent = 0;
    let flood = async {
        peer.stream.write_all(&[0xff; 4]).await?;
        while sent < 256 << 20 {
            sent += peer.stream.write(&[b'a'; 65_536]).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let ended = timeout(5 * SECOND, flood).await.expect("the connection ends");
    assert!(ended.is_err(), "{sent} octets were taken");
    assert!(sent < 64 << 20, "{sent} octets were taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_takes_512_octets_joins_in_every_serializer() {
    const LIMITS: [u8; 2] = [0, 3];
    let node = node().await;
    for serializer in Serializer::ALL {
        let [small, large] = LIMITS.map(|nibble| Peer::connect_taking(&node, serializer, nibble));
        let (mut small, mut large) = (small.await, large.await);
        let (shortened, whole) = (small.hello().await, large.hello().await);
        let features = |welcome: &Welcome| Roles::from_details(&welcome.details).broker;
        assert_eq!(features(&shortened), Some(Features::NONE), "{serializer:?}");
        assert!(
            features(&whole).is_some_and(|features| features.has(Features::PATTERN_BASED_SUBSCRIPTION)),
            "{serializer:?}"
        );
        assert!(shortened.details.str("authid").is_some(), "{serializer:?}");
        // And it is a session like others.
        small.subscribe("com.example.small").await;
        let payload = Payload::new(serializer, &[7.into()], &Dict::new());
        large.send(publish(1, "com.example.small", payload.clone())).await;
        let Message::Event(event) = small.receive().await else { panic!("expected EVENT") };
        assert_eq!(event.payload, payload, "{serializer:?}");
    }
}

#[tokio::test]
async fn large_events_keep_their_place_in_every_serializer() {
    let node = node().await;
    let mut subscribers = Vec::new();
    for serializer in Serializer::ALL {
        let mut peer = Peer::join(&node, serializer).await;
        peer.subscribe("com.example.large").await;
        subscribers.push(peer);
    }
    let mut publisher = Peer::join(&node, Serializer::MsgPack).await;
    // Copied, shared, transcoded before the realm is locked, and copied again.
    let sizes = [10, 100_000, 400_000, 10];
    let payloads = sizes.map(|size| {
        let args = [Value::from("é\n".repeat(size / 4)), Value::Bin(vec![0xff; size / 2])];
        Payload::new(Serializer::MsgPack, &args, &Dict::new())
    });
    for payload in &payloads {
        publisher.send(publish(1, "com.example.large", payload.clone())).await;
    }
    for peer in &mut subscribers {
        for payload in &payloads {
            let Message::Event(event) = peer.receive().await else { panic!("expected EVENT") };
            assert!(event.payload == *payload, "{:?}", peer.serializer);
        }
    }
}
