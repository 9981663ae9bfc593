//! A session whose messages go on to another router and come from there.
//!
//! ```text
//!  socket ──▶ Connection ──▶ unbounded in number, bounded in octets ──▶ pump ──▶ upstream
//!  socket ◀── the peer's queue, as long as that has room ◀───────────── pump ◀── upstream
//! ```
//!
//! The pump is a task of its own. It ends with the connection, and the connection with the session there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_client::{Pipe, PipeReader, PipeWriter, Piped};
use crossweave_wamp::message::{Abort, Goodbye};
use crossweave_wamp::{Message, ProtocolViolation, Serializer, uris};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tracing::{debug, info};

use super::{Connection, Stage};
use crate::authenticate::{Grant, Refusal, Verdict};
use crate::peer::Peer;
use crate::queue::{Appended, Detached, Lane};
use crate::quota::{Kind, LogQuota};
use crate::upstream::{Forwarded as Client, Upstream, UpstreamSession};

/// Octets that wait for the other router before its client is not read any more.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Octets that are put together for one write.
const WRITE_BYTES: usize = 64 << 10;

/// A session that goes on elsewhere, as its connection has it.
pub(super) struct Forwarded {
    outbox: UnboundedSender<Out>,
    flow: Arc<Flow>,
    /// What is spoken there.
    serializer: Serializer,
    /// The client has said GOODBYE: nothing more of it goes there.
    has_left: bool,
}

/// What goes to the other router.
enum Out {
    Message(Vec<u8>),
    Pong(Vec<u8>),
}

/// What connection and pump tell each other.
#[derive(Default)]
struct Flow {
    /// Octets that wait for the other router.
    waiting: AtomicUsize,
    /// There is room in the peer's queue.
    room: Notify,
}

impl Forwarded {
    /// Whether the client may be read.
    pub(super) fn has_room(&self) -> bool {
        self.flow.waiting.load(Ordering::Relaxed) <= WAITING_BYTES_MAX
    }

    /// The peer's queue has room.
    pub(super) fn tell_room(&self) {
        self.flow.room.notify_one();
    }

    /// Passes a message on; with the same serializer as it is.
    fn push(&self, from: Serializer, message: &Message<'_>, written: &[u8]) {
        let bytes = match from == self.serializer {
            true => written.to_vec(),
            false => message.to_bytes(self.serializer),
        };
        self.flow.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        // The pump has ended only if the session has: the connection is about to be told.
        let _ = self.outbox.send(Out::Message(bytes));
    }
}

impl Connection {
    /// Asks the upstream for a session for a client that has proven who it is.
    #[cold]
    pub(super) fn ask_upstream(&mut self, upstream: &Arc<dyn Upstream>, grant: Box<Grant>) {
        let caller = self.caller();
        let Stage::Opening(opening) = &mut self.stage else { return };
        let client = Client {
            realm: grant.realm.clone().unwrap_or_default(),
            authid: grant.authid.clone(),
            authrole: grant.authrole.clone(),
            authmethod: grant.method,
            authprovider: grant.provider,
            authextra: grant.authextra.clone(),
            roles: opening.announced.clone(),
            transport: caller.transport(),
        };
        let forwarding = upstream.open(client);
        opening.deciding = Some(Box::pin(async move {
            match forwarding.await {
                Ok(session) => Verdict::Forward(Box::new(session), grant),
                Err(why) => Verdict::Refuse(grant.refusal(Refusal::plain(&why.uri, why.message))),
            }
        }));
        let late = Refusal::plain(uris::UNAVAILABLE, "the router behind this proxy did not answer in time");
        opening.late = Some(Box::new(late));
        // It is polled in this turn or the next.
        self.peer.waker.wake();
    }

