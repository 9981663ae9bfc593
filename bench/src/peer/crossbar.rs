//! Crossbar.io, in a virtual environment of its own.

use std::path::Path;
use std::process::Command;

use super::{Kind, Peer, Places, node_config, output_of, write_node_config};
use crate::trouble::Result;

/// The release compared with.
const VERSION: &str = "26.10.1";

pub(super) fn prepare(places: &Places) -> Result<Peer> {
    let venv = places.cache.join("venv");
    let program = venv.join("bin/crossbar");
    if !program.exists() {
        eprintln!("installing crossbar {VERSION} from PyPI");
        output_of(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = venv.join("bin/pip");
        output_of(Command::new(pip).args(["install", "--quiet", &format!("crossbar=={VERSION}")]))?;
    }
    let ask = "import importlib.metadata as m, sys; print(m.version('crossbar'), 'CPython', sys.version.split()[0])";
    let version = output_of(Command::new(venv.join("bin/python")).args(["-c", ask]))?;
    Ok(Peer { kind: Kind::Crossbar, program, version, octets: None })
}

pub(super) fn command(peer: &Peer, folder: &Path, port: u16) -> Result<Command> {
    let config = write_node_config(folder, &node_config(port))?;
    let mut command = Command::new(&peer.program);
    command.args(["start", "--loglevel", "warn", "--cbdir"]).arg(folder).arg("--config").arg(config);
    Ok(command)
}
