//! A router worker: realms, roles and transports that come and go by the management API.
//!
//! ```text
//! procedure ──▶ part of a configuration, checked ──▶ what the router wants ──▶ Router
//! ```
//!
//! `realms`, `transports`, `links` and `traces` answer the procedures. `activation` starts what clients need by `template`s. `realm`, `transport`, `websocket`, `authentication` and `certificates` turn
//! the configuration into what the router wants, `site` into web services, for which `packages` finds Python's files and `memories` keeps
//! what was carried out; the former start nothing, so that `findings` can say beforehand what is in the way of a
//! whole node.

mod activation;
mod authentication;
mod certificates;
mod components;
mod echo;
mod facts;
mod findings;
mod leftovers;
mod links;
mod memories;
mod meta_bridge;
mod packages;
pub(crate) mod proxy;
mod ready;
pub(crate) mod realm;
mod realms;
mod services;
mod site;
mod speaking;
pub(crate) mod template;
mod traces;
mod transport;
mod transports;
mod websocket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crossweave_api::router::CertificatesRead;
use crossweave_api::{Error, Scope, error};
use crossweave_auth::cryptosign::PrivateKey;
use crossweave_config::{Limits, Problems};
use crossweave_router::{AdmissionOptions, Router};
use tokio::sync::Mutex;
use tokio::task::{JoinSet, spawn_blocking};
use tracing::warn;

pub(crate) use certificates::unusable;
pub(crate) use echo::{EchoTransport, echo_transport};
pub use findings::{Obstacle, findings};
pub(crate) use memories::clear_memories;
pub(crate) use ready::{authority, reach};
pub use speaking::{Entrance, Protocol};

use crate::component::{Interpreter, Pythonpath, clear_local_transports};
use crate::extension::Extensions;
use crate::native::NativeOptions;
use crate::service::Service;
use activation::Idle;
use components::RunningComponents;
use leftovers::Leftovers;
use links::RunningLinks;
use memories::Memories;
use realms::RunningRealm;
use template::RealmTemplate;
use traces::Traces;
pub(crate) use transports::explain;
use transports::{ROUTER_EVENTS, RunningTransport, TransportEvents};

/// What a router worker is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct RouterOptions {
    /// The node it is part of.
    pub(crate) node_id: String,
    /// What relative paths start from, and where the node's key is.
    pub(crate) cbdir: PathBuf,
    /// What peers may use up.
    pub(crate) limits: Limits,
    /// Whether transports have the start page, and realms something that moves.
    pub(crate) has_start_page: bool,
    /// Who runs components in Python.
    pub(crate) interpreter: Interpreter,
    /// What is linked into this program.
    pub(crate) extensions: Extensions,
}

impl From<NativeOptions> for RouterOptions {
    fn from(options: NativeOptions) -> Self {
        let NativeOptions { node_id, cbdir, limits, has_start_page, extensions, .. } = options;
        let interpreter = Interpreter::of(&options.options, "router", &cbdir);
        RouterOptions { node_id, cbdir, limits, has_start_page, interpreter, extensions }
    }
}

/// A router worker.
#[derive(Clone)]
pub(crate) struct RouterWorker {
    shared: Arc<Shared>,
}

struct Shared {
    router: Router,
    options: RouterOptions,
    service: Service,
    /// Its id.
    id: String,
    started: SystemTime,
    /// Changes are made one after the other.
    state: Mutex<State>,
    demos: parking_lot::Mutex<JoinSet<()>>,
    components: RunningComponents,
    traces: Traces,
    links: RunningLinks,
    /// What its REST services remember.
    memories: Memories,
    /// Realms of templates that nobody is on.
    idle: parking_lot::Mutex<Idle>,
    /// What realms that have ended leave in memory.
    leftovers: Leftovers,
    /// What is told of its transports.
    transport_events: TransportEvents,
    /// Whether its clients have their sessions on other routers.
    is_proxy: bool,
}

/// What runs.
#[derive(Default)]
struct State {
    realms: Vec<RunningRealm>,
    /// By which realms are started, in the order in which they are tried.
    templates: Vec<RealmTemplate>,
    /// The number of the newest template: one that has changed is another one.
    last_template: u64,
    /// The ids of templates that come before others, also of those that are not there yet.
    template_order: Vec<String>,
    transports: Vec<RunningTransport>,
    /// The number in the last id that was made for a realm. None is given twice: what is told of the end of one realm may come after
    /// another one was asked for.
    last_id: usize,
    /// Of a proxy: which realms and roles clients can have.
    routes: Option<Vec<crossweave_config::ProxyRoute>>,
    /// By which the router proves itself, once it has been read.
    has_key: bool,
}

/// What the configuration means, as far as it can be done.
#[derive(Debug)]
struct Findings {
    /// What the configuration can name.
    extensions: Extensions,
    /// What cannot be done; nothing is started then.
    obstacles: Vec<Obstacle>,
    /// What has no effect, and harms nobody.
    warnings: Vec<String>,
}

