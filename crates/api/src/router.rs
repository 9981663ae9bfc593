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

    /// The topics and procedures with most messages, on all realms, since somebody asked last. It is counted for 10 seconds after each
    /// question: the first one begins it, and its answer has no URIs. Not in Crossbar.io.
    "get_router_hot_uris" GetRouterHotUris {
        /// How many at most: 0 to 1,000. 0 asks that it is counted on, and begins no new period.
        #[serde(default = "ten")] limit: u32,
    } -> HotUris;

    /// Starts a realm. The roles in its configuration are checked and not started: that is what `start_router_realm_role` is for. Without
    /// `template_id`, it takes the place of one of its name that clients have started by a template: that one ends.
    "start_router_realm" StartRouterRealm {
        /// An id for it.
        realm_id: String,
        /// An item of `realms`. Its `roles` are not started: call `start_router_realm_role` for each. With `template`, realms are
        /// started by it from now on, whenever a client wants to join one that its name matches.
        #[serde(alias = "realm_config")] config: Config,
        /// Of a realm that is started by a template: the template's id. Not in Crossbar.io.
        #[serde(default)] template_id: Option<String>,
    } -> RouterRealm,
    errors [error::ALREADY_RUNNING, error::ALREADY_EXISTS, error::INVALID_CONFIGURATION, error::CANNOT_START],
    events ["on_realm_started"];

    /// The ids of the templates of realms, in the order in which they are tried. Not in Crossbar.io.
    "get_router_realm_templates" GetRouterRealmTemplates {} -> Vec<String>;

    /// Says in which order templates of realms are tried: these first, also those of them that are started later, and then all
    /// others in the order in which they were started. Answers what `get_router_realm_templates` does. Realms that run stay as
    /// they are. Not in Crossbar.io.
    "order_router_realm_templates" OrderRouterRealmTemplates {
        /// The ids of templates; those that are not there (yet) do no harm.
        realm_ids: Vec<String>,
    } -> Vec<String>;

    /// Makes another template of one, at once: whoever joins meanwhile gets a realm of the one or the other. The realms that it has
    /// started end, and their clients start them anew. It keeps its place in the order. Not in Crossbar.io.
    "change_router_realm_template" ChangeRouterRealmTemplate {
        /// The template's id.
        realm_id: String,
        /// An item of `realms` with `template`; its name may be another one.
        config: Config,
    } -> RouterRealm,
    errors [error::NO_SUCH_OBJECT, error::INVALID_CONFIGURATION],
    events ["on_realm_template_changed", "on_realm_stopped"];

    /// Stops a realm: its sessions get GOODBYE. After a template is stopped, no realms are started by it any more.
    "stop_router_realm" StopRouterRealm {
        /// Its id.
        realm_id: String,
        /// Of a template: whether the realms that it has started stop with it. Not in Crossbar.io.
        #[serde(default)] with_instances: bool,
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

    /// Adds a role to a realm. It takes the place of one of its name that a client has started by a template of the realm, whose
    /// sessions go on.
    "start_router_realm_role" StartRouterRealmRole {
        /// The realm's id.
        realm_id: String,
        /// An id for the role.
        role_id: String,
        /// An item of `roles`.
        #[serde(alias = "role_config")] config: Config,
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

    /// The ids of the links of a realm to other routers, sorted.
    "get_router_realm_links" GetRouterRealmLinks {
        /// The realm's id.
        realm_id: String,
    } -> Vec<String>, errors [error::NO_SUCH_OBJECT];

    /// A link of a realm to another router.
    "get_router_realm_link" GetRouterRealmLink {
        /// The realm's id.
        realm_id: String,
        /// The link's id.
        link_id: String,
    } -> RouterRealmLink, errors [error::NO_SUCH_OBJECT];

    /// Links a realm with a realm of another router. Answers once it is connected, or cannot connect at once; it is then tried
    /// again until the link is stopped.
    "start_router_realm_link" StartRouterRealmLink {
        /// The realm's id.
        realm_id: String,
        /// An id for the link.
        link_id: String,
        /// An item of `rlinks`.
        #[serde(alias = "link_config")] config: Config,
    } -> RouterRealmLink,
    errors [error::NO_SUCH_OBJECT, error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_START],
    events ["on_router_realm_link_started"];

    /// Ends a link: nothing is forwarded any more.
    "stop_router_realm_link" StopRouterRealmLink {
        /// The realm's id.
        realm_id: String,
        /// The link's id.
        link_id: String,
    } -> RouterRealmLink, errors [error::NO_SUCH_OBJECT], events ["on_router_realm_link_stopped"];

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
    errors [error::NOT_RUNNING],
    events ["on_router_transport_stopping", "on_router_transport_stopped"];

    /// The paths of the web services of a transport that have one component, sorted.
    "get_web_transport_services" GetWebTransportServices {
        /// The transport's id.
        transport_id: String,
    } -> Vec<String>, errors [error::NOT_RUNNING];

    /// The transport of a web service, if there is that service: what it was started with is in `paths` of the transport's
    /// `config`.
    "get_web_transport_service" GetWebTransportService {
        /// The transport's id.
        transport_id: String,
        /// The path.
        path: String,
    } -> RouterTransport, errors [error::NOT_RUNNING];

    /// Adds a web service to a transport that listens, WebSocket among them.
    "start_web_transport_service" StartWebTransportService {
        /// The transport's id.
        transport_id: String,
        /// The path: `/`, or one component.
        path: String,
        /// An item of `paths`.
        config: Config,
    } -> WebTransportService,
    errors [error::NOT_RUNNING, error::ALREADY_RUNNING, error::INVALID_CONFIGURATION],
    events ["on_web_transport_service_starting", "on_web_transport_service_started"];

    /// Takes a web service from a transport that listens. Connections of a WebSocket path go on.
    "stop_web_transport_service" StopWebTransportService {
        /// The transport's id.
        transport_id: String,
        /// The path.
        path: String,
    } -> WebTransportServiceStopped,
    errors [error::NOT_RUNNING, error::INVALID_CONFIGURATION],
    events ["on_web_transport_service_stopping", "on_web_transport_service_stopped"];

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

    /// Reads the certificates of TLS endpoints again. Proxy workers have this, too. Not in Crossbar.io.
    "reload_certificates" ReloadCertificates {} -> CertificatesRead;

    /// The components, in the order of their ids.
    "get_router_components" GetRouterComponents {} -> Vec<RouterComponent>;

    /// A component.
    "get_router_component" GetRouterComponent {
        /// Its id.
        #[serde(alias = "component_id")] id: String,
    } -> RouterComponent, errors [error::NO_SUCH_OBJECT];

    /// Starts a component, and answers when it has joined its realm.
    "start_router_component" StartRouterComponent {
        /// An id for it.
        #[serde(alias = "component_id")] id: String,
        /// An item of `components`.
        config: Config,
    } -> RouterComponentTold,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CLASS_IMPORT_FAILED, error::CANNOT_CONNECT, error::CANNOT_START],
    events ["on_component_start", "on_component_ready"];

    /// Stops a component.
    "stop_router_component" StopRouterComponent {
        /// Its id.
        #[serde(alias = "component_id")] id: String,
    } -> RouterComponentTold, errors [error::NO_SUCH_OBJECT], events ["on_component_stop"];
}

