//! A node that asks an authorizer, and tells why it denies.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, run};
use crate::node::Node;

/// Sessions over TCP ask the authorizer; those of the Unix socket have permissions of their own.
fn start(folder: &TempDir) -> Node {
    let backend =
        json!({"name": "backend", "permissions": [{"uri": "com.example.*", "allow": {"register": true}}]});
    let asking = json!({"name": "asking", "authorizer": "com.example.authorize"});
    let websocket = json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"},
        "auth": {"anonymous": {"type": "static", "role": "asking", "authid": "alice"}}});
    let socket = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "backend.sock"},
        "auth": {"anonymous": {"type": "static", "role": "backend"}}});
    let config = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [asking, backend]}], "transports": [websocket, socket]}]});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    Node::start_in(folder.path(), &["--cbdir", folder.path().to_str().unwrap()], 2)
}

/// The error that a client was told, and the line of the node's log with its correlation id.
fn denial(node: &Node, outcome: &Outcome) -> (Value, String) {
    let error: Value = serde_json::from_str(outcome.stderr.trim()).unwrap();
    let id = error["kwargs"]["correlation_id"].as_str().expect("a correlation id").to_owned();
    loop {
        let is_failure = error["error"] == "wamp.error.authorization_failed";
        let line = if is_failure { node.process.complaint() } else { node.process.line() };
        if line.contains(&id) {
            return (error, line);
        }
    }
}

#[test]
fn the_log_says_under_the_clients_correlation_id_why_it_was_denied() {
    let folder = TempDir::new().unwrap();
    let node = start(&folder);
    let publish = |topic: &str| node.run(&["pub", topic, "1", "--ack", "--json"]);

    let (error, line) = denial(&node, &publish("com.example.a"));
    assert_eq!(error["error"], "wamp.error.authorization_failed");
    for part in
        ["com.example.authorize failed: wamp.error.no_such_procedure", "authid=alice", "action=publish"]
    {
        assert!(line.contains(part), "{part}: {line}");
    }

    let socket = format!("unix:{}", folder.path().join("backend.sock").display());
    // Says yes to what ends with a 2 only: the arguments are session, uri, action and options.
    let script =
        r#"case "$(cat)" in *example.2*) echo '{"allow": true, "cache": true}';; *) echo false;; esac"#;
    let registered =
        ["register", "com.example.authorize", "--url", &socket, "--exec", "sh", "-c", script, "--"];
    let authorizer = crate::background::Background::start(crate::background::crossweave().args(registered));
    authorizer.wait_for("registered");
    assert_eq!(publish("com.example.2").code, Some(0));
    let (error, line) = denial(&node, &publish("com.example.3"));
    assert_eq!(error["error"], "wamp.error.not_authorized");
    assert!(line.contains("authorizer com.example.authorize says no"), "{line}");

    let outcome = run(&["sub", "com.example.news", "--url", &socket, "--json"]);
    let (error, line) = denial(&node, &outcome);
    assert_eq!(error["error"], "wamp.error.not_authorized");
    assert!(line.contains("permission 1 of the role"), "{line}");
}
