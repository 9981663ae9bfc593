//! The runtime that a router runs best on: before it sleeps, it waits awake for the next message, if that pays.
//!
//! A sleeping processor takes some 25 µs to wake up, four times for one call and its result: most of what a lone call takes.
//! So the thread that is about to sleep in the driver (epoll) first looks into it for up to [`LINGER`], as long as the waits
//! before this one were short. Where they were not, or where there is hardly any waiting, as a busy router finds its next
//! messages without it, this costs nothing.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

/// So long a thread waits awake. About what going to sleep and waking up costs, so that doing it in vain costs no more than
/// twice what sleeping at once would.
const LINGER: Duration = Duration::from_micros(40);

/// A multi-threaded runtime, with as many threads as there are processors, that waits awake for the next message where messages
/// come in quick succession (on Linux, and with more than one processor).
pub fn runtime() -> io::Result<Runtime> {
    build().map(|(runtime, _)| runtime)
}

fn build() -> io::Result<(Runtime, Arc<Driver>)> {
    let driver = Arc::new(Driver::default());
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_name("crossweave");
    if available_parallelism().is_ok_and(|processors| processors.get() == 1) {
        return Ok((builder.build()?, driver));
    }
    let (parking, unparked) = (driver.clone(), driver.clone());
    // One at a time, so that none takes another's driver for its own.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock();
    let before = driver::all();
    builder.on_thread_park(move || parking.linger()).on_thread_unpark(move || unparked.awake());
    let runtime = builder.build()?;
    if let Some(fd) = driver::all().into_iter().find(|fd| !before.contains(fd)).and_then(driver::duplicate) {
        let _ = driver.fd.set(fd);
    }
    Ok((runtime, driver))
}

/// What wakes the runtime up, as its threads share it.
#[derive(Default)]
struct Driver {
    /// Readable when there is something to do.
    fd: OnceLock<OwnedFd>,
    /// Numbers waits; the number of the last one to begin. Whoever comes last waits awake: the driver may belong to another
    /// thread that already sleeps in it, but not for longer than until its next event.
    last_wait: AtomicU64,
    pace: AtomicU8,
}

thread_local! {
    /// This thread's wait, and since when.
    static WAITING: Cell<Option<(u64, Instant)>> = const { Cell::new(None) };
    /// Since when it has something to do.
    static WORKING: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Driver {
    /// A thread has nothing to do.
    fn linger(&self) {
        let Some(fd) = self.fd.get() else { return };
        let wait = self.last_wait.fetch_add(1, Ordering::Relaxed) + 1;
        let begin = Instant::now();
        WAITING.set(Some((wait, begin)));
        if !self.pace().is_quick() {
            return;
        }
        while self.is_last(wait) && !driver::is_ready(fd) && begin.elapsed() < LINGER {
            rustix::thread::sched_yield();
        }
    }

    fn is_last(&self, wait: u64) -> bool {
        self.last_wait.load(Ordering::Relaxed) == wait
    }

    fn pace(&self) -> Pace {
        Pace { score: self.pace.load(Ordering::Relaxed) }
    }

    /// A thread has something to do again.
    fn awake(&self) {
        let now = Instant::now();
        if let Some((wait, begin)) = WAITING.take()
            && self.is_last(wait)
        {
            let worked = WORKING.get().map_or(Duration::ZERO, |since| begin.duration_since(since));
            let pace = self.pace().after(worked, now.duration_since(begin));
            self.pace.store(pace.score, Ordering::Relaxed);
        }
        WORKING.set(Some(now));
    }
}

/// Whether waiting awake has paid of late, or would have.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    score: u8,
}

impl Pace {
    const QUICK: u8 = 16;
    const BEST: u8 = 32;
    /// What a wait that was too long takes away: as much as so many that were worth it give.
    const MISS: u8 = 8;

    fn is_quick(self) -> bool {
        self.score >= Pace::QUICK
    }

    /// A thread has worked, then waited. Awake, a wait is worth it within [`LINGER`]; asleep, waking up has added to it.
    fn after(self, worked: Duration, waited: Duration) -> Pace {
        let is_short = waited < if self.is_quick() { LINGER } else { 2 * LINGER };
        let is_most_of_the_time = worked < 2 * waited;
        let score = match (is_short, is_most_of_the_time) {
            (true, true) => (self.score + 1).min(Pace::BEST),
            (true, false) => self.score.saturating_sub(1),
            (false, _) => self.score.saturating_sub(Pace::MISS),
        };
        Pace { score }
    }
}

/// Access to the epoll instance of a runtime, which tokio does not give.
#[cfg(target_os = "linux")]
mod driver {
    use std::fs;
    use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// All epoll instances of this process.
    pub(super) fn all() -> Vec<RawFd> {
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let epoll = open.filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
        });
        epoll.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// A descriptor of our own, so that it stays good.
    pub(super) fn duplicate(fd: RawFd) -> Option<OwnedFd> {
        // SAFETY: the descriptor is only used to be duplicated, at once. Should it have been closed in between, that fails.
        #[expect(unsafe_code, reason = "tokio does not lend its driver")]
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        fd.try_clone_to_owned().ok()
    }

    pub(super) fn is_ready(fd: &OwnedFd) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // An error ends the waiting, too.
        poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&at_once)) != Ok(0)
    }
}

/// Elsewhere, nothing is waited for awake.
#[cfg(not(target_os = "linux"))]
mod driver {
    use std::os::fd::{OwnedFd, RawFd};

    pub(super) fn all() -> Vec<RawFd> {
        Vec::new()
    }

    pub(super) fn duplicate(_: RawFd) -> Option<OwnedFd> {
        None
    }

    pub(super) fn is_ready(_: &OwnedFd) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn after(waits: usize, worked: Duration, waited: Duration, pace: Pace) -> Pace {
        (0..waits).fold(pace, |pace, _| pace.after(worked, waited))
    }

    #[test]
    fn a_call_after_the_other_is_waited_for_awake() {
        let asleep = after(16, us(18), us(59), Pace::default());
        assert!(asleep.is_quick());
        assert!(after(1_000, us(8), us(20), asleep).is_quick());
    }

    #[test]
    fn a_busy_router_does_not_wait_awake() {
        assert!(!after(1_000, us(65), us(6), Pace::default()).is_quick());
    }

    #[test]
    fn a_client_that_sometimes_answers_at_once_does_not_end_the_waiting() {
        let pace = after(20, us(8), us(20), Pace::default());
        let mixed =
            (0..1_000).fold(pace, |pace, turn| pace.after(us(8), us(if turn % 3 == 0 { 2 } else { 20 })));
        assert!(mixed.is_quick());
    }

    #[test]
    fn an_idle_router_sleeps() {
        assert!(!after(1_000, us(18), us(1_000), Pace::default()).is_quick());
        let quick = after(100, us(8), us(20), Pace::default());
        assert!(!after(3, us(8), us(1_000), quick).is_quick(), "at the latest after three waits in vain");
    }

    #[test]
    fn waits_a_little_too_long_are_tried_once_in_nine() {
        let mut pace = Pace::default();
        let mut tries = 0;
        for _ in 0..900 {
            tries += u32::from(pace.is_quick());
            pace = pace.after(us(8), us(60));
        }
        assert!(tries <= 101, "{tries}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_runtime_finds_its_driver() {
        if available_parallelism().is_ok_and(|processors| processors.get() == 1) {
            return;
        }
        let (runtime, driver) = build().unwrap();
        assert!(driver.fd.get().is_some());
        assert_eq!(runtime.block_on(async { tokio::spawn(async { 2 + 3 }).await.unwrap() }), 5);
    }
}
