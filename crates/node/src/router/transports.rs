//! Transports of a router worker, as the management API starts and stops them.

use std::io::ErrorKind;
use std::sync::Arc;

use crossweave_api::router::*;
use crossweave_api::{Config, Error, Event, error};
use crossweave_config as config;
use crossweave_router::{HttpService, Listening, Router, StartError, TransportId, TransportOptions};
use crossweave_transport::{BoundAddress, ListenEndpoint};
use crossweave_web::{StartPage, StartPageOptions};
use tokio::sync::MutexGuard;
use tracing::{info, warn};

use super::facts::Facts;
use super::packages::{Folders, locate, unknown};
use super::services::Changeable;
use super::site::{Makings, Served, site};
use super::speaking::{self, Accepting};
use super::transport::Listen;
use super::{Findings, RouterWorker, State, invalid, no_such, ready, transport};
use crate::clock::utcnow;
use crate::key::node_key;
use crate::service::{Caller, answers, check_id};

/// What `state` of a transport means.
#[derive(Clone, Copy)]
enum TransportState {
    Starting = 2,
    Started = 3,
    Failed = 4,
    Stopping = 5,
    Stopped = 6,
}

/// What is told of transports: of a router's, or of a proxy's.
#[derive(Clone, Copy)]
pub(super) struct TransportEvents {
    pub(super) starting: &'static Event,
    pub(super) started: &'static Event,
    pub(super) stopping: &'static Event,
    pub(super) stopped: &'static Event,
}

/// Those of a router's.
pub(super) const ROUTER_EVENTS: TransportEvents = TransportEvents {
    starting: &ON_ROUTER_TRANSPORT_STARTING,
    started: &ON_ROUTER_TRANSPORT_STARTED,
    stopping: &ON_ROUTER_TRANSPORT_STOPPING,
    stopped: &ON_ROUTER_TRANSPORT_STOPPED,
};

/// A transport that listens.
pub(super) struct RunningTransport {
    id: String,
    kind: String,
    pub(super) config: Config,
    created_at: String,
    listening_since: Option<String>,
    listening: ready::Listening,
    handle: Option<TransportId>,
    /// It, if it speaks what is a part of this program.
    accepting: Option<Accepting>,
    /// Its web services, if it has any.
    pub(super) site: Option<Arc<Changeable>>,
    pub(super) served: Served,
}

impl RunningTransport {
    /// What is told of it while it listens and these realms can be joined.
    pub(super) fn marshal_running(&self, realms: &[String]) -> RouterTransport {
        self.marshal(TransportState::Started, realms)
    }

    /// Lets it have the WebSocket paths that it is to have now.
    pub(super) fn change_websocket(&mut self, router: &Router, listen: &Listen) -> Result<(), Error> {
        let handle = self.handle.ok_or_else(|| no_such("transport", &self.id))?;
        let changed = router.change_websocket(handle, listen.options.clone());
        changed.map_err(|failure| Error::new(error::INVALID_CONFIGURATION, failure))?;
        let now = router.transports().into_iter().find(|it| it.id == handle);
        if let Some(now) = now {
            self.listening = ready::Listening::of(&now.address, listen);
        }
        Ok(())
    }

    /// The same in any state; `realms` can be joined there.
    fn marshal(&self, state: TransportState, realms: &[String]) -> RouterTransport {
        RouterTransport {
            id: self.id.clone(),
            kind: self.kind.clone(),
            config: self.config.clone(),
            created_at: self.created_at.clone(),
            listening_since: self.listening_since.clone(),
            state: state as u32,
            listening: self.listening.lines(realms),
        }
    }
}

impl State {
    pub(super) fn transport(&self, id: &str) -> Result<usize, Error> {
        self.transports.iter().position(|it| it.id == id).ok_or_else(|| no_such("transport", id))
    }

    /// The web services that a transport has.
    fn served(&self, id: &str) -> Served {
        let transport = self.transports.iter().find(|it| it.id == id);
        transport.map(|it| it.served.clone()).unwrap_or_default()
    }

