//! `crossweave apply`: a running node becomes what its configuration says now.

mod restarting;
mod restoring;
mod templates;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, PATIENCE, crossweave, run};
use crate::node::Node;

/// A node with a configuration that changes.
struct Changing {
    folder: TempDir,
    config: Value,
}

fn role(name: &str, may: bool) -> Value {
    let allow = json!({"call": may, "register": may, "publish": may, "subscribe": may});
    json!({"name": name, "permissions": [{"uri": "*", "allow": allow}]})
}

fn socket(path: &str) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": path}})
}

impl Changing {
    fn new() -> Changing {
        let realms = json!([{"name": "one", "roles": [role("anonymous", true), role("user", true)]},
            {"name": "two", "roles": [role("anonymous", true)]}]);
        let transports = json!([socket("a.sock"), socket("b.sock")]);
        let worker = json!({"type": "router", "realms": realms, "transports": transports});
        let changing =
            Changing { folder: TempDir::new().unwrap(), config: json!({"version": 2, "workers": [worker]}) };
        changing.write();
        changing
    }

    fn write(&self) {
        fs::write(self.path("config.json"), self.config.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn router(&mut self) -> &mut Value {
        &mut self.config["workers"][0]
    }

    fn of(&self, args: &[&str]) -> Outcome {
        run(&[args, &["--cbdir", self.folder().to_str().unwrap()]].concat())
    }

    fn url(&self, socket: &str) -> String {
        format!("unix:{}", self.path(socket).display())
    }

    /// Calls a meta procedure on a realm, by a socket.
    fn reaches(&self, socket: &str, realm: &str) -> bool {
        let url = self.url(socket);
        run(&["call", "wamp.session.count", "--url", &url, "--realm", realm]).code == Some(0)
    }

    fn worker_pid(&self) -> i32 {
        let status: Value = serde_json::from_str(&self.of(&["status", "--json"]).stdout).unwrap();
        i32::try_from(status["workers"][0]["pid"].as_i64().unwrap()).unwrap()
    }
}

#[test]
fn what_has_changed_is_applied_and_other_sessions_go_on() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    let nothing = it.of(&["apply"]);
    assert_eq!(nothing.code, Some(0), "{}", nothing.stderr);
    assert!(nothing.stdout.starts_with("nothing to do: the node is what "), "{}", nothing.stdout);

    let url = it.url("a.sock");
    let sub = Background::start(
        crossweave().args(["sub", "com.a", "--count", "1", "--realm", "one", "--url", &url]),
    );
    sub.wait_for("subscribed");
    // A realm before the first one, a role that may do nothing any more, another transport instead of the second.
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "zero", "roles": [role("anonymous", true)]}));
    it.router()["realms"][2]["roles"][0] = role("anonymous", false);
    it.router()["transports"][1] = socket("c.sock");
    it.write();
    let differences = "~ worker worker001: transport \"transport002\"\n\
        + worker worker001: realm \"zero\"\n\
        + worker worker001: realm \"zero\", role \"anonymous\"\n\
        ~ worker worker001: realm \"two\", role \"anonymous\"\n";
    let would = it.of(&["apply", "--dry-run"]);
    let lines = |text: &str| {
        let mut lines: Vec<String> =
            text.lines().map(str::to_owned).take_while(|it| !it.ends_with(':')).collect();
        lines.sort();
        lines
    };
    assert_eq!((would.code, lines(&would.stdout)), (Some(0), lines(differences)), "{}", would.stdout);
    assert!(would.stdout.contains("would be done:\n"), "{}", would.stdout);
    assert!(!it.reaches("a.sock", "zero") && it.reaches("b.sock", "two"), "nothing was done");

    let applied = it.of(&["apply"]);
    assert_eq!((applied.code, lines(&applied.stdout)), (Some(0), lines(differences)), "{}", applied.stderr);
    assert!(applied.stdout.contains("done:\n") && !applied.stdout.contains("not done"), "{}", applied.stdout);
    assert!(it.reaches("a.sock", "zero") && it.reaches("c.sock", "one"));
    assert!(!it.path("b.sock").exists());
    assert!(!it.reaches("a.sock", "two"), "the role may not call any more");
    run(&["pub", "com.a", "still", "--ack", "--realm", "one", "--url", &url]);
    assert!(sub.line().contains("still"), "a session of before is still there");
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"), "once is enough");

    // A worker that fails comes back as what it is now.
    let pid = it.worker_pid();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let until = Instant::now() + PATIENCE;
    while !(it.reaches("c.sock", "zero") && it.worker_pid() != pid) {
        assert!(Instant::now() < until, "the worker does not come back as it was");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!it.reaches("a.sock", "two") && it.reaches("a.sock", "one"));
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
}

