//! How a client connects and behaves.

use std::path::PathBuf;
use std::time::Duration;

use crossweave_wamp::{Dict, Serializer};

use crate::auth::Auth;
use crate::limits::{MESSAGE_LEN_MAX, OUTBOUND_BYTES_MAX};
use crate::reconnect::Reconnect;
use crate::resume::Resume;

/// How a client connects and behaves. A plain struct: name what differs, take the rest from the default.
///
/// ```
/// use crossweave_client::{Auth, Options, Reconnect};
///
/// let options = Options { auth: Auth::ticket("joe", "secret!!!"), reconnect: Reconnect::Off, ..Options::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Who to be. Default anonymous.
    pub auth: Auth,
    /// The serializers to offer, best first. Default MessagePack, CBOR, JSON; typed arguments are MessagePack from the
    /// start, so that it costs least.
    pub serializers: Vec<Serializer>,
    /// Whether handlers may answer a call with `wamp.error.unavailable` for another callee of a shared registration to get it
    /// (`call_reroute`, where the router does that). Default no: the caller gets that error.
    pub reroutes_calls: bool,
    /// What to do when the connection is lost. Default: back-off of at most 30 seconds, without end.
    pub reconnect: Reconnect,
    /// Whether to go on with the session when the connection is made again, if the router lets sessions be resumed. Default
    /// no: a new session is joined. A client that leaves while it has no connection cannot tell the router: its session is kept
    /// there until its time is over.
    pub resume: Option<Resume>,
    /// For resolving, connecting, TLS and the transport's handshake together. Default 10 seconds.
    pub connect_timeout: Duration,
    /// From HELLO to WELCOME. Default 10 seconds.
    pub join_timeout: Duration,
    /// For the router's answer to GOODBYE. Default 5 seconds.
    pub leave_timeout: Duration,
    /// Finding out about a connection that is open only on our side.
    pub keepalive: Keepalive,
    /// The longest message the router may send, in octets; RawSocket rounds it up to a power of two. Default 16 MiB.
    pub message_len_max: usize,
    /// Octets that may wait to be written; beyond, publishing and calling wait. Default 4 MiB.
    pub outbound_bytes_max: usize,
    /// A PEM file of authorities to trust beside those of the operating system, for `wss` and `rss`.
    pub ca_file: Option<PathBuf>,
    /// PEM files of a certificate and its key, to show to routers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether WAMP-SCRAM and WAMP-cryptosign are tied to the TLS connection (`tls-exporter`), so that nobody between us and
    /// the router can pass the login on. Needs TLS 1.3 and a router that does it. Default no.
    pub binds_channel: bool,
    /// Further header fields of the WebSocket request, such as `Cookie`.
    pub headers: Vec<(String, String)>,
    /// `HELLO.Details.authextra`: what the authentication method or the router's authenticator wants to know.
    pub authextra: Dict,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            auth: Auth::Anonymous,
            serializers: vec![Serializer::MsgPack, Serializer::Cbor, Serializer::Json],
            reroutes_calls: false,
            reconnect: Reconnect::default(),
            resume: None,
            connect_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(10),
            leave_timeout: Duration::from_secs(5),
            keepalive: Keepalive::default(),
            message_len_max: MESSAGE_LEN_MAX,
            outbound_bytes_max: OUTBOUND_BYTES_MAX,
            ca_file: None,
            certificate: None,
            binds_channel: false,
            headers: Vec::new(),
            authextra: Dict::new(),
        }
    }
}

/// When to ask a silent router whether it is still there: by a ping, and over TCP also by the system, which learns only whether its
/// host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After this long without a single octet from the router, a ping is sent. Zero turns it off. Default 20 seconds.
    pub idle: Duration,
    /// After this long without an octet since the ping, the connection counts as lost. Default 10 seconds.
    pub timeout: Duration,
    /// Whether to ping over RawSocket as well. Default no: Crossbar.io takes a RawSocket ping for a message that is too
    /// long and closes.
    pub on_rawsocket: bool,
}

impl Default for Keepalive {
    fn default() -> Self {
        Keepalive { idle: Duration::from_secs(20), timeout: Duration::from_secs(10), on_rawsocket: false }
    }
}
