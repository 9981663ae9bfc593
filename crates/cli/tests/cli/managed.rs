//! A node with workers of every type, managed by its socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, PATIENCE, crossweave, run};

/// A running node, in a folder of its own.
pub(crate) struct Managed {
    pub(crate) process: Background,
    folder: TempDir,
}

/// A router with the realm `realm1`, open to everyone, on the Unix socket `router`.
pub(crate) fn router() -> Value {
    let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
    let endpoint = json!({"type": "unix", "path": "router"});
    json!({"type": "router", "id": "router", "realms": [{"name": "realm1", "roles": roles}],
        "transports": [{"type": "rawsocket", "endpoint": endpoint}]})
}

impl Managed {
    /// Starts a node with these workers, in a folder with these files, and waits until it is ready.
    pub(crate) fn start(workers: &Value, files: &[(&str, &str)]) -> Managed {
        let node = Managed::start_unready(workers, files);
        while !node.process.line().starts_with("listening on ") {}
        node
    }

    /// The same, without waiting.
    pub(crate) fn start_unready(workers: &Value, files: &[(&str, &str)]) -> Managed {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let config = json!({"version": 2, "workers": workers}).to_string();
        fs::write(folder.path().join("config.json"), config).unwrap();
        let mut command = crossweave();
        let process = Background::start(command.args(["start", "--cbdir"]).arg(folder.path()));
        Managed { process, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Calls a procedure of the management realm; the error is what is printed.
    pub(crate) fn call(&self, procedure: &str, args: &[Value]) -> Result<Value, String> {
        call(&self.path("node.sock"), "crossbar", procedure, args)
    }

    /// Calls a procedure on `realm1`.
    pub(crate) fn call_realm1(&self, procedure: &str, args: &[Value]) -> Result<Value, String> {
        call(&self.path("router"), "realm1", procedure, args)
    }

    /// Calls a procedure on another realm, by this socket.
    pub(crate) fn call_on(
        &self,
        socket: &str,
        realm: &str,
        procedure: &str,
        args: &[Value],
    ) -> Result<Value, String> {
        call(&self.path(socket), realm, procedure, args)
    }

    /// Hears the events of the management realm.
    pub(crate) fn subscribe(&self, topic: &str) -> Background {
        let url = format!("unix:{}", self.path("node.sock").display());
        let mut command = crossweave();
        let sub =
            Background::start(command.args(["sub", topic, "--json", "--url", &url, "--realm", "crossbar"]));
        sub.wait_for("subscribed");
        sub
    }

    /// Hears all events of the management realm that begin so, with their topics.
    pub(crate) fn subscribe_all(&self, prefix: &str) -> Background {
        let url = format!("unix:{}", self.path("node.sock").display());
        let mut command = crossweave();
        let args = ["sub", prefix, "--match", "prefix", "--json", "--realm", "crossbar", "--url", &url];
        let sub = Background::start(command.args(args));
        sub.wait_for("subscribed");
        sub
    }

    /// Asks until there is an answer.
    pub(crate) fn until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = ask() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{what}: not within {PATIENCE:?}; {:?}", self.process.told());
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        while !self.process.line().contains(text) {}
    }

    /// Whether a process is there.
    pub(crate) fn lives(pid: u64) -> bool {
        // One that waits for its parent to notice its end is not.
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.process.signal(Signal::TERM);
        self.process.end()
    }
}

fn call(socket: &Path, realm: &str, procedure: &str, args: &[Value]) -> Result<Value, String> {
    let url = format!("unix:{}", socket.display());
    let args: Vec<String> = args.iter().map(Value::to_string).collect();
    let mut line = vec!["call", procedure];
    line.extend(args.iter().map(String::as_str));
    line.extend(["--url", &url, "--realm", realm, "--json"]);
    let Outcome { code, stdout, stderr } = run(&line);
    if code != Some(0) {
        let told: Result<Value, _> = serde_json::from_str(stderr.lines().last().unwrap_or_default());
        let text =
            told.ok().and_then(|it| Some(format!("{} {}", it["error"].as_str()?, it["args"][0].as_str()?)));
        return Err(text.unwrap_or(stderr));
    }
    let answer: Value = serde_json::from_str(&stdout).expect("the answer is JSON");
    Ok(answer["args"][0].clone())
}
