//! Becoming a guest: a program that does not outlive the node.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Replaces this process by a program that is killed when the process `parent`, which has started this one, is gone. For what
/// [`guest_command`](crate::NodeOptions::guest_command) names. Only returns if that cannot be done, with the reason.
pub fn become_guest(parent: u32, program: &OsStr, arguments: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have gone before it was asked for.
    if getppid().map(|it| it.as_raw_nonzero().get().unsigned_abs()) != Some(parent) {
        return io::Error::other("the node is gone");
    }
    Command::new(program).args(arguments).exec()
}
