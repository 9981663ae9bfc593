//! What a router and its transports are told to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossweave_transport::ListenEndpoint;
use crossweave_transport::tls::TlsServerOptions;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::Serializer;

use crate::cookies::CookieOptions;
use crate::http::HttpService;
use crate::methods::Authentication;
use crate::queue::QueueOptions;
use crate::resumption::ResumptionOptions;

/// Bounds of a whole router, before anyone has authenticated.
#[derive(Clone, Debug)]
pub struct AdmissionOptions {
    /// Connections at a time. Default 65,536; the process's limit on open files may be lower.
    pub connections_max: usize,
    /// Connections that have not joined a realm yet. Default 2,000.
    pub pending_max: usize,
    /// Of those, from one address; Unix sockets and memory have none. Default 256.
    pub pending_per_address_max: usize,
    /// Octets of HTTP bodies that are on their way on such connections, for each transport. The first 16 KiB of each body do not
    /// count ([`BODY_UNCOUNTED_LEN`](crate::http::limits::BODY_UNCOUNTED_LEN)). A body for which there is no room is answered 503, one
    /// that is longer than that by itself 413.
    /// Default 64 MiB.
    pub pending_body_bytes_max: usize,
    /// Of those, from one address (of IPv6 one network of 64 bits), so that nobody takes all of the room; Unix sockets and memory
    /// have none. Default 16 MiB.
    pub pending_body_bytes_per_address_max: usize,
}

impl Default for AdmissionOptions {
    fn default() -> Self {
        AdmissionOptions {
            connections_max: 65_536,
            pending_max: 2_000,
            pending_per_address_max: 256,
            pending_body_bytes_max: 64 << 20,
            pending_body_bytes_per_address_max: 16 << 20,
        }
    }
}

/// One listening transport.
#[derive(Clone)]
pub struct TransportOptions {
    /// Where to listen.
    pub endpoint: ListenEndpoint,
    /// TLS, if any.
    pub tls: Option<TlsServerOptions>,
    /// RawSocket, if it is spoken here.
    pub rawsocket: Option<RawSocketOptions>,
    /// WebSocket by path. A path has what is below it, too, as in Crossbar.io (`/ws` has `/ws/` and `/ws/a`), but `/` has itself only.
    /// The key `*` stands for every path that has no service of its own.
    pub websocket: BTreeMap<String, WebSocketOptions>,
    /// Answers HTTP requests that are no WebSocket; absent, they get 404 or 426.
    pub http: Option<Arc<dyn HttpService>>,
    /// A connection without HTTP request is closed after this time, in milliseconds. Default 15,000.
    pub http_idle_timeout_ms: u64,
    /// Who may join here, and as whom, where a part does not say so itself.
    pub authentication: Authentication,
    /// Bound on what waits for a session.
    pub queue: QueueOptions,
    /// Whether sessions may be resumed when their connection was lost. Default no.
    pub resumption: Option<ResumptionOptions>,
    /// From accepting the connection to WELCOME, in milliseconds. Default 5,000.
    pub handshake_timeout_ms: u64,
}

impl TransportOptions {
    /// A transport on this endpoint that speaks nothing yet.
    pub fn new(endpoint: ListenEndpoint) -> Self {
        TransportOptions {
            endpoint,
            tls: None,
            rawsocket: None,
            websocket: BTreeMap::new(),
            http: None,
            http_idle_timeout_ms: 15_000,
            authentication: Authentication::anonymous("anonymous"),
            queue: QueueOptions::default(),
            resumption: None,
            handshake_timeout_ms: 5_000,
        }
    }
}

impl TransportOptions {
    /// The names of authenticators that must be registered.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        let parts = self.rawsocket.iter().map(|part| &part.authentication);
        let parts = parts.chain(self.websocket.values().map(|part| &part.authentication));
        let all = std::iter::once(&self.authentication).chain(parts.flatten());
        all.filter_map(|authentication| match authentication {
            Authentication::Methods(methods) => Some(methods.functions()),
            Authentication::Trusted { .. } => None,
        })
        .flatten()
    }
}

/// RawSocket on a transport.
#[derive(Clone, Debug)]
pub struct RawSocketOptions {
    /// The longest message accepted, in octets. Default 16 MiB.
    pub max_message_size: usize,
    /// The serializers spoken. Default all.
    pub serializers: Vec<Serializer>,
    /// Who may join here. Default: as the transport says.
    pub authentication: Option<Authentication>,
    /// A ping is sent after this time without a message from the peer, in milliseconds; 0, the default, for never: some
    /// clients in the field take a ping for an error and are gone.
    pub auto_ping_interval_ms: u64,
    /// The connection is closed if the pong takes longer, in milliseconds. Default 5,000.
    pub auto_ping_timeout_ms: u64,
}

impl Default for RawSocketOptions {
    fn default() -> Self {
        RawSocketOptions {
            max_message_size: 1 << 24,
            serializers: Serializer::ALL.to_vec(),
            authentication: None,
            auto_ping_interval_ms: 0,
            auto_ping_timeout_ms: 5_000,
        }
    }
}

/// WebSocket on a path of a transport.
#[derive(Clone, Debug)]
pub struct WebSocketOptions {
    /// The longest message accepted, in octets. Default 16 MiB.
    pub max_message_size: usize,
    /// The longest frame accepted, in octets. Default 16 MiB.
    pub max_frame_size: usize,
    /// Messages are sent in frames of at most this many octets; 0, the default, for whole ones.
    pub auto_fragment_size: usize,
    /// The serializers spoken with one message in each of WebSocket's. Default all.
    pub serializers: Vec<Serializer>,
    /// The serializers spoken in batches, the subprotocols `wamp.2.….batched`. Default all.
    pub batched_serializers: Vec<Serializer>,
    /// Who may join here. Default: as the transport says.
    pub authentication: Option<Authentication>,
    /// The cookies that handshakes get and bring, if any. Default none. Those that are kept in the same file are one jar.
    pub cookies: Option<CookieOptions>,
    /// Which web pages may connect. Default: those of the same origin.
    pub origins: OriginPolicy,
    /// Compression, if any. Default none.
    pub deflate: Option<DeflateOptions>,
    /// A ping is sent after this time without a message from the peer, in milliseconds; 0 for never. Default 10,000.
    pub auto_ping_interval_ms: u64,
    /// The connection is closed if the pong takes longer, in milliseconds. Default 5,000.
    pub auto_ping_timeout_ms: u64,
    /// Whether a client without subprotocol is taken as one of JSON. Default no.
    pub allows_no_subprotocol: bool,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        WebSocketOptions {
            max_message_size: 1 << 24,
            max_frame_size: 1 << 24,
            auto_fragment_size: 0,
            serializers: Serializer::ALL.to_vec(),
            batched_serializers: Serializer::ALL.to_vec(),
            authentication: None,
            cookies: None,
            origins: OriginPolicy::SameOrigin,
            deflate: None,
            auto_ping_interval_ms: 10_000,
            auto_ping_timeout_ms: 5_000,
            allows_no_subprotocol: false,
        }
    }
}
