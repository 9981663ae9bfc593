//! One step of a boot: what is called, and what would undo it.

use crossweave_api::container::{GetComponent, StartComponent, StopComponent};
use crossweave_api::hostmonitor::{GetMonitoring, StartMonitoring, StopMonitoring};
use crossweave_api::proxy::{
    GetProxyConnection, GetProxyRealmRoute, GetProxyTransport, StartProxyConnection, StartProxyRealmRoute,
    StartProxyTransport, StopProxyConnection, StopProxyRealmRoute, StopProxyTransport,
};
use crossweave_api::router::{
    ChangeRouterRealmRole, ChangeRouterRealmTemplate, GetRouterComponent, GetRouterRealm, GetRouterRealmLink,
    GetRouterRealmRole, GetRouterRealmTemplates, GetRouterTransport, OrderRouterRealmTemplates,
    StartRouterComponent, StartRouterRealm, StartRouterRealmLink, StartRouterRealmRole, StartRouterTransport,
    StopRouterComponent, StopRouterRealm, StopRouterRealmLink, StopRouterRealmRole, StopRouterTransport,
};
use crossweave_api::testee::{GetTesteeTransport, StartTesteeTransport, StopTesteeTransport};
use crossweave_api::{Config, Procedure};
use serde_json::Value as Json;

use crate::router::template::filled;

/// Stands for a part of the configuration that is not there.
static NONE: Config = Json::Null;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is about, for messages: `realm "realm1"`.
    pub what: String,
    /// What is called.
    pub start: Start,
}

/// What a worker is told to start.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// The order in which a router tries its templates of realms.
    TemplateOrder(OrderRouterRealmTemplates),
    /// A realm of a router, or a template of realms.
    Realm(StartRouterRealm),
    /// A role of a realm.
    Role(StartRouterRealmRole),
    /// A link of a realm to another router.
    Link(StartRouterRealmLink),
    /// A transport of a router.
    Transport(StartRouterTransport),
    /// A component in a router.
    RouterComponent(StartRouterComponent),
    /// A way from a proxy to a router.
    ProxyConnection(StartProxyConnection),
    /// What lets clients of a proxy join a realm. It has a `route_id`.
    ProxyRoute(StartProxyRealmRoute),
    /// A transport of a proxy.
    ProxyTransport(StartProxyTransport),
    /// A component in a container.
    Component(StartComponent),
    /// The sensors of a host monitor.
    Monitoring(StartMonitoring),
    /// The transport of a testee.
    TesteeTransport(StartTesteeTransport),
}

/// A procedure with its arguments. As it is made of the procedure's own type, it has none that the procedure does not know.
#[derive(Debug)]
pub(crate) struct Call {
    procedure: &'static str,
    arguments: Json,
}

impl Call {
    pub(crate) fn of<P: Procedure>(call: &P) -> Call {
        let arguments = serde_json::to_value(call).expect("the API's own types can be written as JSON");
        Call { procedure: P::CONTRACT.name, arguments }
    }

    /// The procedure's name, behind the worker's prefix.
    pub(crate) fn procedure(&self) -> &'static str {
        self.procedure
    }

    /// Its arguments by their names.
    pub(crate) fn arguments(&self) -> &Json {
        &self.arguments
    }
}

impl Step {
    pub(super) fn new(what: String, start: Start) -> Step {
        Step { what, start }
    }

    /// With all `{group}`s of its texts filled in.
    pub(crate) fn filled(&self, groups: &[(String, String)]) -> Step {
        let mut start = self.start.clone();
        if let Some(config) = start.config_mut() {
            *config = filled(config, groups);
        }
        if let Some(id) = start.id_mut()
            && let Json::String(text) = filled(&Json::from(id.as_str()), groups)
        {
            *id = text;
        }
        Step { what: self.what.clone(), start }
    }

