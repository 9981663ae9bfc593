//! `crossweave top`.

use std::time::{Duration, Instant};

use crossweave_client::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::background::{Background, PATIENCE, crossweave, run};
use crate::node::Node;

#[test]
fn sessions_and_messages_per_second_are_measured() {
    let (folder, _node, url) = Node::with_socket(false);
    let sub = Background::start(crossweave().args(["sub", "com.a", "--url", &url]));
    sub.wait_for("subscribed");
    let _pub = Background::start(crossweave().args([
        "pub",
        "com.a",
        "--repeat",
        "100000",
        "--interval",
        "10",
        "--url",
        &url,
    ]));
    sub.line();
    let cbdir = folder.path().to_str().unwrap();
    let outcome = run(&["top", "--json", "--interval", "1", "--cbdir", cbdir]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stdout.lines().count(), 1, "it measures once");
    let view: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let realm = &view["realms"][0];
    assert_eq!((&realm["name"], &realm["sessions"]), (&json!("realm1"), &json!(2)));
    assert_eq!((&realm["dropped"], realm["longest_queue"].is_u64()), (&json!(0), true));
    for way in ["received_per_second", "sent_per_second"] {
        // 100 in a second, as far as the machine keeps up; and not all since the start.
        let rate = realm[way].as_f64().unwrap();
        assert!((1.0..200.0).contains(&rate), "{way}: {view}");
    }
    let processes = view["processes"].as_array().unwrap();
    assert_eq!((processes.len(), &processes[1]["name"]), (2, &json!("worker001")));
    assert!(processes.iter().all(|it| it["resident"].as_u64().unwrap() > 1 << 20), "{view}");
    for process in processes {
        let (p50, max) = (process["lag_p50_ms"].as_f64().unwrap(), process["lag_max_ms"].as_f64().unwrap());
        assert!((0.0..60_000.0).contains(&p50) && p50 <= max, "{process}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topics_and_procedures_with_most_messages_are_shown() {
    let (folder, _node, url) = Node::with_socket(false);
    let crossweave = |args: &[&str]| Background::start(crossweave().args(args).args(["--url", &url]));
    let subs = [crossweave(&["sub", "com.hot"]), crossweave(&["sub", "com.hot"])];
    subs.iter().for_each(|sub| sub.wait_for("subscribed"));
    let callee = crossweave(&["register", "com.echo", "--echo"]);
    callee.wait_for("registered");
    let _pub = crossweave(&["pub", "com.hot", "--repeat", "100000", "--interval", "5"]);
    let caller = Client::connect(&url, "realm1").await.unwrap();
    tokio::spawn(async move {
        while caller.call("com.echo").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    subs[0].line();
    let cbdir = folder.path().to_str().unwrap();
    let top =
        |options: &[&str]| run(&[&["top", "--interval", "1", "--cbdir", cbdir], options].concat()).stdout;
    let view: Value = serde_json::from_str(&top(&["--json"])).unwrap();
    let uris = view["hot_uris"].as_array().unwrap();
    let shown: Vec<_> = uris.iter().map(|it| (&it["uri"], &it["type"])).collect();
    assert_eq!(shown, [(&json!("com.hot"), &json!("topic")), (&json!("com.echo"), &json!("procedure"))]);
    for (uri, out) in uris.iter().zip([2.0, 1.0]) {
        assert_eq!((&uri["realm"], &uri["worker"]), (&json!("realm1"), &json!("worker001")));
        let rate = |way: &str| uri[way].as_f64().unwrap();
        let (received, sent) = (rate("received_per_second"), rate("sent_per_second"));
        assert!((1.0..400.0).contains(&received) && (sent - out * received).abs() <= 2.5, "{uri}");
    }
    let first: Value = serde_json::from_str(&top(&["--json", "--uris", "1"])).unwrap();
    assert_eq!(
        (first["hot_uris"].as_array().unwrap().len(), &first["hot_uris"][0]["uri"]),
        (1, &json!("com.hot"))
    );
    let none: Value = serde_json::from_str(&top(&["--json", "--uris", "0"])).unwrap();
    assert_eq!(none["hot_uris"], json!([]));
    let text = top(&[]);
    let row = text.lines().rev().take(3).collect::<Vec<_>>();
    assert!(
        row[2].ends_with("  URI") && row[1].ends_with("  com.hot") && row[0].ends_with("  com.echo"),
        "{text}"
    );
    assert_eq!(run(&["top", "--uris", "1001", "--cbdir", cbdir]).code, Some(1));
}

#[test]
fn a_json_log_has_the_fields_of_what_workers_log() {
    let (folder, node, url) = Node::with_socket_and(false, &["--logformat", "json", "--loglevel", "debug"]);
    let next = || -> Value { serde_json::from_str(&node.process.line()).expect("the log is JSON") };
    while !next()["message"].as_str().unwrap().starts_with("listening on ") {}
    let sub = Background::start(crossweave().args(["sub", "com.a", "--url", &url]));
    sub.wait_for("subscribed");
    let joined = loop {
        let line = next();
        // The management session joins, too.
        if line["message"] == "session joined" && line["authrole"] == "anonymous" {
            break line;
        }
    };
    assert_eq!((&joined["worker"], &joined["realm"]), (&json!("worker001"), &json!("realm1")), "{joined}");
    assert!(joined["target"].as_str().unwrap().starts_with("crossweave_router"), "{joined}");
    assert_ne!(joined["pid"], json!(node.process.pid()));
    drop(folder);
}

#[test]
fn a_router_in_the_nodes_process_is_shown_with_it() {
    let (folder, node, _) = Node::with_socket(true);
    let cbdir = folder.path().to_str().unwrap();
    let text = run(&["top", "--interval", "0.1", "--count", "2", "--cbdir", cbdir]).stdout;
    let row = format!("controller, worker001 {:>17}", node.process.pid());
    assert_eq!(text.lines().filter(|line| line.starts_with(&row)).count(), 2, "{text}");
    assert!(!text.contains('\u{1b}'), "no terminal is steered where there is none");
    drop(node);
    assert_eq!(run(&["top", "--cbdir", cbdir]).code, Some(69));
    assert_eq!(run(&["top", "--interval", "0", "--cbdir", cbdir]).code, Some(1));
    let never = run(&["top", "--count", "0", "--cbdir", cbdir]).stderr;
    assert!(never.contains("expected a whole number, at least 1"), "{never}");
}

#[test]
fn a_worker_that_does_not_answer_is_told_as_such() {
    let (folder, node, _) = Node::with_socket(false);
    let cbdir = folder.path().to_str().unwrap();
    let status = || run(&["status", "--json", "--cbdir", cbdir]);
    let worker = || serde_json::from_str::<Value>(&status().stdout).unwrap()["workers"][0].clone();
    assert_eq!(worker()["answers"], true);
    let pid = Pid::from_raw(i32::try_from(worker()["pid"].as_i64().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let since = Instant::now();
    let told = run(&["status", "--cbdir", cbdir]);
    assert!(
        told.code == Some(0) && told.stdout.contains(", does not answer"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    assert_eq!(worker()["answers"], false);
    let top = run(&["top", "--json", "--interval", "0.1", "--cbdir", cbdir]);
    let top: Value = serde_json::from_str(&top.stdout).unwrap();
    assert_eq!(top["silent"], json!(["worker001"]));
    assert!(since.elapsed() < PATIENCE, "it took {:?}", since.elapsed());
    kill_process(pid, Signal::CONT).unwrap();
    drop(node);
}