    /// The realms that clients can join now, and the templates by which they start more; not those that they have started.
    pub(super) fn realm_names(&self) -> Vec<String> {
        let running = self.realms.iter().filter(|it| it.template_id.is_none()).map(|it| &it.realm);
        let realms = running.chain(self.templates.iter().map(|it| &it.realm)).map(|it| it.name.clone());
        let routes = self.routes.iter().flatten().map(|route| route.realm.clone());
        let mut names: Vec<String> = realms.chain(routes).collect();
        names.dedup();
        names
    }

    /// Realms and templates, as they are configured.
    fn configured(&self) -> Vec<config::Realm> {
        let running = self.realms.iter().map(|it| &it.realm);
        running.chain(self.templates.iter().map(|it| &it.realm)).cloned().collect()
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_transports(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetRouterTransports => get_router_transports,
            GetRouterTransport => get_router_transport,
            StartRouterTransport => start_router_transport,
            StopRouterTransport => stop_router_transport,
        );
        Ok(())
    }

    async fn get_router_transports(
        &self,
        _: Caller,
        _: GetRouterTransports,
    ) -> Result<Vec<RouterTransport>, Error> {
        Ok(self.transports().await)
    }

    pub(super) async fn transports(&self) -> Vec<RouterTransport> {
        let state = self.shared.state.lock().await;
        let realms = state.realm_names();
        state.transports.iter().map(|it| it.marshal_running(&realms)).collect()
    }

    async fn get_router_transport(
        &self,
        _: Caller,
        asked: GetRouterTransport,
    ) -> Result<RouterTransport, Error> {
        self.transport(&asked.transport_id).await
    }

    pub(super) async fn transport(&self, id: &str) -> Result<RouterTransport, Error> {
        let state = self.shared.state.lock().await;
        let position = state.transport(id)?;
        Ok(state.transports[position].marshal_running(&state.realm_names()))
    }

    async fn start_router_transport(
        &self,
        caller: Caller,
        asked: StartRouterTransport,
    ) -> Result<RouterTransport, Error> {
        self.start_transport(&caller, asked.transport_id, asked.config).await
    }

    pub(super) async fn start_transport(
        &self,
        caller: &Caller,
        id: String,
        config: Config,
    ) -> Result<RouterTransport, Error> {
        check_id("transport", &id)?;
        let events = self.shared.transport_events;
        let if_free = |state: &State| match state.transport(&id) {
            Ok(_) => Err(Error::new(error::ALREADY_RUNNING, format!("there is a transport {id:?}"))),
            Err(_) => Ok(config.clone()),
        };
        let (mut state, config, folders) = self.located(&id, if_free).await?;
        let (mut listen, key) = self.prepare(caller, &id, &config, &state, folders)?;
        let site = listen.options.http.take().map(Changeable::new);
        listen.options.http = site.clone().map(|site| site as Arc<dyn HttpService>);
        if key {
            self.need_key(&mut state)?;
        }
        let kind = config.get("type").and_then(|it| it.as_str()).unwrap_or_default().to_owned();
        let mut starting = RunningTransport {
            id,
            kind,
            config,
            created_at: utcnow(),
            listening_since: None,
            listening: ready::Listening::Nowhere,
            handle: None,
            accepting: None,
            site: None,
            served: Served::default(),
        };
        let marshal = starting.marshal(TransportState::Starting, &[]);
        self.service().tell_others(events.starting, caller.session, &marshal).await;
        let opened = self.open(&state, &mut starting, &mut listen).await;
        let address = match opened {
            Ok(address) => address,
            Err(why) => {
                let marshal = starting.marshal(TransportState::Failed, &[]);
                self.service().tell_others(events.stopped, caller.session, &marshal).await;
                return Err(why);
            }
        };
        starting.site = site;
        starting.served = listen.served.clone();
        starting.listening_since = Some(utcnow());
        let marshal = starting.marshal_running(&listen.realms);
        state.transports.push(starting);
        drop(state);
        info!("Transport '{}' started on {address}", marshal.id);
        self.service().tell_others(events.started, caller.session, &marshal).await;
        Ok(marshal)
    }

