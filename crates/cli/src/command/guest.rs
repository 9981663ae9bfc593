//! `crossweave _guest`: becomes a program that does not outlive the node. `crossweave _watch`: ends what it has started if the node is
//! killed. Not for people.

use std::ffi::OsString;

use clap::Args;
use crossweave_node::{become_guest, watch_guests};
use rustix::thread::set_name;

use crate::exit::Failure;

/// The name of the command.
pub(super) const NAME: &str = "_guest";

/// Run a guest of a node; started by its controller
#[derive(Debug, Args)]
#[command(name = NAME, hide = true)]
pub(super) struct Guest {
    /// The controller's process
    parent: u32,
    /// The program
    program: OsString,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// The name of the other command.
pub(super) const WATCH: &str = "_watch";

/// How the controller runs it.
pub(super) fn watch_command() -> Vec<OsString> {
    ["/proc/self/exe", WATCH].map(OsString::from).to_vec()
}

/// Watches the guests that the controller names, until that is gone.
pub(super) fn watch() {
    // Without a name it does as much.
    let _ = set_name(c"crossweave");
    watch_guests(std::io::stdin().lock());
}

impl Guest {
    /// How the controller runs it: by this very program, also if its file has been replaced meanwhile.
    pub(super) fn command() -> Vec<OsString> {
        ["/proc/self/exe", NAME].map(OsString::from).to_vec()
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let program = self.program.to_string_lossy().into_owned();
        let error = become_guest(self.parent, &self.program, &self.arguments);
        Err(Failure::setup(format_args!("{program} cannot be run: {error}")))
    }
}
