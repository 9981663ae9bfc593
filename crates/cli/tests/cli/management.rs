//! Every procedure of the management API, over WAMP, against a running node: results, errors and events.
//!
//! What is right is said here, procedure by procedure. What is wrong follows from the contracts: arguments that are unknown,
//! missing, too many or of another type are tried with every procedure. A procedure that is not driven fails the test.

mod driver;
mod events;

use std::fs;

use crossweave_api::node::*;
use crossweave_api::process::*;
use crossweave_api::proxy::*;
use crossweave_api::router::*;
use crossweave_api::tracing::*;
use crossweave_api::{error, procedures, worker};
use crossweave_auth::cryptosign::PublicKey;
use crossweave_client::{Client, Options, Reconnect};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::PATIENCE;
use crate::node::Node;
use driver::Driver;

/// A proxy that is started.
const PROXY: Option<&str> = Some("proxy1");
/// The router worker of the configuration.
const ROUTER: Option<&str> = Some("worker001");

fn permissions() -> Value {
    let allow = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    json!([{"uri": "*", "allow": allow}])
}

fn realm(name: &str, roles: &[&str]) -> Value {
    let roles: Vec<Value> =
        roles.iter().map(|role| json!({"name": role, "permissions": permissions()})).collect();
    json!({"name": name, "roles": roles})
}

fn socket(path: &str) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path}})
}

/// A node with two realms, three roles and two transports.
fn node(is_inline: bool) -> (TempDir, Node) {
    let folder = TempDir::new().unwrap();
    let worker = json!({
        "type": "router",
        "options": {"inline": is_inline},
        "realms": [realm("one", &["anonymous", "user"]), realm("two", &["anonymous"])],
        "transports": [socket("a.sock"), socket("b.sock")],
    });
    let config = json!({"version": 2, "controller": {"id": "the-node"}, "workers": [worker]});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let node = Node::start_in(folder.path(), &[], 2);
    (folder, node)
}

async fn session(folder: &TempDir, socket: &str, realm: &str) -> Client {
    let url = format!("unix:{}", folder.path().join(socket).display());
    let options = Options { reconnect: Reconnect::Off, ..Options::default() };
    Client::connect_with(&url, realm, options).await.unwrap_or_else(|error| panic!("{url}, {realm}: {error}"))
}

async fn closed(client: &Client) -> Option<String> {
    let closed = tokio::time::timeout(PATIENCE, client.closed()).await;
    closed.expect("the session ends").map(|why| why.to_string())
}

#[tokio::test]
async fn every_procedure_works_with_a_router_in_a_process_of_its_own() {
    drive(false).await;
}

#[tokio::test]
async fn every_procedure_works_with_a_router_in_the_nodes_process() {
    drive(true).await;
}

async fn drive(is_inline: bool) {
    let (folder, mut node) = node(is_inline);
    let mut driver = Driver::connect(folder.path()).await;
    node_as_a_whole(&mut driver, &node, is_inline).await;
    for process in [None, ROUTER] {
        processes(&mut driver, process).await;
    }
    workers(&mut driver).await;
    realms_and_roles(&mut driver, &folder).await;
    transports(&mut driver, &folder).await;
    links(&mut driver, &folder).await;
    services(&mut driver).await;
    traces(&mut driver, &folder).await;
    configuration(&mut driver, &folder).await;
    proxies(&mut driver, &folder).await;
    driver.wrong_arguments(ROUTER, PROXY).await;
    let stopping = driver.right(None, &Shutdown { restart: true, mode: Some("test".to_owned()) }).await;
    assert_eq!((stopping.restart, stopping.mode.as_deref()), (true, Some("test")));
    assert_eq!((stopping.node_id.as_str(), stopping.was_clean), ("the-node", true));
    assert_eq!(stopping.who, driver.session());
    assert_eq!(node.process.end(), Some(75));
    let missing: Vec<&str> = procedures().filter(|it| !driver.has_driven(it)).map(|it| it.name).collect();
    assert_eq!(missing, Vec::<&str>::new(), "these were not driven");
}

