//! `crossweave keys`.

use clap::Args;
use crossweave_node::node_key;
use serde_json::json;

use crate::exit::Failure;
use crate::node::{Cbdir, meant};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave keys
  crossweave keys --cbdir /srv/app/.crossbar --json | jq -r .public
  crossweave keys --private";

/// Show the node's key, by which it proves itself
///
/// The public key goes to clients that want to be sure whom they talk to. If the node directory has no `key.priv`, it is made
/// now, together with `key.pub`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Keys {
    #[command(flatten)]
    directory: Cbdir,
    /// Show the private key as well
    #[arg(long)]
    private: bool,
    /// Print one JSON object: file, public and, with --private, private
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.show(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn show(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        if let Some(hint) = meant(&directory).filter(|_| !directory.join("key.priv").exists()) {
            return Err(Failure::setup(format_args!("no key.priv in {}{hint}", directory.display())));
        }
        let key = node_key(&directory).map_err(Failure::setup)?;
        let file = directory.join("key.priv").display().to_string();
        let public = key.public().to_hex();
        if self.json {
            let mut object = json!({"file": file, "public": public});
            if self.private {
                object["private"] = key.to_hex().into();
            }
            return terminal.print(&object.to_string());
        }
        terminal.print(&format!("node key (Ed25519) of {file}"))?;
        if self.private {
            terminal.print(&format!("  private: {}", key.to_hex()))?;
        }
        terminal.print(&format!("   public: {public}"))
    }
}
