//! The router of this repository.

use std::path::Path;
use std::process::Command;

use super::{Hosting, IDLE_TIMEOUT_S, Kind, Peer, Places, node_config, output_of, write_node_config};
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

/// With a template beside the realm: see [`super::template_realm`].
pub(super) fn command(peer: &Peer, folder: &Path, port: u16, hosting: Hosting) -> Result<Command> {
    let mut config = node_config(port);
    let worker = &mut config["workers"][0];
    worker["options"] = serde_json::json!({"inline": hosting == Hosting::Usual});
    let mut template = worker["realms"][0].clone();
    template["name"] = "^started-[0-9]+$".into();
    template["template"] = true.into();
    template["activation"] = serde_json::json!({
        "max_realms": 20_000,
        "max_realms_per_principal": 20_000,
        "max_rate": 10_000,
        "idle_timeout": IDLE_TIMEOUT_S,
    });
    worker["realms"].as_array_mut().expect("it has realms").push(template);
    let config = write_node_config(folder, &config)?;
    let mut command = Command::new(&peer.program);
    command.args(["start", "--cbdir"]).arg(folder).arg("--config").arg(config);
    Ok(command)
}
