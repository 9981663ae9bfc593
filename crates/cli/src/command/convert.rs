//! `crossweave convert`.

use std::io::ErrorKind;
use std::path::Path;

use clap::Args;
use crossweave_config::{ConfigFile, Format, convert};

use super::check::show_problems;
use crate::exit::Failure;
use crate::node::NodeDirectory;
use crate::terminal::Terminal;
use crate::writing::{Existing, write_whole};

const EXAMPLES: &str = "\
Examples:
  crossweave convert
  crossweave convert --config config.json --print | less";

/// Write a configuration in the other format: JSON as YAML, YAML as JSON
///
/// The new file stands beside the old one, which stays: `config.yaml` beside `config.json`. Keys keep their order; comments
/// are lost.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Convert {
    #[command(flatten)]
    directory: NodeDirectory,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
    /// Print it instead of writing a file
    #[arg(long, conflicts_with = "force")]
    print: bool,
}

impl Convert {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let file = self.directory.file(terminal)?;
        let (to, extension) = match file.format {
            Format::Json => (Format::Yaml, "yaml"),
            Format::Yaml => (Format::Json, "json"),
        };
        let name = file.path.display().to_string();
        let rewritten = convert(&file.text, file.format, &name, to).map_err(|problems| {
            show_problems(terminal, &problems);
            Failure::setup(format_args!("{name} was not converted"))
        })?;
        rewritten.remarks.iter().for_each(|remark| terminal.notice(&format!("note: {remark}")));
        if self.print {
            return terminal.print(rewritten.text.trim_end());
        }
        let target = file.path.with_extension(extension);
        self.write(&file, &target, &rewritten.text)?;
        terminal.print(&format!("wrote {}", target.display()))?;
        if target.ends_with("config.yaml") || file.path.ends_with("config.yaml") {
            terminal.notice("note: where both are there, `config.yaml` counts");
        }
        Ok(())
    }

    fn write(&self, file: &ConfigFile, target: &Path, text: &str) -> Result<(), Failure> {
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        let written = super::permissions_of(&file.path)
            .and_then(|permissions| write_whole(target, text.as_bytes(), permissions, existing));
        let target = target.display();
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Failure::setup(format_args!("{target} is there already; `--force` replaces it"))
            }
            _ => Failure::setup(format_args!("cannot write {target}: {error}")),
        })
    }
}
