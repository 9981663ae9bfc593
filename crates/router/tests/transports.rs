//! The same conversation over every kind of transport, with the transport crate's own connector at the other end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossweave_router::http::{Answering, RequestBody, text};
use crossweave_router::{
    AdmissionOptions, HttpPeer, HttpService, RawSocketOptions, RealmDefinition, Role, Router,
    TransportOptions, WebSocketOptions,
};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::tls::{CertificateFiles, TlsClientOptions, TlsServerOptions};
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, connect};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::*;
use crossweave_wamp::{Batching, Dict, Message, Payload, RequestId, Serializer, Value};
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory that is removed with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("crossweave-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn websocket() -> WebSocketOptions {
    WebSocketOptions::default()
}

async fn listen(
    endpoint: ListenEndpoint,
    change: impl FnOnce(&mut TransportOptions),
) -> (Router, BoundAddress) {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("anonymous")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    let mut transport = TransportOptions::new(endpoint);
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.websocket.insert("/ws".into(), websocket());
    change(&mut transport);
    let address = router.listen(transport).await.unwrap();
    (router, address)
}

async fn listen_tcp(change: impl FnOnce(&mut TransportOptions)) -> (Router, u16) {
    let (router, address) = listen(ListenEndpoint::tcp("127.0.0.1", 0), change).await;
    let BoundAddress::Tcp(address) = address else { panic!("not tcp") };
    (router, address.port())
}

struct Peer {
    connection: Connection,
    serializer: Serializer,
    batching: Batching,
    buffer: Vec<u8>,
}

impl Peer {
    async fn join(url: &str, serializer: Serializer, options: ConnectOptions) -> Peer {
        Peer::join_batched(url, serializer, Batching::Single, options).await
    }

    async fn join_batched(
        url: &str,
        serializer: Serializer,
        batching: Batching,
        options: ConnectOptions,
    ) -> Peer {
        let options = ConnectOptions {
            protocols: match batching {
                Batching::Single => vec![serializer.subprotocol().to_owned()],
                _ => vec![serializer.batched_subprotocol().to_owned()],
            },
            serializers: vec![serializer.rawsocket_id()],
            ..options
        };
        let connection = connect(url, &options).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let buffer = connection.leftover.clone();
        let mut peer = Peer { connection, serializer, batching, buffer };
        // The number tells which encoding of UBJSON it is.
        let details = Dict::new().with("roles", Roles::client().to_dict()).with("x_number", 70_000);
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        assert!(matches!(peer.receive().await, Message::Welcome(_)));
        peer
    }

    async fn send(&mut self, message: impl Into<Message<'_>>) {
        let mut body = Vec::new();
        self.append(message, &mut body);
        self.send_frame(&body).await;
    }

    /// Appends a message to what will be one frame.
    fn append<'m>(&self, message: impl Into<Message<'m>>, frame: &mut Vec<u8>) {
        let start = frame.len();
        self.batching.begin(frame);
        message.into().encode(self.serializer, frame);
        self.batching.end(frame, start);
    }

    async fn send_frame(&mut self, body: &[u8]) {
        let mut out = Vec::new();
        self.connection.codec.append_message(&mut out, self.serializer.is_text(), body).unwrap();
        self.connection.stream.write_all(&out).await.unwrap();
    }

    async fn receive(&mut self) -> Message<'static> {
        timeout(Duration::from_secs(10), async {
            loop {
                let decoded = self.connection.codec.decode(&mut self.buffer).unwrap();
                let consumed = decoded.consumed;
                let message = match decoded.item {
                    Item::Message { data, .. } => {
                        assert_eq!(self.batching, self.batching.as_peer_does(data), "answered in kind");
                        let messages: Vec<_> = self.batching.split(data).map(|it| it.unwrap()).collect();
                        assert_eq!(messages.len(), 1, "one message in each frame");
                        Some(Message::decode(self.serializer, messages[0]).unwrap().into_owned())
                    }
                    Item::Incomplete => None,
                    other => panic!("unexpected {other:?}"),
                };
                self.buffer.drain(..consumed);
                match message {
                    Some(message) => return message,
                    None if consumed > 0 => {}
                    None => {
                        let read = self.connection.stream.read_buf(&mut self.buffer).await.unwrap();
                        assert!(read > 0, "the connection ended");
                    }
                }
            }
        })
        .await
        .expect("a message within ten seconds")
    }
}