async fn node_as_a_whole(driver: &mut Driver, node: &Node, is_inline: bool) {
    let status = driver.right(None, &GetStatus {}).await;
    assert_eq!((status.controller_pid, status.running_workers), (node.process.pid(), 1));
    assert_eq!(json!(status.workers_by_type), json!({"router": 1}));
    assert_eq!(status.node_id, "the-node");
    let machine = driver.right(None, &GetSystemStats {}).await;
    assert!(machine["memory"]["total"].as_u64() > machine["memory"]["available"].as_u64(), "{machine}");
    assert!(machine["network"].is_object() && machine["disks"].is_object(), "{machine}");
    for (types, expected) in [(&[][..], &["worker001"][..]), (&["router"], &["worker001"]), (&["guest"], &[])]
    {
        let filter_types = types.iter().map(ToString::to_string).collect();
        assert_eq!(driver.right(None, &GetWorkers { filter_types }).await, expected);
    }
    let asked = GetWorker { worker_id: "worker001".to_owned(), include_stats: false };
    let info = driver.right(None, &asked).await;
    assert_eq!((info.kind.as_str(), info.status.as_str(), info.restarts), ("router", "started", 0));
    assert_eq!(info.pid == Some(node.process.pid()), is_inline);
    assert_eq!(info.stats, None);
    let (before, after) = (traffic(driver).await, traffic(driver).await);
    // It was at least asked and has answered in between.
    assert!(before.received.bytes > 100 && after.received.bytes > before.received.bytes, "{after:?}");
    assert!(before.sent.bytes > 100 && after.sent.count > before.sent.count, "{after:?}");
    let counted = driver.right(Some("worker001"), &worker::GetControllerTraffic {}).await;
    assert!(counted.received.bytes > after.received.bytes);
    let asked = GetWorker { worker_id: "nobody".to_owned(), include_stats: false };
    driver.wrong(None, &asked, error::NO_SUCH_WORKER).await;
    let public = driver.right(None, &GetPublicKey {}).await;
    assert_eq!(status.pubkey.as_deref(), Some(public.as_str()));
    let data = "ab".repeat(32);
    let signed = driver.right(None, &Sign { data }).await;
    assert!(PublicKey::from_hex(&public).unwrap().is_signed(&signed, &[0xab; 32]), "{signed}");
    for data in ["", "ab", &"x".repeat(64), &"ab".repeat(33)] {
        driver.wrong(None, &Sign { data: data.to_owned() }, error::INVALID_ARGUMENT).await;
    }
    driver.wrong(None, &Sign { data: format!("{}é", "a".repeat(62)) }, error::INVALID_ARGUMENT).await;
}

async fn traffic(driver: &mut Driver) -> worker::ControllerTraffic {
    let asked = GetWorker { worker_id: "worker001".to_owned(), include_stats: true };
    let stats = driver.right(None, &asked).await.stats.expect("they were asked for");
    stats.controller_traffic.expect("the worker answers")
}

async fn processes(driver: &mut Driver, who: Option<&str>) {
    let threads = driver.right(who, &GetCpuCount { logical: true }).await;
    let cores = driver.right(who, &GetCpuCount { logical: false }).await;
    assert!((1..=threads).contains(&cores), "{cores} of {threads}");
    let all = driver.right(who, &GetCpus {}).await;
    let before = driver.right(who, &GetCpuAffinity {}).await;
    assert!(!before.is_empty() && before.iter().all(|cpu| all.contains(cpu)), "{before:?} of {all:?}");
    let first = vec![before[0]];
    let set = driver.right(who, &SetCpuAffinity { cpus: first.clone(), relative: false }).await;
    assert_eq!(set, first);
    assert_eq!(driver.right(who, &GetCpuAffinity {}).await, first);
    driver.right(who, &SetCpuAffinity { cpus: before.clone(), relative: false }).await;
    for cpus in [vec![], vec![60_000]] {
        driver.wrong(who, &SetCpuAffinity { cpus, relative: true }, error::INVALID_ARGUMENT).await;
    }
    let info = driver.right(who, &GetProcessInfo {}).await;
    assert!(info.descriptors > 3 && info.threads > 0 && !info.sockets.is_empty());
    let stats = driver.right(who, &GetProcessStats {}).await;
    assert!(stats.resident > 1 << 20 && stats.user + stats.system >= 0.0 && stats.pid > 0);
    let monitor = driver.right(who, &GetProcessMonitor {}).await;
    assert_eq!((monitor.tick, monitor.per_second.len(), monitor.pid), (1, 0, stats.pid));
    let again = driver.right(who, &GetProcessMonitor {}).await;
    assert_eq!((again.tick, again.per_second.len()), (2, 8));
    driver.right(who, &SetProcessStatsMonitoring { interval: 0.02 }).await;
    let set = SetProcessStatsMonitoring { interval: 0.0 };
    driver.right_with(who, &set, &["on_process_stats_monitoring_set"]).await;
    for interval in [-1.0, 0.001, 1e9] {
        driver.wrong(who, &SetProcessStatsMonitoring { interval }, error::INVALID_ARGUMENT).await;
    }
    assert!(driver.right(who, &TriggerGc {}).await >= 0.0);
    let (started, now) = (driver.right(who, &Started {}).await, driver.right(who, &UtcNow {}).await);
    assert!(started < now && now.ends_with('Z'), "{started}, {now}");
    let uptime = driver.right(who, &Uptime {}).await;
    assert!((0.0..600.0).contains(&uptime), "{uptime}");
}