    /// What has become of it, as the log of Crossbar.io has it: `realm 'realm001' (named 'realm1') started`.
    pub(crate) fn told(&self, became: &str) -> String {
        let (id, name) = (self.start.id(), self.start.config()["name"].as_str().unwrap_or_default());
        match &self.start {
            Start::TemplateOrder(order) => {
                format!("templates of realms are tried in this order: '{}'", order.realm_ids.join("', '"))
            }
            Start::Realm(_) if self.start.is_realm_template() => {
                format!("realm template '{id}' ('{name}') {became}")
            }
            Start::Realm(_) => format!("realm '{id}' (named '{name}') {became}"),
            Start::Role(role) => {
                format!("role '{id}' (named '{name}') {became} on realm '{}'", role.realm_id)
            }
            Start::Link(link) => {
                format!("router-to-router link '{id}' on realm '{}' {became}", link.realm_id)
            }
            Start::ProxyConnection(_) => format!("connection '{id}' {became}"),
            Start::ProxyRoute(route) => format!("route to realm '{}' {became}", route.realm_name),
            Start::Transport(_) | Start::ProxyTransport(_) | Start::TesteeTransport(_) => {
                format!("transport '{id}' {became}")
            }
            Start::RouterComponent(_) | Start::Component(_) => format!("component '{id}' {became}"),
            Start::Monitoring(_) => format!("{} {became}", self.what),
        }
    }
}

impl Start {
    /// The call that starts it.
    pub(crate) fn call(&self) -> Call {
        match self {
            Start::TemplateOrder(call) => Call::of(call),
            Start::Realm(call) => Call::of(call),
            Start::Role(call) => Call::of(call),
            Start::Link(call) => Call::of(call),
            Start::Transport(call) => Call::of(call),
            Start::RouterComponent(call) => Call::of(call),
            Start::ProxyConnection(call) => Call::of(call),
            Start::ProxyRoute(call) => Call::of(call),
            Start::ProxyTransport(call) => Call::of(call),
            Start::Component(call) => Call::of(call),
            Start::Monitoring(call) => Call::of(call),
            Start::TesteeTransport(call) => Call::of(call),
        }
    }

    /// The call that stops what this one has started.
    pub(crate) fn stop(&self) -> Call {
        match self {
            Start::TemplateOrder(_) => Call::of(&OrderRouterRealmTemplates { realm_ids: Vec::new() }),
            Start::Realm(it) => {
                let realm_id = it.realm_id.clone();
                Call::of(&StopRouterRealm { realm_id, with_instances: true })
            }
            Start::Role(it) => {
                let (realm_id, role_id) = (it.realm_id.clone(), it.role_id.clone());
                Call::of(&StopRouterRealmRole { realm_id, role_id })
            }
            Start::Link(it) => {
                let (realm_id, link_id) = (it.realm_id.clone(), it.link_id.clone());
                Call::of(&StopRouterRealmLink { realm_id, link_id })
            }
            Start::Transport(it) => Call::of(&StopRouterTransport { transport_id: it.transport_id.clone() }),
            Start::RouterComponent(it) => Call::of(&StopRouterComponent { id: it.id.clone() }),
            Start::ProxyConnection(it) => {
                Call::of(&StopProxyConnection { connection_id: it.connection_id.clone() })
            }
            Start::ProxyRoute(it) => {
                let (realm_name, route_id) = (it.realm_name.clone(), it.route_id.clone().unwrap_or_default());
                Call::of(&StopProxyRealmRoute { realm_name, route_id })
            }
            Start::ProxyTransport(it) => {
                Call::of(&StopProxyTransport { transport_id: it.transport_id.clone() })
            }
            Start::Component(it) => Call::of(&StopComponent { component_id: it.component_id.clone() }),
            Start::Monitoring(_) => Call::of(&StopMonitoring {}),
            Start::TesteeTransport(_) => Call::of(&StopTesteeTransport {}),
        }
    }

