//! A proxy worker: takes the connections of clients, finds out who they are, and passes their sessions on to routers.
//!
//! ```text
//!  client ── transport ── who is it? ── route of realm and role ── connection ── a session of its own at a router
//! ```
//!
//! It is a router worker without realms: transports and web services are the same. `backends` opens the sessions; who a client is, it
//! may ask a procedure on a router behind it (`asking`).

mod asking;
mod backend;
mod backends;
mod connections;
mod routes;

use std::sync::Arc;

use crossweave_api::proxy::*;
use crossweave_api::router::RouterTransport;
use crossweave_api::{Error, error};
use crossweave_config as config;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::transports::TransportEvents;
use super::{RouterOptions, RouterWorker, invalid, no_such};
use crate::clock::utcnow;
use crate::key::node_key;
use crate::service::{Caller, Service, answers};
use backend::Backend;
use backends::Backends;
use connections::Connections;
use routes::Routes;

/// What is told of the transports of a proxy.
const TRANSPORT_EVENTS: TransportEvents = TransportEvents {
    starting: &ON_PROXY_TRANSPORT_STARTING,
    started: &ON_PROXY_TRANSPORT_STARTED,
    stopping: &ON_PROXY_TRANSPORT_STOPPING,
    stopped: &ON_PROXY_TRANSPORT_STOPPED,
};

/// A proxy worker.
#[derive(Clone)]
pub(crate) struct ProxyWorker {
    inner: RouterWorker,
    shared: Arc<Shared>,
}

struct Shared {
    backends: Arc<Backends>,
    connections: Connections,
    routes: Routes,
    /// Held while clients learn of other routes: the last who has changed them is the last who tells.
    setting: Mutex<()>,
}

impl ProxyWorker {
    /// A proxy without anything, whose procedures are answered from now on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The procedures cannot be registered.
    pub(crate) async fn start(
        id: &str,
        service: Service,
        options: RouterOptions,
    ) -> Result<ProxyWorker, String> {
        let inner = RouterWorker::new(id, service, options, TRANSPORT_EVENTS, Some(Vec::new()));
        let backends = Arc::new(Backends::default());
        inner.router().set_upstream(Some(backends.clone()));
        let connections = Connections::new(backends.clone());
        let shared = Shared { backends, connections, routes: Routes::default(), setting: Mutex::default() };
        let worker = ProxyWorker { inner, shared: Arc::new(shared) };
        worker.inner.answer_for_services().await?;
        answers!(
            worker.inner.service(), worker,
            GetProxyTransports => get_proxy_transports,
            GetProxyTransport => get_proxy_transport,
            StartProxyTransport => start_proxy_transport,
            StopProxyTransport => stop_proxy_transport,
            GetProxyRoutes => get_proxy_routes,
            ListProxyRealmRoutes => list_proxy_realm_routes,
            GetProxyRealmRoute => get_proxy_realm_route,
            StartProxyRealmRoute => start_proxy_realm_route,
            StopProxyRealmRoute => stop_proxy_realm_route,
            GetProxyConnections => get_proxy_connections,
            GetProxyConnection => get_proxy_connection,
            StartProxyConnection => start_proxy_connection,
            StopProxyConnection => stop_proxy_connection,
        );
        Ok(worker)
    }

    /// Ends all connections.
    pub(crate) async fn shutdown(&self) {
        self.inner.shutdown().await;
    }

    async fn get_proxy_transports(
        &self,
        _: Caller,
        _: GetProxyTransports,
    ) -> Result<Vec<RouterTransport>, Error> {
        Ok(self.inner.transports().await)
    }

    async fn get_proxy_transport(
        &self,
        _: Caller,
        asked: GetProxyTransport,
    ) -> Result<RouterTransport, Error> {
        self.inner.transport(&asked.transport_id).await
    }

    async fn start_proxy_transport(
        &self,
        caller: Caller,
        asked: StartProxyTransport,
    ) -> Result<RouterTransport, Error> {
        self.inner.start_transport(&caller, asked.transport_id, asked.config).await
    }

    async fn stop_proxy_transport(
        &self,
        caller: Caller,
        asked: StopProxyTransport,
    ) -> Result<RouterTransport, Error> {
        self.inner.stop_transport(&caller, &asked.transport_id).await
    }

    async fn get_proxy_routes(&self, _: Caller, _: GetProxyRoutes) -> Result<Vec<String>, Error> {
        Ok(self.shared.routes.realms())
    }

    async fn list_proxy_realm_routes(
        &self,
        _: Caller,
        asked: ListProxyRealmRoutes,
    ) -> Result<Vec<ProxyRoute>, Error> {
        let found = self.shared.routes.of_realm(&asked.realm_name);
        match found.is_empty() {
            true => Err(no_such("route for realm", &asked.realm_name)),
            false => Ok(found),
        }
    }

    async fn get_proxy_realm_route(&self, _: Caller, asked: GetProxyRealmRoute) -> Result<ProxyRoute, Error> {
        let found = self.shared.routes.get(asked.realm_name, asked.route_id.clone());
        found.ok_or_else(|| no_such("route", &asked.route_id))
    }

