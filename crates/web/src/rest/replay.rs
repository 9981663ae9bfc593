//! Signed requests that were carried out, so that nobody sends one again.

mod files;
mod journal;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tracing::error;

use self::journal::{Entry, Journal};

/// Requests that are remembered at most.
///
/// Only who has the secret adds one. A service that would have to forget a request whose time still counts refuses further ones
/// instead.
pub const REMEMBERED_MAX: usize = 1 << 20;
/// What is remembered for ever has a time so far ahead.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A part of a request's signature: enough to know it again.
type Mark = [u8; 16];

/// The memory of signed requests, each for as long as its time would let it in again. Clones are the same memory: services that
/// take the same key should share one, as a signature does not say which of them it is for.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    marks: Arc<tokio::sync::Mutex<Marks>>,
    limits: Arc<Mutex<Limits>>,
    /// Whether it is in a file: a disk may take its time.
    is_kept: bool,
}

#[derive(Debug, Default)]
struct Marks {
    known: HashSet<Mark>,
    /// By the time at which they were signed: how long they are let in may change.
    by_time: BTreeSet<(SystemTime, Mark)>,
    /// The latest time of those that are forgotten. When the clock goes back, or requests are let in for longer than before, one
    /// that was signed no later may be one of them.
    forgotten: Option<SystemTime>,
    /// Where they outlive the process, if they do.
    journal: Option<Journal>,
    /// The journal could not be written the last time.
    is_failing: bool,
    /// Why, until that is logged.
    failure: Option<io::Error>,
}

/// For how long services let requests in.
#[derive(Debug, Default)]
struct Limits {
    longest: Duration,
    /// A service lets them in for ever.
    is_endless: bool,
}

/// Why a request is not let in, though its signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It was carried out before.
    Replayed,
    /// It may have been: its time was over once, before the clock went back or requests were let in for longer.
    Forgotten,
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

    /// The same, where an earlier process may have carried out requests that nobody remembers: those that were signed before this
    /// time are refused.
    pub fn in_memory_since(now: SystemTime) -> Remembered {
        let marks = Marks { forgotten: Some(now), ..Marks::default() };
        Remembered { marks: Arc::new(marks.into()), ..Remembered::default() }
    }

    /// A memory that outlives the process, in a file of this folder. There is one file for each `owner`, which no two memories may
    /// have at a time.
    ///
    /// The file has parts of signatures and nothing else, and is for its owner only. It is read whole here, which takes long
    /// only if there were very many requests.
    ///
    /// One that can be read and not be written counts; requests are refused until it can.
    ///
    /// # Errors
    /// The file cannot be read, or is not there and cannot be made.
    pub fn in_folder(folder: &Path, owner: &str) -> io::Result<Remembered> {
        let path = folder.join(files::name(owner));
        let (journal, entries, forgotten) = Journal::open(&path, SystemTime::now())?;
        let mut marks = Marks { journal: Some(journal), forgotten, ..Marks::default() };
        // Which of them are over, only the services know.
        marks.known = entries.iter().map(|(_, mark)| *mark).collect();
        marks.by_time = entries.into_iter().collect();
        Ok(Remembered { marks: Arc::new(marks.into()), limits: Arc::default(), is_kept: true })
    }

    /// A service with this memory lets requests in for this time; zero for ever.
    pub(super) fn expect(&self, limit: Duration) {
        let mut limits = self.limits.lock();
        limits.longest = limits.longest.max(limit);
        limits.is_endless |= limit.is_zero();
    }

    /// For how long behind its time a request has to be remembered: as long as the most patient service lets it in. Nothing for
    /// ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        let limits = self.limits.lock();
        (!limits.is_endless).then_some(limits.longest)
    }

    /// Remembers a request that was signed at this time. If a service lets any in, that is for ever, and the oldest are forgotten
    /// when there is no more room.
    ///
    /// Dropped, it may have remembered the request.
    pub(super) async fn remember(
        &self,
        signature: &[u8; 32],
        time: SystemTime,
        now: SystemTime,
    ) -> Result<(), NotNew> {
        self.remember_in(signature, time, now, REMEMBERED_MAX).await
    }

    async fn remember_in(
        &self,
        signature: &[u8; 32],
        time: SystemTime,
        now: SystemTime,
        max: usize,
    ) -> Result<(), NotNew> {
        let patience = self.patience();
        let mut mark = Mark::default();
        mark.copy_from_slice(&signature[..16]);
        // One after the other, so that a disk that hangs holds up one thread.
        let marks = self.marks.clone().lock_owned().await;
        let remembering = move || {
            let mut marks = marks;
            if let Some(patience) = patience {
                marks.forget(now, patience);
            }
            (marks.remember((time, mark), patience, now, max), marks.failure.take())
        };
        let (remembered, failure) = match self.is_kept {
            true => spawn_blocking(remembering).await.unwrap_or((Err(NotNew::NotKept), None)),
            false => remembering(),
        };
        if let Some(failure) = failure {
            error!(error = %failure, "signed requests cannot be written down, and are refused until they can");
        }
        remembered
    }
}

