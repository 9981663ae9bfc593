//! `crossweave stop`.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use crossweave_node::running_pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::json;

use crate::exit::Failure;
use crate::node::{Cbdir, not_running, running};
use crate::terminal::Terminal;

/// What an orderly end may take, in seconds. Sessions get 5 s of it, and event histories 5 s more.
const TIMEOUT_S: u64 = 20;
/// The longest that can be asked for.
const TIMEOUT_MAX_S: u64 = 3600;
/// What an end at once may take.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How often it is told that it takes long.
const PROGRESS: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Exit code 0 if the node has ended, 69 if none runs in the directory.

Examples:
  crossweave stop
  crossweave stop --cbdir /srv/app/.crossbar --timeout 60";

/// Stop a running node
///
/// The node says GOODBYE to every session, stops its workers and ends. One that takes longer than --timeout is told to end at
/// once, and killed if it does not do that either. Waits until it has ended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stop {
    #[command(flatten)]
    directory: Cbdir,
    /// Seconds that an orderly end may take, 0 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_S, value_parser = parse_timeout)]
    timeout: u64,
    /// Print one JSON object: pid, directory, ended (orderly, at-once, killed), seconds
    #[arg(long)]
    json: bool,
}

fn parse_timeout(text: &str) -> Result<u64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= TIMEOUT_MAX_S);
    seconds.ok_or_else(|| format!("expected a whole number of seconds, 0 to {TIMEOUT_MAX_S}"))
}

/// How a node has ended.
#[derive(Clone, Copy)]
enum End {
    Orderly,
    AtOnce,
    Killed,
}

impl Stop {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.stop(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn stop(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        let process = Process::of(&directory)?;
        let (pid, begun) = (process.pid, Instant::now());
        terminal.notice(&format!("stopping the node of {}, process {pid}", directory.display()));
        let end = process.end(Duration::from_secs(self.timeout), terminal)?;
        let (name, told) = match end {
            End::Orderly => ("orderly", ""),
            End::AtOnce => ("at-once", " at once, before every session had said goodbye"),
            End::Killed => ("killed", ": it was killed"),
        };
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            let directory = directory.display().to_string();
            let object = json!({"pid": pid, "directory": directory, "ended": name, "seconds": seconds});
            return terminal.print(&object.to_string());
        }
        terminal.print(&format!("stopped{told}, after {seconds:.1} s"))
    }
}

/// A node's process: this one, and no later one that has got its number.
struct Process {
    pid: u32,
    handle: OwnedFd,
}

impl Process {
    fn of(directory: &Path) -> Result<Process, Failure> {
        let pid = running(directory)?;
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| not_running(directory))?;
        let handle = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(Errno::SRCH) => return Err(not_running(directory)),
            Err(error) => return Err(cannot_stop(pid, error)),
        };
        // What was opened is the node only if it runs still.
        match running_pid(directory) {
            Some(still) if still == pid => Ok(Process { pid, handle }),
            _ => Err(not_running(directory)),
        }
    }

    fn end(&self, orderly: Duration, terminal: Terminal) -> Result<End, Failure> {
        self.signal(Signal::TERM)?;
        if self.ended_within(orderly, |so_far| {
            terminal.notice(&format!("saying goodbye to every session, {} s so far", so_far.as_secs()));
        })? {
            return Ok(End::Orderly);
        }
        terminal.notice(&format!("not stopped after {} s: ending it at once", orderly.as_secs()));
        self.signal(Signal::TERM)?;
        if self.ended_within(AT_ONCE, |_| {})? {
            return Ok(End::AtOnce);
        }
        terminal.notice("it does not end: killing it");
        self.signal(Signal::KILL)?;
        match self.ended_within(AT_ONCE, |_| {})? {
            true => Ok(End::Killed),
            false => Err(Failure::setup(format_args!("process {} was killed and is still there", self.pid))),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        match pidfd_send_signal(&self.handle, signal) {
            // It has ended: that is seen next.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(cannot_stop(self.pid, error)),
        }
    }

    fn ended_within(&self, deadline: Duration, mut progress: impl FnMut(Duration)) -> Result<bool, Failure> {
        let begun = Instant::now();
        loop {
            let left = deadline.saturating_sub(begun.elapsed()).min(PROGRESS);
            let left = Timespec::try_from(left).expect("two seconds are a time");
            let mut ended = [PollFd::new(&self.handle, PollFlags::IN)];
            match poll(&mut ended, Some(&left)) {
                Ok(0) if begun.elapsed() >= deadline => return Ok(false),
                Ok(0) => progress(begun.elapsed()),
                Ok(_) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(cannot_stop(self.pid, error)),
            }
        }
    }
}

fn cannot_stop(pid: u32, error: Errno) -> Failure {
    let hint = if error == Errno::PERM { " (it belongs to another user)" } else { "" };
    Failure::setup(format_args!("cannot stop process {pid}: {error}{hint}"))
}
