//! `crossweave sub`, `pub` and `call`.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, crossweave, run};
use crate::node::Node;

#[test]
fn what_is_published_is_printed() {
    let node = Node::start();
    let mut sub = node.ready(&["sub", "com.example.a", "--count", "2"], "subscribed to com.example.a");
    let outcome = node.run(&["pub", "com.example.a", "two words", "5", "-1", "--kwarg", "k=[1]"]);
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "", ""));
    let line = sub.line();
    assert!(line.ends_with(" com.example.a [\"two words\",5,-1] {\"k\":[1]}"), "{line}");
    assert_eq!(node.run(&["pub", "com.example.a"]).code, Some(0));
    assert!(sub.line().ends_with(" com.example.a"));
    assert_eq!(sub.end(), Some(0), "it ends after --count events");
}

#[test]
fn events_are_json_for_programs() {
    let node = Node::start();
    for serializer in ["json", "msgpack", "cbor"] {
        let args = ["sub", "com.", "--match", "prefix", "--json", "--serializer", serializer];
        let sub = node.ready(&args, "subscribed");
        let args = ["pub", "com.test.x", "ü", "1.5", "--kwarg", "n=null", "--ack", "--json", "--disclose-me"];
        let outcome = node.run(&args);
        let published: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let event = loop {
            let event: Value = serde_json::from_str(&sub.line()).unwrap();
            // The demo publishes as well.
            if event["topic"] == "com.test.x" {
                break event;
            }
        };
        assert_eq!(
            (&event["args"], &event["kwargs"]),
            (&json!(["ü", 1.5]), &json!({"n": null})),
            "{serializer}"
        );
        assert_eq!(event["publication"], published["publication"]);
        assert!(event["publisher"].is_u64(), "publishers are disclosed if they ask for it: {event}");
    }
}

#[test]
fn several_topics_are_followed_at_once() {
    let node = Node::start();
    let sub = node.background(&["sub", "com.test.a", "com.test.b", "--count", "2"]);
    sub.wait_for("subscribed to com.test.a");
    sub.wait_for("subscribed to com.test.b");
    node.run(&["pub", "com.test.b", "1", "--ack"]);
    node.run(&["pub", "com.test.a", "2", "--ack"]);
    assert!(sub.line().ends_with("com.test.b [1]"));
    assert!(sub.line().ends_with("com.test.a [2]"));
}

#[test]
fn events_are_repeated_and_read_from_stdin() {
    let node = Node::start();
    let sub = node.ready(&["sub", "com.test.a"], "subscribed");
    node.run(&["pub", "com.test.a", "x", "--repeat", "3", "--interval", "1"]);
    (0..3).for_each(|_| assert!(sub.line().ends_with("[\"x\"]")));
    let mut publish = Background::start(
        crossweave().args(["pub", "--url", node.url(), "com.test.a", "--stdin"]).stdin(Stdio::piped()),
    );
    publish.write("[1, 2]\n\n{\"args\": [3], \"kwargs\": {\"k\": 4}}\n\"five\"\n");
    assert!(sub.line().ends_with("[1,2]"), "a line is published when it comes");
    assert!(sub.line().ends_with("[3] {\"k\":4}"));
    assert!(sub.line().ends_with("[\"five\"]"));
    publish.close_stdin();
    assert_eq!(publish.end(), Some(0));
}

#[test]
fn a_line_that_is_no_json_ends_a_publication_from_stdin() {
    let node = Node::start();
    let mut publish = Background::start(
        crossweave().args(["pub", "--url", node.url(), "com.test.a", "--stdin"]).stdin(Stdio::piped()),
    );
    publish.write("1\nhello\n2\n");
    publish.wait_for("stdin, line 2: ");
    assert_eq!(publish.end(), Some(1));
}

