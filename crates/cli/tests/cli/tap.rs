//! `crossweave tap`.

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, crossweave, run};
use crate::node::Node;

struct Tapped {
    folder: TempDir,
    node: Node,
    url: String,
}

impl Tapped {
    fn node(is_inline: bool) -> Tapped {
        let (folder, node, url) = Node::with_socket(is_inline);
        Tapped { folder, node, url }
    }

    fn cbdir(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn tap(&self, args: &[&str]) -> Background {
        let tap = Background::start(crossweave().args(["tap", "--cbdir", self.cbdir()]).args(args));
        tap.wait_for("following the messages of worker001");
        tap
    }

    fn register(&self, procedure: &str) -> Background {
        let args = ["register", procedure, "--echo", "--url", &self.url];
        let process = Background::start(crossweave().args(args));
        process.wait_for("registered");
        process
    }

    fn call(&self, procedure: &str, arg: &str) -> Option<i32> {
        run(&["call", procedure, arg, "--url", &self.url]).code
    }

    /// The traces that the worker has.
    fn traces(&self) -> String {
        let socket = format!("unix:{}/node.sock", self.cbdir());
        let uri = "crossbar.worker.worker001.get_traces";
        run(&["call", "--url", &socket, "--realm", "crossbar", uri]).stdout
    }
}

fn json_lines(tap: &mut Background) -> Vec<Value> {
    assert_eq!(tap.end(), Some(0), "{:?}", tap.told());
    tap.rest().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_call_is_seen_on_its_way_through_a_worker() {
    let node = Tapped::node(false);
    let _callee = node.register("com.a.echo");
    let mut tap = node.tap(&["--uri", "com.a.", "--match", "prefix", "--json", "--payload", "--count", "4"]);
    assert_eq!(node.traces().trim(), r#"["trace001"]"#);
    assert_eq!(node.call("com.b.nothing", "1"), Some(2));
    assert_eq!(node.call("com.a.echo", "[7]"), Some(0));
    let seen = json_lines(&mut tap);
    let shown: Vec<_> = seen.iter().map(|it| (&it["direction"], &it["msg_type"], &it["args"])).collect();
    let (received, sent, args) = (json!("received"), json!("sent"), json!([[7]]));
    let [call, invocation, yielded, result] =
        ["CALL", "INVOCATION", "YIELD", "RESULT"].map(|name| json!(name));
    let expected = [
        (&received, &call, &args),
        (&sent, &invocation, &args),
        (&received, &yielded, &args),
        (&sent, &result, &args),
    ];
    assert_eq!(shown, expected);
    let is_of_call = |it: &Value| {
        it["correlation_uri"] == "com.a.echo" && it["realm"] == "realm1" && it["worker"] == "worker001"
    };
    assert!(seen.iter().all(is_of_call), "{seen:?}");
    assert_eq!(node.traces().trim(), "[]", "the trace has ended with the tap");
}

#[test]
fn lines_are_plain_and_hold_no_payload_and_ctrl_c_ends_the_trace() {
    let node = Tapped::node(true);
    let mut tap = node.tap(&["--realm", "realm1", "--type", "call", "--type", "ERROR"]);
    assert_eq!(node.call("com.nothing", "hush"), Some(2));
    let (call, error) = (tap.line(), tap.line());
    assert!(call.contains(" in  CALL com.nothing realm=realm1 session="), "{call}");
    assert!(error.contains(" out ERROR com.nothing ") && error.contains("no_such_procedure"), "{error}");
    assert!(!call.contains("hush") && !call.contains('\u{1b}'), "{call}");
    tap.signal(Signal::INT);
    assert_eq!(tap.end(), Some(130));
    assert_eq!((tap.rest(), tap.told()), (Vec::<String>::new(), Vec::<String>::new()));
    assert_eq!(node.traces().trim(), "[]");
}

#[test]
fn a_session_is_followed_and_what_was_missed_is_told() {
    let node = Tapped::node(false);
    let mut tap = node.tap(&["--type", "PUBLISH", "--buffer", "2", "--json", "--count", "3"]);
    // It takes nothing now, and its worker keeps two.
    tap.signal(Signal::STOP);
    let args = ["pub", "com.topic", "x", "--repeat", "50", "--interval", "1", "--url", &node.url];
    assert_eq!(run(&args).code, Some(0));
    tap.signal(Signal::CONT);
    assert_eq!(run(&args).code, Some(0));
    let seen = json_lines(&mut tap);
    let missed: u64 = seen.iter().filter_map(|it| it["missed"].as_u64()).sum();
    assert!(missed > 0, "{seen:?}");
    let numbers: Vec<u64> = seen.iter().filter_map(|it| it["seq"].as_u64()).collect();
    assert_eq!(numbers.len(), 3);
    assert_eq!(numbers[2] + 1, missed + 3, "what was missed is what is not there: {seen:?}");

    let session = seen.last().unwrap()["session_id"].to_string();
    let tap = node.tap(&["--session", &session]);
    assert_eq!(node.call("com.nothing", "1"), Some(2));
    drop(node.node);
    let mut tap = tap;
    assert_ne!(tap.end(), Some(0), "the node is gone");
    assert_eq!(tap.rest(), Vec::<String>::new(), "that session has left");
}

#[test]
fn a_realm_that_clients_start_is_not_told_as_running_before() {
    let folder = TempDir::new().unwrap();
    let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
    let realms = json!([{"name": "realm1", "roles": roles}, {"name": "^q-[a-z0-9]+$", "template": true, "roles": roles}]);
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "cw.sock"}});
    let worker = json!({"type": "router", "realms": realms, "transports": [transport]});
    let config = json!({"version": 2, "workers": [worker]}).to_string();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let _node = Node::start_in(folder.path(), &[], 1);
    let tap =
        |realm: &str| run(&["tap", "--cbdir", folder.path().to_str().unwrap(), "--realm", realm]).stderr;
    let told = tap("q-zzz");
    let expected = r#"no realm "q-zzz" runs on this node; running: realm1; a client that joins it starts it by template "^q-[a-z0-9]+$""#;
    assert!(told.contains(expected), "{told}");
    let told = tap("other");
    assert!(told.trim_end().ends_with("running: realm1"), "{told}");
}

#[test]
fn what_cannot_be_followed_is_said() {
    let node = Tapped::node(true);
    let at = |args: &[&str]| run(&[&["tap", "--cbdir", node.cbdir()], args].concat());
    let outcome = at(&["--realm", "realm7"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains(r#"no realm "realm7" runs on this node; running: realm1"#),
        "{outcome:?}"
    );
    let outcome = at(&["--type", "PUBLSH"]);
    assert!(outcome.code == Some(1) && outcome.stderr.contains("PUBLSH"), "{outcome:?}");
    assert_eq!(at(&["--match", "prefix"]).code, Some(1));
    let empty = TempDir::new().unwrap();
    let outcome = run(&["tap", "--cbdir", empty.path().to_str().unwrap()]);
    assert_eq!(outcome.code, Some(69));
    assert!(outcome.stderr.contains("no node runs in"), "{outcome:?}");
}
