//! What the REST services of a worker remember of signed requests.

use std::collections::HashMap;
use std::path::PathBuf;

use crossweave_web::Remembered;
use parking_lot::Mutex;
use tracing::warn;

/// Memories by the name of the key that requests are signed with: a signature does not say which service it is for. They outlive the
/// worker, in files of the node directory.
pub(super) struct Memories {
    folder: PathBuf,
    worker: String,
    by_key: Mutex<HashMap<String, Remembered>>,
}

impl Memories {
    /// Those of the worker of this id.
    pub(super) fn new(folder: PathBuf, worker: &str) -> Memories {
        Memories { folder, worker: worker.to_owned(), by_key: Mutex::default() }
    }

    /// The memory for requests signed with the key of this name.
    pub(super) fn of(&self, key: &str) -> Remembered {
        let mut by_key = self.by_key.lock();
        if let Some(known) = by_key.get(key) {
            return known.clone();
        }
        let opened = Remembered::in_folder(&self.folder, &format!("{}\0{key}", self.worker));
        let remembered = opened.as_ref().map_or_else(|_| Remembered::in_memory(), Clone::clone);
        by_key.insert(key.to_owned(), remembered.clone());
        drop(by_key);
        if let Err(error) = opened {
            let folder = self.folder.display();
            warn!(
                "signed requests cannot be remembered in {folder}: {error}; after a restart of the worker they could be \
                 carried out again"
            );
        }
        remembered
    }
}
