//! What the check of a configuration asks: whether certificates can be used, programs run, and components are there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crossweave_config::{Host, Tls, UnusableFile};
use rustix::fs::{Access, access};

use crate::extension::Extensions;
use crate::router::unusable;

impl Host for Extensions {
    fn unusable(&self, tls: &Tls) -> Vec<UnusableFile> {
        unusable(tls)
    }

    fn program(&self, name: &Path, directory: &Path, path: &str) -> Result<(), String> {
        find(name, directory, OsStr::new(path)).map(drop)
    }

    fn component(&self, name: &str) -> Result<(), String> {
        self.components.find("component", name).map(drop)
    }
}

/// The program of this name: a path from the directory, else in one of the directories of `PATH`.
///
/// # Errors
/// There is none that may be run. The text says where it was looked for.
pub(crate) fn find(name: &Path, directory: &Path, path: &OsStr) -> Result<PathBuf, String> {
    let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    let here = directory.join(name);
    if is_program(&here) {
        return Ok(here);
    }
    if name.is_absolute() {
        return Err(format!("there is no program {name:?} that can be run"));
    }
    let directory = directory.display();
    if name.components().count() > 1 {
        return Err(format!("{name:?} is no program in {directory}"));
    }
    let found = std::env::split_paths(path).map(|directory| directory.join(name)).find(is_program);
    found.ok_or_else(|| format!("{name:?} is no program in {directory}, nor one of the directories of PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_in_the_working_directory_first() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let own = folder.path().join("sh");
        std::fs::write(&own, "#!/bin/sh\n").unwrap();
        let find = |name: &str| find(Path::new(name), folder.path(), OsStr::new("/nowhere:/bin"));
        // It cannot be run yet.
        assert_eq!(find("sh"), Ok("/bin/sh".into()));
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("sh"), Ok(own.clone()));
        assert_eq!(find("./sh"), Ok(folder.path().join("./sh")));
        for name in ["bin/sh", "no-such-program", "/no-such-program"] {
            assert!(find(name).unwrap_err().contains(name), "{name}");
        }
    }
}