    /// Listens. The result is where.
    async fn open(
        &self,
        state: &State,
        starting: &mut RunningTransport,
        listen: &mut Listen,
    ) -> Result<BoundAddress, Error> {
        if let Some(speaking) = listen.speaking.take() {
            let name = speaking.name.clone();
            let listening = speaking::listen(self.router(), listen, speaking).await;
            let (address, accepting) = listening.map_err(|why| Error::new(error::CANNOT_LISTEN, why))?;
            starting.accepting = Some(accepting);
            starting.listening = ready::Listening::Part { address: address.clone(), name };
            return Ok(address);
        }
        let listening = bind(self.router(), listen).await.map_err(|failure| {
            let is_builtin = self.shared.options.has_start_page;
            let endpoint = &starting.config["endpoint"];
            let is_there = |it: &&RunningTransport| is_same_place(&it.config["endpoint"], endpoint);
            let own = state.transports.iter().find(is_there).map(|it| it.id.as_str());
            let why = explain(&failure, &listen.options.endpoint, own, is_builtin);
            Error::new(error::CANNOT_LISTEN, why)
        })?;
        starting.handle = Some(listening.id);
        starting.listening = ready::Listening::of(&listening.address, listen);
        Ok(listening.address)
    }

    /// Reads the node's key, if that was not done before.
    pub(super) fn need_key(&self, state: &mut State) -> Result<(), Error> {
        if !state.has_key {
            let key = node_key(&self.shared.options.cbdir);
            self.set_key(key.map_err(|failure| Error::new(error::CANNOT_START, failure))?);
            state.has_key = true;
        }
        Ok(())
    }

    /// What runs, what a transport is to be beside that, and where the Python packages are whose files it serves.
    ///
    /// The interpreter is asked while others change what runs; `config_of` says after that anew what the transport is to be.
    pub(super) async fn located(
        &self,
        id: &str,
        config_of: impl Fn(&State) -> Result<Config, Error>,
    ) -> Result<(MutexGuard<'_, State>, Config, Folders), Error> {
        let mut folders = Folders::new();
        loop {
            let state = self.shared.state.lock().await;
            let config = config_of(&state)?;
            let unknown = match web_of(&self.read(id, &config, &state)?.value) {
                Some(web) => unknown(web, &state.served(id), &folders),
                None => Vec::new(),
            };
            if unknown.is_empty() {
                return Ok((state, config, folders));
            }
            drop(state);
            let found = locate(&self.shared.options.interpreter, unknown).await;
            folders.extend(found.map_err(cannot_serve)?);
        }
    }

    fn read(
        &self,
        id: &str,
        config: &Config,
        state: &State,
    ) -> Result<config::part::Part<config::Transport>, Error> {
        let (what, cbdir) = (format!("transport {id}"), &self.shared.options.cbdir);
        let part = match &state.routes {
            Some(routes) => config::part::proxy_transport(config, &what, cbdir, routes),
            None => config::part::transport(config, &what, cbdir, &state.configured()),
        };
        part.map_err(|problems| invalid(&problems))
    }

