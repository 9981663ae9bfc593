//! The task of one connection: reads, hands batches to the realm, writes what others have left to it.
//!
//! ```text
//!            WELCOME                    GOODBYE
//!  Opening ───────────▶ Joined ─────────────────────▶ Opening (the transport may be used again)
//!     │                    │ (connection lost: a resumable session is parked, see `resuming`)
//!     │ deadline, ABORT    │ ABORT, violation, slow, shutdown
//!     ▼                    ▼
//!  Closing: what is queued is written, then FIN; until the peer's FIN or a deadline
//! ```
//!
//! The future is written by hand as an idle session must be small: it holds no buffer, and reading and writing are one task.

mod batch;
mod closing;
mod forwarding;
mod opening;
mod ping;
mod receive;
mod resuming;
mod stall;
#[cfg(test)]
mod tests;
mod welcome;
mod wire;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crossweave_router_core::boundary::Slot;
use crossweave_transport::codec::{Decoder, Encoder};
use crossweave_transport::tls::TlsFacts;
use crossweave_transport::{Codec, PeerAddress, Stream};
use crossweave_wamp::uris;
use tokio::time::Instant;
use tracing::debug;

use crate::admission::{Admitted, Pending};
use crate::cookies::Visit;
use crate::dispatch::Effects;
use crate::methods::Authentication;
use crate::options::TransportOptions;
use crate::peer::{Peer, Wire};
use crate::queue::Detached;
use crate::realm::RealmCell;
use crate::router::Shared;

use batch::Unread;
use closing::Closing;
use forwarding::Forwarded;
use opening::Opening;
use ping::Ping;
pub(crate) use ping::PingOptions;
use stall::Stall;
use wire::Reader;

/// Full read buffers handled before other tasks get their turn.
const READS_PER_TURN: usize = 4;
/// Receivers flushed before other tasks get their turn: a write to a waiting receiver costs some 5 µs.
const FLUSHES_PER_TURN: usize = 128;

/// The longest message, in octets and after decompression, of a peer that has not joined a realm.
const OPENING_MESSAGE_LEN_MAX: usize = 64 * 1024;

/// A connection whose transport handshake is done.
pub(crate) struct Established {
    pub(crate) stream: Stream,
    pub(crate) codec: Codec,
    pub(crate) wire: Wire,
    /// The longest message the peer takes.
    pub(crate) message_len_max: usize,
    /// Bytes read behind the handshake.
    pub(crate) leftover: Vec<u8>,
    pub(crate) address: PeerAddress,
    /// What TLS knows of the peer, if this is TLS.
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// Who may join.
    pub(crate) authentication: Authentication,
    /// Its cookie.
    pub(crate) visit: Option<Visit>,
    /// How its messages come, as the meta API names it.
    pub(crate) channel_framing: &'static str,
    pub(crate) ping: Option<PingOptions>,
    /// By when its session must be open.
    pub(crate) deadline: Instant,
}

/// One connection.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    options: Arc<TransportOptions>,
    peer: Arc<Peer>,
    address: PeerAddress,
    tls: Option<Arc<TlsFacts>>,
    authentication: Authentication,
    visit: Option<Box<Visit>>,
    channel_framing: &'static str,
    decoder: Decoder,
    encoder: Encoder,
    reader: Reader,
    /// The beginning of a frame whose rest has not come.
    carry: Vec<u8>,
    /// The rest of a batch, which comes before what is in `carry`.
    unread: Option<Box<Unread>>,
    /// There is an unread batch, or nobody has looked at `carry`: it came behind the transport's handshake, or behind a batch.
    has_leftover: bool,
    stage: Stage,
    effects: Effects,
    ping: Option<Box<Ping>>,
    stall: Stall,
    /// It counts against the bounds. Nothing if it is one of this program's own.
    admitted: Option<Admitted>,
}

