//! Ends a connection whose peer stops in the middle of a message.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tracing::info;

use super::{Connection, Stage};
use crate::quota::Kind;

/// A message that has begun goes on within this time, or its connection ends. Between messages a peer may be silent for as long
/// as it answers pings.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches the rest of a message come.
#[derive(Default)]
pub(super) struct Stall {
    /// Set while a message is incomplete; at most once per [`PATIENCE`], so that it costs a busy connection nothing.
    timer: Option<Pin<Box<Sleep>>>,
    /// Something came since it was set.
    has_heard: bool,
}

impl Stall {
    /// Something came from the peer.
    pub(super) fn heard(&mut self) {
        self.has_heard = true;
    }

    /// Whether nothing came of an incomplete message for too long.
    fn poll(&mut self, cx: &mut Context<'_>, is_incomplete: bool) -> bool {
        let Some(timer) = &mut self.timer else {
            if is_incomplete {
                self.has_heard = false;
                let mut timer = Box::pin(sleep(PATIENCE));
                // It is asked once, so that it wakes the task.
                let _ = timer.as_mut().poll(cx);
                self.timer = Some(timer);
            }
            return false;
        };
        if !timer.is_elapsed() {
            return false;
        }
        if !is_incomplete {
            self.timer = None;
            return false;
        }
        if !std::mem::take(&mut self.has_heard) {
            return true;
        }
        timer.as_mut().reset(Instant::now() + PATIENCE);
        matches!(timer.as_mut().poll(cx), Poll::Ready(()))
    }
}

impl Connection {
    pub(super) fn poll_stall(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.stage, Stage::Joined { .. } | Stage::Forwarded(_)) {
            return;
        }
        if !self.may_read() {
            self.stall.heard();
        }
        let is_incomplete = !self.carry.is_empty() || self.decoder.is_mid_message();
        if self.stall.poll(cx, is_incomplete) {
            self.shared.quota.log(Kind::Framing, || {
                let session = self.peer.session();
                info!(peer = %self.address, session, "connection failed: the rest of a message did not come");
            });
            self.lose();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn poll(stall: &mut Stall, is_incomplete: bool) -> bool {
        poll_fn(|cx| Poll::Ready(stall.poll(cx, is_incomplete))).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_go_on_is_given_up() {
        let mut stall = Stall::default();
        assert!(!poll(&mut stall, true).await);
        sleep(PATIENCE / 2).await;
        assert!(!poll(&mut stall, true).await);
        stall.heard();
        sleep(PATIENCE).await;
        assert!(!poll(&mut stall, true).await, "something came");
        sleep(PATIENCE + Duration::from_millis(1)).await;
        assert!(poll(&mut stall, true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_between_messages_is_no_stall() {
        let mut stall = Stall::default();
        assert!(!poll(&mut stall, true).await);
        sleep(2 * PATIENCE).await;
        assert!(!poll(&mut stall, false).await);
        assert!(!poll(&mut stall, true).await, "the next message has its own time");
        assert!(stall.timer.is_some());
    }
}
