//! A router whose sessions may be resumed, and a peer that counts what it receives.

use std::time::Duration;

use crossweave_router::{
    AdmissionOptions, Authentication, FRAME_COST_BYTES, RawSocketOptions, RealmDefinition, ResumptionOptions,
    Role, Router, SessionQueue, TransportOptions, WebSocketOptions,
};
use crossweave_router_core::{Actions, Disclosure, Permission, Permissions};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, connect};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) port: u16,
}

impl Node {
    /// Waits until the router has noticed that a session's connection is gone.
    pub(crate) async fn parked(&self, session: u64) {
        let is_parked = |queue: &SessionQueue| queue.session.0 == session && queue.is_parked;
        while !self.router.session_queues("realm1").iter().any(is_parked) {
            sleep(SECOND / 100).await;
        }
    }
}

/// RawSocket, WebSocket at `/ws`, compressed WebSocket at `/deflate`, all with this resumption.
pub(crate) async fn node_with(resumption: Option<ResumptionOptions>, authentication: Authentication) -> Node {
    node_of(resumption, authentication, ["anonymous", "user"].map(may_do_all).to_vec()).await
}

/// The same with roles of its own.
pub(crate) async fn node_of(
    resumption: Option<ResumptionOptions>,
    authentication: Authentication,
    roles: Vec<Role>,
) -> Node {
    let router = Router::new(AdmissionOptions::default());
    let realm = RealmDefinition { roles, ..RealmDefinition::default() };
    router.start_realm("realm1", realm.clone()).unwrap();
    router.start_realm("realm2", realm).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.websocket.insert("/ws".into(), WebSocketOptions::default());
    let deflate = Some(DeflateOptions::default());
    transport
        .websocket
        .insert("/deflate".into(), WebSocketOptions { deflate, ..WebSocketOptions::default() });
    transport.resumption = resumption;
    transport.authentication = authentication;
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

pub(crate) async fn node(resumption: ResumptionOptions) -> Node {
    node_with(Some(resumption), Authentication::anonymous("anonymous")).await
}

/// One that keeps more than five events, and fewer than twenty, for a session that is away: one is some 60 octets in JSON.
pub(crate) async fn node_that_keeps_few() -> Node {
    let buffer_bytes_max = 10 * (FRAME_COST_BYTES + 60);
    node(ResumptionOptions { buffer_bytes_max, ..ResumptionOptions::default() }).await
}

/// A subscriber of `com.count`, and somebody who can publish.
pub(crate) async fn counting(node: &Node, kind: Link) -> (Peer, Peer) {
    let mut subscriber = Peer::join(node, kind).await;
    subscriber.subscribe("com.count").await;
    (subscriber, Peer::ordinary(node).await)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    RawSocket,
    WebSocket,
    Compressed,
}

/// What a client needs to go on with its session.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) session: u64,
    pub(crate) token: String,
    /// Messages received in the session.
    pub(crate) received: u64,
}

impl Ticket {
    pub(crate) fn details(&self) -> Dict {
        Dict::new()
            .with("resume_session", self.session)
            .with("resume_token", self.token.clone())
            .with("resume_received", self.received)
    }
}

/// A peer of the router.
pub(crate) struct Peer {
    connection: Connection,
    buffer: Vec<u8>,
    serializer: Serializer,
    pub(crate) requests: u64,
    /// Its session, once it has joined resumably.
    pub(crate) ticket: Option<Ticket>,
}

impl Peer {
    pub(crate) async fn connect(node: &Node, kind: Link) -> Peer {
        Peer::connect_speaking(node, kind, Serializer::Json).await
    }

    pub(crate) async fn connect_speaking(node: &Node, kind: Link, serializer: Serializer) -> Peer {
        let url = match kind {
            Link::RawSocket => format!("rs://127.0.0.1:{}", node.port),
            Link::WebSocket => format!("ws://127.0.0.1:{}/ws", node.port),
            Link::Compressed => format!("ws://127.0.0.1:{}/deflate", node.port),
        };
        Peer::speaking(&url, serializer, (kind == Link::Compressed).then(DeflateOptions::default)).await
    }

