//! `node.pid`: which process runs the node of a directory.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

/// The file's name in the node directory.
const PID_FILE: &str = "node.pid";

/// More than one has, whatever the command line.
const PID_FILE_LEN_MAX: u64 = 4 << 20;

/// How often, and with what pauses, the file is tried to be locked.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The file, locked for as long as this is kept; then it is removed.
pub(super) struct PidFile {
    path: PathBuf,
    _locked: File,
}

impl PidFile {
    /// Writes the file, as Crossbar.io does: a JSON object with `pid`, `argv` and `options`.
    ///
    /// # Errors
    /// Another node runs in the directory, or the file cannot be written.
    pub(super) fn take(directory: &Path) -> Result<PidFile, String> {
        let path = directory.join(PID_FILE);
        let shown = path.display().to_string();
        let unwritable = |error: io::Error| format!("cannot write {shown}: {error}");
        if let Some(why) = another_users(directory) {
            return Err(why);
        }
        let mut file = open(&path).map_err(unwritable)?;
        let mut is_ours = locks(&file);
        // A node that ends removes its file, and with it what was locked here.
        while is_ours && !is_at(&file, &path) {
            file = open(&path).map_err(unwritable)?;
            is_ours = locks(&file);
        }
        if !is_ours {
            let pid = pid_in(&mut file).map_or(String::new(), |pid| format!(" (process {pid})"));
            return Err(format!(
                "a node runs in {} already{pid}: `crossweave stop` ends it",
                directory.display()
            ));
        }
        let argv: Vec<String> = std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
        let content = json!({"pid": std::process::id(), "argv": argv, "options": {}});
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(unwritable)?;
        let locked = file.try_clone().map_err(unwritable)?;
        // From now on, the file is removed whatever happens.
        let taken = PidFile { path, _locked: locked };
        file.write_all(format!("{content}\n").as_bytes()).map_err(unwritable)?;
        Ok(taken)
    }
}

/// Why this user cannot run a node in a directory, if that is as another user's `node.pid` is there.
pub fn another_users(directory: &Path) -> Option<String> {
    let path = directory.join(PID_FILE);
    let error = OpenOptions::new().write(true).open(&path).err()?;
    (error.kind() == ErrorKind::PermissionDenied).then(|| of_another_user(directory, &path, &error))
}

/// Why a file that this user may not write cannot be taken.
fn of_another_user(directory: &Path, path: &Path, error: &io::Error) -> String {
    let owner =
        fs::metadata(path).map_or_else(|_| "another user".to_owned(), |it| format!("user {}", it.uid()));
    let (shown, file) = (directory.display(), path.display());
    let Ok(mut open) = File::open(path) else {
        return format!("a node of {owner} may run in {shown}: {file} belongs to {owner}: {error}");
    };
    if flock(&open, FlockOperation::NonBlockingLockShared).is_ok() {
        return format!(
            "no node can run in {shown} for this user: {file} was left behind by {owner}: {error}"
        );
    }
    let pid = pid_in(&mut open).map_or(String::new(), |pid| format!(" (process {pid})"));
    format!("a node of {owner} runs in {shown} already{pid}: only {owner} or root can stop it")
}

/// The process that a file names.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_FILE_LEN_MAX).read_to_string(&mut text).ok()?;
    let content: Value = serde_json::from_str(&text).ok()?;
    content["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether this file is the one that has the path.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: io::Result<Metadata>| metadata.ok().map(|it| (it.dev(), it.ino()));
    identity(file.metadata()) == identity(fs::metadata(path))
}

/// Whether the file is ours now. Whoever looks whether a node runs holds it for a moment.
fn locks(file: &File) -> bool {
    let mut attempts = (0..LOCK_ATTEMPTS).map(|attempt| {
        if attempt > 0 {
            std::thread::sleep(LOCK_PAUSE);
        }
        flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
    });
    attempts.any(|is_locked| is_locked)
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // The lock is what counts; a file that stays is written over.
        let _ = fs::remove_file(&self.path);
    }
}

/// The process that runs the node of a directory; none if none does.
pub fn running_pid(directory: &Path) -> Option<u32> {
    let mut file = File::open(directory.join(PID_FILE)).ok()?;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    pid_in(&mut file)
}

/// What keeps this user from telling whether a node runs in a directory; none if nothing does.
pub fn untold_pid(directory: &Path) -> Option<io::Error> {
    let opened = File::open(directory.join(PID_FILE));
    opened.err().filter(|error| error.kind() != ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_node_in_a_directory_is_refused_and_told_which_process_has_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(running_pid(folder.path()), None);
        let first = PidFile::take(folder.path()).unwrap();
        let Err(refused) = PidFile::take(folder.path()) else { panic!("it was taken twice") };
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert_eq!(running_pid(folder.path()), Some(std::process::id()));
        drop(first);
        assert!(!folder.path().join(PID_FILE).exists());
        drop(PidFile::take(folder.path()).unwrap());
    }

    #[test]
    fn of_nodes_that_start_as_another_one_ends_only_one_has_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PID_FILE);
        for _ in 0..20 {
            let before = PidFile::take(folder.path()).unwrap();
            // It has opened the file that is removed, and waits for the lock.
            let waiting = std::thread::spawn({
                let folder = folder.path().to_owned();
                move || PidFile::take(&folder)
            });
            std::thread::sleep(LOCK_PAUSE / 2);
            drop(before);
            if let Ok(taken) = waiting.join().unwrap() {
                assert!(path.exists() && PidFile::take(folder.path()).is_err(), "a second one has it too");
                drop(taken);
            }
        }
    }

    #[test]
    fn a_file_that_a_killed_node_left_behind_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PID_FILE), "{\"pid\": 1}").unwrap();
        assert_eq!(running_pid(folder.path()), None);
        assert!(PidFile::take(folder.path()).is_ok());
    }
}