fn ten() -> u32 {
    10
}

objects! {
    /// What came of reading certificates again.
    CertificatesRead {
        /// The endpoints whose certificates were read again.
        read: Vec<String>,
        /// Those whose certificates stay as they were, each with the reason.
        kept: Vec<String>,
    }

    /// The topics and procedures with most messages.
    HotUris {
        /// Over how many seconds it was counted; 0 if that has only begun.
        seconds: f64,
        /// Whether there were more URIs than are counted at a time, about 16,384: then those that are used seldom are missing, and rates
        /// are at least what is told.
        has_forgotten: bool,
        /// Those with most messages first.
        uris: Vec<HotUri>,
    }

    /// A topic or procedure with many messages.
    HotUri {
        /// The realm's name.
        realm: String,
        /// `topic` or `procedure`.
        #[serde(rename = "type")] kind: String,
        /// The URI that was published to or called, at most 1,024 octets of it.
        uri: String,
        /// PUBLISH or CALL messages, those that were refused among them.
        received_per_second: f64,
        /// EVENT or INVOCATION messages queued for sessions because of them; without those of messages that had to wait for an authorizer
        /// or a callee.
        sent_per_second: f64,
    }

    /// A web service of a transport.
    WebTransportService {
        /// The transport's id.
        transport_id: String,
        /// The path.
        path: String,
        /// The part of the configuration that it was started with.
        config: Config,
    }

    /// A web service was taken from a transport.
    WebTransportServiceStopped {
        /// The transport's id.
        transport_id: String,
        /// The path.
        path: String,
    }

    /// A component in a router.
    RouterComponent {
        /// Its id.
        id: String,
        /// When it was asked for, in UTC.
        created: String,
        /// When it has joined last, in UTC; null if it has not.
        started: Option<String>,
        /// For how many seconds it has run since.
        uptime: Option<f64>,
        /// The part of the configuration that it was started with.
        config: Config,
    }

    /// A component in a router is started, has joined, or has ended.
    RouterComponentTold {
        /// Its id.
        id: String,
    }

    /// A realm of a router.
    RouterRealm {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// What its name is: `standalone`, `eth`, `ens` or `reverse_ens`.
        category: String,
        /// `static`; `template`; `instance` if it was started by a template. Not in Crossbar.io.
        kind: String,
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

    /// A link of a realm to another router.
    RouterRealmLink {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// When it was started, in UTC.
        started: String,
        /// Who has started it.
        started_by: crate::process::SessionIdent,
        /// Whether it is connected now.
        connected: bool,
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
        /// Events dropped since the realm was started, for sessions that read too slowly or take none that long, or replaced by a delivery contract.
        dropped: u64,
        /// How many of the joined sessions miss events.
        sessions_with_drops: u64,
        /// Octets that wait for the session for which most do. Not in Crossbar.io.
        #[serde(default)] longest_queue: u64,
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
    /// A component is being started.
    ON_COMPONENT_START = "on_component_start" (RouterComponentTold);
    /// A component has joined its realm.
    ON_COMPONENT_READY = "on_component_ready" (RouterComponentTold) to all;
    /// A component was stopped, or has ended. Crossbar.io hides it from whoever has started the component, who is the one to miss it.
    ON_COMPONENT_STOP = "on_component_stop" (RouterComponentTold) to all;
    /// A realm was started. Crossbar.io publishes it twice, with the realm's id alone as well: an event that has two shapes is no
    /// use to anybody, so that it comes once here.
    ON_REALM_STARTED = "on_realm_started" (RouterRealm);
    /// The realm of this id was stopped.
    ON_REALM_STOPPED = "on_realm_stopped" (String) to all;
    /// A template of realms is another one than before. Not in Crossbar.io.
    ON_REALM_TEMPLATE_CHANGED = "on_realm_template_changed" (RouterRealm);
    /// A role was added.
    ON_ROUTER_REALM_ROLE_STARTED = "on_router_realm_role_started" (RealmRole);
    /// A role may do something else than before. Not in Crossbar.io.
    ON_ROUTER_REALM_ROLE_CHANGED = "on_router_realm_role_changed" (RealmRole);
    /// A role was taken away.
    ON_ROUTER_REALM_ROLE_STOPPED = "on_router_realm_role_stopped" (RealmRole);
    /// A link to another router was started.
    ON_ROUTER_REALM_LINK_STARTED = "on_router_realm_link_started" (RouterRealmLink) to all;
    /// A link is connected with the other router. Not in Crossbar.io.
    ON_ROUTER_REALM_LINK_CONNECTED = "on_router_realm_link_connected" (RouterRealmLink) to all;
    /// A link has lost the other router, and tries to connect again. Not in Crossbar.io.
    ON_ROUTER_REALM_LINK_DISCONNECTED = "on_router_realm_link_disconnected" (RouterRealmLink) to all;
    /// A link was stopped.
    ON_ROUTER_REALM_LINK_STOPPED = "on_router_realm_link_stopped" (RouterRealmLink) to all;
    /// A transport is about to listen.
    ON_ROUTER_TRANSPORT_STARTING = "on_router_transport_starting" (RouterTransport);
    /// A transport listens.
    ON_ROUTER_TRANSPORT_STARTED = "on_router_transport_started" (RouterTransport);
    /// A transport is about to end.
    ON_ROUTER_TRANSPORT_STOPPING = "on_router_transport_stopping" (RouterTransport);
    /// A transport listens no more, or could not: `state` tells which.
    ON_ROUTER_TRANSPORT_STOPPED = "on_router_transport_stopped" (RouterTransport);
    /// A web service is about to be served: the transport's id, the path.
    ON_WEB_TRANSPORT_SERVICE_STARTING = "on_web_transport_service_starting" ((String, String));
    /// A web service is served: the transport's id, the path, the service.
    ON_WEB_TRANSPORT_SERVICE_STARTED = "on_web_transport_service_started" ((String, String, WebTransportService));
    /// A web service is about to end: the transport's id, the path.
    ON_WEB_TRANSPORT_SERVICE_STOPPING = "on_web_transport_service_stopping" ((String, String));
    /// A web service is served no more: the transport's id, the path, and both in one.
    ON_WEB_TRANSPORT_SERVICE_STOPPED = "on_web_transport_service_stopped" ((String, String, WebTransportServiceStopped));
}
