//! `"type": "longpoll"`: WAMP for clients that have nothing but HTTP requests.
//!
//! ```text
//!  POST open                ─▶ {"protocol", "transport": id}
//!  POST <id>/send           ─▶ session ─▶ stream ─▶ router
//!  POST <id>/receive ◀─ waits ─ inbox ◀─ stream ◀─ router
//!  POST <id>/close
//! ```
//!
//! A session is a client of the router like any other: it authenticates itself, and is bounded before it has. It ends when it is
//! closed, when the router ends it and the last message was received, or when nothing was heard of its client for a time.

mod inbox;
mod opening;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossweave_router::http::{Answering, RequestBody, answer, empty, text};
use crossweave_router::{Authentication, HttpPeer, Relayed, Router};
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::Serializer;
use http::{Method, StatusCode, header};
use http_body::Body as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::{debug, info};

use self::inbox::{Inbox, Received};
use self::opening::{OPEN_LEN_MAX, Opened};
use self::session::{LINGERING_MAX, Lost, Session};
use crate::cors::{admits, allow_any_origin, foreign_origin, preflight};
use crate::reply::{Fields as _, Reply, page, without_method};
use crate::service::{Exchange, WebService};

const METHODS: &str = "POST, OPTIONS";
/// What a frame can hold: its length has three octets.
const MESSAGE_LEN_MAX: usize = (1 << 24) - 1;
/// Nothing of it may be kept, or held back by a reverse proxy.
const NEVER_KEPT: &str = "no-store, no-cache, must-revalidate, max-age=0";

/// What a [`LongPoll`] service is told. The names and defaults of the first four are those of Crossbar.io's `options`.
#[derive(Clone)]
pub struct LongPollOptions {
    /// `request_timeout`: how long a request to receive waits for a message, in seconds; 0 for as long as it takes. Default 10.
    pub request_timeout_s: u32,
    /// `session_timeout`: a session ends after so many seconds without a request, 0 for never. Default 30.
    pub session_timeout_s: u32,
    /// `queue_limit_bytes`: so many octets wait here to be received; what does not fit waits in the session's queue, which has
    /// the bounds of any session. Default 131,072.
    pub queue_limit_bytes: usize,
    /// `queue_limit_messages`: the same, in messages. Default 100.
    pub queue_limit_messages: usize,
    /// The longest body of a request to send, in octets, below 16 MiB (an extension). Default 1 MiB.
    pub max_message_size: usize,
    /// The serializers spoken with one message in each body (an extension). Default all.
    pub serializers: Vec<Serializer>,
    /// The serializers spoken in batches (an extension). Default all.
    pub batched_serializers: Vec<Serializer>,
    /// Who may join (an extension). Default: anonymous clients, in role `anonymous`.
    pub authentication: Authentication,
    /// Which web pages may connect (an extension). Default: any, as at Crossbar.io.
    pub origins: OriginPolicy,
    /// From opening to WELCOME, in milliseconds (an extension). Default 5,000.
    pub handshake_timeout_ms: u64,
    /// `debug`: sessions that come and go and each request of theirs are lines in the log, without what they say. Default no.
    pub debug: bool,
}

impl Default for LongPollOptions {
    fn default() -> Self {
        LongPollOptions {
            request_timeout_s: 10,
            session_timeout_s: 30,
            queue_limit_bytes: 131_072,
            queue_limit_messages: 100,
            max_message_size: 1 << 20,
            serializers: Serializer::ALL.to_vec(),
            batched_serializers: Serializer::ALL.to_vec(),
            authentication: Authentication::anonymous("anonymous"),
            origins: OriginPolicy::any(),
            handshake_timeout_ms: 5_000,
            debug: false,
        }
    }
}

/// Opens sessions, and carries their messages.
pub struct LongPoll {
    router: Router,
    options: LongPollOptions,
    /// By the id of their transport, which is their secret.
    sessions: Arc<Sessions>,
    /// Places for sessions that the router has closed.
    lingering: Arc<Semaphore>,
    /// Counts the sessions that were opened.
    opened: AtomicU64,
}

/// The sessions that are open, each with its number: in the log that stands for the id.
type Sessions = Mutex<HashMap<String, (u64, Arc<Session>)>>;

impl LongPoll {
    /// Opens sessions of this router.
    pub fn new(router: Router, options: LongPollOptions) -> LongPoll {
        let max_message_size = options.max_message_size.min(MESSAGE_LEN_MAX);
        let options = LongPollOptions { max_message_size, ..options };
        let lingering = Arc::new(Semaphore::new(LINGERING_MAX));
        LongPoll { router, options, sessions: Arc::default(), lingering, opened: AtomicU64::new(0) }
    }

    async fn reply(&self, exchange: Exchange<'_>) -> Reply {
        let Exchange { request, peer, below, .. } = exchange;
        let (head, body) = request.into_parts();
        if !admits(&self.options.origins, &head.headers, peer) {
            return foreign_origin();
        }
        let path: Vec<&str> = below.iter().map(String::as_str).collect();
        let reply = match (&head.method, &path[..]) {
            (&Method::OPTIONS, _) => return preflight(&head.headers, METHODS),
            (&Method::GET | &Method::HEAD, []) => return notice(),
            (&Method::POST, ["open"]) => self.open(body, peer).await,
            (&Method::POST, [id, action @ ("send" | "receive" | "close")]) => {
                self.act(id, action, body, peer).await
            }
            (&Method::POST, _) => text(StatusCode::NOT_FOUND, "no such operation"),
            (other, _) => without_method(other, METHODS),
        };
        allow_any_origin(reply, &head.headers).with(header::CACHE_CONTROL, NEVER_KEPT)
    }

