//! Where a jar of cookies is kept: memory, a file of JSON lines, or an SQLite database.

mod backlog;
mod database;
mod lines;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossweave_wamp::{Serializer, Value};
use tracing::error;

use super::shelf::NamedShelf;
use super::{CookieId, Remembered};
use backlog::{Backlog, write_all};
use database::{delete_old, open_database, read_database, tighten, write_database};
use lines::{CookieFile, read_fresh};

/// Where a jar is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CookieStore {
    /// In memory: forgotten when the router ends (default).
    #[default]
    Memory,
    /// In a file, one JSON object per line.
    File {
        /// The file; made if it is not there.
        path: PathBuf,
        /// Whether to forget what it holds.
        purge_on_startup: bool,
    },
    /// In an SQLite database.
    Database {
        /// The file; made if it is not there.
        path: PathBuf,
        /// Whether to forget what it holds.
        purge_on_startup: bool,
    },
    /// At a place of the program's own.
    Shelf(NamedShelf),
}

impl CookieStore {
    /// The file, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            CookieStore::Memory => None,
            CookieStore::Shelf(shelf) => Some(shelf.place()),
            CookieStore::File { path, .. } | CookieStore::Database { path, .. } => Some(path),
        }
    }
}

/// A jar cannot be kept there.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep cookies in {path}: {cause}", path = path.display())]
pub struct CookieStoreError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// Something to be written.
pub(super) enum Change {
    Remember(CookieId, Remembered),
    Forget(CookieId),
}

pub(super) type Stored = HashMap<CookieId, Remembered>;

/// Hands changes to the thread that writes them. Dropped, it waits until they are.
#[derive(Default)]
pub(super) struct Storage {
    backlog: Option<Arc<Backlog>>,
    writer: Option<JoinHandle<()>>,
}

impl Storage {
    /// Opens a store, with what it holds that is not older than this.
    pub(super) fn open(store: &CookieStore, max_age_s: u64) -> Result<(Storage, Stored), CookieStoreError> {
        match store {
            CookieStore::Memory => Ok((Storage::default(), Stored::new())),
            CookieStore::Shelf(shelf) => {
                let path = shelf.place().to_owned();
                let failed = |cause| CookieStoreError { path: path.clone(), cause };
                let stored = shelf.load(max_age_s).map_err(failed)?;
                let shelf = shelf.clone();
                Ok((Storage::start(&path, move |change| shelf.write(change)), stored))
            }
            CookieStore::File { path, purge_on_startup } => {
                let failed =
                    |error: io::Error| CookieStoreError { path: path.clone(), cause: error.to_string() };
                let stored = match purge_on_startup {
                    true => Stored::new(),
                    false => read_fresh(path, max_age_s).map_err(failed)?,
                };
                let mut file = CookieFile::open(path, &stored, max_age_s).map_err(failed)?;
                let write = move |change: &Change| file.write(change).map_err(|it| it.to_string());
                Ok((Storage::start(path, write), stored))
            }
            CookieStore::Database { path, purge_on_startup } => {
                let failed = |cause: String| CookieStoreError { path: path.clone(), cause };
                // SQLite would make it readable by everybody.
                let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                made.map_err(|error| failed(error.to_string()))?;
                tighten(path);
                let explain = |error: rusqlite::Error| failed(error.to_string());
                let database = open_database(path, *purge_on_startup).map_err(explain)?;
                delete_old(&database, max_age_s).map_err(explain)?;
                let stored = read_database(&database).map_err(explain)?;
                let write =
                    move |change: &Change| write_database(&database, change).map_err(|it| it.to_string());
                Ok((Storage::start(path, write), stored))
            }
        }
    }

    fn start(path: &Path, write: impl FnMut(&Change) -> Result<(), String> + Send + 'static) -> Storage {
        let backlog = Arc::<Backlog>::default();
        let (path, taken) = (path.to_owned(), backlog.clone());
        let writer = std::thread::Builder::new()
            .name("cookies".to_owned())
            .spawn(move || write_all(&path, &taken, write))
            .map_err(|error| error!(%error, "cannot start the thread that writes cookies"))
            .ok();
        Storage { backlog: Some(backlog), writer }
    }

    /// False if there is no room for it: then the cookie is forgotten there, whomever it stood for before.
    pub(super) fn write(&self, change: Change) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.push(change))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Some(backlog) = self.backlog.take() {
            backlog.end();
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Change {
    fn cookie(&self) -> CookieId {
        match self {
            Change::Remember(id, _) | Change::Forget(id) => *id,
        }
    }
}

fn json(value: &Value) -> String {
    let mut json = Vec::new();
    Serializer::Json.encode_value(value, &mut json);
    String::from_utf8(json).expect("json is utf-8")
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::now_s;
    use super::*;

    pub(super) fn joe() -> Remembered {
        let authextra = crossweave_wamp::Dict::new();
        let (authid, authrole, realm) = ("joe".into(), "user".into(), "realm1".into());
        Remembered { created_s: now_s(), authid, authrole, authmethod: None, realm, authextra }
    }

    fn stores(folder: &Path) -> [CookieStore; 2] {
        let path = |name: &str| folder.join(name);
        [
            CookieStore::File { path: path("cookies.dat"), purge_on_startup: false },
            CookieStore::Database { path: path("cookies.db"), purge_on_startup: false },
        ]
    }

    #[test]
    fn nobody_else_may_read_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let (storage, _) = Storage::open(&store, 60).unwrap();
            storage.write(Change::Remember(CookieId([1; 32]), joe()));
            for entry in fs::read_dir(folder.path()).unwrap() {
                let entry = entry.unwrap();
                let mode = entry.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
            }
        }
    }

    #[test]
    fn what_is_too_old_is_deleted_when_a_store_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let (storage, _) = Storage::open(&store, 60).unwrap();
            let old = Remembered { created_s: now_s() - 61, ..joe() };
            assert!(storage.write(Change::Remember(CookieId([1; 32]), old)));
            drop(storage);
            assert!(Storage::open(&store, 60).unwrap().1.is_empty());
            assert!(Storage::open(&store, u64::MAX).unwrap().1.is_empty(), "{store:?}");
        }
    }

    #[test]
    fn nobody_else_may_read_a_database_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = &stores(folder.path())[1];
        drop(Storage::open(store, 60).unwrap());
        let path = store.path().unwrap();
        let wal = folder.path().join("cookies.db-wal");
        fs::write(&wal, "").unwrap();
        for file in [path, &wal] {
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        let (storage, _) = Storage::open(store, 60).unwrap();
        storage.write(Change::Remember(CookieId([1; 32]), joe()));
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
        }
    }
}