#[test]
fn workers_come_and_go_and_the_controller_has_to_be_started_again() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    it.config["workers"].as_array_mut().unwrap().push(json!({"type": "router",
        "realms": [{"name": "far", "roles": [role("anonymous", true)]}], "transports": [socket("far.sock")]}));
    it.config["controller"] = json!({"id": "another"});
    it.write();
    let applied = it.of(&["apply", "--json"]);
    let object: Value = serde_json::from_str(&applied.stdout).unwrap();
    assert_eq!(object["differences"], json!([{"worker": "worker002", "what": "", "change": "added"}]));
    assert_eq!((&object["failed"], &object["left"]), (&json!(null), &json!([])));
    assert!(
        applied.stderr.contains("`controller` has changed: that needs a new start"),
        "{}",
        applied.stderr
    );
    assert!(it.reaches("far.sock", "far"));
    let again = it.of(&["apply"]);
    assert!(again.stdout.starts_with("nothing that can be applied: `controller` of "), "{}", again.stdout);
    it.config["workers"].as_array_mut().unwrap().pop();
    it.write();
    let applied = it.of(&["apply"]);
    assert!(applied.stdout.contains("- worker worker002\n"), "{}", applied.stdout);
    assert!(!it.path("far.sock").exists() && it.reaches("a.sock", "one"));
}

#[test]
fn realms_are_changed_and_removed() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    let mut applies = |router: &dyn Fn(&mut Value), difference: &str| {
        router(it.router());
        it.write();
        let applied = it.of(&["apply"]);
        assert_eq!(applied.code, Some(0), "{difference}: {}{}", applied.stdout, applied.stderr);
        assert!(applied.stdout.starts_with(difference), "{}", applied.stdout);
        assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"), "{difference}");
        (it.reaches("a.sock", "one"), it.reaches("a.sock", "two"))
    };
    let strict = |router: &mut Value| router["realms"][0]["options"] = json!({"uri_check": "strict"});
    assert_eq!(applies(&strict, "~ worker worker001: realm \"one\"\n"), (true, true));
    let history = json!({"type": "memory", "event-history": [{"uri": "com.a", "limit": 10}]});
    let store = |router: &mut Value| router["realms"][1]["store"] = history.clone();
    assert_eq!(applies(&store, "~ worker worker001: realm \"two\"\n"), (true, true));
    let gone = |router: &mut Value| drop(router["realms"].as_array_mut().unwrap().remove(0));
    assert_eq!(applies(&gone, "- worker worker001: realm \"one\"\n"), (false, true));
}

#[test]
fn monitors_and_testees_that_are_the_same_go_on() {
    let mut it = Changing::new();
    let testee = |port: u16| {
        json!({"type": "websocket-testee", "transport": {"type": "websocket",
        "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"}}})
    };
    let workers = it.config["workers"].as_array_mut().unwrap();
    workers.push(json!({"type": "hostmonitor", "options": {"interval": 200, "monitors": {"cpu": {}}}}));
    workers.push(testee(0));
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}{}", nothing.stdout, nothing.stderr);
    let url = it.url("node.sock");
    let ask = ["call", "crossbar.worker.worker002.get_monitoring", "--url", &url, "--realm", "crossbar"];
    assert!(run(&ask).stdout.contains("\"running\""), "it still watches");
    it.config["workers"][2]["transport"]["options"] = json!({"max_message_size": 4096});
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.starts_with("~ worker worker003: transport "), "{}", applied.stdout);
}

