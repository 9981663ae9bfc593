//! `examples/event-history`: events that are there again when the node is.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::background::crossweave;
use crate::node::Node;

const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/event-history/.crossbar/config.yaml"));

/// The example in a folder of the test, on a port that is free.
fn example() -> TempDir {
    let folder = TempDir::new().unwrap();
    let config = EXAMPLE.replace("port: 8080", "port: 0");
    assert_ne!(config, EXAMPLE, "the example listens on port 8080");
    fs::write(folder.path().join("config.yaml"), config).unwrap();
    folder
}

fn start(folder: &Path) -> Node {
    Node::start_in(folder, &["--cbdir", "."], 1)
}

fn publish(node: &Node, topic: &str, argument: &str) {
    let outcome = node.run(&["pub", topic, argument, "--ack"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

fn call(node: &Node, args: &[&str]) -> Value {
    let outcome = node.run(&[&["call"], args].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|why| panic!("{why}: {}", outcome.stdout))
}

/// The first arguments of the newest ten events, newest first.
fn newest(node: &Node, topic: &str) -> Vec<Value> {
    let ids = call(node, &["wamp.subscription.match", topic]);
    let id = ids[0].as_u64().expect("the rule has a subscription").to_string();
    let events = call(node, &["wamp.subscription.get_events", &id, "10"]);
    events.as_array().unwrap().iter().map(|event| event["args"][0].clone()).collect()
}

#[test]
fn the_example_keeps_its_events_over_restarts_and_crashes() {
    let folder = example();
    let mut node = start(folder.path());
    publish(&node, "com.example.news.today", "\"sunny\"");
    publish(&node, "com.example.status", "\"starting\"");
    publish(&node, "com.example.status", "\"up\"");
    publish(&node, "com.example.other", "\"not kept\"");
    node.process.signal(Signal::TERM);
    assert_eq!(node.process.end(), Some(0));

    let mut node = start(folder.path());
    assert_eq!(newest(&node, "com.example.news.today"), ["sunny"]);
    assert_eq!(newest(&node, "com.example.status"), ["up"]);
    publish(&node, "com.example.news.tomorrow", "\"rain\"");
    // It is in the file a moment after it was published; then a crash does not matter.
    let wal = folder.path().join("events.db-wal");
    let until = std::time::Instant::now() + crate::background::PATIENCE;
    while !fs::read(&wal).unwrap().windows(4).any(|part| part == b"rain") {
        assert!(std::time::Instant::now() < until, "it is not written");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    node.process.signal(Signal::KILL);
    node.process.end();

    let node = start(folder.path());
    assert_eq!(newest(&node, "com.example.news.today"), ["rain", "sunny"]);
    assert_eq!(newest(&node, "com.example.status"), ["up"]);
}

#[test]
fn a_file_that_is_no_history_is_told_with_its_path() {
    let folder = example();
    fs::write(folder.path().join("events.db"), "not a database, but long enough for a header".repeat(10))
        .unwrap();
    let started = crossweave().args(["start", "--cbdir", "."]).current_dir(folder.path()).output().unwrap();
    let stderr = String::from_utf8(started.stderr).unwrap();
    assert_ne!(started.status.code(), Some(0));
    for part in ["realm \"realm1\"", "cannot keep the event history in ", "events.db", "move the file away"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}
