//! Calls that the router itself makes on a realm: of authorizers, of authenticators.
//!
//! A realm gets one session of the router's own for each role in which it calls, when that is first needed;
//! [`RealmCell::call`] calls through it. It is a session like any other, as seen from the realm: it is subject to its bounds and to its order, it is told of in the meta API, and an
//! administrator can end it. Then the next call joins anew. It has no socket: what the realm queues for it is taken out of the
//! queue by a task of its own.
//!
//! ```text
//!  call ──▶ CALL ──▶ realm ──▶ queue ──task──▶ the one who waits
//!    │ dropped: CANCEL                └─ detached: whoever waits gets `Lost`
//! ```

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use crossweave_router_core::boundary::{Flow, Session, Slot};
use crossweave_router_core::{Disclose, Disclosure, Permission, Permissions, Role};
use crossweave_transport::codec::Framing;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::{Call, CallOptions, Cancel, Error, Welcome};
use crossweave_wamp::{Batching, Dict, MatchPolicy, Message, Payload, RequestId, Serializer, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::debug;

use crate::dispatch::Effects;
use crate::peer::{Peer, Wire};
use crate::queue::QueueOptions;
use crate::realm::{RealmCell, RealmIsDown};
use crate::upstream::ASKING_PROVIDER;

/// The role of the router's own sessions. It may do everything, and nobody who connects gets it: see [`RealmCell::has_role`].
pub(crate) const TRUSTED: &str = "trusted";
/// The authid of the router's own sessions.
pub(crate) const INTERNAL_AUTHID: &str = "crossweave";

/// Octets of an answer; a longer one fails the call.
const ANSWER_LEN_MAX: usize = 256 * 1024;
/// Octets of all answers that wait to be read.
const ANSWERS_BYTES_MAX: usize = 16 << 20;

/// The role that comes with every realm: of the router's own sessions, and of parts of the program that ask for it. Callees always learn that it is the router who calls.
pub(crate) fn internal_role() -> Role {
    let disclose = Disclosure { caller: Disclose::Always, publisher: Disclose::Always };
    // What gives power over others needs a rule that names it.
    let rules = ["", "wamp."].map(|uri| Permission {
        uri: uri.to_owned(),
        match_policy: MatchPolicy::Prefix,
        allow: crossweave_router_core::Actions::ALL,
        disclose,
    });
    Role::fixed(TRUSTED, Permissions::new(rules).expect("two different prefixes are good rules"))
}

/// How the router's own sessions have been let in.
const INTERNAL_METHOD: &str = "internal";

/// Whether a session is one of the router's own.
pub(crate) fn is_own(session: &Session) -> bool {
    &*session.authmethod == INTERNAL_METHOD
}

/// Whether a session asks who clients are: the router's own, or that of a proxy.
pub(crate) fn asks_about_clients(session: &Session) -> bool {
    is_own(session) || &*session.authprovider == ASKING_PROVIDER
}

/// Whether a session is neither the router's own nor one of a part of its program.
pub(crate) fn is_from_outside(session: &Session) -> bool {
    !is_own(session) && &*session.authmethod != TRUSTED
}

/// Whether a role comes with every realm.
pub(crate) fn is_own_role(name: &str) -> bool {
    name == TRUSTED
}

/// What a procedure answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Positional results.
    pub(crate) args: Vec<Value>,
    /// Keyword results.
    pub(crate) kwargs: Dict,
}

/// Why there is no answer. The texts are for the log, not for clients.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum CallFailed {
    /// The callee, or the realm in its place, answered with an error.
    #[error("{error}{}", .message.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    Error {
        /// The error's URI.
        error: String,
        /// Its first argument, if that is text.
        message: Option<String>,
    },
    /// Nothing came in time; the call was cancelled.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The router's session was ended while it waited.
    #[error("the call was lost as the router's own session ended")]
    Lost,
    /// The realm has no role of this name.
    #[error("the realm has no role {0:?}")]
    NoSuchRole(String),
    /// No realm of this name runs.
    #[error("no realm {0:?} runs")]
    NoSuchRealm(String),
    /// The realm went down by a defect.
    #[error("the realm is down")]
    RealmIsDown,
    /// The router behind this proxy could not be asked.
    #[error("{0}")]
    Elsewhere(String),
}

