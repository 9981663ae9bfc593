//! How a component's process gets to the router of its own worker: by a socket that only it can find.
//!
//! The socket is in a directory for temporary files, as its path has to be short. Whoever has made its folder holds a lock on that for as
//! long as it runs, so that others can tell what a process that was killed has left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossweave_router::Router;
use crossweave_transport::{ListenEndpoint, Listener, Stream};
use crossweave_wamp::Serializer;
use rustix::fs::{Mode, mkdir};
use rustix::process::geteuid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::debug;

/// What the name of such a folder begins with; as many octets follow, in hexadecimal.
const PREFIX: &str = "crossweave-local-";
const RANDOM_LEN: usize = 16;
/// The socket in it.
const SOCKET: &str = "s";
/// What a RawSocket handshake begins with.
const MAGIC: u8 = 0x7f;
/// Messages of up to 16 MiB, both ways.
const LEN_MAX: u8 = 0xf0;
/// A folder that has no socket after this time was left by a process that was killed as it made it.
const MAKING_DEADLINE: Duration = Duration::from_secs(60);
/// One process at a time connects.
const BACKLOG: u32 = 16;
/// A process that has connected says at once how it speaks.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// A socket in a directory of its own, which nobody else can enter.
pub(crate) struct LocalTransport {
    folder: PathBuf,
    /// The lock on it.
    _held: File,
    task: AbortHandle,
}

/// Removes what processes of this user have left behind that were killed.
pub(crate) fn clear_local_transports() {
    clear_in(&std::env::temp_dir());
}

fn clear_in(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(is_folder_of_ours) {
        let folder = entry.path();
        let has_socket = fs::symlink_metadata(folder.join(SOCKET)).is_ok();
        if (has_socket || !is_in_the_making(&entry)) && hold(&folder).is_ok() {
            remove(&folder);
            debug!(folder = %folder.display(), "removed what a process has left behind");
        }
    }
}

/// Whether a folder without a socket is so young that somebody may be about to lock it.
fn is_in_the_making(entry: &fs::DirEntry) -> bool {
    let made = entry.metadata().and_then(|it| it.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age < MAKING_DEADLINE))
}

fn is_folder_of_ours(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    let is_random =
        |it: &str| it.len() == 2 * RANDOM_LEN && it.bytes().all(|digit| digit.is_ascii_hexdigit());
    random.is_some_and(is_random)
        && entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw())
}

/// Locks a folder for as long as the result is there.
///
/// # Errors
/// Somebody else has locked it.
fn hold(folder: &Path) -> io::Result<File> {
    let held = File::open(folder)?;
    held.try_lock()?;
    Ok(held)
}

fn remove(folder: &Path) {
    // What is left behind is an empty folder at worst.
    let _ = fs::remove_file(folder.join(SOCKET));
    let _ = fs::remove_dir(folder);
}

impl LocalTransport {
    /// Whoever connects is let in under this authrole and authid.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) async fn open(router: Router, role: String, authid: String) -> io::Result<LocalTransport> {
        LocalTransport::open_in(&std::env::temp_dir(), router, role, authid).await
    }

    async fn open_in(
        directory: &Path,
        router: Router,
        role: String,
        authid: String,
    ) -> io::Result<LocalTransport> {
        let mut random = [0; RANDOM_LEN];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let folder = directory.join(format!("{PREFIX}{name}"));
        mkdir(&folder, Mode::RWXU)?;
        // Before there is a socket: nobody else looks at it until then.
        let held = hold(&folder).inspect_err(|_| remove(&folder))?;
        let endpoint = ListenEndpoint::Unix { path: folder.join(SOCKET), mode: None, backlog: BACKLOG };
        let listener = match Listener::bind(&endpoint).await {
            Ok(listener) => listener,
            Err(error) => {
                remove(&folder);
                return Err(error.cause);
            }
        };
        let task = tokio::spawn(async move {
            // Also when this process was out of descriptors for a while.
            loop {
                let (Stream::Unix(stream), _) = listener.accept().await else { continue };
                let (router, role, authid) = (router.clone(), role.clone(), authid.clone());
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_DEADLINE, greet(stream)).await {
                        Ok(Ok((stream, serializer))) => {
                            let _ = router.serve(stream, serializer, &role, &authid);
                        }
                        Ok(Err(error)) => debug!(%error, "no component has connected"),
                        Err(_) => debug!("a component has connected and said nothing"),
                    }
                });
            }
        });
        Ok(LocalTransport { folder, _held: held, task: task.abort_handle() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }
}

impl Drop for LocalTransport {
    fn drop(&mut self) {
        self.task.abort();
        remove(&self.folder);
    }
}

/// Takes the RawSocket handshake of a client.
async fn greet(mut stream: UnixStream) -> io::Result<(UnixStream, Serializer)> {
    let mut hello = [0; 4];
    stream.read_exact(&mut hello).await?;
    let serializer = match hello[1] & 0x0f {
        1 => Serializer::Json,
        2 => Serializer::MsgPack,
        3 => Serializer::Cbor,
        other => return Err(io::Error::other(format!("serializer {other} is not spoken here"))),
    };
    if hello[0] != MAGIC {
        return Err(io::Error::other("this is not RawSocket"));
    }
    stream.write_all(&[MAGIC, LEN_MAX | (hello[1] & 0x0f), 0, 0]).await?;
    Ok((stream, serializer))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::SystemTime;

    use crossweave_router::AdmissionOptions;

    use super::*;

    #[tokio::test]
    async fn what_a_killed_process_has_left_behind_is_removed_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let router = Router::new(AdmissionOptions::default());
        let (role, authid) = ("user".to_owned(), "joe".to_owned());
        let runs = LocalTransport::open_in(scratch.path(), router, role, authid).await.unwrap();
        let at = |name: String| scratch.path().join(name);
        // Nobody listens on these, and nobody has locked them.
        let left = at(format!("{PREFIX}{}", "0a".repeat(RANDOM_LEN)));
        let (other, another) = (at(format!("{PREFIX}of-somebody")), at("crossweave-other".to_owned()));
        for folder in [&left, &other, &another] {
            fs::create_dir(folder).unwrap();
            drop(UnixListener::bind(folder.join(SOCKET)).unwrap());
        }
        let begun = at(format!("{PREFIX}{}", "0b".repeat(RANDOM_LEN)));
        fs::create_dir(&begun).unwrap();
        let never_ended = at(format!("{PREFIX}{}", "0c".repeat(RANDOM_LEN)));
        fs::create_dir(&never_ended).unwrap();
        File::open(&never_ended).unwrap().set_modified(SystemTime::now() - 2 * MAKING_DEADLINE).unwrap();
        // A link is not followed, whoever has put it there.
        let link = at(format!("{PREFIX}{}", "0d".repeat(RANDOM_LEN)));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        clear_in(scratch.path());
        assert!(!left.exists() && !never_ended.exists());
        assert!(other.join(SOCKET).exists() && fs::symlink_metadata(&link).is_ok());
        assert!(other.exists() && another.exists() && begun.exists());
        UnixStream::connect(runs.path()).await.expect("it still listens");
        drop(runs);
        clear_in(scratch.path());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 4);
    }
}
