//! `crossweave register`.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, PATIENCE, crossweave};
use crate::node::Node;

fn exec(node: &Node, procedure: &str, command: &[&str]) -> Background {
    node.ready(&[&["register", procedure, "--exec"], command].concat(), "registered")
}

#[test]
fn calls_are_shown_and_echoed() {
    let node = Node::start();
    let echo = node.ready(&["register", "com.test.", "--match", "prefix", "--echo", "--json"], "registered");
    let outcome = node.run(&["call", "com.test.deep.x", "1", "--kwarg", "k=v", "--disclose-me"]);
    assert_eq!(outcome.stdout, "1\nk=v\n", "{}", outcome.stderr);
    let call: Value = serde_json::from_str(&echo.line()).unwrap();
    assert_eq!((&call["procedure"], &call["args"]), (&json!("com.test.deep.x"), &json!([1])));
    assert!(call["caller"].is_u64(), "{call}");
}

#[test]
fn a_callee_that_is_ousted_ends_and_says_why() {
    let node = Node::start();
    let mut ousted = node.ready(&["register", "com.test.a", "--echo"], "registered");
    let mut json = node.ready(&["register", "com.test.b", "--echo", "--json"], "registered");
    let _a = node.ready(&["register", "com.test.a", "--echo", "--force"], "registered");
    ousted.wait_for(
        "the registration of com.test.a is over: revoked by the router: wamp.registration.taken_by_force",
    );
    assert_eq!(ousted.end(), Some(2));
    let _b = node.ready(&["register", "com.test.b", "--echo", "--force"], "registered");
    json.wait_for(r#""error":"revoked""#);
    assert_eq!(json.end(), Some(2));
}

#[test]
fn what_a_command_prints_is_the_result() {
    let node = Node::start();
    let _json = exec(&node, "com.test.json", &["printf", r#"{"a": [1, %s]}"#]);
    assert_eq!(node.run(&["call", "com.test.json", "2"]).stdout, "{\"a\":[1,2]}\n");
    let _text = exec(&node, "com.test.text", &["echo"]);
    assert_eq!(node.run(&["call", "com.test.text", "two  words", "$HOME"]).stdout, "two  words $HOME\n");
    let _nothing = exec(&node, "com.test.nothing", &["true"]);
    assert_eq!(node.run(&["call", "com.test.nothing"]).stdout, "");
}

#[test]
fn a_command_that_cannot_be_run_is_told_before_anything_is_registered() {
    let node = Node::start();
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    for (command, told) in [
        ("missing-command", "there is no command `missing-command`"),
        ("/nonexistent/command", "cannot run `/nonexistent/command`: No such file"),
        (plain.to_str().unwrap(), "it may not be executed"),
        ("date +%F", "`--exec sh -c '...'`"),
    ] {
        let outcome = node.run(&["register", "com.test.a", "--exec", command]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{command}");
        assert!(outcome.stderr.starts_with("error: --exec: "), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains(told) && !outcome.stderr.contains("registered"),
            "{}",
            outcome.stderr
        );
    }
    let outcome = node.run(&["register", "com.test.a", "--json", "--exec", "missing-command"]);
    let object: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((outcome.code, &object["error"]), (Some(1), &json!("setup")));
}

#[test]
fn a_command_gets_the_call_on_stdin() {
    let node = Node::start();
    let _cat = exec(&node, "com.test.cat", &["cat"]);
    let outcome = node.run(&["call", "com.test.cat", "[1]", "--kwarg", "k=2", "--json"]);
    let reply: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let call = &reply["args"][0];
    assert_eq!((&call["args"], &call["kwargs"]), (&json!([[1]]), &json!({"k": 2})), "{reply}");
    assert_eq!(call["procedure"], "com.test.cat");
}

#[test]
fn a_command_sees_the_procedure_but_not_our_secrets() {
    let node = Node::start();
    let mut command = crossweave();
    for secret in ["CROSSWEAVE_TICKET", "CROSSWEAVE_SECRET", "CROSSWEAVE_PASSWORD"] {
        command.env(secret, "open sesame");
    }
    command.env("CROSSWEAVE_URL", node.url());
    let register = Background::start(command.args(["register", "com.test.env", "--exec", "env"]));
    register.wait_for("registered");
    let environment = node.run(&["call", "com.test.env"]).stdout;
    assert!(environment.contains("CROSSWEAVE_PROCEDURE=com.test.env"), "{environment}");
    assert!(!environment.contains("sesame"), "{environment}");
}

#[test]
fn a_failing_command_is_an_error_with_what_it_complained_about() {
    let node = Node::start();
    let _ls = exec(&node, "com.test.ls", &["ls", "/nonexistent", "--"]);
    let outcome = node.run(&["call", "com.test.ls"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("wamp.error.runtime_error: ls: "), "{}", outcome.stderr);
    let _false = exec(&node, "com.test.false", &["false"]);
    let outcome = node.run(&["call", "com.test.false"]);
    assert!(outcome.stderr.contains("exit status: 1"), "{}", outcome.stderr);
    let noisy = exec(&node, "com.test.noisy", &["bash", "-c", "yes complaint | head -c 1000000 >&2; exit 1"]);
    let outcome = node.run(&["call", "com.test.noisy"]);
    assert!(outcome.code == Some(2) && outcome.stderr.len() < 5000, "{}", outcome.stderr.len());
    drop(noisy);
}

#[test]
fn a_command_that_is_there_no_more_is_told_to_both_sides() {
    let node = Node::start();
    let folder = TempDir::new().unwrap();
    let command = folder.path().join("vanishing");
    fs::copy("/bin/true", &command).unwrap();
    let register = exec(&node, "com.test.none", &[command.to_str().unwrap()]);
    fs::remove_file(&command).unwrap();
    let outcome = node.run(&["call", "com.test.none"]);
    assert_eq!(outcome.code, Some(2));
    assert!(!outcome.stderr.contains("vanishing"), "callers do not learn our paths: {}", outcome.stderr);
    register.wait_for(&format!("cannot run {}", command.display()));
}

#[test]
fn a_caller_cannot_give_the_command_options() {
    let node = Node::start();
    let _ls = exec(&node, "com.test.ls", &["ls"]);
    let outcome = node.run(&["call", "com.test.ls", "\"--help\""]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("wamp.error.invalid_argument"), "{}", outcome.stderr);
    let _echo = exec(&node, "com.test.dash", &["ls", "-d", "--"]);
    let outcome = node.run(&["call", "com.test.dash", "\"--help\""]);
    assert!(outcome.stderr.contains("runtime_error"), "it is a file name: {}", outcome.stderr);
}

/// The process id that a shell wrote to a file.
fn pid_in(file: &std::path::Path) -> Pid {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Ok(text) = fs::read_to_string(file)
            && let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw)
        {
            return pid;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the command did not start");
}

fn await_death(pid: Pid) {
    let until = Instant::now() + PATIENCE;
    while test_kill_process(pid).is_ok() {
        assert!(Instant::now() < until, "the command still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_cancelled_call_kills_the_command_and_what_it_started() {
    let node = Node::start();
    let folder = TempDir::new().unwrap();
    let (parent, child) = (folder.path().join("parent"), folder.path().join("child"));
    let script = format!("echo $$ > {}; sleep 600 & echo $! > {}; wait", parent.display(), child.display());
    let _slow = exec(&node, "com.test.slow", &["bash", "-c", &script]);
    let mut call = node.background(&["call", "com.test.slow"]);
    let pids = [pid_in(&parent), pid_in(&child)];
    call.signal(Signal::INT);
    assert_eq!(call.end(), Some(130));
    pids.into_iter().for_each(await_death);
}

#[test]
fn ending_the_callee_kills_its_commands() {
    let node = Node::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("pid");
    let mut slow =
        exec(&node, "com.test.slow", &["bash", "-c", &format!("echo $$ > {}; sleep 600", file.display())]);
    let mut call = node.background(&["call", "com.test.slow"]);
    let pid = pid_in(&file);
    slow.signal(Signal::INT);
    assert_eq!(slow.end(), Some(130));
    await_death(pid);
    assert_eq!(call.end(), Some(2), "the caller is told");
}

#[test]
fn a_procedure_has_one_callee_unless_it_is_shared() {
    let node = Node::start();
    let _one = node.ready(&["register", "com.test.one", "--echo"], "registered");
    let outcome = node.run(&["register", "com.test.one", "--echo"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("wamp.error.procedure_already_exists"), "{}", outcome.stderr);
    let shared = ["register", "com.test.shared", "--invoke", "roundrobin", "--exec", "echo"];
    let _a = node.ready(&[&shared[..], &["a"]].concat(), "registered");
    let _b = node.ready(&[&shared[..], &["b"]].concat(), "registered");
    let mut answers: Vec<String> = (0..2).map(|_| node.run(&["call", "com.test.shared"]).stdout).collect();
    answers.sort();
    assert_eq!(answers, ["a\n", "b\n"]);
}

#[test]
fn force_takes_the_procedure_from_the_other_callee() {
    let node = Node::start();
    let _old = node.ready(&["register", "com.test.one", "--exec", "echo", "old"], "registered");
    let _new = node.ready(&["register", "com.test.one", "--force", "--exec", "echo", "new"], "registered");
    assert_eq!(node.run(&["call", "com.test.one"]).stdout, "new\n");
}
