//! What a configuration means: workers, and the calls by which each becomes what it says. A pure function.

use crossweave_api::container::StartComponent;
use crossweave_api::hostmonitor::StartMonitoring;
use crossweave_api::proxy::{StartProxyConnection, StartProxyRealmRoute, StartProxyTransport};
use crossweave_api::router::{
    StartRouterComponent, StartRouterRealm, StartRouterRealmLink, StartRouterRealmRole, StartRouterTransport,
};
use crossweave_api::testee::StartTesteeTransport;
use crossweave_api::{Config, Procedure};
use crossweave_config::{
    ContainerWorker, Disabled, GuestWorker, HostMonitorWorker, Node, ProxyWorker, Realm, RouterWorker,
    WebSocketTesteeWorker, Worker,
};
use serde_json::Value as Json;

use crate::kind::{NativeKind, WorkerKind};

/// A worker, and what is to be called on it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerPlan {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: WorkerKind,
    /// Whether it is a part of the controller's process.
    pub is_inline: bool,
    /// `options` of the worker, as they are written; of a guest, its whole item.
    pub options: Config,
    /// In this order.
    pub steps: Vec<Step>,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is about, for messages: `realm "realm1"`.
    pub what: String,
    /// The procedure's name.
    pub procedure: &'static str,
    /// Its arguments.
    pub arguments: Json,
}

impl Step {
    fn new<P: Procedure>(what: String, call: &P) -> Step {
        let arguments = serde_json::to_value(call).expect("the API's own types can be written as JSON");
        Step { what, procedure: P::CONTRACT.name, arguments }
    }
}

impl Step {
    /// What it starts, as the log of Crossbar.io has it: `realm 'realm001' (named 'realm1')`.
    pub(crate) fn told(&self) -> String {
        let text = |key: &str| self.arguments[key].as_str().unwrap_or_default();
        let name = self.arguments["config"]["name"].as_str().unwrap_or_default();
        match self.procedure {
            "start_router_realm" if self.arguments["config"]["template"] == true => {
                format!("realm template '{}' ('{name}')", text("realm_id"))
            }
            "start_router_realm" => format!("realm '{}' (named '{name}')", text("realm_id")),
            "start_router_realm_role" => {
                format!("role '{}' (named '{name}') on realm '{}'", text("role_id"), text("realm_id"))
            }
            "start_router_realm_link" => {
                format!("router-to-router link '{}' on realm '{}'", text("link_id"), text("realm_id"))
            }
            "start_proxy_connection" => format!("connection '{}'", text("connection_id")),
            "start_proxy_realm_route" => format!("route to realm '{}'", text("realm_name")),
            "start_router_transport" | "start_proxy_transport" | "start_websocket_testee_transport" => {
                format!("transport '{}'", text("transport_id"))
            }
            "start_component" => format!("component '{}'", text("component_id")),
            "start_router_component" => format!("component '{}'", text("id")),
            _ => self.what.clone(),
        }
    }
}

/// The workers of a node. `document` is what `node` was read from.
pub fn plan(node: &Node, document: &Config) -> Vec<WorkerPlan> {
    let written = items(document, "workers");
    let workers = node.workers.iter().zip(written);
    workers
        .filter(|(worker, _)| worker.disabled().is_none())
        .filter_map(|(worker, written)| match worker {
            Worker::Router(worker) => Some(router(worker, written)),
            // Templates are started with the realms that match them.
            Worker::Container(ContainerWorker { template: Some(_), .. })
            | Worker::Guest(GuestWorker { template: Some(_), .. }) => None,
            Worker::Container(worker) => Some(container(worker, written)),
            Worker::Guest(worker) => Some(guest(worker, written)),
            Worker::HostMonitor(worker) => Some(hostmonitor(worker, written)),
            Worker::WebSocketTestee(worker) => Some(testee(worker, written)),
            Worker::Proxy(worker) => Some(proxy(worker, written)),
        })
        .collect()
}

