//! Making a worker run: as a process, or within this one.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crossweave_api::worker::{ON_LOG, ON_LOG_LINE};
use crossweave_config::WorkerOptions;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::files::Watch;
use super::guest_watch::WatchedGroup;
use super::log::{Origin, Source};
use super::program::{self, Program};
use super::worker::Worker;
use super::{Controller, management};
use crate::kind::WorkerKind;
use crate::lines::{Lines, Readers};
use crate::native::{LIMITS_VARIABLE, Native, NativeOptions, OPTIONS_VARIABLE, SERIALIZER};
use crate::service::Service;

/// From being told to end until a worker is killed.
const END_DEADLINE: Duration = Duration::from_secs(12);
/// From SIGTERM until SIGKILL.
const TERMINATE_DEADLINE: Duration = Duration::from_secs(2);
/// The same for a guest, which is told nothing else.
const GUEST_DEADLINE: Duration = Duration::from_secs(5);

/// A worker that runs.
pub(super) enum Running {
    Process(Child, Readers),
    Inline(JoinHandle<()>),
    Guest(Guest),
}

/// A guest that runs.
pub(super) struct Guest {
    pub(super) child: Child,
    /// Its process group: it, and what it has started.
    pub(super) group: Option<u32>,
    /// That group, as long as it is there.
    pub(super) _watched: Option<WatchedGroup>,
    pub(super) readers: Readers,
    pub(super) watch: Option<Watch>,
    /// What it reads, as long as that stays open.
    pub(super) _stdin: Option<JoinHandle<Option<ChildStdin>>>,
}

/// How a worker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Ended {
    pub(super) fn is_clean(self) -> bool {
        self.exit_code == Some(0)
    }

    /// In words.
    pub(super) fn shown(self) -> String {
        match (self.exit_code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown".to_owned(),
        }
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Ended { exit_code: status.code(), signal: status.signal() }
    }
}

impl Controller {
    /// Makes a worker run. It can be asked when it has said so.
    pub(super) async fn launch(&self, worker: &Arc<Worker>) -> Result<Running, String> {
        let options = match &worker.program {
            Program::Native(options) => options,
            Program::Guest(guest) => return self.launch_guest(worker, guest),
        };
        let role = management::role_of(&worker.id, options.expose_controller);
        let realm = crossweave_api::REALM;
        self.shared.router.set_role(realm, role).map_err(|error| error.to_string())?;
        match worker.is_inline {
            true => self.launch_inline(worker).await,
            false => self
                .launch_process(worker, options)
                .map_err(|error| format!("its process cannot be started: {error}")),
        }
    }

