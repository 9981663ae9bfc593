//! What a configuration may ask for and the program does not have yet.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, crossweave};
use crate::start::config;

fn folder(config: &Value) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

fn run(folder: &TempDir, args: &[&str]) -> Outcome {
    Outcome::of(crossweave().args(args).current_dir(folder.path()).output().unwrap())
}

fn node(transports: &Value, more_workers: &[Value]) -> Value {
    let mut node: Value = serde_json::from_str(&config(transports)).unwrap();
    node["workers"].as_array_mut().unwrap().extend(more_workers.iter().cloned());
    node
}

fn rawsocket() -> Value {
    json!([{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}}])
}

/// A worker with a part that is not built.
fn unbuilt(options: &Value) -> Value {
    let endpoint = json!({"type": "tcp", "port": 843});
    let transport =
        json!({"type": "flashpolicy", "allowed_domain": "*", "allowed_ports": [8080], "endpoint": endpoint});
    json!({"type": "router", "options": options, "transports": [transport]})
}

#[test]
fn a_part_that_is_not_built_is_correct_and_not_started() {
    let folder = folder(&node(&rawsocket(), &[unbuilt(&json!({}))]));
    let outcome = run(&folder, &["check"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "Ok, node configuration looks good!\n"));
    assert!(
        outcome.stderr.contains("not built: transport type `flashpolicy` is not built yet"),
        "{}",
        outcome.stderr
    );
    let verdict: Value = serde_json::from_str(&run(&folder, &["check", "--json"]).stdout).unwrap();
    assert_eq!((&verdict["ok"], &verdict["problems"][0]["severity"]), (&json!(true), &json!("not-built")));

    let outcome = run(&folder, &["start"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    for part in [
        "config.json:1:",
        "transport type `flashpolicy` is not built yet",
        "has 1 part that is not built yet; nothing was started",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
}

#[test]
fn every_kind_of_part_that_is_not_built_keeps_the_node_from_starting() {
    let mqtt =
        json!({"type": "mqtt", "endpoint": {"type": "tcp", "port": 0}, "options": {"realm": "realm1"}});
    for (node, what) in [
        (node(&rawsocket(), &[unbuilt(&json!({}))]), "transport type `flashpolicy`"),
        (node(&json!([mqtt]), &[]), "transport type `mqtt`"),
    ] {
        let folder = folder(&node);
        let outcome = run(&folder, &["check"]);
        assert_eq!(outcome.code, Some(0), "{what}: {}", outcome.stderr);
        let outcome = run(&folder, &["start"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{what}");
        assert!(outcome.stderr.contains(&format!("{what} is not built yet")), "{what}: {}", outcome.stderr);
    }
}

#[test]
fn a_disabled_worker_is_in_nobodys_way() {
    let folder = folder(&node(&rawsocket(), &[unbuilt(&json!({"disabled": "WITHOUT_WORKER"}))]));
    let start = || {
        let mut command = crossweave();
        command.args(["start", "--loglevel", "warn"]).current_dir(folder.path());
        command
    };
    let mut node = Background::start(start().env("WITHOUT_WORKER", "1"));
    assert!(node.line().starts_with("listening on rs://"));
    node.signal(Signal::INT);
    assert_eq!(node.end(), Some(0));
    let outcome = Outcome::of(start().env("WITHOUT_WORKER", "").output().unwrap());
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
}

#[test]
fn a_web_service_that_is_not_built_answers_501_beside_those_that_are() {
    let paths = json!({
        "/": {"type": "wsgi", "module": "app", "object": "app"},
        "ws": {"type": "websocket"},
        "none": {"type": "none"},
    });
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let folder = folder(&node(&json!([{"type": "web", "endpoint": endpoint, "paths": paths}]), &[]));
    let mut node =
        Background::start(crossweave().args(["start", "--loglevel", "warn"]).current_dir(folder.path()));
    node.wait_for("web service `wsgi` is not built yet: its path answers 501");
    let line = node.line();
    let address = line.split("ws://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let address: SocketAddr = address.parse().unwrap();
    for (path, status) in [("/", "501"), ("/deep/down?x=1", "501"), ("/none", "404"), ("/ws", "426")] {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    node.signal(Signal::INT);
    assert_eq!(node.end(), Some(0));
}
