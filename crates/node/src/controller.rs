//! The controller: the management realm, and the workers.

mod activation;
mod answers;
mod apply;
mod files;
mod guest;
mod guest_watch;
mod launch;
mod life;
mod log;
mod machine;
mod management;
mod pidfile;
mod preflight;
mod program;
mod realm_workers;
mod worker;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use crossweave_api::node::{NodeShutdown, ON_READY, ON_SHUTDOWN};
use crossweave_api::router::CertificatesRead;
use crossweave_api::{Config, Error, REALM, error};
use crossweave_auth::cryptosign::PrivateKey;
use crossweave_client::{CallError, Client, Value};
use crossweave_config::{ControllerOptions, Limits, ShutdownTrigger};
use crossweave_router::Router;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::boot::{Call, Step, WorkerPlan};
use crate::clock::utcnow;
use crate::component::Sessions;
use crate::extension::Extensions;
use crate::kind::{NativeKind, WorkerKind};
use crate::process::Process;
use crate::router::clear_memories;
use crate::service::{CONTROLLER, Caller, Service, by_name, reason, to_json};
pub use apply::{Configuration, controller_of};
use guest_watch::GuestWatch;
pub use log::WORKER_LOG_TARGET;
use machine::Machine;
pub use management::SOCKET;
use pidfile::PidFile;
pub use pidfile::{another_users, running_pid, untold_pid};
use realm_workers::RealmWorkers;
use worker::{Origin, Status, Worker};

/// A step of the boot that takes longer than this has failed.
const STEP_DEADLINE: Duration = Duration::from_secs(60);

/// A worker that has not read its certificates again by then is not waited for.
const CERTIFICATES_DEADLINE: Duration = Duration::from_secs(5);

/// What a controller is told.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The node directory: the socket `node.sock` and the file `node.pid` are made there. None: neither of them is made.
    pub directory: Option<PathBuf>,
    /// What relative paths of the configuration start from.
    pub cbdir: PathBuf,
    /// The node's id.
    pub node_id: String,
    /// The configuration, for [`Controller::apply`]; none if the node has none.
    pub configuration: Option<Configuration>,
    /// The node's key; none if nobody needs it.
    pub key: Option<PrivateKey>,
    /// The title of the process.
    pub title: String,
    /// When the node stops by itself.
    pub shutdown: Vec<ShutdownTrigger>,
    /// Workers that fail are started again; the triggers hold for those that cannot be kept up.
    pub restarts_workers: bool,
    /// Workers are started at the same time.
    pub is_parallel: bool,
    /// What peers may use up, of each worker.
    pub limits: Limits,
    /// The program that is a worker, with its first arguments.
    pub worker_command: Vec<OsString>,
    /// The program by which a guest is run, with its first arguments: it gets this process's number, the guest and its
    /// arguments, and calls [`become_guest`](crate::become_guest). Empty: a guest is run directly, and outlives a node that is
    /// killed.
    pub guest_command: Vec<OsString>,
    /// The program that ends what guests have started should the node be killed, with its first arguments: it calls
    /// [`watch_guests`](crate::watch_guests) with its standard input. Empty: that goes on.
    pub watch_command: Vec<OsString>,
    /// Transports of routers have the start page.
    pub has_start_page: bool,
    /// What is linked into this program, for inline workers; a worker that is a process has its own.
    pub extensions: Extensions,
}

impl NodeOptions {
    /// A node without key, which leaves nothing in its directory, has no program for workers and guests, starts workers that
    /// have failed again, and stops when it is asked to.
    pub fn new(cbdir: PathBuf) -> NodeOptions {
        let ControllerOptions { title, limits, .. } = ControllerOptions::default();
        NodeOptions {
            directory: None,
            cbdir,
            node_id: format!("node-{}", std::process::id()),
            key: None,
            title,
            shutdown: vec![ShutdownTrigger::ShutdownRequested],
            restarts_workers: true,
            is_parallel: false,
            limits,
            worker_command: Vec::new(),
            guest_command: Vec::new(),
            watch_command: Vec::new(),
            has_start_page: false,
            extensions: Extensions::default(),
            configuration: None,
        }
    }
}