#[test]
fn a_configuration_with_errors_changes_nothing() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    it.router()["transports"] = json!([]);
    it.router()["relms"] = json!([]);
    it.write();
    for args in [&["apply"][..], &["apply", "--dry-run"]] {
        let outcome = it.of(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        assert!(outcome.stderr.starts_with("error: unknown key `relms`"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("config.json:"), "{}", outcome.stderr);
    }
    assert!(it.reaches("a.sock", "one") && it.reaches("b.sock", "two"));
}

#[test]
fn realms_are_stopped_and_replaced() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    it.router()["realms"][0]["options"] = json!({"uri_check": "loose"});
    it.router()["realms"].as_array_mut().unwrap().remove(1);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    assert!(it.reaches("a.sock", "one") && !it.reaches("a.sock", "two"));
}

#[test]
fn sighup_applies_the_configuration() {
    let mut it = Changing::new();
    let node = Node::start_in(it.folder(), &[], 2);
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "three", "roles": [role("anonymous", true)]}));
    it.write();
    node.process.signal(Signal::HUP);
    while !node.process.line().contains("start realm \"three\", role \"anonymous\"") {}
    assert!(it.reaches("a.sock", "three"));
    fs::write(it.path("config.json"), "{").unwrap();
    node.process.signal(Signal::HUP);
    node.process.wait_for("the configuration was not applied:");
    let told = [node.process.complaint(), node.process.complaint()];
    assert!(told[0].contains("] error: ") && told[1].contains("]  --> "), "{told:?}");
    assert!(!told.concat().contains("\\n"), "each line is a line: {told:?}");
    assert!(it.reaches("a.sock", "three"));
    drop(node);
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(69), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no node runs in "), "{}", outcome.stderr);
}

#[test]
fn a_worker_that_hangs_is_named_unless_it_is_to_be_started_anew() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    let pid = Pid::from_raw(it.worker_pid()).unwrap();
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "three", "roles": [role("anonymous", true)]}));
    it.write();
    kill_process(pid, Signal::STOP).unwrap();
    let told = it.of(&["apply"]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(told.code, Some(1), "{}{}", told.stdout, told.stderr);
    let why =
        "worker \"worker001\" hangs: crossbar.worker.worker001.get_router_realm was not answered within 5 s";
    assert!(told.stderr.contains(why), "{}", told.stderr);
    assert!(!it.reaches("a.sock", "three"), "nothing was done");
    // One that is started anew need not answer.
    it.router()["options"] = json!({"title": "another"});
    it.write();
    kill_process(pid, Signal::STOP).unwrap();
    let would = it.of(&["apply", "--dry-run"]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(would.code, Some(0), "{}{}", would.stdout, would.stderr);
    assert!(would.stdout.contains("  start worker \"worker001\"\n"), "{}", would.stdout);
}

#[test]
fn status_tells_the_realms_that_can_be_joined_now() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    let template =
        json!({"name": "^u-(?P<user>[a-z]+)$", "template": true, "roles": [role("anonymous", true)]});
    it.router()["realms"][1]["name"] = json!("three");
    it.router()["realms"].as_array_mut().unwrap().push(template);
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    let expected = "- worker worker001: realm \"two\"\n\
        + worker worker001: realm \"three\"\n\
        + worker worker001: realm \"three\", role \"anonymous\"\n\
        + worker worker001: realm \"^u-(?P<user>[a-z]+)$\"\n";
    assert!(applied.stdout.starts_with(expected), "{}", applied.stdout);
    assert!(it.reaches("a.sock", "u-ann"));
    let status = it.of(&["status"]).stdout;
    let line = format!("  listening on {} (realms one, three, ^u-(?P<user>[a-z]+)$)\n", it.url("a.sock"));
    assert!(status.contains(&line), "{status}");
    let ask =
        ["call", "crossbar.worker.worker001.stop_router_transport", "transport001", "--realm", "crossbar"];
    let url = it.url("node.sock");
    let stopped: Value = serde_json::from_str(&run(&[&ask[..], &["--url", &url]].concat()).stdout).unwrap();
    assert_eq!((&stopped["state"], &stopped["listening"]), (&json!(6), &json!([])));
}

