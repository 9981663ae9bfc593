//! What topics retain, and what an operator is told of it.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::node::Node;

#[test]
fn an_event_that_finds_no_room_to_be_retained_is_in_the_log() {
    let folder = TempDir::new().unwrap();
    let role = json!({"name": "anonymous",
        "permissions": [{"uri": "", "match": "prefix", "allow": {"publish": true, "subscribe": true}}]});
    let realm = json!({"name": "realm1", "roles": [role]});
    let websocket =
        json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}});
    let config = json!({"version": 2, "controller": {"options": {"limits": {"max_retained_events": 1}}},
        "workers": [{"type": "router", "realms": [realm], "transports": [websocket]}]});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let node = Node::start_in(folder.path(), &["--cbdir", folder.path().to_str().unwrap()], 1);
    for topic in ["com.test.a", "com.test.b"] {
        assert_eq!(node.run(&["pub", topic, "1", "--retain", "--ack"]).code, Some(0));
    }
    // Warnings go to stderr.
    let line = node.process.complaint();
    for part in ["not retained", "realm1", "com.test.b", "max_retained_events", "value=1"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
