//! Workers of all types.

use std::fs;

use crossweave_api::container::*;
use crossweave_api::error;
use crossweave_api::hostmonitor::*;
use crossweave_api::node::*;
use crossweave_api::router::{
    GetRouterComponent, GetRouterComponents, StartRouterComponent, StopRouterComponent,
};
use crossweave_api::testee::*;
use crossweave_api::worker::{self, *};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::driver::Driver;
use super::{CONTAINER, MONITOR, ROUTER, TESTEE};
use crate::components::python;

const APP: &str = "\
from autobahn.twisted.wamp import ApplicationSession


class App(ApplicationSession):
    pass
";

pub(super) async fn workers(driver: &mut Driver) {
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
        ("fourth", "xbrmm", error::FEATURE_UNAVAILABLE),
    ] {
        let (worker_id, worker_type) = (id.to_owned(), kind.to_owned());
        driver.wrong(None, &StartWorker { worker_id, worker_type, worker_options: None }, expected).await;
    }
    let args = [json!("progress"), json!("router"), json!({})];
    let told = driver.progressive("crossbar.start_worker", &args).await;
    assert_eq!(told.iter().map(|it| &it["status"]).collect::<Vec<_>>(), ["starting", "started"], "{told:?}");
    assert!(told[0]["created"].is_string() && told[0]["who"] == json!(driver.session()), "{told:?}");
    driver.right(None, &StopWorker { worker_id: "progress".to_owned(), kill: false }).await;
    driver.event("crossbar.on_worker_exited").await;
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