    fn launch_process(&self, worker: &Arc<Worker>, its: &WorkerOptions) -> io::Result<Running> {
        let (near, far) = StdUnixStream::pair()?;
        near.set_nonblocking(true)?;
        let options = &self.shared.options;
        let mut program = options.worker_command.iter();
        let Some(executable) = program.next() else {
            return Err(io::Error::other("this node has no program for workers: only inline ones run here"));
        };
        let mut command = Command::new(executable);
        let limits = serde_json::to_string(&options.limits).map_err(io::Error::other)?;
        program::set_environment(&mut command, &its.env);
        // As Crossbar.io calls them.
        let default = || format!("crossbar-worker [{}]", worker.kind.as_str());
        command.arg0(its.title.clone().unwrap_or_else(default));
        command
            // Nobody else can read a process's environment.
            .env(OPTIONS_VARIABLE, program::told(&worker.options))
            .env(LIMITS_VARIABLE, limits)
            .args(program)
            .args(["--id", &worker.id, "--type", worker.kind.as_str(), "--node", &options.node_id])
            .arg("--cbdir")
            .arg(&options.cbdir)
            .stdin(Stdio::from(OwnedFd::from(far)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for the controller: workers are told by it.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        // What the command still has of the worker's end would keep the channel open.
        drop(command);
        let role = management::role_name(&worker.id);
        self.shared.router.serve(UnixStream::from_std(near)?, SERIALIZER, &role, &worker.id)?;
        worker.has_process(child.id());
        let readers = self.capture(worker, &mut child, [Source::Native; 2]);
        Ok(Running::Process(child, readers))
    }

    /// Takes the lines that a process writes.
    pub(super) fn capture(&self, worker: &Arc<Worker>, child: &mut Child, sources: [Source; 2]) -> Readers {
        let mut readers = Readers::default();
        let pid = child.id().unwrap_or_default();
        let outputs: [Option<Box<dyn tokio::io::AsyncRead + Send + Unpin>>; 2] = [
            child.stdout.take().map(|it| Box::new(it) as _),
            child.stderr.take().map(|it| Box::new(it) as _),
        ];
        for (output, source) in outputs.into_iter().zip(sources) {
            let Some(output) = output else { continue };
            let (worker, service) =
                (worker.clone(), Service::new(self.shared.client.clone(), Some(&worker.id)));
            readers.spawn(async move {
                let mut lines = Lines::of(output);
                while let Some(line) = lines.next().await {
                    let taken = worker.log.take(
                        &line,
                        source,
                        &Origin { worker: &worker.id, title: worker.kind.title(), pid },
                    );
                    service.tell(&ON_LOG, &taken.text).await;
                    service.tell(&ON_LOG_LINE, &taken).await;
                }
            });
        }
        readers
    }

    async fn launch_inline(&self, worker: &Arc<Worker>) -> Result<Running, String> {
        let WorkerKind::Native(kind) = worker.kind else {
            return Err("a guest is always a process".to_owned());
        };
        let options = &self.shared.options;
        let options = NativeOptions {
            id: worker.id.clone(),
            kind,
            node_id: options.node_id.clone(),
            cbdir: options.cbdir.clone(),
            limits: options.limits.clone(),
            has_start_page: options.has_start_page,
            options: worker.options.clone(),
            extensions: options.extensions.clone(),
        };
        worker.has_process(Some(std::process::id()));
        let role = management::role_name(&worker.id);
        let channel = self.shared.router.connect_local(SERIALIZER, &role, &worker.id);
        let native = Native::start(options, channel).await?;
        Ok(Running::Inline(tokio::spawn(async move {
            native.asked_to_stop().await;
            native.shutdown().await;
        })))
    }
}

impl Running {
    /// Waits until it has ended, and what it has written is in its log.
    pub(super) async fn ended(&mut self) -> Ended {
        match self {
            Running::Process(child, readers) => {
                let status = child.wait().await;
                readers.finish().await;
                status.map_or(Ended { exit_code: None, signal: None }, Ended::from)
            }
            Running::Guest(guest) => guest.ended().await,
            Running::Inline(task) => match task.await {
                Ok(()) => Ended { exit_code: Some(0), signal: None },
                Err(_) => Ended { exit_code: Some(1), signal: None },
            },
        }
    }

    /// Lets it end by itself, as it was told to, and sees to it that it does.
    pub(super) async fn end(&mut self, is_killed: bool) -> Ended {
        if let Running::Guest(guest) = self {
            return guest.end(if is_killed { Duration::ZERO } else { GUEST_DEADLINE }).await;
        }
        if is_killed {
            self.signal(Signal::KILL);
        }
        if let Ok(ended) = timeout(END_DEADLINE, self.ended()).await {
            return ended;
        }
        self.signal(Signal::TERM);
        if let Ok(ended) = timeout(TERMINATE_DEADLINE, self.ended()).await {
            return ended;
        }
        self.signal(Signal::KILL);
        if let Running::Inline(task) = self {
            task.abort();
        }
        self.ended().await
    }

    /// Waits until it has ended. None: files that it depends on have changed before.
    pub(super) async fn ended_or_changed(&mut self) -> Option<Ended> {
        match self {
            Running::Guest(guest) => {
                let status = tokio::select! {
                    () = changed(&mut guest.watch) => return None,
                    status = guest.child.wait() => status,
                };
                Some(guest.is_gone(status).await)
            }
            _ => Some(self.ended().await),
        }
    }

    /// Ends a guest whose files have changed.
    pub(super) async fn end_for_change(&mut self, worker: &Worker) -> Ended {
        let (Running::Guest(running), Program::Guest(guest)) = (&mut *self, &worker.program) else {
            return self.end(false).await;
        };
        let seconds = guest.options.watch.as_ref().map_or(1, |watch| watch.timeout);
        running.end(Duration::from_secs(seconds.into())).await
    }

    fn signal(&self, signal: Signal) {
        if let Running::Process(child, _) = self
            && let Some(pid) = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw)
        {
            // One that has ended already needs none.
            let _ = kill_process(pid, signal);
        }
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

impl Guest {
    async fn ended(&mut self) -> Ended {
        let status = self.child.wait().await;
        self.is_gone(status).await
    }

    async fn is_gone(&mut self, status: io::Result<ExitStatus>) -> Ended {
        // Nothing that it has started stays behind.
        self.signal(Signal::KILL);
        self.readers.finish().await;
        status.map_or(Ended { exit_code: None, signal: None }, Ended::from)
    }

    /// Ends it and what it has started: with SIGTERM, and with SIGKILL after this time.
    pub(super) async fn end(&mut self, grace: Duration) -> Ended {
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            if let Ok(ended) = timeout(grace, self.ended()).await {
                return ended;
            }
        }
        self.signal(Signal::KILL);
        self.ended().await
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw) {
            // A group in which nobody is left needs none.
            let _ = kill_process_group(group, signal);
        }
    }
}
