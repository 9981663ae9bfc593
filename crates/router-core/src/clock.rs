//! What time it is, in the realm's own time and on the wall.

use std::time::Instant;

use jiff::Timestamp;

/// The time of the input that is being handled, and what the wall clock said at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    now: Option<Instant>,
    /// A moment, and the milliseconds from 1970 to it.
    anchor: Option<(Instant, u64)>,
}

impl Clock {
    /// Takes the wall clock's word: `unix_ms` milliseconds had passed since 1970 at `at`.
    /// Says whether that was the first time.
    pub(crate) fn set(&mut self, at: Instant, unix_ms: u64) -> bool {
        self.anchor.replace((at, unix_ms)).is_none()
    }

    /// An input has come.
    #[inline]
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = Some(now);
    }

    /// The time of the last input, if there was one.
    pub(crate) fn now(&self) -> Option<Instant> {
        self.now
    }

    /// Milliseconds since 1970 at the last input; counted from the first moment known, if nobody set the clock.
    pub(crate) fn unix_ms(&self) -> u64 {
        let (Some(now), Some((at, unix_ms))) = (self.now, self.anchor) else { return 0 };
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let ahead = unix_ms.saturating_add(ms(now.saturating_duration_since(at)));
        ahead.saturating_sub(ms(at.saturating_duration_since(now)))
    }
}

/// Milliseconds since 1970 as RFC 3339 has them: `2026-01-31T12:00:00.000Z`.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", time.unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_wall_clock_goes_on_from_where_it_was_set() {
        let start = Instant::now();
        let mut clock = Clock::default();
        assert_eq!(clock.unix_ms(), 0);
        clock.set(start, 1_767_225_600_000);
        clock.advance(start + Duration::from_millis(1_500));
        assert_eq!(rfc3339(clock.unix_ms()), "2026-01-01T00:00:01.500Z");
    }
}