    /// The call that changes what runs into what this one would start, if there is one.
    pub(crate) fn change(&self) -> Option<Call> {
        match self {
            Start::TemplateOrder(order) => Some(Call::of(order)),
            Start::Realm(it) if self.is_realm_template() => {
                let (realm_id, config) = (it.realm_id.clone(), it.config.clone());
                Some(Call::of(&ChangeRouterRealmTemplate { realm_id, config }))
            }
            Start::Role(it) => {
                let (realm_id, role_id, config) =
                    (it.realm_id.clone(), it.role_id.clone(), it.config.clone());
                Some(Call::of(&ChangeRouterRealmRole { realm_id, role_id, config }))
            }
            _ => None,
        }
    }

    /// The call that tells what there is of it now.
    pub(crate) fn look(&self) -> Call {
        match self {
            Start::TemplateOrder(_) => Call::of(&GetRouterRealmTemplates {}),
            Start::Realm(it) => Call::of(&GetRouterRealm { realm_id: it.realm_id.clone() }),
            Start::Role(it) => {
                let (realm_id, role_id) = (it.realm_id.clone(), it.role_id.clone());
                Call::of(&GetRouterRealmRole { realm_id, role_id })
            }
            Start::Link(it) => {
                let (realm_id, link_id) = (it.realm_id.clone(), it.link_id.clone());
                Call::of(&GetRouterRealmLink { realm_id, link_id })
            }
            Start::Transport(it) => Call::of(&GetRouterTransport { transport_id: it.transport_id.clone() }),
            Start::RouterComponent(it) => Call::of(&GetRouterComponent { id: it.id.clone() }),
            Start::ProxyConnection(it) => {
                Call::of(&GetProxyConnection { connection_id: it.connection_id.clone() })
            }
            Start::ProxyRoute(it) => {
                let (realm_name, route_id) = (it.realm_name.clone(), it.route_id.clone().unwrap_or_default());
                Call::of(&GetProxyRealmRoute { realm_name, route_id })
            }
            Start::ProxyTransport(it) => {
                Call::of(&GetProxyTransport { transport_id: it.transport_id.clone() })
            }
            Start::Component(it) => Call::of(&GetComponent { component_id: it.component_id.clone() }),
            Start::Monitoring(_) => Call::of(&GetMonitoring { sensors: None }),
            Start::TesteeTransport(_) => Call::of(&GetTesteeTransport {}),
        }
    }

    /// What there is of it, by what that call has answered; none if it was stopped.
    pub(crate) fn found(&self, answer: &Json) -> Option<Start> {
        let mut found = self.clone();
        match &mut found {
            Start::Monitoring(_) if answer["status"] != "running" => return None,
            Start::TesteeTransport(_) if answer.is_null() => return None,
            Start::TemplateOrder(order) => {
                let there = answer.as_array().into_iter().flatten().filter_map(Json::as_str);
                order.realm_ids = in_order(&order.realm_ids, &there.collect::<Vec<_>>());
            }
            // Somebody may have changed it since.
            Start::Role(role) => role.config.clone_from(&answer["config"]),
            Start::Realm(realm) if self.is_realm_template() => realm.config.clone_from(&answer["config"]),
            _ => {}
        }
        Some(found)
    }

    /// Its own id; empty for what there is only one of in a worker.
    pub(crate) fn id(&self) -> &str {
        match self {
            Start::TemplateOrder(_) => "",
            Start::Realm(it) => &it.realm_id,
            Start::Role(it) => &it.role_id,
            Start::Link(it) => &it.link_id,
            Start::Transport(it) => &it.transport_id,
            Start::RouterComponent(it) => &it.id,
            Start::ProxyConnection(it) => &it.connection_id,
            Start::ProxyRoute(it) => it.route_id.as_deref().unwrap_or_default(),
            Start::ProxyTransport(it) => &it.transport_id,
            Start::Component(it) => &it.component_id,
            Start::Monitoring(_) => "",
            Start::TesteeTransport(it) => &it.transport_id,
        }
    }