impl From<RealmIsDown> for CallFailed {
    fn from(_: RealmIsDown) -> Self {
        CallFailed::RealmIsDown
    }
}

/// The place in a realm for the router's own sessions, by their roles. Only roles that the configuration names have one.
#[derive(Default)]
pub(crate) struct InternalCaller(Mutex<HashMap<Arc<str>, Arc<Line>>>);

/// A joined session of the router's own.
struct Line {
    realm: Weak<RealmCell>,
    peer: Arc<Peer>,
    calls: Mutex<Calls>,
    task: Mutex<Option<AbortHandle>>,
}

struct Calls {
    slot: Slot,
    last: u64,
    waiting: HashMap<RequestId, oneshot::Sender<Result<Answer, CallFailed>>>,
    /// The session has ended, and its slot may be another's.
    is_over: bool,
}

impl RealmCell {
    /// Calls a procedure of this realm as the router itself, in a role of the realm, and waits for its answer for at most `deadline`. A call that is
    /// given up, by that or by dropping the future, is cancelled, and the callee interrupted if it can be.
    ///
    /// # Errors
    /// Any but a RESULT. A procedure that nobody has registered is `wamp.error.no_such_procedure`.
    pub(crate) async fn call(
        self: &Arc<Self>,
        authrole: &str,
        procedure: &str,
        args: &[Value],
        kwargs: &Dict,
        deadline: Duration,
    ) -> Result<Answer, CallFailed> {
        let line = self.line(authrole)?;
        let (request, answer) = line.send(self, procedure, args, kwargs)?;
        let _cancels = Waiting { line: &line, request };
        match timeout(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(CallFailed::Lost),
            Err(_) => Err(CallFailed::TimedOut(deadline)),
        }
    }

    /// The session to call through.
    fn line(self: &Arc<Self>, authrole: &str) -> Result<Arc<Line>, CallFailed> {
        let mut places = self.internal().0.lock();
        if let Some(line) = places.get(authrole)
            && !line.calls.lock().is_over
        {
            return Ok(line.clone());
        }
        if authrole != TRUSTED && !self.has_role(authrole) {
            return Err(CallFailed::NoSuchRole(authrole.to_owned()));
        }
        let line = Line::join(self, authrole)?;
        places.insert(authrole.into(), line.clone());
        Ok(line)
    }
}

impl Line {
    fn join(realm: &Arc<RealmCell>, authrole: &str) -> Result<Arc<Line>, CallFailed> {
        let wire =
            Wire { serializer: Serializer::Cbor, framing: Framing::RawSocket, batching: Batching::Single };
        let queue = QueueOptions { bytes_max: ANSWERS_BYTES_MAX, ..QueueOptions::default() };
        let peer = Peer::new(wire, ANSWER_LEN_MAX, None, Arc::new(queue), realm.quota().clone());
        let id = realm.new_session_id()?;
        let text = |text: &str| -> Arc<str> { text.into() };
        let session = Session {
            id,
            authid: text(INTERNAL_AUTHID),
            authrole: text(authrole),
            authmethod: text(INTERNAL_METHOD),
            authprovider: text("static"),
            roles: Roles { caller: Some(Features::CALL_CANCELING), ..Roles::default() },
            authextra: Dict::new(),
            transport: Dict::new().with("channel_type", "function"),
        };
        let welcome = Box::new(Welcome { session: id, details: Dict::new() });
        let mut effects = Effects::default();
        let slot = realm.join(peer.clone(), Box::new(session), welcome, None, &mut effects)?;
        realm.finish(effects);
        let calls = Calls { slot, last: 0, waiting: HashMap::new(), is_over: false };
        let line = Arc::new(Line {
            realm: Arc::downgrade(realm),
            peer,
            calls: Mutex::new(calls),
            task: Mutex::default(),
        });
        // The task does not keep the line alive: with the realm goes its line, and with that the task.
        let task = tokio::spawn(listen(line.peer.clone(), Arc::downgrade(&line)));
        *line.task.lock() = Some(task.abort_handle());
        debug!(realm = %realm.name(), session = %id, "the router joined the realm to make calls on it");
        Ok(line)
    }

