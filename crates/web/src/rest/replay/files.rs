//! The files of memories: their names, and those that nobody needs any more.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use sha2::{Digest as _, Sha256};

use super::Remembered;

/// What a file knows that was not written for so long is not let in by any limit but 0: its time was a day ahead at most, and is
/// good for a day.
const OVER: Duration = Duration::from_secs(2 * 86_400);
/// How many octets of a hash are in a name.
const HASH_LEN: usize = 12;

/// The name of an owner's file.
pub(super) fn name(owner: &str) -> String {
    let hash = Sha256::digest(owner);
    let hash: String = hash.iter().take(HASH_LEN).map(|octet| format!("{octet:02x}")).collect();
    format!("rest-{hash}.seen")
}

fn is_name(name: &str) -> bool {
    let hash = name.strip_prefix("rest-").and_then(|rest| rest.strip_suffix(".seen"));
    hash.is_some_and(|hash| hash.len() == 2 * HASH_LEN && hash.bytes().all(|it| it.is_ascii_hexdigit()))
}

impl Remembered {
    /// Removes the files of other owners than these from a folder, once what they know would not be let in any more: two days after
    /// they were written last. The result is how many there were.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clear(folder: &Path, owners: &[String], now: SystemTime) -> io::Result<usize> {
        let kept: HashSet<String> = owners.iter().map(|owner| name(owner)).collect();
        let mut cleared = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_str().is_some_and(|name| is_name(name) && !kept.contains(name)) {
                continue;
            }
            let metadata = entry.metadata()?;
            let age = now.duration_since(metadata.modified()?).unwrap_or_default();
            if metadata.is_file() && age > OVER && fs::remove_file(entry.path()).is_ok() {
                cleared += 1;
            }
        }
        Ok(cleared)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn files_of_owners_that_are_gone_are_cleared_once_they_are_over() {
        let folder = tempfile::tempdir().unwrap();
        let (now, there) = (SystemTime::now(), |name: &str| folder.path().join(name).exists());
        let others = ["rest-of-it.seen".to_owned(), "other.seen".to_owned()];
        let owners = ["gone", "kept", "fresh"].map(name);
        for name in owners.iter().chain(&others) {
            let file = File::create(folder.path().join(name)).unwrap();
            let age = if *name == owners[2] { OVER / 2 } else { OVER * 2 };
            file.set_modified(now - age).unwrap();
        }
        assert_eq!(Remembered::clear(folder.path(), &["kept".to_owned()], now).unwrap(), 1);
        assert!(!there(&owners[0]) && there(&owners[1]) && there(&owners[2]));
        assert!(others.iter().all(|name| there(name)));
        assert!(Remembered::clear(&folder.path().join("nothing"), &[], now).is_err());
    }
}
