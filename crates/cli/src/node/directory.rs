//! The options by which commands find a node's configuration.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use crossweave_config::{
    CBDIR_VARIABLES, CONFIG_FILES, ConfigFile, Environment, Loaded, Problems, find_cbdir, load_checking,
};
use crossweave_node::Extensions;

use crate::exit::Failure;
use crate::terminal::Terminal;

/// Where the node is.
#[derive(Debug, Args)]
pub(crate) struct Cbdir {
    /// The node directory [default: $CROSSWEAVE_DIR, $CROSSBAR_DIR, `.crossbar`, or the current directory]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct NodeDirectory {
    #[command(flatten)]
    pub(crate) directory: Cbdir,
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
    ///
    /// # Errors
    /// Something is wrong with it, it cannot be read, or a directory that was asked for has none. Without being asked for
    /// one, having none means the built-in node.
    pub(crate) fn load(&self) -> Result<Loaded, NotLoaded> {
        let failure = |message: String| NotLoaded::Failure(Failure::setup(message));
        let cbdir = self.directory.find().map_err(NotLoaded::Failure)?;
        let loaded = load_checking(&cbdir, self.config.as_deref(), &Extensions::default())
            .map_err(NotLoaded::Problems)?;
        match (&loaded.config_file, self.directory.asked_for()) {
            (None, _) if cbdir.join(MISNAMED).exists() => Err(failure(format!(
                "there is no {} in {}{}",
                CONFIG_FILES.join(" or "),
                cbdir.display(),
                misnamed(&cbdir)
            ))),
            (None, Some(by)) => {
                let (names, shown) = (CONFIG_FILES.join(" or "), cbdir.display());
                let else_told =
                    || format!("; `crossweave init` writes one; without {by} the built-in node runs");
                let hint = meant(&cbdir).unwrap_or_else(else_told);
                Err(failure(format!("no {names} in {shown}{hint}")))
            }
            _ => Ok(loaded),
        }
    }

    /// The configuration file, as it is.
    ///
    /// # Errors
    /// There is none, or it cannot be read; all of it has been told then, or is in the failure.
    pub(crate) fn file(&self, terminal: Terminal) -> Result<ConfigFile, Failure> {
        let cbdir = self.directory.find()?;
        let found = ConfigFile::find(&cbdir, self.config.as_deref()).map_err(|problems| {
            terminal.notice(&problems.to_string());
            Failure::told()
        })?;
        found.ok_or_else(|| {
            let (names, shown) = (CONFIG_FILES.join(" or "), cbdir.display());
            let hint = match cbdir.join(MISNAMED).exists() {
                true => misnamed(&cbdir),
                false => meant(&cbdir).unwrap_or_else(|| ": `crossweave init` writes one".to_owned()),
            };
            Failure::setup(format_args!("there is no {names} in {shown}{hint}"))
        })
    }
}

/// A file that was meant to be the configuration. The built-in node is not started beside it.
const MISNAMED: &str = "config.yml";

/// Goes behind the sentence that says what is not there.
fn misnamed(cbdir: &Path) -> String {
    format!(", but {}: rename it to config.yaml", cbdir.join(MISNAMED).display())
}

/// What was probably meant by a directory that is no node directory itself, but whose `.crossbar` is: commands are run beside
/// it, and `--cbdir` names it. Goes behind the sentence that says what is not there.
pub(crate) fn meant(cbdir: &Path) -> Option<String> {
    let is_node = |directory: &Path| {
        let mut names = CONFIG_FILES.iter().copied().chain(["node.pid"]);
        names.any(|name| directory.join(name).exists())
    };
    let within = cbdir.join(".crossbar");
    (!is_node(cbdir) && is_node(&within)).then(|| format!("; did you mean `--cbdir {}`?", within.display()))
}

impl Cbdir {
    /// The node directory. It is there.
    ///
    /// # Errors
    /// It is not, or it cannot be looked at.
    pub(crate) fn find(&self) -> Result<PathBuf, Failure> {
        let current = std::env::current_dir()
            .map_err(|error| Failure::setup(format_args!("the current directory cannot be read: {error}")))?;
        let cbdir = find_cbdir(self.cbdir.as_deref(), Environment::process(), &current);
        let shown = cbdir.display();
        match fs::metadata(&cbdir) {
            Ok(metadata) if metadata.is_dir() => Ok(cbdir),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::setup(format_args!("the node directory {shown} cannot be read: {error}")))
            }
            _ => Err(Failure::setup(format_args!("there is no node directory {shown}"))),
        }
    }

    /// What names the node directory, if anything does.
    fn asked_for(&self) -> Option<&'static str> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match &self.cbdir {
            Some(_) => Some("--cbdir"),
            None => CBDIR_VARIABLES.into_iter().find(is_set),
        }
    }
}