async fn workers(driver: &mut Driver) {
    for id in ["second", "third"] {
        let (worker_id, worker_type) = (id.to_owned(), "router".to_owned());
        let start = StartWorker { worker_id, worker_type, worker_options: None };
        let started = driver.right(None, &start).await;
        assert_eq!((started.id.as_str(), started.who), (id, driver.session()));
        assert!(started.pid.is_some() && started.startup_time > 0.0);
        driver.wrong(None, &start, error::WORKER_ALREADY_RUNNING).await;
    }
    for (id, kind, expected) in [
        ("No", "router", error::INVALID_ARGUMENT),
        ("a.b", "router", error::INVALID_ARGUMENT),
        ("fourth", "nonsense", error::FEATURE_UNAVAILABLE),
    ] {
        let (worker_id, worker_type) = (id.to_owned(), kind.to_owned());
        driver.wrong(None, &StartWorker { worker_id, worker_type, worker_options: None }, expected).await;
    }
    assert_eq!(driver.right(Some("second"), &worker::GetNodeId {}).await, "the-node");
    let log = |limit| GetWorkerLog { worker_id: "second".to_owned(), limit };
    assert!(driver.right(None, &log(1)).await.len() <= 1);
    assert_eq!(driver.right(None, &log(0)).await, Vec::<String>::new());
    let of_nobody = GetWorkerLog { worker_id: "nobody".to_owned(), limit: 5 };
    driver.wrong(None, &of_nobody, error::NO_SUCH_WORKER).await;

    let stop = StopWorker { worker_id: "second".to_owned(), kill: false };
    let stopping = driver.right(None, &stop).await;
    assert_eq!((stopping.kind.as_str(), stopping.kill), ("router", false));
    let exited = driver.event("crossbar.on_worker_exited").await;
    assert_eq!(
        (&exited["id"], &exited["was_clean"], &exited["restarts"]),
        (&json!("second"), &json!(true), &json!(false))
    );
    driver.wrong(None, &stop, error::NO_SUCH_WORKER).await;

    driver.right(Some("third"), &worker::Shutdown {}).await;
    let exited = driver.event("crossbar.on_worker_exited").await;
    assert_eq!(
        (&exited["id"], &exited["exit_code"], &exited["restarts"]),
        (&json!("third"), &json!(0), &json!(false))
    );
    let workers = driver.right(None, &GetWorkers { filter_types: Vec::new() }).await;
    assert_eq!(workers, ["worker001"], "what was asked to end is not started again");
}

