//! `crossweave status`.

mod report;

use std::path::Path;

use clap::{Args, ValueEnum};
use crossweave_node::running_pid;
use serde_json::{Value, json};

use crate::exit::{Code, Failure};
use crate::node::{Cbdir, check_told, manage, meant};
use crate::terminal::Terminal;
use report::Report;
pub(super) use report::{count, time};

const EXAMPLES: &str = "\
Exit code 0; with --assert, 69 if it is otherwise.

Examples:
  crossweave status
  crossweave status --assert running && echo up
  crossweave status --json | jq '.workers[].realms[].sessions'";

/// Say whether a node runs, and what it runs
///
/// Shows workers, realms with their sessions and messages, and the addresses on which the node listens.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Status {
    #[command(flatten)]
    directory: Cbdir,
    /// Fail, with exit code 69, unless it is so
    #[arg(long, value_name = "STATUS")]
    assert: Option<Expected>,
    /// Print one JSON object: status, directory, pid, node, workers
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Expected {
    /// A node runs in the directory.
    Running,
    /// None does.
    Stopped,
}

impl Status {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.tell(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn tell(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        check_told(&directory)?;
        let is = match running_pid(&directory) {
            Some(pid) => self.tell_running(&directory, pid, terminal)?,
            None => self.tell_stopped(&directory, terminal)?,
        };
        match self.assert {
            Some(expected) if expected != is => Err(Failure::explained(Code::Unavailable)),
            _ => Ok(()),
        }
    }

    fn tell_stopped(&self, directory: &Path, terminal: Terminal) -> Result<Expected, Failure> {
        let (shown, hint) = (directory.display(), meant(directory).unwrap_or_default());
        let told = format!("no node runs in {shown}{hint}");
        if !self.json {
            terminal.print(&format!("stopped: {told}"))?;
            return Ok(Expected::Stopped);
        }
        if !hint.is_empty() {
            terminal.notice(&told);
        }
        terminal.print(&json!({"status": "stopped", "directory": shown.to_string()}).to_string())?;
        Ok(Expected::Stopped)
    }

    fn tell_running(&self, directory: &Path, pid: u32, terminal: Terminal) -> Result<Expected, Failure> {
        let asked = manage(directory, async |management| Report::of(management).await);
        let is_at = directory.display().to_string();
        let report = match asked {
            Ok(report) => report,
            // It runs, whether it answers or not.
            Err(failure) if self.assert.is_some() && failure.code != Code::Interrupted => {
                terminal.notice(failure.message.as_deref().unwrap_or_default());
                let object = json!({"status": "running", "directory": is_at, "pid": pid});
                match self.json {
                    true => terminal.print(&object.to_string())?,
                    false => terminal.print(&format!("running: process {pid}"))?,
                }
                return Ok(Expected::Running);
            }
            Err(failure) => return Err(failure),
        };
        if self.json {
            let mut object = json!({"status": "running", "directory": is_at, "pid": pid});
            if let (Value::Object(object), Value::Object(more)) = (&mut object, report.json()) {
                object.extend(more);
            }
            terminal.print(&object.to_string())?;
        } else {
            report.lines(&is_at).iter().try_for_each(|line| terminal.print(&terminal.shown(line)))?;
        }
        Ok(Expected::Running)
    }
}
