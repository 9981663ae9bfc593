//! A component in Python, as a process of the configured interpreter.
//!
//! ```text
//!  this process                          the interpreter, which runs host.py
//!     │── one line: the task ──────────────▶│
//!     │◀── {"joined": ...} ─────────────────│  the session has joined
//!     │◀── {"ready": true} ─────────────────│  onJoin is done
//!     │◀── {"failed": WHY, "lasting": ...,  │
//!     │     "goodbye": REASON,              │  the reason: if a GOODBYE of the router has ended the session
//!     │     "stage": ...} ──────────────────│  `import` or `connect`, if it has failed there
//!     │── end of input ────────────────────▶│  leave the realm, and end
//! ```
//!
//! Both directions are one socket, which is the interpreter's standard input. If this process is gone, that ends too.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crossweave_config::{Callbacks, Code, part};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::{Failure, Reins, Stage};
use crate::lines::{Lines, Readers};
use crate::native::{LIMITS_VARIABLE, OPTIONS_VARIABLE};

/// What the interpreter runs.
const HOST: &str = include_str!("host.py");
/// How it gets that: the task has the program in it, so that nothing of it is in a file or a command line.
const BOOT: &str = "import json, os, socket\n\
    channel = socket.socket(fileno=os.dup(0))\n\
    inbox = channel.makefile('rb')\n\
    task = json.loads(inbox.readline())\n\
    exec(compile(task.pop('program'), 'crossweave component host', 'exec'))\n";

/// A component that has joined may take so long until its `onJoin` is done, or has failed: it counts as started after that.
const READY_DEADLINE: Duration = Duration::from_secs(1);
/// From the end of its input until SIGTERM, and from there until SIGKILL.
const LEAVE_DEADLINE: Duration = Duration::from_secs(5);
const TERMINATE_DEADLINE: Duration = Duration::from_secs(2);

/// Who runs Python.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) program: PathBuf,
    /// Where modules are looked for first.
    pub(crate) pythonpath: Pythonpath,
    /// The current directory.
    pub(crate) directory: PathBuf,
}

/// Directories in which components of a worker look for modules, in their order. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pythonpath(Arc<Mutex<Vec<PathBuf>>>);

impl From<Vec<PathBuf>> for Pythonpath {
    fn from(paths: Vec<PathBuf>) -> Pythonpath {
        Pythonpath(Arc::new(Mutex::new(paths)))
    }
}

impl Pythonpath {
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().clone()
    }

    /// Adds directories before those that there are, or behind them; those that are there already go to their new place.
    pub(crate) fn add(&self, added: &[PathBuf], prepend: bool) {
        let mut paths = self.0.lock();
        paths.retain(|path| !added.contains(path));
        let at = if prepend { 0 } else { paths.len() };
        paths.splice(at..at, added.iter().cloned());
    }
}

/// A component in Python.
#[derive(Clone)]
pub(crate) struct PythonTask {
    pub(crate) interpreter: Interpreter,
    /// `realm`, `transport`, `extra`, `auth`, and `classname` or `callbacks`.
    pub(crate) task: Json,
}

/// What the process has told of itself.
#[derive(Default)]
struct Heard {
    joined: Option<oneshot::Sender<()>>,
    /// When it counts as started if nothing else is heard.
    deadline: Option<Instant>,
    failure: Option<Failure>,
}

impl PythonTask {
    pub(super) async fn run(&self, id: &str, reins: Reins) -> Result<(), Failure> {
        let Reins { joined, mut stop } = reins;
        let (mut child, channel) = self.spawn().map_err(|error| {
            Failure::lasting(format_args!("{} cannot be run: {error}", self.interpreter.program.display()))
        })?;
        let mut readers = pass_on(id, &mut child);
        let group = child.id();
        let (reader, mut writer) = channel.into_split();
        let mut heard = Heard { joined: Some(joined), ..Heard::default() };
        let line = format!("{}\n", self.message());
        let told = writer.write_all(line.as_bytes()).await;
        let status = tokio::select! {
            status = listen(&mut child, reader, &mut heard) => status,
            () = Reins::stopped(&mut stop) => {
                end(&mut child, group, writer).await;
                readers.finish().await;
                return Ok(());
            }
        };
        end_group(group, Signal::KILL);
        readers.finish().await;
        match (heard.failure, status) {
            (Some(failure), _) => Err(failure),
            (None, Some(0)) => Ok(()),
            (None, _) if told.is_err() => Err(Failure::lasting("it is no Python that reads its program")),
            (None, Some(code)) => {
                Err(Failure::passing(format_args!("its process has ended with exit code {code}")))
            }
            (None, None) => Err(Failure::passing("its process was ended by a signal")),
        }
    }

    fn message(&self) -> Json {
        let mut task = self.task.clone();
        task["program"] = HOST.into();
        task["pythonpath"] = json!(self.interpreter.pythonpath.paths());
        task
    }

    fn spawn(&self) -> std::io::Result<(Child, UnixStream)> {
        let (near, far) = StdUnixStream::pair()?;
        near.set_nonblocking(true)?;
        let mut command = Command::new(&self.interpreter.program);
        command
            .args(["-u", "-c", BOOT])
            .current_dir(&self.interpreter.directory)
            .env_remove(OPTIONS_VARIABLE)
            .env_remove(LIMITS_VARIABLE)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        Ok((child, UnixStream::from_std(near)?))
    }
}