async fn realms_and_roles(driver: &mut Driver, folder: &TempDir) {
    assert_eq!(driver.right(ROUTER, &GetRouterRealms {}).await, ["realm001", "realm002"]);
    let of = |realm_id: &str| GetRouterRealm { realm_id: realm_id.to_owned() };
    let one = driver.right(ROUTER, &of("realm001")).await;
    assert_eq!((&one.config["name"], one.roles.len()), (&json!("one"), 2));
    driver.wrong(ROUTER, &of("one"), error::NO_SUCH_OBJECT).await;
    let by_name = GetRouterRealmByName { realm_name: "two".to_owned() };
    assert_eq!(driver.right(ROUTER, &by_name).await.id, "realm002");
    let by_name = GetRouterRealmByName { realm_name: "realm002".to_owned() };
    driver.wrong(ROUTER, &by_name, error::NO_SUCH_OBJECT).await;

    templates(driver).await;

    let start = StartRouterRealm {
        realm_id: "third".to_owned(),
        config: realm("three", &["anonymous"]),
        template_id: None,
    };
    assert_eq!(driver.right(ROUTER, &start).await.id, "third");
    driver.wrong(ROUTER, &start, error::ALREADY_RUNNING).await;
    for (id, config, expected) in [
        ("fourth", realm("three", &[]), error::ALREADY_EXISTS),
        ("fourth", json!({"nam": "four"}), error::INVALID_CONFIGURATION),
        ("fourth", json!([]), error::INVALID_CONFIGURATION),
    ] {
        let start = StartRouterRealm { realm_id: id.to_owned(), config, template_id: None };
        driver.wrong(ROUTER, &start, expected).await;
    }
    roles(driver).await;

    let (realm_id, role_id) = ("third".to_owned(), "anonymous".to_owned());
    let config = json!({"name": "anonymous", "permissions": permissions()});
    driver.right(ROUTER, &StartRouterRealmRole { realm_id, role_id, config }).await;
    let guest = session(folder, "a.sock", "three").await;
    let stats = driver.right(ROUTER, &GetRouterRealmStats { realm_id: Some("third".to_owned()) }).await;
    assert_eq!((stats.len(), stats["third"].sessions, stats["third"].roles), (1, 1, 1));
    let all = driver.right(ROUTER, &GetRouterRealmStats { realm_id: None }).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["realm001", "realm002", "third"]);
    let of_nothing = GetRouterRealmStats { realm_id: Some("nothing".to_owned()) };
    driver.wrong(ROUTER, &of_nothing, error::NO_SUCH_OBJECT).await;

    let authid = guest.session().authid.clone().unwrap();
    let kill = |realm_id: &str, authid: &str| KillByAuthid {
        realm_id: realm_id.to_owned(),
        authid: authid.to_owned(),
        reason: "com.example.enough".to_owned(),
        message: Some("go".to_owned()),
    };
    assert_eq!(driver.right(ROUTER, &kill("third", "nobody")).await, Vec::<u64>::new());
    assert_eq!(driver.right(ROUTER, &kill("third", &authid)).await, [guest.session().id.0]);
    let why = closed(&guest).await.expect("it was not its own wish");
    assert!(why.contains("com.example.enough") || why.contains("go"), "{why}");
    driver.wrong(ROUTER, &kill("nothing", &authid), error::NO_SUCH_OBJECT).await;

    let guest = session(folder, "a.sock", "three").await;
    let stop = StopRouterRealm { realm_id: "third".to_owned(), with_instances: false };
    let stopped = driver.right(ROUTER, &stop).await;
    assert_eq!(
        (stopped.name.as_str(), &stopped.detached_sessions[..]),
        ("three", &[guest.session().id.0][..])
    );
    closed(&guest).await;
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
}

/// Templates are tried in the order that was said, also those that come later.
async fn templates(driver: &mut Driver) {
    assert_eq!(driver.right(ROUTER, &GetRouterRealmTemplates {}).await, Vec::<String>::new());
    let order =
        |ids: &[&str]| OrderRouterRealmTemplates { realm_ids: ids.iter().map(ToString::to_string).collect() };
    assert_eq!(driver.right(ROUTER, &order(&["early", "late"])).await, Vec::<String>::new());
    for id in ["other", "late", "early"] {
        let mut config = realm("team-(?P<team>[a-z]+)", &["anonymous"]);
        config["template"] = json!(true);
        driver.right(ROUTER, &StartRouterRealm { realm_id: id.to_owned(), config, template_id: None }).await;
    }
    assert_eq!(driver.right(ROUTER, &GetRouterRealmTemplates {}).await, ["early", "late", "other"]);
    assert_eq!(driver.right(ROUTER, &order(&["other"])).await, ["other", "early", "late"]);
    for id in ["early", "late", "other"] {
        driver.right(ROUTER, &StopRouterRealm { realm_id: id.to_owned(), with_instances: false }).await;
    }
    assert_eq!(driver.right(ROUTER, &order(&[])).await, Vec::<String>::new());
}

