//! Host monitors and WebSocket testees.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::managed::{Managed, router};

#[test]
fn a_host_monitor_publishes_what_it_is_to_watch() {
    let options = json!({"interval": 100, "monitors": {"cpu": {}, "memory": {}}});
    let node =
        Managed::start(&json!([router(), {"type": "hostmonitor", "id": "monitor", "options": options}]), &[]);
    let on = |name: &str| format!("crossbar.worker.monitor.{name}");
    let memory = node.subscribe(&on("on_memory_sample"));
    let line = memory.line();
    assert!(line.contains("memtotal") && line.contains("last_period"), "{line}");
    let state = node.call(&on("get_monitoring"), &[json!(["cpu"])]).unwrap();
    assert_eq!((&state["status"], &state["config"]["interval"]), (&json!("running"), &json!(100)));
    assert!(state["current"]["cpu"]["total"]["user"].is_number() && state["current"].get("memory").is_none());
    assert!(node.call(&on("start_monitoring"), &[]).unwrap_err().contains("watched already"));
    let stopped = node.subscribe(&on("on_monitoring_stopped"));
    node.call(&on("stop_monitoring"), &[]).unwrap();
    stopped.line();
    assert!(node.call(&on("stop_monitoring"), &[]).unwrap_err().contains("not watched"));
    let other = json!({"interval": 200, "monitors": {"network": {}, "storage": {}}});
    let started = node.call(&on("start_monitoring"), &[other]).unwrap();
    assert_eq!(started["monitors"], json!(["network", "storage"]));
    let wrong = node.call(&on("get_monitoring"), &[json!(["cpu"])]).unwrap_err();
    assert!(wrong.contains("no sensor \"cpu\""), "{wrong}");
}

#[test]
fn a_websocket_testee_sends_everything_back() {
    let transport = json!({"type": "websocket", "id": "echo", "endpoint": {"type": "unix", "path": "echo"}});
    let node = Managed::start(
        &json!([router(), {"type": "websocket-testee", "id": "testee", "transport": transport}]),
        &[],
    );
    let mut stream = UnixStream::connect(node.path("echo")).unwrap();
    stream.set_read_timeout(Some(crate::background::PATIENCE)).unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    // Masked with zeros: a text message in two fragments with a ping between them, then a close.
    stream
        .write_all(b"\x01\x82\0\0\0\0he\x89\x81\0\0\0\0p\x80\x83\0\0\0\0llo\x88\x82\0\0\0\0\x03\xe8")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"\x8a\x01p\x81\x05hello\x88\x02\x03\xe8");

    let on = |name: &str| format!("crossbar.worker.testee.{name}_websocket_testee_transport");
    assert_eq!(node.call(&on("get"), &[]).unwrap()["id"], "echo");
    node.call(&on("stop"), &[]).unwrap();
    node.until("nobody listens", || UnixStream::connect(node.path("echo")).err());
    assert!(node.call(&on("stop"), &[]).unwrap_err().contains("no transport"));
}