/// Why a node did not start. The text is for the one who starts it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStarted(pub String);

/// Why a worker has not done what it was called for.
#[derive(Debug)]
enum Unanswered {
    /// It says why, or is not there.
    Failed(CallError),
    /// It says nothing.
    Late,
}

impl Unanswered {
    /// Whether there is nothing of this id.
    fn is_gone(&self) -> bool {
        matches!(self, Unanswered::Failed(CallError::Application(answer))
            if [error::NO_SUCH_OBJECT, error::NOT_RUNNING].contains(&&*answer.uri))
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unanswered::Failed(failure) => f.write_str(without_label(&reason(failure))),
            Unanswered::Late => write!(f, "no answer within {} s", STEP_DEADLINE.as_secs()),
        }
    }
}

/// What is wrong with a part of a configuration, to be said behind where that is.
fn without_label(problems: &str) -> &str {
    problems.strip_prefix("error: ").unwrap_or(problems)
}

/// Why a node stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The procedure `crossbar.shutdown` was called.
    Asked {
        /// Whether the node is to be started again.
        restart: bool,
        /// Why, if that was said.
        mode: Option<String>,
        /// The session that called.
        who: Option<u64>,
    },
    /// A worker has ended, and the configuration says that the node ends with it.
    Worker {
        /// Its id.
        id: String,
        /// Whether it has failed.
        has_failed: bool,
    },
}

/// A node that runs. Cheap to clone.
#[derive(Clone)]
pub struct Controller {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    router: Router,
    client: Client,
    service: Service,
    options: NodeOptions,
    started: (SystemTime, Instant),
    machine: Mutex<Machine>,
    workers: Mutex<BTreeMap<String, Arc<Worker>>>,
    realm_workers: RealmWorkers,
    guest_watch: GuestWatch,
    stop: watch::Sender<Option<Why>>,
    has_failed: Mutex<bool>,
    /// Held while a configuration is being applied, the first one included.
    applying: tokio::sync::Mutex<()>,
    /// What the program has added to the management realm.
    sessions: OnceLock<Sessions>,
    _process: Arc<Process>,
    _pid: Option<PidFile>,
}

impl Controller {
    /// A controller without workers, which can be managed from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Another node runs in the directory, or it cannot be written to.
    pub async fn start(options: NodeOptions) -> Result<Controller, NotStarted> {
        let pid = options.directory.as_deref().map(PidFile::take).transpose().map_err(NotStarted)?;
        let router = management::router().map_err(NotStarted)?;
        let client = management::join(&router).await.map_err(NotStarted)?;
        let service = Service::new(client.clone(), None);
        let process = Process::answer(service.clone(), "controller").await.map_err(NotStarted)?;
        let (stop, _) = watch::channel(None);
        let shared = Shared {
            router,
            client,
            service,
            started: (SystemTime::now(), Instant::now()),
            machine: Mutex::default(),
            workers: Mutex::default(),
            realm_workers: RealmWorkers::default(),
            guest_watch: GuestWatch::new(options.watch_command.clone()),
            stop,
            has_failed: Mutex::new(false),
            applying: tokio::sync::Mutex::default(),
            options,
            sessions: OnceLock::new(),
            _process: process,
            _pid: pid,
        };
        let controller = Controller { shared: Arc::new(shared) };
        controller.answer().await.map_err(NotStarted)?;
        controller.watch_workers().await.map_err(NotStarted)?;
        controller.add_sessions().await.map_err(NotStarted)?;
        if let Some(directory) = &controller.shared.options.directory {
            management::listen(&controller.shared.router, directory).await.map_err(NotStarted)?;
        }
        Ok(controller)
    }

