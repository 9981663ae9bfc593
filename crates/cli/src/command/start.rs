//! `crossweave start`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use crossweave_auth::cryptosign::PrivateKey;
use crossweave_config::{Loaded, NODE_ID, Node, Problems, Severity, ShutdownTrigger, is_node_id};
use crossweave_node::boot::{self, WorkerPlan};
use crossweave_node::{
    Configuration, Controller, Extensions, NodeOptions, Why, another_users, controller_of, findings, node_key,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::check::show_problems;
use super::guest::{Guest, watch_command};
use super::worker::Worker;
use crate::exit::Failure;
use crate::log::{self, LogFile, LogFormat, LogLevel};
use crate::node::{NodeDirectory, NotLoaded, builtin};
use crate::signals::{self, Hangups, Signals};
use crate::terminal::Terminal;

/// How long the orderly end may take after Ctrl-C; routers give their sessions 5 s.
const GRACE: Duration = Duration::from_secs(20);

/// Environment variables with the id of a node whose configuration has none, the first one first.
const NODE_ID_VARIABLES: [&str; 2] = ["CROSSWEAVE_NODE_ID", "CROSSBAR_NODE_ID"];

const EXAMPLES: &str = "\
Without a configuration, a built-in node runs, which only programs on this
machine can reach: realm realm1, open to everyone, WebSocket at
ws://127.0.0.1:8080/ws, RawSocket at rs://127.0.0.1:8080, and a page to look at,
http://127.0.0.1:8080/.

Examples:
  crossweave start
  crossweave start --port 9000
  crossweave start --cbdir /srv/app/.crossbar --loglevel warn
  crossweave start --config staging.yaml --logformat json
  crossweave start --logdir /var/log/crossweave --shutdownafter 3600";

/// Run the node: its realms, and the transports by which clients reach them
///
/// Prints one line `listening on URL` for each address as soon as all of them are open. SIGINT (Ctrl-C) and SIGTERM say
/// GOODBYE to every session and end it with exit code 0; a second one ends it at once, with 130. SIGHUP reads the
/// configuration and the certificates again, as `crossweave apply` does.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Start {
    #[command(flatten)]
    directory: NodeDirectory,
    /// How much to log
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    loglevel: LogLevel,
    /// What log lines look like
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    logformat: LogFormat,
    /// Log into a file, `node.log`, instead of to stdout and stderr; each day's log is put aside as `node.log.DATE`
    #[arg(long)]
    logtofile: bool,
    /// The directory of that file; the same as --logtofile otherwise [default: the node directory]
    #[arg(long, value_name = "DIR")]
    logdir: Option<PathBuf>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    shutdownafter: Option<Duration>,
    /// The port of the built-in node, 0 for any free one [default: 8080]
    #[arg(long, value_name = "PORT", conflicts_with = "config", value_parser = parse_port)]
    port: Option<u16>,
}

/// The longest `--shutdownafter`, in seconds: ten years.
const SHUTDOWN_AFTER_MAX_S: f64 = 3.2e8;

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SHUTDOWN_AFTER_MAX_S).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds".to_owned())
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "expected a port, 0 to 65535".to_owned())
}

