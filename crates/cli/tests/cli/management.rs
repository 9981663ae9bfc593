//! Every procedure of the management API, over WAMP, against a running node: results, errors and events.
//!
//! What is right is said here, procedure by procedure. What is wrong follows from the contracts: arguments that are unknown,
//! missing, too many or of another type are tried with every procedure. A procedure that is not driven fails the test, and so does
//! an event that never comes.

mod driver;
mod events;
mod links;
mod realms;
mod traces;
mod workers;

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crossweave_api::node::*;
use crossweave_api::process::*;
use crossweave_api::router::*;
use crossweave_api::{error, worker};
use crossweave_auth::cryptosign::PublicKey;
use crossweave_client::{Client, Options, Reconnect};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::PATIENCE;
use crate::components::python;
use crate::node::Node;
use driver::{Driver, to_json};

/// A proxy that is started.
const PROXY: Option<&str> = Some("proxy1");
/// A container that is started.
const CONTAINER: Option<&str> = Some("container1");
/// A host monitor that is started.
const MONITOR: Option<&str> = Some("monitor1");
/// A testee that is started.
const TESTEE: Option<&str> = Some("testee1");
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

/// A node with two realms, three roles, two transports, and a link to nobody.
fn node(is_inline: bool) -> (TempDir, Node) {
    let folder = TempDir::new().unwrap();
    let endpoint = json!({"type": "unix", "path": folder.path().join("nobody.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let mut two = realm("two", &["anonymous"]);
    two["rlinks"] = json!([{"realm": "two", "transport": transport, "auth": {"anonymous": {}}}]);
    let mut options = json!({"inline": is_inline});
    if let Some(python) = python() {
        options["python"] = json!(python);
    }
    let worker = json!({
        "type": "router",
        "options": options,
        "realms": [realm("one", &["anonymous", "user"]), two],
        "transports": [socket("a.sock"), socket("b.sock")],
    });
    let config = json!({"version": 2, "controller": {"id": "the-node"}, "workers": [worker]});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let node = Node::start_unready(folder.path(), &[]);
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
    // Nobody answers there, so that the node takes its time to be ready.
    let _nobody = UnixListener::bind(folder.path().join("nobody.sock")).unwrap();
    let mut driver = Driver::connect(folder.path()).await;
    node.wait_until_ready(2);
    driver.event("crossbar.on_ready").await;
    node_as_a_whole(&mut driver, &node, is_inline).await;
    for process in [None, ROUTER] {
        processes(&mut driver, process).await;
    }
    workers::workers(&mut driver).await;
    workers::natives(&mut driver, &folder).await;
    workers::monitors(&mut driver).await;
    workers::testees(&mut driver).await;
    let has_python = workers::components(&mut driver, &folder).await;
    realms::realms_and_roles(&mut driver, &folder).await;
    realms::templates(&mut driver, &folder).await;
    transports(&mut driver, &folder).await;
    links::links(&mut driver, &folder).await;
    services(&mut driver).await;
    traces::traces(&mut driver, &folder).await;
    traces::written(&mut driver, &folder).await;
    configuration(&mut driver, &folder).await;
    links::proxies(&mut driver, &folder).await;
    driver.wrong_arguments().await;
    driver.absent().await;
    let stopping = driver.right(None, &Shutdown { restart: true, mode: Some("test".to_owned()) }).await;
    assert_eq!((stopping.restart, stopping.mode.as_deref()), (true, Some("test")));
    assert_eq!((stopping.node_id.as_str(), stopping.was_clean), ("the-node", true));
    assert_eq!(stopping.who, driver.session());
    assert_eq!(node.process.end(), Some(75));
    driver.is_complete(has_python);
}

async fn node_as_a_whole(driver: &mut Driver, node: &Node, is_inline: bool) {
    let status = driver.right(None, &GetStatus {}).await;
    assert_eq!((status.controller_pid, status.running_workers), (node.process.pid(), 1));
    assert_eq!(json!(status.workers_by_type), json!({"router": 1}));
    assert_eq!(status.node_id, "the-node");
    let of_others = (status.ethadr, status.management_realm, status.management_session_id);
    assert_eq!((of_others, status.has_docker), ((None, None, None), false));
    let machine = driver.right(None, &GetSystemStats {}).await;
    let memory = &machine.memory;
    assert!(memory["total"].as_u64() > memory["available"].as_u64(), "{memory}");
    assert!(machine.disk["read_count"].is_u64() && machine.network["bytes_recv_per_sec"].is_null());
    assert!(machine.network["connection"]["AF_UNIX"].as_u64() > Some(0), "{:?}", machine.network);
    assert!(machine.cpu["user"].is_number() && machine.cpu["ctx_switches"].is_u64(), "{:?}", machine.cpu);
    assert_eq!((machine.tick, machine.last_period), (1, None));
    let machine = driver.right(None, &GetSystemStats {}).await;
    assert!(
        machine.network["bytes_recv_per_sec"].is_number() && machine.disk["busy_time_per_sec"].is_number()
    );
    assert!(machine.tick == 2 && machine.last_period > Some(0.0) && machine.uptime > 0.0);
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
    let signed = driver.right(None, &Sign { data: json!(data) }).await;
    let (key, signed) = (PublicKey::from_hex(&public).unwrap(), signed.as_str().unwrap().to_owned());
    assert!(key.is_signed(&signed, &[0xab; 32]), "{signed}");
    // Binary values stand in JSON behind a zero.
    let binary = |octets: &[u8]| to_json(&crossweave_client::Value::Bin(octets.to_vec()));
    let signature = driver.right(None, &Sign { data: binary(&[0xab; 32]) }).await;
    let octets: Vec<u8> =
        (0..64).map(|at| u8::from_str_radix(&signed[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert_eq!(signature, binary(&octets));
    assert_ne!(driver.right(None, &Sign { data: binary(b"anything") }).await, signature);
    for data in ["", "ab", &"x".repeat(64), &"ab".repeat(33)] {
        driver.wrong(None, &Sign { data: json!(data) }, error::INVALID_ARGUMENT).await;
    }
    for data in [json!(format!("{}é", "a".repeat(62))), json!(5), binary(&[0; 65_537])] {
        driver.wrong(None, &Sign { data }, error::INVALID_ARGUMENT).await;
    }
    challenges(driver, &public).await;
}

async fn challenges(driver: &mut Driver, public: &str) {
    let key = PublicKey::from_hex(public).unwrap();
    let sign = |challenge: String, channel: Option<(String, &str)>| SignChallenge {
        challenge_method: "cryptosign".to_owned(),
        challenge_extra: json!({"challenge": challenge}),
        channel_id_raw: channel.as_ref().map(|(id, _)| json!(id)),
        channel_id_type: channel.map(|(_, kind)| kind.to_owned()),
    };
    let signed = driver.right(None, &sign("ab".repeat(32), None)).await;
    assert!(key.is_signed(&signed, &[0xab; 32]), "{signed}");
    let tied = driver.right(None, &sign("ab".repeat(32), Some(("ff".repeat(32), "tls-exporter")))).await;
    assert!(key.is_signed(&tied, &[0xab ^ 0xff; 32]), "{tied}");
    for wrong in [
        sign("ab".to_owned(), None),
        sign("ab".repeat(32), Some(("ff".to_owned(), "tls-unique"))),
        sign("ab".repeat(32), Some(("ff".repeat(32), "tls"))),
        SignChallenge { channel_id_type: Some("tls-unique".to_owned()), ..sign("ab".repeat(32), None) },
        SignChallenge { challenge_method: "wampcra".to_owned(), ..sign("ab".repeat(32), None) },
    ] {
        driver.wrong(None, &wrong, error::INVALID_ARGUMENT).await;
    }
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
    // Measuring has begun, and goes on.
    let lag = loop {
        match driver.right(who, &GetProcessStats {}).await.lag {
            Some(lag) => break lag,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(lag.samples > 0 && (0.0..60_000.0).contains(&lag.p50) && lag.p50 <= lag.max, "{lag:?}");
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
    assert_eq!(driver.right(who, &TriggerGc {}).await, 0);
    let (started, now) = (driver.right(who, &Started {}).await, driver.right(who, &UtcNow {}).await);
    assert!(started < now && now.ends_with('Z'), "{started}, {now}");
    let uptime = driver.right(who, &Uptime {}).await;
    assert!((0.0..600.0).contains(&uptime), "{uptime}");
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
    let failed = driver.event("crossbar.worker.worker001.on_router_transport_stopped").await;
    assert_eq!((&failed["id"], &failed["state"]), (&json!("fourth"), &json!(4)));
    let broken = json!({"type": "rawsocket", "endpoint": {"type": "unix", "pth": "d.sock"}});
    driver.wrong(ROUTER, &start("fourth", broken), error::INVALID_CONFIGURATION).await;
    let guest = session(folder, "c.sock", "one").await;
    let stop = StopRouterTransport { transport_id: "third".to_owned() };
    assert_eq!(driver.right(ROUTER, &stop).await.state, 6);
    assert!(!folder.path().join("c.sock").exists());
    driver.wrong(ROUTER, &stop, error::NOT_RUNNING).await;
    assert!(guest.call("wamp.session.count").await.is_ok(), "connections that are there go on");
    let certificates = driver.right(ROUTER, &ReloadCertificates {}).await;
    assert_eq!((certificates.read.len(), certificates.kept.len()), (0, 0), "nothing has any");
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
    let spoken =
        StartWebTransportService { path: "ws".to_owned(), config: json!({"type": "websocket"}), ..broken };
    assert_eq!(driver.right(ROUTER, &spoken).await.path, "ws");
    let gone = StopWebTransportService { transport_id: transport_id(), path: "ws".to_owned() };
    driver.right(ROUTER, &gone).await;
    assert_eq!(driver.right(ROUTER, &paths).await, ["/", "more"]);
    let one = GetWebTransportService { transport_id: transport_id(), path: path.clone() };
    assert_eq!(driver.right(ROUTER, &one).await.config["paths"]["more"], start.config);
    let told = ["on_web_transport_service_starting", "on_web_transport_service_started"];
    let again = StartWebTransportService { path: "again".to_owned(), ..start.clone() };
    driver.right_with(ROUTER, &again, &told[..1]).await;
    let started = driver.event(&format!("crossbar.worker.worker001.{}", told[1])).await;
    let service = json!({"transport_id": "web", "path": "again", "config": again.config});
    assert_eq!(started, json!(["web", "again", service]));
    let untyped = StartWebTransportService { config: json!({}), ..again };
    driver.wrong(ROUTER, &untyped, error::INVALID_ARGUMENT).await;
    for path in ["nothing", "a/b"] {
        let nothing = GetWebTransportService { path: path.to_owned(), ..one.clone() };
        driver.wrong(ROUTER, &nothing, error::NOT_RUNNING).await;
    }
    let of_nothing = GetWebTransportServices { transport_id: "nothing".to_owned() };
    driver.wrong(ROUTER, &of_nothing, error::NOT_RUNNING).await;
    let without = GetWebTransportServices { transport_id: "transport001".to_owned() };
    driver.wrong(ROUTER, &without, error::NOT_RUNNING).await;
    let stop = StopWebTransportService { transport_id: transport_id(), path };
    assert_eq!(driver.right(ROUTER, &stop).await.path, "more");
    driver.wrong(ROUTER, &stop, error::NOT_RUNNING).await;
    driver.wrong(ROUTER, &one, error::NOT_RUNNING).await;
    driver.right(ROUTER, &StopRouterTransport { transport_id: transport_id() }).await;
}