    /// Starts what the program adds to the management realm. It may take procedures from the controller.
    async fn add_sessions(&self) -> Result<(), String> {
        let Shared { router, options, sessions, .. } = &*self.shared;
        let added = &options.extensions.management_sessions;
        let at = (REALM, CONTROLLER);
        let started = Sessions::start(added, router, at, &Config::Null).await?;
        let _ = sessions.set(started);
        Ok(())
    }

    /// Starts the workers of a configuration. The result has a line for each address that clients can use.
    ///
    /// # Errors
    /// The first thing that could not be started. What was started before it runs on, until [`Controller::shutdown`].
    pub async fn boot(&self, plans: Vec<WorkerPlan>) -> Result<Vec<String>, NotStarted> {
        // The node can be managed already, but what its workers are to be is not known yet.
        let _alone = self.shared.applying.lock().await;
        if let Some(directory) = &self.shared.options.directory {
            clear_memories(directory.clone(), &plans).await;
        }
        let mut listening = Vec::new();
        if self.shared.options.is_parallel {
            let mut starting = JoinSet::new();
            for (index, plan) in plans.into_iter().enumerate() {
                let controller = self.clone();
                starting.spawn(async move { (index, controller.boot_worker(plan).await) });
            }
            let mut results = starting.join_all().await;
            results.sort_by_key(|(index, _)| *index);
            for (_, lines) in results {
                listening.extend(lines?);
            }
        } else {
            for plan in plans {
                listening.extend(self.boot_worker(plan).await?);
            }
        }
        self.shared.service.tell(&ON_READY, &()).await;
        Ok(listening)
    }

    async fn boot_worker(&self, plan: WorkerPlan) -> Result<Vec<String>, NotStarted> {
        if plan.template.is_some() {
            self.add_worker_template(plan);
            return Ok(Vec::new());
        }
        self.run_plan(plan, Origin::Configuration).await
    }

    /// Starts a worker and makes of it what its plan says.
    async fn run_plan(&self, plan: WorkerPlan, origin: Origin) -> Result<Vec<String>, NotStarted> {
        let WorkerPlan { id, kind, is_inline, options, steps, template: _ } = plan;
        let not_started = |what: &str, why: String| NotStarted(format!("worker {id:?}{what}: {why}"));
        let refused = |error: Error| not_started("", without_label(&error.message).to_owned());
        let worker = Worker::new(id.clone(), kind, is_inline, options, &self.shared.options.cbdir);
        // Whoever has read the configuration has said what is to be said of the options.
        let (worker, _) = worker.map_err(refused)?;
        let worker = self.start_worker(worker.of(origin), &Caller::default()).await.map_err(refused)?;
        let lines = self.take_steps(&id, kind.title(), &steps).await;
        let lines = lines.map_err(|(what, why)| not_started(&format!(", {what}"), why))?;
        // From now on, these are what the worker is when it has to be started again.
        *worker.steps.lock() = steps;
        Ok(lines)
    }

    /// Makes of a worker that has just been started what the configuration says. The error: which step failed, and why.
    async fn take_steps(
        &self,
        worker: &str,
        title: &str,
        steps: &[Step],
    ) -> Result<Vec<String>, (String, String)> {
        let mut listening = Vec::new();
        for step in steps {
            let answer = self.call(worker, step.start.call()).await;
            let result = answer.map_err(|unanswered| (step.what.clone(), unanswered.to_string()))?;
            let field = |name: &str| result.as_dict().and_then(|it| it.get(name));
            let became = match field("has_joined").and_then(Value::as_bool) {
                Some(false) => "has failed and is being started again",
                _ => "started",
            };
            info!("{title} '{worker}': {}", step.told(became));
            let lines = result.as_dict().and_then(|it| it.get("listening")?.as_list()).unwrap_or_default();
            listening.extend(lines.iter().filter_map(|it| it.as_str().map(str::to_owned)));
        }
        Ok(listening)
    }

