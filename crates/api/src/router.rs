//! Router workers: realms, roles, transports, web services, components.

use std::collections::BTreeMap;

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Router:
    /// The ids of the realms, sorted.
    "get_router_realms" GetRouterRealms {} -> Vec<String>;

    /// A realm.
    "get_router_realm" GetRouterRealm {
        /// Its id.
        realm_id: String,
    } -> RouterRealm, errors [error::NO_SUCH_OBJECT];

    /// A realm, by its name.
    "get_router_realm_by_name" GetRouterRealmByName {
        /// Its name.
        realm_name: String,
    } -> RouterRealm, errors [error::NO_SUCH_OBJECT];

    /// Sessions and messages of realms, by the realm's id.
    "get_router_realm_stats" GetRouterRealmStats {
        /// Of this realm only.
        #[serde(default)] realm_id: Option<String>,
    } -> BTreeMap<String, RealmStats>, errors [error::NO_SUCH_OBJECT];

    /// Starts a realm. The roles in its configuration are checked, and started one by one, by `start_router_realm_role`.
    "start_router_realm" StartRouterRealm {
        /// An id for it.
        realm_id: String,
        /// An item of `realms`.
        config: Config,
    } -> RouterRealm,
    errors [error::ALREADY_RUNNING, error::ALREADY_EXISTS, error::INVALID_CONFIGURATION, error::CANNOT_START],
    events ["on_realm_started"];

    /// Stops a realm: its sessions get GOODBYE.
    "stop_router_realm" StopRouterRealm {
        /// Its id.
        realm_id: String,
    } -> RealmStopped, errors [error::NO_SUCH_OBJECT], events ["on_realm_stopped"];

    /// The roles of a realm.
    "get_router_realm_roles" GetRouterRealmRoles {
        /// The realm's id.
        realm_id: String,
    } -> Vec<RealmRole>, errors [error::NO_SUCH_OBJECT];

    /// A role of a realm.
    "get_router_realm_role" GetRouterRealmRole {
        /// The realm's id.
        realm_id: String,
        /// The role's id.
        role_id: String,
    } -> RealmRole, errors [error::NO_SUCH_OBJECT];

    /// Adds a role to a realm.
    "start_router_realm_role" StartRouterRealmRole {
        /// The realm's id.
        realm_id: String,
        /// An id for the role.
        role_id: String,
        /// An item of `roles`.
        config: Config,
    } -> RealmRole,
    errors [error::NO_SUCH_OBJECT, error::ALREADY_EXISTS, error::INVALID_CONFIGURATION],
    events ["on_router_realm_role_started"];

    /// Changes what a role of a realm may do, from the next message on. Its sessions go on. Not in Crossbar.io.
    "change_router_realm_role" ChangeRouterRealmRole {
        /// The realm's id.
        realm_id: String,
        /// The role's id.
        role_id: String,
        /// An item of `roles`, with the name that the role has.
        config: Config,
    } -> RealmRole,
    errors [error::NO_SUCH_OBJECT, error::INVALID_CONFIGURATION],
    events ["on_router_realm_role_changed"];

    /// Takes a role from a realm, and ends the sessions that have it.
    "stop_router_realm_role" StopRouterRealmRole {
        /// The realm's id.
        realm_id: String,
        /// The role's id.
        role_id: String,
    } -> RealmRole, errors [error::NO_SUCH_OBJECT], events ["on_router_realm_role_stopped"];

    /// The transports.
    "get_router_transports" GetRouterTransports {} -> Vec<RouterTransport>;

    /// A transport.
    "get_router_transport" GetRouterTransport {
        /// Its id.
        transport_id: String,
    } -> RouterTransport, errors [error::NO_SUCH_OBJECT];

    /// Listens.
    "start_router_transport" StartRouterTransport {
        /// An id for the transport.
        transport_id: String,
        /// An item of `transports`.
        config: Config,
        /// Whether to start the web services of its `paths` as well. Here they always are.
        #[serde(default)] create_paths: bool,
    } -> RouterTransport,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_LISTEN],
    events ["on_router_transport_starting", "on_router_transport_started"];

    /// Listens no more. Connections that are there go on.
    "stop_router_transport" StopRouterTransport {
        /// Its id.
        transport_id: String,
    } -> RouterTransport,
    errors [error::NO_SUCH_OBJECT],
    events ["on_router_transport_stopping", "on_router_transport_stopped"];

    /// Ends the sessions of a realm that have this authid. The result is their session ids.
    "kill_by_authid" KillByAuthid {
        /// The realm's id.
        realm_id: String,
        /// The authid.
        authid: String,
        /// The URI that GOODBYE has.
        reason: String,
        /// The text that GOODBYE has.
        #[serde(default)] message: Option<String>,
    } -> Vec<u64>, errors [error::NO_SUCH_OBJECT];

    /// Reads the certificates of TLS endpoints again. The result is how many transports could not. Not in Crossbar.io.
    "reload_certificates" ReloadCertificates {} -> u64;
}

