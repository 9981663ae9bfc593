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

impl PingOptions {
    /// As a transport's options say, in milliseconds; nothing if they say never.
    pub(crate) fn new(interval_ms: u64, timeout_ms: u64) -> Option<PingOptions> {
        let (interval, timeout) =
            (Duration::from_millis(interval_ms), Duration::from_millis(timeout_ms.max(1)));
        (interval_ms > 0).then_some(PingOptions { interval, timeout })
    }
}

/// The timer of one connection.
pub(super) struct Ping {
    options: PingOptions,
    timer: Pin<Box<Sleep>>,
    /// Something came from the peer since the timer was set.
    has_heard: bool,
    /// A ping is out.
    is_waiting: bool,
    /// The ping may not have been written yet, as something stood before it.
    is_behind: bool,
    /// Bytes that the socket had taken when the timer was set.
    taken: u64,
}

/// How it stands between the router and the peer when the timer ends.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// Bytes that the socket has taken so far.
    taken: u64,
    /// Something waits for the socket to take more.
    has_backlog: bool,
    /// Whether the peer is read.
    reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It is.
    On,
    /// Not before it has taken what waits for it.
    Behind,
    /// Not now, and not for anything it did.
    Held,
}

impl Ping {
    pub(super) fn new(options: PingOptions) -> Self {
        let timer = Box::pin(sleep(options.interval));
        Ping { options, timer, has_heard: false, is_waiting: false, is_behind: false, taken: 0 }
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
    /// A peer is there if something came from it; while something waits for it, also if it takes some of that: the ping may
    /// stand far behind. What the socket took when nothing waited says nothing, as the socket has a buffer.
    fn poll(&mut self, cx: &mut Context<'_>, standing: Standing) -> Due {
        let Standing { taken, has_backlog, reading } = standing;
        let mut due = Due::Nothing;
        while let Poll::Ready(()) = self.timer.as_mut().poll(cx) {
            let takes = has_backlog && taken > self.taken && (self.is_waiting || reading == Reading::Behind);
            let is_there = self.has_heard || reading == Reading::Held || takes;
            self.taken = taken;
            let wait = match (is_there, self.is_waiting) {
                (true, _) => {
                    self.is_waiting = false;
                    self.options.interval
                }
                (false, false) => {
                    self.is_waiting = true;
                    self.is_behind = has_backlog;
                    due = Due::Ping;
                    self.options.timeout
                }
                // It has only now been written whole.
                (false, true) if self.is_behind && !has_backlog => {
                    self.is_behind = false;
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
            let due = match ping.timer.as_mut().poll(cx) {
                Poll::Pending => Due::Nothing,
                Poll::Ready(()) => ping.poll(cx, self.standing()),
            };
            self.ping = Some(ping);
            match due {
                Due::Nothing => {}
                Due::Ping if matches!(self.stage, Stage::Joined { .. } | Stage::Forwarded(_)) => {
                    self.append_control(|encoder, out| encoder.append_ping(out, b"crossweave"));
                    self.flush();
                }
                Due::Ping => {}
                Due::Dead if matches!(self.stage, Stage::Joined { .. } | Stage::Forwarded(_)) => {
                    debug!(session = self.peer.session(), "peer does not answer pings");
                    self.lose_silent();
                }
                Due::Dead => {}
            }
        }
        self.poll_opening_deadline(cx);
    }

    fn standing(&self) -> Standing {
        let reading = match &self.stage {
            Stage::Joined { is_paused: false, .. } if self.effects.dirty.is_empty() => {
                if self.reads_its_replies() { Reading::On } else { Reading::Behind }
            }
            Stage::Forwarded(forwarded) if forwarded.has_room() => {
                if self.reads_its_replies() {
                    Reading::On
                } else {
                    Reading::Behind
                }
            }
            _ => Reading::Held,
        };
        let taken = self.peer.queue.lock().written_in_all;
        Standing { taken, has_backlog: !self.is_drained(), reading }
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

    /// What is due after so many seconds.
    async fn due(ping: &mut Ping, after_s: u64, standing: Standing) -> Due {
        tokio::time::sleep(Duration::from_secs(after_s)).await;
        ping.poll(&mut Context::from_waker(Waker::noop()), standing)
    }

    /// Nothing waits for the peer, and the socket has taken so much.
    fn drained(taken: u64) -> Standing {
        Standing { taken, has_backlog: false, reading: Reading::On }
    }

    fn backlog(taken: u64) -> Standing {
        Standing { taken, has_backlog: true, reading: Reading::On }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_pinged_and_then_taken_for_dead() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 9, drained(100)).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 1, drained(100)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 4, drained(114)).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 1, drained(200)).await, Due::Dead), "the socket alone took it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answers_is_pinged_again_after_the_interval() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, drained(0)).await, Due::Ping));
        ping.heard();
        assert!(matches!(due(&mut ping, 5, drained(0)).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 10, drained(0)).await, Due::Ping));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_octets_is_not_dead_though_the_ping_stands_far_behind() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, backlog(100)).await, Due::Ping));
        for taken in 101..120 {
            assert!(matches!(due(&mut ping, 5, backlog(taken)).await, Due::Nothing), "{taken}");
            assert!(matches!(due(&mut ping, 10, backlog(taken)).await, Due::Ping), "{taken}");
        }
        assert!(matches!(due(&mut ping, 5, backlog(119)).await, Due::Dead), "it takes no more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_that_stood_behind_may_still_be_answered_once_it_is_written() {
        let mut ping = ping();
        assert!(matches!(due(&mut ping, 10, backlog(100)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, drained(200)).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 5, drained(200)).await, Due::Dead));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_whose_answer_is_not_read_is_not_dead() {
        let mut ping = ping();
        let held = Standing { reading: Reading::Held, ..drained(0) };
        assert!(matches!(due(&mut ping, 10, drained(0)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, held).await, Due::Nothing));
        assert!(matches!(due(&mut ping, 10, drained(0)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, drained(0)).await, Due::Dead));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_not_read_before_it_reads_is_dead_if_it_does_not() {
        let mut ping = ping();
        let behind = |taken| Standing { reading: Reading::Behind, ..backlog(taken) };
        assert!(matches!(due(&mut ping, 10, behind(1)).await, Due::Nothing), "it takes some");
        assert!(matches!(due(&mut ping, 10, behind(1)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, behind(2)).await, Due::Nothing), "it takes some");
        assert!(matches!(due(&mut ping, 10, behind(2)).await, Due::Ping));
        assert!(matches!(due(&mut ping, 5, behind(2)).await, Due::Dead));
    }
}
