//! The web services of a node, as its configuration has them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use e2e::{Node, Peer, config};
use serde_json::{Value, json};

/// An answer: its status, its head and its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Sends one request over a connection of its own.
fn request(address: SocketAddr, line: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the node accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let len = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer comes, and the end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A node with every service, whose files are in a folder of its own.
fn node() -> (Node, tempfile::TempDir) {
    let files = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(files.path().join("index.html"), "<p>hello").expect("a file can be written");
    let mut config = config(1 << 20);
    let acting = |options: Value, kind: &str| json!({"type": kind, "realm": "realm1", "role": "anonymous", "options": options});
    config["workers"][0]["transports"][0]["web"] = json!({
        "options": {"access_log": true},
        "paths": {
            "/": {"type": "static", "directory": files.path()},
            "api": {"type": "path", "paths": {
                "value": {"type": "json", "value": {"a": [1, null]}, "options": {"prettify": true}},
                "call": acting(json!({}), "caller"),
                "publish": acting(json!({}), "publisher"),
                "signed": acting(json!({"key": "app", "secret": "s3cret"}), "publisher"),
                "hook": acting(json!({"topic": "com.example.hook"}), "webhook"),
            }},
            "old": {"type": "redirect", "url": "/api/value"},
            "info": {"type": "nodeinfo"},
            "lp": {"type": "longpoll", "options": {"request_timeout": 1}},
            "wsgi": {"type": "wsgi", "module": "app", "object": "app"},
        },
    });
    (Node::start_with(&config), files)
}

#[test]
fn every_service_of_a_configuration_answers() {
    let (node, _files) = node();
    for (line, status, part) in [
        ("GET /", 200, "<p>hello"),
        ("GET /nothing", 404, "Not found"),
        ("GET /../etc/passwd", 400, "the path steps up"),
        ("GET /api", 404, "Not found"),
        ("GET /api/value", 200, "\"a\": [\n"),
        ("GET /old", 302, ""),
        ("GET /info", 200, "<h1>crossweave "),
        ("GET /wsgi", 501, "web services of type \"wsgi\" are not built yet"),
        ("GET /ws", 426, "websocket"),
        ("GET /api/call", 405, "this path takes POST, PUT, OPTIONS"),
    ] {
        let answer = request(node.address(), line, "");
        assert_eq!(answer.status, status, "{line}: {}", answer.head);
        assert!(answer.body.contains(part), "{line}: {}", answer.body);
    }
    // The worker's lines come by way of the controller.
    let until = Instant::now() + Duration::from_secs(10);
    while !node.log().contains("path=/wsgi") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = node.log();
    assert!(log.contains("web service `wsgi` is not built yet"), "{log}");
    assert!(log.contains("http request") && log.contains("path=/wsgi"), "{log}");
    node.stop_and_expect_success();
}

#[test]
fn http_clients_publish_and_call() {
    let (node, _files) = node();
    let mut subscriber = Peer::rawsocket(node.address()).expect("the node accepts");
    subscriber.join("realm1").expect("anonymous may join");
    for topic in ["com.example.topic", "com.example.hook"] {
        subscriber.request(32, &[json!({}), json!(topic)]).expect("sent");
        subscriber.expect(33).expect("subscribed");
    }
    let answer = request(
        node.address(),
        "POST /api/publish",
        r#"{"topic": "com.example.topic", "args": [1], "kwargs": {"n": 2}}"#,
    );
    let event = subscriber.expect(36).expect("the event");
    assert_eq!((&event[4], &event[5]), (&json!([1]), &json!({"n": 2})));
    let id: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(id, json!({"id": event[2]}));
    assert_eq!(request(node.address(), "POST /api/hook", "ping").status, 202);
    let event = subscriber.expect(36).expect("the event");
    assert_eq!(event[4][0]["body"], "ping");
    let count = request(node.address(), "POST /api/call", r#"{"procedure": "wamp.session.list"}"#);
    let count: Value = serde_json::from_str(&count.body).expect("JSON");
    assert!(count["args"][0].is_array(), "{count}");
    let unsigned = request(node.address(), "POST /api/signed", r#"{"topic": "com.example.topic"}"#);
    assert_eq!(unsigned.status, 400, "{}", unsigned.body);
    node.stop_and_expect_success();
}

#[test]
fn http_clients_have_sessions_by_polling() {
    let (node, _files) = node();
    let opened = request(node.address(), "POST /lp/open", r#"{"protocols": ["wamp.2.json"]}"#);
    let opened: Value = serde_json::from_str(&opened.body).expect("JSON");
    let base = format!("POST /lp/{}", opened["transport"].as_str().expect("an id"));
    let hello = r#"[1, "realm1", {"roles": {"caller": {}}}]"#;
    assert_eq!(request(node.address(), &format!("{base}/send"), hello).status, 204);
    let welcome = request(node.address(), &format!("{base}/receive"), "");
    assert!(welcome.body.starts_with("[2,"), "{}", welcome.body);
    assert_eq!(request(node.address(), &format!("{base}/receive"), "").status, 204);
    let log = node.log();
    assert!(
        !log.contains(opened["transport"].as_str().expect("an id")),
        "the session's secret is in the log"
    );
    node.stop_and_expect_success();
}

#[test]
fn a_service_that_cannot_be_served_keeps_the_node_from_starting() {
    let mut config = config(1 << 20);
    config["workers"][0]["transports"][0]["web"] =
        json!({"paths": {"a": {"type": "redirect", "url": "/\u{e6}"}}});
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("a file can be written");
    let output = std::process::Command::new(e2e::crossweave())
        .args(["start", "--cbdir"])
        .arg(folder.path())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("path \"/a\"") && said.contains("cannot be redirected to"), "{said}");
}