    /// The session is open elsewhere: its client is told.
    #[cold]
    pub(super) fn join_upstream(&mut self, session: UpstreamSession, grant: &Grant) {
        let UpstreamSession { pipe, welcome } = session;
        let (id, realm) = (welcome.session, grant.realm.as_deref().unwrap_or_default());
        if let Err(refusal) = self.note_grant_in_cookie(grant) {
            return self.refuse_unproven(&refusal);
        }
        if !self.say(&welcome.into(), Lane::Control) {
            let text = "the WELCOME is longer than the longest message that you take";
            return self.refuse(&Abort::new(uris::PAYLOAD_SIZE_EXCEEDED, text));
        }
        debug!(realm, session = %id, authid = %grant.authid, peer = %self.address, "session joined elsewhere");
        self.peer.set_session(id.0);
        self.decoder.set_message_len_max(usize::MAX);
        let (outbox, inbox) = unbounded_channel();
        let flow = Arc::new(Flow::default());
        let serializer = pipe.serializer();
        let (peer, quota) = (self.peer.clone(), self.shared.quota.clone());
        let pump = Pump { peer, flow: flow.clone(), pongs: outbox.downgrade(), quota };
        tokio::spawn(pump.run(pipe, inbox, self.shared.upstreams.closing()));
        let forwarded = Forwarded { outbox, flow, serializer, has_left: false };
        self.stage = Stage::Forwarded(Box::new(forwarded));
    }

    /// The cookie by which the client has joined stands for nobody any more.
    #[cold]
    pub(super) fn log_out_forwarded(&mut self) {
        self.say(&Goodbye::new(uris::CLOSE_LOGOUT).into(), Lane::Last);
        self.close("");
    }

    /// Passes a message on to the other router, if it belongs to the session. The connection there takes the proxy's word for who
    /// its sessions are: a client that could open another one would be whoever it says.
    pub(super) fn route_forwarded(&mut self, written: &[u8]) {
        let Stage::Forwarded(forwarded) = &mut self.stage else { return };
        if forwarded.has_left {
            return;
        }
        let serializer = self.peer.wire.serializer;
        let message = match Message::decode(serializer, written) {
            Ok(message) => message,
            Err(violation) => return self.violated(violation),
        };
        match &message {
            Message::Hello(_) | Message::Authenticate(_) => {
                let text = format!("unexpected {}: the session is open", message.kind().name());
                return self.violated(ProtocolViolation::new(text));
            }
            Message::Goodbye(_) | Message::Abort(_) => forwarded.has_left = true,
            _ => {}
        }
        forwarded.push(serializer, &message, written);
        if let Some(visit) = &self.visit
            && let Message::Goodbye(bye) = &message
            && bye.reason == uris::CLOSE_LOGOUT
        {
            visit.log_out(&self.peer);
        }
    }
}

/// Moves messages between a client and its session elsewhere.
struct Pump {
    peer: Arc<Peer>,
    flow: Arc<Flow>,
    /// Weak, so that the connection alone keeps it running.
    pongs: WeakUnboundedSender<Out>,
    /// Clients decide how often something is told.
    quota: Arc<LogQuota>,
}

impl Pump {
    async fn run(self, pipe: Pipe, inbox: UnboundedReceiver<Out>, mut closing: watch::Receiver<bool>) {
        let serializer = pipe.serializer();
        let (reader, writer) = pipe.split();
        tokio::select! {
            // The client is gone: the session there ends with its connection.
            () = self.write(writer, inbox) => {}
            reason = self.read(reader, serializer) => self.end(reason),
            _ = closing.wait_for(|is_closing| *is_closing) => {
                self.say_goodbye("the proxy shuts down");
                self.end("");
            }
        }
    }

