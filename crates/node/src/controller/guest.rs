//! Guests: programs that the node runs, and that know nothing of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use crossweave_config::{GuestOutput, GuestStdin, GuestWorker};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinHandle;

use super::Controller;
use super::files::Watch;
use super::launch::{Guest, Running};
use super::log::Source;
use super::program::set_environment;
use super::worker::Worker;
use crate::host::find;

impl Controller {
    /// Starts a guest.
    ///
    /// # Errors
    /// Its program is not there or cannot be run, or its files cannot be watched.
    pub(super) fn launch_guest(&self, worker: &Arc<Worker>, guest: &GuestWorker) -> Result<Running, String> {
        let options = &guest.options;
        let workdir = options.workdir.as_ref().unwrap_or(&self.shared.options.cbdir);
        let executable = program(guest, &self.shared.options.cbdir)?;
        let watch = match &options.watch {
            Some(watch) => Some(Watch::of(&watch.directories)?),
            None => None,
        };
        let mut command = self.command_of(&executable);
        set_environment(&mut command, &options.env);
        command
            .args(&guest.arguments)
            .current_dir(workdir)
            .stdin(if options.stdin == GuestStdin::Close { Stdio::null() } else { Stdio::piped() })
            .stdout(output(options.stdout))
            .stderr(output(options.stderr))
            // It and what it starts are ended together; Ctrl-C is for the controller.
            .process_group(0)
            .kill_on_drop(true);
        let spawned = command.spawn();
        let mut child =
            spawned.map_err(|error| format!("{} cannot be run: {error}", executable.display()))?;
        worker.has_process(child.id());
        let readers = self.capture(worker, &mut child, [Source::Stdout, Source::Stderr]);
        let stdin = child.stdin.take().map(|stdin| feed(stdin, &options.stdin));
        let group = child.id();
        let watched = group.map(|group| self.shared.guest_watch.add(group));
        Ok(Running::Guest(Guest { group, _watched: watched, child, readers, watch, _stdin: stdin }))
    }
}

impl Controller {
    /// Runs a program that does not outlive this one.
    fn command_of(&self, executable: &Path) -> Command {
        let mut by = self.shared.options.guest_command.iter();
        let Some(program) = by.next() else { return Command::new(executable) };
        let mut command = Command::new(program);
        command.args(by).arg(std::process::id().to_string()).arg(executable);
        command
    }
}

/// The program of a guest, as an absolute path: it is run from its own directory.
///
/// # Errors
/// There is none that can be run.
pub(super) fn program(guest: &GuestWorker, cbdir: &Path) -> Result<PathBuf, String> {
    let workdir = guest.options.workdir.as_deref().unwrap_or(cbdir);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = find(Path::new(&guest.executable), workdir, &path)?;
    std::path::absolute(&found).map_err(|error| error.to_string())
}

fn output(output: GuestOutput) -> Stdio {
    match output {
        GuestOutput::Log => Stdio::piped(),
        GuestOutput::Close | GuestOutput::Drop => Stdio::null(),
    }
}

/// Writes what a guest is to read. The input stays open as long as the task is kept, unless it ends there.
fn feed(mut stdin: ChildStdin, what: &GuestStdin) -> JoinHandle<Option<ChildStdin>> {
    let line = match what {
        GuestStdin::Json { value, .. } => format!("{value}\n"),
        _ => String::new(),
    };
    let is_closed = matches!(what, GuestStdin::Json { is_closed: true, .. });
    tokio::spawn(async move {
        // A guest that does not read it needs none.
        let _ = stdin.write_all(line.as_bytes()).await;
        (!is_closed).then_some(stdin)
    })
}
