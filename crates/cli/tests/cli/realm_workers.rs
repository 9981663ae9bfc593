//! Containers and guests that are started with realms, and end with them.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::background::{Background, crossweave};
use crate::components::python;
use crate::managed::Managed;

const BACKEND: &str = r#"
import os
from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.defer import inlineCallbacks


class Backend(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        print("backend of", details.realm, flush=True)
        extra = self.config.extra
        yield self.register(lambda: [details.realm, details.authrole, extra["user"], os.getpid()], "com.example.who")
"#;

/// A router with a template, which clients reach by the socket `router`, and those who serve its realms by `backend`.
fn router(idle_timeout: u32) -> Value {
    let transport = |path: &str, role: &str| {
        json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path},
            "auth": {"anonymous": {"type": "static", "role": role}}})
    };
    let realm = json!({"name": "^realm-(?P<user>[a-z]{3,8})$", "template": true,
        "activation": {"idle_timeout": idle_timeout, "background_authroles": ["backend"]},
        "roles": [{"name": "anonymous", "allow-by-default": true}, {"name": "backend", "allow-by-default": true}]});
    json!({"type": "router", "id": "router", "realms": [realm],
        "transports": [transport("router", "anonymous"), transport("backend", "backend")]})
}

/// A guest for each realm, with this script.
fn guest(script: &str) -> Value {
    json!({"type": "guest", "id": "tool", "template": "realm", "realm": "^realm-(?P<user>[a-z]+)$",
        "executable": "sh", "arguments": ["-c", script, "sh", "{user}"],
        "options": {"env": {"vars": {"REALM": "{realm}"}}}})
}

/// Joins a realm and stays there, as long as this is kept.
fn client(node: &Managed, realm: &str) -> Background {
    let url = format!("unix:{}", node.path("router").display());
    let client =
        Background::start(crossweave().args(["sub", "com.example.x", "--url", &url, "--realm", realm]));
    client.wait_for("subscribed");
    client
}

fn leave(mut client: Background) {
    client.signal(Signal::INT);
    client.end();
}

fn workers(node: &Managed) -> Vec<String> {
    let ids = node.call("crossbar.get_workers", &[]).expect("the node answers");
    serde_json::from_value(ids).expect("ids")
}

fn info(node: &Managed, id: &str) -> Option<Value> {
    node.call("crossbar.get_worker", &[json!(id)]).ok()
}

/// Waits until the worker has written a line, and returns its process.
fn running(node: &Managed, id: &str, line: &str) -> u64 {
    node.until(line, || {
        let lines = node.call("crossbar.get_worker_log", &[json!(id)]).ok()?;
        lines.as_array()?.iter().any(|it| it.as_str().unwrap_or_default().contains(line)).then_some(())
    });
    info(node, id).expect("it runs")["pid"].as_u64().expect("it has a process")
}

fn gone(node: &Managed, id: &str, pid: u64) {
    node.until("it is gone", || (info(node, id).is_none() && !Managed::lives(pid)).then_some(()));
}

#[test]
fn a_guest_is_started_by_the_first_client_of_each_realm_and_gone_when_the_realm_was_idle() {
    let script = "echo \"$1 on $REALM\"; exec sleep 600";
    let node = Managed::start(&json!([router(1), guest(script)]), &[]);
    assert_eq!(workers(&node), ["router"], "nobody needs it yet");
    let (started, stopping) =
        (node.subscribe("crossbar.on_guest_started"), node.subscribe("crossbar.on_stop_requested"));
    let clients = [client(&node, "realm-joe"), client(&node, "realm-joe"), client(&node, "realm-ann")];
    let (joe, ann) = (
        running(&node, "tool_realm_joe", "joe on realm-joe"),
        running(&node, "tool_realm_ann", "ann on realm-ann"),
    );
    let events = [started.line(), started.line()].concat();
    assert!(events.contains("tool_realm_joe") && events.contains("tool_realm_ann"), "{events}");
    assert_eq!(workers(&node), ["router", "tool_realm_ann", "tool_realm_joe"]);
    let of_joe = info(&node, "tool_realm_joe").unwrap();
    assert_eq!((&of_joe["template_id"], &of_joe["realm"]), (&json!("tool"), &json!("realm-joe")));
    let [first, second, third] = clients;
    leave(first);
    leave(second);
    gone(&node, "tool_realm_joe", joe);
    assert!(stopping.line().contains("tool_realm_joe"));
    assert!(Managed::lives(ann), "somebody is on realm-ann");
    // A realm that is there again gets its worker again.
    let again = client(&node, "realm-joe");
    assert_ne!(running(&node, "tool_realm_joe", "joe on realm-joe"), joe);
    assert_eq!(node.stop(), Some(0));
    assert!(!Managed::lives(ann));
    drop((third, again));
}

