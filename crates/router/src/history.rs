//! Where a realm's event history is kept beside its memory, so that it is there again after a restart: an SQLite file, or a
//! place that the program brings along.
//!
//! ```text
//!  realm, locked ─▶ Effects ─▶ (lock released) queue, bounded ─▶ writer, a thread ─▶ keeper ─▶ file or shelf
//!  realm, new    ◀─────────────────────── what the rules have room for ◀─────────── keeper ◀─ file or shelf
//! ```
//!
//! The realm never waits for it. Events that find no room in the queue are in the history of the running realm, and
//! not there: they are counted, and the log says so.

mod file;
mod keeper;
mod queue;
mod shelf;
mod shelves;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossweave_router_core::{HistoryRule, Record, Recorded};
use file::HistoryFile;
use keeper::{Keeper, Place};
use parking_lot::Mutex;
use queue::{Order, Queue};
use shelf::Shelved;
pub use shelf::{EventShelf, KeptEvent, NamedEventShelf};
use tracing::warn;
use writer::Writer;

/// How long a realm that starts afresh waits for its events.
const LOAD_DEADLINE: Duration = Duration::from_secs(2);
/// How long a realm that starts waits for a shelf.
const SHELF_DEADLINE: Duration = Duration::from_secs(10);
/// How long a realm that ends waits for a shelf to take what is left. Files are waited for as long as it takes.
const SHELF_END_DEADLINE: Duration = Duration::from_secs(5);

/// Where the events are kept that [`RealmOptions::history`](crate::RealmOptions::history) names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HistoryStore {
    /// In memory: forgotten when the router ends (default).
    #[default]
    Memory,
    /// In memory, and in an SQLite database of this realm alone.
    Sqlite {
        /// The file; made if it is not there, readable by its owner only.
        path: PathBuf,
    },
    /// In memory, and at a place of the program's own.
    Shelf(NamedEventShelf),
}

/// A history cannot be kept there.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the event history in {path}: {cause}", path = path.display())]
pub struct HistoryStoreError {
    /// The file; `rust:NAME` for a shelf.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// Hands events to the thread that writes them. Dropped, it waits until they are.
pub(crate) struct Storage {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// How long is waited for the writer's end; none: as long as it takes.
    patience: Option<Duration>,
}

impl Storage {
    /// Opens the file of a realm, with what its rules have room for, oldest first.
    pub(crate) fn open(
        realm: &str,
        store: &HistoryStore,
        rules: &[HistoryRule],
    ) -> Result<Option<(Storage, Vec<Record>)>, HistoryStoreError> {
        let (path, started) = match store {
            HistoryStore::Memory => return Ok(None),
            HistoryStore::Sqlite { path } => {
                let file = path.clone();
                let open = move |realm: &str| HistoryFile::open(&file, realm).map(Place::File);
                (path.as_path(), Storage::start(realm, path, rules, None, open))
            }
            HistoryStore::Shelf(shelf) => {
                let named = shelf.clone();
                let open = move |realm: &str| Shelved::open(realm, &named).map(Place::Shelf);
                (shelf.place(), Storage::start(realm, shelf.place(), rules, Some(SHELF_DEADLINE), open))
            }
        };
        started.map(Some).map_err(|cause| HistoryStoreError { path: path.to_owned(), cause })
    }

    /// Starts the thread that opens a place and then writes, and waits until it has opened it, for so long.
    fn start(
        realm: &str,
        path: &Path,
        rules: &[HistoryRule],
        deadline: Option<Duration>,
        open: impl FnOnce(&str) -> Result<Place, String> + Send + 'static,
    ) -> Result<(Storage, Vec<Record>), String> {
        let (queue, orders) = Queue::new();
        let queue = Arc::new(queue);
        let (answer, opened) = sync_channel(1);
        let (realm, path, rules) = (realm.to_owned(), path.to_owned(), rules.to_vec());
        let of_writer = queue.clone();
        let write = move || {
            let opened = open(&realm).and_then(|place| take_over(place, &rules));
            let (keeper, records) = match opened {
                Ok((keeper, records)) => (Some(keeper), Ok(records)),
                Err(why) => (None, Err(why)),
            };
            // Nobody may wait for it any more.
            if let (Ok(()), Some(keeper)) = (answer.send(records), keeper) {
                Writer::new(&realm, &path, keeper, of_writer).run(&orders);
            }
        };
        let thread = std::thread::Builder::new().name("history".to_owned());
        let writer = thread.spawn(write).map_err(|why| why.to_string())?;
        match await_opened(&opened, deadline) {
            Ok(records) => {
                let patience = deadline.map(|_| SHELF_END_DEADLINE);
                Ok((Storage { queue, writer: Mutex::new(Some(writer)), patience }, records))
            }
            Err(why) => {
                // In case that it has opened it this very moment.
                queue.order_until(Order::End, Instant::now());
                Err(why)
            }
        }
    }

    /// Has an event written, or counts it as lost.
    pub(crate) fn write(&self, event: Recorded) {
        self.queue.push(event);
    }

    /// Events that were not written since the storage was opened.
    pub(crate) fn lost(&self) -> u64 {
        self.queue.lost()
    }

    /// What was written, for a realm that starts afresh. Waits for the file, for two seconds at most; what does not come by then
    /// stays in the file.
    pub(crate) fn load(&self) -> Vec<Record> {
        let until = Instant::now() + LOAD_DEADLINE;
        let (answer, loaded) = sync_channel(1);
        let records = match self.queue.order_until(Order::Load(answer), until) {
            true => loaded.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
            false => None,
        };
        if records.is_none() {
            warn!("the event history was not read in time: its events can be had again after a restart");
        }
        records.unwrap_or_default()
    }

    /// Waits until everything is written, and closes the place. A shelf that takes too long is left to itself.
    pub(crate) fn close(&self) {
        let Some(writer) = self.writer.lock().take() else { return };
        let Some(patience) = self.patience else {
            self.queue.order(Order::End);
            let _ = writer.join();
            return;
        };
        let until = Instant::now() + patience;
        let is_told = self.queue.order_until(Order::End, until);
        while is_told && !writer.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !writer.is_finished() {
            warn!("an event history is not written in time by its store: its last events may be lost");
        }
    }
}

/// The keeper of a place, with what it has kept.
fn take_over(place: Place, rules: &[HistoryRule]) -> Result<(Keeper, Vec<Record>), String> {
    let mut keeper = Keeper::new(place, rules, unix_ms())?;
    let records = keeper.load()?;
    Ok((keeper, records))
}

/// What the writer has found where it keeps its events; waits for so long.
fn await_opened(
    opened: &Receiver<Result<Vec<Record>, String>>,
    deadline: Option<Duration>,
) -> Result<Vec<Record>, String> {
    let records = match deadline {
        None => opened.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(deadline) => opened.recv_timeout(deadline),
    };
    records.unwrap_or_else(|why| match why {
        RecvTimeoutError::Timeout => Err(format!("it did not answer within {} s", SHELF_DEADLINE.as_secs())),
        RecvTimeoutError::Disconnected => Err("the thread that reads it has failed".to_owned()),
    })
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.close();
    }
}

/// The time now, in milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
