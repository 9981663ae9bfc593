//! Realms and roles that start when a client first needs them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::run;
use crate::managed::Managed;
use crate::node::Node;
use crate::peer::Peer;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/realm-templates");

fn start(folder: &Path) -> Node {
    Node::start_in(folder, &["--cbdir", ".crossbar"], 1)
}

fn stop(node: &mut Node) {
    node.process.signal(Signal::INT);
    assert_eq!(node.process.end(), Some(0));
}

/// Waits until the node's log has had all of these.
fn wait_for_all(node: &Node, texts: &[&str]) {
    let mut missing = texts.to_vec();
    while !missing.is_empty() {
        let line = node.process.line();
        missing.retain(|text| !line.contains(text));
    }
}

/// A folder with this template beside a realm, on a port that is free.
fn folder(realm: &Value, auth: &Value) -> TempDir {
    let folder = TempDir::new().unwrap();
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let transport = json!({"type": "rawsocket", "endpoint": endpoint, "auth": auth});
    let worker = json!({"type": "router", "realms": [realm], "transports": [transport]});
    fs::create_dir(folder.path().join(".crossbar")).unwrap();
    let config = json!({"version": 2, "workers": [worker]}).to_string();
    fs::write(folder.path().join(".crossbar/config.json"), config).unwrap();
    folder
}

fn everything(uri: &str) -> Value {
    let allow = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    json!([{"uri": uri, "match": "prefix", "allow": allow}])
}

/// Calls a management procedure.
fn manage(folder: &Path, procedure: &str, args: &[&str]) -> Value {
    let url = format!("unix:{}", folder.join(".crossbar/node.sock").display());
    let outcome = run(&[&["call", "--url", &url, "--realm", "crossbar", procedure], args].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|why| panic!("{why}: {}", outcome.stdout))
}

fn publish(node: &Node, realm: &str, topic: &str) -> Option<i32> {
    node.run(&["pub", "--realm", realm, topic, "1", "--ack"]).code
}

#[test]
fn the_example_starts_a_realm_for_each_user_and_tells_it_as_crossbar_did() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join(".crossbar")).unwrap();
    let config = fs::read_to_string(format!("{EXAMPLE}/.crossbar/config.json")).unwrap();
    let changed =
        config.replace("\"port\": 8080", "\"port\": 0").replace("../web", &format!("{EXAMPLE}/web"));
    fs::write(folder.path().join(".crossbar/config.json"), changed).unwrap();
    let mut node = start(folder.path());
    assert_eq!(publish(&node, "realm-user1", "com.example.user1.hello"), Some(0));
    let told = [
        "Auto starting realm 'realm-user1' ..",
        "Processing activation request for realm 'realm-user1'",
        "Realm 'realm-user1' matched from template '^realm-(?P<user>[a-z][a-z0-9_-]{2,8})$'",
        "Realm 'realm-user1' started",
        "realm 'realm003' (named 'realm-user1') started",
        "role 'role001' (named 'anonymous') started on realm 'realm003'",
        "Realm 'realm-user1' auto started successfully",
    ];
    // Two processes tell it: which line comes first is not certain.
    wait_for_all(&node, &told);
    assert_eq!(publish(&node, "realm-user1", "com.example.user2.hello"), Some(2), "of another user");
    let refused = node.run(&["pub", "--realm", "realm-X", "com.example.x", "1", "--ack"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("wamp.error.no_such_realm"), "{}", refused.stderr);
    stop(&mut node);
}

