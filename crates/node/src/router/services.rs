//! Web services of a transport that come and go.
//!
//! The transport's own configuration is changed, checked as a whole, and its site made anew: there is no second way to make one.

use std::sync::Arc;

use crossweave_api::router::*;
use crossweave_api::{Config, Error, error};
use crossweave_router::HttpPeer;
use crossweave_router::HttpService;
use crossweave_router::http::{Answered, Answering, RequestBody};
use http::Request;
use parking_lot::RwLock;
use serde_json::Value as Json;

use super::packages::Folders;
use super::{RouterWorker, State, no_such};
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
    Error::new(error::INVALID_ARGUMENT, format!("transport {transport_id:?} has no web services"))
}

/// WebSocket is spoken by the transport itself, and fixed while it listens.
fn is_changeable(service: &Config) -> Result<(), Error> {
    match service["type"].as_str() {
        Some("websocket") => {
            let message = "WebSocket paths are fixed while a transport listens: stop it and start it again";
            Err(Error::new(error::FEATURE_UNAVAILABLE, message))
        }
        _ => Ok(()),
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
        let at = state.transport(&asked.transport_id)?;
        let paths = paths(&mut state.transports[at].config).ok_or_else(|| no_web(&asked.transport_id))?;
        let mut names: Vec<String> = paths.keys().cloned().collect();
        names.sort();
        Ok(names)
    }

    async fn get_web_transport_service(
        &self,
        _: Caller,
        asked: GetWebTransportService,
    ) -> Result<WebTransportService, Error> {
        let GetWebTransportService { transport_id, path } = asked;
        let mut state = self.shared.state.lock().await;
        let at = state.transport(&transport_id)?;
        let paths = paths(&mut state.transports[at].config).ok_or_else(|| no_web(&transport_id))?;
        let config = paths.get(&path).cloned().ok_or_else(|| no_such("web service at path", &path))?;
        Ok(WebTransportService { transport_id, path, config })
    }

    async fn start_web_transport_service(
        &self,
        _: Caller,
        asked: StartWebTransportService,
    ) -> Result<WebTransportService, Error> {
        let StartWebTransportService { transport_id, path, config } = asked;
        is_changeable(&config)?;
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
        let service = WebTransportService { transport_id, path, config };
        self.tell_service(&ON_WEB_TRANSPORT_SERVICE_STARTING, &service).await;
        self.change_site(&mut state, &service.transport_id, changed, folders)?;
        drop(state);
        self.tell_service(&ON_WEB_TRANSPORT_SERVICE_STARTED, &service).await;
        Ok(service)
    }

    async fn stop_web_transport_service(
        &self,
        _: Caller,
        asked: StopWebTransportService,
    ) -> Result<WebTransportServiceStopped, Error> {
        let StopWebTransportService { transport_id, path } = asked;
        let without_it = |state: &State| {
            let mut changed = self.config_of(state, &transport_id)?;
            let paths = paths(&mut changed).ok_or_else(|| no_web(&transport_id))?;
            let config = paths.remove(&path).ok_or_else(|| no_such("web service at path", &path))?;
            is_changeable(&config).map(|()| changed)
        };
        let (mut state, changed, folders) = self.located(&transport_id, without_it).await?;
        let mut before = self.config_of(&state, &transport_id)?;
        let config = paths(&mut before).and_then(|paths| paths.remove(&path)).unwrap_or_default();
        let service = WebTransportService { transport_id, path, config };
        self.tell_service(&ON_WEB_TRANSPORT_SERVICE_STOPPING, &service).await;
        self.change_site(&mut state, &service.transport_id, changed, folders)?;
        drop(state);
        self.tell_service(&ON_WEB_TRANSPORT_SERVICE_STOPPED, &service).await;
        Ok(WebTransportServiceStopped { transport_id: service.transport_id, path: service.path })
    }

    fn config_of(&self, state: &State, transport_id: &str) -> Result<Config, Error> {
        let at = state.transport(transport_id)?;
        Ok(state.transports[at].config.clone())
    }

    /// Serves what this configuration of the transport says from now on.
    fn change_site(
        &self,
        state: &mut State,
        transport_id: &str,
        config: Config,
        folders: Folders,
    ) -> Result<(), Error> {
        let at = state.transport(transport_id)?;
        let (listen, key) = self.prepare(transport_id, &config, state, folders)?;
        if key {
            self.need_key(state)?;
        }
        let running = &mut state.transports[at];
        let (Some(site), Some(service)) = (&running.site, listen.options.http) else {
            return Err(no_web(transport_id));
        };
        site.change(service);
        running.served = listen.served;
        running.config = config;
        Ok(())
    }

    async fn tell_service(&self, event: &crossweave_api::Event, service: &WebTransportService) {
        let WebTransportService { transport_id, path, .. } = service;
        let arguments = vec![transport_id.as_str().into(), path.as_str().into(), to_value(service)];
        self.service().tell_all(event, arguments).await;
    }
}
