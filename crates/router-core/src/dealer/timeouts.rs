//! How long calls may take. Specification: "Call Timeouts".

use std::time::{Duration, Instant};

use super::Dealer;
use super::invocation::{Event, State};
use crate::boundary::Outbox;
use crate::limits::TIMEOUTS_PER_TURN_MAX;
use crate::session::Sessions;
use crate::slab::Key;

impl Dealer {
    /// A part of a result has come: from here the caller waits as long again, if it wanted the part and waits at all.
    /// Specification: "Progressive Call Results", "Timeouts".
    #[cold]
    #[inline(never)]
    pub(super) fn put_off(&mut self, key: Key, now: Instant) {
        let invocation = &mut self.invocations[key];
        if invocation.state != State::Running || !invocation.receive_progress {
            return;
        }
        let before = std::mem::replace(&mut invocation.deadline, deadline(now, invocation.timeout_ms));
        let after = invocation.deadline;
        if let Some(before) = before {
            self.timeouts.remove(&(before, key));
        }
        if let Some(after) = after {
            self.timeouts.insert((after, key));
        }
    }

    /// Ends calls whose timeout has passed, a portion: the others are due then.
    pub(crate) fn tick<O: Outbox>(&mut self, sessions: &mut Sessions, now: Instant, out: &mut O) {
        for _ in 0..TIMEOUTS_PER_TURN_MAX {
            let first = self.timeouts.first().copied();
            let Some((deadline, key)) = first.filter(|(deadline, _)| *deadline <= now) else { return };
            self.advance(sessions, key, Event::Timeout, out);
            debug_assert_ne!(self.timeouts.first(), Some(&(deadline, key)), "a timed out call has ended");
        }
    }

    /// When [`Dealer::tick`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timeouts.first().map(|(deadline, _)| *deadline)
    }
}

/// When a call that starts now and may take `timeout_ms` (0: for ever) times out.
#[inline]
pub(super) fn deadline(now: Instant, timeout_ms: u64) -> Option<Instant> {
    // A time beyond what the clock can tell never comes.
    if timeout_ms == 0 { None } else { now.checked_add(Duration::from_millis(timeout_ms)) }
}