    /// Sends a CALL. The lock is held meanwhile, so that the slot stays the session's own.
    fn send(
        &self,
        realm: &Arc<RealmCell>,
        procedure: &str,
        args: &[Value],
        kwargs: &Dict,
    ) -> Result<(RequestId, oneshot::Receiver<Result<Answer, CallFailed>>), CallFailed> {
        let (sender, receiver) = oneshot::channel();
        let mut effects = Effects::default();
        let request = {
            let mut calls = self.calls.lock();
            if calls.is_over {
                return Err(CallFailed::Lost);
            }
            calls.last += 1;
            let request = RequestId(calls.last);
            calls.waiting.insert(request, sender);
            let payload = Payload::new(Serializer::Cbor, args, kwargs);
            let call =
                Call { request, options: CallOptions::default(), procedure: procedure.into(), payload };
            let call: Message<'_> = call.into();
            let len = call.payload().map_or(0, |payload| payload.bytes().len());
            let (mut call, from) = ([Ok(call)], (self.peer.session(), calls.slot));
            let flow = match realm.is_watched() {
                true => realm.watched_messages(from, &mut call.iter_mut(), [len].into_iter(), &mut effects),
                false => realm.messages(calls.slot, call.iter_mut(), &mut effects),
            };
            if flow? == Flow::Gone {
                return Err(CallFailed::Lost);
            }
            request
        };
        realm.finish(effects);
        Ok((request, receiver))
    }

    /// Nobody waits for this call any more.
    fn give_up(&self, request: RequestId) {
        let mut calls = self.calls.lock();
        if calls.waiting.remove(&request).is_none() || calls.is_over {
            return;
        }
        let Some(realm) = self.realm.upgrade() else { return };
        let mut effects = Effects::default();
        let cancel = Cancel { request, mode: None, forward_for: None };
        let sent = realm.messages(calls.slot, [Ok(cancel.into())].iter_mut(), &mut effects);
        drop(calls);
        if sent.is_ok() {
            realm.finish(effects);
        }
    }

    fn receive(&self, message: &[u8]) {
        let (request, answer) = match Message::decode(Serializer::Cbor, message) {
            Ok(Message::Result(it)) => {
                (it.request, Ok(Answer { args: it.payload.args(), kwargs: it.payload.kwargs() }))
            }
            Ok(Message::Error(it)) => (it.request, Err(failure(&it))),
            _ => return,
        };
        if let Some(waiting) = self.calls.lock().waiting.remove(&request) {
            // Nobody may wait for it any more.
            let _ = waiting.send(answer);
        }
    }

    /// The realm has let the session go.
    fn end(&self) {
        let mut calls = self.calls.lock();
        calls.is_over = true;
        calls.waiting.clear();
        if let Some(realm) = self.realm.upgrade() {
            realm.release(calls.slot);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}

fn failure(error: &Error<'_>) -> CallFailed {
    let message = match error.payload.args().into_iter().next() {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    };
    CallFailed::answered(&error.error, message.as_deref())
}

impl CallFailed {
    /// An ERROR with this URI and text, both as far as they go on to the log.
    pub(crate) fn answered(uri: &str, message: Option<&str>) -> CallFailed {
        /// Characters of each.
        const LEN_MAX: usize = 200;
        let shortened = |text: &str| text.chars().take(LEN_MAX).collect();
        CallFailed::Error { error: shortened(uri), message: message.map(shortened) }
    }
}

/// A call that is waited for.
struct Waiting<'l> {
    line: &'l Line,
    request: RequestId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.give_up(self.request);
    }
}

/// Takes out of the queue what the realm put in, until the session is over.
async fn listen(peer: Arc<Peer>, line: Weak<Line>) {
    let mut messages: Vec<Bytes> = Vec::new();
    loop {
        let is_over = poll_fn(|cx| {
            peer.waker.register(cx.waker());
            let mut queue = peer.queue.lock();
            while queue.len() > 0 {
                let mut piece = queue.take_out();
                let _ = queue.put_away(piece.len());
                while let Some((len, _)) = piece.split_first_chunk() {
                    let len = u32::from_be_bytes(*len) as usize;
                    messages.push(piece.split_to(4 + len).slice(4..));
                }
            }
            match queue.detached.is_some() {
                true => Poll::Ready(true),
                false if messages.is_empty() => Poll::Pending,
                false => Poll::Ready(false),
            }
        });
        let is_over = is_over.await;
        let Some(line) = line.upgrade() else { return };
        messages.drain(..).for_each(|message| line.receive(&message));
        if is_over {
            return line.end();
        }
    }
}

#[cfg(test)]
mod tests;
