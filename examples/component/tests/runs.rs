//! The program runs, and so does its component.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossweave_client::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// A running node, killed with this.
struct Node {
    child: Child,
    folder: TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a node whose container has the component with this `extra`, and whose router has another.
fn start(extra: &Value) -> Node {
    let endpoint = json!({"type": "unix", "path": "router"});
    let role = json!({"name": "anonymous", "allow-by-default": true});
    let router = json!({"type": "router", "transports": [{"type": "rawsocket", "endpoint": endpoint}],
        "realms": [{"name": "realm1", "roles": [role]}, {"name": "realm2", "roles": [role]}],
        "components": [{"type": "rust", "name": "counter", "realm": "realm2"}]});
    let transport = json!({"type": "rawsocket", "serializer": "msgpack", "endpoint": endpoint});
    let container = json!({"type": "container", "id": "container", "components": [
        {"id": "counter", "type": "rust", "name": "counter", "realm": "realm1", "extra": extra, "transport": transport}]});
    run(&json!([router, container]))
}

fn run(workers: &Value) -> Node {
    let folder = TempDir::new().unwrap();
    let config = json!({"version": 2, "workers": workers});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_counting-node"))
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Node { child, folder }
}

impl Node {
    async fn join(&self, socket: &str, realm: &str) -> Client {
        let url = format!("unix:{}", self.folder.path().join(socket).display());
        Client::connect(&url, realm).await.unwrap()
    }
}

#[tokio::test]
async fn the_component_counts_in_a_container_and_in_a_router() {
    let mut node = start(&json!({"from": 100}));
    let mut line = String::new();
    BufReader::new(node.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on unix:"), "{line}");
    let client = node.join("router", "realm1").await;
    let mut counted = client.subscribe("com.example.counted").await.unwrap();
    assert_eq!(client.call_with::<u64>("com.example.count", ()).await.unwrap(), 101);
    assert_eq!(client.call_with::<u64>("com.example.count", ()).await.unwrap(), 102);
    assert_eq!(counted.next().await.unwrap().unwrap().parse::<(u64,)>().unwrap(), (101,));
    let inner = node.join("router", "realm2").await;
    assert_eq!(inner.call_with::<u64>("com.example.count", ()).await.unwrap(), 1);

    // Restarted, it is a new one.
    let manager = node.join("node.sock", "crossbar").await;
    manager.call("crossbar.worker.container.restart_component").arg("counter").await.unwrap();
    assert_eq!(client.call_with::<u64>("com.example.count", ()).await.unwrap(), 101);
    manager.call("crossbar.worker.container.stop_component").arg("counter").await.unwrap();
    assert!(client.call_with::<u64>("com.example.count", ()).await.is_err());
    // Nobody answers GOODBYE while this waits.
    for client in [client, inner, manager] {
        client.leave().await;
    }
    kill_process(Pid::from_child(&node.child), Signal::INT).unwrap();
    assert!(node.child.wait().unwrap().success());
}

/// Asks again until there is an answer.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Some(answer) => return answer,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(Duration::from_secs(20), asking).await.unwrap_or_else(|_| panic!("{what}: not within 20 s"))
}

#[tokio::test]
async fn each_realm_of_a_template_gets_a_counter_of_its_own_for_as_long_as_it_is_there() {
    let transport = |path: &str, role: &str| {
        json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path},
            "auth": {"anonymous": {"type": "static", "role": role}}})
    };
    let roles = json!([{"name": "anonymous", "allow-by-default": true}, {"name": "counters", "allow-by-default": true}]);
    let realm = json!({"name": "realm-(?P<from>[0-9]+)", "template": true, "roles": roles,
        "activation": {"idle_timeout": 1, "background_authroles": ["counters"]}});
    let router = json!({"type": "router", "realms": [realm],
        "transports": [transport("router", "anonymous"), transport("counters", "counters")]});
    let way = json!({"type": "rawsocket", "serializer": "msgpack", "endpoint": {"type": "unix", "path": "counters"}});
    let component =
        json!({"id": "counter", "type": "rust", "name": "counter", "realm": "{realm}", "transport": way});
    let container = json!({"type": "container", "id": "counting", "template": "realm", "realm": "realm-[0-9]+",
        "components": [component]});
    let mut node = run(&json!([router, container]));
    let mut line = String::new();
    // Kept: there are two transports, and the node could not tell of the second one.
    let mut told = BufReader::new(node.child.stdout.take().unwrap());
    told.read_line(&mut line).unwrap();
    let manager = node.join("node.sock", "crossbar").await;
    let workers = async || manager.call_with::<Vec<String>>("crossbar.get_workers", ()).await.unwrap();
    assert_eq!(workers().await, ["worker001"]);
    let (one, two) = (node.join("router", "realm-1").await, node.join("router", "realm-2").await);
    let count = async |client: &Client| client.call_with::<u64>("com.example.count", ()).await.ok();
    assert_eq!(until("the first counter", async || count(&one).await).await, 1);
    assert_eq!(until("the second counter", async || count(&two).await).await, 1);
    assert_eq!(count(&one).await, Some(2));
    assert_eq!(workers().await, ["counting_realm_1", "counting_realm_2", "worker001"]);
    one.leave().await;
    let only = ["counting_realm_2", "worker001"];
    until("the end of the first", async || (workers().await == only).then_some(())).await;
    assert_eq!(count(&two).await, Some(2), "the other one goes on");
    two.leave().await;
    manager.leave().await;
    kill_process(Pid::from_child(&node.child), Signal::INT).unwrap();
    assert!(node.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_component_that_refuses_its_extra_keeps_the_node_from_starting() {
    let mut node = start(&json!({"from": "ten"}));
    let mut told = String::new();
    let mut stderr = BufReader::new(node.child.stderr.take().unwrap());
    while stderr.read_line(&mut told).unwrap() > 0 {}
    assert!(told.contains("extra.from is \"ten\": expected a number"), "{told}");
    assert!(!node.child.wait().unwrap().success());
}
