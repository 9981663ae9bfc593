//! Requests after the first head: hyper speaks HTTP/1.1, the transport's service answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::http::{HEAD_LEN_MAX, HEADERS_MAX, Headers, Request as Head, Response as Plain};
use crossweave_transport::websocket::handshake::is_upgrade;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Parts};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::{Acceptor, Handshake, NotEstablished};
use super::stream::HttpStream;
use super::upgrade::Agreed;
use crate::admission::{Admitted, Pending, PendingCell, network};
use crate::connection::{Connection, Established};
use crate::http::limits::{BUFFER_LEN_MAX, LIFETIME};
use crate::http::{Answered, HttpPeer, RequestBody, ResponseBody, empty, text};

/// A connection that serves requests.
struct Serving<'a> {
    acceptor: &'a Acceptor,
    peer: HttpPeer,
    /// Not kept for further requests after this.
    end: Instant,
    /// The upgrade that was agreed on with the last request.
    agreed: Mutex<Option<Agreed>>,
}

impl Acceptor {
    /// Serves requests until one of them upgrades the connection or the client has no more.
    pub(in crate::accept) async fn serve(
        self: Arc<Self>,
        handshake: Handshake,
        pending: Pending,
        admitted: Admitted,
    ) {
        let (peer, pending) = (handshake.address.clone(), PendingCell::new(pending));
        let served = Box::pin(self.requests(handshake, pending.clone())).await;
        if let Some(established) = self.heed(&peer, served) {
            let (shared, options) = (self.shared.clone(), self.options.clone());
            tokio::spawn(Connection::new(shared, options, established, pending.take(), Some(admitted)));
        }
    }

    /// The session, if a request asked for one.
    async fn requests(
        &self,
        handshake: Handshake,
        pending: PendingCell,
    ) -> Result<Option<Established>, NotEstablished> {
        let Handshake { stream, address, tls, buffer, .. } = handshake;
        let peer = HttpPeer { address, tls, pending };
        let serving =
            Serving { acceptor: self, peer, end: Instant::now() + LIFETIME, agreed: Mutex::default() };
        let service = service_fn(|request| Box::pin(serving.answer(request)));
        let io = TokioIo::new(HttpStream::new(stream, buffer));
        let served =
            builder(self.options.http_idle_timeout_ms).serve_connection(io, service).without_shutdown().await;
        let Parts { io, read_buf, .. } = served.map_err(|error| not_served(&error))?;
        let Serving { peer, agreed, .. } = serving;
        let Some(agreed) = agreed.into_inner() else {
            io.into_inner().linger().await?;
            return Ok(None);
        };
        let (stream, unread) = io.into_inner().into_parts();
        let leftover = [&read_buf[..], &unread[..]].concat();
        let deadline = Instant::now() + self.handshake_timeout();
        Ok(Some(agreed.established((stream, leftover), (peer.address, peer.tls), deadline)))
    }

    fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.options.handshake_timeout_ms)
    }
}

fn builder(idle_timeout_ms: u64) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(idle_timeout_ms))
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_LEN_MAX)
        .max_buf_size(BUFFER_LEN_MAX);
    builder
}

fn not_served(error: &hyper::Error) -> NotEstablished {
    match error {
        _ if error.is_parse() => NotEstablished::Refused(error.to_string()),
        _ if error.is_timeout() => NotEstablished::Silent,
        _ => NotEstablished::Closed,
    }
}

