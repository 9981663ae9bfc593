//! `crossweave schema`.

use clap::Args;

use crate::exit::Failure;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave schema > .crossbar/schema.json

An editor that knows JSON Schema then completes and checks a configuration with
  \"$schema\": \"./schema.json\"
as its first key, or in YAML
  # yaml-language-server: $schema=./schema.json
as its first line.";

/// Print the JSON Schema of configurations, for editors
///
/// It says which keys there are and what they may hold. `crossweave check` finds more.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        terminal.print(&format!("{:#}", crossweave_config::schema()))
    }
}
