//! What can be known before anything is touched: whether programs are there, and addresses free.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use crossweave_config::{Endpoint, IpVersion, Ports, TcpEndpoint, part};

use super::guest;
use super::program::Program;
use crate::boot::{Start, Step, WorkerPlan};
use crate::change::Action;

/// Looks whether these can be done, as far as that can be seen from outside. `runs` is what is there before.
///
/// # Errors
/// The first action that cannot be done, and why.
pub(super) fn check(actions: &[Action], runs: &[WorkerPlan], cbdir: &Path) -> Result<(), String> {
    let own: Vec<TcpEndpoint> =
        runs.iter().flat_map(|plan| &plan.steps).filter_map(|step| endpoint(step, cbdir)).collect();
    for action in actions {
        let checked = match action {
            Action::StartWorker(plan) => worker(plan, cbdir)
                .and_then(|()| plan.steps.iter().try_for_each(|step| address(step, &own, cbdir))),
            Action::Take { step, .. } => address(step, &own, cbdir),
            _ => Ok(()),
        };
        checked.map_err(|why| format!("{}: {why}", action.told()))?;
    }
    Ok(())
}

/// Whether a worker's options are good and its program is there.
fn worker(plan: &WorkerPlan, cbdir: &Path) -> Result<(), String> {
    if plan.template.is_some() {
        return Ok(());
    }
    let read = Program::read(plan.kind, &plan.id, &plan.options, cbdir).map_err(|error| error.message)?;
    match read.0 {
        Program::Guest(guest) => guest::program(&guest, cbdir).map(drop),
        Program::Native(_) => Ok(()),
    }
}

/// Whether a transport can listen, as far as nothing of this node listens there before.
fn address(step: &Step, own: &[TcpEndpoint], cbdir: &Path) -> Result<(), String> {
    let Some(tcp) = endpoint(step, cbdir) else { return Ok(()) };
    let Ports::One(port) = tcp.ports else { return Ok(()) };
    let is_ours = |other: &TcpEndpoint| match other.ports {
        Ports::One(own) => own == port,
        Ports::Range(first, last) => (first..=last).contains(&port),
    };
    if port == 0 || tcp.shared || own.iter().any(is_ours) {
        return Ok(());
    }
    let any: IpAddr = match tcp.version {
        IpVersion::V4 => Ipv4Addr::UNSPECIFIED.into(),
        IpVersion::V6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    let address = SocketAddr::new(tcp.interface.unwrap_or(any), port);
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(format!("cannot listen on {address}: another program does already"))
        }
        Err(error) => Err(format!("cannot listen on {address}: {error}")),
    }
}

/// Where a router or a proxy is to listen.
fn endpoint(step: &Step, cbdir: &Path) -> Option<TcpEndpoint> {
    let (Start::Transport(_) | Start::ProxyTransport(_)) = &step.start else { return None };
    let part = part::endpoint(&step.start.config()["endpoint"], "endpoint", cbdir).ok()?;
    match part.value {
        Endpoint::Tcp(tcp) => Some(tcp),
        Endpoint::Unix(_) => None,
    }
}
