//! What somebody has stopped by hand: it is started again.

use serde_json::json;

use super::{Changing, socket};
use crate::background::run;
use crate::node::Node;

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
pub(super) fn with_link_and_proxy() -> Changing {
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