async fn links(driver: &mut Driver, folder: &TempDir) {
    let of = |realm_id: &str| GetRouterRealmLinks { realm_id: realm_id.to_owned() };
    assert_eq!(driver.right(ROUTER, &of("realm001")).await, Vec::<String>::new());
    driver.wrong(ROUTER, &of("nothing"), error::NO_SUCH_OBJECT).await;
    // From one realm of the node to its other one.
    let endpoint = json!({"type": "unix", "path": folder.path().join("a.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let config = json!({"realm": "two", "transport": transport, "auth": {"anonymous": {}}});
    let start = |realm_id: &str, config: Value| {
        let (realm_id, link_id) = (realm_id.to_owned(), "link1".to_owned());
        StartRouterRealmLink { realm_id, link_id, config }
    };
    driver.wrong(ROUTER, &start("nothing", config.clone()), error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &start("realm001", json!({"realm": "two"})), error::INVALID_CONFIGURATION).await;
    let link = driver.right(ROUTER, &start("realm001", config.clone())).await;
    assert_eq!((link.id.as_str(), &link.config, link.connected), ("link1", &config, true));
    assert_eq!(link.started_by.session_id, driver.session());
    driver.wrong(ROUTER, &start("realm001", config), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(ROUTER, &of("realm001")).await, ["link1"]);
    let realm = driver.right(ROUTER, &GetRouterRealm { realm_id: "realm001".to_owned() }).await;
    assert_eq!(realm.rlinks, ["link1"]);
    let get = |link_id: &str| {
        let (realm_id, link_id) = ("realm001".to_owned(), link_id.to_owned());
        GetRouterRealmLink { realm_id, link_id }
    };
    assert!(driver.right(ROUTER, &get("link1")).await.connected);
    driver.wrong(ROUTER, &get("link2"), error::NO_SUCH_OBJECT).await;
    let stop = StopRouterRealmLink { realm_id: "realm001".to_owned(), link_id: "link1".to_owned() };
    assert!(!driver.right(ROUTER, &stop).await.connected);
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
}

async fn proxies(driver: &mut Driver, folder: &TempDir) {
    let (worker_id, worker_type) = ("proxy1".to_owned(), "proxy".to_owned());
    driver.right_with(None, &StartWorker { worker_id, worker_type, worker_options: None }, &[]).await;
    driver.event("crossbar.on_proxy_started").await;

    let endpoint = json!({"type": "unix", "path": folder.path().join("a.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let start = |config: Value| StartProxyConnection { connection_id: "conn1".to_owned(), config };
    driver.wrong(PROXY, &start(json!({})), error::INVALID_CONFIGURATION).await;
    let connection = driver.right(PROXY, &start(json!({"transport": transport}))).await;
    assert_eq!((connection.id.as_str(), connection.state.as_str()), ("conn1", "started"));
    driver.wrong(PROXY, &start(json!({"transport": transport})), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyConnections {}).await, ["conn1"]);
    let get = |id: &str| GetProxyConnection { connection_id: id.to_owned() };
    assert_eq!(driver.right(PROXY, &get("conn1")).await, connection);
    driver.wrong(PROXY, &get("conn2"), error::NO_SUCH_OBJECT).await;

    let start = |role: Value, route_id: Option<&str>| StartProxyRealmRoute {
        realm_name: "one".to_owned(),
        config: json!({"anonymous": role}),
        route_id: route_id.map(str::to_owned),
    };
    driver.wrong(PROXY, &start(json!("conn2"), None), error::INVALID_CONFIGURATION).await;
    let route = driver.right(PROXY, &start(json!("conn1"), None)).await;
    assert_eq!(
        (route.realm.as_str(), route.id.as_str(), route.state.as_str()),
        ("one", "route000", "started")
    );
    assert_eq!(driver.right(PROXY, &start(json!(["conn1"]), None)).await.id, "route001");
    driver.wrong(PROXY, &start(json!("conn1"), Some("route001")), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyRoutes {}).await, ["one"]);
    let list = |realm: &str| ListProxyRealmRoutes { realm_name: realm.to_owned() };
    assert_eq!(driver.right(PROXY, &list("one")).await.len(), 2);
    driver.wrong(PROXY, &list("two"), error::NO_SUCH_OBJECT).await;
    let get = |id: &str| {
        let (realm_name, route_id) = ("one".to_owned(), id.to_owned());
        GetProxyRealmRoute { realm_name, route_id }
    };
    assert_eq!(driver.right(PROXY, &get("route000")).await, route);
    driver.wrong(PROXY, &get("route002"), error::NO_SUCH_OBJECT).await;

    let start = |config: Value| StartProxyTransport { transport_id: "front".to_owned(), config };
    driver.wrong(PROXY, &start(json!({})), error::INVALID_CONFIGURATION).await;
    let path = folder.path().join("front.sock");
    let transport = driver.right(PROXY, &start(socket(&path.display().to_string()))).await;
    assert_eq!((transport.id.as_str(), transport.state), ("front", 3));
    driver.wrong(PROXY, &start(socket("other.sock")), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyTransports {}).await.len(), 1);
    let get = |id: &str| GetProxyTransport { transport_id: id.to_owned() };
    assert_eq!(driver.right(PROXY, &get("front")).await.listening, transport.listening);
    driver.wrong(PROXY, &get("back"), error::NO_SUCH_OBJECT).await;

    for id in ["route000", "route001"] {
        let (realm_name, route_id) = ("one".to_owned(), id.to_owned());
        let stop = StopProxyRealmRoute { realm_name, route_id };
        assert_eq!(driver.right(PROXY, &stop).await.state, "stopped");
        driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
    }
    let stop = StopProxyConnection { connection_id: "conn1".to_owned() };
    assert_eq!(driver.right(PROXY, &stop).await.state, "stopped");
    driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
    let stop = StopProxyTransport { transport_id: "front".to_owned() };
    assert_eq!(driver.right(PROXY, &stop).await.state, 6);
    driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
}

async fn roles(driver: &mut Driver) {
    let of = |realm_id: &str| GetRouterRealmRoles { realm_id: realm_id.to_owned() };
    let started = driver.right(ROUTER, &of("realm001")).await;
    assert_eq!(started.iter().map(|it| it.config["name"].clone()).collect::<Vec<_>>(), ["anonymous", "user"]);
    driver.wrong(ROUTER, &of("nothing"), error::NO_SUCH_OBJECT).await;
    let start = |realm_id: &str, config: Value| StartRouterRealmRole {
        realm_id: realm_id.to_owned(),
        role_id: "guests".to_owned(),
        config,
    };
    let config = json!({"name": "guest", "permissions": permissions()});
    let role = driver.right(ROUTER, &start("third", config.clone())).await;
    assert_eq!((role.id.as_str(), &role.config), ("guests", &config));
    driver.wrong(ROUTER, &start("third", config.clone()), error::ALREADY_EXISTS).await;
    driver.wrong(ROUTER, &start("nothing", config.clone()), error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &start("third", json!({"permissions": 5})), error::INVALID_CONFIGURATION).await;
    let (realm_id, role_id) = ("third".to_owned(), "guests".to_owned());
    let asked = GetRouterRealmRole { realm_id: realm_id.clone(), role_id: role_id.clone() };
    assert_eq!(driver.right(ROUTER, &asked).await.config, config);
    let change = |config: Value| {
        let (realm_id, role_id) = (realm_id.clone(), role_id.clone());
        ChangeRouterRealmRole { realm_id, role_id, config }
    };
    let other = json!({"name": "guest", "permissions": []});
    assert_eq!(driver.right(ROUTER, &change(other.clone())).await.config, other);
    assert_eq!(driver.right(ROUTER, &asked).await.config, other);
    driver.wrong(ROUTER, &change(json!({"name": "host"})), error::INVALID_CONFIGURATION).await;
    driver.wrong(ROUTER, &change(json!({"nam": 1})), error::INVALID_CONFIGURATION).await;
    let of_nobody = ChangeRouterRealmRole { role_id: "nobody".to_owned(), ..change(other) };
    driver.wrong(ROUTER, &of_nobody, error::NO_SUCH_OBJECT).await;
    let stop = StopRouterRealmRole { realm_id, role_id };
    assert_eq!(driver.right(ROUTER, &stop).await.id, "guests");
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &asked, error::NO_SUCH_OBJECT).await;
}

async fn transports(driver: &mut Driver, folder: &TempDir) {
    let all = driver.right(ROUTER, &GetRouterTransports {}).await;
    assert_eq!(
        all.iter().map(|it| (it.id.as_str(), it.state)).collect::<Vec<_>>(),
        [("transport001", 3), ("transport002", 3)]
    );
    let of = |id: &str| GetRouterTransport { transport_id: id.to_owned() };
    assert_eq!(driver.right(ROUTER, &of("transport002")).await.config, socket("b.sock"));
    driver.wrong(ROUTER, &of("nothing"), error::NO_SUCH_OBJECT).await;
    let start = |id: &str, config: Value| StartRouterTransport {
        transport_id: id.to_owned(),
        config,
        create_paths: false,
    };
    let started = driver.right(ROUTER, &start("third", socket("c.sock"))).await;
    let url = format!("unix:{} (realms one, two)", folder.path().join("c.sock").display());
    assert_eq!((started.listening, started.state, started.kind.as_str()), (vec![url], 3, "rawsocket"));
    driver.wrong(ROUTER, &start("third", socket("d.sock")), error::ALREADY_RUNNING).await;
    driver.wrong(ROUTER, &start("fourth", socket("nowhere/d.sock")), error::CANNOT_LISTEN).await;
    let broken = json!({"type": "rawsocket", "endpoint": {"type": "unix", "pth": "d.sock"}});
    driver.wrong(ROUTER, &start("fourth", broken), error::INVALID_CONFIGURATION).await;
    let guest = session(folder, "c.sock", "one").await;
    let stop = StopRouterTransport { transport_id: "third".to_owned() };
    assert_eq!(driver.right(ROUTER, &stop).await.state, 6);
    assert!(!folder.path().join("c.sock").exists());
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    assert!(guest.call("wamp.session.count").await.is_ok(), "connections that are there go on");
    assert_eq!(driver.right(ROUTER, &ReloadCertificates {}).await, 0);
}

async fn configuration(driver: &mut Driver, folder: &TempDir) {
    let file = folder.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    config["workers"][0]["realms"].as_array_mut().unwrap().push(realm("four", &[]));
    fs::write(&file, config.to_string()).unwrap();
    let would = driver.right(None, &ApplyConfiguration { dry_run: true }).await;
    assert_eq!((would.differences.len(), would.left.len(), would.done.len()), (1, 1, 0), "{would:?}");
    assert_eq!(driver.right(ROUTER, &GetRouterRealms {}).await.len(), 2);
    let applied = driver.right(None, &ApplyConfiguration { dry_run: false }).await;
    assert_eq!((applied.done, applied.left, applied.failed), (would.left, Vec::new(), None));
    assert_eq!(driver.right(ROUTER, &GetRouterRealms {}).await, ["realm001", "realm002", "realm003"]);
    fs::write(&file, "{\"version\": 2, \"wokers\": []}").unwrap();
    driver.wrong(None, &ApplyConfiguration { dry_run: false }, error::INVALID_CONFIGURATION).await;
}

async fn traces(driver: &mut Driver, folder: &TempDir) {
    let trace_id = || "one".to_owned();
    let options = TraceOptions { uri: Some("com.topic".to_owned()), ..TraceOptions::default() };
    let start = |id: Option<String>, options| StartTrace { trace_id: id, trace_options: Some(options) };
    let started = driver.right(ROUTER, &start(Some(trace_id()), options.clone())).await;
    assert_eq!((started.id.as_str(), started.status.as_str(), started.next_seq), ("one", "running", 0));
    driver.wrong(ROUTER, &start(Some(trace_id()), options.clone()), error::ALREADY_RUNNING).await;
    let other =
        |key: &str| TraceOptions { others: [(key.to_owned(), json!(1))].into(), ..TraceOptions::default() };
    let invalid = [
        TraceOptions { matching: Some("prefx".to_owned()), ..options.clone() },
        TraceOptions { types: vec!["PUBLSH".to_owned()], ..options.clone() },
        TraceOptions { limit: 0, ..options.clone() },
        TraceOptions { duration: Some(86_401), ..options.clone() },
        other("uro"),
    ];
    for options in invalid {
        driver.wrong(ROUTER, &start(None, options), error::INVALID_CONFIGURATION).await;
    }
    driver.wrong(ROUTER, &start(None, other("persist")), error::FEATURE_UNAVAILABLE).await;

    let guest = session(folder, "a.sock", "one").await;
    guest.publish("com.topic", 5).acknowledged().await.unwrap();
    let data = |from_seq| GetTraceData { trace_id: trace_id(), from_seq, to_seq: None, limit: 9, wait: 0 };
    let seen = driver.right(ROUTER, &data(0)).await;
    let shown: Vec<_> = seen.iter().map(|it| (it.seq, it.msg_type.as_str(), it.session_id)).collect();
    let id = guest.session().id.0;
    assert_eq!(shown, [(0, "PUBLISH", id), (1, "PUBLISHED", id)]);
    assert!(seen[0].args.is_none() && seen[0].payload_len > 0, "payloads were not asked for");
    assert_eq!(driver.right(ROUTER, &data(1)).await.len(), 1);
    assert_eq!(driver.right(ROUTER, &GetTraceData { to_seq: Some(1), ..data(0) }).await.len(), 1);
    let waited = GetTraceData { wait: 10, ..data(2) };
    assert_eq!(driver.right(ROUTER, &waited).await.len(), 0);
    driver.wrong(ROUTER, &GetTraceData { limit: 0, ..data(0) }, error::INVALID_ARGUMENT).await;
    driver.wrong(ROUTER, &GetTraceData { wait: 30_001, ..data(0) }, error::INVALID_ARGUMENT).await;

    // One that nobody asks for ends; one whose time is over keeps what it has.
    let idle = TraceOptions { idle_timeout: Some(1), ..TraceOptions::default() };
    let short = TraceOptions { duration: Some(1), ..TraceOptions::default() };
    let idle = driver.right(ROUTER, &start(None, idle)).await;
    let short = driver.right(ROUTER, &start(Some("short".to_owned()), short)).await;
    assert_eq!((idle.id.as_str(), short.id.as_str()), ("trace001", "short"));
    for _ in 0..2 {
        driver.event("crossbar.worker.worker001.on_trace_stopped").await;
    }
    let all = |include_stopped| GetTraces { include_stopped };
    assert_eq!(driver.right(ROUTER, &all(false)).await, ["one"]);
    assert_eq!(driver.right(ROUTER, &all(true)).await, ["one", "short"]);
    let of = |id: &str| GetTrace { trace_id: id.to_owned() };
    assert_eq!(driver.right(ROUTER, &of("short")).await.status, "stopped");
    driver.wrong(ROUTER, &of("trace001"), error::NO_SUCH_OBJECT).await;
    let stop = StopTrace { trace_id: trace_id() };
    assert_eq!(driver.right(ROUTER, &stop).await.next_seq, 2);
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &data(0), error::NO_SUCH_OBJECT).await;
}

async fn services(driver: &mut Driver) {
    let transport_id = || "web".to_owned();
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let config = json!({"type": "web", "endpoint": endpoint, "paths": {"/": {"type": "json", "value": 1}}});
    let start = StartRouterTransport { transport_id: transport_id(), config, create_paths: true };
    driver.right(ROUTER, &start).await;
    let paths = GetWebTransportServices { transport_id: transport_id() };
    assert_eq!(driver.right(ROUTER, &paths).await, ["/"]);
    let (path, config) = ("more".to_owned(), json!({"type": "json", "value": 2}));
    let start = StartWebTransportService { transport_id: transport_id(), path: path.clone(), config };
    assert_eq!(driver.right(ROUTER, &start).await.path, "more");
    driver.wrong(ROUTER, &start, error::ALREADY_RUNNING).await;
    let wrong = json!({"type": "jsn"});
    let broken = StartWebTransportService { path: "other".to_owned(), config: wrong, ..start.clone() };
    driver.wrong(ROUTER, &broken, error::INVALID_CONFIGURATION).await;
    let fixed = StartWebTransportService { config: json!({"type": "websocket"}), ..broken };
    driver.wrong(ROUTER, &fixed, error::FEATURE_UNAVAILABLE).await;
    assert_eq!(driver.right(ROUTER, &paths).await, ["/", "more"]);
    let one = GetWebTransportService { transport_id: transport_id(), path: path.clone() };
    assert_eq!(driver.right(ROUTER, &one).await.config, start.config);
    let stop = StopWebTransportService { transport_id: transport_id(), path };
    assert_eq!(driver.right(ROUTER, &stop).await.path, "more");
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &one, error::NO_SUCH_OBJECT).await;
    driver.right(ROUTER, &StopRouterTransport { transport_id: transport_id() }).await;
}