    /// Writes until the connection is gone, or the other router does not listen any more: that is noticed by reading.
    async fn write(&self, mut writer: PipeWriter, mut inbox: UnboundedReceiver<Out>) {
        while let Some(mut out) = inbox.recv().await {
            let mut taken = 0;
            loop {
                match out {
                    Out::Message(bytes) => {
                        taken += bytes.len();
                        if let Err(error) = writer.append(&bytes) {
                            self.quota.log(Kind::Session, || {
                                info!(session = self.peer.session(), %error, "message was not passed on");
                            });
                            return self.end(uris::PAYLOAD_SIZE_EXCEEDED);
                        }
                    }
                    Out::Pong(payload) => writer.append_pong(&payload),
                }
                out = match inbox.try_recv() {
                    Ok(next) if writer.waiting() < WRITE_BYTES => next,
                    Ok(next) => {
                        if writer.flush().await.is_err() {
                            return std::future::pending().await;
                        }
                        next
                    }
                    Err(_) => break,
                };
            }
            if writer.flush().await.is_err() {
                return std::future::pending().await;
            }
            self.flow.waiting.fetch_sub(taken, Ordering::Relaxed);
            self.peer.waker.wake();
        }
    }

    /// Reads until the session there has ended; what its connection is then closed with.
    async fn read(&self, mut reader: PipeReader, serializer: Serializer) -> &'static str {
        loop {
            self.wait_for_room().await;
            match reader.next().await {
                Ok(Some(Piped::Message(bytes))) => match self.deliver(serializer, &bytes) {
                    Ok(false) => {}
                    Ok(true) => return "",
                    Err(reason) => return reason,
                },
                Ok(Some(Piped::Ping(payload))) => {
                    if let Some(outbox) = self.pongs.upgrade() {
                        let _ = outbox.send(Out::Pong(payload));
                    }
                }
                Ok(None) | Err(_) => {
                    self.say_goodbye("the router behind this proxy is gone");
                    return "";
                }
            }
        }
    }

    fn say_goodbye(&self, why: &str) {
        let mut goodbye = Goodbye::new(uris::SYSTEM_SHUTDOWN);
        goodbye.details.insert("message", why);
        let _ = self.append(&goodbye.into(), Lane::Last);
    }

    /// Waits while the client does not read.
    async fn wait_for_room(&self) {
        loop {
            let is_full = {
                let mut queue = self.peer.queue.lock();
                let is_full = queue.len() > self.peer.options.bytes_max;
                if is_full {
                    queue.give_to_owner();
                }
                is_full
            };
            if !is_full {
                return;
            }
            self.peer.waker.wake();
            self.flow.room.notified().await;
        }
    }

    /// Gives a message to the client. True if it was the session's last.
    fn deliver(&self, serializer: Serializer, bytes: &[u8]) -> Result<bool, &'static str> {
        let message = Message::decode(serializer, bytes).map_err(|violation| {
            self.quota.log(Kind::Session, || {
                let session = self.peer.session();
                info!(session, %violation, "what the other router sends is no message");
            });
            uris::PROTOCOL_VIOLATION
        })?;
        let is_last = matches!(message, Message::Goodbye(_) | Message::Abort(_));
        self.append(&message, if is_last { Lane::Last } else { Lane::Control })?;
        Ok(is_last)
    }

    fn append(&self, message: &Message<'_>, lane: Lane) -> Result<(), &'static str> {
        let mut framed = Vec::new();
        let at = self.peer.wire.append(message, &mut framed);
        if at.body_len() > self.peer.message_len_max {
            return match message {
                Message::Event(_) => {
                    self.peer.count_too_long();
                    Ok(())
                }
                _ => Err(uris::PAYLOAD_SIZE_EXCEEDED),
            };
        }
        match self.peer.append(at.of(&framed), lane) {
            Appended::FlushOwed => self.peer.flush(),
            Appended::Queued => {}
            _ => return Err(uris::CLOSE_SLOW_RECEIVER),
        }
        Ok(())
    }

    /// The connection closes once what waits is written.
    fn end(&self, reason: &'static str) {
        self.peer.queue.lock().detached = Some(Detached::Close(reason));
        self.peer.waker.wake();
    }
}