objects! {
    /// A realm of a router.
    RouterRealm {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// `static`, or `template` if it was started for its first client.
        category: String,
        /// When it was started, in UTC.
        created: String,
        /// Its roles.
        roles: Vec<RealmRole>,
        /// Whether it runs.
        has_router: bool,
        /// Whether it has its meta API.
        has_service_session: bool,
        /// The ids of its router-to-router links.
        rlinks: Vec<String>,
    }

    /// A role of a realm.
    RealmRole {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
    }

    /// A realm was stopped.
    RealmStopped {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// The sessions that it had.
        detached_sessions: Vec<u64>,
    }

    /// Sessions and messages of a realm.
    RealmStats {
        /// How many roles it has.
        roles: u64,
        /// How many sessions are joined.
        sessions: u64,
        /// Messages by direction (`received`, `sent`) and type (`publish`, `call`, ...).
        messages: BTreeMap<String, BTreeMap<String, u64>>,
    }

    /// Where a router listens.
    RouterTransport {
        /// Its id.
        id: String,
        /// `websocket`, `rawsocket`, `web` or `universal`.
        #[serde(rename = "type")] kind: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// When it was asked for, in UTC.
        created_at: String,
        /// Since when it listens, in UTC.
        listening_since: Option<String>,
        /// 1 created, 2 starting, 3 started, 4 failed, 5 stopping, 6 stopped.
        state: u32,
        /// The URLs that clients can use. Not in Crossbar.io.
        listening: Vec<String>,
    }
}

events! { Router:
    /// A realm was started.
    ON_REALM_STARTED = "on_realm_started" (RouterRealm);
    /// The realm of this id was stopped.
    ON_REALM_STOPPED = "on_realm_stopped" (String);
    /// A role was added.
    ON_ROUTER_REALM_ROLE_STARTED = "on_router_realm_role_started" (RealmRole);
    /// A role may do something else than before. Not in Crossbar.io.
    ON_ROUTER_REALM_ROLE_CHANGED = "on_router_realm_role_changed" (RealmRole);
    /// A role was taken away.
    ON_ROUTER_REALM_ROLE_STOPPED = "on_router_realm_role_stopped" (RealmRole);
    /// A transport is about to listen.
    ON_ROUTER_TRANSPORT_STARTING = "on_router_transport_starting" (RouterTransport);
    /// A transport listens.
    ON_ROUTER_TRANSPORT_STARTED = "on_router_transport_started" (RouterTransport);
    /// A transport is about to end.
    ON_ROUTER_TRANSPORT_STOPPING = "on_router_transport_stopping" (RouterTransport);
    /// A transport listens no more.
    ON_ROUTER_TRANSPORT_STOPPED = "on_router_transport_stopped" (RouterTransport);
}
