//! A running `crossweave start`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::crossweave;

/// How long a node may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a node may take to end after a signal.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// One process. Dropping it kills it.
pub struct Node {
    /// `None` for a node that somebody else started.
    child: Option<Child>,
    address: SocketAddr,
    log: Log,
    /// The node directory; removed with the node.
    folder: Option<TempDir>,
}

/// Everything the process printed, on stdout and stderr.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn follow(&self, source: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                let mut text = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = writeln!(text, "{}", String::from_utf8_lossy(&line));
            }
        });
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A node configuration with one realm `realm1`, open to anonymous, and one loopback port (a free one) that takes
/// RawSocket and WebSocket (at `/ws`). Messages larger than `message_size_max` bytes are refused on both.
pub fn config(message_size_max: u64) -> Value {
    let everything = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let permissions = json!([{"uri": "", "match": "prefix", "allow": everything}]);
    let serializers = json!(["json", "msgpack", "cbor", "ubjson", "flatbuffers"]);
    let options = json!({"max_message_size": message_size_max});
    json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": permissions}]}],
            "transports": [{
                "type": "universal",
                "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"},
                "rawsocket": {"serializers": serializers, "options": options},
                "websocket": {"ws": {"type": "websocket", "serializers": serializers, "options": options}},
            }],
        }],
    })
}

impl Node {
    /// Boots a node with [`config`] and a limit of 64 KiB per message, or takes the running one that the environment
    /// variable `CROSSWEAVE_ADDRESS` (`host:port`) names.
    pub fn start() -> Node {
        match env::var("CROSSWEAVE_ADDRESS") {
            Ok(address) => Node::running(&address),
            Err(_) => Node::start_with(&config(1 << 16)),
        }
    }

    /// Boots a node with this configuration.
    pub fn start_with(config: &Value) -> Node {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let file = folder.path().join("config.json");
        fs::write(&file, config.to_string()).expect("the configuration can be written");
        let mut start = Command::new(crossweave());
        start.arg("start").arg("--cbdir").arg(folder.path()).arg("--config").arg(&file);
        Node::boot(folder, &mut start)
    }

    /// Boots a node without a configuration file, with more arguments for `crossweave start`.
    pub fn start_without_config(arguments: &[String]) -> Node {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let binary = std::path::absolute(crossweave()).expect("the binary has a path");
        let mut start = Command::new(binary);
        // `--cbdir` would ask for a configuration.
        start.arg("start").args(arguments).current_dir(folder.path());
        for variable in ["CROSSWEAVE_DIR", "CROSSBAR_DIR"] {
            start.env_remove(variable);
        }
        Node::boot(folder, &mut start)
    }

    fn running(address: &str) -> Node {
        let address = address.to_socket_addrs().ok().and_then(|mut all| all.next());
        let address = address.expect("CROSSWEAVE_ADDRESS is host:port");
        Node { child: None, address, log: Log::default(), folder: None }
    }

    fn boot(folder: TempDir, start: &mut Command) -> Node {
        let mut child = start
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the crossweave binary can be started");
        let log = Log::default();
        log.follow(child.stdout.take().expect("stdout was set to piped above"));
        log.follow(child.stderr.take().expect("stderr was set to piped above"));
        let address = ([127, 0, 0, 1], 0).into();
        let mut node = Node { child: Some(child), address, log, folder: Some(folder) };
        node.await_ready();
        node
    }

    fn await_ready(&mut self) {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if let Some(address) = announced(&self.log.text())
                && TcpStream::connect_timeout(&address, READY_WITHIN).is_ok()
            {
                self.address = address;
                return;
            }
            if let Some(status) = self.has_ended() {
                panic!("the node ended with {status} before it was ready; its log:\n{}", self.log.text());
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "the node printed no ws://HOST:PORT/ws within {READY_WITHIN:?}; its log:\n{}",
            self.log.text()
        );
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its WebSocket URL.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Its node directory.
    ///
    /// # Panics
    ///
    /// If the node was not started here.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().expect("the node was started here").path()
    }

    /// The process id, if the node was started here.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The status it ended with, if it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().expect("a child can be waited for"))
    }

    /// Sends SIGTERM and returns the status the node ends with.
    pub fn terminate(self) -> ExitStatus {
        self.signal(Signal::TERM)
    }

    /// Sends SIGINT, as Ctrl-C does, and returns the status the node ends with.
    pub fn interrupt(self) -> ExitStatus {
        self.signal(Signal::INT)
    }

    /// Stops a node that was started here with SIGINT.
    ///
    /// # Panics
    ///
    /// If it does not end in time with status 0; the message carries its log.
    pub fn stop_and_expect_success(self) {
        if self.child.is_none() {
            return;
        }
        let log = self.log.clone();
        let status = self.interrupt();
        assert!(status.success(), "the node ended with {status} after SIGINT; its log:\n{}", log.text());
    }

    fn signal(mut self, signal: Signal) -> ExitStatus {
        let child = self.child.as_ref().expect("only a node that was started here can be stopped");
        kill_process(Pid::from_child(child), signal).expect("our own child can be signalled");
        let until = Instant::now() + STOPS_WITHIN;
        while Instant::now() < until {
            if let Some(status) = self.has_ended() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the node did not end within {STOPS_WITHIN:?} of {signal:?}; its log:\n{}", self.log.text());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The address in the first `ws://HOST:PORT/ws` of the log.
fn announced(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("ws://")?;
    let (authority, _) = rest.split_once("/ws")?;
    authority.to_socket_addrs().ok()?.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_address() {
        let log = "starting\nready: ws://127.0.0.1:40123/ws, rs://127.0.0.1:40123\n";
        assert_eq!(announced(log), Some(([127, 0, 0, 1], 40123).into()));
        assert_eq!(announced("listening soon"), None);
    }
}
