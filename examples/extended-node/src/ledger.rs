//! A place for event histories of our own: a file for each event, in a folder for each realm.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crossweave_router::{EventShelf, KeptEvent};

/// Keeps an event as the octets that the router makes of it, in a file named by its number.
pub(crate) struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    /// The folder is made when there is something to keep.
    pub(crate) fn new(folder: PathBuf) -> Ledger {
        Ledger { folder }
    }

    /// A realm's name comes from a client if a template made it: it is not for paths.
    fn of(&self, realm: &str) -> PathBuf {
        let name: String = realm.bytes().map(|octet| format!("{octet:02x}")).collect();
        self.folder.join(name)
    }
}

impl EventShelf for Ledger {
    fn load(&self, realm: &str) -> Result<Vec<KeptEvent>, String> {
        let entries = match fs::read_dir(self.of(realm)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let mut events = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let octets = fs::read(&path).map_err(|error| error.to_string())?;
            let event = KeptEvent::from_bytes(&octets);
            events.push(event.ok_or_else(|| format!("{} holds no event", path.display()))?);
        }
        Ok(events)
    }

    fn keep(&self, realm: &str, events: &[KeptEvent]) -> Result<(), String> {
        let folder = self.of(realm);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        for (index, event) in events.iter().enumerate() {
            if let Err(error) = fs::write(file(&folder, event.number), event.to_bytes()) {
                // All or none.
                events[..=index].iter().for_each(|event| drop(fs::remove_file(file(&folder, event.number))));
                return Err(error.to_string());
            }
        }
        Ok(())
    }

    fn forget(&self, realm: &str, numbers: &[u64]) -> Result<(), String> {
        let folder = self.of(realm);
        for number in numbers {
            match fs::remove_file(file(&folder, *number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.to_string()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(number.to_string())
}