impl Marks {
    /// Those that nobody has to know any more.
    fn forget(&mut self, now: SystemTime, patience: Duration) {
        let is_over = |(time, _): &(SystemTime, Mark)| *time + patience < now;
        while let Some((time, old)) = self.by_time.first().copied().filter(is_over) {
            self.by_time.remove(&(time, old));
            self.known.remove(&old);
            self.forgotten = self.forgotten.max(Some(time));
        }
    }

    /// Makes room for one more, if nobody has to know the oldest of those that are remembered for ever.
    fn make_room(&mut self, now: SystemTime, patience: Option<Duration>) -> bool {
        let Some(patience) = patience else {
            let oldest = self.by_time.pop_first();
            return oldest.is_some_and(|(_, mark)| self.known.remove(&mark));
        };
        // They are behind all others, by when they came; their own time is taken to be no later than one that is let in then.
        let first = self.by_time.range((now + FOR_EVER / 2, Mark::default())..).next().copied();
        let Some((came, mark)) = first else { return false };
        let time = came - FOR_EVER + patience;
        let is_over = time + patience < now;
        if is_over {
            self.by_time.remove(&(came, mark));
            self.known.remove(&mark);
            self.forgotten = self.forgotten.max(Some(time));
        }
        is_over
    }

    fn remember(
        &mut self,
        (time, mark): Entry,
        patience: Option<Duration>,
        now: SystemTime,
        max: usize,
    ) -> Result<(), NotNew> {
        let marks = self;
        if marks.known.contains(&mark) {
            return Err(NotNew::Replayed);
        }
        if Some(time) <= marks.forgotten {
            return Err(NotNew::Forgotten);
        }
        if marks.known.len() >= max && !marks.make_room(now, patience) {
            return Err(NotNew::Full);
        }
        // In the order of their coming, and later than any time that is asked about.
        let entry = (if patience.is_some() { time } else { now + FOR_EVER }, mark);
        marks.known.insert(mark);
        marks.by_time.insert(entry);
        let (all, forgotten) = (marks.by_time.iter(), marks.forgotten);
        let Some(Err(failure)) = marks.journal.as_mut().map(|it| it.add(&entry, all, forgotten)) else {
            marks.is_failing = false;
            return Ok(());
        };
        marks.known.remove(&mark);
        marks.by_time.remove(&entry);
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

    #[tokio::test]
    async fn a_request_is_taken_once_while_its_time_counts() {
        let seen = Remembered::in_memory();
        assert_eq!(seen.remember(&[1; 32], at(20), at(10)).await, Ok(()));
        assert_eq!(seen.remember(&[1; 32], at(20), at(20)).await, Err(NotNew::Replayed));
        assert_eq!(seen.remember(&[2; 32], at(20), at(20)).await, Ok(()));
        // Its time would refuse it now; that it is forgotten does no harm.
        assert_eq!(seen.remember(&[1; 32], at(40), at(21)).await, Ok(()));
        assert_eq!(seen.marks.lock().await.known.len(), 1);
    }

    #[tokio::test]
    async fn a_full_memory_lets_in_nobody_whose_time_counts() {
        let seen = Remembered::in_memory();
        assert_eq!(seen.remember_in(&[1; 32], at(20), at(10), 2).await, Ok(()));
        assert_eq!(seen.remember_in(&[2; 32], at(30), at(10), 2).await, Ok(()));
        assert_eq!(seen.remember_in(&[3; 32], at(30), at(10), 2).await, Err(NotNew::Full));
        assert_eq!(seen.remember_in(&[3; 32], at(30), at(21), 2).await, Ok(()));
    }

    #[tokio::test]
    async fn without_an_end_the_oldest_is_forgotten() {
        let seen = Remembered::in_memory();
        seen.expect(Duration::ZERO);
        for n in 1..=3 {
            assert_eq!(seen.remember_in(&[n; 32], at(9), at(n.into()), 2).await, Ok(()));
        }
        assert_eq!(seen.remember_in(&[3; 32], at(9), at(4), 2).await, Err(NotNew::Replayed));
        assert_eq!(seen.remember_in(&[1; 32], at(9), at(4), 2).await, Ok(()));
    }

    #[tokio::test]
    async fn what_was_remembered_for_ever_makes_room_when_there_is_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        let open = |limit| {
            let seen = Remembered::in_folder(folder.path(), "app").unwrap();
            seen.expect(Duration::from_secs(limit));
            seen
        };
        let seen = open(0);
        for n in [1, 2] {
            assert_eq!(seen.remember_in(&[n; 32], at(0), at(n.into()), 2).await, Ok(()));
        }
        drop(seen);
        let seen = open(10);
        assert_eq!(
            seen.remember_in(&[3; 32], at(9), at(9), 2).await,
            Err(NotNew::Full),
            "they may come again"
        );
        assert_eq!(seen.remember_in(&[3; 32], at(60), at(60), 2).await, Ok(()));
        assert_eq!(seen.remember_in(&[1; 32], at(0), at(60), 2).await, Err(NotNew::Forgotten));
        assert_eq!(seen.remember_in(&[2; 32], at(0), at(60), 2).await, Err(NotNew::Replayed));
    }

