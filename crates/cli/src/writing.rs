//! Writes files whole or not at all.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and that is an error.
    Keep,
    /// It is replaced.
    Replace,
}

/// The permissions of any new file: what the umask leaves of them.
pub(crate) fn ordinary() -> Permissions {
    Permissions::from_mode(0o666)
}

/// Writes a file: all of it or, if the disk is full, nothing.
pub(crate) fn write_whole(
    file: &Path,
    content: &[u8],
    permissions: Permissions,
    existing: Existing,
) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".config.").permissions(permissions).tempfile_in(folder)?;
    new.write_all(content)?;
    new.as_file().sync_all()?;
    let persisted = match existing {
        Existing::Keep => new.persist_noclobber(file),
        Existing::Replace => new.persist(file),
    };
    persisted.map(drop).map_err(|refused| refused.error)
}
