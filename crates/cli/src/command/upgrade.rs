//! `crossweave upgrade`.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use crossweave_config::{ConfigFile, upgrade};

use super::check::show_problems;
use crate::exit::Failure;
use crate::node::NodeDirectory;
use crate::terminal::Terminal;
use crate::writing::{Existing, write_whole};

const EXAMPLES: &str = "\
Examples:
  crossweave upgrade
  crossweave upgrade --cbdir /srv/app/.crossbar --print";

/// Write a configuration of version 1 as one of version 2
///
/// The new text takes the place of the old file, which is kept beside it with `.v1` after its name. Comments are lost.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Upgrade {
    #[command(flatten)]
    directory: NodeDirectory,
    /// Print it instead of writing files
    #[arg(long)]
    print: bool,
}

impl Upgrade {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let file = self.directory.file(terminal)?;
        let name = file.path.display().to_string();
        let rewritten = upgrade(&file.text, file.format, &name).map_err(|problems| {
            show_problems(terminal, &problems);
            Failure::setup(format_args!("{name} was not changed"))
        })?;
        rewritten.remarks.iter().for_each(|remark| terminal.notice(&format!("note: {remark}")));
        if self.print {
            return terminal.print(rewritten.text.trim_end());
        }
        let kept = replace(&file, &rewritten.text)
            .map_err(|(path, error)| Failure::setup(explain(&path, &error)))?;
        terminal.print(&format!("wrote {name}; the old one is {}", kept.display()))
    }
}

/// Keeps the old text, then replaces it; says where it was kept.
fn replace(file: &ConfigFile, text: &str) -> Result<PathBuf, (PathBuf, io::Error)> {
    let mut kept = OsString::from(&file.path);
    kept.push(".v1");
    let kept = PathBuf::from(kept);
    let write = |path: &Path, text: &str, existing| {
        super::permissions_of(&file.path)
            .and_then(|permissions| write_whole(path, text.as_bytes(), permissions, existing))
            .map_err(|error| (path.to_owned(), error))
    };
    write(&kept, &file.text, Existing::Keep)?;
    write(&file.path, text, Existing::Replace)?;
    Ok(kept)
}

fn explain(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::AlreadyExists => format!("{path} is there already, and would be lost: move it away"),
        _ => format!("cannot write {path}: {error}"),
    }
}
