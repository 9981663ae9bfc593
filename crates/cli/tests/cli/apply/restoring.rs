//! What cannot be applied: the node is what it was.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::restarting::with_link_and_proxy;
use super::{Changing, role, socket};
use crate::node::Node;

#[test]
fn what_fails_midway_is_put_back_as_it_was() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    it.router()["realms"].as_array_mut().unwrap().remove(1);
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "three", "roles": [role("anonymous", true)]}));
    it.router()["transports"] = json!([socket("nowhere/c.sock"), socket("d.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("error: worker \"worker001\": start transport \"transport001\": cannot listen"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("nowhere/c.sock"), "{}", outcome.stderr);
    let (told, put_back) = outcome.stdout.split_once("put back as it was:\n").expect("it is told");
    assert!(!told.contains("\ndone:\n"), "{told}");
    for left in ["stop realm \"two\"", "start realm \"three\"", "transport001", "transport002"] {
        assert!(told.split_once("not done:\n").unwrap().1.contains(left), "{left}: {told}");
    }
    assert!(put_back.contains("start realm \"two\"") && !put_back.contains("could not"), "{put_back}");
    for socket in ["a.sock", "b.sock"] {
        assert!(it.reaches(socket, "one") && it.reaches(socket, "two") && !it.reaches(socket, "three"));
    }
    assert!(!it.path("d.sock").exists());
    // Mended, everything is done.
    it.router()["transports"][0] = socket("c.sock");
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(it.reaches("c.sock", "three") && it.reaches("d.sock", "three") && !it.reaches("c.sock", "two"));
}

#[test]
fn what_can_be_seen_to_fail_is_not_begun() {
    let mut it = Changing::new();
    let guest = |executable: &str| json!({"type": "guest", "executable": executable, "arguments": ["60"]});
    it.config["workers"].as_array_mut().unwrap().push(guest("sleep"));
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let pid = || {
        let status: Value = serde_json::from_str(&it.of(&["status", "--json"]).stdout).unwrap();
        status["workers"][1]["pid"].clone()
    };
    let before = pid();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint =
        json!({"type": "tcp", "interface": "127.0.0.1", "port": taken.local_addr().unwrap().port()});
    let mut config = it.config.clone();
    config["workers"][0]["transports"][0] = json!({"type": "rawsocket", "endpoint": endpoint});
    fs::write(it.path("config.json"), config.to_string()).unwrap();
    let refused = it.of(&["apply"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("another program does already"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("put back"), "nothing was done: {}", refused.stdout);
    let mut config = it.config.clone();
    config["workers"][1] = guest("no-such-program");
    fs::write(it.path("config.json"), config.to_string()).unwrap();
    let refused = it.of(&["apply"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("no-such-program"), "{}", refused.stderr);
    assert!(!refused.stdout.contains("put back"), "nothing was done: {}", refused.stdout);
    assert_eq!(pid(), before, "the guest goes on");
    assert!(it.reaches("a.sock", "one"));
}

#[test]
fn links_and_what_a_proxy_has_are_put_back_if_something_fails() {
    let mut it = with_link_and_proxy();
    let _node = Node::start_in(it.folder(), &[], 4);
    let before = it.config.clone();
    it.router()["realms"][0]["rlinks"][0]["realm"] = json!("farther");
    let proxy = &mut it.config["workers"][1];
    proxy["connections"]["conn1"]["transport"]["endpoint"]["path"] = json!("other.sock");
    proxy["routes"] = json!({"two": {"anonymous": "conn1"}});
    proxy["transports"][0]["endpoint"]["path"] = json!("nowhere/front.sock");
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("nowhere/front.sock"), "{}", outcome.stderr);
    let put_back = outcome.stdout.split_once("put back as it was:\n").expect("it is told").1;
    for what in [
        "link \"away\"",
        "start connection \"conn1\"",
        "stop route to realm \"two\"",
        "start route to realm \"one\"",
        "start transport \"front\"",
    ] {
        assert!(put_back.contains(what) && !put_back.contains("could not"), "{what}: {put_back}");
    }
    assert!(it.reaches("front.sock", "one") && !it.reaches("front.sock", "two"));
    it.config = before;
    it.write();
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}{}", nothing.stdout, nothing.stderr);
}

#[test]
fn what_was_to_be_replaced_comes_back_if_its_successor_does_not_start() {
    let mut it = Changing::new();
    let _node = Node::start_in(it.folder(), &[], 2);
    // Both sockets change, and the realm of one of them; the first one cannot be.
    it.router()["realms"][1]["options"] = json!({"uri_check": "loose"});
    it.router()["transports"] = json!([socket("nowhere/a.sock"), socket("c.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("nowhere/a.sock"), "{}", outcome.stderr);
    let put_back = outcome.stdout.split_once("put back as it was:\n").expect("it is told").1;
    assert!(put_back.contains("start transport \"transport001\""), "{put_back}");
    for socket in ["a.sock", "b.sock"] {
        assert!(it.reaches(socket, "one") && it.reaches(socket, "two"), "{socket}");
    }
    it.router()["transports"] = json!([socket("a.sock"), socket("c.sock")]);
    it.write();
    let outcome = it.of(&["apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(it.reaches("a.sock", "two") && it.reaches("c.sock", "two") && !it.path("b.sock").exists());
}

#[test]
fn a_router_that_cannot_come_back_is_mended_by_its_configuration() {
    let mut it = Changing::new();
    let node = Node::start_in(it.folder(), &[], 2);
    // From now on the second socket cannot be listened on.
    fs::remove_file(it.path("b.sock")).unwrap();
    fs::write(it.path("b.sock"), "in the way").unwrap();
    kill_process(Pid::from_raw(it.worker_pid()).unwrap(), Signal::KILL).unwrap();
    node.process.wait_for("starting it again in 400 ms");
    it.router()["transports"][1] = socket("c.sock");
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    while !node.process.line().contains("runs again") {}
    assert!(it.reaches("a.sock", "one") && it.reaches("c.sock", "one"));
    let nothing = it.of(&["apply"]);
    assert!(nothing.stdout.starts_with("nothing to do"), "{}", nothing.stdout);
}
