//! Ending a connection so that the peer still reads why.

use std::fmt::Display;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crossweave_transport::CodecError;
use crossweave_wamp::message::Abort;
use crossweave_wamp::{ProtocolViolation, uris};
use tokio::time::{Sleep, sleep};
use tracing::info;

use super::{Connection, Stage};
use crate::admission::Pending;
use crate::quota::Kind;

/// The peer must have taken what is queued and said its own goodbye within this time.
const DEADLINE: Duration = Duration::from_secs(3);
/// A peer that does not read gets less.
const SLOW_DEADLINE: Duration = Duration::from_millis(200);

/// What the peer may still send meanwhile, in octets: enough for a message that was on its way, not for a flood.
const DISCARD_BYTES_MAX: usize = 32 << 20;

/// A connection that is being closed.
pub(super) struct Closing {
    deadline: Pin<Box<Sleep>>,
    has_finished: bool,
    discarded: usize,
    /// The peer has said that it sends no more.
    has_peer_finished: bool,
    /// It has not joined, and counts as such until it is gone.
    _pending: Option<Pending>,
}

impl Connection {
    /// Starts to close: what is queued is written first.
    pub(super) fn close(&mut self, reason: &'static str) {
        self.close_with(1000, reason);
    }

    /// A WebSocket message came in a text frame where the subprotocol uses binary ones, or the other way round.
    #[cold]
    pub(super) fn fail_wrong_kind(&mut self) {
        const UNSUPPORTED_DATA: u16 = 1003;
        let serializer = self.peer.wire.serializer;
        let (right, wrong) = if serializer.is_text() { ("text", "binary") } else { ("binary", "text") };
        let error =
            format!("{} goes into {right} frames, and this is a {wrong} frame", serializer.subprotocol());
        self.fail_with(&error, Some(UNSUPPORTED_DATA));
    }

    /// The peer broke the framing.
    pub(super) fn fail(&mut self, error: &CodecError) {
        self.fail_with(error, error.close_code());
    }

    fn fail_with(&mut self, error: &dyn Display, close_code: Option<u16>) {
        self.shared.quota.log(Kind::Framing, || {
            info!(peer = %self.address, session = self.peer.session(), %error, "connection failed");
        });
        match &self.stage {
            // A WebSocket's close frame names a kind of fault, and only ABORT says what it was.
            Stage::Joined { .. } if close_code.is_none() => {
                self.violated(ProtocolViolation::new(error.to_string()));
            }
            Stage::Opening(_) | Stage::Joined { .. } => {
                self.append_abort(&Abort::new(uris::PROTOCOL_VIOLATION, error.to_string()));
            }
            _ => {}
        }
        self.close_with(close_code.unwrap_or(1002), uris::PROTOCOL_VIOLATION);
    }

    fn close_with(&mut self, code: u16, reason: &'static str) {
        if matches!(self.stage, Stage::Closing(_) | Stage::Ended) {
            return;
        }
        let pending = match &mut self.stage {
            Stage::Opening(opening) => opening.pending.take(),
            _ => None,
        };
        self.end();
        self.append_close(code, reason);
        // Whoever owes a flush may be late: this task writes, as it is the one that waits for it.
        self.peer.queue.lock().give_to_owner();
        let deadline = if reason == uris::CLOSE_SLOW_RECEIVER { SLOW_DEADLINE } else { DEADLINE };
        self.stage = Stage::Closing(Box::new(Closing {
            deadline: Box::pin(sleep(deadline)),
            has_finished: false,
            discarded: 0,
            has_peer_finished: false,
            _pending: pending,
        }));
        self.flush();
    }

    /// Something came that nobody reads any more.
    pub(super) fn discard(&mut self, octets: usize) {
        if let Stage::Closing(closing) = &mut self.stage {
            closing.discarded += octets;
            if closing.discarded > DISCARD_BYTES_MAX {
                self.stage = Stage::Ended;
            }
        }
    }

    /// The peer sends no more. What waits for it is still written.
    pub(super) fn peer_has_finished(&mut self) {
        if matches!(self.stage, Stage::Opening(_)) && !self.is_drained() {
            self.close("");
        }
        match &mut self.stage {
            Stage::Closing(closing) => closing.has_peer_finished = true,
            _ => self.lose(),
        }
    }

    /// Whether the peer has said that it sends no more.
    pub(super) fn has_peer_finished(&self) -> bool {
        matches!(&self.stage, Stage::Closing(closing) if closing.has_peer_finished)
    }

    /// The peer closes the WebSocket: its close frame is answered.
    pub(super) fn peer_closes(&mut self, code: Option<u16>) {
        // It said no GOODBYE: the session may come back.
        if self.park() {
            self.stage = Stage::Detached;
        }
        self.close_with(code.unwrap_or(1000), "");
    }

    /// Writes the rest, then FIN, then waits for the peer's.
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>) {
        let is_drained = self.is_drained();
        let Stage::Closing(closing) = &mut self.stage else { return };
        let is_late = closing.deadline.as_mut().poll(cx).is_ready();
        let mut is_over = is_late || is_drained && closing.has_peer_finished;
        if is_drained && !closing.has_finished {
            let finished = self.poll_finish(cx);
            is_over |= matches!(finished, Poll::Ready(Err(_)));
            if let Stage::Closing(closing) = &mut self.stage {
                closing.has_finished = finished.is_ready();
            }
        }
        if is_over {
            self.stage = Stage::Ended;
        }
    }
}