/// What every native worker answers.
pub(super) async fn natives(driver: &mut Driver, folder: &TempDir) {
    driver.right(ROUTER, &SetNodeId { node_id: "other".to_owned() }).await;
    assert_eq!(driver.right(ROUTER, &GetNodeId {}).await, "other");
    driver.right(ROUTER, &SetNodeId { node_id: "the-node".to_owned() }).await;
    assert_eq!(driver.right(ROUTER, &GetPythonpath {}).await, Vec::<String>::new());
    for name in ["one", "two"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let add = |path: &str, prepend| AddPythonpath { paths: vec![path.to_owned()], prepend };
    let resolved = |name: &str| folder.path().canonicalize().unwrap().join(name).display().to_string();
    let added = driver.right(ROUTER, &add("one", true)).await;
    assert_eq!((added.paths_added[0].requested.as_str(), added.who), ("one", driver.session()));
    assert_eq!(added.paths_added[0].resolved, resolved("one"));
    driver.right(ROUTER, &add("two", true)).await;
    assert_eq!(driver.right(ROUTER, &add("two", false)).await.paths, [resolved("one"), resolved("two")]);
    for path in ["nowhere", "config.json"] {
        driver.wrong(ROUTER, &add(path, true), error::INVALID_ARGUMENT).await;
    }
}

/// A worker of this type, which is started.
async fn start(driver: &mut Driver, id: Option<&str>, kind: &str, options: Option<Value>) {
    let (worker_id, worker_type) = (id.unwrap_or_default().to_owned(), kind.to_owned());
    let start = StartWorker { worker_id, worker_type, worker_options: options };
    driver.right_with(None, &start, &[]).await;
    driver.event(&format!("crossbar.on_{}_started", kind.replace('-', "_"))).await;
}

pub(super) async fn monitors(driver: &mut Driver) {
    start(driver, MONITOR, "hostmonitor", None).await;
    assert_eq!(driver.right(MONITOR, &GetMonitoring { sensors: None }).await.status, "stopped");
    driver.wrong(MONITOR, &StopMonitoring {}, error::NOT_RUNNING).await;
    let watch = |config: Value| StartMonitoring { config: Some(config) };
    let wrong = watch(json!({"interval": 100, "monitors": {"cups": {}}}));
    driver.wrong(MONITOR, &wrong, error::INVALID_CONFIGURATION).await;
    let right = watch(json!({"interval": 100, "monitors": {"cpu": {}, "memory": {}}}));
    assert_eq!(driver.right(MONITOR, &right).await.monitors, ["cpu", "memory"]);
    driver.wrong(MONITOR, &right, error::ALREADY_RUNNING).await;
    let sample = driver.event("crossbar.worker.monitor1.on_memory_sample").await;
    assert!(sample["memtotal"].as_u64() > Some(1 << 20), "{sample}");
    let cpu = GetMonitoring { sensors: Some(vec!["cpu".to_owned()]) };
    assert_eq!(driver.right(MONITOR, &cpu).await.status, "running");
    let network = GetMonitoring { sensors: Some(vec!["network".to_owned()]) };
    driver.wrong(MONITOR, &network, error::NO_SUCH_OBJECT).await;
    driver.right(MONITOR, &StopMonitoring {}).await;
}

pub(super) async fn testees(driver: &mut Driver) {
    start(driver, TESTEE, "websocket-testee", None).await;
    assert_eq!(driver.right(TESTEE, &GetTesteeTransport {}).await, None);
    driver.wrong(TESTEE, &StopTesteeTransport {}, error::NOT_RUNNING).await;
    let listen = |endpoint: Value| StartTesteeTransport {
        transport_id: "echo".to_owned(),
        config: json!({"type": "websocket", "endpoint": endpoint}),
    };
    driver.wrong(TESTEE, &listen(json!({})), error::INVALID_CONFIGURATION).await;
    let nowhere = listen(json!({"type": "unix", "path": "nowhere/echo.sock"}));
    driver.wrong(TESTEE, &nowhere, error::CANNOT_LISTEN).await;
    let right = listen(json!({"type": "unix", "path": "echo.sock"}));
    let transport = driver.right(TESTEE, &right).await;
    driver.wrong(TESTEE, &right, error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(TESTEE, &GetTesteeTransport {}).await, Some(transport.clone()));
    let stopped = TesteeTransport { listening: Vec::new(), ..transport };
    assert_eq!(driver.right(TESTEE, &StopTesteeTransport {}).await, stopped);
}

/// False without Python.
pub(super) async fn components(driver: &mut Driver, folder: &TempDir) -> bool {
    start(driver, CONTAINER, "container", None).await;
    assert_eq!(driver.right(CONTAINER, &GetComponents {}).await, Vec::<String>::new());
    assert_eq!(driver.right(ROUTER, &GetRouterComponents {}).await, []);
    let id = || "app".to_owned();
    driver.wrong(CONTAINER, &GetComponent { component_id: id() }, error::NO_SUCH_OBJECT).await;
    driver.wrong(CONTAINER, &StopComponent { component_id: id() }, error::NO_SUCH_OBJECT).await;
    let restart = RestartComponent { component_id: id(), reload_modules: false };
    driver.wrong(CONTAINER, &restart, error::NO_SUCH_OBJECT).await;
    let start = |config: Value| StartComponent { component_id: id(), config, reload_modules: true };
    driver.wrong(CONTAINER, &start(json!({"type": "clas"})), error::INVALID_CONFIGURATION).await;
    let endpoint = json!({"type": "unix", "path": folder.path().join("a.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let linked = json!({"type": "rust", "name": "none", "realm": "one", "transport": transport});
    driver.wrong(CONTAINER, &start(linked), error::CANNOT_START).await;
    let inner = |config: Value| StartRouterComponent { id: id(), config };
    driver.wrong(ROUTER, &GetRouterComponent { id: id() }, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &StopRouterComponent { id: id() }, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &inner(json!({"type": "clas"})), error::INVALID_CONFIGURATION).await;
    let linked = json!({"type": "rust", "name": "none", "realm": "one"});
    driver.wrong(ROUTER, &inner(linked), error::CANNOT_START).await;
    assert_eq!(driver.right(CONTAINER, &ShutdownContainer {}).await, Vec::<String>::new());
    driver.event("crossbar.on_worker_exited").await;
    if python().is_none() {
        self::start(driver, CONTAINER, "container", None).await;
        return false;
    }
    fs::create_dir(folder.path().join("apps")).unwrap();
    fs::write(folder.path().join("apps/app.py"), APP).unwrap();
    let app = json!({"type": "class", "classname": "app.App", "realm": "one", "transport": transport});
    in_a_container(driver, start(app)).await;
    in_a_router(driver, inner(json!({"type": "class", "classname": "app.App", "realm": "one"}))).await;
    true
}

async fn in_a_container(driver: &mut Driver, start: StartComponent) {
    let options = json!({"python": python(), "pythonpath": ["apps"]});
    self::start(driver, CONTAINER, "container", Some(options)).await;
    let id = || start.component_id.clone();
    let mut wrong = start.clone();
    wrong.config["classname"] = json!("app.Nothing");
    driver.wrong(CONTAINER, &wrong, error::CLASS_IMPORT_FAILED).await;
    wrong = start.clone();
    wrong.config["transport"]["endpoint"]["path"] = json!("/nowhere/router.sock");
    driver.wrong(CONTAINER, &wrong, error::CANNOT_CONNECT).await;
    wrong = start.clone();
    wrong.config["realm"] = json!("nowhere");
    driver.wrong(CONTAINER, &wrong, error::CANNOT_START).await;
    assert_eq!(driver.right(CONTAINER, &start).await.id, "app");
    driver.wrong(CONTAINER, &start, error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(CONTAINER, &GetComponents {}).await, ["app"]);
    assert_eq!(driver.right(CONTAINER, &GetComponent { component_id: id() }).await.config, start.config);
    let restart = RestartComponent { component_id: id(), reload_modules: true };
    assert_eq!(driver.right(CONTAINER, &restart).await.caller.session, driver.session());
    let stop = StopComponent { component_id: id() };
    let stopped = driver.right(CONTAINER, &stop).await;
    assert_eq!(stopped.caller.and_then(|it| it.session), driver.session());
}

async fn in_a_router(driver: &mut Driver, inner: StartRouterComponent) {
    driver.wrong(ROUTER, &inner, error::CLASS_IMPORT_FAILED).await;
    driver.right(ROUTER, &AddPythonpath { paths: vec!["apps".to_owned()], prepend: true }).await;
    let stop = StopRouterComponent { id: inner.id.clone() };
    assert_eq!(driver.right(ROUTER, &inner).await.id, "app");
    driver.wrong(ROUTER, &inner, error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(ROUTER, &GetRouterComponents {}).await.len(), 1);
    let asked = GetRouterComponent { id: inner.id.clone() };
    assert_eq!(driver.right(ROUTER, &asked).await.config, inner.config);
    assert_eq!(driver.right(ROUTER, &stop).await.id, "app");
}