    /// Calls a procedure of a worker, and answers its result.
    async fn call(&self, worker: &str, call: Call) -> Result<Value, Unanswered> {
        let uri = format!("crossbar.worker.{worker}.{}", call.procedure());
        match timeout(STEP_DEADLINE, self.shared.client.call(uri).arguments(by_name(call.arguments()))).await
        {
            Ok(Ok(reply)) => Ok(reply.args().into_iter().next().unwrap_or_default()),
            Ok(Err(error)) => Err(Unanswered::Failed(error)),
            Err(_) => Err(Unanswered::Late),
        }
    }

    /// Waits until the node is to stop by itself.
    pub async fn stopping(&self) -> Why {
        let mut stop = self.shared.stop.subscribe();
        let why = stop.wait_for(Option::is_some).await;
        why.ok().and_then(|it| it.clone()).expect("the sender is in self, and the value waited for")
    }

    /// Whether a worker has failed for good.
    pub fn has_failed(&self) -> bool {
        *self.shared.has_failed.lock()
    }

    /// Reads the certificates of all routers and proxies again; the log says what came of it, and so does the result.
    pub async fn reload_certificates(&self) -> CertificatesRead {
        let workers: Vec<Arc<Worker>> = self.shared.workers.lock().values().cloned().collect();
        // One that does not run reads them as it starts.
        let has_transports = |it: &&Arc<Worker>| {
            matches!(it.kind, WorkerKind::Native(NativeKind::Router | NativeKind::Proxy))
                && it.status() == Status::Started
        };
        let mut all = CertificatesRead { read: Vec::new(), kept: Vec::new() };
        for worker in workers.iter().filter(has_transports) {
            let id = &worker.id;
            let call = self.shared.client.call(format!("crossbar.worker.{id}.reload_certificates"));
            let told = match timeout(CERTIFICATES_DEADLINE, call).await {
                Ok(Ok(answer)) => {
                    Ok(answer.args().first().and_then(|it| serde_json::from_value(to_json(it)).ok()))
                }
                Ok(Err(error)) => Err(reason(&error)),
                Err(_) => Err(format!(
                    "crossbar.worker.{id}.reload_certificates was not answered within {} s",
                    CERTIFICATES_DEADLINE.as_secs()
                )),
            };
            if let Err(why) = &told {
                warn!("worker '{id}' did not read its certificates again: {why}");
                all.kept.push(format!("worker {id:?}: {why}"));
            }
            let Ok(Some(CertificatesRead { read, kept })) = told else { continue };
            let of_worker = |told: String| format!("worker {id:?}: {told}");
            all.read.extend(read.into_iter().map(of_worker));
            all.kept.extend(kept.into_iter().map(of_worker));
        }
        all
    }

    /// Stops all workers, then the management realm.
    pub async fn shutdown(&self, why: Option<&Why>) {
        let (restart, mode, who) = match why {
            Some(Why::Asked { restart, mode, who }) => (*restart, mode.clone(), *who),
            Some(Why::Worker { id, .. }) => (false, Some(format!("worker {id} has ended")), None),
            None => (false, None, None),
        };
        let node_id = self.shared.options.node_id.clone();
        let was_clean = !self.has_failed();
        let told = NodeShutdown { node_id, restart, mode, who, when: utcnow(), was_clean };
        self.shared.service.tell_others(&ON_SHUTDOWN, who, &told).await;
        self.shared.stop.send_if_modified(|stop| {
            let is_new = stop.is_none();
            stop.get_or_insert(Why::Asked { restart, mode: None, who });
            is_new
        });
        let workers: Vec<Arc<Worker>> = self.shared.workers.lock().values().cloned().collect();
        let mut endings = JoinSet::new();
        let controller = self.clone();
        endings.spawn(async move { controller.end_realm_workers().await });
        for worker in workers {
            let controller = self.clone();
            endings.spawn(async move { controller.end_worker(&worker, false).await });
        }
        endings.join_all().await;
        self.shared.client.leave().await;
        self.shared.router.shutdown().await;
    }
}
