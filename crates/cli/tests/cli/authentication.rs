//! Clients that prove who they are, against a node that asks.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::node::Node;
use crate::start::config;

const KEY: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
const PUBLIC_KEY: &str = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d";

/// A node with every method, and files with the right and a wrong secret.
fn node(folder: &TempDir) -> Node {
    let scram = json!({"kdf": "argon2id-13", "memory": 512, "iterations": 8, "role": "anonymous",
        "salt": "30313233343536373839616263646566",
        "stored-key": "21348bd92ac8082c580aaece3f4903f605cbb09f861ffec6620bbf62c1a5a727",
        "server-key": "c4d8935aec3fe175e39b9dae6b1fcd63463c4d5c7093ef6833c463661fef9d69"});
    let auth = json!({
        "ticket": {"type": "static", "principals": {"joe": {"ticket": "open-sesame", "role": "anonymous"}}},
        "wampcra": {"type": "static", "users": {"joe": {"secret": "open-barley", "role": "anonymous"}}},
        "scram": {"type": "static", "principals": {"joe": scram}},
        "cryptosign": {"type": "static",
            "principals": {"joe": {"authorized_keys": [PUBLIC_KEY], "role": "anonymous"}}},
    });
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let transport = json!({"type": "websocket", "endpoint": endpoint, "auth": auth});
    fs::write(folder.path().join("config.json"), config(&json!([transport]))).unwrap();
    for (name, text) in [
        ("ticket", "open-sesame"),
        ("secret", "open-barley"),
        ("password", "pencil"),
        ("key", KEY),
        ("wrong", "open-wheat-please"),
        ("wrong-key", &KEY.replace('4', "5")),
    ] {
        fs::write(folder.path().join(name), format!("{text}\n")).unwrap();
    }
    Node::start_in(folder.path(), &["--loglevel", "trace"], 1)
}

#[test]
fn every_proof_opens_and_a_wrong_one_does_not() {
    let folder = TempDir::new().unwrap();
    let mut node = node(&folder);
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (option, right, wrong) in [
        ("--ticket-file", "ticket", "wrong"),
        ("--secret-file", "secret", "wrong"),
        ("--password-file", "password", "wrong"),
        ("--key-file", "key", "wrong-key"),
    ] {
        let call =
            |name: &str| node.run(&["call", "wamp.session.count", "--authid", "joe", option, &file(name)]);
        let outcome = call(right);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "1\n"), "{option}: {}", outcome.stderr);
        let outcome = call(wrong);
        assert_eq!(outcome.code, Some(1), "{option}");
        assert!(outcome.stderr.contains("wamp.error.authentication_failed"), "{}", outcome.stderr);
    }
    let by_key = node.run(&["call", "wamp.session.count", "--key-file", &file("key")]);
    assert_eq!(by_key.code, Some(0), "{}", by_key.stderr);
    assert!(folder.path().join("key.priv").is_file(), "the node has made its own key");
    node.process.signal(rustix::process::Signal::INT);
    assert_eq!(node.process.end(), Some(0));
    let log = [node.process.told(), node.process.rest()].concat().join("\n");
    assert!(log.contains("wrong answer to the challenge"), "{log}");
    for secret in ["open-sesame", "open-barley", "open-wheat", "pencil", KEY] {
        assert!(!log.contains(secret), "{log}");
    }
}
