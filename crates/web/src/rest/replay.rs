//! Signed requests that were carried out, so that nobody sends one again.

mod journal;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tracing::error;

use self::journal::Journal;

/// Requests that are remembered at most.
///
/// Only who has the secret adds one. A service that would have to forget a request whose time still counts refuses further ones
/// instead.
pub const REMEMBERED_MAX: usize = 1 << 20;

/// A part of a request's signature: enough to know it again.
type Mark = [u8; 16];

/// The memory of signed requests, each for as long as its time would let it in again. Clones are the same memory: services that
/// take the same key should share one, as a signature does not say which of them it is for.
#[derive(Clone, Debug, Default)]
pub struct Remembered(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    known: HashSet<Mark>,
    /// By when they are forgotten.
    by_end: BTreeSet<(SystemTime, Mark)>,
    /// The longest time that a service lets requests in.
    longest: Duration,
    /// A service lets them in for ever.
    is_endless: bool,
    /// Where they outlive the process, if they do.
    journal: Option<Journal>,
    /// The journal could not be written the last time.
    is_failing: bool,
    /// Why, until that is logged.
    failure: Option<io::Error>,
}

/// Why a request is not let in, though its signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was carried out before.
    Replayed,
    /// There is no room to remember it.
    Full,
    /// It cannot be written down.
    NotKept,
}

impl Remembered {
    /// A memory that lasts as long as the process.
    pub fn in_memory() -> Remembered {
        Remembered::default()
    }

    /// A memory that outlives the process, in a file of this folder. There is one file for each `owner`, which no two memories may
    /// have at a time.
    ///
    /// The file has parts of signatures and nothing else, and is for its owner only. It is read whole here, which takes long
    /// only if there were very many requests.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn in_folder(folder: &Path, owner: &str) -> io::Result<Remembered> {
        let hash = Sha256::digest(owner);
        let name: String = hash.iter().take(12).map(|octet| format!("{octet:02x}")).collect();
        let (journal, entries) = Journal::open(&folder.join(format!("rest-{name}.seen")), SystemTime::now())?;
        let known = entries.iter().map(|(_, mark)| *mark).collect();
        let by_end = entries.into_iter().collect();
        let marks = Marks { known, by_end, journal: Some(journal), ..Marks::default() };
        Ok(Remembered(Arc::new(Mutex::new(marks))))
    }

    /// A service with this memory lets requests in for this time; zero for ever.
    pub(super) fn expect(&self, limit: Duration) {
        let mut marks = self.0.lock();
        marks.longest = marks.longest.max(limit);
        marks.is_endless |= limit.is_zero();
    }

    /// Until when a request has to be remembered that one service, with this limit, lets in until `end`: another one may do so
    /// for longer. Nothing for ever.
    pub(super) fn lasting(&self, end: SystemTime, limit: Duration) -> Option<SystemTime> {
        let marks = self.0.lock();
        (!marks.is_endless).then(|| end + marks.longest.saturating_sub(limit))
    }

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
        let (remembered, failure) = {
            let mut marks = self.0.lock();
            (marks.remember(mark, end, now, max), marks.failure.take())
        };
        if let Some(failure) = failure {
            error!(error = %failure, "signed requests cannot be written down, and are refused until they can");
        }
        remembered
    }
}

impl Marks {
    fn remember(
        &mut self,
        mark: Mark,
        end: Option<SystemTime>,
        now: SystemTime,
        max: usize,
    ) -> Result<(), NotNew> {
        let marks = self;
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
        // In the order of their coming, and later than any time that is asked about.
        let entry = (end.unwrap_or(now + Duration::from_secs(100 * 365 * 86_400)), mark);
        marks.known.insert(mark);
        marks.by_end.insert(entry);
        let Some(Err(failure)) = marks.journal.as_mut().map(|it| it.add(&entry, marks.by_end.iter())) else {
            marks.is_failing = false;
            return Ok(());
        };
        marks.known.remove(&mark);
        marks.by_end.remove(&entry);
        let is_new = !std::mem::replace(&mut marks.is_failing, true);
        marks.failure = is_new.then_some(failure);
        Err(NotNew::NotKept)
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
        let seen = Remembered::in_memory();
        assert_eq!(seen.remember(&[1; 32], Some(at(20)), at(10)), Ok(()));
        assert_eq!(seen.remember(&[1; 32], Some(at(20)), at(20)), Err(NotNew::Replayed));
        assert_eq!(seen.remember(&[2; 32], Some(at(20)), at(20)), Ok(()));
        // Its time would refuse it now; that it is forgotten does no harm.
        assert_eq!(seen.remember(&[1; 32], Some(at(40)), at(21)), Ok(()));
        assert_eq!(seen.0.lock().known.len(), 1);
    }

    #[test]
    fn a_full_memory_lets_in_nobody_whose_time_counts() {
        let seen = Remembered::in_memory();
        assert_eq!(seen.remember_in(&[1; 32], Some(at(20)), at(10), 2), Ok(()));
        assert_eq!(seen.remember_in(&[2; 32], Some(at(30)), at(10), 2), Ok(()));
        assert_eq!(seen.remember_in(&[3; 32], Some(at(30)), at(10), 2), Err(NotNew::Full));
        assert_eq!(seen.remember_in(&[3; 32], Some(at(30)), at(21), 2), Ok(()));
    }

    #[test]
    fn without_an_end_the_oldest_is_forgotten() {
        let seen = Remembered::in_memory();
        for n in 1..=3 {
            assert_eq!(seen.remember_in(&[n; 32], None, at(n.into()), 2), Ok(()));
        }
        assert_eq!(seen.remember_in(&[3; 32], None, at(4), 2), Err(NotNew::Replayed));
        assert_eq!(seen.remember_in(&[1; 32], None, at(4), 2), Ok(()));
    }

    #[test]
    fn a_memory_in_a_folder_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let end = Some(now + Duration::from_secs(60));
        let seen = Remembered::in_folder(folder.path(), "app").unwrap();
        assert_eq!(seen.remember(&[1; 32], end, now), Ok(()));
        assert_eq!(seen.remember(&[2; 32], Some(now), now), Ok(()));
        drop(seen);
        let later = now + Duration::from_secs(1);
        let again = Remembered::in_folder(folder.path(), "app").unwrap();
        assert_eq!(again.remember(&[1; 32], end, later), Err(NotNew::Replayed));
        assert_eq!(again.remember(&[2; 32], end, later), Ok(()));
        let other = Remembered::in_folder(folder.path(), "other").unwrap();
        assert_eq!(other.remember(&[1; 32], end, later), Ok(()), "other owners have other files");
    }

    #[test]
    fn what_cannot_be_written_down_is_not_let_in_and_can_be_when_it_can() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        let (now, end) = (SystemTime::now(), Some(SystemTime::now() + Duration::from_secs(60)));
        let seen = Remembered::in_folder(&folder, "app").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        // As after a write that failed in the middle.
        seen.0.lock().journal.as_mut().unwrap().tear();
        assert_eq!(seen.remember(&[1; 32], end, now), Err(NotNew::NotKept));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(seen.remember(&[1; 32], end, now), Ok(()));
        let again = Remembered::in_folder(&folder, "app").unwrap();
        assert_eq!(again.remember(&[1; 32], end, now), Err(NotNew::Replayed));
    }
}
