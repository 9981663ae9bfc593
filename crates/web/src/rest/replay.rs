//! Signed requests that were carried out, so that nobody sends one again.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// Requests that are remembered at most.
///
/// Only who has the secret adds one. A service that would have to forget a request whose time still counts refuses further ones
/// instead.
pub const REMEMBERED_MAX: usize = 1 << 20;

/// A part of a request's signature: enough to know it again.
type Mark = [u8; 16];

/// Requests by what they were signed with, for as long as their time would let them in again.
#[derive(Default)]
pub(super) struct Seen(Mutex<Marks>);

#[derive(Default)]
struct Marks {
    known: HashSet<Mark>,
    /// By when they are forgotten.
    by_end: BTreeSet<(SystemTime, Mark)>,
}

/// Why a request is not let in, though its signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was carried out before.
    Replayed,
    /// There is no room to remember it.
    Full,
}

impl Seen {
    /// Remembers a request until `end`. Without an end the oldest are forgotten when there is no more room.
    pub(super) fn remember(
        &self,
        signature: &[u8; 32],
        end: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<(), NotNew> {
        self.remember_in(signature, end, now, REMEMBERED_MAX)
    }

    fn remember_in(
        &self,
        signature: &[u8; 32],
        end: Option<SystemTime>,
        now: SystemTime,
        max: usize,
    ) -> Result<(), NotNew> {
        let mut mark = Mark::default();
        mark.copy_from_slice(&signature[..16]);
        let mut marks = self.0.lock();
        let marks = &mut *marks;
        while let Some((end, old)) = marks.by_end.first().copied().filter(|(end, _)| *end < now) {
            marks.by_end.remove(&(end, old));
            marks.known.remove(&old);
        }
        if marks.known.contains(&mark) {
            return Err(NotNew::Replayed);
        }
        if marks.known.len() >= max {
            match end {
                Some(_) => return Err(NotNew::Full),
                None => {
                    if let Some((_, oldest)) = marks.by_end.pop_first() {
                        marks.known.remove(&oldest);
                    }
                }
            }
        }
        marks.known.insert(mark);
        // In the order of their coming, and later than any time that is asked about.
        marks.by_end.insert((end.unwrap_or(now + Duration::from_secs(100 * 365 * 86_400)), mark));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_request_is_taken_once_while_its_time_counts() {
        let seen = Seen::default();
        assert_eq!(seen.remember(&[1; 32], Some(at(20)), at(10)), Ok(()));
        assert_eq!(seen.remember(&[1; 32], Some(at(20)), at(20)), Err(NotNew::Replayed));
        assert_eq!(seen.remember(&[2; 32], Some(at(20)), at(20)), Ok(()));
        // Its time would refuse it now; that it is forgotten does no harm.
        assert_eq!(seen.remember(&[1; 32], Some(at(40)), at(21)), Ok(()));
        assert_eq!(seen.0.lock().known.len(), 1);
    }

    #[test]
    fn a_full_memory_lets_in_nobody_whose_time_counts() {
        let seen = Seen::default();
        assert_eq!(seen.remember_in(&[1; 32], Some(at(20)), at(10), 2), Ok(()));
        assert_eq!(seen.remember_in(&[2; 32], Some(at(30)), at(10), 2), Ok(()));
        assert_eq!(seen.remember_in(&[3; 32], Some(at(30)), at(10), 2), Err(NotNew::Full));
        assert_eq!(seen.remember_in(&[3; 32], Some(at(30)), at(21), 2), Ok(()));
    }

    #[test]
    fn without_an_end_the_oldest_is_forgotten() {
        let seen = Seen::default();
        for n in 1..=3 {
            assert_eq!(seen.remember_in(&[n; 32], None, at(n.into()), 2), Ok(()));
        }
        assert_eq!(seen.remember_in(&[3; 32], None, at(4), 2), Err(NotNew::Replayed));
        assert_eq!(seen.remember_in(&[1; 32], None, at(4), 2), Ok(()));
    }
}
