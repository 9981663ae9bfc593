//! Components: parts of an application that a node runs, in containers and in routers.
//!
//! ```text
//!  configuration ──▶ Program ──▶ one run after the other, as `restart` says
//!                      │
//!                      ├── Python: a process of the configured interpreter, which runs `host.py`
//!                      └── Rust: a task, out of the registry of the program that embeds the node
//! ```

mod guarded;
mod linked;
mod local;
mod python;
mod sessions;
mod supervised;
mod transport;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_api::{Config, error};
use crossweave_client::Client;
use crossweave_wamp::uris;

pub(crate) use guarded::{guarded, guarded_call};
pub(crate) use linked::{Linked, Way};
pub(crate) use local::{LocalTransport, clear_local_transports};
pub(crate) use python::{Interpreter, PythonTask, Pythonpath, task_of_python};
pub(crate) use sessions::Sessions;
pub(crate) use supervised::{Restart, Supervised, Told};
pub(crate) use transport::{client_options, of_host, url};

/// A future that a component returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A part of an application, written in Rust, that is linked into the program.
///
/// A new one is made for each run. It is dropped when it is to stop; its session leaves the realm after that. A panic is a failure
/// like an error.
pub trait Component: Send + 'static {
    /// Its session has joined: registers procedures, subscribes to topics. The component counts as started when this is done,
    /// and as failed on an error.
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>>;

    /// What it does from then on. When this is done, so is the component: well, or failed on an error. A lost connection is an
    /// error without it. Default: it waits for what its session brings.
    fn run<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        let _ = client;
        Box::pin(std::future::pending())
    }
}

/// Makes a component out of its `extra`, which is null if there is none. The error is for the one who wrote that.
pub type Constructor = Arc<dyn Fn(&Config) -> Result<Box<dyn Component>, String> + Send + Sync>;

/// The components that are linked into a program, by the `name` that a configuration has: `{"type": "rust", "name": ...}`.
#[derive(Clone, Default)]
pub struct Components {
    by_name: BTreeMap<String, Constructor>,
}

impl Components {
    /// These, and one more.
    #[must_use]
    pub fn with<F>(mut self, name: &str, constructor: F) -> Components
    where
        F: Fn(&Config) -> Result<Box<dyn Component>, String> + Send + Sync + 'static,
    {
        self.by_name.insert(name.to_owned(), Arc::new(constructor));
        self
    }

    /// All of them, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Constructor)> {
        self.by_name.iter().map(|(name, constructor)| (name.as_str(), constructor))
    }

    /// The constructor of this name; `what` it makes, for the error.
    ///
    /// # Errors
    /// There is none; the text names those that there are.
    pub(crate) fn find(&self, what: &str, name: &str) -> Result<Constructor, String> {
        self.by_name.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            match names.is_empty() {
                true => format!("there is no {what} {name:?}: none is linked into this program"),
                false => format!("there is no {what} {name:?}: this program has {}", names.join(", ")),
            }
        })
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// What is run.
#[derive(Clone)]
pub(crate) enum Program {
    Python(PythonTask),
    Rust(Linked),
}

/// Why a run has ended that was not told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) why: String,
    /// Another try would end the same way.
    pub(crate) is_lasting: bool,
    /// What has ended, and the session with it, if nothing is wrong.
    pub(crate) closed: Option<Closed>,
    /// What it could not do, if it has not joined.
    pub(crate) stage: Stage,
}

/// What a component does until it has joined its realm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What it runs is looked for and loaded.
    Import,
    /// It connects to its router.
    Connect,
    /// Everything else.
    #[default]
    Start,
}

impl Stage {
    /// The error of a component that has failed there.
    pub(crate) fn error(self) -> &'static str {
        match self {
            Stage::Import => error::CLASS_IMPORT_FAILED,
            Stage::Connect => error::CANNOT_CONNECT,
            Stage::Start => error::CANNOT_START,
        }
    }
}

impl Failure {
    pub(crate) fn passing(why: impl fmt::Display) -> Failure {
        Failure { why: why.to_string(), is_lasting: false, closed: None, stage: Stage::Start }
    }

    pub(crate) fn lasting(why: impl fmt::Display) -> Failure {
        Failure { is_lasting: true, ..Failure::passing(why) }
    }

    /// The same, of a session that the router has ended by a GOODBYE with this reason, if it has.
    fn after(self, goodbye: Option<&str>) -> Failure {
        Failure { closed: goodbye.and_then(Closed::of), ..self }
    }
}

/// What a router ends with all its sessions, in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Realm,
    Router,
}

impl Closed {
    /// What a GOODBYE with this reason says has ended.
    fn of(reason: &str) -> Option<Closed> {
        match reason {
            uris::CLOSE_REALM => Some(Closed::Realm),
            uris::SYSTEM_SHUTDOWN => Some(Closed::Router),
            _ => None,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Closed::Realm => "its realm was stopped",
            Closed::Router => "its router has shut down",
        })
    }
}

/// What a component is told, and what it tells.
pub(crate) struct Reins {
    /// It has joined its realm.
    pub(crate) joined: tokio::sync::oneshot::Sender<()>,
    /// True when it is to stop.
    pub(crate) stop: tokio::sync::watch::Receiver<bool>,
}

impl Reins {
    /// Waits until it is to stop.
    async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
        // Whoever has dropped the sender waits no more.
        let _ = stop.wait_for(|is_stopped| *is_stopped).await;
    }
}

impl Program {
    /// From one start to its end.
    pub(crate) async fn run(&self, id: &str, reins: Reins) -> Result<(), Failure> {
        match self {
            Program::Python(task) => task.run(id, reins).await,
            Program::Rust(linked) => linked.run(reins).await,
        }
    }
}
