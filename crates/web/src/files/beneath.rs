//! Files of a folder, and nothing else of the machine.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio::task::spawn_blocking;
use tower_http::services::fs::{Backend, File as ServedFile};

use super::ENTRIES_MAX;

/// A folder. Paths are opened below it, and symbolic links that lead out of it are not followed.
///
/// The folder is looked up anew each time, so that it may be replaced, or be a link that is moved on.
#[derive(Clone, Debug)]
pub(super) struct Beneath {
    folder: Arc<Path>,
}

/// An entry of a folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) is_folder: bool,
}

impl Beneath {
    pub(super) fn new(folder: &Path) -> Beneath {
        Beneath { folder: folder.into() }
    }

    /// The entries of a folder in order, without hidden ones and those whose names are no UTF-8; at most [`ENTRIES_MAX`].
    pub(super) async fn list(&self, path: PathBuf) -> io::Result<Vec<Listed>> {
        let folder = self.folder.clone();
        blocking(move || {
            let opened = open(&folder, &path, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut listed = Vec::new();
            for entry in Dir::read_from(opened)?.take(ENTRIES_MAX) {
                let entry = entry?;
                let name = OsString::from_vec(entry.file_name().to_bytes().to_vec()).into_string();
                if let Some(name) = name.ok().filter(|name| !name.starts_with('.')) {
                    listed.push(Listed { name, is_folder: entry.file_type().is_dir() });
                }
            }
            listed.sort();
            Ok(listed)
        })
        .await
    }
}

impl Backend for Beneath {
    type File = OpenFile;
    type Metadata = Metadata;
    type OpenFuture = Pin<Box<dyn Future<Output = io::Result<OpenFile>> + Send>>;
    type MetadataFuture = Pin<Box<dyn Future<Output = io::Result<Metadata>> + Send>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let folder = self.folder.clone();
        Box::pin(blocking(move || {
            // Without waiting: a named pipe would never open.
            let file = File::from(open(&folder, &path, OFlags::RDONLY | OFlags::NONBLOCK)?);
            match file.metadata()?.is_file() {
                true => Ok(OpenFile(file.into())),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        }))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let folder = self.folder.clone();
        Box::pin(blocking(move || {
            let metadata = File::from(open(&folder, &path, OFlags::PATH)?).metadata()?;
            match metadata.is_file() || metadata.is_dir() {
                true => Ok(metadata),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        }))
    }
}

/// Runs what waits for the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?.map_err(as_absence)
}

/// What cannot be opened is not there, for whoever asks. Only a machine that is out of something is at fault itself.
fn as_absence(error: io::Error) -> io::Error {
    let is_ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO];
    match is_ours.iter().any(|errno| Some(errno.raw_os_error()) == error.raw_os_error()) {
        true => error,
        false => io::ErrorKind::NotFound.into(),
    }
}

/// Opens a path below a folder.
fn open(folder: &Path, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let root = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    open_beneath(&root, folder, path, flags | OFlags::CLOEXEC)
}

/// The kernel keeps to the folder, whatever is moved meanwhile.
#[cfg(target_os = "linux")]
fn open_beneath(root: &OwnedFd, folder: &Path, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path, flags, Mode::empty(), resolve) {
        // An older kernel, or a sandbox that knows no such call.
        Err(Errno::NOSYS | Errno::PERM) => open_checked(folder, path, flags),
        opened => Ok(opened?),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_: &OwnedFd, folder: &Path, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    open_checked(folder, path, flags)
}

/// Follows the links first, and sees where they have led.
fn open_checked(folder: &Path, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let folder = folder.canonicalize()?;
    let path = folder.join(path).canonicalize()?;
    match path.starts_with(&folder) {
        true => Ok(openat(CWD, &path, flags | OFlags::NOFOLLOW, Mode::empty())?),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// A regular file.
pub(super) struct OpenFile(tokio::fs::File);

impl AsyncRead for OpenFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}

impl ServedFile for OpenFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Metadata>> + Send + 'a>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        Box::pin(self.0.metadata())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_within_the_folder_only() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("www");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(folder.join("in.txt"), "in").unwrap();
        std::fs::write(scratch.path().join("out.txt"), "out").unwrap();
        symlink("../in.txt", folder.join("sub/link-in")).unwrap();
        symlink("../out.txt", folder.join("link-out")).unwrap();
        symlink(scratch.path(), folder.join("link-folder")).unwrap();
        type Opener = fn(&Path, &Path, OFlags) -> io::Result<OwnedFd>;
        for opener in [open as Opener, open_checked as Opener] {
            let opened = |path: &str| opener(&folder, Path::new(path), OFlags::RDONLY).is_ok();
            assert!(opened("in.txt") && opened("sub/link-in"));
            for path in ["link-out", "link-folder/out.txt", "../out.txt", "/etc/passwd"] {
                assert!(!opened(path), "{path}");
            }
        }
    }
}
