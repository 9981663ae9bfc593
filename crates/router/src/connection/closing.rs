//! Ending a connection so that the peer still reads why.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crossweave_transport::CodecError;
use crossweave_wamp::uris;
use tokio::time::{Sleep, sleep};

use super::{Connection, Stage};

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
}

impl Connection {
    /// Starts to close: what is queued is written first.
    pub(super) fn close(&mut self, reason: &'static str) {
        self.close_with(1000, reason);
    }

    /// The peer broke the framing.
    pub(super) fn fail(&mut self, error: &CodecError) {
        tracing::info!(peer = %self.address, session = self.peer.session(), %error, "connection failed");
        self.close_with(error.close_code().unwrap_or(1002), "");
    }

    fn close_with(&mut self, code: u16, reason: &'static str) {
        if matches!(self.stage, Stage::Closing(_) | Stage::Ended) {
            return;
        }
        self.end();
        self.append_close(code, reason);
        let deadline = if reason == uris::CLOSE_SLOW_RECEIVER { SLOW_DEADLINE } else { DEADLINE };
        self.stage =
            Stage::Closing(Box::new(Closing { deadline: Box::pin(sleep(deadline)), has_finished: false, discarded: 0 }));
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

    /// The peer closes the WebSocket: its close frame is answered.
    pub(super) fn peer_closes(&mut self, code: Option<u16>) {
        self.close_with(code.unwrap_or(1000), "");
    }

    /// Writes the rest, then FIN, then waits for the peer's.
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>) {
        let is_drained = self.is_drained();
        let Stage::Closing(closing) = &mut self.stage else { return };
        let is_late = closing.deadline.as_mut().poll(cx).is_ready();
        if is_drained && !closing.has_finished {
            closing.has_finished = true;
            if let Poll::Ready(Err(_)) = self.poll_finish(cx) {
                self.stage = Stage::Ended;
                return;
            }
        }
        if is_late {
            self.stage = Stage::Ended;
        }
    }
}
