//! Whether a command can be run, told before anything is registered that would need it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};

/// Where the system looks if `PATH` is not set.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

/// Looks for a command as the system does: one with a slash is a path, any other is in one of the directories of `PATH`.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn check(program: &OsStr) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from(PATH_DEFAULT));
    check_in(program, &path)
}

fn check_in(program: &OsStr, path: &OsStr) -> Result<(), String> {
    let name = program.to_string_lossy();
    if name.contains('/') {
        return runnable(Path::new(program)).map_err(|why| format!("--exec: cannot run `{name}`: {why}"));
    }
    if name.is_empty() {
        return Err("--exec: the command is empty".to_owned());
    }
    let mut obstacle = None;
    for folder in std::env::split_paths(path) {
        let file = folder.join(program);
        match runnable(&file) {
            Ok(()) => return Ok(()),
            Err(why) if file.is_file() => obstacle = Some(format!("{}: {why}", file.display())),
            Err(_) => {}
        }
    }
    Err(match obstacle {
        Some(obstacle) => format!("--exec: cannot run `{name}`: {obstacle}"),
        None => format!("--exec: there is no command `{name}` in the directories of $PATH{}", hint(&name)),
    })
}

/// What was probably meant by a name that no command has.
fn hint(name: &str) -> &'static str {
    if name.contains(char::is_whitespace) {
        "; give its arguments as words of their own, or use `--exec sh -c '...'`"
    } else {
        ""
    }
}

fn runnable(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    if metadata.is_dir() {
        return Err("it is a directory".to_owned());
    }
    access(file, Access::EXEC_OK).map_err(|_| "it may not be executed (`chmod +x` lets it)".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A directory with an executable `good`, a `plain` file, and a directory `folder`.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, mode) in [("good", 0o755), ("plain", 0o644)] {
            let file = folder.path().join(name);
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(folder.path().join("folder")).unwrap();
        folder
    }

    #[test]
    fn commands_are_looked_for_in_every_directory_of_the_path() {
        let (one, other) = (tempfile::TempDir::new().unwrap(), folder());
        let path = std::env::join_paths([one.path(), other.path()]).unwrap();
        let check = |name: &str| check_in(name.as_ref(), &path);
        assert_eq!(check("good"), Ok(()));
        assert!(check("plain").unwrap_err().contains("plain: it may not be executed"));
        for name in ["folder", "nothing"] {
            let why = check(name).unwrap_err();
            assert!(why.contains(&format!("there is no command `{name}`")), "{why}");
        }
        assert!(check("good --option").unwrap_err().contains("words of their own"));
        assert!(check("").is_err());
    }

    #[test]
    fn a_command_with_a_slash_is_a_path() {
        let folder = folder();
        let check = |name: &str| check_in(folder.path().join(name).as_os_str(), OsStr::new(""));
        assert_eq!(check("good"), Ok(()));
        assert!(check("plain").unwrap_err().contains("it may not be executed"));
        assert!(check("folder").unwrap_err().contains("it is a directory"));
        assert!(check("nothing").unwrap_err().contains("No such file"));
    }
}