#[test]
fn python_components_are_started_with_a_realm_serve_it_and_do_not_keep_it() {
    let Some(python) = python() else { return };
    let endpoint = json!({"type": "unix", "path": "backend"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let component = json!({"type": "class", "classname": "app.Backend", "realm": "{realm}", "transport": transport,
        "extra": {"user": "{user}"}});
    let container = json!({"type": "container", "id": "backend", "template": "realm",
        "realm": "^realm-(?P<user>[a-z]+)$", "components": [component],
        // A realm that ends takes its session away: no reason to begin anew.
        "options": {"python": python, "pythonpath": ["."], "restart": "restart-always"}});
    let node = Managed::start(&json!([router(1), container]), &[("app.py", BACKEND)]);
    let joe = client(&node, "realm-joe");
    let worker = running(&node, "backend_realm_joe", "backend of realm-joe");
    let who = node.until("it answers", || node.call_on("router", "realm-joe", "com.example.who", &[]).ok());
    assert_eq!((&who[0], &who[1], &who[2]), (&json!("realm-joe"), &json!("backend"), &json!("joe")));
    let component = who[3].as_u64().expect("a process");
    leave(joe);
    gone(&node, "backend_realm_joe", worker);
    assert!(!Managed::lives(component));
    let left = node.call("crossbar.worker.router.get_router_realms", &[]).unwrap();
    assert_eq!(left, json!(["realm001"]), "nothing has started the realm afresh");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_realm_goes_on_without_a_worker_that_cannot_be_started() {
    let mut broken = guest("");
    broken["executable"] = json!("no-such-program-for-{user}");
    let node = Managed::start(&json!([router(60), broken]), &[]);
    let _joe = client(&node, "realm-joe");
    node.process.wait_for("Realm 'realm-joe' goes on without Guest 'tool_realm_joe'");
    assert_eq!(node.call_on("router", "realm-joe", "wamp.session.count", &[]), Ok(json!(2)));
    assert_eq!(workers(&node), ["router"]);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_guest_of_a_realm_that_is_stopped_or_whose_router_is_killed_ends_with_it() {
    let node = Managed::start(&json!([router(60), guest("echo there; exec sleep 600")]), &[]);
    let _joe = client(&node, "realm-joe");
    let pid = running(&node, "tool_realm_joe", "there");
    let realm = node.call("crossbar.worker.router.get_router_realm_by_name", &[json!("realm-joe")]).unwrap();
    node.call("crossbar.worker.router.stop_router_realm", &[realm["id"].clone()]).unwrap();
    gone(&node, "tool_realm_joe", pid);

    let _ann = client(&node, "realm-ann");
    let pid = running(&node, "tool_realm_ann", "there");
    let router = info(&node, "router").unwrap()["pid"].as_i64().unwrap();
    let router = rustix::process::Pid::from_raw(i32::try_from(router).unwrap()).unwrap();
    rustix::process::kill_process(router, Signal::KILL).unwrap();
    node.until("its first run has ended", || (!Managed::lives(pid)).then_some(()));
}

#[test]
fn a_realm_that_is_there_again_gets_its_guest_when_the_one_before_has_ended() {
    let script = "trap 'until [ -e go ]; do sleep 0.05; done; touch ended; exit 0' TERM; [ -e ended ] && echo second || echo first
        while :; do sleep 0.05; done";
    let node = Managed::start(&json!([router(60), guest(script)]), &[]);
    let _joe = client(&node, "realm-joe");
    let first = running(&node, "tool_realm_joe", "first");
    let realm = node.call("crossbar.worker.router.get_router_realm_by_name", &[json!("realm-joe")]).unwrap();
    node.call("crossbar.worker.router.stop_router_realm", &[realm["id"].clone()]).unwrap();
    let _again = client(&node, "realm-joe");
    assert!(Managed::lives(first), "it takes its time");
    fs::write(node.path("go"), "").unwrap();
    let second = running(&node, "tool_realm_joe", "second");
    assert!(second != first && !Managed::lives(first));
    assert_eq!(workers(&node), ["router", "tool_realm_joe"]);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_template_that_is_changed_ends_its_workers_and_starts_them_anew() {
    let (script, other) = ("echo first; exec sleep 600", "echo second; exec sleep 600");
    let node = Managed::start(&json!([router(60), guest(script)]), &[]);
    let _joe = client(&node, "realm-joe");
    let first = running(&node, "tool_realm_joe", "first");
    let apply = |workers: Value| {
        let config = json!({"version": 2, "workers": workers}).to_string();
        fs::write(node.path("config.json"), config).unwrap();
        let applied = node.call("crossbar.apply_configuration", &[]).unwrap();
        assert_eq!(applied["failed"], Value::Null, "{applied}");
        applied["done"].clone()
    };
    assert_eq!(apply(json!([router(60), guest(script)])), json!([]), "it is the same");
    assert!(Managed::lives(first));
    let done = apply(json!([router(60), guest(other)]));
    assert_eq!(done, json!(["stop worker \"tool\"", "start worker \"tool\""]));
    assert!(!Managed::lives(first));
    let second = running(&node, "tool_realm_joe", "second");
    apply(json!([router(60)]));
    assert!(!Managed::lives(second));
    assert_eq!(workers(&node), ["router"]);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn guests_beyond_those_that_may_run_are_left_out_and_that_is_told() {
    let mut one = guest("echo there; exec sleep 600");
    one["max_workers"] = json!(1);
    let node = Managed::start(&json!([router(60), one]), &[]);
    let _joe = client(&node, "realm-joe");
    running(&node, "tool_realm_joe", "there");
    let _ann = client(&node, "realm-ann");
    node.process.wait_for("Realm 'realm-ann' goes on without a worker of template 'tool'");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(workers(&node), ["router", "tool_realm_joe"]);
    let item = json!({"executable": "sleep", "arguments": ["600"]});
    let refused = node.call("crossbar.start_worker", &[json!("tool"), json!("guest"), item]).unwrap_err();
    assert!(refused.contains("is the id of a template"), "{refused}");
    let item = guest("");
    let refused = node.call("crossbar.start_worker", &[json!("second"), json!("guest"), item]).unwrap_err();
    assert!(refused.contains("only a configuration starts workers with realms"), "{refused}");
    let refused = node.call("crossbar.start_worker", &[json!("market"), json!("xbrmm")]).unwrap_err();
    let expected =
        "worker type `xbrmm` is refused: it is of the data markets on a blockchain, and Crossweave uses none";
    assert!(refused.contains(expected), "the sentence of `check`: {refused}");
}
