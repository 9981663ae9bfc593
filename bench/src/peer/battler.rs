//! battler-wamp, in a small program of its own that is not part of the workspace.

use std::process::Command;

use super::{Kind, Peer, Places, output_of};
use crate::trouble::Result;

/// The version pinned in `bench/peers/battler/Cargo.toml`.
const VERSION: &str = "0.6.1";

pub(super) fn prepare(places: &Places) -> Result<Peer> {
    let manifest = places.root.join("bench/peers/battler/Cargo.toml");
    let target = places.cache.join("battler");
    eprintln!("building battler-wamp (release)");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target);
    output_of(&mut cargo)?;
    let program = target.join("release/battler-router");
    let octets = std::fs::metadata(&program).ok().map(|metadata| metadata.len());
    Ok(Peer { kind: Kind::Battler, program, version: VERSION.to_owned(), octets })
}

pub(super) fn command(peer: &Peer, port: u16) -> Command {
    let mut command = Command::new(&peer.program);
    command.arg(port.to_string());
    command
}