#[test]
fn clients_that_start_nothing_do_not_fill_the_log() {
    let realm = json!({"name": "^realm-(?P<user>[a-z0-9]{1,8})$", "template": true,
        "activation": {"max_realms": 1}, "roles": [{"name": "anonymous", "permissions": everything("com.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    let mut node = start(folder.path());
    let _first = Peer::join(node.address(), "realm-first");
    for number in 0..60 {
        for realm in [format!("realm-{number}"), format!("other-{number}")] {
            let (_, answer) = Peer::hello(node.address(), &realm);
            assert_eq!(answer[0], 3, "ABORT");
        }
    }
    stop(&mut node);
    let log: Vec<String> = node.process.told().into_iter().chain(node.process.rest()).collect();
    let of_refused = log.iter().filter(|line| line.contains("realm-1") || line.contains("other-1")).count();
    assert!((1..30).contains(&of_refused), "{of_refused} of {}", log.len());
    assert!(log.len() < 100, "{} lines", log.len());
}

#[test]
fn bounds_are_told_and_realms_that_nobody_is_on_end() {
    let realm = json!({"name": "^realm-(?P<user>[a-z]{3,8})$", "template": true,
        "activation": {"max_realms": 1, "idle_timeout": 1},
        "roles": [{"name": "anonymous", "permissions": everything("com.{user}.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    let mut node = start(folder.path());
    assert_eq!(publish(&node, "realm-joe", "com.joe.x"), Some(0));
    let refused = node.run(&["pub", "--realm", "realm-ann", "com.ann.x", "1", "--ack"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("1 realms of this kind run"), "{}", refused.stderr);
    let realms = || manage(folder.path(), "crossbar.worker.worker001.get_router_realms", &[]);
    let since = Instant::now();
    while realms() != json!(["realm001"]) {
        assert!(since.elapsed() < Duration::from_secs(20), "the realm is still there: {}", realms());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(publish(&node, "realm-ann", "com.ann.x"), Some(0), "there is room again");
    stop(&mut node);
}

#[test]
fn realms_outlive_their_template_and_end_when_nobody_is_on_them_any_more() {
    let realm = json!({"name": "^realm-(?P<user>[a-z]{3,8})$", "template": true, "id": "users",
        "activation": {"max_realms": 1, "idle_timeout": 1},
        "roles": [{"name": "anonymous", "permissions": everything("com.{user}.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    let mut node = start(folder.path());
    let session = node.ready(&["sub", "--realm", "realm-joe", "com.joe.x"], "subscribed");
    let worker = "crossbar.worker.worker001";
    manage(folder.path(), &format!("{worker}.stop_router_realm"), &["users"]);
    manage(folder.path(), &format!("{worker}.start_router_realm"), &["users", &realm.to_string()]);
    assert_eq!(publish(&node, "realm-ann", "com.ann.x"), Some(1), "the one that runs on counts");
    manage(folder.path(), &format!("{worker}.stop_router_realm"), &["users"]);
    drop(session);
    let realms = || manage(folder.path(), &format!("{worker}.get_router_realms"), &[]);
    let since = Instant::now();
    while realms() != json!([]) {
        assert!(since.elapsed() < Duration::from_secs(20), "the realm is still there: {}", realms());
        std::thread::sleep(Duration::from_millis(50));
    }
    stop(&mut node);
}

#[test]
fn many_realms_are_started_at_the_same_time_and_none_of_them_ends_another() {
    const REALMS: usize = 12;
    let realm = json!({"name": "^realm-(?P<user>[a-z]{3,8})$", "template": true,
        "roles": [{"name": "anonymous", "permissions": everything("com.{user}.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    let mut node = start(folder.path());
    let names: Vec<String> =
        (0..REALMS).map(|index| format!("user{}", char::from(b'a' + index as u8))).collect();
    // They stay where they are, so that one which ends is noticed.
    let sessions: Vec<_> = names
        .iter()
        .map(|name| node.background(&["sub", "--realm", &format!("realm-{name}"), &format!("com.{name}.x")]))
        .collect();
    sessions.iter().for_each(|session| session.wait_for("subscribed"));
    for name in &names {
        assert_eq!(publish(&node, &format!("realm-{name}"), &format!("com.{name}.x")), Some(0), "{name}");
    }
    let realms = manage(folder.path(), "crossbar.worker.worker001.get_router_realms", &[]);
    assert_eq!(realms.as_array().map(Vec::len), Some(REALMS + 1), "{realms}");
    stop(&mut node);
}

#[test]
fn a_role_of_a_template_that_was_stopped_leaves_its_id_to_nobody() {
    let roles = json!([{"name": "team-(?P<team>[a-z]+)", "template": true,
        "permissions": everything("com.{team}.")}]);
    let principals = json!({"red": {"ticket": "t", "role": "team-red"}, "blue": {"ticket": "t", "role": "team-blue"},
        "green": {"ticket": "t", "role": "team-green"}});
    let auth = json!({"ticket": {"type": "static", "principals": principals}});
    let folder = folder(&json!({"name": "realm1", "roles": roles}), &auth);
    let ticket = folder.path().join("ticket");
    fs::write(&ticket, "t").unwrap();
    let mut node = start(folder.path());
    let joins = |team: &str| {
        let (ticket, topic) = (ticket.to_str().unwrap(), format!("com.{team}.x"));
        let login = ["--authid", team, "--ticket-file", ticket];
        node.run(&[&["pub", "--realm", "realm1"], &login[..], &[&topic, "1", "--ack"]].concat()).code
    };
    assert_eq!((joins("red"), joins("blue")), (Some(0), Some(0)));
    let worker = "crossbar.worker.worker001";
    let roles = manage(folder.path(), &format!("{worker}.get_router_realm_roles"), &["realm001"]);
    let red = roles[0]["id"].as_str().expect("a role has an id");
    manage(folder.path(), &format!("{worker}.stop_router_realm_role"), &["realm001", red]);
    assert_eq!(joins("green"), Some(0), "another one can be started");
    stop(&mut node);
}

#[test]
fn a_template_that_is_added_at_run_time_counts_at_once_and_so_does_its_end() {
    let realm =
        json!({"name": "public", "roles": [{"name": "anonymous", "permissions": everything("com.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    let mut node = start(folder.path());
    assert_eq!(publish(&node, "realm-joe", "com.joe.x"), Some(1));
    let template = json!({"name": "realm-(?P<user>[a-z]+)", "template": true,
        "roles": [{"name": "anonymous", "permissions": everything("com.{user}.")}]});
    let started = manage(
        folder.path(),
        "crossbar.worker.worker001.start_router_realm",
        &["users", &template.to_string()],
    );
    assert_eq!((&started["id"], &started["kind"]), (&json!("users"), &json!("template")));
    assert_eq!(publish(&node, "realm-joe", "com.joe.x"), Some(0));
    let joe = manage(folder.path(), "crossbar.worker.worker001.get_router_realm_by_name", &["realm-joe"]);
    assert_eq!(joe["kind"], "instance");
    manage(folder.path(), "crossbar.worker.worker001.stop_router_realm", &["users"]);
    assert_eq!(publish(&node, "realm-ann", "com.ann.x"), Some(1), "no template any more");
    assert_eq!(publish(&node, "realm-joe", "com.joe.x"), Some(0), "what runs runs on");
    stop(&mut node);
}

#[test]
fn a_role_is_there_for_each_name_that_its_template_matches() {
    let roles = json!([{"name": "team-(?P<team>[a-z]+)", "template": true,
        "permissions": everything("com.{team}.")}]);
    let auth = json!({"anonymous": {"type": "static", "role": "team-red"}});
    let folder = folder(&json!({"name": "realm1", "roles": roles}), &auth);
    let mut node = start(folder.path());
    assert_eq!(publish(&node, "realm1", "com.red.x"), Some(0));
    assert_eq!(publish(&node, "realm1", "com.blue.x"), Some(2));
    stop(&mut node);
}

#[test]
fn nothing_is_started_for_a_client_that_has_proven_itself_by_less_than_the_role_asks_for() {
    let roles = json!([
        {"name": "user", "authmethods": ["ticket"], "permissions": everything("com.")},
        {"name": "team-(?P<team>[a-z]+)", "template": true, "authmethods": ["ticket"], "permissions": everything("com.")},
    ]);
    let template = json!({"name": "^realm-[a-z]{3,8}$", "template": true, "roles": roles});
    let principals = json!({"joe": {"ticket": "open-sesame", "role": "user"},
        "ann": {"ticket": "open-barley", "role": "team-red"}});
    let ticket = json!({"type": "static", "principals": principals});
    for role in ["user", "team-red"] {
        let auth = json!({"anonymous": {"type": "static", "role": role}, "ticket": ticket});
        let folder = folder(&template, &auth);
        fs::write(folder.path().join("joe"), "open-sesame").unwrap();
        fs::write(folder.path().join("ann"), "open-barley").unwrap();
        let mut node = start(folder.path());
        let realms = || manage(folder.path(), "crossbar.worker.worker001.get_router_realms", &[]);
        let refused = node.run(&["pub", "--realm", "realm-one", "com.x", "1", "--ack"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("wamp.error.authentication_failed"), "{}", refused.stderr);
        assert_eq!(realms(), json!(["realm001"]), "only the template is there");
        let by_ticket = |authid: &str| {
            let file = folder.path().join(authid).to_str().unwrap().to_owned();
            let args =
                ["pub", "--realm", "realm-one", "com.x", "1", "--ack", "--authid", authid, "--ticket-file"];
            node.run(&[&args[..], &[&file]].concat()).code
        };
        assert_eq!(by_ticket("joe"), Some(0));
        assert_eq!(realms(), json!(["realm001", "realm002"]));
        let roles = || {
            let roles =
                manage(folder.path(), "crossbar.worker.worker001.get_router_realm_roles", &["realm002"]);
            roles.as_array().unwrap().len()
        };
        assert_eq!(roles(), 1, "the role of joe");
        // The realm runs now: its role of a template is no more for everybody than it is.
        assert_eq!(publish(&node, "realm-one", "com.x"), Some(1));
        assert_eq!(roles(), 1);
        assert_eq!(by_ticket("ann"), Some(0));
        assert_eq!(roles(), 2);
        stop(&mut node);
        let log = [node.process.told(), node.process.rest()].concat().join("\n");
        assert!(
            log.contains("is not given to who has proven itself by anonymous: nothing is started"),
            "{log}"
        );
    }
}

#[test]
fn a_router_that_is_killed_is_there_again_with_all_that_it_had() {
    let realm =
        json!({"name": "realm1", "roles": [{"name": "anonymous", "permissions": everything("com.")}]});
    let folder = folder(&realm, &json!({"anonymous": {"type": "static", "role": "anonymous"}}));
    // The port must be the same again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = folder.path().join(".crossbar/config.json");
    let config = fs::read_to_string(&path).unwrap().replace("\"port\":0", &format!("\"port\":{port}"));
    fs::write(&path, config).unwrap();
    let mut node = start(folder.path());
    let worker = || manage(folder.path(), "crossbar.get_worker", &["worker001"]);
    let first = worker()["pid"].as_i64().expect("it has a process");
    let pid = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    wait_for_all(&node, &["runs again"]);
    assert_eq!(publish(&node, "realm1", "com.x"), Some(0));
    let again = worker();
    assert_ne!(again["pid"].as_i64(), Some(first));
    assert_eq!(again["restarts"], 1);
    stop(&mut node);
}

#[test]
fn a_client_whose_role_is_of_a_template_too_gets_in_at_once() {
    let roles =
        json!([{"name": "^g-(?P<group>[a-z]+)$", "template": true, "permissions": everything("com.")}]);
    let realm = json!({"name": "^u-(?P<user>[a-z0-9]+)$", "template": true, "roles": roles});
    let principals = json!({"ann": {"ticket": "t", "role": "g-dev"}});
    let auth = json!({"ticket": {"type": "static", "principals": principals}});
    let folder = folder(&realm, &auth);
    let ticket = folder.path().join("ticket");
    fs::write(&ticket, "t").unwrap();
    let mut node = start(folder.path());
    for (realm, why) in [("u-q1", "the realm and the role are missing"), ("u-q1", "both are there")] {
        let login = ["--authid", "ann", "--ticket-file", ticket.to_str().unwrap()];
        let published =
            node.run(&[&["pub", "--realm", realm], &login[..], &["com.x", "1", "--ack"]].concat());
        assert_eq!(published.code, Some(0), "{why}: {}", published.stderr);
    }
    stop(&mut node);
}

#[test]
fn a_realm_that_is_not_started_for_a_client_is_one_line_of_the_log() {
    let template = json!({"name": "realm-[a-z]+", "template": true, "activation": {"max_realms": 1},
        "roles": [{"name": "anonymous", "permissions": everything("com.")}]});
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "router"}});
    let worker = json!({"type": "router", "realms": [template], "transports": [transport]});
    let mut node = Managed::start(&json!([worker]), &[]);
    for realm in ["realm-a", "realm-b", "other"] {
        let _ = node.call_on("router", realm, "com.nothing", &[]);
    }
    node.process.signal(Signal::TERM);
    assert_eq!(node.process.end(), Some(0));
    let refused = |line: &&String| line.contains("not started") || line.contains("refused");
    let told: Vec<String> = node.process.rest().iter().filter(refused).cloned().collect();
    let [budget, missing] = &told[..] else { panic!("{told:?}") };
    assert!(budget.contains("realm=realm-b") && missing.contains("realm=other"), "{told:?}");
}
