//! What a configuration means: workers, and the calls by which each becomes what it says. A pure function.

mod step;

use crossweave_api::Config;
use crossweave_api::container::StartComponent;
use crossweave_api::hostmonitor::StartMonitoring;
use crossweave_api::proxy::{StartProxyConnection, StartProxyRealmRoute, StartProxyTransport};
use crossweave_api::router::{
    OrderRouterRealmTemplates, StartRouterComponent, StartRouterRealm, StartRouterRealmLink,
    StartRouterRealmRole, StartRouterTransport,
};
use crossweave_api::testee::StartTesteeTransport;
use crossweave_config::{
    ContainerWorker, Disabled, GuestWorker, HostMonitorWorker, Node, ProxyWorker, Realm, RouterWorker,
    WebSocketTesteeWorker, Worker, WorkerTemplate,
};
use serde_json::Value as Json;

use crate::kind::{NativeKind, WorkerKind};
use crate::router::template::filled;
pub(crate) use step::Call;
pub use step::{Start, Step};

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
    /// For which realms it is started; none if it is started with the node.
    pub template: Option<WorkerTemplate>,
}

/// Why a worker is not started with a realm that its template matches. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "group {group:?} of its template is {value:?} there, which could be taken for an option or another directory"
)]
pub(crate) struct Misleading {
    group: String,
    value: String,
}

impl WorkerPlan {
    /// The worker that a realm of this name is started with, by this template; none if the template is not for it.
    ///
    /// # Errors
    /// A part of the name is more than a name where programs are started: the client that needs the realm has chosen it.
    pub(crate) fn for_realm(&self, realm: &str) -> Option<Result<WorkerPlan, Misleading>> {
        let mut groups = self.template.as_ref()?.realm.captures(realm)?;
        // A group of this name comes first.
        groups.push(("realm".to_owned(), realm.to_owned()));
        if let Some((group, value)) = groups.iter().find(|(_, value)| is_misleading(value)) {
            return Some(Err(Misleading { group: group.clone(), value: value.clone() }));
        }
        let steps = self.steps.iter().map(|step| step.filled(&groups)).collect();
        let mut options = filled(&self.options, &groups);
        if let (WorkerKind::Guest, Json::Object(item)) = (self.kind, &mut options) {
            for key in ["template", "realm", "template-realm", "max_workers", "id"] {
                item.remove(key);
            }
        }
        Some(Ok(WorkerPlan { options, steps, template: None, ..self.clone() }))
    }
}

/// Whether a text can be something else than a part of a name: `-x` is an option, and `..` another directory.
fn is_misleading(text: &str) -> bool {
    text.starts_with('-') || text.split('/').any(|part| part == "." || part == "..")
}

