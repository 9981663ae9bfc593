//! The node directory: where it is, and the configuration file in it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::Checked;
use crate::document::{FILE_LEN_MAX, Format};
use crate::environment::Environment;
use crate::host::Host;
use crate::node::Node;
use crate::places::Places;
use crate::problem::{Problem, Problems, Severity};
use crate::source::Source;
use crate::starter::{default_document, default_node};

/// The names of environment variables that say where the node directory is, the first one first.
pub const CBDIR_VARIABLES: [&str; 2] = ["CROSSWEAVE_DIR", "CROSSBAR_DIR"];
/// The names a configuration file has, the first one first.
pub const CONFIG_FILES: [&str; 2] = ["config.yaml", "config.json"];

/// A checked configuration and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The node directory.
    pub cbdir: PathBuf,
    /// The file; None if the directory has none, then `node` is [`default_node`].
    pub config_file: Option<PathBuf>,
    /// What the file says. Relative paths in it were joined to the node directory.
    pub node: Node,
    /// The same as it is written, without comments: variables are not replaced, and paths are as they were.
    pub document: serde_json::Value,
    /// Where its roles and permissions stand in the file; nothing without a file.
    pub places: Places,
    /// What is probably not meant as it is written, but does no harm.
    pub warnings: Problems,
}

/// The node directory: the argument, else `$CROSSWEAVE_DIR`, else `$CROSSBAR_DIR`, else `.crossbar` if there is such a
/// directory, else the current one. If it is a file, the directory it is in. The path is [`tidy`].
pub fn find_cbdir(argument: Option<&Path>, env: Environment<'_>, current: &Path) -> PathBuf {
    let from_env = || CBDIR_VARIABLES.iter().filter_map(|name| env.get(name)).find(|value| !value.is_empty());
    let given = argument.map(Path::to_path_buf).or_else(|| from_env().map(PathBuf::from));
    let Some(given) = given else {
        let usual = current.join(".crossbar");
        let is_there = match fs::metadata(&usual) {
            Ok(metadata) => metadata.is_dir(),
            // One that cannot be looked at is there; reading it tells why not.
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        return tidy(if is_there { &usual } else { current });
    };
    let given = tidy(&current.join(given));
    match given.parent() {
        Some(parent) if given.is_file() => parent.to_path_buf(),
        _ => given,
    }
}

/// The same path as people would write it: without `.` and repeated slashes, such as in `././a//b`. A `..` stays, as what is
/// before it may be a link. The current directory is `.`.
pub fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

/// Reads and checks the configuration of a node directory, with the environment of this process.
///
/// `config` is relative to the node directory. Without it, the first of `config.yaml` and `config.json` that exists is
/// read; if there is none, the result is [`default_node`]. A file of which it cannot be told whether it exists, or a link to
/// nothing, is a problem.
pub fn load(cbdir: &Path, config: Option<&Path>) -> Result<Loaded, Problems> {
    load_with(cbdir, config, Environment::process())
}

/// [`load`] with an environment of the caller's.
pub fn load_with(cbdir: &Path, config: Option<&Path>, env: Environment<'_>) -> Result<Loaded, Problems> {
    read(cbdir, config, env, None)
}

/// [`load`] for this host: what it does not have, or cannot use, is an error at its name.
pub fn load_checking(cbdir: &Path, config: Option<&Path>, host: &dyn Host) -> Result<Loaded, Problems> {
    read(cbdir, config, Environment::process(), Some(host))
}

/// What a node directory has, right or wrong: as much of the node as can be read, and every problem.
///
/// For reports; a node is not to be started from it.
pub fn survey(file: &ConfigFile, cbdir: &Path, env: Environment<'_>, host: &dyn Host) -> (Node, Problems) {
    let name = file.path.display().to_string();
    let Checked { node, warnings: problems, .. } =
        crate::examine(&file.text, file.format, &name, env, Some(cbdir), Some(host));
    (node, problems)
}

/// A configuration file that is there.
#[derive(Clone)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is written in.
    pub format: Format,
    /// What it says. It may hold secrets.
    pub text: String,
}

