//! Guests: programs that the node runs. And what the options of a worker make of its process.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::background::{PATIENCE, run};
use crate::managed::{Managed, router};

/// A guest that runs this shell script.
fn shell(id: &str, script: &str, options: Value) -> Value {
    json!({"type": "guest", "id": id, "executable": "sh", "arguments": ["-c", script], "options": options})
}

fn log(node: &Managed, id: &str) -> Vec<String> {
    let lines = node.call("crossbar.get_worker_log", &[json!(id)]).unwrap_or_default();
    serde_json::from_value(lines).unwrap_or_default()
}

fn wait_for_line(node: &Managed, id: &str, line: &str) {
    node.until(line, || log(node, id).iter().any(|it| it == line).then_some(()));
}

fn pid(node: &Managed, id: &str) -> u64 {
    node.until("a process", || node.call("crossbar.get_worker", &[json!(id)]).ok()?["pid"].as_u64())
}

#[test]
fn a_guest_has_the_environment_the_input_and_the_directory_that_it_is_given() {
    let env = json!({"inherit": false, "vars": {"WHO": "guest"}});
    let stdin = json!({"type": "json", "value": {"a": [1]}});
    let script = "read line; echo \"$WHO read $line in $(pwd) with HOME=$HOME\"; echo oops >&2; sleep 60";
    let guest = shell("guest1", script, json!({"env": env, "stdin": stdin}));
    let node = Managed::start(&json!([router(), guest]), &[]);
    let folder = fs::canonicalize(node.path(".")).unwrap();
    wait_for_line(&node, "guest1", &format!("guest read {{\"a\":[1]}} in {} with HOME=", folder.display()));
    wait_for_line(&node, "guest1", "oops");
    let of_type = node.call("crossbar.get_workers", &[json!(["guest"])]).unwrap();
    assert_eq!(of_type, json!(["guest1"]));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn the_lines_of_a_guest_are_told_as_they_come() {
    let node = Managed::start(&json!([router()]), &[]);
    let texts = node.subscribe("crossbar.worker.talker.on_log");
    let told = node.subscribe("crossbar.worker.talker.on_log_line");
    let started = node.subscribe("crossbar.on_guest_started");
    let item = json!({"executable": "sh", "arguments": ["-c", "echo one; echo two >&2; sleep 60"]});
    let answer = node.call("crossbar.start_worker", &[json!("talker"), json!("guest"), item]).unwrap();
    assert_eq!((&answer["id"], &answer["status"]), (&json!("talker"), &json!("started")));
    assert!(started.line().contains("talker"));
    let lines = [told.line(), told.line()].concat();
    assert!(lines.contains("\"one\"") && lines.contains("\"stdout\""), "{lines}");
    assert!(lines.contains("\"two\"") && lines.contains("\"stderr\""), "{lines}");
    let texts = [texts.line(), texts.line()].concat();
    assert!(texts.contains("[\"one\"]") && texts.contains("[\"two\"]"), "{texts}");
}

#[test]
fn a_worker_has_ended_when_its_last_line_is_told() {
    let node = Managed::start(&json!([router()]), &[]);
    let told = node.subscribe_all("crossbar.");
    // Somebody else in another group, whom nobody ends with the guest, writes when that has ended long since.
    let script = "if [ -e once ]; then echo again; exec sleep 600; fi; touch once
        seq 1 90; setsid sh -c 'touch up; sleep 0.5; echo last' &
        until [ -e up ]; do sleep 0.01; done; exit 3";
    let item = json!({"executable": "sh", "arguments": ["-c", script]});
    node.call("crossbar.start_worker", &[json!("talker"), json!("guest"), item]).unwrap();
    let mut lines = 0;
    loop {
        let event = told.line();
        lines += usize::from(event.contains("worker.talker.on_log\""));
        if event.contains("crossbar.on_worker_exited") {
            break;
        }
    }
    assert_eq!(lines, 91, "all lines come before the end");
    wait_for_line(&node, "talker", "again");
    let log = log(&node, "talker");
    let expected: Vec<String> =
        (1..=90).map(|it| it.to_string()).chain(["last".into(), "again".into()]).collect();
    assert_eq!(log, expected, "and before those of the next run");

    node.call("crossbar.stop_worker", &[json!("router")]).unwrap();
    let mut last = String::new();
    loop {
        let event = told.line();
        if event.contains("crossbar.on_worker_exited") {
            break;
        }
        if event.contains("worker.router.on_log\"") {
            last = event;
        }
    }
    assert!(last.contains("saying goodbye"), "{last}");
}

#[test]
fn a_guest_and_what_it_has_started_end_with_the_node() {
    let script = "sleep 600 & echo $! > child; trap '' TERM; echo ready; while :; do sleep 1; done";
    let polite = shell(
        "polite",
        "trap 'echo bye > bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
        json!({}),
    );
    let node = Managed::start(&json!([router(), shell("stubborn", script, json!({})), polite]), &[]);
    wait_for_line(&node, "stubborn", "ready");
    wait_for_line(&node, "polite", "ready");
    let child: u64 = fs::read_to_string(node.path("child")).unwrap().trim().parse().unwrap();
    let guest = pid(&node, "stubborn");
    assert!(Managed::lives(child) && Managed::lives(guest));
    let bye = node.path("bye");
    node.process.signal(rustix::process::Signal::TERM);
    node.until("the guest has said goodbye", || bye.exists().then_some(()));
    node.until("both are gone", || (!Managed::lives(child) && !Managed::lives(guest)).then_some(()));
}

#[test]
fn a_guest_dies_with_a_node_that_is_killed() {
    let node = Managed::start(&json!([router(), shell("guest1", "echo ready; sleep 600", json!({}))]), &[]);
    wait_for_line(&node, "guest1", "ready");
    let guest = pid(&node, "guest1");
    node.process.signal(rustix::process::Signal::KILL);
    node.until("it is gone", || (!Managed::lives(guest)).then_some(()));
}

#[test]
fn what_a_guest_has_started_dies_with_a_node_that_is_killed() {
    let script = "sleep 600 & echo $! > child; echo ready; wait";
    let node = Managed::start(&json!([router(), shell("guest1", script, json!({}))]), &[]);
    wait_for_line(&node, "guest1", "ready");
    let child: u64 = fs::read_to_string(node.path("child")).unwrap().trim().parse().unwrap();
    assert!(Managed::lives(child));
    node.process.signal(rustix::process::Signal::KILL);
    node.until("it is gone", || (!Managed::lives(child)).then_some(()));
}

#[test]
fn a_guest_that_always_fails_is_given_up_told_of_and_still_there_to_be_looked_at() {
    let node = Managed::start(&json!([router(), shell("failing", "echo why; exit 1", json!({}))]), &[]);
    // Between the starts there is more and more time, 33 s in all.
    let until = Instant::now() + 4 * PATIENCE;
    let mut told = None;
    while told.is_none() && Instant::now() < until {
        told = node.process.told().into_iter().find(|line| line.contains("not started again"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = told.expect("it is told that it is given up");
    assert!(told.contains("'failing' has failed 11 times in a row (exit code 1)"), "{told}");
    assert!(told.contains("`crossweave apply` starts it"), "{told}");
    let info = node.call("crossbar.get_worker", &[json!("failing")]).unwrap();
    assert_eq!(
        (&info["status"], &info["restarts"], &info["pid"]),
        (&json!("failed"), &json!(10), &json!(null))
    );
    assert!(log(&node, "failing").contains(&"why".to_owned()));
    let cbdir = node.path("");
    let status = run(&["status", "--cbdir", cbdir.to_str().unwrap()]);
    assert!(status.stdout.contains("worker failing: guest, failed"), "{}", status.stdout);
    // Mended, it is started again.
    let mended =
        json!({"version": 2, "workers": [router(), shell("failing", "echo mended; sleep 600", json!({}))]});
    fs::write(node.path("config.json"), mended.to_string()).unwrap();
    let applied = run(&["apply", "--cbdir", cbdir.to_str().unwrap()]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    wait_for_line(&node, "failing", "mended");
    assert_eq!(node.stop(), Some(0), "it was ended as it was asked to be");
}

#[test]
fn a_guest_that_fails_is_started_again_and_one_that_is_done_is_not() {
    let failing = "if [ -e once ]; then echo again; sleep 600; else touch once; exit 3; fi";
    let workers =
        json!([router(), shell("failing", failing, json!({})), shell("done", "echo done", json!({}))]);
    let node = Managed::start(&workers, &[]);
    wait_for_line(&node, "failing", "again");
    let info = node.call("crossbar.get_worker", &[json!("failing")]).unwrap();
    assert_eq!(info["restarts"], 1);
    node.until("it is done", || node.call("crossbar.get_worker", &[json!("done")]).err());
    assert_eq!(node.call("crossbar.get_worker", &[json!("router")]).unwrap()["status"], "started");
}

#[test]
fn a_guest_is_started_again_when_files_change() {
    let watch = json!({"directories": ["."], "timeout": 1, "action": "restart"});
    let guest = shell("watcher", "cat text; sleep 600", json!({"watch": watch}));
    let node = Managed::start(&json!([router(), guest]), &[("text", "first\n")]);
    wait_for_line(&node, "watcher", "first");
    let before = pid(&node, "watcher");
    fs::write(node.path("text"), "second\n").unwrap();
    wait_for_line(&node, "watcher", "second");
    assert_ne!(pid(&node, "watcher"), before);
    assert!(!Managed::lives(before));
    let info = node.call("crossbar.get_worker", &[json!("watcher")]).unwrap();
    assert_eq!(info["restarts"], 0, "it has not failed: {info}");
}

#[test]
fn a_guest_that_cannot_be_run_is_told() {
    let node = Managed::start(&json!([router()]), &[("plain", "no program")]);
    for (item, told) in [
        (json!({"executable": "no-such-program"}), "no-such-program"),
        (json!({"executable": "plain"}), "plain"),
        (json!({"arguments": []}), "executable"),
        (json!({"executable": "sh", "options": {"stdout": "lgo"}}), "lgo"),
    ] {
        let error = node.call("crossbar.start_worker", &[json!("guest1"), json!("guest"), item]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    assert_eq!(node.call("crossbar.get_workers", &[]).unwrap(), json!(["router"]));
}

#[test]
fn a_worker_has_the_title_the_environment_and_the_cpus_that_it_is_given() {
    let env = json!({"inherit": ["PATH"], "vars": {"COLOUR": "blue"}});
    let mut second = router();
    second["id"] = json!("second");
    second["transports"] = json!([]);
    second["options"] = json!({"title": "my-router", "env": env, "cpu_affinity": [0]});
    let node = Managed::start(&json!([router(), second]), &[]);
    let pid = pid(&node, "second");
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    assert!(read("cmdline").starts_with("my-router\0"), "{}", read("cmdline"));
    let first = fs::read_to_string(format!("/proc/{}/cmdline", self::pid(&node, "router"))).unwrap();
    assert!(first.starts_with("crossbar-worker [router]\0") && !first.contains('{'), "{first}");
    let environment = read("environ");
    let names: Vec<&str> = environment.split('\0').filter_map(|it| Some(it.split_once('=')?.0)).collect();
    assert!(names.contains(&"PATH") && names.contains(&"COLOUR"), "{names:?}");
    assert!(!names.contains(&"NO_COLOR") && !names.contains(&"HOME"), "{names:?}");
    assert_eq!(node.call("crossbar.worker.second.get_cpu_affinity", &[]).unwrap(), json!([0]));
}

#[test]
fn a_cpu_that_is_not_there_keeps_the_node_from_starting() {
    let mut worker = router();
    worker["options"] = json!({"cpu_affinity": [4095]});
    let mut node = Managed::start_unready(&json!([worker]), &[]);
    node.process.wait_for("there is no CPU 4095");
    assert_eq!(node.process.end(), Some(1));
}

#[test]
fn workers_that_are_disabled_are_left_out_and_that_is_told() {
    let mut off = shell("off", "echo never", json!({}));
    off["options"] = json!({"disabled": true});
    let node = Managed::start_unready(&json!([router(), off]), &[]);
    node.wait_for_log("Skip start of worker Guest off (disabled from config parameter)");
    node.until("the router", || node.call_realm1("wamp.session.count", &[]).ok());
    assert_eq!(node.call("crossbar.get_workers", &[]).unwrap(), json!(["router"]));
}