    async fn start_proxy_realm_route(
        &self,
        caller: Caller,
        asked: StartProxyRealmRoute,
    ) -> Result<ProxyRoute, Error> {
        let StartProxyRealmRoute { realm_name: realm, config, route_id } = asked;
        let known = self.shared.connections.ids();
        let part = config::part::proxy_routes(&config, &realm, &self.inner.shared.options.cbdir, &known);
        let part = part.map_err(|problems| invalid(&problems))?;
        let begun = self.shared.routes.begin(&realm, route_id, config);
        let (start, mut route) = begun.map_err(|why| Error::new(error::ALREADY_RUNNING, why))?;
        self.inner.service().tell_others(&ON_PROXY_ROUTE_STARTING, caller.session, &route).await;
        (route.started, route.state) = (Some(utcnow()), "started".to_owned());
        if !self.shared.routes.has_begun(start, route.clone(), part.value) {
            let message = format!("route {:?} to realm {realm:?} was stopped as it started", route.id);
            return Err(Error::new(error::CANNOT_START, message));
        }
        self.set_routes().await;
        info!("Route '{}' to realm '{realm}' started", route.id);
        self.inner.service().tell_others(&ON_PROXY_ROUTE_STARTED, caller.session, &route).await;
        Ok(route)
    }

    async fn stop_proxy_realm_route(
        &self,
        caller: Caller,
        asked: StopProxyRealmRoute,
    ) -> Result<ProxyRoute, Error> {
        let removed = self.shared.routes.remove(asked.realm_name, asked.route_id.clone());
        let mut route = removed.ok_or_else(|| no_such("route", &asked.route_id))?;
        "stopping".clone_into(&mut route.state);
        self.inner.service().tell_others(&ON_PROXY_ROUTE_STOPPING, caller.session, &route).await;
        self.set_routes().await;
        (route.stopped, route.state) = (Some(utcnow()), "stopped".to_owned());
        info!("Route '{}' to realm '{}' stopped", route.id, route.realm);
        self.inner.service().tell_others(&ON_PROXY_ROUTE_STOPPED, caller.session, &route).await;
        Ok(route)
    }

    /// What clients can join from now on.
    async fn set_routes(&self) {
        let _last = self.shared.setting.lock().await;
        let all = self.shared.routes.by_role();
        self.shared.backends.set_routes(&all);
        self.inner.set_routes(all).await;
    }

    async fn get_proxy_connections(&self, _: Caller, _: GetProxyConnections) -> Result<Vec<String>, Error> {
        Ok(self.shared.connections.ids())
    }

    async fn get_proxy_connection(
        &self,
        _: Caller,
        asked: GetProxyConnection,
    ) -> Result<ProxyConnection, Error> {
        let found = self.shared.connections.get(&asked.connection_id);
        found.ok_or_else(|| no_such("connection", &asked.connection_id))
    }

    async fn start_proxy_connection(
        &self,
        caller: Caller,
        asked: StartProxyConnection,
    ) -> Result<ProxyConnection, Error> {
        let StartProxyConnection { connection_id: id, config } = asked;
        let cbdir = &self.inner.shared.options.cbdir;
        let part = config::part::proxy_connection(&config, &id, cbdir).map_err(|it| invalid(&it))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(connection = id, "{}", warning.message));
        let key = node_key(cbdir).map_err(|why| Error::new(error::CANNOT_START, why))?;
        let backend = Backend::new(&part.value, key);
        let backend = backend.map_err(|why| Error::new(error::INVALID_CONFIGURATION, why))?;
        let state = "starting".to_owned();
        let mut connection = ProxyConnection { id, config, started: None, stopped: None, state };
        let start = self.shared.connections.begin(connection.clone()).ok_or_else(|| {
            Error::new(error::ALREADY_RUNNING, format!("there is a connection {:?}", connection.id))
        })?;
        self.inner.service().tell_others(&ON_PROXY_CONNECTION_STARTING, caller.session, &connection).await;
        (connection.started, connection.state) = (Some(utcnow()), "started".to_owned());
        if !self.shared.connections.has_begun(start, connection.clone(), backend) {
            let message = format!("connection {:?} was stopped as it started", connection.id);
            return Err(Error::new(error::CANNOT_START, message));
        }
        info!("Connection '{}' started", connection.id);
        self.inner.service().tell_others(&ON_PROXY_CONNECTION_STARTED, caller.session, &connection).await;
        Ok(connection)
    }

    async fn stop_proxy_connection(
        &self,
        caller: Caller,
        asked: StopProxyConnection,
    ) -> Result<ProxyConnection, Error> {
        let removed = self.shared.connections.remove(&asked.connection_id);
        let mut connection = removed.ok_or_else(|| no_such("connection", &asked.connection_id))?;
        "stopping".clone_into(&mut connection.state);
        self.inner.service().tell_others(&ON_PROXY_CONNECTION_STOPPING, caller.session, &connection).await;
        (connection.stopped, connection.state) = (Some(utcnow()), "stopped".to_owned());
        info!("Connection '{}' stopped", connection.id);
        self.inner.service().tell_others(&ON_PROXY_CONNECTION_STOPPED, caller.session, &connection).await;
        Ok(connection)
    }
}
