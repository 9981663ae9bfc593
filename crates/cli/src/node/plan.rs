//! What is to be started for a configuration, in order. A pure function: nothing is started or looked at here.

use std::ops::RangeInclusive;

use crossweave_auth::cryptosign::PrivateKey;
use crossweave_config::{Controller, ControllerOptions, Limits, Node, RouterWorker};
use crossweave_router::{AdmissionOptions, Authentication, RealmDefinition, TransportOptions};
use crossweave_web::StartPageOptions;

use super::site::WebPart;
use super::{Findings, realm, transport};

/// What is to be started.
#[derive(Default)]
pub(crate) struct Plan {
    /// In this order.
    pub(crate) steps: Vec<Step>,
    /// By which the node proves itself, if it has to.
    pub(crate) key: Option<PrivateKey>,
    /// What the configuration asks for and has no effect.
    pub(crate) warnings: Vec<String>,
}

/// One thing to start. A realm and a transport belong to the last router before them.
pub(crate) enum Step {
    /// A router worker.
    Router {
        /// The worker's id.
        worker: String,
        /// Who may connect.
        admission: AdmissionOptions,
    },
    /// A realm of it.
    Realm {
        /// The realm.
        name: String,
        /// Its options and roles.
        definition: Box<RealmDefinition>,
    },
    /// A transport of it.
    Listen(Box<Listen>),
    /// The component that makes something move on a node nobody has configured yet.
    Demo {
        /// The realm it joins.
        realm: String,
    },
}

/// A transport to be opened.
pub(crate) struct Listen {
    /// The transport's id.
    pub(crate) transport: String,
    /// The ports to try, one after the other; for a Unix socket only one, which means nothing.
    pub(crate) ports: RangeInclusive<u16>,
    /// The transport; its endpoint has the first port.
    pub(crate) options: TransportOptions,
    /// The realms that can be joined here.
    pub(crate) realms: Vec<String>,
    /// The URL that the configuration says clients know it by.
    pub(crate) url: Option<String>,
    /// The start page, if there is to be one.
    pub(crate) page: Option<StartPageOptions>,
    /// The web services, if the transport has any.
    pub(crate) web: Option<WebPart>,
}

/// Why a correct configuration cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct Obstacle {
    /// The part of the configuration.
    pub(crate) place: String,
    /// What is in the way.
    pub(crate) what: String,
}

/// The steps to this node, without the parts that are not built yet; the configuration names those itself.
///
/// # Errors
/// Everything that is in the way.
pub(crate) fn plan(node: &Node) -> Result<Plan, Vec<Obstacle>> {
    let mut findings = Findings::default();
    let mut steps = Vec::new();
    check_controller(&node.controller, &mut findings);
    for worker in node.routers() {
        plan_router(worker, &node.controller.options.limits, &mut steps, &mut findings);
    }
    if !steps.iter().any(|step| matches!(step, Step::Listen(_))) {
        findings
            .warnings
            .push("nothing listens: there is no transport by which clients could connect".to_owned());
    }
    match findings.obstacles.is_empty() {
        true => Ok(Plan { steps, key: None, warnings: findings.warnings }),
        false => Err(findings.obstacles),
    }
}

impl Plan {
    /// Whether clients may ask the node to prove itself.
    pub(crate) fn needs_key(&self) -> bool {
        let has_cryptosign = |authentication: &Option<Authentication>| match authentication {
            Some(Authentication::Methods(methods)) => methods.cryptosign.is_some(),
            _ => false,
        };
        self.steps.iter().any(|step| match step {
            Step::Listen(listen) => {
                listen.options.rawsocket.iter().any(|part| has_cryptosign(&part.authentication))
                    || listen.options.websocket.values().any(|part| has_cryptosign(&part.authentication))
            }
            _ => false,
        })
    }

    /// Adds the start page to every transport that speaks WebSocket, and the demo to every realm that it joins.
    pub(crate) fn with_start_page(mut self) -> Plan {
        let mut demos = Vec::new();
        for step in &mut self.steps {
            let Step::Listen(listen) = step else { continue };
            let path = listen.options.websocket.keys().next();
            if let (Some(realm), Some(path)) = (listen.realms.first(), path) {
                let (realm, websocket_path) = (realm.clone(), path.clone());
                demos.push(Step::Demo { realm: realm.clone() });
                listen.page = Some(StartPageOptions { realm, websocket_path, ..StartPageOptions::default() });
            }
        }
        self.steps.extend(demos);
        self
    }
}

fn check_controller(controller: &Controller, findings: &mut Findings) {
    if controller.options.title != ControllerOptions::default().title {
        findings.no_effect("controller.options", "title", "setting the process title is not built yet");
    }
    let (asked, most) = (controller.options.limits.max_uri_length, crossweave_wamp::limits::URI_LEN_MAX);
    if asked as usize > most {
        let what = format!("`max_uri_length` of {asked} is more than the {most} bytes that the router takes");
        findings.obstacle("controller.options.limits", what);
    }
}

fn plan_router(worker: &RouterWorker, limits: &Limits, steps: &mut Vec<Step>, findings: &mut Findings) {
    steps.push(Step::Router { worker: worker.id.clone(), admission: admission(limits) });
    for realm in worker.realms.iter().filter(|realm| realm.template.is_none()) {
        let place = format!("worker {:?}, realm {:?}", worker.id, realm.name);
        let definition = realm::definition(realm, limits, &place, findings);
        steps.push(Step::Realm { name: realm.name.clone(), definition: Box::new(definition) });
    }
    let realms: Vec<String> = worker.realms.iter().map(|realm| realm.name.clone()).collect();
    for transport in worker.transports.iter().filter(|transport| transport::is_built(transport)) {
        let place = format!("worker {:?}, transport {:?}", worker.id, transport.id);
        let listen = transport::listen(transport, realms.clone(), &place, findings);
        steps.push(Step::Listen(Box::new(listen)));
    }
}

fn admission(limits: &Limits) -> AdmissionOptions {
    AdmissionOptions {
        connections_max: limits.max_connections as usize,
        pending_max: limits.max_pending_connections as usize,
        pending_per_address_max: limits.max_pending_per_address as usize,
    }
}

#[cfg(test)]
mod tests;
