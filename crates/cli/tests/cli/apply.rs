//! `crossweave apply`: a running node becomes what its configuration says now.

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
fn templates_are_changed_and_removed() {
    let mut it = Changing::new();
    let template =
        json!({"name": "^u-(?P<user>[a-z0-9]+)$", "template": true, "roles": [role("anonymous", true)]});
    it.router()["realms"].as_array_mut().unwrap().push(template);
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    assert!(it.reaches("a.sock", "u-ann"));
    let applies = |it: &Changing, sign: &str| {
        it.write();
        let applied = it.of(&["apply"]);
        assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
        assert!(applied.stdout.starts_with(sign), "{}", applied.stdout);
    };
    it.router()["realms"][2]["activation"] = json!({"idle_timeout": 1});
    applies(&it, "~ worker worker001: realm \"^u-");
    assert!(it.reaches("a.sock", "u-joe"));
    it.router()["realms"][2]["roles"][0] = role("anonymous", false);
    applies(&it, "~ worker worker001: realm \"^u-");
    assert!(!it.reaches("a.sock", "u-ann") && !it.reaches("a.sock", "u-eve"), "nobody may call any more");
    it.router()["realms"].as_array_mut().unwrap().pop();
    applies(&it, "- worker worker001: realm \"^u-");
    let url = it.url("a.sock");
    let refused = run(&["pub", "com.a", "1", "--ack", "--url", &url, "--realm", "u-new"]);
    assert!(refused.stderr.contains("wamp.error.no_such_realm"), "{}", refused.stderr);
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
fn what_fails_midway_is_put_back_as_it_was() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    it.router()["realms"].as_array_mut().unwrap().remove(1);
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "three", "roles": [role("anonymous", true)]}));
    it.router()["transports"] = json!([socket("nowhere/c.sock"), socket("d.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("error: worker \"worker001\": start transport \"transport001\": cannot listen"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("nowhere/c.sock"), "{}", outcome.stderr);
    let (told, put_back) = outcome.stdout.split_once("put back as it was:\n").expect("it is told");
    assert!(!told.contains("\ndone:\n"), "{told}");
    for left in ["stop realm \"two\"", "start realm \"three\"", "transport001", "transport002"] {
        assert!(told.split_once("not done:\n").unwrap().1.contains(left), "{left}: {told}");
    }
    assert!(put_back.contains("start realm \"two\"") && !put_back.contains("could not"), "{put_back}");
    for socket in ["a.sock", "b.sock"] {
        assert!(it.reaches(socket, "one") && it.reaches(socket, "two") && !it.reaches(socket, "three"));
    }
    assert!(!it.path("d.sock").exists());
    // Mended, everything is done.
    it.router()["transports"][0] = socket("c.sock");
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(it.reaches("c.sock", "three") && it.reaches("d.sock", "three") && !it.reaches("c.sock", "two"));
}

#[test]
fn what_can_be_seen_to_fail_is_not_begun() {
    let mut it = Changing::new();
    let guest = |executable: &str| json!({"type": "guest", "executable": executable, "arguments": ["60"]});
    it.config["workers"].as_array_mut().unwrap().push(guest("sleep"));
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let pid = || {
        let status: Value = serde_json::from_str(&it.of(&["status", "--json"]).stdout).unwrap();
        status["workers"][1]["pid"].clone()
    };
    let before = pid();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint =
        json!({"type": "tcp", "interface": "127.0.0.1", "port": taken.local_addr().unwrap().port()});
    let mut config = it.config.clone();
    config["workers"][0]["transports"][0] = json!({"type": "rawsocket", "endpoint": endpoint});
    fs::write(it.path("config.json"), config.to_string()).unwrap();
    let refused = it.of(&["apply"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("another program does already"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("put back"), "nothing was done: {}", refused.stdout);
    let mut config = it.config.clone();
    config["workers"][1] = guest("no-such-program");
    fs::write(it.path("config.json"), config.to_string()).unwrap();
    let refused = it.of(&["apply"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("no-such-program"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("put back"), "nothing was done: {}", refused.stdout);
    assert_eq!(pid(), before, "the guest goes on");
    assert!(it.reaches("a.sock", "one"));
}

#[test]
fn what_somebody_has_stopped_is_started_again() {
    let it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    let url = it.url("node.sock");
    let by_hand = |procedure: &str, arguments: &[&str]| {
        let uri = format!("crossbar.worker.worker001.{procedure}");
        let called = run(&[&["call", &uri, "--url", &url, "--realm", "crossbar"], arguments].concat());
        assert_eq!(called.code, Some(0), "{}", called.stderr);
    };
    by_hand("stop_router_realm_role", &["realm001", "role001"]);
    by_hand("stop_router_realm", &["realm002"]);
    by_hand("stop_router_transport", &["transport002"]);
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    for started in ["realm \"one\", role \"anonymous\"", "realm \"two\"", "transport \"transport002\""] {
        assert!(applied.stdout.contains(&format!("+ worker worker001: {started}\n")), "{}", applied.stdout);
    }
    assert!(it.reaches("a.sock", "one") && it.reaches("b.sock", "two"));
    let nobody = json!({"name": "anonymous", "permissions": []}).to_string();
    by_hand("change_router_realm_role", &["realm001", "role001", &nobody]);
    assert!(!it.reaches("a.sock", "one"));
    assert!(it.of(&["apply"]).stdout.starts_with("~ worker worker001: realm \"one\", role \"anonymous\"\n"));
    assert!(it.reaches("a.sock", "one"));
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
}

/// A router whose realm `one` has a link to a router that is not there, and a proxy before it.
fn with_link_and_proxy() -> Changing {
    let mut it = Changing::new();
    let rawsocket = |path: &str| json!({"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": path}});
    let mut behind = socket("behind.sock");
    behind["auth"] = json!({"anonymous-proxy": {"type": "static"}});
    it.router()["transports"].as_array_mut().unwrap().push(behind);
    it.router()["realms"][0]["rlinks"] =
        json!([{"id": "away", "realm": "far", "transport": rawsocket("away.sock")}]);
    let mut front = socket("front.sock");
    front["id"] = json!("front");
    front["auth"] = json!({"anonymous": {"type": "static", "role": "anonymous"}});
    let proxy = json!({"type": "proxy", "connections": {"conn1": {"transport": rawsocket("behind.sock")}},
        "routes": {"one": {"anonymous": "conn1"}}, "transports": [front]});
    it.config["workers"].as_array_mut().unwrap().push(proxy);
    it.write();
    it
}

#[test]
fn links_and_what_a_proxy_has_are_started_again_if_somebody_has_stopped_them() {
    let it = with_link_and_proxy();
    let _node = Node::start_in(it.folder(), &[], 4);
    assert!(it.reaches("front.sock", "one"));
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}{}", nothing.stdout, nothing.stderr);
    let url = it.url("node.sock");
    let by_hand = |procedure: &str, arguments: &[&str]| {
        let uri = format!("crossbar.worker.{procedure}");
        let called = run(&[&["call", &uri, "--url", &url, "--realm", "crossbar"], arguments].concat());
        assert_eq!(called.code, Some(0), "{}", called.stderr);
    };
    by_hand("worker001.stop_router_realm_link", &["realm001", "away"]);
    by_hand("worker002.stop_proxy_transport", &["front"]);
    by_hand("worker002.stop_proxy_realm_route", &["one", "route000"]);
    by_hand("worker002.stop_proxy_connection", &["conn1"]);
    assert!(!it.reaches("front.sock", "one"));
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    for started in [
        "worker001: realm \"one\", link \"away\"",
        "worker002: connection \"conn1\"",
        "worker002: route to realm \"one\"",
        "worker002: transport \"front\"",
    ] {
        assert!(applied.stdout.contains(&format!("+ worker {started}\n")), "{}", applied.stdout);
    }
    assert!(it.reaches("front.sock", "one"));
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
}

#[test]
fn links_and_what_a_proxy_has_are_put_back_if_something_fails() {
    let mut it = with_link_and_proxy();
    let _node = Node::start_in(it.folder(), &[], 4);
    let before = it.config.clone();
    it.router()["realms"][0]["rlinks"][0]["realm"] = json!("farther");
    let proxy = &mut it.config["workers"][1];
    proxy["connections"]["conn1"]["transport"]["endpoint"]["path"] = json!("other.sock");
    proxy["routes"] = json!({"two": {"anonymous": "conn1"}});
    proxy["transports"][0]["endpoint"]["path"] = json!("nowhere/front.sock");
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("nowhere/front.sock"), "{}", outcome.stderr);
    let put_back = outcome.stdout.split_once("put back as it was:\n").expect("it is told").1;
    for what in [
        "link \"away\"",
        "start connection \"conn1\"",
        "stop route to realm \"two\"",
        "start route to realm \"one\"",
        "start transport \"front\"",
    ] {
        assert!(put_back.contains(what) && !put_back.contains("could not"), "{what}: {put_back}");
    }
    assert!(it.reaches("front.sock", "one") && !it.reaches("front.sock", "two"));
    it.config = before;
    it.write();
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}{}", nothing.stdout, nothing.stderr);
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
fn what_was_to_be_replaced_comes_back_if_its_successor_does_not_start() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    // Both sockets change, and the realm of one of them; the first one cannot be.
    it.router()["realms"][1]["options"] = json!({"uri_check": "loose"});
    it.router()["transports"] = json!([socket("nowhere/a.sock"), socket("c.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("nowhere/a.sock"), "{}", outcome.stderr);
    let put_back = outcome.stdout.split_once("put back as it was:\n").expect("it is told").1;
    assert!(put_back.contains("start transport \"transport001\""), "{put_back}");
    for socket in ["a.sock", "b.sock"] {
        assert!(it.reaches(socket, "one") && it.reaches(socket, "two"), "{socket}");
    }
    it.router()["transports"] = json!([socket("a.sock"), socket("c.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(it.reaches("a.sock", "two") && it.reaches("c.sock", "two") && !it.path("b.sock").exists());
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
fn a_router_that_cannot_come_back_is_mended_by_its_configuration() {
    let mut it = Changing::new();
    let node = Node::start_in(it.folder(), &[], 2);
    // From now on the second socket cannot be listened on.
    fs::remove_file(it.path("b.sock")).unwrap();
    fs::write(it.path("b.sock"), "in the way").unwrap();
    kill_process(Pid::from_raw(it.worker_pid()).unwrap(), Signal::KILL).unwrap();
    node.process.wait_for("starting it again in 400 ms");
    it.router()["transports"][1] = socket("c.sock");
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    while !node.process.line().contains("runs again") {}
    assert!(it.reaches("a.sock", "one") && it.reaches("c.sock", "one"));
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}", nothing.stdout);
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
