//! Log lines that peers can cause as many of as they like: few of each kind, and then how many more there were.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// Lines of one kind that are written within [`PERIOD`]; the others are counted.
pub(crate) const LINES_MAX: u32 = 10;
/// From the first line until there may be as many again.
pub(crate) const PERIOD: Duration = Duration::from_secs(5);

/// What a line is about, each with a share of the log of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection refused by a bound, before anything was read.
    Admission,
    /// One refused in its TLS, WebSocket or RawSocket handshake, or HTTP.
    Handshake,
    /// A session refused or ended by an ABORT.
    Session,
    /// Someone who did not prove who they are.
    Authentication,
    /// One that broke the framing.
    Framing,
    /// A session that does not take what it is sent.
    Slow,
    /// An event that was to be retained and found no room.
    Retained,
    /// A realm or role that was not started for a client.
    Activation,
}

impl Kind {
    const COUNT: usize = 8;

    fn what(self) -> &'static str {
        match self {
            Kind::Admission => "too many connections",
            Kind::Handshake => "handshakes that failed",
            Kind::Session => "sessions refused or aborted",
            Kind::Authentication => "authentications that failed",
            Kind::Framing => "connections that broke the framing",
            Kind::Slow => "sessions that do not take what they are sent",
            Kind::Retained => "events that were not retained",
            Kind::Activation => "realms that were not started for clients",
        }
    }
}

/// The shares of all kinds.
#[derive(Debug, Default)]
pub(crate) struct LogQuota {
    shares: [Mutex<Share>; Kind::COUNT],
}

impl LogQuota {
    /// Writes the line, or counts it. The count is told at the end of the period, so that it is told even if no more come.
    pub(crate) fn log(self: &Arc<Self>, kind: Kind, line: impl FnOnce()) {
        let answer = self.shares[kind as usize].lock().ask(Instant::now());
        match answer {
            Answer::Write => line(),
            Answer::Count => {}
            Answer::CountFirst { until } => self.tell_later(kind, until),
        }
    }

    fn tell_later(self: &Arc<Self>, kind: Kind, until: Instant) {
        // Without a runtime the process is about to end.
        let Ok(runtime) = Handle::try_current() else { return };
        let quota = self.clone();
        runtime.spawn(async move {
            sleep_until(until).await;
            let left_out = std::mem::take(&mut quota.shares[kind as usize].lock().counted);
            warn!(left_out, "more happened than is logged: {}", kind.what());
        });
    }
}

/// How much of the log one kind has used.
#[derive(Debug, Default)]
struct Share {
    began: Option<Instant>,
    written: u32,
    /// Lines left out and not told.
    counted: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Write,
    Count,
    /// The count must be told then.
    CountFirst {
        until: Instant,
    },
}

impl Share {
    fn ask(&mut self, now: Instant) -> Answer {
        let began = match self.began {
            Some(began) if now < began + PERIOD => began,
            _ => {
                (self.began, self.written) = (Some(now), 0);
                now
            }
        };
        if self.written < LINES_MAX {
            self.written += 1;
            return Answer::Write;
        }
        self.counted += 1;
        match self.counted {
            1 => Answer::CountFirst { until: began + PERIOD },
            _ => Answer::Count,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_share_is_used_up_and_comes_back() {
        let (mut share, start) = (Share::default(), Instant::now());
        for _ in 0..LINES_MAX {
            assert_eq!(share.ask(start), Answer::Write);
        }
        assert_eq!(share.ask(start), Answer::CountFirst { until: start + PERIOD });
        assert_eq!(share.ask(start + PERIOD / 2), Answer::Count);
        assert_eq!((share.counted, share.ask(start + PERIOD)), (2, Answer::Write));
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_few_whatever_is_refused_and_kinds_do_not_hide_each_other() {
        let quota = Arc::new(LogQuota::default());
        let written = AtomicU32::new(0);
        let log = |kind| {
            quota.log(kind, || {
                written.fetch_add(1, Ordering::Relaxed);
            });
        };
        (0..1_000).for_each(|_| log(Kind::Admission));
        assert_eq!(written.load(Ordering::Relaxed), LINES_MAX);
        log(Kind::Session);
        assert_eq!(written.load(Ordering::Relaxed), LINES_MAX + 1);
        assert_eq!(quota.shares[Kind::Admission as usize].lock().counted, 1_000 - u64::from(LINES_MAX));
        tokio::time::sleep(PERIOD + Duration::from_millis(1)).await;
        assert_eq!(quota.shares[Kind::Admission as usize].lock().counted, 0, "the count was told");
        log(Kind::Admission);
        assert_eq!(written.load(Ordering::Relaxed), LINES_MAX + 2);
    }
}
