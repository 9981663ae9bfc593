//! A router's end of one connection, played by the test.

use std::time::Duration;

use crossweave_client::{Client, Options, State};
use crossweave_transport::codec::Codec;
use crossweave_transport::http::parse_request;
use crossweave_transport::item::{Decoded, Item};
use crossweave_transport::rawsocket::{ClientHello, MaxLen};
use crossweave_transport::websocket::handshake::{ServerOptions, upgrade};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{self, Kind, Message};
use crossweave_wamp::{Dict, Payload, RequestId, Serializer, SessionId, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for what must come.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes in time")
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

pub(crate) struct Peer {
    stream: Box<dyn Both>,
    codec: Codec,
    buffer: Vec<u8>,
    used: usize,
    pub(crate) serializer: Serializer,
    /// The reason of the WebSocket close frame, once it came.
    pub(crate) closed: Option<(Option<u16>, String)>,
}

/// The next message, which must be of this kind.
macro_rules! hear {
    ($peer:expr, $kind:ident) => {
        match $peer.expect().await {
            crossweave_wamp::Message::$kind(it) => it,
            other => panic!("expected {}, got {other:?}", stringify!($kind)),
        }
    };
}
pub(crate) use hear;

impl Peer {
    fn new(stream: impl Both + 'static, codec: Codec, serializer: Serializer) -> Peer {
        Peer { stream: Box::new(stream), codec, buffer: Vec::new(), used: 0, serializer, closed: None }
    }

    /// A RawSocket connection over TCP.
    pub(crate) async fn accept_rawsocket(listener: &TcpListener) -> Peer {
        let mut stream = soon(listener.accept()).await.unwrap().0;
        let mut octets = [0; 4];
        stream.read_exact(&mut octets).await.unwrap();
        let hello = ClientHello::parse(octets).unwrap();
        stream.write_all(&hello.accept(MaxLen::MAX)).await.unwrap();
        let serializer = Serializer::from_rawsocket_id(hello.serializer).unwrap();
        Peer::new(stream, Codec::rawsocket(MaxLen::MAX, hello.max_len), serializer)
    }

    /// A WebSocket connection over TCP.
    pub(crate) async fn accept_websocket(listener: &TcpListener, serializer: Serializer) -> Peer {
        let mut stream: TcpStream = soon(listener.accept()).await.unwrap().0;
        let mut head = Vec::new();
        let request = loop {
            stream.read_buf(&mut head).await.unwrap();
            if let Some((request, _)) = parse_request(&head).unwrap() {
                break request;
            }
        };
        let options =
            ServerOptions { protocols: vec![serializer.subprotocol().into()], ..Default::default() };
        let upgrade = upgrade(&request, &options, false).unwrap();
        stream.write_all(&upgrade.response(&[])).await.unwrap();
        Peer::new(stream, upgrade.codec(&options), serializer)
    }

    /// The next message; nothing once the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<Message<'static>> {
        loop {
            let Decoded { consumed, item } =
                self.codec.decoder.decode(&mut self.buffer[self.used..]).unwrap();
            self.used += consumed;
            match item {
                Item::Message { data, .. } => {
                    return Some(Message::decode(self.serializer, data).unwrap().into_owned());
                }
                Item::Close { code, reason } => {
                    self.closed = Some((code, reason.to_owned()));
                    return None;
                }
                Item::Ping(payload) => {
                    let mut out = Vec::new();
                    self.codec.encoder.append_pong(&mut out, payload).unwrap();
                    self.stream.write_all(&out).await.unwrap();
                }
                Item::Pong(_) => {}
                Item::Incomplete => {
                    self.buffer.drain(..self.used);
                    self.used = 0;
                    if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                        return None;
                    }
                }
            }
        }
    }

    pub(crate) async fn expect(&mut self) -> Message<'static> {
        soon(self.receive()).await.expect("a message, not the end")
    }

    pub(crate) async fn expect_end(&mut self) {
        let next = soon(self.receive()).await;
        assert!(next.is_none(), "expected the end, got {next:?}");
    }

    pub(crate) async fn send<'a>(&mut self, message: impl Into<Message<'a>>) {
        let bytes = message.into().to_bytes(self.serializer);
        self.send_bytes(&bytes).await;
    }

    /// Several messages in one write.
    pub(crate) async fn send_all(&mut self, messages: impl IntoIterator<Item = Message<'_>>) {
        self.try_send_all(messages).await.unwrap();
    }

    pub(crate) async fn try_send_all(
        &mut self,
        messages: impl IntoIterator<Item = Message<'_>>,
    ) -> std::io::Result<()> {
        let mut out = Vec::new();
        for message in messages {
            let bytes = message.to_bytes(self.serializer);
            self.codec.append_message(&mut out, self.serializer.is_text(), &bytes).unwrap();
        }
        self.stream.write_all(&out).await
    }

    /// A message that need not be one.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let mut out = Vec::new();
        self.codec.append_message(&mut out, self.serializer.is_text(), bytes).unwrap();
        self.send_octets(&out).await;
    }

    /// Octets without framing.
    pub(crate) async fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Answers HELLO with WELCOME.
    pub(crate) async fn welcome(&mut self, session: u64) -> message::Hello {
        let hello = hear!(self, Hello);
        self.send(welcome(session)).await;
        hello
    }

    /// Answers SUBSCRIBE.
    pub(crate) async fn subscribed(&mut self, subscription: u64) -> message::Subscribe<'static> {
        let subscribe = hear!(self, Subscribe);
        let subscription = crossweave_wamp::SubscriptionId(subscription);
        self.send(message::Subscribed { request: subscribe.request, subscription }).await;
        subscribe
    }

    /// Answers REGISTER.
    pub(crate) async fn registered(&mut self, registration: u64) -> message::Register<'static> {
        let register = hear!(self, Register);
        let registration = crossweave_wamp::RegistrationId(registration);
        self.send(message::Registered { request: register.request, registration }).await;
        register
    }

    pub(crate) fn payload(&self, args: &[Value]) -> Payload<'static> {
        Payload::new(self.serializer, args, &Dict::new())
    }

    pub(crate) fn event(
        &self,
        subscription: u64,
        publication: u64,
        args: &[Value],
    ) -> message::Event<'static> {
        message::Event {
            subscription: crossweave_wamp::SubscriptionId(subscription),
            publication: crossweave_wamp::PublicationId(publication),
            details: message::EventDetails::default(),
            payload: self.payload(args),
        }
    }

    pub(crate) fn invocation(
        &self,
        registration: u64,
        request: u64,
        args: &[Value],
    ) -> message::Invocation<'static> {
        message::Invocation {
            request: RequestId(request),
            registration: crossweave_wamp::RegistrationId(registration),
            details: message::InvocationDetails::default(),
            payload: self.payload(args),
        }
    }

    pub(crate) fn result(
        &self,
        request: RequestId,
        progress: bool,
        args: &[Value],
    ) -> message::Result<'static> {
        let details = message::ResultDetails { progress, ..Default::default() };
        message::Result { request, details, payload: self.payload(args) }
    }

    pub(crate) fn error(
        &self,
        kind: Kind,
        request: RequestId,
        uri: &'static str,
        args: &[Value],
    ) -> message::Error<'static> {
        let mut error = message::Error::new(kind, request, uri);
        error.payload = self.payload(args);
        error
    }
}