enum Stage {
    Opening(Box<Opening>),
    Joined {
        realm: Arc<RealmCell>,
        slot: Slot,
        /// A message awaits authorization: nothing is read.
        is_paused: bool,
        /// Messages of the session that the realm was given, by whatever connection.
        received: u64,
        /// It was resumed, and has sent nothing since: its WELCOME may be lost.
        is_unconfirmed: bool,
    },
    /// The session is one of another router.
    Forwarded(Box<Forwarded>),
    /// The session has left; the queue's note says what comes next.
    Detached,
    Closing(Box<Closing>),
    Ended,
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: Arc<TransportOptions>,
        established: Established,
        pending: Option<Pending>,
        admitted: Option<Admitted>,
    ) -> Connection {
        let Established { stream, codec, wire, message_len_max, leftover, .. } = established;
        let (mut decoder, encoder) = codec.split();
        decoder.set_message_len_max(OPENING_MESSAGE_LEN_MAX);
        let is_private = wire.framing == crossweave_transport::codec::Framing::Private;
        let (reader, direct) = Reader::new(stream, is_private);
        let peer = Peer::new(wire, message_len_max, direct, Arc::new(options.queue), shared.quota.clone());
        let stage = Stage::Opening(Box::new(Opening::new(established.deadline, pending)));
        Connection {
            shared,
            options,
            peer,
            address: established.address,
            tls: established.tls,
            authentication: established.authentication,
            visit: established.visit.map(Box::new),
            channel_framing: established.channel_framing,
            decoder,
            encoder,
            reader,
            has_leftover: !leftover.is_empty(),
            carry: leftover,
            unread: None,
            stage,
            effects: Effects::default(),
            ping: established.ping.map(|options| Box::new(Ping::new(options))),
            stall: Stall::default(),
            admitted,
        }
    }

    /// Drives the connection until its session is open or it is being closed: then it goes on as a task of its own. Nothing
    /// comes back if it is gone.
    pub(crate) async fn open(mut self) -> Option<Connection> {
        let is_there = poll_fn(|cx| match Pin::new(&mut self).poll(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if matches!(self.stage, Stage::Opening(_)) => Poll::Pending,
            Poll::Pending => Poll::Ready(true),
        });
        is_there.await.then_some(self)
    }

    /// Flushes the receivers of what was routed. True if some are left for the next turn.
    fn flush(&mut self) -> bool {
        let portion = self.effects.dirty.len().min(FLUSHES_PER_TURN);
        self.effects.dirty.drain(..portion).for_each(|peer| peer.flush());
        !self.effects.dirty.is_empty()
    }

    /// Reacts to what others have noted in the queue: the session was detached, or is read again.
    fn heed_notes(&mut self) {
        // While the session is being opened, it stays noted for when it is open.
        if let Stage::Joined { realm, slot, .. } = &self.stage
            && std::mem::take(&mut self.peer.queue.lock().is_logged_out)
        {
            realm.close(*slot, uris::CLOSE_LOGOUT, &mut self.effects);
        }
        if matches!(self.stage, Stage::Forwarded(_))
            && std::mem::take(&mut self.peer.queue.lock().is_logged_out)
        {
            self.log_out_forwarded();
        }
        let (detached, is_resumed, is_taken_over) = {
            let mut queue = self.peer.queue.lock();
            let is_taken_over = std::mem::take(&mut queue.is_taken_over);
            (queue.detached.take(), std::mem::take(&mut queue.is_resumed), is_taken_over)
        };
        if is_resumed && let Stage::Joined { is_paused, .. } = &mut self.stage {
            *is_paused = false;
        }
        if detached.is_some()
            && let Stage::Joined { realm, slot, .. } = std::mem::replace(&mut self.stage, Stage::Detached)
        {
            realm.release(slot);
        }
        match detached {
            Some(Detached::Reusable) => self.reopen(),
            Some(Detached::Close(reason)) => self.close(reason),
            None if is_taken_over => self.hand_over(),
            None => {}
        }
    }

    /// The session has ended by GOODBYE; the transport may open another one.
    fn reopen(&mut self) {
        debug!(session = self.peer.session(), "session left");
        // The next session is another one.
        let resumption = self.peer.queue.lock().resumption.take();
        drop(resumption);
        let deadline = Instant::now() + Duration::from_millis(self.options.handshake_timeout_ms);
        let pending = self.admitted.as_ref().map(|_| self.shared.admission.pend(&self.address)).transpose();
        match pending {
            Ok(pending) => {
                self.decoder.set_message_len_max(OPENING_MESSAGE_LEN_MAX);
                self.stage = Stage::Opening(Box::new(Opening::again(deadline, pending)));
            }
            Err(refused) => {
                debug!(peer = %self.address, %refused, "connection is not kept for another session");
                self.close("");
            }
        }
    }

    /// Leaves the realm, if it is in one, and ends.
    fn end(&mut self) {
        if let Stage::Joined { realm, slot, .. } = std::mem::replace(&mut self.stage, Stage::Ended) {
            debug!(session = self.peer.session(), "session's connection is gone");
            realm.leave(slot, &mut self.effects);
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.peer.waker.register(cx.waker());
        let mut has_more = this.flush();
        this.heed_notes();
        this.poll_timers(cx);
        this.poll_deciding(cx);
        has_more |= this.poll_receive(cx);
        this.poll_stall(cx);
        this.heed_notes();
        let had_to_wait = !this.may_read();
        this.poll_send(cx);
        if let Stage::Forwarded(forwarded) = &this.stage
            && this.reads_its_replies()
        {
            forwarded.tell_room();
        }
        has_more |= had_to_wait && this.may_read();
        if matches!(this.stage, Stage::Closing(_)) {
            this.poll_closing(cx);
        }
        if matches!(this.stage, Stage::Ended) && this.effects.dirty.is_empty() {
            return Poll::Ready(());
        }
        if has_more || !this.effects.dirty.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Connection {
    /// Also when the task is aborted or panics: the session leaves, and whoever relies on its flushes is served.
    fn drop(&mut self) {
        self.end();
        if let Some(visit) = &self.visit {
            visit.detach(&self.peer);
        }
        for peer in self.effects.dirty.drain(..) {
            peer.flush();
        }
    }
}
