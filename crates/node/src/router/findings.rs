//! What in a configuration cannot be done or has no effect, found before anything of it is started.

use crossweave_config::{Controller, Limits, LinkedWorker, Node, RouterWorker, Worker};
use crossweave_wamp::limits::URI_LEN_MAX;

use super::{Findings, realm, transport};
use crate::extension::Extensions;
use crate::process::affinity;

/// Why a correct configuration cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Obstacle {
    /// The part of the configuration.
    pub place: String,
    /// What is in the way.
    pub what: String,
}

/// Looks for what is in the way of a node in a program with these extensions; nothing is started. Parts that are not built yet are named by the configuration
/// itself. The result is what the configuration asks for and has no effect.
///
/// # Errors
/// Everything that is in the way.
pub fn findings(node: &Node, extensions: &Extensions) -> Result<Vec<String>, Vec<Obstacle>> {
    let mut findings = Findings::new(extensions);
    check_controller(&node.controller, &mut findings);
    for worker in node.workers.iter().filter(|worker| worker.disabled().is_none()) {
        check_linked(worker, &mut findings);
        // Where the machine does not tell, nobody is worried.
        check_cpus(worker, &affinity::possible().unwrap_or_default(), &mut findings);
    }
    let mut listens = node.workers.iter().any(is_testee);
    for worker in node.routers() {
        check_router(worker, &node.controller.options.limits, &mut findings);
        listens |= !worker.transports.is_empty();
    }
    let is_listening_proxy =
        |worker: &Worker| matches!(worker, Worker::Proxy(proxy) if !proxy.transports.is_empty());
    listens |= node.workers.iter().any(is_listening_proxy);
    if !listens {
        let warning = "nothing listens: there is no transport by which clients could connect";
        findings.warnings.push(warning.to_owned());
    }
    match findings.obstacles.is_empty() {
        true => Ok(findings.warnings),
        false => Err(findings.obstacles),
    }
}

fn is_testee(worker: &Worker) -> bool {
    worker.disabled().is_none() && matches!(worker, Worker::WebSocketTestee(it) if it.transport.is_some())
}

fn check_controller(controller: &Controller, findings: &mut Findings) {
    let asked = controller.options.limits.max_uri_length;
    if asked as usize > URI_LEN_MAX {
        let what =
            format!("`max_uri_length` of {asked} is more than the {URI_LEN_MAX} bytes that the router takes");
        findings.obstacle("controller.options.limits", what);
    }
}

fn check_linked(worker: &Worker, findings: &mut Findings) {
    if let Worker::Linked(LinkedWorker { id, linked: Some(linked), .. }) = worker
        && let Err(what) = findings.extensions.workers.find("worker type", &linked.name)
    {
        findings.obstacle(&format!("worker {id:?}"), what);
    }
}

/// Whether the machine, which has these CPUs, has those on which a worker is to run.
fn check_cpus(worker: &Worker, possible: &[u32], findings: &mut Findings) {
    let Some(options) = worker.options().filter(|_| !possible.is_empty()) else { return };
    let is_inline = worker.as_router().is_some_and(|router| router.is_inline);
    let missing = options.cpu_affinity.iter().find(|cpu| !possible.contains(&u32::from(**cpu)));
    if let Some(cpu) = missing.filter(|_| !is_inline) {
        findings.warnings.push(format!(
            "worker {:?}: `cpu_affinity` has CPU {cpu}, and this machine has {}: the worker cannot be started here",
            worker.id(),
            affinity::shown(possible)
        ));
    }
}

fn check_router(worker: &RouterWorker, limits: &Limits, findings: &mut Findings) {
    for realm in worker.realms.iter().filter(|realm| realm.template.is_none()) {
        let place = format!("worker {:?}, realm {:?}", worker.id, realm.name);
        realm::definition(realm, limits, &place, findings);
    }
    let realms: Vec<String> = worker.realms.iter().map(|realm| realm.name.clone()).collect();
    for transport in worker.transports.iter().filter(|transport| transport::is_built(transport)) {
        let place = format!("worker {:?}, transport {:?}", worker.id, transport.id);
        transport::listen(transport, realms.clone(), &place, findings);
    }
}

#[cfg(test)]
mod tests;
