//! The programs compared: how each is found or installed, started, asked when it is ready, and stopped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

pub(crate) mod battler;
pub(crate) mod crossbar;
pub(crate) mod crossweave;
pub(crate) mod nats;

use crate::accounting;
use crate::login::Login;
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};
use crate::wire::Wire;

/// The realm of every WAMP peer.
pub(crate) const REALM: &str = "realm1";
/// How long a peer may take until its first WELCOME.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a peer may take to end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A program to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// The router of this repository.
    Crossweave,
    /// Crossbar.io, from PyPI.
    Crossbar,
    /// battler-wamp, from crates.io.
    Battler,
    /// nats-server, from Debian.
    Nats,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 4] = [Self::Crossweave, Self::Crossbar, Self::Battler, Self::Nats];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crossweave => "crossweave",
            Self::Crossbar => "crossbar",
            Self::Battler => "battler",
            Self::Nats => "nats",
        }
    }

    /// The wire this peer is asked over where WAMP peers use `wire`; `None` if it does not speak that.
    pub(crate) fn wire(self, wire: Wire) -> Option<Wire> {
        match (self, wire) {
            (Self::Nats, _) => Some(Wire::Nats),
            (Self::Battler, Wire::RawSocket(_)) => None,
            _ => Some(wire),
        }
    }

    /// The wire of this peer's first WELCOME.
    fn first_wire(self) -> Wire {
        if self == Self::Nats { Wire::Nats } else { Wire::WS_JSON }
    }
}

/// Where things are, and may be put.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The build directory's folder of the comparison: environments and builds of the peers.
    pub(crate) cache: PathBuf,
    /// A Crossweave program to use instead of building one.
    pub(crate) crossweave: Option<PathBuf>,
}

impl Places {
    /// The places of this checkout; builds and environments go to the build directory.
    pub(crate) fn new(crossweave: Option<PathBuf>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the crate is in a folder of the repository");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self { root: root.to_owned(), cache: target.join("bench"), crossweave }
    }
}

/// Where server and generator run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Wherever the kernel puts them.
    Anywhere,
    /// Both on core 0.
    OneCore,
}

/// Where the router of a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosting {
    /// As the peer is compared: see the README.
    Usual,
    /// In a worker process beside the controller.
    WorkerProcess,
}

/// A peer that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
    pub(crate) version: String,
    /// What its binary weighs; `None` for what is not one binary.
    pub(crate) octets: Option<u64>,
}

impl Peer {
    /// Finds, installs or builds a peer.
    pub(crate) fn prepare(kind: Kind, places: &Places) -> Result<Self> {
        match kind {
            Kind::Crossweave => crossweave::prepare(places),
            Kind::Crossbar => crossbar::prepare(places),
            Kind::Battler => battler::prepare(places),
            Kind::Nats => nats::prepare(),
        }
    }

    /// Starts it on a free port and waits for the first WELCOME; places it and this thread on the cores as told.
    pub(crate) fn start(&self, placement: Placement) -> Result<Running> {
        if placement == Placement::Anywhere {
            return self.start_anywhere(Hosting::Usual);
        }
        accounting::unbind()?;
        let running = self.start_anywhere(Hosting::Usual)?;
        accounting::bind_to_one_core(running.pid())?;
        Ok(running)
    }

    fn start_anywhere(&self, hosting: Hosting) -> Result<Running> {
        let folder = scratch_folder(self.kind)?;
        let port = free_port()?;
        let mut command = match self.kind {
            Kind::Crossweave => crossweave::command(self, &folder, port, hosting)?,
            Kind::Crossbar => crossbar::command(self, &folder, port)?,
            Kind::Battler => battler::command(self, port),
            Kind::Nats => nats::command(self, port),
        };
        let log = folder.join("log");
        let out = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        let began = Instant::now();
        let child = command.spawn().map_err(|error| failed(&self.program, error))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut running =
            Running { peer: self.clone(), child, folder, address, welcome_after: Duration::ZERO };
        running.wait_for_welcome(began, &log)?;
        Ok(running)
    }
}

/// A peer that runs; dropping it stops it.
pub(crate) struct Running {
    peer: Peer,
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
    welcome_after: Duration,
}

impl Running {
    /// Another process of the same server.
    pub(crate) fn another(&self) -> Result<Running> {
        self.peer.start_anywhere(Hosting::Usual)
    }

    /// The same server with its router in a worker process of its own, where it is not so anyway.
    pub(crate) fn with_worker_process(&self) -> Result<Running> {
        match self.peer.kind {
            Kind::Crossweave => self.peer.start_anywhere(Hosting::WorkerProcess),
            _ => Err(Trouble::Unsupported("a choice of where its router runs".to_owned())),
        }
    }

