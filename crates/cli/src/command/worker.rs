//! `crossweave _worker`: what the controller runs as a worker. Not for people.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum as _};
use crossweave_node::{
    Extensions, NativeKind, NativeOptions, limits_of_environment, options_of_environment, run_worker,
};
use rustix::thread::set_name;

use super::start::raise_file_limit;
use crate::exit::Failure;
use crate::log::{self, LogFormat, LogLevel};
use crate::signals::{self, Signals};
use crate::terminal::Terminal;

/// The name of the command.
pub(super) const NAME: &str = "_worker";

/// How long the orderly end may take.
const GRACE: Duration = Duration::from_secs(15);

/// Run a worker of a node; started by its controller
#[derive(Debug, Args)]
#[command(name = NAME, hide = true)]
pub(super) struct Worker {
    /// Its id
    #[arg(long)]
    id: String,
    /// Its type
    #[arg(long = "type", value_parser = parse_kind)]
    kind: NativeKind,
    /// The node's id
    #[arg(long)]
    node: String,
    /// The node directory
    #[arg(long)]
    cbdir: PathBuf,
    /// How much to log
    #[arg(long, value_enum, default_value_t)]
    loglevel: LogLevel,
}

fn parse_kind(text: &str) -> Result<NativeKind, String> {
    NativeKind::parse(text).ok_or_else(|| "unknown worker type".to_owned())
}

impl Worker {
    /// How the controller runs it: this very program, also if its file has been replaced meanwhile.
    pub(super) fn command(level: LogLevel) -> Vec<OsString> {
        let level = level.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default();
        ["/proc/self/exe", NAME, "--loglevel", &level].map(OsString::from).to_vec()
    }

    pub(super) fn run(self, terminal: Terminal) -> Result<(), Failure> {
        log::init(self.loglevel, LogFormat::Json, terminal, None);
        let limits = limits_of_environment(&self.cbdir).map_err(Failure::setup)?;
        // It is run as `/proc/self/exe`, which is no name. Without one, it is called so.
        let _ = set_name(c"crossweave");
        raise_file_limit();
        let cannot = |error| Failure::setup(format_args!("cannot start: {error}"));
        let runtime = crossweave_router::runtime().map_err(cannot)?;
        signals::watch(GRACE).map_err(cannot)?;
        let Worker { id, kind, node, cbdir, .. } = self;
        let options = NativeOptions {
            id,
            kind,
            node_id: node,
            cbdir,
            limits,
            has_start_page: false,
            options: options_of_environment(),
            extensions: Extensions::default(),
        };
        let ended = runtime.block_on(async {
            let mut signals = Signals::listen().map_err(|error| error.to_string())?;
            run_worker(options, signals.next()).await
        });
        runtime.shutdown_background();
        ended.map_err(Failure::setup)
    }
}