/// Hears what the process says until it has ended. The result is its exit code.
async fn listen(child: &mut Child, reader: OwnedReadHalf, heard: &mut Heard) -> Option<i32> {
    let mut lines = Lines::of(reader);
    let mut is_open = true;
    loop {
        let deadline = heard.deadline;
        tokio::select! {
            biased;
            line = lines.next(), if is_open => match line {
                Some(line) => heard.take(&line),
                None => is_open = false,
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => heard.is_ready(),
            status = child.wait(), if !is_open => return status.ok().and_then(|status| status.code()),
        }
    }
}

impl Heard {
    fn take(&mut self, line: &str) {
        let Ok(told) = serde_json::from_str::<Json>(line) else { return };
        if let Some(why) = told.get("failed").and_then(Json::as_str) {
            let is_lasting = told.get("lasting") == Some(&Json::Bool(true));
            let stage = match told.get("stage").and_then(Json::as_str) {
                Some("import") => Stage::Import,
                Some("connect") => Stage::Connect,
                _ => Stage::Start,
            };
            let failure = Failure { is_lasting, stage, ..Failure::passing(why) };
            self.failure.get_or_insert(failure.after(told.get("goodbye").and_then(Json::as_str)));
            self.deadline = None;
        } else if told.get("joined").is_some() {
            self.deadline = Some(Instant::now() + READY_DEADLINE);
        } else if told.get("ready").is_some() && self.failure.is_none() {
            self.is_ready();
        }
    }

    fn is_ready(&mut self) {
        self.deadline = None;
        // Nobody may wait any more.
        self.joined.take().map(|joined| joined.send(()));
    }
}

/// Lets it leave its realm, and sees to it that it ends.
async fn end(child: &mut Child, group: Option<u32>, channel: OwnedWriteHalf) {
    drop(channel);
    if timeout(LEAVE_DEADLINE, child.wait()).await.is_err() {
        end_group(group, Signal::TERM);
        if timeout(TERMINATE_DEADLINE, child.wait()).await.is_err() {
            warn!("a component does not end: killing it");
        }
    }
    end_group(group, Signal::KILL);
    let _ = child.start_kill();
    let _ = child.wait().await;
}

fn end_group(group: Option<u32>, signal: Signal) {
    if let Some(group) = group.and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw) {
        // A group in which nobody is left needs none.
        let _ = kill_process_group(group, signal);
    }
}

/// Passes on what it prints.
fn pass_on(id: &str, child: &mut Child) -> Readers {
    let mut readers = Readers::default();
    let stdout = child.stdout.take().map(|it| Box::new(it) as Box<dyn AsyncRead + Send + Unpin>);
    let stderr = child.stderr.take().map(|it| Box::new(it) as Box<dyn AsyncRead + Send + Unpin>);
    for (output, is_error) in [(stdout, false), (stderr, true)] {
        let (Some(output), id) = (output, id.to_owned()) else { continue };
        readers.spawn(async move {
            let mut lines = Lines::of(output);
            while let Some(line) = lines.next().await {
                match is_error {
                    true => warn!(target: "crossweave_component", component = id, "{line}"),
                    false => info!(target: "crossweave_component", component = id, "{line}"),
                }
            }
        });
    }
    readers
}

impl Interpreter {
    /// As `options` of a worker of this type say. They have been checked by the controller.
    pub(crate) fn of(options: &Json, kind: &str, cbdir: &Path) -> Interpreter {
        let read = part::worker_options(options, kind, "the worker's options", cbdir);
        let (python, pythonpath) =
            read.map(|part| (part.value.python, part.value.pythonpath)).unwrap_or_default();
        let program = python.unwrap_or_else(|| "python3".into());
        let pythonpath = Pythonpath(Arc::new(Mutex::new(pythonpath)));
        Interpreter { program, pythonpath, directory: cbdir.to_owned() }
    }
}

/// What `host.py` is told of a component.
pub(crate) fn task_of_python(realm: &str, code: Code, transport: Json) -> Json {
    match code {
        Code::Class { classname, extra } => {
            json!({"realm": realm, "transport": transport, "classname": classname, "extra": extra})
        }
        Code::Function { callbacks, auth, extra } => {
            let Callbacks { join, leave, connect, disconnect } = callbacks;
            let callbacks =
                [("join", join), ("leave", leave), ("connect", connect), ("disconnect", disconnect)];
            let callbacks: BTreeMap<&str, String> =
                callbacks.into_iter().filter_map(|(event, name)| Some((event, name?))).collect();
            json!({"realm": realm, "transport": transport, "callbacks": callbacks, "auth": auth, "extra": extra})
        }
        Code::Rust { .. } => unreachable!("a component in Rust has no interpreter"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Closed;

    #[test]
    fn what_has_ended_with_the_session_is_told_by_the_reason_of_a_goodbye() {
        for (goodbye, closed) in [
            (r#""wamp.close.close_realm""#, Some(Closed::Realm)),
            (r#""wamp.close.system_shutdown""#, Some(Closed::Router)),
            (r#""wamp.close.normal""#, None),
            ("null", None),
        ] {
            let mut heard = Heard::default();
            heard.take(&format!(r#"{{"failed": "over", "lasting": false, "goodbye": {goodbye}}}"#));
            assert_eq!(heard.failure, Some(Failure { closed, ..Failure::passing("over") }), "{goodbye}");
        }
    }
}