/// What is said of the workers that are left out.
pub fn left_out(node: &Node) -> Vec<String> {
    let told = |worker: &Worker| {
        let why = match worker.disabled()? {
            Disabled::Parameter => "config parameter".to_owned(),
            Disabled::Variable(name) => format!("envvar {name}"),
        };
        let title = WorkerKind::parse(worker.type_name()).map_or("Worker", WorkerKind::title);
        Some(format!("Skip start of worker {title} {} (disabled from {why})", worker.id()))
    };
    node.workers.iter().filter_map(told).collect()
}

fn native(id: &str, kind: NativeKind, written: &Config, steps: Vec<Step>) -> WorkerPlan {
    let options = written.get("options").cloned().unwrap_or_else(|| Json::Object(Default::default()));
    WorkerPlan { id: id.to_owned(), kind: WorkerKind::Native(kind), is_inline: false, options, steps }
}

fn container(worker: &ContainerWorker, written: &Config) -> WorkerPlan {
    let components = worker.components.iter().zip(items(written, "components"));
    let steps = components.map(|(component, config)| {
        let (component_id, config) = (component.id.clone(), config.clone());
        let what = format!("component {component_id:?}");
        Step::new(what, &StartComponent { component_id, config, reload_modules: false })
    });
    native(&worker.id, NativeKind::Container, written, steps.collect())
}

fn guest(worker: &GuestWorker, written: &Config) -> WorkerPlan {
    let (id, options) = (worker.id.clone(), written.clone());
    WorkerPlan { id, kind: WorkerKind::Guest, is_inline: false, options, steps: Vec::new() }
}

fn hostmonitor(worker: &HostMonitorWorker, written: &Config) -> WorkerPlan {
    let mut steps = Vec::new();
    if !worker.monitors.is_empty() {
        steps.push(Step::new("monitoring".to_owned(), &StartMonitoring { config: None }));
    }
    native(&worker.id, NativeKind::HostMonitor, written, steps)
}

fn testee(worker: &WebSocketTesteeWorker, written: &Config) -> WorkerPlan {
    let transports = worker.transport.iter().zip(written.get("transport"));
    let steps = transports.map(|(transport, config)| {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        Step::new(what, &StartTesteeTransport { transport_id, config })
    });
    native(&worker.id, NativeKind::Testee, written, steps.collect())
}

fn router(worker: &RouterWorker, written: &Config) -> WorkerPlan {
    let mut steps = Vec::new();
    for (realm, config) in worker.realms.iter().zip(items(written, "realms")) {
        steps.extend(realm_steps(realm, config, None));
    }
    for (transport, config) in worker.transports.iter().zip(items(written, "transports")) {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        steps.push(Step::new(what, &StartRouterTransport { transport_id, config, create_paths: true }));
    }
    for (component, config) in worker.components.iter().zip(items(written, "components")) {
        let (id, config) = (component.id.clone(), config.clone());
        steps.push(Step::new(format!("component {id:?}"), &StartRouterComponent { id, config }));
    }
    WorkerPlan { is_inline: worker.is_inline, ..native(&worker.id, NativeKind::Router, written, steps) }
}

fn proxy(worker: &ProxyWorker, written: &Config) -> WorkerPlan {
    let mut steps = Vec::new();
    for (name, config) in entries(written, "connections") {
        let (connection_id, config) = (name.clone(), config.clone());
        let what = format!("connection {name:?}");
        steps.push(Step::new(what, &StartProxyConnection { connection_id, config }));
    }
    for (realm, config) in entries(written, "routes") {
        let (realm_name, config) = (realm.clone(), config.clone());
        let route_id = Some("route000".to_owned());
        let what = format!("route to realm {realm:?}");
        steps.push(Step::new(what, &StartProxyRealmRoute { realm_name, config, route_id }));
    }
    for (transport, config) in worker.transports.iter().zip(items(written, "transports")) {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        steps.push(Step::new(what, &StartProxyTransport { transport_id, config }));
    }
    native(&worker.id, NativeKind::Proxy, written, steps)
}