/// Publishes payloads of all sizes to itself and to a second session, and reads them back.
async fn converse(url: &str, serializer: Serializer, options: ConnectOptions) {
    let mut subscriber = Peer::join(url, serializer, options.clone()).await;
    let topic = "com.example.topic";
    subscriber
        .send(Subscribe { request: RequestId(1), options: SubscribeOptions::default(), topic: topic.into() })
        .await;
    assert!(matches!(subscriber.receive().await, Message::Subscribed(_)));
    let mut publisher = Peer::join(url, serializer, options).await;
    for (n, len) in [0, 1, 100, 125, 126, 1_000, 16_000, 65_535, 70_000, 1_000_000].into_iter().enumerate() {
        let text: String = "añb c".chars().cycle().take(len).collect();
        let payload = Payload::new(serializer, &[text.clone().into()], &Dict::new());
        let request = RequestId(n as u64 + 1);
        publisher
            .send(Publish { request, options: PublishOptions::default(), topic: topic.into(), payload })
            .await;
        let Message::Event(event) = subscriber.receive().await else { panic!("not an EVENT") };
        assert_eq!(event.payload.args(), [Value::Str(text)], "{url}, {len} characters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_and_rawsocket_on_one_port() {
    let (_router, port) = listen_tcp(|_| {}).await;
    for serializer in Serializer::ALL {
        converse(&format!("ws://127.0.0.1:{port}/ws"), serializer, ConnectOptions::default()).await;
        converse(&format!("rs://127.0.0.1:{port}"), serializer, ConnectOptions::default()).await;
    }
}

/// The kinds of batches that a peer of this serializer may speak.
fn batchings(serializer: Serializer) -> &'static [Batching] {
    match serializer {
        Serializer::Json => &[Batching::RecordSeparator, Batching::Cancel],
        _ => &[Batching::Length],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_routed_in_order_and_answered_in_kind() {
    const EVENTS: u64 = 200;
    let (_router, port) = listen_tcp(|transport| {
        let deflate = Some(DeflateOptions::default());
        transport.websocket.insert("/deflate".into(), WebSocketOptions { deflate, ..websocket() });
    })
    .await;
    let deflate = ConnectOptions { deflate: Some(DeflateOptions::default()), ..ConnectOptions::default() };
    for (serializer, path, options) in Serializer::ALL.into_iter().flat_map(|serializer| {
        [(serializer, "ws", ConnectOptions::default()), (serializer, "deflate", deflate.clone())]
    }) {
        for &batching in batchings(serializer) {
            let url = format!("ws://127.0.0.1:{port}/{path}");
            let mut peer = Peer::join_batched(&url, serializer, batching, options.clone()).await;
            let topic = "com.example.topic";
            let mut frame = Vec::new();
            let subscribe =
                Subscribe { request: RequestId(1), options: Default::default(), topic: topic.into() };
            peer.append(subscribe, &mut frame);
            for number in 0..EVENTS {
                let options = PublishOptions { exclude_me: false, ..Default::default() };
                let payload = Payload::new(serializer, &[number.into()], &Dict::new());
                let request = RequestId(number + 2);
                peer.append(Publish { request, options, topic: topic.into(), payload }, &mut frame);
            }
            peer.send_frame(&frame).await;
            assert!(matches!(peer.receive().await, Message::Subscribed(_)));
            for number in 0..EVENTS {
                let Message::Event(event) = peer.receive().await else { panic!("not an EVENT") };
                assert_eq!(event.payload.args(), [Value::from(number)], "{serializer} {batching:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_begin_with_hello() {
    let (_router, port) = listen_tcp(|_| {}).await;
    let serializer = Serializer::Json;
    let options = ConnectOptions {
        protocols: vec![serializer.batched_subprotocol().to_owned()],
        ..ConnectOptions::default()
    };
    let connection = connect(&format!("ws://127.0.0.1:{port}/ws"), &options).await.unwrap();
    let buffer = connection.leftover.clone();
    let mut peer = Peer { connection, serializer, batching: Batching::Cancel, buffer };
    let mut frame = Vec::new();
    let details = Dict::new().with("roles", Roles::client().to_dict());
    peer.append(Hello { realm: Some("realm1".into()), details }, &mut frame);
    peer.append(
        Subscribe { request: RequestId(1), options: Default::default(), topic: "a.b".into() },
        &mut frame,
    );
    peer.send_frame(&frame).await;
    assert!(matches!(peer.receive().await, Message::Welcome(_)));
    assert!(matches!(peer.receive().await, Message::Subscribed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_batch_ends_the_session_after_what_came_before() {
    let (_router, port) = listen_tcp(|_| {}).await;
    let url = format!("ws://127.0.0.1:{port}/ws");
    let mut peer =
        Peer::join_batched(&url, Serializer::Cbor, Batching::Length, ConnectOptions::default()).await;
    let mut frame = Vec::new();
    peer.append(
        Subscribe { request: RequestId(1), options: Default::default(), topic: "a.b".into() },
        &mut frame,
    );
    frame.extend_from_slice(&[0, 0, 0, 9, 1]);
    peer.send_frame(&frame).await;
    assert!(matches!(peer.receive().await, Message::Subscribed(_)));
    let Message::Abort(abort) = peer.receive().await else { panic!("not an ABORT") };
    assert_eq!(abort.reason, "wamp.error.protocol_violation");
    assert!(abort.details.str("message").unwrap().contains("malformed batch at byte"), "{abort:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_of_ubjson_that_tells_nothing_is_answered_in_bjdata() {
    let (_router, port) = listen_tcp(|_| {}).await;
    for (agent, answer) in
        [("AutobahnPython/25.12.2", Serializer::Ubjson), ("AutobahnPython/26.10.2", Serializer::BjData)]
    {
        let options = ConnectOptions {
            protocols: vec![Serializer::Ubjson.subprotocol().to_owned()],
            headers: vec![("User-Agent".into(), agent.into())],
            ..ConnectOptions::default()
        };
        let connection = connect(&format!("ws://127.0.0.1:{port}/ws"), &options).await.unwrap();
        let buffer = connection.leftover.clone();
        let mut peer = Peer { connection, serializer: answer, batching: Batching::Single, buffer };
        let details = Dict::new().with("roles", Roles::client().to_dict());
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        let Message::Welcome(welcome) = peer.receive().await else { panic!("not a WELCOME") };
        assert!(welcome.session.0 > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_with_compression() {
    let (_router, port) = listen_tcp(|transport| {
        let deflate = Some(DeflateOptions::default());
        transport.websocket.insert("/ws".into(), WebSocketOptions { deflate, ..websocket() });
    })
    .await;
    for serializer in Serializer::ALL {
        let options =
            ConnectOptions { deflate: Some(DeflateOptions::default()), ..ConnectOptions::default() };
        converse(&format!("ws://127.0.0.1:{port}/ws"), serializer, options).await;
        converse(&format!("ws://127.0.0.1:{port}/ws"), serializer, ConnectOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_in_fragments() {
    let (_router, port) = listen_tcp(|transport| {
        transport
            .websocket
            .insert("/ws".into(), WebSocketOptions { auto_fragment_size: 1_000, ..websocket() });
    })
    .await;
    for serializer in Serializer::ALL {
        converse(&format!("ws://127.0.0.1:{port}/ws"), serializer, ConnectOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets() {
    let scratch = Scratch::new("unix");
    let path = scratch.0.join("router.sock");
    let (_router, _) = listen(ListenEndpoint::unix(&path), |_| {}).await;
    for serializer in Serializer::ALL {
        converse(&format!("unix+rs://{}", path.display()), serializer, ConnectOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_websocket_and_rawsocket() {
    let scratch = Scratch::new("tls");
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (scratch.0.join("server.pem"), scratch.0.join("server.key"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let files = CertificateFiles { certificate: certificate.clone(), chain: Vec::new(), key };
    let (_router, port) = listen_tcp(|transport| {
        transport.tls = Some(TlsServerOptions { certificates: vec![files], client_ca: Vec::new() });
    })
    .await;
    for serializer in Serializer::ALL {
        let tls = TlsClientOptions { ca_file: Some(certificate.clone()), ..TlsClientOptions::default() };
        let options = ConnectOptions { tls, ..ConnectOptions::default() };
        converse(&format!("wss://localhost:{port}/ws"), serializer, options.clone()).await;
        converse(&format!("rss://localhost:{port}"), serializer, options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_without_closing_a_connection_on_ipv6() {
    let scratch = Scratch::new("tls-again");
    let (certificate, key) = (scratch.0.join("server.pem"), scratch.0.join("server.key"));
    let issue = || {
        let made = rcgen::generate_simple_self_signed(vec!["::1".into()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    };
    issue();
    let files = CertificateFiles { certificate: certificate.clone(), chain: Vec::new(), key: key.clone() };
    let (router, address) = listen(ListenEndpoint::tcp("::1", 0), |transport| {
        transport.tls = Some(TlsServerOptions { certificates: vec![files], client_ca: Vec::new() });
    })
    .await;
    let BoundAddress::Tcp(address) = address else { panic!("not tcp") };
    let url = format!("wss://[::1]:{}/ws", address.port());
    // A client trusts the certificate that is in the file when it connects, and no other.
    let options = || {
        let tls = TlsClientOptions { ca_file: Some(certificate.clone()), ..TlsClientOptions::default() };
        ConnectOptions { tls, ..ConnectOptions::default() }
    };
    let mut before = Peer::join(&url, Serializer::Cbor, options()).await;
    issue();
    let protocols = vec![Serializer::Cbor.subprotocol().to_owned()];
    let refused = connect(&url, &ConnectOptions { protocols, ..options() }).await;
    assert!(refused.is_err(), "the old certificate is in use");
    assert!(router.has_tls());
    let reloaded = || -> Vec<bool> {
        let all = router.reload_certificates();
        assert!(
            all.iter().all(|(endpoint, _)| endpoint.to_string().ends_with(&format!(":{}", address.port())))
        );
        all.iter().map(|(_, reloaded)| reloaded.is_ok()).collect()
    };
    assert_eq!(reloaded(), [true]);
    let mut after = Peer::join(&url, Serializer::Cbor, options()).await;
    std::fs::write(&key, "no key").unwrap();
    assert_eq!(reloaded(), [false], "the new one stays");
    let _later = Peer::join(&url, Serializer::Cbor, options()).await;
    // The session of before is still there.
    let topic = "com.example.topic";
    let options = SubscribeOptions::default();
    before.send(Subscribe { request: RequestId(1), options, topic: topic.into() }).await;
    assert!(matches!(before.receive().await, Message::Subscribed(_)));
    let (options, payload) = (PublishOptions::default(), Payload::empty());
    after.send(Publish { request: RequestId(1), options, topic: topic.into(), payload }).await;
    assert!(matches!(before.receive().await, Message::Event(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_transport_hears_one_publication() {
    let (router, port) = listen_tcp(|transport| {
        let deflate = Some(DeflateOptions::default());
        transport.websocket.insert("/deflate".into(), WebSocketOptions { deflate, ..websocket() });
    })
    .await;
    let deflate = ConnectOptions { deflate: Some(DeflateOptions::default()), ..ConnectOptions::default() };
    let mut subscribers = Vec::new();
    for serializer in Serializer::ALL {
        let url = |path| format!("ws://127.0.0.1:{port}/{path}");
        subscribers.push(Peer::join(&url("ws"), serializer, ConnectOptions::default()).await);
        subscribers.push(Peer::join(&url("deflate"), serializer, deflate.clone()).await);
        subscribers
            .push(Peer::join(&format!("rs://127.0.0.1:{port}"), serializer, ConnectOptions::default()).await);
    }
    for subscriber in &mut subscribers {
        let options = SubscribeOptions::default();
        subscriber
            .send(Subscribe { request: RequestId(1), options, topic: "com.example.topic".into() })
            .await;
        assert!(matches!(subscriber.receive().await, Message::Subscribed(_)));
    }
    let mut publisher =
        Peer::join(&format!("rs://127.0.0.1:{port}"), Serializer::Cbor, ConnectOptions::default()).await;
    for n in 1..=100u64 {
        let payload =
            Payload::new(Serializer::Cbor, &[n.into(), Value::Bin(vec![n as u8; 300])], &Dict::new());
        let (request, topic) = (RequestId(n), "com.example.topic".into());
        publisher.send(Publish { request, options: PublishOptions::default(), topic, payload }).await;
    }
    for subscriber in &mut subscribers {
        for n in 1..=100u64 {
            let Message::Event(event) = subscriber.receive().await else { panic!("not an EVENT") };
            assert_eq!(event.payload.args(), [n.into(), Value::Bin(vec![n as u8; 300])]);
        }
    }
    assert_eq!(router.session_queues("realm1").len(), 3 * Serializer::ALL.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up_at_the_deadline() {
    let (router, port) = listen_tcp(|transport| {
        transport.handshake_timeout_ms = 300;
        transport.http = Some(Arc::new(Taking));
    })
    .await;
    for trickle in [false, true] {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nsome").await.unwrap();
        let (mut reading, mut writing) = client.split();
        let more = async {
            // Each octet more must not make the wait longer.
            while trickle && writing.write_all(b".").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await
        };
        let mut answer = [0; 12];
        let read = timeout(Duration::from_secs(3), reading.read_exact(&mut answer));
        tokio::select! {
            read = read => drop(read.expect("an answer at the deadline").unwrap()),
            () = more => {}
        }
        assert_eq!(&answer, b"HTTP/1.1 408", "trickle: {trickle}");
    }
    let gone = async {
        while router.connections() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(3), gone).await.expect("nothing is left of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_bodies_of_strangers_have_a_bound_together_and_short_ones_come_through() {
    const KIB: usize = 1024;
    // Beside the first 16 KiB of each body.
    let admission = AdmissionOptions {
        pending_body_bytes_max: 150 * KIB,
        pending_body_bytes_per_address_max: 100 * KIB,
        ..AdmissionOptions::default()
    };
    let router = Router::new(admission);
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.http = Some(Arc::new(Taking));
    // So long a body may take: room is not kept until then.
    transport.handshake_timeout_ms = 60_000;
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    let begin_from = async |from: [u8; 4], claimed: usize, sent: usize| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut client = socket.connect(address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {claimed}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; sent]).await.unwrap();
        client
    };
    let begin = async |claimed: usize, sent: usize| begin_from([127, 0, 0, 1], claimed, sent).await;
    let answer = async |client: &mut TcpStream| {
        let mut answer = vec![0; 200];
        let len = timeout(PATIENCE, client.read(&mut answer)).await.expect("an answer in time").unwrap();
        String::from_utf8_lossy(&answer[..len]).into_owned()
    };
    // What is claimed takes no room, what has come does.
    let claims = begin(1 << 20, 1).await;
    let refused = async {
        loop {
            let holds = begin(110 * KIB, 109 * KIB).await;
            let answer = answer(&mut begin(60 * KIB, 60 * KIB).await).await;
            if answer.starts_with("HTTP/1.1 503") {
                return (holds, answer);
            }
            assert!(answer.starts_with("HTTP/1.1 200"), "it was there before the other one: {answer}");
        }
    };
    let (mut holds, refused) = timeout(PATIENCE, refused).await.expect("there is no room for two");
    assert!(refused.contains("retry-after: 1") && refused.contains("connection: close"), "{refused}");
    assert!(answer(&mut begin(16 * KIB, 16 * KIB).await).await.starts_with("HTTP/1.1 200"));
    // There is room for who comes from elsewhere, but not for more than is left of all.
    let elsewhere = async |octets: usize| answer(&mut begin_from([127, 0, 0, 2], octets, octets).await).await;
    assert!(elsewhere(60 * KIB).await.starts_with("HTTP/1.1 200"), "one address has not all of the room");
    assert!(elsewhere(110 * KIB).await.starts_with("HTTP/1.1 503"));
    let alone = answer(&mut begin(200 * KIB, 200 * KIB).await).await;
    assert!(alone.starts_with("HTTP/1.1 413"), "it never fits: {alone}");
    // One that is there, and one that goes away, leave their room to others.
    holds.write_all(&vec![b'x'; KIB]).await.unwrap();
    assert!(answer(&mut holds).await.starts_with("HTTP/1.1 200"));
    assert!(answer(&mut begin(110 * KIB, 110 * KIB).await).await.starts_with("HTTP/1.1 200"));
    drop((begin(110 * KIB, 109 * KIB).await, claims));
    let comes_through =
        async { while !answer(&mut begin(110 * KIB, 110 * KIB).await).await.starts_with("HTTP/1.1 200") {} };
    timeout(PATIENCE, comes_through).await.expect("what had gone has left its room");
}

/// Takes bodies.
struct Taking;

impl HttpService for Taking {
    fn respond<'a>(&'a self, request: Request<RequestBody>, _: &'a HttpPeer) -> Answering<'a> {
        Box::pin(async {
            match request.into_body().read(1 << 20).await {
                Ok(_) => text(StatusCode::OK, "taken"),
                Err(error) => error.response(),
            }
        })
    }
}