pub(crate) fn welcome(session: u64) -> message::Welcome {
    let details = Dict::new()
        .with("roles", Roles::router().to_dict())
        .with("authid", "joe")
        .with("authrole", "frontend")
        .with("agent", "Script-1");
    message::Welcome { session: SessionId(session), details }
}

/// Two ends in memory, the router's and the one for [`Client::join_stream`].
pub(crate) fn pair(serializer: Serializer) -> (Peer, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    (Peer::new(ours, Codec::rawsocket(MaxLen::MAX, MaxLen::MAX), serializer), theirs)
}

/// A client with an open session over memory.
pub(crate) async fn joined_with(serializer: Serializer, options: Options) -> (Client, Peer) {
    let (mut peer, stream) = pair(serializer);
    let join = Client::join_stream(stream, serializer, "realm1", options);
    let (client, _) = soon(async { tokio::join!(join, peer.welcome(7)) }).await;
    (client.expect("the router welcomes"), peer)
}

/// A client whose stream takes octets long before they can be sent, as TLS does, and sends them when flushed.
pub(crate) async fn joined_over_buffered_stream() -> (Client, Peer) {
    let serializer = Serializer::MsgPack;
    let (mut peer, stream) = pair(serializer);
    let stream = tokio::io::BufWriter::with_capacity(4 << 20, stream);
    let join = Client::join_stream(stream, serializer, "realm1", Options::default());
    let (client, _) = soon(async { tokio::join!(join, peer.welcome(7)) }).await;
    (client.expect("the router welcomes"), peer)
}

/// A client with an open session over memory.
pub(crate) async fn joined() -> (Client, Peer) {
    joined_with(Serializer::MsgPack, Options::default()).await
}

/// Why the client was closed, once it is.
pub(crate) async fn reason_of_the_end(client: &Client) -> String {
    let mut states = client.states();
    match &*soon(states.wait_for(State::is_closed)).await.unwrap() {
        State::Closed(Some(why)) => why.reason.to_string(),
        state => panic!("{state:?}"),
    }
}