impl Findings {
    fn new(extensions: &Extensions) -> Findings {
        Findings { extensions: extensions.clone(), obstacles: Vec::new(), warnings: Vec::new() }
    }

    fn obstacle(&mut self, place: &str, what: impl ToString) {
        self.obstacles.push(Obstacle { place: place.to_owned(), what: what.to_string() });
    }

    fn no_effect(&mut self, place: &str, key: &str, why: &str) {
        self.warnings.push(format!("{place}: `{key}` has no effect: {why}"));
    }

    /// Logs the warnings; the obstacles are an error.
    fn settle(self) -> Result<(), Error> {
        self.warnings.iter().for_each(|warning| warn!("{warning}"));
        if self.obstacles.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = self.obstacles.iter().map(|it| it.what.clone()).collect();
        Err(Error::new(error::INVALID_CONFIGURATION, texts.join("; ")))
    }
}

impl RouterWorker {
    /// A router without anything, whose procedures are answered from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The procedures cannot be registered.
    pub(crate) async fn start(
        id: &str,
        service: Service,
        options: RouterOptions,
    ) -> Result<RouterWorker, String> {
        let worker = RouterWorker::new(id, service, options, ROUTER_EVENTS, None);
        // Nobody waits for that.
        spawn_blocking(clear_local_transports);
        worker.answer_for_realms().await?;
        worker.answer_for_transports().await?;
        worker.answer_for_services().await?;
        worker.answer_for_components().await?;
        worker.answer_for_links().await?;
        worker.answer_for_traces().await?;
        worker.service().refuse_absent(Scope::Router).await?;
        worker.provide_realms();
        Ok(worker)
    }

    /// A router without anything, which answers nothing. A proxy's has routes.
    fn new(
        id: &str,
        service: Service,
        options: RouterOptions,
        transport_events: TransportEvents,
        routes: Option<Vec<crossweave_config::ProxyRoute>>,
    ) -> RouterWorker {
        let router = Router::new(admission(&options.limits));
        let is_proxy = routes.is_some();
        let shared = Shared {
            router,
            memories: Memories::new(options.cbdir.clone(), id),
            options,
            service,
            id: id.to_owned(),
            started: SystemTime::now(),
            state: Mutex::new(State { routes, ..State::default() }),
            demos: Default::default(),
            components: Default::default(),
            traces: Default::default(),
            links: Default::default(),
            idle: Default::default(),
            leftovers: Leftovers::default(),
            transport_events,
            is_proxy,
        };
        let worker = RouterWorker { shared: Arc::new(shared) };
        for (name, authenticator) in worker.shared.options.extensions.authenticators.iter() {
            worker.router().add_authenticator(name, authenticator.clone());
        }
        worker
    }

    /// Of a proxy: which realms and roles clients can have.
    async fn set_routes(&self, routes: Vec<crossweave_config::ProxyRoute>) {
        self.shared.state.lock().await.routes = Some(routes);
    }

    /// Where its components in Python look for modules.
    pub(crate) fn pythonpath(&self) -> &Pythonpath {
        &self.shared.options.interpreter.pythonpath
    }

    fn router(&self) -> &Router {
        &self.shared.router
    }

    fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Says GOODBYE to every session and waits until they are gone, for a few seconds at most.
    pub(crate) async fn shutdown(&self) {
        // First, so that it does not wonder where its session has gone.
        let mut demos = std::mem::take(&mut *self.shared.demos.lock());
        demos.shutdown().await;
        self.stop_components().await;
        self.stop_links(None).await;
        self.forget_traces();
        self.shared.router.shutdown().await;
    }

    /// Reads the certificates of all transports again; the log says what came of it.
    async fn reload_certificates(&self) -> Result<CertificatesRead, Error> {
        let router = self.shared.router.clone();
        let reloaded = spawn_blocking(move || router.reload_certificates()).await;
        let reloaded = reloaded.map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))?;
        let mut told = CertificatesRead { read: Vec::new(), kept: Vec::new() };
        for (endpoint, reloaded) in reloaded {
            match reloaded {
                Ok(()) => told.read.push(endpoint.to_string()),
                Err(error) => told.kept.push(format!("{endpoint}: {error}")),
            }
        }
        Ok(told)
    }

    /// Lets the router prove itself by the node's key.
    fn set_key(&self, key: PrivateKey) {
        self.shared.router.set_key(key);
    }
}

/// A part of a configuration with errors.
fn invalid(problems: &Problems) -> Error {
    Error::new(error::INVALID_CONFIGURATION, problems)
}

fn no_such(what: &str, id: &str) -> Error {
    Error::new(error::NO_SUCH_OBJECT, format!("there is no {what} {id:?}"))
}

fn admission(limits: &Limits) -> AdmissionOptions {
    AdmissionOptions {
        connections_max: limits.max_connections as usize,
        pending_max: limits.max_pending_connections as usize,
        pending_per_address_max: limits.max_pending_per_address as usize,
        pending_body_bytes_max: limits.max_pending_body_bytes as usize,
        pending_body_bytes_per_address_max: limits.max_pending_body_bytes_per_address as usize,
    }
}

#[cfg(test)]
mod tests;
