//! What the controller knows of a worker.

use std::path::Path;
use std::time::{Instant, SystemTime};

use crossweave_api::node::{WorkerInfo, WorkerStarted, WorkerStarting};
use crossweave_api::{Config, Error};
use crossweave_config::Problems;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::log::Log;
use super::program::Program;
use crate::boot::Step;
use crate::clock::{utc, utcnow};
use crate::kind::WorkerKind;

/// Where a worker stands.
///
/// ```text
///  starting ──────▶ started ──────▶ stopping ──▶ ended
///   ▲    │             │ it has failed              ▲
///   │    ▼             ▼                            │
///   └── waiting ◀──────┴── too often ──▶ failed ────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Starting,
    Started,
    /// It does not run, and may be started again.
    Waiting,
    /// It does not run, and is not started again.
    Failed,
    Stopping,
    Ended,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Started => "started",
            Status::Waiting => "waiting",
            Status::Failed => "failed",
            Status::Stopping => "stopping",
            Status::Ended => "ended",
        }
    }
}

/// Why there is a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody has called for it.
    Call,
    /// It is what a configuration says, and goes with it.
    Configuration,
    /// It is started with a realm, and goes with that.
    Realm {
        /// The worker of the configuration that it is made of.
        template_id: String,
        /// The realm's name.
        realm: String,
    },
}

/// A worker.
pub(super) struct Worker {
    pub(super) id: String,
    pub(super) kind: WorkerKind,
    pub(super) is_inline: bool,
    /// From where it comes.
    pub(super) origin: Origin,
    pub(super) options: Config,
    pub(super) program: Program,
    /// What makes it what the configuration says, each time it is started.
    pub(super) steps: Mutex<Vec<Step>>,
    /// Held while it becomes what its steps say, and while they and it change together.
    pub(super) settling: tokio::sync::Mutex<()>,
    pub(super) log: Log,
    created: (SystemTime, Instant),
    facts: Mutex<Facts>,
    pub(super) status: watch::Sender<Status>,
    /// It can be asked.
    pub(super) ready: Notify,
    /// It is to end.
    pub(super) stop: Notify,
}

#[derive(Default)]
struct Facts {
    is_killed: bool,
    pid: Option<u32>,
    started: Option<(SystemTime, Instant)>,
    restarts: u64,
}

impl Worker {
    /// # Errors
    /// What is wrong with the options. Those of a guest are its whole item.
    pub(super) fn new(
        id: String,
        kind: WorkerKind,
        is_inline: bool,
        options: Config,
        cbdir: &Path,
    ) -> Result<(Worker, Problems), Error> {
        let (program, warnings) = Program::read(kind, &id, &options, cbdir)?;
        let worker = Worker {
            id,
            kind,
            is_inline,
            origin: Origin::Call,
            options,
            program,
            steps: Mutex::default(),
            settling: tokio::sync::Mutex::default(),
            log: Log::default(),
            created: (SystemTime::now(), Instant::now()),
            facts: Mutex::default(),
            status: watch::channel(Status::Starting).0,
            ready: Notify::new(),
            stop: Notify::new(),
        };
        Ok((worker, warnings))
    }

    /// The same, from elsewhere than a call.
    pub(super) fn of(self, origin: Origin) -> Worker {
        Worker { origin, ..self }
    }

    pub(super) fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Whether it is to end, or has ended.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.status(), Status::Stopping | Status::Ended)
    }

    /// Whether it has failed too often.
    pub(super) fn has_failed(&self) -> bool {
        self.status() == Status::Failed
    }

    /// Whether it has failed and is to run again.
    pub(super) fn is_restarting(&self) -> bool {
        matches!(self.status(), Status::Waiting | Status::Starting)
    }

    /// Goes to another status, unless it is to end.
    pub(super) fn go(&self, status: Status) {
        self.status.send_if_modified(|now| {
            let is_ending = matches!(now, Status::Stopping | Status::Ended);
            let goes = !is_ending || status == Status::Ended;
            if goes {
                *now = status;
            }
            goes
        });
    }

    /// It has this process from now on, or none.
    pub(super) fn has_process(&self, pid: Option<u32>) {
        let mut facts = self.facts.lock();
        facts.pid = pid;
        facts.started = None;
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.facts.lock().pid
    }

    /// Whether when it ends has no part in when the node ends.
    pub(super) fn is_minor(&self) -> bool {
        self.kind == WorkerKind::Guest || matches!(self.origin, Origin::Realm { .. })
    }

    /// It is to end at once.
    pub(super) fn kill(&self) {
        self.facts.lock().is_killed = true;
    }

    pub(super) fn is_killed(&self) -> bool {
        self.facts.lock().is_killed
    }

    pub(super) fn has_started(&self) {
        self.facts.lock().started = Some((SystemTime::now(), Instant::now()));
        self.go(Status::Started);
    }

    /// It is started again, after it has failed or because somebody wants that.
    pub(super) fn starts_again(&self, has_failed: bool) {
        let mut facts = self.facts.lock();
        facts.restarts += u64::from(has_failed);
        facts.started = None;
    }

    pub(super) fn starting(&self, who: Option<u64>) -> WorkerStarting {
        let (id, status) = (self.id.clone(), Status::Starting.as_str().to_owned());
        WorkerStarting { id, status, created: utc(self.created.0), who }
    }

    pub(super) fn started(&self, who: Option<u64>) -> WorkerStarted {
        let facts = self.facts.lock();
        WorkerStarted {
            id: self.id.clone(),
            status: Status::Started.as_str().to_owned(),
            started: facts.started.map_or_else(utcnow, |it| utc(it.0)),
            who,
            pid: facts.pid,
            startup_time: self.startup_time(&facts).unwrap_or_default(),
        }
    }

    pub(super) fn info(&self) -> WorkerInfo {
        let facts = self.facts.lock();
        let (template_id, realm) = match &self.origin {
            Origin::Realm { template_id, realm } => (Some(template_id.clone()), Some(realm.clone())),
            _ => (None, None),
        };
        WorkerInfo {
            id: self.id.clone(),
            pid: facts.pid,
            kind: self.kind.as_str().to_owned(),
            status: self.status().as_str().to_owned(),
            created: utc(self.created.0),
            started: facts.started.map(|it| utc(it.0)),
            startup_time: self.startup_time(&facts),
            uptime: facts.started.map(|it| it.1.elapsed().as_secs_f64()),
            restarts: facts.restarts,
            template_id,
            realm,
            stats: None,
        }
    }

    fn startup_time(&self, facts: &Facts) -> Option<f64> {
        facts.started.map(|it| it.1.saturating_duration_since(self.created.1).as_secs_f64())
    }
}