    #[tokio::test]
    async fn a_memory_in_a_folder_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let end = now + Duration::from_secs(60);
        let seen = Remembered::in_folder(folder.path(), "app").unwrap();
        assert_eq!(seen.remember(&[1; 32], end, now).await, Ok(()));
        assert_eq!(seen.remember(&[2; 32], now, now).await, Ok(()));
        drop(seen);
        let later = now + Duration::from_secs(1);
        let again = Remembered::in_folder(folder.path(), "app").unwrap();
        assert_eq!(again.remember(&[1; 32], end, later).await, Err(NotNew::Replayed));
        assert_eq!(again.remember(&[2; 32], end, later).await, Ok(()));
        let other = Remembered::in_folder(folder.path(), "other").unwrap();
        assert_eq!(other.remember(&[1; 32], end, later).await, Ok(()), "other owners have other files");
    }

    #[tokio::test]
    async fn what_cannot_be_written_down_is_not_let_in_and_can_be_when_it_can() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        let (now, end) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(60));
        let seen = Remembered::in_folder(&folder, "app").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        // As after a write that failed in the middle.
        seen.marks.lock().await.journal.as_mut().unwrap().tear();
        assert_eq!(seen.remember(&[1; 32], end, now).await, Err(NotNew::NotKept));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(seen.remember(&[1; 32], end, now).await, Ok(()));
        let again = Remembered::in_folder(&folder, "app").unwrap();
        assert_eq!(again.remember(&[1; 32], end, now).await, Err(NotNew::Replayed));
    }

    #[tokio::test]
    async fn what_a_file_has_counts_also_if_it_cannot_be_written_as_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (now, end) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(60));
        let open = || Remembered::in_folder(folder.path(), "app");
        assert_eq!(open().unwrap().remember(&[1; 32], end, now).await, Ok(()));
        // As on a full disk: nothing can be written beside it.
        let beside = folder.path().join(files::name("app")).with_extension("new");
        std::fs::create_dir(&beside).unwrap();
        let seen = open().expect("it can be read");
        assert_eq!(seen.remember(&[1; 32], end, now).await, Err(NotNew::Replayed));
        assert_eq!(seen.remember(&[2; 32], end, now).await, Err(NotNew::NotKept));
        std::fs::remove_dir(&beside).unwrap();
        assert_eq!(seen.remember(&[2; 32], end, now).await, Ok(()));
        let again = open().unwrap();
        for n in [1, 2] {
            assert_eq!(again.remember(&[n; 32], end, now).await, Err(NotNew::Replayed));
        }
    }

    #[tokio::test]
    async fn a_memory_that_cannot_know_what_was_before_refuses_what_was_signed_before() {
        let now = SystemTime::now();
        let seen = Remembered::in_memory_since(now);
        seen.expect(Duration::from_secs(60));
        let (before, after) = (now - Duration::from_secs(1), now + Duration::from_secs(1));
        assert_eq!(seen.remember(&[1; 32], before, after).await, Err(NotNew::Forgotten));
        assert_eq!(seen.remember(&[2; 32], after, after).await, Ok(()));
    }

    #[tokio::test]
    async fn a_request_that_may_be_forgotten_is_not_let_in_when_the_clock_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        for seen in [Remembered::in_memory(), Remembered::in_folder(folder.path(), "app").unwrap()] {
            assert_eq!(seen.remember(&[1; 32], at(20), at(10)).await, Ok(()));
            assert_eq!(seen.remember(&[2; 32], at(40), at(21)).await, Ok(()));
            assert_eq!(seen.remember(&[1; 32], at(20), at(15)).await, Err(NotNew::Forgotten));
            assert_eq!(seen.remember(&[3; 32], at(25), at(15)).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn what_was_forgotten_stays_out_when_requests_are_let_in_for_longer() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        let open = || Remembered::in_folder(folder.path(), "app").unwrap();
        for seen in [Remembered::in_memory(), open()] {
            seen.expect(Duration::from_secs(10));
            assert_eq!(seen.remember(&[1; 32], at(0), at(5)).await, Ok(()));
            assert_eq!(seen.remember(&[2; 32], at(15), at(20)).await, Ok(()));
            seen.expect(Duration::from_secs(3600));
            assert_eq!(seen.remember(&[1; 32], at(0), at(100)).await, Err(NotNew::Forgotten));
            assert_eq!(seen.remember(&[2; 32], at(15), at(100)).await, Err(NotNew::Replayed));
            if let Some(journal) = &mut seen.marks.lock().await.journal {
                // The file is written anew, without what is forgotten.
                journal.tear();
            }
            assert_eq!(seen.remember(&[3; 32], at(1), at(100)).await, Ok(()));
        }
        // However often it is opened.
        for n in 4..6 {
            let seen = open();
            seen.expect(Duration::from_secs(3600));
            assert_eq!(seen.remember(&[1; 32], at(0), at(100)).await, Err(NotNew::Forgotten));
            assert_eq!(seen.remember(&[3; 32], at(1), at(100)).await, Err(NotNew::Replayed));
            assert_eq!(seen.remember(&[n; 32], at(1), at(100)).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_disk_that_hangs_holds_up_nobody_else() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let seen = Remembered::in_folder(folder.path(), "app").unwrap();
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let pipe = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        // Nothing more fits into it.
        std::io::Write::write_all(&mut &pipe, &[0; 65_536]).unwrap();
        seen.marks.lock().await.journal.as_mut().unwrap().write_to(pipe.try_clone().unwrap());
        let (now, end) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(60));
        let remembering = tokio::spawn({
            let seen = seen.clone();
            async move { seen.remember(&[1; 32], end, now).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!remembering.is_finished());
        assert!(seen.patience().is_some());
        std::io::Read::read_exact(&mut &pipe, &mut [0; 4096]).unwrap();
        assert_eq!(remembering.await.unwrap(), Ok(()));
    }
}
