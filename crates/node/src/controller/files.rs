//! Noticing that files change.

use std::path::PathBuf;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

/// After a change, nothing must have changed for so long: programs write a file in several steps, and several files.
const QUIET: Duration = Duration::from_millis(250);
/// Whatever goes on changing is told after this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Directories that are watched, with those in them.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl Watch {
    /// # Errors
    /// One of them cannot be watched.
    pub(super) fn of(directories: &[PathBuf]) -> Result<Watch, String> {
        let (sender, changes) = mpsc::channel(1);
        let noticed = move |event: notify::Result<Event>| {
            let is_change = match &event {
                Ok(event) => event.kind.is_create() || event.kind.is_modify() || event.kind.is_remove(),
                // Something was lost: there may have been a change.
                Err(_) => true,
            };
            if is_change {
                // One that is waiting already tells as much.
                let _ = sender.try_send(());
            }
        };
        let mut watcher = notify::recommended_watcher(noticed).map_err(|error| error.to_string())?;
        for directory in directories {
            watcher
                .watch(directory, RecursiveMode::Recursive)
                .map_err(|error| format!("{} cannot be watched: {error}", directory.display()))?;
        }
        Ok(Watch { _watcher: watcher, changes })
    }

    /// Waits until something has changed, and a little longer until all has.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher is gone; nothing is noticed any more.
            return std::future::pending().await;
        }
        let end = Instant::now() + PATIENCE;
        let quiet = async {
            loop {
                tokio::select! {
                    () = sleep(QUIET) => return,
                    _ = self.changes.recv() => {}
                }
            }
        };
        let _ = timeout_at(end, quiet).await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_change_is_noticed_once_and_reading_is_none() {
        let folder = tempfile::TempDir::new().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a"), "1").unwrap();
        let mut watch = Watch::of(&[folder.path().to_owned()]).unwrap();
        fs::read(inner.join("a")).unwrap();
        let nothing = tokio::time::timeout(Duration::from_millis(100), watch.changed()).await;
        assert!(nothing.is_err(), "reading is no change");
        fs::write(inner.join("a"), "2").unwrap();
        fs::write(inner.join("b"), "2").unwrap();
        watch.changed().await;
        let nothing = tokio::time::timeout(Duration::from_millis(100), watch.changed()).await;
        assert!(nothing.is_err(), "both were told at once");
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = Watch::of(&["/does/not/exist".into()]).err().unwrap();
        assert!(error.contains("/does/not/exist"), "{error}");
    }
}