#[test]
fn calls_print_results_for_shells_and_programs() {
    let node = Node::start();
    let _echo = node.ready(&["register", "com.test.echo", "--echo"], "registered com.test.echo");
    let outcome = node.run(&["call", "com.test.echo", "two words", "[1]", "--kwarg", "unit=m"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (Some(0), "two words\n[1]\nunit=m\n"),
        "{}",
        outcome.stderr
    );
    let outcome = node.run(&["call", "com.test.echo", "1", "--kwarg", "k=2", "--json"]);
    let object: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(object, json!({"args": [1], "kwargs": {"k": 2}}));
    let outcome = node.run(&["call", "com.test.echo"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_program_gets_the_text_of_a_result_as_it_is() {
    let node = Node::start();
    let _echo = node.ready(&["register", "com.test.echo", "--echo"], "registered");
    let text = "\u{1b}[1mbold\u{1b}[0m\tand\nmore";
    assert_eq!(node.run(&["call", "com.test.echo", text]).stdout, format!("{text}\n"));
}

#[test]
fn an_error_of_the_callee_is_told_and_ends_with_2() {
    let node = Node::start();
    let outcome = node.run(&["call", "com.test.nothing"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.starts_with("error: wamp.error.no_such_procedure"), "{}", outcome.stderr);
    let outcome = node.run(&["call", "com.test.nothing", "--json"]);
    let object: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((outcome.code, &object["error"]), (Some(2), &json!("wamp.error.no_such_procedure")));
}

#[test]
fn a_call_has_a_timeout() {
    let node = Node::start();
    let _slow = node.ready(&["register", "com.test.slow", "--exec", "sleep", "60"], "registered");
    let outcome = node.run(&["call", "com.test.slow", "--timeout", "50"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    let text = outcome.stderr.trim();
    assert!(text.starts_with("error: wamp.error.timeout: ") && text.lines().count() == 1, "{text}");
    assert!(text.matches("timed out").count() <= 1, "{text}");
    let outcome = node.run(&["call", "com.test.slow", "--timeout", "50", "--json"]);
    let object: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((outcome.code, &object["error"]), (Some(2), &json!("wamp.error.timeout")));
    assert!(object["args"].is_array() && object["kwargs"].is_object(), "{object}");
}

#[test]
fn every_failure_is_an_object_for_programs() {
    let node = Node::start();
    let json = |args: &[&str], url: &str| {
        let outcome = run(&[args, &["--json", "--url", url]].concat());
        assert_eq!(outcome.stdout, "", "{args:?}");
        let object: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome:?}"));
        (outcome.code, object)
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for args in [
        &["sub", "com..a"][..],
        &["pub", "com..a", "--ack"],
        &["register", "com..a", "--echo"],
        &["call", "com..a"],
    ] {
        let (code, object) = json(args, node.url());
        assert_eq!((code, &object["error"]), (Some(2), &json!("wamp.error.invalid_uri")), "{args:?}");
        assert!(object["args"].is_array() && object["kwargs"].is_object(), "{object}");
        let (code, object) = json(args, &format!("ws://{free}/ws"));
        assert_eq!((code, &object["error"]), (Some(1), &json!("connection")), "{args:?}");
        assert!(object["message"].as_str().unwrap().contains("crossweave start"), "{object}");
    }
}

#[test]
fn what_may_be_wrong_with_a_url_is_told() {
    let node = Node::start();
    let address = node.address();
    for (url, hint) in [
        (format!("ws://{address}/wrong"), "Crossweave's default is /ws"),
        (format!("wss://{address}/ws"), "does not speak TLS"),
        ("unix:/nonexistent/crossweave.sock".to_owned(), "is a router running there?"),
        (address.to_string(), "a URL begins with its scheme, as ws://127.0.0.1:8080/ws does"),
        (format!("http://{address}/ws"), "a WebSocket is at ws:// or wss://"),
        (String::new(), "a URL begins with its scheme"),
    ] {
        let outcome = run(&["call", "com.test.a", "--url", &url]);
        assert_eq!(outcome.code, Some(1), "{url}");
        assert!(outcome.stderr.contains(hint), "{url}: {}", outcome.stderr);
    }
}

#[test]
fn numbers_that_make_no_sense_are_told_clearly() {
    for args in [
        &["sub", "com.test.a", "--count", "0"][..],
        &["pub", "com.test.a", "--repeat", "0"],
        &["register", "com.test.a", "--concurrency", "0", "--echo"],
    ] {
        let outcome = run(args);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("expected a whole number, at least 1"), "{}", outcome.stderr);
    }
    for timeout in ["0", "86400001", "1s"] {
        let outcome = run(&["call", "com.test.a", "--timeout", timeout]);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("expected milliseconds, 1 to 86400000"), "{}", outcome.stderr);
    }
    let outcome = run(&["start", "--port", "x"]);
    assert!(outcome.stderr.contains("expected a port, 0 to 65535"), "{}", outcome.stderr);
}

#[test]
fn a_publication_that_no_router_would_take_is_told_even_without_an_answer() {
    let node = Node::start();
    for topic in ["", "com..a", "com.example a"] {
        let outcome = node.run(&["pub", topic, "1"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{topic:?}");
        assert!(
            outcome.stderr.starts_with("error: ") && outcome.stderr.contains("uri"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn an_argument_that_was_probably_meant_as_json_is_told() {
    let node = Node::start();
    let sub = node.ready(&["sub", "com.test.a"], "subscribed");
    let outcome = node.run(&["pub", "com.test.a", "1", "{\"a\":"]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.starts_with("note: ARG 2 is not JSON ("), "{}", outcome.stderr);
    assert!(sub.line().ends_with(r#"[1,"{\"a\":"]"#), "it is sent as text");
}

#[test]
fn a_sum_that_json_cannot_tell_is_an_error_and_not_null() {
    let node = Node::start();
    let outcome = node.run(&["call", "com.example.add2", "9223372036854775807", "1"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "9223372036854775808\n"));
    for (a, b) in [("18446744073709551615", "1"), ("-9223372036854775808", "-1"), ("1e308", "1e308")] {
        let outcome = node.run(&["call", "com.example.add2", a, b]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{a} + {b}");
        assert!(
            outcome.stderr.contains("wamp.error.invalid_argument: com.example.add2 takes"),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_refused_request_ends_with_2() {
    let node = Node::start();
    for args in [&["sub", "com..a"][..], &["pub", "com..a", "--ack"], &["register", "com..a", "--echo"]] {
        let outcome = node.run(args);
        assert_eq!(outcome.code, Some(2), "{args:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("wamp.error.invalid_uri"), "{args:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_wrong_realm_is_told() {
    let node = Node::start();
    let outcome = node.run(&["call", "com.test.a", "--realm", "realm9"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("wamp.error.no_such_realm"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("realm9") && outcome.stderr.contains(node.url()), "{}", outcome.stderr);
}

#[test]
fn nobody_listening_is_told_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in [&["call", "com.test.a"][..], &["sub", "com.test.a"]] {
        let outcome = run(&[command, &["--url", &format!("ws://{free}/ws")]].concat());
        assert_eq!(outcome.code, Some(1), "{command:?}");
        assert!(outcome.stderr.contains(&free.to_string()), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("crossweave start"), "{}", outcome.stderr);
    }
}

#[test]
fn url_and_realm_come_from_the_environment_too() {
    let node = Node::start();
    let mut command = crossweave();
    command.env("CROSSWEAVE_URL", node.url()).env("CROSSWEAVE_REALM", "realm1");
    let outcome = Outcome::of(command.args(["call", "com.example.add2", "2", "3"]).output().unwrap());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "5\n"), "{}", outcome.stderr);
}

#[test]
fn an_authid_needs_a_proof_and_secrets_are_not_shown() {
    let node = Node::start();
    let outcome = node.run(&["call", "com.test.a", "--authid", "joe"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("CROSSWEAVE_TICKET"), "{}", outcome.stderr);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ticket");
    fs::write(&file, "open sesame\n").unwrap();
    let outcome =
        node.run(&["call", "com.test.a", "--authid", "joe", "--ticket-file", file.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(1), "the built-in node knows anonymous clients only");
    assert!(outcome.stderr.contains("no_matching_auth_method"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("sesame"), "{}", outcome.stderr);
    let mut help = crossweave();
    let help = help.env("CROSSWEAVE_TICKET", "open sesame").args(["call", "--help"]).output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("sesame"));
}

#[test]
fn an_interrupted_command_leaves_with_goodbye() {
    let node = Node::start();
    let watch = node.ready(&["sub", "wamp.session.on_leave", "--json"], "subscribed");
    let mut sub = node.ready(&["sub", "com.test.a"], "subscribed");
    sub.signal(Signal::INT);
    assert_eq!(sub.end(), Some(130));
    // The router tells of a session that left; the one that subscribed above is gone.
    let event: Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!(event["topic"], "wamp.session.on_leave");
}

#[test]
fn a_reader_that_has_enough_ends_a_subscription_quietly() {
    let node = Node::start();
    let script =
        format!("'{}' sub --url {} com.test.a | head -n 1", env!("CARGO_BIN_EXE_crossweave"), node.url());
    let mut command = std::process::Command::new("bash");
    let mut pipe = Background::start(command.arg("-c").arg(format!("set -o pipefail; {script}")));
    pipe.wait_for("subscribed");
    node.run(&["pub", "com.test.a", "1", "--ack"]);
    assert!(pipe.line().ends_with("[1]"));
    // It notices when it writes the next one.
    for _ in 0..50 {
        node.run(&["pub", "com.test.a", "2", "--ack"]);
    }
    assert_eq!(pipe.end(), Some(0));
    assert_eq!(pipe.told(), Vec::<String>::new());
}

#[test]
fn what_peers_publish_cannot_steer_the_terminal() {
    let node = Node::start();
    let sub = node.ready(&["sub", "com.test.a"], "subscribed");
    node.run(&["pub", "com.test.a", "\u{1b}[2J\u{9b}1m\nx", "--ack"]);
    let line = sub.line();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert!(line.ends_with("x\"]"), "it is still one line: {line:?}");
}

#[test]
fn a_subscription_survives_a_restart_of_the_router() {
    let folder = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut node = Node::start_in(folder.path(), &["--port", &port], 3);
    let sub = node.ready(&["sub", "com.test.a"], "subscribed");
    node.process.signal(Signal::INT);
    assert_eq!(node.process.end(), Some(0));
    sub.wait_for("trying again in");
    let node = Node::start_in(folder.path(), &["--port", &port], 3);
    sub.wait_for("connected again");
    node.run(&["pub", "com.test.a", "back", "--ack"]);
    assert!(sub.line().ends_with("[\"back\"]"));
}

/// A node, and a subscriber whose stdout is a full pipe.
fn blocked_subscriber() -> (Node, std::process::Child) {
    let node = Node::start();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = crossweave();
    command.args(["sub", "--url", node.url(), "com.test.a"]).stdout(writer).stderr(Stdio::piped());
    let mut sub = command.spawn().unwrap();
    // Nobody reads what is printed; the reader stays open as long as the test.
    std::mem::forget(reader);
    let mut told = [0; 10];
    std::io::Read::read_exact(sub.stderr.as_mut().unwrap(), &mut told).unwrap();
    let long = "x".repeat(40_000);
    for _ in 0..4 {
        node.run(&["pub", "com.test.a", &long, "--ack"]);
    }
    std::thread::sleep(Duration::from_millis(300));
    (node, sub)
}

fn end_within(child: &mut std::process::Child, limit: Duration) -> Option<i32> {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("it did not end within {limit:?}");
}

#[test]
fn a_signal_ends_a_command_whose_output_nobody_reads() {
    for signal in [Signal::INT, Signal::TERM] {
        let (_node, mut sub) = blocked_subscriber();
        rustix::process::kill_process(Pid::from_child(&sub), signal).unwrap();
        assert_eq!(end_within(&mut sub, Duration::from_secs(2)), Some(130));
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (_node, mut sub) = blocked_subscriber();
    for signal in [Signal::INT, Signal::TERM] {
        rustix::process::kill_process(Pid::from_child(&sub), signal).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(end_within(&mut sub, Duration::from_millis(900)), Some(130));
}

#[test]
fn a_subscription_that_is_removed_ends_the_command_and_says_why() {
    let folder = TempDir::new().unwrap();
    let may = |uri: &str, action: &str| json!({"uri": uri, "match": "prefix", "allow": {action: true}});
    let role =
        json!({"name": "anonymous", "permissions": [may("wamp.", "call"), may("com.test.", "subscribe")]});
    let transport =
        json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}});
    let worker =
        json!({"type": "router", "realms": [{"name": "realm1", "roles": [role]}], "transports": [transport]});
    fs::write(folder.path().join("config.json"), json!({"version": 2, "workers": [worker]}).to_string())
        .unwrap();
    let node = Node::start_in(folder.path(), &["--cbdir", folder.path().to_str().unwrap()], 1);
    for (arguments, told) in [
        (
            &["com.test.a", "com.test.b"][..],
            "the subscription to com.test.b is over: revoked by the router: com.moved",
        ),
        (&["com.test.b", "--json"], r#""error":"revoked""#),
    ] {
        let mut sub = node.ready(&[&["sub"], arguments].concat(), "subscribed to com.test.b");
        let id = node.run(&["call", "wamp.subscription.lookup", "com.test.b"]).stdout;
        let sessions = node.run(&["call", "wamp.subscription.list_subscribers", id.trim()]).stdout;
        let session = sessions.trim().trim_matches(['[', ']']);
        let args = ["call", "wamp.subscription.remove_subscriber", id.trim(), session, "com.moved"];
        let outcome = node.run(&args);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        sub.wait_for(told);
        assert_eq!(sub.end(), Some(2));
    }
}

#[test]
fn a_retained_event_comes_to_who_asks_for_it_later() {
    let node = Node::start();
    assert_eq!(node.run(&["pub", "com.test.status", "ready", "--retain", "--ack"]).code, Some(0));
    let asks = ["sub", "com.test.status", "--get-retained", "--count", "1", "--json"];
    let outcome = node.run(&asks);
    let event: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&event["args"], &event["retained"]), (&json!(["ready"]), &json!(true)), "{outcome:?}");
    // Who does not ask gets what is published from now on; an event without arguments clears the topic.
    let mut sub = node.ready(&["sub", "com.test.status", "--count", "1"], "subscribed");
    assert_eq!(node.run(&["pub", "com.test.status", "--retain", "--ack"]).code, Some(0));
    assert!(sub.line().ends_with(" com.test.status"));
    assert_eq!(sub.end(), Some(0));
    let mut late = node.ready(&["sub", "com.test.status", "--get-retained", "--count", "1"], "subscribed");
    node.run(&["pub", "com.test.status", "again", "--ack"]);
    assert!(late.line().ends_with(" com.test.status [\"again\"]"));
    assert_eq!(late.end(), Some(0));
}

#[test]
fn a_delivery_contract_is_asked_for() {
    let node = Node::start();
    let args =
        ["sub", "com.example.a", "--on-slow", "conflate", "--key", "id", "--queue", "5", "--count", "1"];
    let mut sub = node.ready(&args, "subscribed to com.example.a");
    assert_eq!(node.run(&["pub", "com.example.a", "1", "--kwarg", "id=7"]).code, Some(0));
    assert!(sub.line().ends_with(" com.example.a [1] {\"id\":7}"));
    assert_eq!(sub.end(), Some(0));
    let refused = node.run(&["sub", "com.example.a", "--on-slow", "drop_new", "--key", "0"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("_delivery.key is for on_slow \"conflate\""), "{refused:?}");
    for args in [&["sub", "com.example.a", "--on-slow", "block"][..], &["sub", "com.example.a", "--key", "0"]]
    {
        assert_eq!(node.run(args).code, Some(1), "{args:?}");
    }
}
