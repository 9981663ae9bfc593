//! Finding and installing what the client checks need, below the target directory.
//!
//! Nothing is installed twice: each folder carries a stamp with the list it was made from, so a second run needs no
//! network. Debian packages are only installed as root, and only if the program is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::steps::succeeds;

/// The oldest Node.js that brings a WebSocket of its own (20.10 has it behind a flag).
const NODE_MIN: (u32, u32) = (20, 10);
/// The oldest Python that Autobahn's current release runs on.
const PYTHON_MIN: (u32, u32) = (3, 11);

const STAMP: &str = "installed.stamp";

/// Makes a Python environment with the packages of `requirements`. Returns its interpreter.
pub(super) fn python(requirements: &Path, folder: &Path) -> Result<PathBuf, String> {
    let version = version("python3", &["--version"]).or_else(|_| {
        debian(&["python3", "python3-venv"])?;
        version("python3", &["--version"])
    })?;
    if version < PYTHON_MIN {
        return Err(format!(
            "python3 is {}.{}, Autobahn needs {}.{}",
            version.0, version.1, PYTHON_MIN.0, PYTHON_MIN.1
        ));
    }
    let interpreter = folder.join("bin").join("python3");
    let wanted = read(requirements)?;
    if is_installed(folder, &wanted) {
        return Ok(interpreter);
    }
    fresh(folder)?;
    let make = || quietly(Command::new("python3").args(["-m", "venv"]).arg(folder));
    if !make() {
        debian(&["python3-venv"]).map_err(|e| format!("python3 has no working venv module, and {e}"))?;
        fresh(folder)?;
        if !make() {
            return Err("python3 -m venv fails".to_owned());
        }
    }
    let mut pip = Command::new(&interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements);
    if !succeeds(&mut pip) {
        return Err("pip could not install the packages".to_owned());
    }
    stamp(folder, &wanted)?;
    Ok(interpreter)
}

/// Installs the npm packages locked in `source`. Returns the folder `node_modules`.
pub(super) fn node_modules(source: &Path, folder: &Path) -> Result<PathBuf, String> {
    let version = version("node", &["--version"]).or_else(|_| {
        debian(&["nodejs", "npm"])?;
        version("node", &["--version"])
    })?;
    if version < NODE_MIN {
        return Err(format!(
            "node is {}.{}, AutobahnJS needs {}.{}",
            version.0, version.1, NODE_MIN.0, NODE_MIN.1
        ));
    }
    let modules = folder.join("node_modules");
    let wanted = read(&source.join("package-lock.json"))?;
    if is_installed(folder, &wanted) {
        return Ok(modules);
    }
    fresh(folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), folder.join(file)).map_err(|e| format!("cannot copy {file}: {e}"))?;
    }
    let mut npm = Command::new("npm");
    // Not `ci`: some registries lack the native variants for other systems, which `ci` takes for a broken lock file.
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(folder);
    if !succeeds(&mut npm) {
        return Err("npm could not install the packages".to_owned());
    }
    stamp(folder, &wanted)?;
    Ok(modules)
}

/// Installs Debian packages, if we may.
fn debian(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    if !is_root || !quietly(Command::new("apt-get").arg("--version")) {
        return Err(format!("{names} must be installed by hand"));
    }
    println!("installing {names} with apt-get");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        quietly(command.args(["-qq", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let mut install = vec!["install", "--no-install-recommends"];
    install.extend(packages);
    if apt(&install) || (apt(&["update"]) && apt(&install)) {
        return Ok(());
    }
    Err(format!("apt-get could not install {names}"))
}

/// `(major, minor)` of what `program` says about itself, e.g. `v20.11.0` or `Python 3.11.2`.
fn version(program: &str, arguments: &[&str]) -> Result<(u32, u32), String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|e| format!("{program} cannot run: {e}"))?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| format!("{program} tells no version"))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let mut parts = text[digits..].trim().split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn quietly(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

fn is_installed(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|had| had == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result<(), String> {
    fs::write(folder.join(STAMP), wanted).map_err(|e| format!("cannot write to {}: {e}", folder.display()))
}

fn fresh(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|e| format!("cannot empty {}: {e}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(parse_version("Python 3.11.7\n"), Some((3, 11)));
        assert_eq!(parse_version("nothing"), None);
    }
}
