//! A router on a port of its own, and a peer that says exactly what a test wants it to say.

use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions, WebSocketOptions,
};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, connect};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{
    Goodbye, Hello, Publish, PublishOptions, Subscribe, SubscribeOptions, Welcome,
};
use crossweave_wamp::{Dict, Message, Payload, RequestId, Serializer, uris};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) port: u16,
}

/// RawSocket, WebSocket at `/ws`, and compressed WebSocket at `/deflate`.
pub(crate) async fn node_with(
    admission: AdmissionOptions,
    change: impl FnOnce(&mut TransportOptions),
) -> Node {
    let router = Router::new(admission);
    let roles = vec![Role::allow_all("anonymous")];
    let realm = RealmDefinition { roles, ..RealmDefinition::default() };
    router.start_realm("realm1", realm).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.websocket.insert("/ws".into(), WebSocketOptions::default());
    let deflate = Some(DeflateOptions::default());
    transport
        .websocket
        .insert("/deflate".into(), WebSocketOptions { deflate, ..WebSocketOptions::default() });
    change(&mut transport);
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

pub(crate) async fn node() -> Node {
    node_with(AdmissionOptions::default(), |_| {}).await
}

/// What comes from the router.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Box<Message<'static>>),
    Pong,
    Close(Option<u16>),
    End,
}

/// A peer that speaks JSON.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    buffer: Vec<u8>,
}

impl Peer {
    async fn connect_to(url: &str, options: ConnectOptions) -> Peer {
        let json = Serializer::Json;
        let options = ConnectOptions {
            protocols: vec![json.subprotocol().to_owned()],
            serializers: vec![json.rawsocket_id()],
            ..options
        };
        let connection = connect(url, &options).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let buffer = connection.leftover.clone();
        Peer { connection, buffer }
    }

    pub(crate) async fn rawsocket(node: &Node) -> Peer {
        Peer::connect_to(&format!("rs://127.0.0.1:{}", node.port), ConnectOptions::default()).await
    }

    pub(crate) async fn websocket(node: &Node) -> Peer {
        Peer::connect_to(&format!("ws://127.0.0.1:{}/ws", node.port), ConnectOptions::default()).await
    }

    pub(crate) async fn compressed(node: &Node) -> Peer {
        let options =
            ConnectOptions { deflate: Some(DeflateOptions::default()), ..ConnectOptions::default() };
        Peer::connect_to(&format!("ws://127.0.0.1:{}/deflate", node.port), options).await
    }

    /// Frames a text without sending it.
    pub(crate) fn frame(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.connection.codec.append_message(&mut out, true, text).unwrap();
        out
    }

    pub(crate) fn frame_message(&mut self, message: impl Into<Message<'static>>) -> Vec<u8> {
        let text = message.into().to_bytes(Serializer::Json);
        self.frame(&text)
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.connection.stream.write_all(octets).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message<'static>>) {
        let framed = self.frame_message(message);
        self.write(&framed).await;
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        timeout(2 * SECOND, self.next()).await.expect("something within two seconds")
    }

    async fn next(&mut self) -> Heard {
        loop {
            let decoded = self.connection.codec.decode(&mut self.buffer).unwrap();
            let consumed = decoded.consumed;
            let heard = match decoded.item {
                Item::Message { data, .. } => {
                    let message = Message::decode(Serializer::Json, data).unwrap().into_owned();
                    Some(Heard::Message(Box::new(message)))
                }
                Item::Pong(_) => Some(Heard::Pong),
                Item::Close { code, .. } => Some(Heard::Close(code)),
                Item::Ping(_) | Item::Incomplete => None,
            };
            self.buffer.drain(..consumed);
            if let Some(heard) = heard {
                return heard;
            }
            let read = self.connection.stream.read_buf(&mut self.buffer);
            if consumed == 0 && matches!(read.await, Ok(0) | Err(_)) {
                return Heard::End;
            }
        }
    }

    pub(crate) async fn receive(&mut self) -> Message<'static> {
        match self.hear().await {
            Heard::Message(message) => *message,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The reason and the text of the ABORT that comes next.
    pub(crate) async fn receive_abort(&mut self) -> (String, String) {
        match self.receive().await {
            Message::Abort(abort) => {
                let text = abort.details.str("message").unwrap_or_default().to_owned();
                (abort.reason.to_string(), text)
            }
            other => panic!("expected ABORT, got {other:?}"),
        }
    }

    pub(crate) async fn hello(&mut self) -> Welcome {
        self.send(hello()).await;
        match self.receive().await {
            Message::Welcome(welcome) => welcome,
            other => panic!("expected WELCOME, got {other:?}"),
        }
    }

    pub(crate) async fn goodbye(&mut self) {
        self.send(Goodbye::new(uris::CLOSE_REALM)).await;
        assert!(matches!(self.receive().await, Message::Goodbye(_)));
    }

    pub(crate) async fn subscribe(&mut self) {
        let options = SubscribeOptions::default();
        self.send(Subscribe { request: RequestId(1), options, topic: "com.example".into() }).await;
        assert!(matches!(self.receive().await, Message::Subscribed(_)));
    }

    /// Publishes a text of `len` characters; returns once the router has taken it.
    pub(crate) async fn publish(&mut self, len: usize) {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        let payload = Payload::new(Serializer::Json, &["x".repeat(len).into()], &Dict::new());
        self.send(Publish { request: RequestId(1), options, topic: "com.example".into(), payload }).await;
        assert!(matches!(self.receive().await, Message::Published(_)));
    }
}

pub(crate) fn hello() -> Hello {
    let details = Dict::new().with("roles", Roles::client().to_dict());
    Hello { realm: Some("realm1".into()), details }
}