/// A realm, its roles and its links; `config` is what `realm` was read from. Of a template only the template itself: its roles come with
/// the realms that are started by it.
pub(crate) fn realm_steps(realm: &Realm, config: &Config, template_id: Option<String>) -> Vec<Step> {
    let what = format!("realm {:?}", realm.name);
    let (realm_id, of_realm) = (realm.id.clone(), config.clone());
    let mut steps =
        vec![Step::new(what.clone(), &StartRouterRealm { realm_id, config: of_realm, template_id })];
    if realm.template.is_some() {
        return steps;
    }
    let roles = realm.roles.iter().zip(items(config, "roles"));
    for (role, config) in roles.filter(|(role, _)| role.template.is_none()) {
        let (realm_id, role_id, config) = (realm.id.clone(), role.id.clone(), config.clone());
        let what = format!("{what}, role {:?}", role.name);
        steps.push(Step::new(what, &StartRouterRealmRole { realm_id, role_id, config }));
    }
    for (link, config) in realm.rlinks.iter().zip(items(config, "rlinks")) {
        let (realm_id, link_id, config) = (realm.id.clone(), link.id.clone(), config.clone());
        let what = format!("{what}, link {:?}", link.id);
        steps.push(Step::new(what, &StartRouterRealmLink { realm_id, link_id, config }));
    }
    steps
}

/// The entries of an object of the document.
fn entries<'d>(document: &'d Config, key: &str) -> impl Iterator<Item = (&'d String, &'d Config)> {
    document.get(key).and_then(Json::as_object).into_iter().flatten()
}

/// The items of a list of the document.
fn items<'d>(document: &'d Config, key: &str) -> impl Iterator<Item = &'d Config> {
    document.get(key).and_then(Json::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use crossweave_config::{Environment, Format, parse};
    use serde_json::json;

    use super::*;

    fn planned(document: &Json) -> Vec<WorkerPlan> {
        let checked = parse(&document.to_string(), Format::Json, "config.json", Environment::empty());
        let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
        plan(&checked.node, &checked.document)
    }

    fn router() -> Json {
        let roles = json!([{"name": "anonymous"}, {"id": "users", "name": "user"}]);
        let endpoint = json!({"type": "tcp", "port": 8080});
        json!({"type": "router", "realms": [{"name": "realm1", "roles": roles}, {"name": "realm2"}],
            "transports": [{"type": "rawsocket", "endpoint": endpoint}]})
    }

    #[test]
    fn a_router_gets_its_realms_and_their_roles_before_it_listens() {
        let [worker] = &planned(&json!({"version": 2, "workers": [router()]}))[..] else {
            panic!("one worker")
        };
        assert_eq!(
            (worker.id.as_str(), worker.kind, worker.is_inline),
            ("worker001", WorkerKind::Native(NativeKind::Router), false)
        );
        let steps: Vec<(&str, &str)> =
            worker.steps.iter().map(|step| (step.procedure, step.what.as_str())).collect();
        assert_eq!(
            steps,
            [
                ("start_router_realm", "realm \"realm1\""),
                ("start_router_realm_role", "realm \"realm1\", role \"anonymous\""),
                ("start_router_realm_role", "realm \"realm1\", role \"user\""),
                ("start_router_realm", "realm \"realm2\""),
                ("start_router_transport", "transport \"transport001\""),
            ]
        );
        assert_eq!(worker.steps[2].arguments["role_id"], "users");
        assert_eq!(worker.steps[4].arguments["config"], router()["transports"][0]);
    }

    #[test]
    fn disabled_workers_are_left_out_and_the_others_keep_their_ids() {
        let mut disabled = router();
        disabled["options"] = json!({"disabled": true});
        let second = json!({"type": "router", "options": {"inline": true}});
        let workers = planned(&json!({"version": 2, "workers": [disabled, second]}));
        let [worker] = &workers[..] else { panic!("one worker") };
        assert_eq!((worker.id.as_str(), worker.is_inline), ("worker002", true));
        assert!(worker.steps.is_empty());
    }
}
