//! Finds out whether a silent peer is still there.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tracing::debug;

use super::{Connection, Stage};

/// When to ping and how long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PingOptions {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// The timer of one connection.
pub(super) struct Ping {
    options: PingOptions,
    timer: Pin<Box<Sleep>>,
    /// Something came from the peer since the timer was set.
    has_heard: bool,
    /// A ping is out.
    is_waiting: bool,
}

impl Ping {
    pub(super) fn new(options: PingOptions) -> Self {
        Ping { options, timer: Box::pin(sleep(options.interval)), has_heard: false, is_waiting: false }
    }

    /// Something came from the peer.
    pub(super) fn heard(&mut self) {
        self.has_heard = true;
    }
}

enum Due {
    Nothing,
    Ping,
    Dead,
}

impl Ping {
    fn poll(&mut self, cx: &mut Context<'_>) -> Due {
        let mut due = Due::Nothing;
        while let Poll::Ready(()) = self.timer.as_mut().poll(cx) {
            let wait = match (self.has_heard, self.is_waiting) {
                (true, _) => {
                    self.is_waiting = false;
                    self.options.interval
                }
                (false, false) => {
                    self.is_waiting = true;
                    due = Due::Ping;
                    self.options.timeout
                }
                (false, true) => return Due::Dead,
            };
            self.has_heard = false;
            self.timer.as_mut().reset(Instant::now() + wait);
        }
        due
    }
}

impl Connection {
    /// Pings, and ends what has outlived a deadline.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
        if let Some(ping) = &mut self.ping {
            match ping.poll(cx) {
                Due::Nothing => {}
                Due::Ping if matches!(self.stage, Stage::Joined { .. }) => {
                    self.append_control(|encoder, out| encoder.append_ping(out, b"crossweave"));
                    self.flush();
                }
                Due::Ping => {}
                Due::Dead if matches!(self.stage, Stage::Joined { .. }) => {
                    debug!(session = self.peer.session(), "peer does not answer pings");
                    self.end();
                }
                Due::Dead => {}
            }
        }
        self.poll_opening_deadline(cx);
    }
}