/// The workers of a node. `document` is what `node` was read from.
pub fn plan(node: &Node, document: &Config) -> Vec<WorkerPlan> {
    let written = items(document, "workers");
    let workers = node.workers.iter().zip(written);
    workers
        .filter(|(worker, _)| worker.disabled().is_none())
        .map(|(worker, written)| match worker {
            Worker::Router(worker) => router(worker, written),
            Worker::Container(worker) => container(worker, written),
            Worker::Guest(worker) => guest(worker, written),
            Worker::HostMonitor(worker) => hostmonitor(worker, written),
            Worker::WebSocketTestee(worker) => testee(worker, written),
            Worker::Linked(worker) => native(&worker.id, NativeKind::Linked, written, Vec::new()),
            Worker::Proxy(worker) => proxy(worker, written),
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
    let (id, kind) = (id.to_owned(), WorkerKind::Native(kind));
    WorkerPlan { id, kind, is_inline: false, options, steps, template: None }
}

fn container(worker: &ContainerWorker, written: &Config) -> WorkerPlan {
    let components = worker.components.iter().zip(items(written, "components"));
    let steps = components.map(|(component, config)| {
        let (component_id, config) = (component.id.clone(), config.clone());
        let what = format!("component {component_id:?}");
        Step::new(what, Start::Component(StartComponent { component_id, config, reload_modules: false }))
    });
    let plan = native(&worker.id, NativeKind::Container, written, steps.collect());
    WorkerPlan { template: worker.template.clone(), ..plan }
}

fn guest(worker: &GuestWorker, written: &Config) -> WorkerPlan {
    let (id, options, template) = (worker.id.clone(), written.clone(), worker.template.clone());
    WorkerPlan { id, kind: WorkerKind::Guest, is_inline: false, options, steps: Vec::new(), template }
}

fn hostmonitor(worker: &HostMonitorWorker, written: &Config) -> WorkerPlan {
    let mut steps = Vec::new();
    if !worker.monitors.is_empty() {
        let start = Start::Monitoring(StartMonitoring { config: None });
        steps.push(Step::new("monitoring".to_owned(), start));
    }
    native(&worker.id, NativeKind::HostMonitor, written, steps)
}

fn testee(worker: &WebSocketTesteeWorker, written: &Config) -> WorkerPlan {
    let transports = worker.transport.iter().zip(written.get("transport"));
    let steps = transports.map(|(transport, config)| {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        Step::new(what, Start::TesteeTransport(StartTesteeTransport { transport_id, config }))
    });
    native(&worker.id, NativeKind::Testee, written, steps.collect())
}

fn router(worker: &RouterWorker, written: &Config) -> WorkerPlan {
    let mut steps: Vec<Step> = template_order(worker).into_iter().collect();
    for (realm, config) in worker.realms.iter().zip(items(written, "realms")) {
        steps.extend(realm_steps(realm, config, None));
    }
    for (transport, config) in worker.transports.iter().zip(items(written, "transports")) {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        let start = StartRouterTransport { transport_id, config, create_paths: true };
        steps.push(Step::new(what, Start::Transport(start)));
    }
    for (component, config) in worker.components.iter().zip(items(written, "components")) {
        let (id, config) = (component.id.clone(), config.clone());
        let what = format!("component {id:?}");
        steps.push(Step::new(what, Start::RouterComponent(StartRouterComponent { id, config })));
    }
    WorkerPlan { is_inline: worker.is_inline, ..native(&worker.id, NativeKind::Router, written, steps) }
}

/// In which order templates are tried, of a router that has several. It is said before they are started, also of those that are
/// started as the node runs: so each of them comes to its place at once.
fn template_order(worker: &RouterWorker) -> Option<Step> {
    let templates = worker.realms.iter().filter(|realm| realm.template.is_some());
    let realm_ids: Vec<String> = templates.map(|realm| realm.id.clone()).collect();
    (realm_ids.len() > 1).then(|| {
        let start = Start::TemplateOrder(OrderRouterRealmTemplates { realm_ids });
        Step::new("order of realm templates".to_owned(), start)
    })
}

fn proxy(worker: &ProxyWorker, written: &Config) -> WorkerPlan {
    let mut steps = Vec::new();
    for (name, config) in entries(written, "connections") {
        let (connection_id, config) = (name.clone(), config.clone());
        let what = format!("connection {name:?}");
        steps.push(Step::new(what, Start::ProxyConnection(StartProxyConnection { connection_id, config })));
    }
    for (realm, config) in entries(written, "routes") {
        let (realm_name, config) = (realm.clone(), config.clone());
        let route_id = Some("route000".to_owned());
        let what = format!("route to realm {realm:?}");
        let start = StartProxyRealmRoute { realm_name, config, route_id };
        steps.push(Step::new(what, Start::ProxyRoute(start)));
    }
    for (transport, config) in worker.transports.iter().zip(items(written, "transports")) {
        let (transport_id, config) = (transport.id.clone(), config.clone());
        let what = format!("transport {transport_id:?}");
        steps.push(Step::new(what, Start::ProxyTransport(StartProxyTransport { transport_id, config })));
    }
    native(&worker.id, NativeKind::Proxy, written, steps)
}

/// A realm, its roles and its links; `config` is what `realm` was read from. Of a template only the template itself: its roles come with
/// the realms that are started by it.
pub(crate) fn realm_steps(realm: &Realm, config: &Config, template_id: Option<String>) -> Vec<Step> {
    let what = format!("realm {:?}", realm.name);
    let (realm_id, of_realm) = (realm.id.clone(), config.clone());
    let start = Start::Realm(StartRouterRealm { realm_id, config: of_realm, template_id });
    let mut steps = vec![Step::new(what.clone(), start)];
    if realm.template.is_some() {
        return steps;
    }
    let roles = realm.roles.iter().zip(items(config, "roles"));
    for (role, config) in roles.filter(|(role, _)| role.template.is_none()) {
        let (realm_id, role_id, config) = (realm.id.clone(), role.id.clone(), config.clone());
        let what = format!("{what}, role {:?}", role.name);
        steps.push(Step::new(what, Start::Role(StartRouterRealmRole { realm_id, role_id, config })));
    }
    for (link, config) in realm.rlinks.iter().zip(items(config, "rlinks")) {
        let (realm_id, link_id, config) = (realm.id.clone(), link.id.clone(), config.clone());
        let what = format!("{what}, link {:?}", link.id);
        steps.push(Step::new(what, Start::Link(StartRouterRealmLink { realm_id, link_id, config })));
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
            worker.steps.iter().map(|step| (step.start.call().procedure(), step.what.as_str())).collect();
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
        assert_eq!(worker.steps[2].start.id(), "users");
        assert_eq!(worker.steps[4].start.config(), &router()["transports"][0]);
    }

    #[test]
    fn a_template_of_workers_is_filled_in_with_the_realm_and_its_groups() {
        let endpoint = json!({"type": "unix", "path": "router"});
        let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
        let component = json!({"type": "class", "classname": "app.Backend", "realm": "{realm}",
            "transport": transport, "extra": {"user": "{user}", "other": "{x}"}});
        let container = json!({"type": "container", "id": "backend", "template": "realm",
            "realm": "^realm-(?P<user>[a-z.-]+)$", "options": {"title": "backend of {user}"}, "components": [component]});
        let guest = json!({"type": "guest", "id": "tool", "template": "realm", "realm": "realm-.*", "max_workers": 3,
            "executable": "tool", "arguments": ["--realm", "{realm}"]});
        let plans = planned(&json!({"version": 2, "workers": [container, guest]}));
        let [container, guest] = &plans[..] else { panic!("two templates") };
        assert_eq!(container.for_realm("public"), None);
        let of_joe = container.for_realm("realm-joe").expect("it matches").expect("a name");
        assert_eq!(of_joe.options["title"], "backend of joe");
        assert_eq!(of_joe.steps[0].start.id(), "component001");
        let component = of_joe.steps[0].start.config();
        assert_eq!((&component["realm"], &component["extra"]["user"]), (&json!("realm-joe"), &json!("joe")));
        assert_eq!(component["extra"]["other"], "{x}");
        assert!(container.for_realm("realm--rf").expect("it matches").is_err());
        assert_eq!(container.for_realm("realm-.."), None, "another directory is no part of a name");
        let of_ann = guest.for_realm("realm-ann").expect("it matches").expect("a name");
        let expected = json!({"type": "guest", "executable": "tool", "arguments": ["--realm", "realm-ann"]});
        assert_eq!((of_ann.options, of_ann.template), (expected, None));
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
