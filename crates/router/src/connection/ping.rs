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
    /// Bytes that the peer had taken when the timer was set.
    taken: u64,
}

impl Ping {
    pub(super) fn new(options: PingOptions) -> Self {
        let timer = Box::pin(sleep(options.interval));
        Ping { options, timer, has_heard: false, is_waiting: false, taken: 0 }
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
    /// `taken` are the bytes that the peer has taken so far: while it takes some it is there, though the ping may stand far
    /// behind. `is_read` says whether its answer would be read.
    fn poll(&mut self, cx: &mut Context<'_>, taken: u64, is_read: bool) -> Due {
        let mut due = Due::Nothing;
        while let Poll::Ready(()) = self.timer.as_mut().poll(cx) {
            let is_there = self.has_heard || !is_read || self.is_waiting && taken > self.taken;
            self.taken = taken;
            let wait = match (is_there, self.is_waiting) {
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
        if let Some(mut ping) = self.ping.take() {
            let taken = self.peer.queue.lock().written_in_all;
            let due = ping.poll(cx, taken, self.may_read());
            self.ping = Some(ping);
            match due {
                Due::Nothing => {}
                Due::Ping if matches!(self.stage, Stage::Joined { .. }) => {
                    self.append_control(|encoder, out| encoder.append_ping(out, b"crossweave"));
                    self.flush();
                }
                Due::Ping => {}
                Due::Dead if matches!(self.stage, Stage::Joined { .. }) => {
                    debug!(session = self.peer.session(), "peer does not answer pings");
                    self.lose();
                }
                Due::Dead => {}
            }
        }
        self.poll_opening_deadline(cx);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ping() -> Ping {
        Ping::new(PingOptions { interval: 10 * SECOND, timeout: 5 * SECOND })
    }

    /// What is due after so many seconds, and whether the peer counts as gone.
    async fn due(ping: &mut Ping, after_s: u64, taken: u64, is_read: bool) -> Due {
        tokio::time::sleep(Duration::from_secs(after_s)).await;
        ping.poll(&mut Context::from_waker(Waker::noop()), taken, is_read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_pinged_and_then_taken_for_dead() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 9, 100, true).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 1, 100, true).await, Due::Ping));
        assert!(matches!(due(&mut ping, 4, 100, true).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 1, 100, true).await, Due::Dead));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answers_is_pinged_again_after_the_interval() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, 0, true).await, Due::Ping));
        ping.heard();
        assert!(matches!(due(&mut ping, 5, 0, true).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 10, 0, true).await, Due::Ping));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_octets_is_not_dead_though_the_ping_stands_far_behind() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, 100, true).await, Due::Ping));
        for taken in 101..120 {
            assert!(matches!(due(&mut ping, 5, taken, true).await, Due::Nothing), "{taken}");
            assert!(matches!(due(&mut ping, 10, taken, true).await, Due::Ping), "{taken}");
        }
        assert!(matches!(due(&mut ping, 5, 119, true).await, Due::Dead), "it takes no more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_whose_answer_is_not_read_is_not_dead() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, 0, true).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, 0, false).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 10, 0, true).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, 0, true).await, Due::Dead));
    }
}