    async fn open(&self, body: RequestBody, peer: &HttpPeer) -> Reply {
        let body = match body.read(OPEN_LEN_MAX).await {
            Ok(body) => body,
            Err(error) => return error.response(),
        };
        let opened = match Opened::choose(&body, &self.options.serializers, &self.options.batched_serializers)
        {
            Ok(opened) => opened,
            Err(refused) => return text(StatusCode::BAD_REQUEST, &refused.to_string()),
        };
        let relayed = Relayed {
            address: peer.address.clone(),
            tls: peer.tls.clone(),
            channel_framing: "longpoll",
            serializer: opened.serializer,
            authentication: self.options.authentication.clone(),
            message_len_max: self.options.max_message_size,
            handshake_timeout_ms: self.options.handshake_timeout_ms,
        };
        let stream = match self.router.relay(relayed) {
            Ok(stream) => stream,
            Err(refused) => return text(StatusCode::SERVICE_UNAVAILABLE, &refused.to_string()),
        };
        let inbox = Inbox::new(self.options.queue_limit_bytes, self.options.queue_limit_messages);
        let (idle_max, lingering) = (seconds(self.options.session_timeout_s), self.lingering.clone());
        let (session, running) = Session::open(&opened, inbox, stream, idle_max, lingering);
        let (id, number) = (opening::new_id(), self.opened.fetch_add(1, Ordering::Relaxed));
        self.sessions.lock().insert(id.clone(), (number, session));
        let is_told = self.options.debug;
        if is_told {
            info!(number, peer = %peer.address, protocol = opened.protocol(), "longpoll session opened");
        }
        let (sessions, key) = (Arc::downgrade(&self.sessions), id.clone());
        tokio::spawn(async move {
            let why = running.await;
            match is_told {
                true => info!(number, why, "longpoll session ended"),
                false => debug!(number, why, "longpoll session ended"),
            }
            if let Some(sessions) = sessions.upgrade() {
                sessions.lock().remove(&key);
            }
        });
        answer(StatusCode::OK, "application/json", opened.answer(&id))
    }

    async fn act(&self, id: &str, action: &str, body: RequestBody, peer: &HttpPeer) -> Reply {
        let session = self.sessions.lock().get(id).cloned();
        let Some((number, session)) = session else { return no_such_transport() };
        if session.has_joined() {
            peer.vouch();
        }
        let _in_use = session.in_use();
        let reply = match action {
            "send" => self.send(&session, body).await,
            "receive" => self.receive(&session).await,
            _ => {
                session.close();
                empty(StatusCode::NO_CONTENT)
            }
        };
        if self.options.debug {
            let (status, octets) = (reply.status().as_u16(), reply.body().size_hint().exact());
            info!(number, action, status, octets, "longpoll request");
        }
        reply
    }

    async fn send(&self, session: &Session, body: RequestBody) -> Reply {
        let body = match body.read(self.options.max_message_size).await {
            Ok(body) => body,
            Err(error) => return error.response(),
        };
        match session.send(&body).await {
            Ok(()) => empty(StatusCode::NO_CONTENT),
            Err(Lost::Malformed(why)) => text(StatusCode::BAD_REQUEST, &why),
            Err(Lost::Closed) => no_such_transport(),
            Err(Lost::Busy) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "the router takes no more of this session now")
            }
        }
    }

    async fn receive(&self, session: &Session) -> Reply {
        match session.receive(seconds(self.options.request_timeout_s)).await {
            Received::Messages(octets) => {
                answer(StatusCode::OK, session.content_type(), octets).with(X_ACCEL_BUFFERING, "no")
            }
            Received::Nothing => empty(StatusCode::NO_CONTENT),
            Received::Closed => no_such_transport(),
        }
    }
}

/// Asks reverse proxies not to hold an answer back.
const X_ACCEL_BUFFERING: header::HeaderName = header::HeaderName::from_static("x-accel-buffering");

impl WebService for LongPoll {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(self.reply(exchange))
    }

    /// The id in the path is the session's secret.
    fn logged_path(&self, mount: &str, below: &[String]) -> Option<String> {
        match below {
            [] => None,
            [open] if open == "open" => None,
            [_, rest @ ..] => {
                let rest: String = rest.iter().flat_map(|name| ["/", name]).collect();
                Some(format!("{}/..{}", mount.trim_end_matches('/'), rest.escape_debug()))
            }
        }
    }
}

impl Drop for LongPoll {
    fn drop(&mut self) {
        self.sessions.lock().values().for_each(|(_, session)| session.close());
    }
}

/// A time, if there is one.
fn seconds(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

fn no_such_transport() -> Reply {
    text(StatusCode::NOT_FOUND, "no such transport, or its session has ended")
}

fn notice() -> Reply {
    page(StatusCode::OK, "WAMP over HTTP", "This is a long-poll endpoint: WAMP clients post to open.")
}