    /// Whether it starts realms for those who come: see [`template_realm`].
    pub(crate) fn check_has_templates(&self) -> Result<()> {
        match self.peer.kind {
            Kind::Crossweave => Ok(()),
            _ => Err(Trouble::Unsupported("realm templates".to_owned())),
        }
    }

    /// The process started; it may have started others.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Time from exec to the first WELCOME.
    pub(crate) fn welcome_after(&self) -> Duration {
        self.welcome_after
    }

    /// Size of the program.
    pub(crate) fn program_octets(&self) -> Option<u64> {
        self.peer.octets
    }

    /// Where it listens for `wire`.
    pub(crate) fn target(&self, wire: Wire) -> Result<Target> {
        let wire = self.peer.kind.wire(wire).ok_or_else(|| Trouble::Unsupported(wire.to_string()))?;
        let login = Login::Anonymous;
        Ok(Target { address: self.address, wire, path: login.path(), realm: REALM.into(), login })
    }

    /// The same for sessions that prove who they are.
    pub(crate) fn target_for(&self, wire: Wire, login: Login) -> Result<Target> {
        let target = self.target(wire)?;
        match (login, self.peer.kind) {
            (Login::Anonymous, _) | (_, Kind::Crossweave | Kind::Crossbar) => {
                Ok(Target { path: login.path(), login, ..target })
            }
            _ => Err(Trouble::Unsupported(format!("authentication by {login:?}"))),
        }
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn wait_for_welcome(&mut self, began: Instant, log: &Path) -> Result<()> {
        let target = self.target(self.peer.kind.first_wire())?;
        loop {
            let attempt = Reactor::new()?.join(&target, 1);
            if attempt.is_ok() {
                self.welcome_after = began.elapsed();
                return Ok(());
            }
            if self.has_ended() || began.elapsed() > START_MAX {
                return Err(Trouble::Program {
                    program: self.peer.kind.name().to_owned(),
                    detail: last_lines(log),
                });
            }
            let is_early = began.elapsed() < Duration::from_millis(100);
            std::thread::sleep(Duration::from_micros(if is_early { 200 } else { 5000 }));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOP_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// An empty folder for one run of a peer.
fn scratch_folder(kind: Kind) -> Result<PathBuf> {
    let unique = Instant::now();
    let name = format!("crossweave-bench-{}-{}-{unique:?}", std::process::id(), kind.name());
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The end of a log, for a message.
fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(4)..];
    if last.is_empty() {
        "no first WELCOME in time, and nothing in its log".to_owned()
    } else {
        last.join(" | ")
    }
}

fn failed(program: &Path, error: impl ToString) -> Trouble {
    Trouble::Program { program: program.display().to_string(), detail: error.to_string() }
}

/// Runs a command to its end; answers what it printed.
fn output_of(command: &mut Command) -> Result<String> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(|error| failed(&program, error))?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        let complaint = text(&output.stderr);
        Err(failed(&program, complaint.lines().last().unwrap_or("no message")))
    }
}

/// A node configuration of Crossbar.io's format: one router worker, one realm in which everybody may do everything (so
/// that every action is authorized), one universal transport.
fn node_config(port: u16) -> serde_json::Value {
    let allow = serde_json::json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let disclose = serde_json::json!({"caller": false, "publisher": false});
    let permission = serde_json::json!({"uri": "", "match": "prefix", "allow": allow, "disclose": disclose, "cache": true});
    let serializers = ["cbor", "msgpack", "json"];
    let websocket: serde_json::Map<_, _> = Login::ALL
        .into_iter()
        .map(|login| {
            let auth = login.auth_section();
            let service = serde_json::json!({"type": "websocket", "serializers": serializers, "auth": auth});
            (login.path().to_owned(), service)
        })
        .collect();
    let transport = serde_json::json!({
        "type": "universal",
        "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1", "backlog": 1024},
        "rawsocket": {"serializers": serializers},
        "websocket": websocket,
    });
    serde_json::json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{"name": REALM, "roles": [{"name": "anonymous", "permissions": [permission]}]}],
            "transports": [transport],
        }],
    })
}

/// Writes a node configuration into `folder`.
fn write_node_config(folder: &Path, config: &serde_json::Value) -> Result<PathBuf> {
    let file = folder.join("config.json");
    fs::write(&file, config.to_string())?;
    Ok(file)
}

/// After so many seconds a realm that was started by a template ends, if nobody is on it.
pub(crate) const IDLE_TIMEOUT_S: u64 = 1;

/// The name of a realm that a template starts, at the peers that have them.
pub(crate) fn template_realm(number: usize) -> String {
    format!("started-{number}")
}
