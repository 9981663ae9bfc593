//! Connecting to a router by URL, up to and with the transport's own handshake.

mod error;

pub use error::{Cause, ConnectError, Step};

use crate::codec::Codec;
use crate::endpoint::PeerAddress;
use crate::rawsocket::{self, ClientHello, HandshakeError, MaxLen, Refusal};
use crate::stream::Stream;
use crate::tls::{TlsClientOptions, TlsConnector};
use crate::url::{RouterUrl, Target, UrlFraming};
use crate::websocket::Limits;
use crate::websocket::deflate::DeflateOptions;
use crate::websocket::handshake::ClientHandshake;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// For all steps together, in milliseconds. Default 10,000.
    pub timeout_ms: u64,
    /// Authorities and certificate for `wss` and `rss`.
    pub tls: TlsClientOptions,
    /// WebSocket subprotocols, best first, such as `wamp.2.json`.
    pub protocols: Vec<String>,
    /// RawSocket serializer ids, best first, such as 1 for JSON. The next is tried if the router refuses one.
    pub serializers: Vec<u8>,
    /// What the router may send on a WebSocket.
    pub limits: Limits,
    /// What the router may send on a RawSocket. Default 2^24 octets.
    pub rawsocket_max_len: MaxLen,
    /// WebSocket compression to offer. Default none.
    pub deflate: Option<DeflateOptions>,
    /// Further header fields of the WebSocket request, such as `Cookie`.
    pub headers: Vec<(String, String)>,
    /// How the system finds out that the host of the router is gone, over TCP. Default: asked after 20 seconds of silence, and
    /// given 10 more; `None` for whatever the system does, which may be for hours.
    pub tcp_keepalive: Option<TcpKeepalive>,
}

/// When the system asks a silent host whether it is still there, whatever is spoken over the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// After this long without an octet, in seconds; 1 to 32,767, which is the next best of others.
    pub idle_s: u32,
    /// Without an answer for this much longer, the connection is lost, in seconds; rounded up to an even number.
    pub timeout_s: u32,
}

impl Default for TcpKeepalive {
    fn default() -> TcpKeepalive {
        TcpKeepalive { idle_s: 20, timeout_s: 10 }
    }
}

impl TcpKeepalive {
    /// Questions until the connection is lost.
    const QUESTIONS: u32 = 2;
    /// What Linux takes.
    const SECONDS_MAX: u32 = 32_767;

    fn set(self, stream: &TcpStream) -> io::Result<()> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.clamp(1, Self::SECONDS_MAX).into());
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(seconds(self.idle_s))
            .with_interval(seconds(self.timeout_s.div_ceil(Self::QUESTIONS)))
            .with_retries(Self::QUESTIONS);
        socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
    }
}

impl Default for ConnectOptions {
    fn default() -> ConnectOptions {
        ConnectOptions {
            timeout_ms: 10_000,
            tls: TlsClientOptions::default(),
            protocols: Vec::new(),
            serializers: Vec::new(),
            limits: Limits::default(),
            rawsocket_max_len: MaxLen::MAX,
            deflate: None,
            headers: Vec::new(),
            tcp_keepalive: Some(TcpKeepalive::default()),
        }
    }
}

/// What the two ends agreed to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiated {
    /// A WebSocket subprotocol; `None` only if none was offered.
    Subprotocol(Option<String>),
    /// A RawSocket serializer id.
    Serializer(u8),
}

/// An open connection, ready for the first message.
pub struct Connection {
    /// The bytes.
    pub stream: Stream,
    /// The framing on them.
    pub codec: Codec,
    /// What was agreed.
    pub negotiated: Negotiated,
    /// Octets that came behind the handshake: the first for the decoder.
    pub leftover: Vec<u8>,
    /// The router.
    pub peer: PeerAddress,
}