impl ConfigFile {
    /// Finds and reads the configuration file of a node directory, without looking at what it says; none if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no configuration file.
    pub fn find(cbdir: &Path, config: Option<&Path>) -> Result<Option<Self>, Problems> {
        let path = match config {
            Some(config) => Some(tidy(&cbdir.join(config))),
            None => existing(cbdir)?,
        };
        let Some(path) = path else { return Ok(None) };
        let name = path.display().to_string();
        if let Err(error) = fs::metadata(&path)
            && error.kind() == ErrorKind::NotFound
            && config.is_some()
        {
            let expected = Some(format!("a path from the node directory, {}", cbdir.display()));
            return Err(Problems::with_file(&name, format!("the file cannot be read: {error}"), expected));
        }
        if path.is_dir() {
            let expected = Some("a file, such as `config.json`".to_owned());
            return Err(Problems::with_file(&name, "this is a directory".to_owned(), expected));
        }
        let format = format_of(&path)?;
        let text = text_of(&path)?;
        Ok(Some(Self { path, format, text }))
    }
}

fn read(
    cbdir: &Path,
    config: Option<&Path>,
    env: Environment<'_>,
    host: Option<&dyn Host>,
) -> Result<Loaded, Problems> {
    let Some(file) = ConfigFile::find(cbdir, config)? else {
        let warnings = Problems::new(Arc::new(Source::new("", "")), Vec::new());
        let (node, document, places) = (default_node(), default_document(), Places::default());
        return Ok(Loaded {
            cbdir: cbdir.to_path_buf(),
            config_file: None,
            node,
            document,
            places,
            warnings,
        });
    };
    let name = file.path.display().to_string();
    let checked = crate::check(&file.text, file.format, &name, env, Some(cbdir), host)?;
    Ok(Loaded {
        cbdir: cbdir.to_path_buf(),
        config_file: Some(file.path),
        node: checked.node,
        document: checked.document,
        places: checked.places,
        warnings: checked.warnings,
    })
}

/// The first configuration file that is there. One that cannot be looked at is a problem and not absent, since absence
/// means the built-in node, which is open to everyone on this machine.
fn existing(cbdir: &Path) -> Result<Option<PathBuf>, Problems> {
    for file in CONFIG_FILES.iter().map(|name| cbdir.join(name)) {
        match fs::symlink_metadata(&file) {
            Ok(_) => return Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let name = file.display().to_string();
                return Err(Problems::with_file(&name, format!("the file cannot be read: {error}"), None));
            }
        }
    }
    Ok(None)
}

fn format_of(file: &Path) -> Result<Format, Problems> {
    let problem = |message: &str| {
        let expected = Some("a name that ends with `.json` or `.yaml`".to_owned());
        Err(Problems::with_file(&file.display().to_string(), message.to_owned(), expected))
    };
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("yaml") => Ok(Format::Yaml),
        Some("yml") => {
            problem("a YAML configuration must end with `.yaml`, as in Crossbar.io, not with `.yml`")
        }
        _ => problem("a configuration file must end with `.json` or `.yaml`"),
    }
}

fn text_of(file: &Path) -> Result<String, Problems> {
    let name = file.display().to_string();
    let problem = |message: String| Problems::with_file(&name, message, None);
    let unreadable = |error: std::io::Error| problem(format!("the file cannot be read: {error}"));
    // Devices and pipes may never end or never begin.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(problem("this is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_LEN_MAX).map_or(u64::MAX, |len| len + 1);
    File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > FILE_LEN_MAX {
        return Err(problem(format!("the file is larger than {FILE_LEN_MAX} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| not_utf8(&name, error.as_bytes(), error.utf8_error().valid_up_to()))
}

fn not_utf8(name: &str, bytes: &[u8], offset: usize) -> Problems {
    // Every broken sequence becomes one character, all of them after the valid part.
    let source = Source::new(name, &String::from_utf8_lossy(bytes));
    let skipped = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    let range = source.clamp_range(offset - skipped..offset - skipped + 1);
    let problem = Problem {
        severity: Severity::Error,
        place: None,
        range,
        path: "$".to_owned(),
        message: "the file is not UTF-8".to_owned(),
        expected: Some("UTF-8".to_owned()),
        nearest: None,
    };
    Problems::new(Arc::new(source), vec![problem])
}