    /// The same, to be changed.
    pub(crate) fn id_mut(&mut self) -> Option<&mut String> {
        match self {
            Start::TemplateOrder(_) => None,
            Start::Realm(it) => Some(&mut it.realm_id),
            Start::Role(it) => Some(&mut it.role_id),
            Start::Link(it) => Some(&mut it.link_id),
            Start::Transport(it) => Some(&mut it.transport_id),
            Start::RouterComponent(it) => Some(&mut it.id),
            Start::ProxyConnection(it) => Some(&mut it.connection_id),
            Start::ProxyRoute(it) => it.route_id.as_mut(),
            Start::ProxyTransport(it) => Some(&mut it.transport_id),
            Start::Component(it) => Some(&mut it.component_id),
            Start::Monitoring(_) => None,
            Start::TesteeTransport(it) => Some(&mut it.transport_id),
        }
    }

    /// The realm that it is in: its id on a router, its name on a proxy.
    pub(crate) fn realm(&self) -> Option<&str> {
        match self {
            Start::Role(it) => Some(&it.realm_id),
            Start::Link(it) => Some(&it.realm_id),
            Start::ProxyRoute(it) => Some(&it.realm_name),
            _ => None,
        }
    }

    /// The id of the realm that it is in, on a router, to be changed.
    pub(crate) fn realm_id_mut(&mut self) -> Option<&mut String> {
        match self {
            Start::Role(it) => Some(&mut it.realm_id),
            Start::Link(it) => Some(&mut it.realm_id),
            _ => None,
        }
    }

    /// The part of the configuration that it is started with; null if it has none.
    pub(crate) fn config(&self) -> &Config {
        match self {
            Start::TemplateOrder(_) => &NONE,
            Start::Realm(it) => &it.config,
            Start::Role(it) => &it.config,
            Start::Link(it) => &it.config,
            Start::Transport(it) => &it.config,
            Start::RouterComponent(it) => &it.config,
            Start::ProxyConnection(it) => &it.config,
            Start::ProxyRoute(it) => &it.config,
            Start::ProxyTransport(it) => &it.config,
            Start::Component(it) => &it.config,
            Start::Monitoring(it) => it.config.as_ref().unwrap_or(&NONE),
            Start::TesteeTransport(it) => &it.config,
        }
    }

    /// The same, to be changed.
    pub(crate) fn config_mut(&mut self) -> Option<&mut Config> {
        match self {
            Start::TemplateOrder(_) => None,
            Start::Realm(it) => Some(&mut it.config),
            Start::Role(it) => Some(&mut it.config),
            Start::Link(it) => Some(&mut it.config),
            Start::Transport(it) => Some(&mut it.config),
            Start::RouterComponent(it) => Some(&mut it.config),
            Start::ProxyConnection(it) => Some(&mut it.config),
            Start::ProxyRoute(it) => Some(&mut it.config),
            Start::ProxyTransport(it) => Some(&mut it.config),
            Start::Component(it) => Some(&mut it.config),
            Start::Monitoring(it) => it.config.as_mut(),
            Start::TesteeTransport(it) => Some(&mut it.config),
        }
    }

    /// Whether realms are started by it.
    pub(crate) fn is_realm_template(&self) -> bool {
        matches!(self, Start::Realm(it) if it.config["template"] == true)
    }

    /// Whether both are the same kind of thing.
    pub(crate) fn is_like(&self, other: &Start) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// `wanted`, if those of it that are there are tried in this order; else those, in the order in which they are tried.
fn in_order(wanted: &[String], there: &[&str]) -> Vec<String> {
    let tried: Vec<&str> = there.iter().copied().filter(|id| wanted.iter().any(|it| it == id)).collect();
    let shall = wanted.iter().map(String::as_str).filter(|id| there.contains(id));
    match shall.eq(tried.iter().copied()) {
        true => wanted.to_vec(),
        false => tried.into_iter().map(str::to_owned).collect(),
    }
}
