//! nats-server, as Debian packages it, with its defaults.

use std::path::PathBuf;
use std::process::Command;

use super::{Kind, Peer, output_of};
use crate::trouble::{Result, Trouble};

/// Where Debian and others put it, after the search path.
const PLACES: [&str; 3] = ["nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server"];

pub(super) fn prepare() -> Result<Peer> {
    let (program, version) = match find() {
        Some(found) => found,
        None => {
            install()?;
            find().ok_or_else(|| Trouble::NotInstalled("nats-server, even after installing it".to_owned()))?
        }
    };
    let octets = std::fs::metadata(&program).ok().map(|metadata| metadata.len());
    Ok(Peer { kind: Kind::Nats, program, version, octets })
}

fn find() -> Option<(PathBuf, String)> {
    PLACES.iter().find_map(|place| {
        let version = output_of(Command::new(place).arg("--version")).ok()?;
        let path = output_of(Command::new("sh").args(["-c", "command -v \"$0\"", place])).ok()?;
        let version = version.trim_start_matches("nats-server:").trim().trim_start_matches('v').to_owned();
        Some((PathBuf::from(path), version))
    })
}

/// Installs the Debian package, which only root may.
fn install() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(Trouble::NotInstalled("nats-server (apt-get install nats-server)".to_owned()));
    }
    eprintln!("installing nats-server with apt-get");
    let mut apt = Command::new("apt-get");
    output_of(
        apt.args(["install", "--yes", "--quiet", "nats-server"]).env("DEBIAN_FRONTEND", "noninteractive"),
    )
    .map(drop)
}

pub(super) fn command(peer: &Peer, port: u16) -> Command {
    let mut command = Command::new(&peer.program);
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    command
}
