//! Lines of the log that clients can cause as many of as they like.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// From one line to the next.
const PERIOD: Duration = Duration::from_secs(5);

/// One line now and then. Those in between are for level debug.
#[derive(Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether this one is for everybody.
    pub(crate) fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| now >= last + PERIOD);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_is_due_now_and_then() {
        let seldom = Seldom::default();
        assert!(seldom.is_due() && !seldom.is_due());
        tokio::time::advance(PERIOD).await;
        assert!(seldom.is_due() && !seldom.is_due());
    }
}
