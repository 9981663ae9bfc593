//! The router of this repository.

use std::path::Path;
use std::process::Command;

use super::{Kind, Peer, Places, output_of, write_node_config};
use crate::trouble::{Result, Trouble};

/// Takes the program named on the command line, or builds it.
pub(super) fn prepare(places: &Places) -> Result<Peer> {
    let program = match &places.crossweave {
        Some(program) => program.clone(),
        None => build(places)?,
    };
    let octets = std::fs::metadata(&program).map_err(|_| missing(&program))?.len();
    let version = output_of(Command::new(&program).arg("version"))?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    if version.is_empty() {
        return Err(Trouble::NotInstalled(format!(
            "{} is not built yet (its `version` says nothing)",
            program.display()
        )));
    }
    Ok(Peer { kind: Kind::Crossweave, program, version, octets: Some(octets) })
}

fn build(places: &Places) -> Result<std::path::PathBuf> {
    eprintln!("building crossweave (release)");
    let mut cargo = Command::new("cargo");
    output_of(cargo.args(["build", "--release", "--package", "crossweave"]).current_dir(&places.root))?;
    let target = places.cache.parent().expect("the cache is a folder of the build directory");
    Ok(target.join("release/crossweave"))
}

fn missing(program: &Path) -> Trouble {
    Trouble::NotInstalled(format!("there is no program at {}", program.display()))
}

pub(super) fn command(peer: &Peer, folder: &Path, port: u16) -> Result<Command> {
    let config = write_node_config(folder, port, serde_json::json!({"inline": true}))?;
    let mut command = Command::new(&peer.program);
    command.args(["start", "--cbdir"]).arg(folder).arg("--config").arg(config);
    Ok(command)
}