impl Start {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let loaded = self.directory.load().map_err(|reason| match reason {
            NotLoaded::Failure(failure) => failure,
            NotLoaded::Problems(problems) => {
                show_problems(terminal, &problems);
                let errors = problems.count(Severity::Error);
                let noun = if errors == 1 { "error" } else { "errors" };
                Failure::setup(format_args!("{} has {errors} {noun}; nothing was started", problems.file()))
            }
        })?;
        refuse_unbuilt(terminal, &loaded.warnings)?;
        take_title(&loaded)?;
        log::init(self.loglevel, self.logformat, terminal, self.log_file(&loaded.cbdir)?);
        self.warn(terminal, &loaded.warnings);
        let (options, workers) = self.plan(&loaded, terminal)?;
        raise_file_limit();
        let runtime = crossweave_router::runtime()
            .map_err(|error| Failure::setup(format_args!("cannot start threads: {error}")))?;
        signals::watch(GRACE)
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        let ended = runtime.block_on(self.serve(options, workers));
        // What still runs holds nothing that must be finished.
        runtime.shutdown_background();
        ended
    }

    /// Where the log goes, if not to stdout and stderr.
    fn log_file(&self, cbdir: &Path) -> Result<Option<LogFile>, Failure> {
        if !self.logtofile && self.logdir.is_none() {
            return Ok(None);
        }
        let directory = self.logdir.as_deref().unwrap_or(cbdir);
        LogFile::open(directory).map(Some).map_err(Failure::setup)
    }

    /// What is to be run: the controller, and its workers.
    fn plan(&self, loaded: &Loaded, terminal: Terminal) -> Result<(NodeOptions, Vec<WorkerPlan>), Failure> {
        let check = |node: &Node| {
            findings(node, &Extensions::default()).map_err(|obstacles| {
                obstacles.iter().for_each(|obstacle| terminal.complain(&obstacle.to_string()));
                Failure::told()
            })
        };
        let Some(file) = &loaded.config_file else {
            let dir = loaded.cbdir.display();
            info!("no configuration in {dir}: running the built-in node, for programs on this machine only");
            info!("to go on from there, `crossweave init` writes a configuration to edit");
            let (node, document) = builtin(self.port);
            check(&node)?;
            let options = NodeOptions { has_start_page: true, ..self.options(loaded, &node, None)? };
            return Ok((options, boot::plan(&node, &document)));
        };
        if self.port.is_some() {
            let file = file.display();
            return Err(Failure::setup(format_args!("--port is for the built-in node, but there is {file}")));
        }
        let warnings = check(&loaded.node)?;
        // Before other files of that user are in the way.
        if let Some(why) = another_users(&loaded.cbdir) {
            return Err(Failure::setup(why));
        }
        info!("running the node of {}", file.display());
        warnings.iter().for_each(|warning| warn!("{warning}"));
        boot::left_out(&loaded.node).iter().for_each(|line| info!("{line}"));
        let mut options = self.options(loaded, &loaded.node, Some(loaded.cbdir.clone()))?;
        options.key = load_key(&loaded.cbdir)?;
        // Who says when the node ends means the first end of a worker.
        let says_when = loaded.document.pointer("/controller/options/shutdown").is_some();
        let ends_with_workers = options.shutdown.iter().any(|it| *it != ShutdownTrigger::ShutdownRequested);
        options.restarts_workers = !(says_when && ends_with_workers);
        Ok((options, boot::plan(&loaded.node, &loaded.document)))
    }

    fn options(
        &self,
        loaded: &Loaded,
        node: &Node,
        directory: Option<PathBuf>,
    ) -> Result<NodeOptions, Failure> {
        let controller = &node.controller;
        let node_id = match &controller.id {
            Some(id) => id.clone(),
            None => named_node()?.unwrap_or_else(node_id),
        };
        Ok(NodeOptions {
            directory,
            cbdir: loaded.cbdir.clone(),
            node_id,
            configuration: loaded.config_file.as_ref().map(|file| Configuration {
                file: file.clone(),
                controller: controller_of(&loaded.document),
            }),
            key: None,
            title: controller.options.title.clone(),
            shutdown: controller.options.shutdown.clone(),
            restarts_workers: true,
            is_parallel: controller.options.enable_parallel_worker_start,
            limits: controller.options.limits.clone(),
            worker_command: Worker::command(self.loglevel),
            guest_command: Guest::command(),
            watch_command: watch_command(),
            has_start_page: false,
            extensions: Extensions::default(),
        })
    }

    /// Tells what in the configuration is probably not meant as it is written.
    fn warn(&self, terminal: Terminal, warnings: &Problems) {
        if self.logformat != LogFormat::Json {
            return show_problems(terminal, warnings);
        }
        for warning in warnings {
            let line = warning.place.map_or(0, |place| place.line);
            warn!(file = warnings.file(), line, path = warning.path, "{}", warning.message);
        }
    }

    async fn serve(&self, options: NodeOptions, workers: Vec<WorkerPlan>) -> Result<(), Failure> {
        let cannot = |error| Failure::setup(format_args!("cannot handle signals: {error}"));
        let mut signals = Signals::listen().map_err(cannot)?;
        // Before anybody is told that the node is ready, and may want it.
        let mut hangups = Hangups::listen().map_err(cannot)?;
        let controller = Controller::start(options).await.map_err(Failure::setup)?;
        let booted = tokio::select! {
            booted = controller.boot(workers) => booted.map_err(Failure::setup),
            signal = signals.next() => {
                info!("{signal}: not started");
                controller.shutdown(None).await;
                return Err(Failure::interrupted());
            }
        };
        let listening = match booted {
            Ok(listening) => listening,
            Err(failure) => {
                controller.shutdown(None).await;
                return Err(failure);
            }
        };
        let lines: Vec<String> = listening.iter().map(|line| format!("listening on {line}")).collect();
        log::announce(self.logformat, &lines);
        crossweave_router::give_back_start();
        let why = tokio::select! {
            why = wait(&mut signals, &mut hangups, &controller) => why,
            () = elapsed(self.shutdownafter) => {
                info!("the time of --shutdownafter is over: saying goodbye to every session");
                None
            }
        };
        tokio::select! {
            () = controller.shutdown(why.as_ref()) => {
                info!("node stopped");
                ended(why)
            }
            _ = signals.next() => Err(Failure::interrupted()),
        }
    }
}

