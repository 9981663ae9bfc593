//! Carrying out a plan, and ending what it started.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::SystemTime;

use crossweave_auth::cryptosign::PrivateKey;
use crossweave_router::{Router, StartError, TransportOptions};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_web::{StartPage, run_demo};
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::plan::{Listen, Plan, Step};
use super::site::{Facts, site};
use super::{Obstacle, ready};

/// The routers of this process. They run until [`RunningNode::shutdown`] or the runtime's end.
pub(crate) struct RunningNode {
    routers: Vec<(String, Router)>,
    /// By which they prove themselves.
    key: Option<PrivateKey>,
    demos: JoinSet<()>,
    facts: Facts,
    /// One line for each address that clients can use.
    pub(crate) ready: Vec<String>,
}

impl RunningNode {
    /// Takes all steps of a plan. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The first step that failed; what was started before it is stopped again.
    pub(crate) async fn start(plan: Plan) -> Result<RunningNode, Obstacle> {
        let routers = plan.steps.iter().filter(|step| matches!(step, Step::Router { .. })).count();
        let pubkey = plan.key.as_ref().map(|key| key.public().to_hex());
        let facts = Facts { started: SystemTime::now(), routers, pubkey };
        let mut node = RunningNode {
            routers: Vec::new(),
            key: plan.key,
            demos: JoinSet::new(),
            facts,
            ready: Vec::new(),
        };
        for step in plan.steps {
            if let Err(obstacle) = node.step(step).await {
                node.shutdown().await;
                return Err(obstacle);
            }
        }
        Ok(node)
    }

    async fn step(&mut self, step: Step) -> Result<(), Obstacle> {
        match step {
            Step::Router { worker, admission } => {
                let router = Router::new(admission);
                self.key.iter().for_each(|key| router.set_key(key.clone()));
                self.routers.push((worker, router));
                Ok(())
            }
            Step::Realm { name, definition } => {
                let (worker, router) = self.last_router();
                router.start_realm(&name, *definition).map_err(|error| Obstacle {
                    place: format!("worker {worker:?}, realm {name:?}"),
                    what: error.to_string(),
                })
            }
            Step::Listen(listen) => self.listen(*listen).await,
            Step::Demo { realm } => {
                self.run_demo(realm);
                Ok(())
            }
        }
    }

    fn run_demo(&mut self, realm: String) {
        /// The role of clients that do not log in.
        const AUTHROLE: &str = "anonymous";
        let router = self.last_router().1.clone();
        self.demos.spawn(async move {
            if let Err(error) = run_demo(&router, &realm, AUTHROLE).await {
                warn!(realm, "{error}");
            }
        });
    }

    async fn listen(&mut self, mut listen: Listen) -> Result<(), Obstacle> {
        let (worker, router) = self.last_router();
        let is_builtin = listen.page.is_some();
        let place = || format!("worker {worker:?}, transport {:?}", listen.transport);
        if let Some(part) = &listen.web {
            listen.options.http =
                Some(site(router, part, &self.facts).map_err(|(path, what)| Obstacle {
                    place: format!("{}, path {path:?}", place()),
                    what,
                })?);
        }
        if let Some(options) = listen.page.take() {
            listen.options.http = Some(Arc::new(StartPage::new(router.clone(), options)));
        }
        let bound = bind(router, &listen).await.map_err(|error| Obstacle {
            place: place(),
            what: explain(&error, &listen.options.endpoint, is_builtin),
        })?;
        let mut remark = match &listen.realms[..] {
            [] => "no realm".to_owned(),
            [one] => format!("realm {one}"),
            several => format!("realms {}", several.join(", ")),
        };
        if let Some(reach) = ready::reach(&bound) {
            remark = format!("{remark}, {reach}");
        }
        let urls = ready::urls(&bound, &listen.options, listen.url.as_deref());
        self.ready.extend(urls.into_iter().map(|url| format!("listening on {url} ({remark})")));
        Ok(())
    }

    /// Whether a transport has certificates.
    pub(crate) fn has_tls(&self) -> bool {
        self.routers.iter().any(|(_, router)| router.has_tls())
    }

    /// Reads the certificates of all transports again; the log says what came of it.
    pub(crate) async fn reload_certificates(&self) {
        let routers: Vec<Router> = self.routers.iter().map(|(_, router)| router.clone()).collect();
        let reload = move || routers.iter().map(Router::reload_certificates).sum::<usize>();
        if let Err(failure) = tokio::task::spawn_blocking(reload).await {
            error!("reading the certificates again ended early: {failure}");
        }
    }

    /// The router that is being set up, with the id of its worker.
    fn last_router(&self) -> (&str, &Router) {
        let (worker, router) = self.routers.last().expect("a plan starts with a router");
        (worker, router)
    }

    /// Says GOODBYE to every session and waits until they are gone, for a few seconds at most.
    pub(crate) async fn shutdown(&mut self) {
        // First, so that it does not wonder where its session has gone.
        self.demos.shutdown().await;
        let mut endings = JoinSet::new();
        for (_, router) in &self.routers {
            let router = router.clone();
            endings.spawn(async move { router.shutdown().await });
        }
        endings.join_all().await;
    }
}

/// Listens on the first port of the range that is free.
async fn bind(router: &Router, listen: &Listen) -> Result<BoundAddress, StartError> {
    for port in listen.ports.clone() {
        match router.listen(with_port(&listen.options, port)).await {
            Err(StartError::Bind(error))
                if port != *listen.ports.end() && error.cause.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    unreachable!("the last port of a range is tried and its outcome returned")
}

fn with_port(options: &TransportOptions, of_range: u16) -> TransportOptions {
    let mut options = options.clone();
    if let ListenEndpoint::Tcp { port, .. } = &mut options.endpoint {
        *port = of_range;
    }
    options
}

fn explain(error: &StartError, endpoint: &ListenEndpoint, is_builtin: bool) -> String {
    match error {
        StartError::Bind(bind) if bind.cause.kind() == ErrorKind::AddrInUse => {
            let way_out = if is_builtin { "; `--port PORT` takes another one" } else { "" };
            format!(
                "cannot listen on {endpoint}: another program does already, perhaps another Crossweave{way_out}"
            )
        }
        StartError::Bind(bind) => match bind_hint(bind.cause.kind(), endpoint) {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        },
        error => error.to_string(),
    }
}

/// What is probably the matter.
fn bind_hint(kind: ErrorKind, endpoint: &ListenEndpoint) -> Option<&'static str> {
    match (kind, endpoint) {
        (ErrorKind::PermissionDenied, ListenEndpoint::Tcp { port: 1..1024, .. }) => Some(
            "ports below 1024 are for the administrator: take another one, or give the program CAP_NET_BIND_SERVICE",
        ),
        (ErrorKind::AddrNotAvailable, ListenEndpoint::Tcp { .. }) => {
            Some("`interface` must be an address of this machine; leave it out for all of them")
        }
        (ErrorKind::NotFound, ListenEndpoint::Unix { .. }) => Some("does the directory exist?"),
        _ => None,
    }
}
