//! Proxy workers: connections to routers, routes to them, transports for clients.
//!
//! Web services of their transports are started and stopped by the procedures of router workers.

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;
use crate::router::RouterTransport;

procedures! { Proxy:
    /// The transports.
    "get_proxy_transports" GetProxyTransports {} -> Vec<RouterTransport>;

    /// A transport.
    "get_proxy_transport" GetProxyTransport {
        /// Its id.
        transport_id: String,
    } -> RouterTransport, errors [error::NO_SUCH_OBJECT];

    /// Listens for clients.
    "start_proxy_transport" StartProxyTransport {
        /// An id for the transport.
        transport_id: String,
        /// An item of `transports`.
        config: Config,
    } -> RouterTransport,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_LISTEN, error::CANNOT_START],
    events ["on_proxy_transport_starting", "on_proxy_transport_started"];

    /// Listens no more. Sessions that are open go on.
    "stop_proxy_transport" StopProxyTransport {
        /// Its id.
        transport_id: String,
    } -> RouterTransport, errors [error::NO_SUCH_OBJECT],
    events ["on_proxy_transport_stopping", "on_proxy_transport_stopped"];

    /// The realms that clients can join, sorted.
    "get_proxy_routes" GetProxyRoutes {} -> Vec<String>;

    /// The routes of a realm.
    "list_proxy_realm_routes" ListProxyRealmRoutes {
        /// The realm.
        realm_name: String,
    } -> Vec<ProxyRoute>, errors [error::NO_SUCH_OBJECT];

    /// A route.
    "get_proxy_realm_route" GetProxyRealmRoute {
        /// The realm.
        realm_name: String,
        /// The route's id.
        route_id: String,
    } -> ProxyRoute, errors [error::NO_SUCH_OBJECT];

    /// Lets clients of some roles join a realm, over connections that are there. Where several routes have a role, their
    /// connections are used in turn.
    "start_proxy_realm_route" StartProxyRealmRoute {
        /// The realm.
        realm_name: String,
        /// A value of `routes`: the id of a connection, or a list of them, by role.
        config: Config,
        /// An id for the route; the next of `route000`, ... by default. Not in Crossbar.io.
        #[serde(default)] route_id: Option<String>,
    } -> ProxyRoute,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_START],
    events ["on_proxy_route_starting", "on_proxy_route_started"];

    /// Lets nobody join by this route any more. Sessions that are open go on.
    "stop_proxy_realm_route" StopProxyRealmRoute {
        /// The realm.
        realm_name: String,
        /// The route's id.
        route_id: String,
    } -> ProxyRoute, errors [error::NO_SUCH_OBJECT],
    events ["on_proxy_route_stopping", "on_proxy_route_stopped"];

    /// The ids of the connections, sorted.
    "get_proxy_connections" GetProxyConnections {} -> Vec<String>;

    /// A connection.
    "get_proxy_connection" GetProxyConnection {
        /// Its id.
        connection_id: String,
    } -> ProxyConnection, errors [error::NO_SUCH_OBJECT];

    /// Adds a way to a router. Nothing is connected before a client comes: each has a connection of its own.
    "start_proxy_connection" StartProxyConnection {
        /// An id for the connection.
        connection_id: String,
        /// A value of `connections`.
        config: Config,
    } -> ProxyConnection,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_START],
    events ["on_proxy_connection_starting", "on_proxy_connection_started"];

    /// Takes away a way to a router. Routes go on without it, and so do sessions that are open.
    "stop_proxy_connection" StopProxyConnection {
        /// Its id.
        connection_id: String,
    } -> ProxyConnection, errors [error::NO_SUCH_OBJECT],
    events ["on_proxy_connection_stopping", "on_proxy_connection_stopped"];
}

objects! {
    /// A route of a proxy.
    ProxyRoute {
        /// Its realm.
        realm: String,
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// When it was started, in UTC; null if it is not yet.
        started: Option<String>,
        /// When it was stopped, in UTC; null if it runs.
        stopped: Option<String>,
        /// `starting`, `started`, `stopping` or `stopped`.
        state: String,
    }

    /// A way from a proxy to a router.
    ProxyConnection {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// When it was started, in UTC; null if it is not yet.
        started: Option<String>,
        /// When it was stopped, in UTC; null if it runs.
        stopped: Option<String>,
        /// `starting`, `started`, `stopping` or `stopped`.
        state: String,
    }
}

events! { Proxy:
    /// A transport is about to listen.
    ON_PROXY_TRANSPORT_STARTING = "on_proxy_transport_starting" (RouterTransport);
    /// A transport listens.
    ON_PROXY_TRANSPORT_STARTED = "on_proxy_transport_started" (RouterTransport);
    /// A transport is about to end.
    ON_PROXY_TRANSPORT_STOPPING = "on_proxy_transport_stopping" (RouterTransport);
    /// A transport listens no more, or could not: `state` tells which.
    ON_PROXY_TRANSPORT_STOPPED = "on_proxy_transport_stopped" (RouterTransport);
    /// A route is about to be started.
    ON_PROXY_ROUTE_STARTING = "on_proxy_route_starting" (ProxyRoute);
    /// A route was started.
    ON_PROXY_ROUTE_STARTED = "on_proxy_route_started" (ProxyRoute);
    /// A route is about to end.
    ON_PROXY_ROUTE_STOPPING = "on_proxy_route_stopping" (ProxyRoute);
    /// A route was stopped.
    ON_PROXY_ROUTE_STOPPED = "on_proxy_route_stopped" (ProxyRoute);
    /// A connection is about to be started.
    ON_PROXY_CONNECTION_STARTING = "on_proxy_connection_starting" (ProxyConnection);
    /// A connection was started.
    ON_PROXY_CONNECTION_STARTED = "on_proxy_connection_started" (ProxyConnection);
    /// A connection is about to end.
    ON_PROXY_CONNECTION_STOPPING = "on_proxy_connection_stopping" (ProxyConnection);
    /// A connection was stopped.
    ON_PROXY_CONNECTION_STOPPED = "on_proxy_connection_stopped" (ProxyConnection);
}
