//! `crossweave start`.

use std::time::Duration;

use clap::Args;
use crossweave_config::{Loaded, Node, Problems, Severity};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use super::check::show_problems;
use crate::exit::Failure;
use crate::log::{self, LogFormat, LogLevel};
use crate::node::{NodeDirectory, NotLoaded, Plan, RunningNode, builtin, node_key, plan};
use crate::signals::{self, Hangups, Signals};
use crate::terminal::Terminal;

/// How long the orderly end may take after Ctrl-C; routers give their sessions 5 s.
const GRACE: Duration = Duration::from_secs(15);

const EXAMPLES: &str = "\
Without a configuration, a built-in node runs, which only programs on this
machine can reach: realm realm1, open to everyone, WebSocket at
ws://127.0.0.1:8080/ws, RawSocket at rs://127.0.0.1:8080, and a page to look at,
http://127.0.0.1:8080/.

Examples:
  crossweave start
  crossweave start --port 9000
  crossweave start --cbdir /srv/app/.crossbar --loglevel warn
  crossweave start --config staging.yaml --logformat json";

/// Run the node: its realms, and the transports by which clients reach them
///
/// Prints one line `listening on URL` for each address as soon as all of them are open. SIGINT (Ctrl-C) and SIGTERM say
/// GOODBYE to every session and end it with exit code 0; a second one ends it at once, with 130. SIGHUP reads the
/// certificates of TLS endpoints again.
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
    /// The port of the built-in node, 0 for any free one [default: 8080]
    #[arg(long, value_name = "PORT", conflicts_with = "config", value_parser = parse_port)]
    port: Option<u16>,
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
        log::init(self.loglevel, self.logformat, terminal);
        self.warn(terminal, &loaded.warnings);
        let plan = self.plan(&loaded, terminal)?;
        raise_file_limit();
        let runtime = crossweave_router::runtime()
            .map_err(|error| Failure::setup(format_args!("cannot start threads: {error}")))?;
        signals::watch(GRACE)
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        let ended = runtime.block_on(self.serve(plan));
        // What still runs holds nothing that must be finished.
        runtime.shutdown_background();
        ended
    }

    fn plan(&self, loaded: &Loaded, terminal: Terminal) -> Result<Plan, Failure> {
        let steps = |node: &Node| {
            plan(node).map_err(|obstacles| {
                obstacles.iter().for_each(|obstacle| terminal.complain(&obstacle.to_string()));
                Failure::told()
            })
        };
        let Some(file) = &loaded.config_file else {
            let dir = loaded.cbdir.display();
            info!("no configuration in {dir}: running the built-in node, for programs on this machine only");
            info!("to go on from there, `crossweave init` writes a configuration to edit");
            return steps(&builtin(self.port)).map(Plan::with_start_page);
        };
        if self.port.is_some() {
            let file = file.display();
            return Err(Failure::setup(format_args!("--port is for the built-in node, but there is {file}")));
        }
        let mut plan = steps(&loaded.node)?;
        if plan.needs_key() {
            plan.key = Some(node_key(&loaded.cbdir).map_err(Failure::setup)?);
        }
        info!("running the node of {}", file.display());
        plan.warnings.iter().for_each(|warning| warn!("{warning}"));
        Ok(plan)
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

    async fn serve(&self, plan: Plan) -> Result<(), Failure> {
        let mut signals = Signals::listen()
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        let mut node = RunningNode::start(plan).await.map_err(Failure::setup)?;
        // Before anybody is told that the node is ready, and may want it.
        let hangups = node
            .has_tls()
            .then(Hangups::listen)
            .transpose()
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        log::announce(self.logformat, &node.ready);
        let signal = wait(&mut signals, hangups, &node).await;
        info!("{signal}: saying goodbye to every session");
        tokio::select! {
            () = node.shutdown() => {
                info!("node stopped");
                Ok(())
            }
            _ = signals.next() => Err(Failure::interrupted()),
        }
    }
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

/// Waits for the signal that ends the node. Meanwhile SIGHUP reads certificates again, if there are any.
async fn wait(signals: &mut Signals, hangups: Option<Hangups>, node: &RunningNode) -> &'static str {
    let Some(mut hangups) = hangups else { return signals.next().await };
    loop {
        tokio::select! {
            signal = signals.next() => return signal,
            () = hangups.next() => {
                info!("SIGHUP: reading the certificates again");
                node.reload_certificates().await;
            }
        }
    }
}

/// Every connection is an open file: takes as many as the system lets us have.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "cannot raise the limit on open files");
    }
}
