//! The same conversation over every kind of transport, with the transport crate's own connector at the other end.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, HttpService, RawSocketOptions, RealmDefinition, RealmOptions, Role, Router,
    TransportOptions, WebSocketOptions,
};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::http::{Request, Response};
use crossweave_transport::tls::{CertificateFiles, TlsClientOptions, TlsServerOptions};
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, connect};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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
    router
        .start_realm("realm1", RealmDefinition { options: RealmOptions::default(), roles, authorizer: None })
        .unwrap();
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
    buffer: Vec<u8>,
}

impl Peer {
    async fn join(url: &str, serializer: Serializer, options: ConnectOptions) -> Peer {
        let options = ConnectOptions {
            protocols: vec![serializer.subprotocol().to_owned()],
            serializers: vec![serializer.rawsocket_id()],
            ..options
        };
        let connection = connect(url, &options).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let buffer = connection.leftover.clone();
        let mut peer = Peer { connection, serializer, buffer };
        let details = Dict::new().with("roles", Roles::client().to_dict());
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        assert!(matches!(peer.receive().await, Message::Welcome(_)));
        peer
    }

    async fn send(&mut self, message: impl Into<Message<'_>>) {
        let body = message.into().to_bytes(self.serializer);
        let mut out = Vec::new();
        self.connection.codec.append_message(&mut out, self.serializer.is_text(), &body).unwrap();
        self.connection.stream.write_all(&out).await.unwrap();
    }

    async fn receive(&mut self) -> Message<'static> {
        timeout(Duration::from_secs(10), async {
            loop {
                let decoded = self.connection.codec.decode(&mut self.buffer).unwrap();
                let consumed = decoded.consumed;
                let message = match decoded.item {
                    Item::Message { data, .. } => {
                        Some(Message::decode(self.serializer, data).unwrap().into_owned())
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
    assert_eq!(router.session_queues("realm1").len(), 10);
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

/// Takes bodies.
struct Taking;

impl HttpService for Taking {
    fn respond<'a>(
        &'a self,
        _: &'a Request,
        _: Vec<u8>,
        _: bool,
    ) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>> {
        Box::pin(async { Response::text(200, "taken") })
    }
}
