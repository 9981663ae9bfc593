//! Becoming a guest: a program that does not outlive the node. Neither does what it has started.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};

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

/// Ends what guests have started when the node is gone, for what [`watch_command`](crate::NodeOptions::watch_command) names: the
/// node says which process groups its guests have (`+GROUP`) and had (`-GROUP`), a line each. When it says nothing more, those
/// that are left are killed.
pub fn watch_guests(said: impl BufRead) {
    let mut groups = HashSet::new();
    for line in said.lines().map_while(Result::ok) {
        let Some((sign, group)) = line.split_at_checked(1) else { continue };
        let Some(group) = group.parse().ok().and_then(Pid::from_raw) else { continue };
        match sign {
            "+" => groups.insert(group),
            _ => groups.remove(&group),
        };
    }
    for group in groups {
        // One in which nobody is left needs none.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
