//! A running node.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::background::{Background, Outcome, crossweave, run};

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