#[test]
fn status_tells_where_proxies_and_testees_listen() {
    let mut it = Changing::new();
    let testee = json!({"type": "websocket", "id": "echo", "endpoint": {"type": "unix", "path": "echo"}});
    let connection = json!({"transport": {"type": "rawsocket", "serializer": "cbor",
        "endpoint": {"type": "unix", "path": "a.sock"}}});
    let proxy = json!({"type": "proxy", "connections": {"conn1": connection},
        "routes": {"one": {"anonymous": "conn1"}}, "transports": [socket("front")]});
    let workers = it.config["workers"].as_array_mut().unwrap();
    workers.push(proxy);
    workers.push(json!({"type": "websocket-testee", "transport": testee}));
    it.write();
    let node = Node::start_in(it.folder(), &[], 4);
    let status = it.of(&["status"]).stdout;
    for line in &node.ready {
        assert!(status.contains(&format!("  {line}\n")), "{line} is not in {status}");
    }
    let status: Value = serde_json::from_str(&it.of(&["status", "--json"]).stdout).unwrap();
    let kinds = |worker: usize| status["workers"][worker]["transports"][0]["type"].clone();
    assert_eq!((kinds(1), kinds(2)), (json!("rawsocket"), json!("websocket")));
    assert!(status["workers"][2]["transports"][0]["since"].is_string(), "{status}");
}

#[test]
fn a_node_that_applies_what_takes_long_is_still_ended_in_order() {
    let mut it = Changing::new();
    let mut node = Node::start_in(it.folder(), &[], 2);
    // An interpreter that never says anything.
    let python = it.path("python");
    fs::write(&python, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let endpoint = json!({"type": "unix", "path": "a.sock"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let component = json!({"type": "class", "classname": "a.B", "realm": "one", "transport": transport});
    let options = json!({"python": python});
    let container = json!({"type": "container", "options": options, "components": [component]});
    it.config["workers"].as_array_mut().unwrap().push(container);
    it.write();
    node.process.signal(Signal::HUP);
    while !node.process.line().contains("Container with ID 'worker002'") {}
    let since = Instant::now();
    node.process.signal(Signal::TERM);
    assert_eq!(node.process.end(), Some(0));
    assert!(since.elapsed() < PATIENCE, "it took {:?}", since.elapsed());
    assert!(!it.path("node.pid").exists() && !it.path("a.sock").exists());
}

#[test]
fn certificates_that_were_read_again_are_told_those_of_proxies_too() {
    let mut it = Changing::new();
    let issue = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(it.path(&format!("{name}.crt")), made.cert.pem()).unwrap();
        fs::write(it.path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    };
    ["router", "proxy"].into_iter().for_each(issue);
    let secured = |name: &str| {
        let tls = json!({"certificate": format!("{name}.crt"), "key": format!("{name}.key")});
        json!({"type": "rawsocket", "auth": {"anonymous": {"type": "static", "role": "anonymous"}},
            "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1", "tls": tls}})
    };
    it.router()["transports"][1] = secured("router");
    it.router()["transports"][0]["auth"] = json!({"anonymous-proxy": {"type": "static"}});
    let back = json!({"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "a.sock"}}});
    it.config["workers"].as_array_mut().unwrap().push(json!({"id": "front", "type": "proxy",
        "connections": {"back": back}, "routes": {"one": {"anonymous": "back"}}, "transports": [secured("proxy")]}));
    it.write();
    let node = Node::start_in(it.folder(), &[], 3);
    let would = it.of(&["apply", "--dry-run"]);
    assert!(
        would.stdout.starts_with("nothing to do: ") && would.stdout.lines().count() == 1,
        "{}",
        would.stdout
    );
    let told = it.of(&["apply"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.starts_with("no difference: the node is what "), "{}", told.stdout);
    let at = |worker: &str| format!("  worker \"{worker}\": tcp:127.0.0.1:");
    assert!(told.stdout.contains("certificates read again:\n"), "{}", told.stdout);
    assert!(told.stdout.contains(&at("worker001")) && told.stdout.contains(&at("front")), "{}", told.stdout);
    let told: Value = serde_json::from_str(&it.of(&["apply", "--json"]).stdout).unwrap();
    assert_eq!(told["certificates_read"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!((&told["differences"], &told["certificates_kept"]), (&json!([]), &json!([])));
    drop(node);
}