/// A process has the title that it was started with: if the configuration has another one, this process becomes the program
/// once more, with that.
fn take_title(loaded: &Loaded) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    let mut arguments = std::env::args_os();
    let is_given = loaded.document.pointer("/controller/options/title").is_some();
    let title = OsStr::new(&loaded.node.controller.options.title);
    if !is_given || arguments.next().as_deref() == Some(title) {
        return Ok(());
    }
    let cannot = |error| Failure::setup(format_args!("cannot take the title {title:?}: {error}"));
    let program = std::env::current_exe().map_err(cannot)?;
    Err(cannot(Command::new(program).arg0(title).args(arguments).exec()))
}

/// A node is started whole or not at all.
fn refuse_unbuilt(terminal: Terminal, found: &Problems) -> Result<(), Failure> {
    let parts = found.count(Severity::NotBuilt);
    if parts == 0 {
        return Ok(());
    }
    show_problems(terminal, found);
    let noun = if parts == 1 { "part that is" } else { "parts that are" };
    Err(Failure::setup(format_args!(
        "{} has {parts} {noun} not built yet; nothing was started",
        found.file()
    )))
}

/// Waits for the signal that ends the node, or for its own reason. Meanwhile SIGHUP reads the configuration again.
async fn wait(signals: &mut Signals, hangups: &mut Hangups, controller: &Controller) -> Option<Why> {
    let mut reloading = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = reloading.join_next() => {}
            signal = signals.next() => {
                info!("{signal}: saying goodbye to every session");
                return None;
            }
            why = controller.stopping() => {
                match &why {
                    Why::Asked { .. } => info!("asked to stop: saying goodbye to every session"),
                    Why::Worker { id, .. } => info!("worker '{id}' has ended, and the node ends with it"),
                }
                return Some(why);
            }
            // What is to change may take long to start. Whoever ends the node does not wait for that.
            () = hangups.next(), if reloading.is_empty() => {
                info!("SIGHUP: reading the configuration and the certificates again");
                let controller = controller.clone();
                reloading.spawn(async move { reload(&controller).await });
            }
        }
    }
}

/// Makes the node what its configuration says now. One with errors changes nothing but certificates.
async fn reload(controller: &Controller) {
    match controller.apply(false).await {
        Ok(applied) => {
            applied.needs_restart.iter().for_each(|part| {
                warn!("`{part}` of the configuration has changed: that needs a new start of the node");
            });
            if applied.differences.is_empty() && applied.failed.is_none() && applied.needs_restart.is_empty()
            {
                info!("the configuration is what runs");
            }
        }
        Err(error) if error.uri == crossweave_api::error::FEATURE_UNAVAILABLE => {
            controller.reload_certificates().await;
        }
        Err(error) => {
            error!("the configuration was not applied:");
            error.message.lines().filter(|line| !line.trim().is_empty()).for_each(|line| error!("{line}"));
            controller.reload_certificates().await;
        }
    }
}

/// Waits so long; without a time, for ever.
async fn elapsed(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

fn ended(why: Option<Why>) -> Result<(), Failure> {
    match why {
        Some(Why::Asked { restart: true, .. }) => Err(Failure::restart()),
        Some(Why::Worker { id, has_failed: true }) => {
            Err(Failure::setup(format_args!("worker {id:?} could not be kept running")))
        }
        // A worker that could not be kept running has been told of, and whoever ends the node has got what was asked for.
        _ => Ok(()),
    }
}

/// The node's id as the environment has it.
fn named_node() -> Result<Option<String>, Failure> {
    for name in NODE_ID_VARIABLES {
        let Ok(value) = std::env::var(name) else { continue };
        match value.trim() {
            "" => {}
            id if is_node_id(id) => return Ok(Some(id.to_owned())),
            id => {
                return Err(Failure::setup(format_args!(
                    "{id:?} in {name} cannot be a node id: expected {NODE_ID}"
                )));
            }
        }
    }
    Ok(None)
}

/// The host's name and this process, in lower case.
fn node_id() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().to_lowercase();
    format!("{host}-{}", std::process::id())
}

/// The node's key, made if there is none and the directory can be written to.
fn load_key(cbdir: &Path) -> Result<Option<PrivateKey>, Failure> {
    let is_there = cbdir.join("key.priv").exists();
    match node_key(cbdir) {
        Ok(key) => Ok(Some(key)),
        Err(error) if is_there => Err(Failure::setup(error)),
        Err(error) => {
            warn!("{error}: the node cannot prove itself");
            Ok(None)
        }
    }
}

/// Every connection is an open file: takes as many as the system lets us have.
pub(super) fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "cannot raise the limit on open files");
    }
}
