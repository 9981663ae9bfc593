//! A running node.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, crossweave, run};
use crate::start::config;

/// `crossweave start` in an empty folder, on a port that was free.
pub(crate) struct Node {
    pub(crate) process: Background,
    /// The lines `listening on ...`.
    pub(crate) ready: Vec<String>,
    _folder: TempDir,
}

impl Node {
    pub(crate) fn start() -> Node {
        let folder = TempDir::new().unwrap();
        let mut node = Node::start_in(folder.path(), &["--port", "0"], 3);
        node._folder = folder;
        node
    }

    /// Starts the node of this folder, which announces so many addresses.
    pub(crate) fn start_in(folder: &Path, args: &[&str], addresses: usize) -> Node {
        let mut node = Node::start_unready(folder, args);
        node.wait_until_ready(addresses);
        node
    }

    /// The same, without waiting.
    pub(crate) fn start_unready(folder: &Path, args: &[&str]) -> Node {
        let process = Background::start(crossweave().arg("start").current_dir(folder).args(args));
        Node { process, ready: Vec::new(), _folder: TempDir::new().unwrap() }
    }

    /// Waits until it has announced so many addresses.
    pub(crate) fn wait_until_ready(&mut self, addresses: usize) {
        while self.ready.len() < addresses {
            let line = self.process.line();
            if line.starts_with("listening on ") {
                self.ready.push(line);
            }
        }
    }

    /// Starts a node in a new folder whose router is in a process of its own or in the node's; with the URL of its socket.
    pub(crate) fn with_socket(is_inline: bool) -> (TempDir, Node, String) {
        Node::with_socket_and(is_inline, &[])
    }

    /// The same, with these arguments; with any, it may not be ready: they may change what it prints.
    pub(crate) fn with_socket_and(is_inline: bool, args: &[&str]) -> (TempDir, Node, String) {
        let folder = TempDir::new().unwrap();
        let endpoint = json!({"type": "unix", "path": "cw.sock"});
        let text = config(&json!([{"type": "rawsocket", "endpoint": endpoint}]));
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config["workers"][0]["options"] = json!({"inline": is_inline});
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let node = Node::start_in(folder.path(), args, usize::from(args.is_empty()));
        let url = format!("unix:{}", folder.path().join("cw.sock").display());
        (folder, node, url)
    }

    /// Its WebSocket URL.
    pub(crate) fn url(&self) -> &str {
        self.ready[0].split_whitespace().nth(2).expect("the line names a URL")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let authority = self.url().split('/').nth(2).expect("a URL has an authority");
        authority.parse().expect("the node names an IP address")
    }

    /// Runs a client command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let (command, args) = args.split_first().unwrap();
        run(&[&[*command, "--url", self.url()], args].concat())
    }

    /// Starts a client command that goes on.
    pub(crate) fn background(&self, args: &[&str]) -> Background {
        let (command, args) = args.split_first().unwrap();
        Background::start(crossweave().args([*command, "--url", self.url()]).args(args))
    }

    /// Starts a client command and waits until it has told that it is there.
    pub(crate) fn ready(&self, args: &[&str], told: &str) -> Background {
        let process = self.background(args);
        process.wait_for(told);
        process
    }
}