    /// The transport as the router wants it, and whether it needs the node's key.
    pub(super) fn prepare(
        &self,
        caller: &Caller,
        id: &str,
        config: &Config,
        state: &State,
        folders: Folders,
    ) -> Result<(Listen, bool), Error> {
        let options = &self.shared.options;
        let part = self.read(id, config, state)?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(transport = id, "{}", warning.message));
        let mut findings = Findings::new(&self.shared.options.extensions);
        let mut listen =
            transport::listen(&part.value, state.realm_names(), &format!("transport {id:?}"), &mut findings);
        findings.settle()?;
        if let Some(web) = &listen.web {
            let makings = Makings {
                router: self.router(),
                facts: self.facts(),
                extensions: &options.extensions,
                folders,
                memories: &self.shared.memories,
            };
            let (http, served) = site(&makings, web, &state.served(id)).map_err(cannot_serve)?;
            listen.options.http = Some(http);
            listen.served = served;
        }
        if options.has_start_page {
            self.add_start_page(&mut listen);
        }
        let needs_key = listen.needs_key();
        Ok((listen, needs_key))
    }

    /// What web services tell of the node.
    fn facts(&self) -> Facts {
        Facts::new(self.service().client().clone(), self.shared.started, self.shared.is_proxy)
    }

    /// Puts the start page on a transport that speaks WebSocket.
    fn add_start_page(&self, listen: &mut Listen) {
        let path = listen.options.websocket.keys().next();
        if let (Some(realm), Some(path)) = (listen.realms.first(), path) {
            let (realm, websocket_path) = (realm.clone(), path.clone());
            let options = StartPageOptions { realm, websocket_path, ..StartPageOptions::default() };
            listen.options.http = Some(Arc::new(StartPage::new(self.router().clone(), options)));
        }
    }

    async fn stop_router_transport(
        &self,
        caller: Caller,
        asked: StopRouterTransport,
    ) -> Result<RouterTransport, Error> {
        let stopped = self.stop_transport(&caller, &asked.transport_id).await;
        // As Crossbar.io has it for a router's, but not for a proxy's.
        stopped.map_err(|error| match error.uri {
            error::NO_SUCH_OBJECT => Error { uri: error::NOT_RUNNING, ..error },
            _ => error,
        })
    }

    pub(super) async fn stop_transport(&self, caller: &Caller, id: &str) -> Result<RouterTransport, Error> {
        let events = self.shared.transport_events;
        let mut state = self.shared.state.lock().await;
        let position = state.transport(id)?;
        let mut running = state.transports.remove(position);
        let realms = state.realm_names();
        self.service()
            .tell_others(events.stopping, caller.session, &running.marshal(TransportState::Stopping, &realms))
            .await;
        running.accepting = None;
        if let Some(handle) = running.handle {
            // One that has stopped by itself is as good.
            let _ = self.router().stop_listening(handle).await;
        }
        drop(state);
        running.listening = ready::Listening::Nowhere;
        let marshal = running.marshal(TransportState::Stopped, &[]);
        info!("Transport '{}' stopped", marshal.id);
        self.service().tell_others(events.stopped, caller.session, &marshal).await;
        Ok(marshal)
    }

    pub(super) async fn reload(&self, _: Caller, _: ReloadCertificates) -> Result<CertificatesRead, Error> {
        self.reload_certificates().await
    }
}

/// What a transport serves over HTTP, if anything.
fn web_of(transport: &config::Transport) -> Option<&config::Web> {
    match &transport.protocol {
        config::Protocol::Web(web) => Some(web),
        config::Protocol::Universal(universal) => universal.web.as_ref(),
        _ => None,
    }
}

fn cannot_serve((path, why): (String, String)) -> Error {
    Error::new(error::INVALID_CONFIGURATION, format!("path {path:?}: {why}"))
}

/// Listens on the first port of the range that is free.
async fn bind(router: &Router, listen: &Listen) -> Result<Listening, StartError> {
    for port in listen.ports.clone() {
        match router.start_listening(with_port(&listen.options, port)).await {
            Err(StartError::Bind(error))
                if port != *listen.ports.end() && error.cause.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    unreachable!("the last port of a range is tried and its outcome returned")
}

pub(super) fn with_port(options: &TransportOptions, of_range: u16) -> TransportOptions {
    let mut options = options.clone();
    if let ListenEndpoint::Tcp { port, .. } = &mut options.endpoint {
        *port = of_range;
    }
    options
}

/// Whether two endpoints of a configuration are the same port or the same file.
fn is_same_place(one: &Config, other: &Config) -> bool {
    ["port", "path"].iter().any(|key| one.get(key).is_some() && one.get(key) == other.get(key))
}

/// `own` is the transport of this worker that listens there.
pub(crate) fn explain(
    error: &StartError,
    endpoint: &ListenEndpoint,
    own: Option<&str>,
    is_builtin: bool,
) -> String {
    match error {
        StartError::Bind(bind) if bind.cause.kind() == ErrorKind::AddrInUse && own.is_some() => {
            format!(
                "cannot listen on {endpoint}: transport {:?} of this worker does already",
                own.unwrap_or_default()
            )
        }
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
