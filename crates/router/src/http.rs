//! HTTP as services of a transport see it: requests and answers in the types of the crate `http`.
//!
//! The protocol itself is hyper's. What bounds there are, is in [`limits`].

pub(crate) mod arriving;
mod body;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use crossweave_transport::PeerAddress;
use crossweave_transport::tls::TlsFacts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use crate::admission::PendingCell;

pub use self::body::{BodyError, RequestBody};

/// What HTTP clients are bound by. A request's head also has the bounds of [`crossweave_transport::http`], and what a transport is
/// told counts as well: `handshake_timeout_ms` for the first head and for each body, `http_idle_timeout_ms` for the heads that follow.
pub mod limits {
    use std::time::Duration;

    /// A connection is not kept for further requests after this time: it has a place that others need.
    pub const LIFETIME: Duration = Duration::from_secs(120);
    /// A client that takes nothing of an answer for this time is given up.
    pub const STALL: Duration = Duration::from_secs(30);
    /// How long a client that was refused is read from, so that it reads why.
    pub const LINGER: Duration = Duration::from_secs(1);
    /// And how many octets.
    pub const LINGER_LEN_MAX: usize = 1 << 20;
    /// The first octets of a body, which do not count for
    /// [`pending_body_bytes_max`](crate::AdmissionOptions::pending_body_bytes_max): what is usual is taken whatever others send.
    pub const BODY_UNCOUNTED_LEN: usize = 16 * 1024;
    /// The most octets of one connection that are read ahead, or answered and not yet written.
    pub const BUFFER_LEN_MAX: usize = 64 * 1024;
}

/// An answer's body.
pub type ResponseBody = UnsyncBoxBody<Bytes, io::Error>;

/// An answer that is being made.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send + 'a>>;

/// The other end of a connection with HTTP.
#[derive(Clone, Debug)]
pub struct HttpPeer {
    /// Where it comes from.
    pub address: PeerAddress,
    /// What TLS knows of it; absent without TLS.
    pub tls: Option<Arc<TlsFacts>>,
    /// Counts the connection as one that has proven nothing.
    pub(crate) pending: PendingCell,
}

impl HttpPeer {
    /// Whether the connection has TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Says that whoever uses the connection has joined a realm: it no longer counts against the bounds of
    /// [`AdmissionOptions`](crate::AdmissionOptions) for those that have not.
    pub fn vouch(&self) {
        drop(self.pending.take());
    }
}

/// Answers plain HTTP requests on a transport.
///
/// It is dropped, while it answers, when the client closes the connection.
pub trait HttpService: Send + Sync {
    /// Answers one request.
    ///
    /// Answers to HEAD may carry the body of GET: it is left out when they are written.
    fn respond<'a>(&'a self, request: Request<RequestBody>, peer: &'a HttpPeer) -> Answering<'a>;

    /// Is told of a request that the transport has answered itself: to upgrade to WebSocket, to a path where nothing else is spoken,
    /// or against the rules of HTTP. It must not block. Default: nothing comes of it.
    fn answered(&self, exchange: &Answered<'_>) {
        let _ = exchange;
    }
}

/// A request, and the status that the transport itself has answered it with. All texts are the client's.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Where it comes from.
    pub peer: &'a PeerAddress,
    /// Its method.
    pub method: &'a str,
    /// Its path, not decoded and without the query.
    pub path: &'a str,
    /// `User-Agent`, if there is one.
    pub user_agent: Option<&'a str>,
    /// The answer's status; 101 if the connection is a WebSocket from now on.
    pub status: StatusCode,
    /// The length of the answer's body in octets.
    pub octets: u64,
    /// When the request's head was there.
    pub since: Instant,
}

/// An answer with this body and content type.
pub fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A line of plain text.
pub fn text(status: StatusCode, text: &str) -> Response<ResponseBody> {
    answer(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

/// An answer without body.
pub fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A body that is in memory.
pub fn full(body: impl Into<Bytes>) -> ResponseBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}