    /// A peer at this URL, in JSON.
    pub(crate) async fn connect_to(url: &str) -> Peer {
        Peer::speaking(url, Serializer::Json, None).await
    }

    async fn speaking(url: &str, serializer: Serializer, deflate: Option<DeflateOptions>) -> Peer {
        let options = ConnectOptions {
            protocols: vec![serializer.subprotocol().to_owned()],
            serializers: vec![serializer.rawsocket_id()],
            deflate,
            ..ConnectOptions::default()
        };
        let connection = connect(url, &options).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let buffer = connection.leftover.clone();
        Peer { connection, buffer, serializer, requests: 0, ticket: None }
    }

    /// A peer with a session that can be resumed.
    pub(crate) async fn join(node: &Node, kind: Link) -> Peer {
        let mut peer = Peer::connect(node, kind).await;
        let welcome = peer.hello(Dict::new().with("resumable", true)).await;
        assert_eq!(welcome.details.get("resumed").and_then(Value::as_bool), Some(false), "{welcome:?}");
        assert!(peer.ticket.is_some(), "{welcome:?}");
        peer
    }

    /// A peer with a session like any other.
    pub(crate) async fn ordinary(node: &Node) -> Peer {
        let mut peer = Peer::connect(node, Link::RawSocket).await;
        peer.hello(Dict::new()).await;
        peer
    }

    /// Loses its connection, and waits until the router has noticed.
    pub(crate) async fn park(self, node: &Node) -> Ticket {
        let ticket = self.ticket();
        drop(self);
        node.parked(ticket.session).await;
        ticket
    }

    /// Goes on with a session over a connection of its own.
    pub(crate) async fn resume(node: &Node, kind: Link, ticket: &Ticket) -> (Peer, Welcome) {
        let mut peer = Peer::connect(node, kind).await;
        let welcome = peer.hello(ticket.details()).await;
        if welcome.session.0 == ticket.session
            && let Some(own) = &mut peer.ticket
        {
            own.received = ticket.received;
        }
        (peer, welcome)
    }

    /// Says HELLO and takes WELCOME.
    pub(crate) async fn hello(&mut self, details: Dict) -> Welcome {
        self.send(hello(details)).await;
        self.welcome().await
    }

    pub(crate) async fn welcome(&mut self) -> Welcome {
        let Message::Welcome(welcome) = self.receive().await else { panic!("expected WELCOME") };
        let token = welcome.details.str("resume_token");
        self.ticket =
            token.map(|token| Ticket { session: welcome.session.0, token: token.to_owned(), received: 0 });
        welcome
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.clone().expect("the session is resumable")
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message<'static>>) {
        let bytes = message.into().to_bytes(self.serializer);
        let mut framed = Vec::new();
        self.connection.codec.append_message(&mut framed, self.serializer.is_text(), &bytes).unwrap();
        self.write(&framed).await;
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.connection.stream.write_all(octets).await.unwrap();
    }

