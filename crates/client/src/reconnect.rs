//! When to try again.

use std::time::Duration;

/// What to do when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Nothing: the client is closed.
    Off,
    /// Try again until it works, waiting longer each time.
    Backoff(Backoff),
}

/// Waiting times that double, each shortened by a random part of up to a half, so that the clients of a router that comes
/// back do not all arrive at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait, before it is shortened. Default 0.5 seconds.
    pub first: Duration,
    /// The longest wait. Default 30 seconds.
    pub max: Duration,
    /// Attempts until the client gives up; `None` for no end. Default none.
    pub attempts_max: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { first: Duration::from_millis(500), max: Duration::from_secs(30), attempts_max: None }
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect::Backoff(Backoff::default())
    }
}

impl Backoff {
    /// How long to wait before attempt `attempt`, counted from 0; `chance` is random. `None`: give up.
    fn delay(&self, attempt: u32, chance: u32) -> Option<Duration> {
        if self.attempts_max.is_some_and(|max| attempt >= max) {
            return None;
        }
        let full = self.first.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(self.max);
        Some(full - full.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 2.0))
    }
}

impl Reconnect {
    /// How long to wait before attempt `attempt`, counted from 0. `None`: give up.
    pub(crate) fn delay(&self, attempt: u32) -> Option<Duration> {
        match self {
            Reconnect::Off => None,
            Reconnect::Backoff(backoff) => backoff.delay(attempt, getrandom::u32().unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|attempt| backoff.delay(attempt, 0).unwrap().as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff.delay(u32::MAX, 0), Some(Duration::from_secs(30)));
    }

    #[test]
    fn chance_takes_off_at_most_a_half() {
        assert_eq!(Backoff::default().delay(1, u32::MAX), Some(Duration::from_millis(500)));
    }

    #[test]
    fn attempts_may_have_an_end() {
        let backoff = Backoff { attempts_max: Some(2), ..Backoff::default() };
        assert!(backoff.delay(1, 0).is_some());
        assert_eq!(backoff.delay(2, 0), None);
        assert_eq!(Reconnect::Off.delay(0), None);
    }
}
