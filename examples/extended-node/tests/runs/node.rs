//! A node of the example's program.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crossweave_client::{Client, Options, Reconnect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running node, killed with this.
pub(crate) struct Node {
    child: Child,
    pub(crate) folder: TempDir,
    /// What it said before it was ready.
    pub(crate) told: Vec<String>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `realm1`, where the roles `anonymous` and `visitor` may do everything.
pub(crate) fn realm() -> Value {
    let role = |name: &str| json!({"name": name, "allow-by-default": true});
    json!({"name": "realm1", "roles": [role("anonymous"), role("visitor")]})
}

/// A transport at the socket `router`, with more of these keys.
pub(crate) fn transport(more: Value) -> Value {
    let mut transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "router"}});
    let Value::Object(more) = more else { panic!("not an object: {more}") };
    transport.as_object_mut().unwrap().extend(more);
    transport
}

/// A router worker with `realm1` and these transports.
pub(crate) fn router(transports: &[Value]) -> Value {
    json!({"type": "router", "realms": [realm()], "transports": transports})
}

impl Node {
    /// Starts a node of these workers, and waits until it is ready or has ended.
    pub(crate) fn start(workers: &[Value]) -> Node {
        let folder = TempDir::new().unwrap();
        let config = json!({"version": 2, "workers": workers});
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Node::start_in(folder)
    }

    pub(crate) fn start_in(folder: TempDir) -> Node {
        let program = env!("CARGO_BIN_EXE_extended-node");
        let mut child = Command::new(program).arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map(Result::unwrap).take_while(|line| line != "ready").collect();
        Node { child, folder, told }
    }

    /// Joins over a Unix socket of the node's folder.
    pub(crate) async fn join(&self, socket: &str, realm: &str, options: Options) -> Result<Client, String> {
        let url = format!("unix:{}", self.folder.path().join(socket).display());
        let options = Options { reconnect: Reconnect::Off, ..options };
        Client::connect_with(&url, realm, options).await.map_err(|error| error.to_string())
    }

    /// A client of `realm1`.
    pub(crate) async fn client(&self) -> Client {
        self.join("router", "realm1", Options::default()).await.unwrap()
    }

    /// A session by which the node is managed.
    pub(crate) async fn manager(&self) -> Client {
        self.join("node.sock", "crossbar", Options::default()).await.unwrap()
    }

    /// Ends it in order, as Ctrl-C does.
    pub(crate) fn stop(self) -> TempDir {
        self.stop_by(Signal::INT)
    }

    /// Ends it in order.
    pub(crate) fn stop_by(mut self, signal: Signal) -> TempDir {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }
}
