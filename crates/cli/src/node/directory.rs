//! The options by which commands find a node's configuration.

use std::path::PathBuf;

use clap::Args;
use crossweave_config::{Loaded, Problems, find_cbdir, load};

use crate::exit::Failure;

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct NodeDirectory {
    /// The node directory [default: $CROSSWEAVE_DIR, $CROSSBAR_DIR, `.crossbar`, or the current directory]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
    /// The configuration file, from the node directory [default: `config.yaml`, else `config.json`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum NotLoaded {
    /// The command line or the machine is at fault.
    Failure(Failure),
    /// The configuration is.
    Problems(Problems),
}

impl NodeDirectory {
    /// Reads and checks the configuration.
    pub(crate) fn load(&self) -> Result<Loaded, NotLoaded> {
        let failure = |message: String| NotLoaded::Failure(Failure::setup(message));
        let current = std::env::current_dir()
            .map_err(|error| failure(format!("the current directory cannot be read: {error}")))?;
        let cbdir = find_cbdir(self.cbdir.as_deref(), crossweave_config::Environment::process(), &current);
        if !cbdir.is_dir() {
            return Err(failure(format!("there is no node directory {}", cbdir.display())));
        }
        load(&cbdir, self.config.as_deref()).map_err(NotLoaded::Problems)
    }
}
