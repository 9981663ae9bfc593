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
        let process = Background::start(crossweave().arg("start").current_dir(folder).args(args));
        let mut ready = Vec::new();
        while ready.len() < addresses {
            let line = process.line();
            if line.starts_with("listening on ") {
                ready.push(line);
            }
        }
        Node { process, ready, _folder: TempDir::new().unwrap() }
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
