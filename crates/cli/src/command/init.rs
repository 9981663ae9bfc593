//! `crossweave init`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use crossweave_config::{CONFIG_FILES, init_template, tidy};

use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::writing::{Existing, ordinary, write_whole};

/// The node directory within an application's directory.
const NODE_DIRECTORY: &str = ".crossbar";

/// Write a configuration to start with
///
/// It says what `crossweave start` does without any: realm `realm1`, open to everyone on this machine. An existing
/// configuration is never touched.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The application's directory; the configuration goes into `.crossbar` in it [default: the current one]
    #[arg(long, value_name = "DIR")]
    appdir: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let appdir = tidy(self.appdir.as_deref().unwrap_or(Path::new(".")));
        // A new application gets its directory; more than one are a slip of the pen.
        if let Some(parent) =
            appdir.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir())
        {
            let message = format!("cannot write a configuration: there is no directory {}", parent.display());
            return Err(Failure::setup(message));
        }
        let node_directory = tidy(&appdir.join(NODE_DIRECTORY));
        let file = write_template(&node_directory).map_err(Failure::setup)?;
        let from = match appdir == Path::new(".") {
            true => String::new(),
            false => format!(" --cbdir {}", shell_word(&node_directory)),
        };
        terminal.print(&format!("wrote {}", file.display()))?;
        terminal.print("")?;
        terminal.print("next:")?;
        terminal.print(&format!("  edit {}", shell_word(&file)))?;
        terminal.print(&format!("  crossweave check{from}"))?;
        terminal.print(&format!("  crossweave start{from}"))?;
        terminal.print("")?;
        terminal.print(
            "A node with a configuration has what that says: no start page, clock or com.example.add2.",
        )?;
        terminal.print(&format!(
            "Keep {} to yourself: `start` makes it.",
            shell_word(&node_directory.join("key.priv"))
        ))
    }
}

/// The path as a shell takes it for one word.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn is_absent(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && folder.symlink_metadata().is_err()
}

/// Writes the configuration and says where it is.
fn write_template(folder: &Path) -> Result<PathBuf, String> {
    let failed = |path: &Path, error: &io::Error| format!("cannot write {}: {error}", path.display());
    if let Some(existing) =
        CONFIG_FILES.iter().map(|name| folder.join(name)).find(|file| file.symlink_metadata().is_ok())
    {
        return Err(format!("there is a configuration already: {}", existing.display()));
    }
    // The application's directory may be new as well.
    let made: Vec<&Path> =
        [Some(folder), folder.parent()].into_iter().flatten().filter(|it| is_absent(it)).collect();
    let file = folder.join("config.json");
    let written = fs::create_dir_all(folder).map_err(|error| failed(folder, &error)).and_then(|()| {
        write_whole(&file, init_template().as_bytes(), ordinary(), Existing::Keep)
            .map_err(|error| failed(&file, &error))
    });
    if let Err(error) = written {
        // Those with something in them stay, and so do those that cannot be removed.
        made.iter().for_each(|it| drop(fs::remove_dir(it)));
        return Err(error);
    }
    Ok(file)
}
