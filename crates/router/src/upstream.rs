//! Sessions that go on to another router: what a proxy is made of.
//!
//! ```text
//!  client ── transport, authentication ── connection ── upstream: a session at a router of its own for each client
//! ```
//!
//! A router with an [`Upstream`] has no use for realms: whoever has proven who it is gets a session there.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_client::Pipe;
use crossweave_wamp::message::Welcome;
use crossweave_wamp::{Dict, Value};
use parking_lot::RwLock;
use tokio::sync::watch;

/// A client that has proven who it is.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// The realm that it joins.
    pub realm: String,
    /// Who it is.
    pub authid: Arc<str>,
    /// In which role.
    pub authrole: Arc<str>,
    /// How it has proven that; `anonymous` if not at all.
    pub authmethod: &'static str,
    /// To whom: `static`, ....
    pub authprovider: &'static str,
    /// What its authenticator gave it along.
    pub authextra: Dict,
    /// `HELLO.Details.roles`: what it can do.
    pub roles: Dict,
    /// The `transport` dict of the meta API: kind of channel, peer address, serializer.
    pub transport: Dict,
}

/// A session that was opened for a client.
#[derive(Debug)]
pub struct UpstreamSession {
    /// By which its messages come and go.
    pub pipe: Pipe,
    /// What the client is told.
    pub welcome: Welcome,
}

/// Why a client gets no session. Both texts are sent to it in an ABORT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{uri}: {message}")]
pub struct NotForwarded {
    /// The reason, a URI such as `wamp.error.no_such_realm`.
    pub uri: String,
    /// One sentence.
    pub message: String,
}

/// What an upstream answers, sooner or later.
pub type Forwarding = Pin<Box<dyn Future<Output = Result<UpstreamSession, NotForwarded>> + Send>>;

/// `proxy_authprovider` of the session by which a proxy itself asks. What passes through calls of such a session is shown by no
/// [`Tap`](crate::Tap), as it may be what clients log in with.
pub const ASKING_PROVIDER: &str = "proxy";

/// A procedure that the router itself calls elsewhere: an authenticator.
#[derive(Clone)]
pub struct Question {
    /// The realm on which it is registered.
    pub realm: String,
    /// The role in which it is called.
    pub authrole: String,
    /// Its URI.
    pub procedure: String,
    /// Its arguments. They may hold what a client logs in with: no log shows them.
    pub args: Vec<Value>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { realm, authrole, procedure, args: _ } = self;
        let mut shown = f.debug_struct("Question");
        shown.field("realm", realm).field("authrole", authrole).field("procedure", procedure);
        shown.finish_non_exhaustive()
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// The procedure, or the router there in its place, answered with an error.
    #[error("{uri}")]
    Error {
        /// The error's URI.
        uri: String,
        /// Its first argument, if that is text.
        message: Option<String>,
    },
    /// It could not be asked, for this reason, which is for the log.
    #[error("{0}")]
    Failed(String),
}

/// The positional results of a procedure, sooner or later.
pub type Answering = Pin<Box<dyn Future<Output = Result<Vec<Value>, NotAnswered>> + Send>>;

/// Opens sessions for clients elsewhere. Set with [`Router::set_upstream`](crate::Router::set_upstream).
pub trait Upstream: Send + Sync {
    /// Opens one. The client waits no longer than its transport's handshake may take; then the future is dropped.
    fn open(&self, client: Forwarded) -> Forwarding;

    /// Calls a procedure there, to find out who a client is. It has five seconds; then the future is dropped, which is to cancel
    /// the call. There are never more than 4,096 at a time.
    fn ask(&self, question: Question) -> Answering;
}

/// Where a router's clients go, if not to its own realms.
#[derive(Default)]
pub(crate) struct Upstreams {
    upstream: RwLock<Option<Arc<dyn Upstream>>>,
    /// Whether the router shuts down: sessions elsewhere end as well.
    is_closing: watch::Sender<bool>,
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams").finish_non_exhaustive()
    }
}

impl Upstreams {
    pub(crate) fn set(&self, upstream: Option<Arc<dyn Upstream>>) {
        // Dropped when the lock is free: it may hold the router.
        let _before = std::mem::replace(&mut *self.upstream.write(), upstream);
    }

    /// Ends the sessions of all clients.
    pub(crate) fn close(&self) {
        self.set(None);
        self.is_closing.send_replace(true);
    }

    /// True when they are to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.is_closing.subscribe()
    }

    pub(crate) fn get(&self) -> Option<Arc<dyn Upstream>> {
        self.upstream.read().clone()
    }
}