/// Connects to a router.
///
/// # Errors
/// Names the URL (without query) and the step that failed.
pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let parsed = RouterUrl::parse(url).map_err(|error| {
        // Cut what may be secret: the query, and what looks like a password.
        let shown = if url.contains('@') { "url" } else { url.split('?').next().unwrap_or_default() };
        ConnectError { url: shown.to_owned(), step: Step::Url, cause: error.into() }
    })?;
    Attempt { url: &parsed, options, deadline: Instant::now() + Duration::from_millis(options.timeout_ms) }
        .run()
        .await
}

/// One attempt, with its deadline.
struct Attempt<'a> {
    url: &'a RouterUrl,
    options: &'a ConnectOptions,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Connection, ConnectError> {
        match &self.url.framing {
            UrlFraming::WebSocket { target } => {
                let (stream, peer) = self.open().await?;
                self.step(Step::Handshake, self.websocket(stream, peer, target)).await
            }
            UrlFraming::RawSocket => self.rawsocket().await,
        }
    }

    /// Runs one step under the deadline and puts its name on its errors.
    async fn step<T, E: Into<Cause>>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ConnectError> {
        let cause = match tokio::time::timeout_at(self.deadline, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.into(),
            Err(_) => Cause::Timeout(self.options.timeout_ms),
        };
        Err(self.failed(step, cause))
    }

    fn failed(&self, step: Step, cause: Cause) -> ConnectError {
        ConnectError { url: self.url.to_string(), step, cause }
    }

    /// Opens the stream, with TLS if the URL says so.
    async fn open(&self) -> Result<(Stream, PeerAddress), ConnectError> {
        match &self.url.target {
            Target::Unix(path) => self.step(Step::Connect, open_unix(path)).await,
            Target::Tcp { host, port, is_tls } => {
                let addresses = self.step(Step::Resolve, resolve(host, *port)).await?;
                let opening = open_tcp(&addresses, self.deadline, self.options.tcp_keepalive);
                let (stream, peer) = self.step(Step::Connect, opening).await?;
                if !is_tls {
                    return Ok((stream, peer));
                }
                let connector = TlsConnector::new(&self.options.tls)
                    .map_err(|error| self.failed(Step::Tls, error.into()))?;
                Ok((self.step(Step::Tls, connector.secure(stream, host)).await?, peer))
            }
        }
    }

    async fn websocket(
        &self,
        mut stream: Stream,
        peer: PeerAddress,
        target: &str,
    ) -> Result<Connection, Cause> {
        let mut handshake = ClientHandshake::new(&self.url.host_header(), target);
        handshake.protocols = self.options.protocols.clone();
        handshake.deflate = self.options.deflate.clone();
        handshake.headers = self.options.headers.clone();
        stream.write_all(&handshake.request()).await?;
        stream.flush().await?;
        let mut received = Vec::with_capacity(1024);
        let agreed = loop {
            if stream.read_buf(&mut received).await? == 0 {
                return Err(Cause::Closed);
            }
            if let Some(agreed) = handshake.verify(&received)? {
                break agreed;
            }
        };
        let codec = handshake.codec(&agreed, self.options.limits);
        let leftover = received.split_off(agreed.head_len);
        Ok(Connection { stream, codec, negotiated: Negotiated::Subprotocol(agreed.protocol), leftover, peer })
    }

    /// Tries the serializers in order; each refusal costs a connection.
    async fn rawsocket(&self) -> Result<Connection, ConnectError> {
        let Some((last, others)) = self.options.serializers.split_last() else {
            return Err(self.failed(Step::Handshake, Cause::NoSerializer));
        };
        for serializer in others {
            match self.rawsocket_with(*serializer).await {
                Err(error) if error.is_serializer_refused() => continue,
                done => return done,
            }
        }
        self.rawsocket_with(*last).await
    }

    async fn rawsocket_with(&self, serializer: u8) -> Result<Connection, ConnectError> {
        let (stream, peer) = self.open().await?;
        self.step(Step::Handshake, self.shake(stream, peer, serializer)).await
    }

    async fn shake(
        &self,
        mut stream: Stream,
        peer: PeerAddress,
        serializer: u8,
    ) -> Result<Connection, Cause> {
        let own_max = self.options.rawsocket_max_len;
        stream.write_all(&ClientHello { max_len: own_max, serializer }.request()).await?;
        stream.flush().await?;
        let mut reply = [0; rawsocket::handshake::HANDSHAKE_LEN];
        stream.read_exact(&mut reply).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Cause::Closed,
            _ => Cause::Io(error),
        })?;
        let peer_max = rawsocket::parse_reply(reply, serializer)?;
        let codec = Codec::rawsocket(own_max, peer_max);
        let negotiated = Negotiated::Serializer(serializer);
        Ok(Connection { stream, codec, negotiated, leftover: Vec::new(), peer })
    }
}

