//! `crossweave check` finds what `crossweave start` would not find on this machine.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, crossweave};
use crate::managed::{Managed, router};
use crate::node::Node;
use crate::start::config;

fn run(folder: &TempDir, command: &str, more: &[&str]) -> Outcome {
    let mut of = crossweave();
    of.env("SOCKDIR", "/run").arg(command).args(["--cbdir", folder.path().to_str().unwrap()]).args(more);
    Outcome::of(of.output().unwrap())
}

fn rawsocket() -> Value {
    json!([{"type": "rawsocket", "endpoint": {"type": "unix", "path": "router"}}])
}

/// A router, and this.
fn with(worker: Value) -> String {
    let mut node: Value = serde_json::from_str(&config(&rawsocket())).unwrap();
    node["workers"].as_array_mut().unwrap().push(worker);
    serde_json::to_string_pretty(&node).unwrap()
}

fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), text).unwrap();
    folder
}

/// `check`, `migrate` and `start` refuse it for this reason, and at this place.
fn is_refused(text: &str, path: &str, told: &str) {
    let folder = folder(text);
    let outcome = run(&folder, "check", &["--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let verdict: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let problem = &verdict["problems"][0];
    assert_eq!((&verdict["ok"], &problem["path"]), (&json!(false), &json!(path)), "{verdict}");
    assert!(problem["place"]["line"].as_u64() > Some(1), "{verdict}");
    assert!(problem["message"].as_str().unwrap().contains(told), "{verdict}");
    for command in ["migrate", "start"] {
        let outcome = run(&folder, command, &[]);
        assert_eq!(outcome.code, Some(1), "{command}: {outcome:?}");
        assert!((outcome.stdout + &outcome.stderr).contains(told), "{command}");
    }
}

fn component(more: Value) -> Value {
    let endpoint = json!({"type": "unix", "path": "router"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let mut component = json!({"realm": "realm1", "transport": transport});
    component.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    component
}

#[test]
fn a_program_that_is_not_there_is_refused() {
    let guest = |executable: &str| json!({"type": "guest", "executable": executable});
    let path = "$.workers[1].executable";
    is_refused(&with(guest("/no/such/program")), path, "there is no program \"/no/such/program\"");
    is_refused(&with(guest("no-such-program")), path, "nor one of the directories of PATH");
    assert_eq!(run(&folder(&with(guest("sh"))), "check", &[]).code, Some(0));
    let mut disabled = guest("no-such-program");
    disabled["options"] = json!({"disabled": true});
    assert_eq!(run(&folder(&with(disabled)), "check", &[]).code, Some(0));
    let template =
        json!({"type": "guest", "executable": "/srv/{realm}/tool", "template": "realm", "realm": "r-[a-z]+"});
    assert_eq!(run(&folder(&with(template)), "check", &[]).code, Some(0), "it is known later");
}

#[test]
fn a_python_that_is_not_there_is_refused_where_components_need_it() {
    let container = |components: Value| {
        let options = json!({"python": "/no/such/python"});
        json!({"type": "container", "options": options, "components": components})
    };
    let class = component(json!({"type": "class", "classname": "app.Backend"}));
    is_refused(&with(container(json!([class]))), "$.workers[1].options.python", "/no/such/python");
    assert_eq!(run(&folder(&with(container(json!([])))), "check", &[]).code, Some(0));
}

#[test]
fn a_component_that_is_not_linked_is_refused() {
    let component = component(json!({"type": "rust", "name": "backend"}));
    let container = json!({"type": "container", "components": [component]});
    let told = "there is no component \"backend\": none is linked into this program";
    is_refused(&with(container), "$.workers[1].components[0].name", told);
}

#[test]
fn files_in_directories_that_are_not_there_are_refused() {
    let mut node: Value = serde_json::from_str(&config(&rawsocket())).unwrap();
    let history = json!([{"uri": "com.example"}]);
    node["workers"][0]["realms"][0]["store"] =
        json!({"type": "sqlite", "path": "no-such-dir/events.db", "event-history": history});
    let text = serde_json::to_string_pretty(&node).unwrap();
    is_refused(&text, "$.workers[0].realms[0].store.path", "no-such-dir");
}

#[test]
fn a_variable_that_the_worker_does_not_inherit_is_refused_with_the_reason() {
    let mut node: Value = serde_json::from_str(&config(&rawsocket())).unwrap();
    node["workers"][0]["transports"][0]["endpoint"]["path"] = json!("${SOCKDIR}/router.sock");
    let text = |node: &Value| serde_json::to_string_pretty(node).unwrap();
    assert_eq!(run(&folder(&text(&node)), "check", &[]).code, Some(0));
    node["workers"][0]["options"] = json!({"env": {"inherit": ["PATH"]}});
    let told = "`SOCKDIR` is not set in this worker: `inherit` of its `env` leaves it out";
    is_refused(&text(&node), "$.workers[0].transports[0].endpoint.path", told);
    node["workers"][0]["options"]["env"]["vars"] = json!({"SOCKDIR": "/run"});
    assert_eq!(run(&folder(&text(&node)), "check", &[]).code, Some(0));
}

#[test]
fn a_key_that_cannot_be_used_is_refused() {
    let folder = folder(&config(&rawsocket()));
    assert_eq!(run(&folder, "keys", &[]).code, Some(0));
    assert_eq!(run(&folder, "check", &[]).code, Some(0));
    let other = format!("public-key-ed25519: {}\n", "ab".repeat(32));
    for (file, text, told) in
        [("key.pub", other.as_str(), "key.pub does not hold"), ("key.priv", "x", "key.priv holds no")]
    {
        fs::write(folder.path().join(file), text).unwrap();
        for command in ["check", "migrate", "start", "keys"] {
            let outcome = run(&folder, command, &[]);
            assert_eq!(outcome.code, Some(1), "{command}: {outcome:?}");
            assert!((outcome.stdout + &outcome.stderr).contains(told), "{command}");
        }
        let verdict: Value = serde_json::from_str(&run(&folder, "check", &["--json"]).stdout).unwrap();
        let problem = &verdict["problems"][0];
        assert!(problem["file"].as_str().unwrap().ends_with("/key.priv"), "{verdict}");
        assert_eq!(problem["severity"], "error");
    }
}

#[test]
fn check_counts_what_it_has_found() {
    let folder = folder(r#"{"version": 2, "workres": [], "controler": {}}"#);
    let outcome = run(&folder, "check", &[]);
    assert!(outcome.stderr.trim_end().ends_with("config.json has 2 errors"), "{}", outcome.stderr);
}

#[test]
fn a_check_for_a_program_is_always_an_object() {
    let mut check = crossweave();
    let outcome =
        Outcome::of(check.args(["check", "--json", "--cbdir", "/no/such/directory"]).output().unwrap());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let told: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert!(told["message"].as_str().unwrap().contains("/no/such/directory"), "{told}");
}

#[test]
fn a_websocket_testee_listens() {
    let transport =
        json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}});
    let node = json!({"version": 2, "workers": [{"type": "websocket-testee", "transport": transport}]});
    let folder = folder(&node.to_string());
    let outcome = run(&folder, "check", &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let node = Node::start_in(folder.path(), &["--cbdir", "."], 1);
    assert!(node.url().starts_with("ws://127.0.0.1:") && node.address().port() > 0, "{:?}", node.ready);
}

#[test]
fn a_taken_port_of_a_testee_is_told_as_others_are() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let endpoint = json!({"type": "tcp", "port": port, "interface": "127.0.0.1"});
    let transport = json!({"type": "websocket", "endpoint": endpoint});
    let node = json!({"version": 2, "workers": [{"type": "websocket-testee", "transport": transport}]});
    let outcome = run(&folder(&node.to_string()), "start", &[]);
    assert_eq!(outcome.code, Some(1));
    let told = format!("cannot listen on tcp:127.0.0.1:{port}: another program does already");
    assert!(outcome.stderr.contains(&told) && !outcome.stderr.contains("os error"), "{}", outcome.stderr);
}

#[test]
fn what_only_tls_makes_true_is_warned_of_without_it() {
    let web = json!([{"type": "web", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"},
        "paths": {"/": {"type": "nodeinfo"}}, "options": {"hsts": true}}]);
    let outcome = run(&folder(&config(&web)), "check", &[]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("`hsts` has no effect"), "{}", outcome.stderr);
}

#[test]
fn an_id_in_the_environment_is_checked_as_one_in_the_file() {
    let folder = folder(&config(&rawsocket()));
    let mut start = crossweave();
    start.env("CROSSBAR_NODE_ID", "my node").args(["start", "--cbdir", folder.path().to_str().unwrap()]);
    let outcome = Outcome::of(start.output().unwrap());
    assert_eq!(outcome.code, Some(1));
    let told = "\"my node\" in CROSSBAR_NODE_ID cannot be a node id: expected 1 to 64 letters";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
}

#[test]
fn a_node_is_asked_by_a_relative_path_of_its_socket() {
    let folder = folder(&config(&rawsocket()));
    let _node = Node::start_in(folder.path(), &["--cbdir", "."], 1);
    let mut call = crossweave();
    call.args(["call", "crossbar.get_status", "--realm", "crossbar", "--url", "unix:node.sock"]);
    let outcome = Outcome::of(call.current_dir(folder.path()).output().unwrap());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn ids_by_the_management_api_are_as_in_a_file() {
    let node = Managed::start(&json!([router()]), &[]);
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "second"}});
    let start = "crossbar.worker.router.start_router_transport";
    for wrong in ["t2", "2nd", "Second", "a-b"] {
        let told = node.call(start, &[json!(wrong), transport.clone()]).unwrap_err();
        assert!(told.contains("cannot be the id of a transport: expected 3 to 64 of a-z"), "{told}");
    }
    node.call(start, &[json!("second"), transport]).unwrap();
}
