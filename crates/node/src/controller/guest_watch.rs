//! The process that outlives a node that is killed, and ends what its guests have started.
//!
//! A guest dies with the node: the system sees to that. What it has started has another parent, of which the system sees nothing;
//! but it is in the guest's process group. So the first guest of a node brings a small process along, which knows these groups.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::process::{Child, Command};
use tracing::warn;

/// Tells that process which groups there are.
#[derive(Clone)]
pub(super) struct GuestWatch(Arc<Shared>);

struct Shared {
    command: Vec<OsString>,
    watcher: Mutex<Option<Watcher>>,
}

struct Watcher {
    channel: UnixStream,
    /// Reaped by the runtime should it end.
    _process: Child,
}

/// A guest's process group, as long as this is kept.
pub(super) struct WatchedGroup {
    watch: GuestWatch,
    group: u32,
}

impl Drop for WatchedGroup {
    fn drop(&mut self) {
        self.watch.say('-', self.group);
    }
}

impl GuestWatch {
    /// By this program, with its first arguments. Without one, nobody watches.
    pub(super) fn new(command: Vec<OsString>) -> GuestWatch {
        GuestWatch(Arc::new(Shared { command, watcher: Mutex::default() }))
    }

    /// Watches a group from now on.
    pub(super) fn add(&self, group: u32) -> WatchedGroup {
        self.say('+', group);
        WatchedGroup { watch: self.clone(), group }
    }

    fn say(&self, sign: char, group: u32) {
        if let Err(error) = self.try_to_say(sign, group) {
            warn!(%error, "should the node be killed, what its guests have started may go on");
        }
    }

    fn try_to_say(&self, sign: char, group: u32) -> io::Result<()> {
        let Some((program, arguments)) = self.0.command.split_first() else { return Ok(()) };
        let mut watcher = self.0.watcher.lock();
        match &mut *watcher {
            Some(watcher) => watcher.tell(sign, group),
            none if sign == '+' => none.insert(Watcher::start(program, arguments)?).tell(sign, group),
            None => Ok(()),
        }
    }
}

impl Watcher {
    fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Watcher> {
        let (near, far) = UnixStream::pair()?;
        // A watcher that was stopped does not stop the node.
        near.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C is for the controller.
        let process = command.process_group(0).spawn()?;
        Ok(Watcher { channel: near, _process: process })
    }

    fn tell(&mut self, sign: char, group: u32) -> io::Result<()> {
        self.channel.write_all(format!("{sign}{group}\n").as_bytes())
    }
}
