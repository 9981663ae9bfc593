//! What waits to be written to a store of cookies, and the thread that writes it.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::{error, info};

use super::{Change, CookieId};

/// Cookies whose changes may wait to be written. That one is forgotten always waits.
const CHANGES_MAX: usize = 65_536;
/// Changes of one portion that may fail before the rest waits as well: a store that takes nothing is not asked for each.
const FAILURES_MAX: usize = 16;
/// What failed is written again after so long; each time that fails, too, twice as long passes, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// What waits to be written: of each cookie the last change, as nothing else counts.
#[derive(Default)]
pub(super) struct Backlog {
    changes: Mutex<Changes>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Changes {
    waiting: HashMap<CookieId, Change>,
    is_over: bool,
}

impl Backlog {
    /// Nothing more will be handed over.
    pub(super) fn end(&self) {
        self.changes.lock().is_over = true;
        self.has_changed.notify_one();
    }

    /// Whether the change itself waits now, and not that its cookie is forgotten.
    pub(super) fn push(&self, change: Change) -> bool {
        let id = change.cookie();
        let mut changes = self.changes.lock();
        let has_room = changes.waiting.len() < CHANGES_MAX || changes.waiting.contains_key(&id);
        let (change, is_itself) = match change {
            Change::Remember(..) if !has_room => (Change::Forget(id), false),
            change => (change, true),
        };
        changes.waiting.insert(id, change);
        drop(changes);
        self.has_changed.notify_one();
        is_itself
    }

    /// What waits, as soon as there is something and the pause is over, and at the end at once; nothing then.
    fn take(&self, pause: Duration) -> Option<HashMap<CookieId, Change>> {
        let until = Instant::now() + pause;
        let mut changes = self.changes.lock();
        while !changes.is_over && Instant::now() < until {
            self.has_changed.wait_until(&mut changes, until);
        }
        while changes.waiting.is_empty() && !changes.is_over {
            self.has_changed.wait(&mut changes);
        }
        let waiting = std::mem::take(&mut changes.waiting);
        (!waiting.is_empty()).then_some(waiting)
    }

    /// Takes back what could not be written, unless something newer is to be written. False at the end.
    fn take_back(&self, failed: Vec<Change>) -> bool {
        let mut changes = self.changes.lock();
        for change in failed {
            changes.waiting.entry(change.cookie()).or_insert(change);
        }
        if changes.is_over {
            changes.waiting.clear();
        }
        !changes.is_over
    }
}

/// Writes what is handed over until the end, and what fails again and again: a cookie that was logged out must not be known
/// again after a restart.
pub(super) fn write_all(
    path: &Path,
    backlog: &Backlog,
    mut write: impl FnMut(&Change) -> Result<(), String>,
) {
    let (first_pause, longest_pause) = PAUSES;
    let mut pause = Duration::ZERO;
    while let Some(changes) = backlog.take(pause) {
        let (failed, error) = write_portion(changes, &mut write);
        let Some(error) = error else {
            if !pause.is_zero() {
                info!(path = %path.display(), "cookies are written again");
            }
            pause = Duration::ZERO;
            continue;
        };
        let count = failed.len();
        if !backlog.take_back(failed) {
            error!(path = %path.display(), %error, changes = count, "changes of cookies are not written: \
                whoever has logged out may still be known there");
            return;
        }
        if pause.is_zero() {
            error!(path = %path.display(), %error, "cannot write cookies: trying again until it works");
        }
        pause = (pause * 2).clamp(first_pause, longest_pause);
    }
}

/// What could not be written, and why the last of it.
fn write_portion(
    changes: HashMap<CookieId, Change>,
    write: &mut impl FnMut(&Change) -> Result<(), String>,
) -> (Vec<Change>, Option<String>) {
    let (mut failed, mut why) = (Vec::new(), None);
    for change in changes.into_values() {
        if failed.len() >= FAILURES_MAX {
            failed.push(change);
        } else if let Err(error) = write(&change) {
            why = Some(error);
            failed.push(change);
        }
    }
    (failed, why)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crossweave_wamp::Dict;

    use super::*;
    use crate::cookies::storage::Storage;
    use crate::cookies::{Remembered, now_s};

    fn joe() -> Remembered {
        let authextra = Dict::new();
        let (authid, authrole, realm) = ("joe".into(), "user".into(), "realm1".into());
        Remembered { created_s: now_s(), authid, authrole, authmethod: None, realm, authextra }
    }

    #[test]
    fn a_cookie_that_is_forgotten_is_forgotten_on_disk_however_much_waits() {
        let backlog = Backlog::default();
        let id = |number: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            CookieId(id)
        };
        for number in 0..CHANGES_MAX {
            assert!(backlog.push(Change::Remember(id(number), joe())));
        }
        assert!(backlog.push(Change::Forget(id(CHANGES_MAX))), "there is always room for that");
        assert!(!backlog.push(Change::Remember(id(CHANGES_MAX + 1), joe())));
        assert!(backlog.push(Change::Forget(id(0))), "the last change counts");
        let waiting = backlog.take(Duration::ZERO).unwrap();
        for number in [0, CHANGES_MAX, CHANGES_MAX + 1] {
            assert!(matches!(waiting[&id(number)], Change::Forget(_)), "{number}");
        }
        assert!(matches!(waiting[&id(1)], Change::Remember(..)));
    }

    /// A storage that does to each change what `write` says, and who hears of it.
    fn storage(
        mut write: impl FnMut() -> Result<(), String> + Send + 'static,
    ) -> (Storage, mpsc::Receiver<&'static str>) {
        let (tell, told) = mpsc::channel();
        let storage = Storage::start(Path::new("cookies.dat"), move |change: &Change| {
            let done = write();
            let _ = tell.send(match (change, &done) {
                (_, Err(_)) => "failed",
                (Change::Remember(..), Ok(())) => "remembered",
                (Change::Forget(_), Ok(())) => "forgotten",
            });
            done
        });
        (storage, told)
    }

    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn what_cannot_be_written_is_written_as_soon_as_it_can() {
        let mut failures = 2;
        let (storage, told) = storage(move || {
            failures -= 1;
            if failures >= 0 { Err("no space left".to_owned()) } else { Ok(()) }
        });
        storage.write(Change::Forget(CookieId([1; 32])));
        for expected in ["failed", "failed", "forgotten"] {
            assert_eq!(told.recv_timeout(DEADLINE), Ok(expected));
        }
    }

    #[test]
    fn a_login_that_cannot_be_written_is_not_written_after_its_log_out() {
        let (release, is_released) = mpsc::channel::<()>();
        let mut is_first = true;
        let (storage, told) = storage(move || {
            if !std::mem::take(&mut is_first) {
                return Ok(());
            }
            is_released.recv().unwrap();
            Err("no space left".to_owned())
        });
        storage.write(Change::Remember(CookieId([1; 32]), joe()));
        storage.write(Change::Forget(CookieId([1; 32])));
        release.send(()).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE), Ok("failed"));
        assert_eq!(told.recv_timeout(DEADLINE), Ok("forgotten"));
        drop(storage);
        assert!(told.recv().is_err(), "nothing more is written");
    }

    #[test]
    fn a_store_that_takes_nothing_does_not_keep_the_router_from_ending() {
        let (storage, told) = storage(|| Err("no space left".to_owned()));
        storage.write(Change::Forget(CookieId([1; 32])));
        assert_eq!(told.recv_timeout(DEADLINE), Ok("failed"));
        drop(storage);
        assert!(told.iter().all(|it| it == "failed"));
    }
}