impl ConnectError {
    fn is_serializer_refused(&self) -> bool {
        matches!(self.cause, Cause::RawSocket(HandshakeError::Refused(Refusal::SerializerUnsupported)))
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// Tries the addresses in order, each for its share of the time that is left; the last one's error counts.
async fn open_tcp(
    addresses: &[SocketAddr],
    deadline: Instant,
    keepalive: Option<TcpKeepalive>,
) -> io::Result<(Stream, PeerAddress)> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "host name has no address");
    for (at, address) in addresses.iter().enumerate() {
        let connecting = TcpStream::connect(address);
        let connected = match addresses.len() - at {
            // The deadline is the caller's to watch.
            1 => connecting.await,
            left => {
                let share = deadline.saturating_duration_since(Instant::now()) / left as u32;
                let late = |_| Err(io::ErrorKind::TimedOut.into());
                tokio::time::timeout(share, connecting).await.unwrap_or_else(late)
            }
        };
        match connected {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                keepalive.map_or(Ok(()), |keepalive| keepalive.set(&stream))?;
                return Ok((Stream::Tcp(stream), PeerAddress::Tcp(*address)));
            }
            Err(cause) => error = cause,
        }
    }
    Err(error)
}

async fn open_unix(path: &Path) -> io::Result<(Stream, PeerAddress)> {
    let stream = UnixStream::connect(path).await?;
    let peer = stream.peer_cred()?;
    Ok((Stream::Unix(stream), PeerAddress::Unix { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn an_address_that_does_not_answer_leaves_time_for_the_others() {
        // Linux leaves connections unanswered for which a listener has no room.
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        silent.listen(0).unwrap();
        let address = silent.local_addr().unwrap();
        let fill = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        };
        let _filled: Vec<Socket> = (0..4).map(fill).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answering = listener.local_addr().unwrap();
        let addresses = [address.as_socket().unwrap(), answering];
        let within = Duration::from_secs(2);
        let opening = open_tcp(&addresses, Instant::now() + within, None);
        let (_, peer) = tokio::time::timeout(within, opening).await.expect("in time").unwrap();
        assert_eq!(peer, PeerAddress::Tcp(answering));
    }
    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_host_that_falls_silent_is_asked_whether_it_is_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [listener.local_addr().unwrap()];
        let longest = TcpKeepalive { idle_s: u32::MAX, timeout_s: u32::MAX };
        assert!(open_tcp(&addresses, Instant::now() + Duration::from_secs(5), Some(longest)).await.is_ok());
        for (keepalive, is_asked) in [(ConnectOptions::default().tcp_keepalive, true), (None, false)] {
            let opened = open_tcp(&addresses, Instant::now() + Duration::from_secs(5), keepalive).await;
            let (Stream::Tcp(stream), _) = opened.unwrap() else { panic!("it is TCP") };
            let socket = socket2::SockRef::from(&stream);
            assert_eq!(socket.keepalive().unwrap(), is_asked);
            let times = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
            if is_asked {
                assert_eq!((times.0.unwrap().as_secs(), times.1.unwrap().as_secs()), (20, 5));
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 2);
            }
        }
    }
}
