//! Where a realm's event history is kept beside its memory: an SQLite file, from which it is there again after a restart.
//!
//! ```text
//!  realm, locked ─▶ Effects ─▶ (lock released) queue, bounded ─▶ writer, a thread ─▶ file
//!  realm, new    ◀─────────────────────── what the rules have room for ◀───────────── file
//! ```
//!
//! The realm never waits for the file. Events that find no room in the queue are in the history of the running realm, and
//! not in the file: they are counted, and the log says so.

mod file;
mod queue;
mod shelves;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossweave_router_core::{HistoryRule, Record, Recorded};
use file::HistoryFile;
use parking_lot::Mutex;
use queue::{Order, Queue};
use tracing::warn;
use writer::Writer;

/// How long a realm that starts afresh waits for its events.
const LOAD_DEADLINE: Duration = Duration::from_secs(2);

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
}

/// A history cannot be kept there.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the event history in {path}: {cause}", path = path.display())]
pub struct HistoryStoreError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// Hands events to the thread that writes them. Dropped, it waits until they are.
pub(crate) struct Storage {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Storage {
    /// Opens the file of a realm, with what its rules have room for, oldest first.
    pub(crate) fn open(
        realm: &str,
        store: &HistoryStore,
        rules: &[HistoryRule],
    ) -> Result<Option<(Storage, Vec<Record>)>, HistoryStoreError> {
        let HistoryStore::Sqlite { path } = store else { return Ok(None) };
        let failed = |cause: String| HistoryStoreError { path: path.clone(), cause };
        let mut file = HistoryFile::open(path, realm, rules, unix_ms()).map_err(failed)?;
        let records = file.load().map_err(failed)?;
        let (queue, orders) = Queue::new();
        let queue = Arc::new(queue);
        let writer = Writer::new(realm, path, file, queue.clone());
        let thread = std::thread::Builder::new().name("history".to_owned());
        let writer = thread.spawn(move || writer.run(&orders)).map_err(|why| failed(why.to_string()))?;
        Ok(Some((Storage { queue, writer: Mutex::new(Some(writer)) }, records)))
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

    /// Waits until everything is written, and closes the file.
    pub(crate) fn close(&self) {
        if let Some(writer) = self.writer.lock().take() {
            self.queue.order(Order::End);
            let _ = writer.join();
        }
    }
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