    /// The next message; nothing at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Message<'static>> {
        let message = timeout(5 * SECOND, self.read()).await.expect("something within five seconds")?;
        if let Some(ticket) = &mut self.ticket {
            ticket.received += 1;
        }
        Some(message)
    }

    async fn read(&mut self) -> Option<Message<'static>> {
        loop {
            let decoded = self.connection.codec.decode(&mut self.buffer).unwrap();
            let consumed = decoded.consumed;
            let message = match decoded.item {
                Item::Message { data, .. } => {
                    Some(Message::decode(self.serializer, data).unwrap().into_owned())
                }
                Item::Close { .. } => return None,
                Item::Pong(_) | Item::Ping(_) | Item::Incomplete => None,
            };
            self.buffer.drain(..consumed);
            if message.is_some() {
                return message;
            }
            let read = self.connection.stream.read_buf(&mut self.buffer);
            if consumed == 0 && matches!(read.await, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    pub(crate) async fn receive(&mut self) -> Message<'static> {
        self.next().await.expect("a message, not the end")
    }

    /// The number in the event that comes next.
    pub(crate) async fn event(&mut self) -> u64 {
        match self.receive().await {
            Message::Event(event) => event.payload.args()[0].as_u64().unwrap(),
            other => panic!("expected EVENT, got {other:?}"),
        }
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub(crate) async fn subscribe(&mut self, topic: &'static str) {
        self.subscribe_with(topic, SubscribeOptions::default()).await;
    }

    pub(crate) async fn subscribe_with(&mut self, topic: &'static str, options: SubscribeOptions) {
        let request = self.request();
        self.send(Subscribe { request, options, topic: topic.into() }).await;
        assert!(matches!(self.receive().await, Message::Subscribed(_)));
    }

    pub(crate) async fn register(&mut self, procedure: &'static str) {
        self.register_with(procedure, RegisterOptions::default()).await;
    }

    pub(crate) async fn register_with(&mut self, procedure: &'static str, options: RegisterOptions) {
        let request = self.request();
        self.send(Register { request, options, procedure: procedure.into() }).await;
        assert!(matches!(self.receive().await, Message::Registered(_)));
    }

    /// Publishes a number; returns once the router has taken it.
    pub(crate) async fn publish(&mut self, topic: &'static str, number: u64) {
        let request = self.request();
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        self.send(Publish { request, options, topic: topic.into(), payload: payload(&[number.into()]) })
            .await;
        assert!(matches!(self.receive().await, Message::Published(_)));
    }

    pub(crate) async fn call(&mut self, procedure: &'static str, args: &[Value]) {
        let request = self.request();
        let options = CallOptions::default();
        self.send(Call { request, options, procedure: procedure.into(), payload: payload(args) }).await;
    }

    /// The first result, or the error.
    pub(crate) async fn answer(&mut self) -> std::result::Result<Value, String> {
        match self.receive().await {
            Message::Result(it) => Ok(it.payload.args().into_iter().next().unwrap_or(Value::Null)),
            Message::Error(it) => Err(it.error.into_owned()),
            other => panic!("expected RESULT or ERROR, got {other:?}"),
        }
    }

    /// Whether the session is still in the realm.
    pub(crate) async fn knows(&mut self, session: u64) -> bool {
        self.call("wamp.session.get", &[session.into()]).await;
        self.answer().await.is_ok()
    }

    /// Waits until the session has left.
    pub(crate) async fn sees_leave(&mut self, session: u64) {
        let left = async {
            while self.knows(session).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(10 * SECOND, left).await.expect("the session leaves within ten seconds");
    }
}

/// A role that may do everything, and end other sessions, which only a rule of its own allows.
pub(crate) fn may_do_all(name: &str) -> Role {
    let rule = |uri: &str, match_policy| Permission {
        uri: uri.into(),
        match_policy,
        allow: Actions::ALL,
        disclose: Disclosure::default(),
    };
    let rules = [rule("", MatchPolicy::Prefix), rule("wamp.session.kill", MatchPolicy::Exact)];
    Role::fixed(name, Permissions::new(rules).unwrap())
}

pub(crate) fn payload(args: &[Value]) -> Payload<'static> {
    Payload::new(Serializer::Json, args, &Dict::new())
}

pub(crate) fn hello(details: Dict) -> Hello {
    let details = details.with("roles", Roles::client().to_dict());
    Hello { realm: Some("realm1".into()), details }
}

pub(crate) fn flag(welcome: &Welcome, name: &str) -> Option<bool> {
    welcome.details.get(name).and_then(Value::as_bool)
}

pub(crate) fn number(welcome: &Welcome, name: &str) -> Option<u64> {
    welcome.details.get(name).and_then(Value::as_u64)
}
