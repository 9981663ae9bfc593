//! The file of a trace.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use tokio::task::spawn_blocking;

/// Octets of a file.
const LEN_MAX: usize = 256 << 20;
/// The directory of the files, in the node directory.
const DIRECTORY: &str = "traces";

/// A file that is written. Nobody else than the user of the node can read it.
pub(super) struct File {
    file: std::fs::File,
    room: usize,
}

impl File {
    /// A new one; it has the id in its name. Blocks.
    ///
    /// # Errors
    /// It cannot be made; names the file.
    pub(super) fn create(cbdir: &Path, id: &str) -> Result<File, String> {
        let directory = cbdir.join(DIRECTORY);
        let path = directory.join(format!("{id}.jsonl"));
        let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(cannot)?;
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        Ok(File { file: file.map_err(cannot)?, room: LEN_MAX })
    }

    /// Writes lines behind what is there.
    ///
    /// # Errors
    /// The file is as long as it may be, or the system says no.
    pub(super) async fn append(mut self, lines: Vec<u8>) -> Result<File, String> {
        self.room = self
            .room
            .checked_sub(lines.len())
            .ok_or_else(|| format!("its file has {} MiB, which is as much as it may have", LEN_MAX >> 20))?;
        let written = spawn_blocking(move || self.file.write_all(&lines).map(|()| self)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

/// An id for a file: a random UUID.
pub(super) fn new_id() -> String {
    let mut octets = [0; 16];
    // Without randomness the name may be there, which is noticed.
    let _ = getrandom::fill(&mut octets);
    octets[6] = (octets[6] & 0x0f) | 0x40;
    octets[8] = (octets[8] & 0x3f) | 0x80;
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_is_its_owners_and_bounded() {
        let cbdir = tempfile::tempdir().unwrap();
        let id = new_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        let mut file = File::create(cbdir.path(), &id).unwrap();
        file.room = 4;
        file = file.append(b"a\n".to_vec()).await.unwrap();
        file = file.append(b"b\n".to_vec()).await.unwrap();
        assert!(file.append(b"c\n".to_vec()).await.is_err_and(|why| why.contains("256 MiB")));
        let path = cbdir.path().join("traces").join(format!("{id}.jsonl"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = File::create(cbdir.path(), &id).err().unwrap();
        assert!(again.starts_with("cannot write ") && again.contains(&id), "{again}");
    }
}
