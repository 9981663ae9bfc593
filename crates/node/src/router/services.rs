//! Web services of a transport that come and go.
//!
//! The transport's own configuration is changed, checked as a whole, and its site made anew: there is no second way to make one.

use std::sync::Arc;

use crossweave_api::router::*;
use crossweave_api::{Config, Error, error};
use crossweave_router::HttpPeer;
use crossweave_router::HttpService;
use crossweave_router::http::{Answered, Answering, RequestBody};
use crossweave_wamp::Value;
use http::Request;
use parking_lot::RwLock;
use serde_json::Value as Json;

use super::packages::Folders;
use super::{RouterWorker, State};
use crate::service::{Caller, answers, to_value};

/// The HTTP service of a transport, which may be another one from the next request on.
pub(super) struct Changeable(RwLock<Arc<dyn HttpService>>);

impl Changeable {
    pub(super) fn new(service: Arc<dyn HttpService>) -> Arc<Changeable> {
        Arc::new(Changeable(RwLock::new(service)))
    }

    fn change(&self, service: Arc<dyn HttpService>) {
        *self.0.write() = service;
    }
}

impl HttpService for Changeable {
    fn respond<'a>(&'a self, request: Request<RequestBody>, peer: &'a HttpPeer) -> Answering<'a> {
        let service = self.0.read().clone();
        Box::pin(async move { service.respond(request, peer).await })
    }

    fn answered(&self, exchange: &Answered<'_>) {
        let service = self.0.read().clone();
        service.answered(exchange);
    }
}

/// The `paths` of a transport's configuration.
fn paths(config: &mut Config) -> Option<&mut serde_json::Map<String, Json>> {
    let web = match config["type"].as_str() {
        Some("web") => config,
        Some("universal") => config.get_mut("web")?,
        _ => return None,
    };
    web.get_mut("paths")?.as_object_mut()
}

fn no_web(transport_id: &str) -> Error {
    Error::new(error::NOT_RUNNING, format!("transport {transport_id:?} has no web services"))
}

fn no_service(path: &str) -> Error {
    Error::new(error::NOT_RUNNING, format!("there is no web service at path {path:?}"))
}

/// Where it is, at least.
fn place(transport_id: &str, path: &str) -> Vec<Value> {
    vec![transport_id.into(), path.into()]
}

impl State {
    /// A transport whose web services somebody wants to see or to change.
    fn web_transport(&self, id: &str) -> Result<usize, Error> {
        self.transport(id).map_err(|error| Error { uri: error::NOT_RUNNING, ..error })
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_services(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetWebTransportServices => get_web_transport_services,
            GetWebTransportService => get_web_transport_service,
            StartWebTransportService => start_web_transport_service,
            StopWebTransportService => stop_web_transport_service,
            ReloadCertificates => reload,
        );
        Ok(())
    }

    async fn get_web_transport_services(
        &self,
        _: Caller,
        asked: GetWebTransportServices,
    ) -> Result<Vec<String>, Error> {
        let mut state = self.shared.state.lock().await;
        let at = state.web_transport(&asked.transport_id)?;
        let paths = paths(&mut state.transports[at].config).ok_or_else(|| no_web(&asked.transport_id))?;
        let mut names: Vec<String> = paths.keys().cloned().collect();
        names.sort();
        Ok(names)
    }

    async fn get_web_transport_service(
        &self,
        _: Caller,
        asked: GetWebTransportService,
    ) -> Result<RouterTransport, Error> {
        let GetWebTransportService { transport_id, path } = asked;
        let mut state = self.shared.state.lock().await;
        let at = state.web_transport(&transport_id)?;
        let realms = state.realm_names();
        let transport = &mut state.transports[at];
        let paths = paths(&mut transport.config).ok_or_else(|| no_web(&transport_id))?;
        if !paths.contains_key(&path) {
            return Err(no_service(&path));
        }
        Ok(transport.marshal_running(&realms))
    }

    async fn start_web_transport_service(
        &self,
        caller: Caller,
        asked: StartWebTransportService,
    ) -> Result<WebTransportService, Error> {
        let StartWebTransportService { transport_id, path, config } = asked;
        if config.get("type").is_none() {
            let message = "start_web_transport_service: `config` is no dict with a `type`";
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        }
        let with_it = |state: &State| {
            let mut changed = self.config_of(state, &transport_id)?;
            let paths = paths(&mut changed).ok_or_else(|| no_web(&transport_id))?;
            if paths.contains_key(&path) {
                let message = format!("transport {transport_id:?} has a web service at path {path:?}");
                return Err(Error::new(error::ALREADY_RUNNING, message));
            }
            paths.insert(path.clone(), config.clone());
            Ok(changed)
        };
        let (mut state, changed, folders) = self.located(&transport_id, with_it).await?;
        let (event, who) = (place(&transport_id, &path), caller.session);
        self.service().tell_several(&ON_WEB_TRANSPORT_SERVICE_STARTING, who, event.clone()).await;
        self.change_site(&caller, &mut state, &transport_id, changed, folders)?;
        drop(state);
        let service = WebTransportService { transport_id, path, config };
        let event = event.into_iter().chain([to_value(&service)]).collect();
        self.service().tell_several(&ON_WEB_TRANSPORT_SERVICE_STARTED, who, event).await;
        Ok(service)
    }

    async fn stop_web_transport_service(
        &self,
        caller: Caller,
        asked: StopWebTransportService,
    ) -> Result<WebTransportServiceStopped, Error> {
        let StopWebTransportService { transport_id, path } = asked;
        let without_it = |state: &State| {
            let mut changed = self.config_of(state, &transport_id)?;
            let paths = paths(&mut changed).ok_or_else(|| no_web(&transport_id))?;
            paths.remove(&path).ok_or_else(|| no_service(&path))?;
            Ok(changed)
        };
        let (mut state, changed, folders) = self.located(&transport_id, without_it).await?;
        let (event, who) = (place(&transport_id, &path), caller.session);
        self.service().tell_several(&ON_WEB_TRANSPORT_SERVICE_STOPPING, who, event.clone()).await;
        self.change_site(&caller, &mut state, &transport_id, changed, folders)?;
        drop(state);
        let stopped = WebTransportServiceStopped { transport_id, path };
        let event = event.into_iter().chain([to_value(&stopped)]).collect();
        self.service().tell_several(&ON_WEB_TRANSPORT_SERVICE_STOPPED, who, event).await;
        Ok(stopped)
    }

    fn config_of(&self, state: &State, transport_id: &str) -> Result<Config, Error> {
        let at = state.web_transport(transport_id)?;
        Ok(state.transports[at].config.clone())
    }

    /// Serves what this configuration of the transport says from now on.
    fn change_site(
        &self,
        caller: &Caller,
        state: &mut State,
        transport_id: &str,
        config: Config,
        folders: Folders,
    ) -> Result<(), Error> {
        let at = state.transport(transport_id)?;
        let (listen, key) = self.prepare(caller, transport_id, &config, state, folders)?;
        if key {
            self.need_key(state)?;
        }
        let running = &mut state.transports[at];
        let (Some(site), Some(service)) = (running.site.clone(), listen.options.http.clone()) else {
            return Err(no_web(transport_id));
        };
        running.change_websocket(self.router(), &listen)?;
        site.change(service);
        running.served = listen.served;
        running.config = config;
        Ok(())
    }
}