impl Serving<'_> {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
        let mut response = self.respond(request).await;
        if Instant::now() >= self.end && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            close_behind(&mut response);
        }
        Ok(response)
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let options = &self.acceptor.options;
        let now = Instant::now();
        if let Some(response) = self.own_answer(&request) {
            if let Some(service) = &options.http {
                service.answered(&answered(&request, &response, &self.peer, now));
            }
            return response;
        }
        let deadline = now + self.acceptor.handshake_timeout();
        let (pending, room) = (self.peer.pending.clone(), self.acceptor.room.clone());
        let address = network(&self.peer.address);
        let request = request.map(|incoming| RequestBody::new(incoming, deadline, pending, room, address));
        match &options.http {
            Some(service) => service.respond(request, &self.peer).await,
            None if self.acceptor.paths.is_empty() => text(StatusCode::NOT_FOUND, "no http is served here"),
            None => text(StatusCode::NOT_FOUND, "nothing is served at this path"),
        }
    }

    /// The answer to a request that no service gets.
    fn own_answer(&self, request: &Request<Incoming>) -> Option<Response<ResponseBody>> {
        if let Err(why) = check(request) {
            let mut response = text(StatusCode::BAD_REQUEST, &format!("malformed request: {why}"));
            close_behind(&mut response);
            return Some(response);
        }
        if request.headers().contains_key(header::UPGRADE) {
            let head = upgrade_head(request);
            if is_upgrade(&head) {
                return Some(self.upgrade(&head));
            }
        }
        // What is below a WebSocket service may be another service's, for requests that are no upgrade.
        let (path, paths) = (request.uri().path(), &self.acceptor.paths);
        if ![path, path.trim_end_matches('/')].iter().any(|path| paths.has(path)) {
            return None;
        }
        let why = "this is a websocket endpoint: connect with ws:// or wss://";
        let mut response = text(StatusCode::UPGRADE_REQUIRED, why);
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        Some(response)
    }

    /// An upgrade on a connection that was used for other requests, as reverse proxies do it.
    fn upgrade(&self, head: &Head) -> Response<ResponseBody> {
        match self.acceptor.negotiate(head, self.peer.is_tls()) {
            Ok(agreed) => {
                let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
                for (name, value) in agreed.fields() {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        response.headers_mut().append(name, value);
                    }
                }
                *self.agreed.lock() = Some(agreed);
                response
            }
            Err(refused) => {
                let mut response = from_plain(&refused.response);
                close_behind(&mut response);
                response
            }
        }
    }
}

fn answered<'a>(
    request: &'a Request<Incoming>,
    response: &Response<ResponseBody>,
    peer: &'a HttpPeer,
    since: Instant,
) -> Answered<'a> {
    let agent = request.headers().get(header::USER_AGENT);
    Answered {
        peer: &peer.address,
        method: request.method().as_str(),
        path: request.uri().path(),
        user_agent: agent.and_then(|agent| agent.to_str().ok()),
        status: response.status(),
        octets: response.body().size_hint().exact().unwrap_or_default(),
        since: since.into_std(),
    }
}

/// What the first head of a connection was checked for as well.
fn check(request: &Request<Incoming>) -> Result<(), &'static str> {
    match request.headers().get_all(header::HOST).iter().count() {
        0 if request.version() == Version::HTTP_11 => return Err("host header missing"),
        0 | 1 => {}
        _ => return Err("host header repeated"),
    }
    let mut encodings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    if let Some(encoding) = encodings.next() {
        // Somebody in between may have understood another length. Behind a request with `Content-Length` as well hyper closes.
        if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err("transfer-encoding other than chunked");
        }
    }
    match *request.method() {
        Method::CONNECT => Err("this is no proxy"),
        _ => Ok(()),
    }
}

fn upgrade_head(request: &Request<Incoming>) -> Head {
    Head {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(str::to_owned),
        is_http11: request.version() == Version::HTTP_11,
        headers: fields(request.headers()),
        body_len: 0,
        is_chunked: false,
    }
}

fn fields(headers: &HeaderMap) -> Headers {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Headers::from_fields(headers.iter().map(|(name, value)| (name.as_str(), text(value))))
}

fn from_plain(plain: &Plain) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::from_u16(plain.status()).unwrap_or(StatusCode::BAD_REQUEST));
    for (name, value) in plain.fields() {
        if let (Ok(name), Ok(value)) = (name.parse::<header::HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    *response.body_mut() = crate::http::full(plain.body().to_vec());
    response
}

fn close_behind(response: &mut Response<ResponseBody>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}
