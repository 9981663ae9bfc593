//! `crossweave stop` and `crossweave status`, and what they say where no node runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, PATIENCE, crossweave, run};
use crate::node::Node;
use crate::start::config;

/// A folder with the configuration of a node that listens on a Unix socket in it.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let endpoint = json!({"type": "unix", "path": "cw.sock"});
    let transports = json!([{"type": "rawsocket", "endpoint": endpoint}]);
    fs::write(folder.path().join("config.json"), config(&transports)).unwrap();
    folder
}

/// Runs a command for the node of a folder.
fn of(folder: &Path, args: &[&str]) -> Outcome {
    run(&[args, &["--cbdir", folder.to_str().unwrap()]].concat())
}

fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // One that nobody has waited for yet has ended as well.
    stat.is_empty() || stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[test]
fn a_timeout_that_is_no_number_is_told_which_it_may_be() {
    for timeout in ["abc", "3601", "1.5"] {
        let outcome = run(&["stop", "--timeout", timeout]);
        assert_eq!(outcome.stdout, "");
        let told = "expected a whole number of seconds, 0 to 3600";
        assert!(outcome.code != Some(0) && outcome.stderr.contains(told), "{}", outcome.stderr);
    }
}

#[test]
fn a_node_is_stopped_in_order_and_its_workers_with_it() {
    let folder = folder();
    let mut node = Node::start_in(folder.path(), &[], 1);
    let status: Value = serde_json::from_str(&of(folder.path(), &["status", "--json"]).stdout).unwrap();
    let worker = u32::try_from(status["workers"][0]["pid"].as_u64().unwrap()).unwrap();
    let outcome = of(folder.path(), &["stop"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("stopped, after "), "{}", outcome.stdout);
    let told = format!("stopping the node of {}, process {}", folder.path().display(), node.process.pid());
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    assert_eq!(node.process.end(), Some(0));
    assert!(has_ended(worker), "the worker has ended before `stop` says so");
    for left in ["node.pid", "node.sock", "cw.sock"] {
        assert!(!folder.path().join(left).exists(), "{left} was left behind");
    }
}

#[test]
fn a_node_that_takes_too_long_is_ended_at_once() {
    let folder = folder();
    let mut node = Node::start_in(folder.path(), &[], 1);
    // It waits for a session that does not answer.
    let socket = std::os::unix::net::UnixStream::connect(folder.path().join("cw.sock")).unwrap();
    crate::peer::join_silently(&socket, "realm1");
    let outcome = of(folder.path(), &["stop", "--timeout", "1", "--json"]);
    let object: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, &object["ended"]), (Some(0), &json!("at-once")), "{}", outcome.stderr);
    assert_eq!(object["pid"], node.process.pid());
    assert_eq!(node.process.end(), Some(130));
    assert_eq!(of(folder.path(), &["status"]).stdout.split(':').next(), Some("stopped"));
}

#[test]
fn a_node_that_does_not_listen_to_signals_is_killed() {
    let folder = folder();
    let mut node = Node::start_in(folder.path(), &[], 1);
    node.process.signal(Signal::STOP);
    let begun = Instant::now();
    let outcome = of(folder.path(), &["stop", "--timeout", "0"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("stopped: it was killed"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("it does not end: killing it"), "{}", outcome.stderr);
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(node.process.end(), None, "a signal ended it");
    let stopped = of(folder.path(), &["stop"]);
    assert_eq!(stopped.code, Some(69));
    assert!(stopped.stderr.contains("node.pid was left behind by one that was killed"), "{}", stopped.stderr);
    // What it left is in nobody's way.
    let node = Node::start_in(folder.path(), &[], 1);
    assert_eq!(of(folder.path(), &["status", "--assert", "running"]).code, Some(0));
    drop(node);
}

#[test]
fn commands_for_a_node_that_does_not_run_end_with_69_and_say_so() {
    let folder = folder();
    let shown = folder.path().display().to_string();
    for args in [&["stop"][..], &["stop", "--json"]] {
        let outcome = of(folder.path(), args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(69), ""), "{args:?}");
        assert!(outcome.stderr.contains(&format!("no node runs in {shown}")), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
    let outcome = run(&["stop", "--cbdir", "/nonexistent"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("there is no node directory /nonexistent"), "{}", outcome.stderr);
}

#[test]
fn status_tells_what_runs_and_asserts_it() {
    let folder = folder();
    let stopped = of(folder.path(), &["status"]);
    assert_eq!(stopped.code, Some(0));
    assert!(stopped.stdout.starts_with("stopped: no node runs in "), "{}", stopped.stdout);
    assert_eq!(of(folder.path(), &["status", "--assert", "stopped"]).code, Some(0));
    assert_eq!(of(folder.path(), &["status", "--assert", "running"]).code, Some(69));
    let node = Node::start_in(folder.path(), &[], 1);
    assert_eq!(of(folder.path(), &["status", "--assert", "stopped"]).code, Some(69));
    let text = of(folder.path(), &["status"]).stdout;
    for expected in [
        format!("process {}, for ", node.process.pid()),
        "worker worker001: router, process ".to_owned(),
        "  realm realm1: 0 sessions, ".to_owned(),
        format!("  listening on unix:{}", folder.path().join("cw.sock").display()),
    ] {
        assert!(text.contains(&expected), "{expected} is not in {text}");
    }
    let url = format!("unix:{}", folder.path().join("cw.sock").display());
    let sub = Background::start(crossweave().args(["sub", "com.example.a", "--url", &url]));
    sub.wait_for("subscribed");
    let status: Value = serde_json::from_str(&of(folder.path(), &["status", "--json"]).stdout).unwrap();
    assert_eq!((&status["status"], &status["pid"]), (&json!("running"), &json!(node.process.pid())));
    assert!(status["uptime"].as_f64().unwrap() >= 0.0);
    let worker = &status["workers"][0];
    assert_eq!((&worker["type"], &worker["status"]), (&json!("router"), &json!("started")));
    assert_eq!(
        (&worker["realms"][0]["name"], &worker["realms"][0]["sessions"]),
        (&json!("realm1"), &json!(1))
    );
    assert_eq!(worker["transports"][0]["type"], "rawsocket");
}

#[test]
fn a_second_node_in_a_directory_is_refused_in_one_sentence() {
    let folder = folder();
    let node = Node::start_in(folder.path(), &[], 1);
    let second = of(folder.path(), &["start", "--loglevel", "warn"]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""));
    let expected = format!(
        "error: a node runs in {} already (process {}): `crossweave stop` ends it\n",
        folder.path().display(),
        node.process.pid()
    );
    assert_eq!(second.stderr, expected);
    assert_eq!(of(folder.path(), &["status", "--assert", "running"]).code, Some(0), "the first is unharmed");
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_nothing_is_left_behind() {
    let folder = folder();
    // No file may grow: what is written fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" start --cbdir \"$1\" --loglevel error";
    let mut bash = std::process::Command::new("bash");
    let program = env!("CARGO_BIN_EXE_crossweave");
    let outcome = Outcome::of(bash.args(["-c", script, program]).arg(folder.path()).output().unwrap());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let expected = format!("error: cannot write {}: ", folder.path().join("node.pid").display());
    assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    for left in ["node.pid", "node.sock", "key.priv", "key.pub"] {
        assert!(!folder.path().join(left).exists(), "{left} was left behind");
    }
    Node::start_in(folder.path(), &[], 1);
}

#[test]
fn a_node_stops_by_itself_after_the_time_it_was_given() {
    let folder = folder();
    let mut node = Node::start_in(folder.path(), &["--shutdownafter", "0.2"], 1);
    let begun = Instant::now();
    assert_eq!(node.process.end(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(node.process.rest().iter().any(|line| line.contains("the time of --shutdownafter is over")));
    let outcome = of(folder.path(), &["start", "--shutdownafter", "soon"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("expected a number of seconds"), "{}", outcome.stderr);
}

#[test]
fn a_log_goes_to_the_file_that_was_asked_for() {
    let folder = folder();
    let logs = TempDir::new().unwrap();
    let directory = logs.path().to_str().unwrap();
    for (args, file) in [
        (&["--logtofile"][..], folder.path().join("node.log")),
        (&["--logdir", directory], logs.path().join("node.log")),
    ] {
        let mut node = Node::start_in(folder.path(), args, 1);
        node.process.signal(Signal::INT);
        assert_eq!(node.process.end(), Some(0));
        assert_eq!(node.process.rest(), Vec::<String>::new(), "nothing but the addresses is on stdout");
        let log = fs::read_to_string(file).unwrap();
        for expected in ["[Controller ", "[Router ", "Realm 'realm1' started", "node stopped"] {
            assert!(log.contains(expected), "{expected} is not in {log}");
        }
    }
    let outcome = of(folder.path(), &["start", "--logdir", "/nonexistent"]);
    assert_eq!(outcome.code, Some(1));
    let told = "cannot write the log /nonexistent/node.log: there is no directory /nonexistent";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
}

#[test]
fn the_environment_names_the_node() {
    let folder = folder();
    let mut start = crossweave();
    start.args(["start"]).env("CROSSBAR_DIR", folder.path()).env("CROSSBAR_NODE_ID", "node-seven");
    let node = Background::start(&mut start);
    while !node.line().starts_with("listening on ") {}
    let mut status = crossweave();
    let outcome =
        Outcome::of(status.args(["status", "--json"]).env("CROSSBAR_DIR", folder.path()).output().unwrap());
    let status: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(status["node"]["node_id"], "node-seven");
}

#[test]
fn whoever_names_the_folder_above_a_node_directory_is_told_so() {
    let above = TempDir::new().unwrap();
    let within = above.path().join(".crossbar");
    fs::create_dir(&within).unwrap();
    fs::write(within.join("config.json"), config(&json!([]))).unwrap();
    let hint = format!("; did you mean `--cbdir {}`?", within.display());
    for (args, code) in [
        (&["start"][..], 1),
        (&["check"], 1),
        (&["migrate"], 1),
        (&["keys"], 1),
        (&["stop"], 69),
        (&["apply"], 69),
        (&["status"], 0),
        (&["status", "--json"], 0),
    ] {
        let outcome = of(above.path(), args);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(told.contains(&hint), "{args:?}: {told}");
        assert_eq!(outcome.code, Some(code), "{args:?}: {told}");
    }
    assert!(!above.path().join("key.priv").exists(), "a key where no node is");
    fs::write(above.path().join("config.json"), config(&json!([]))).unwrap();
    let stopped = of(above.path(), &["stop"]);
    assert!(!stopped.stderr.contains("did you mean"), "{}", stopped.stderr);
}

/// A command of another user; none where this one may not run such.
fn of_somebody_else(folder: &Path, args: &[&str]) -> Option<Outcome> {
    use std::os::unix::process::CommandExt as _;
    let mut command = crossweave();
    command.args(args).args(["--cbdir", folder.to_str().unwrap()]).uid(65_534).gid(65_534);
    command.output().ok().map(Outcome::of)
}

#[test]
fn another_user_is_told_whose_node_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let allow = |name: &str, mode: u32| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("", 0o755);
    allow("config.json", 0o644);
    let node = Node::start_in(folder.path(), &[], 1);
    allow("node.pid", 0o644);
    let Some(started) = of_somebody_else(folder.path(), &["start"]) else {
        return eprintln!("skipped: only root runs programs of other users");
    };
    let (directory, pid) = (folder.path().display(), node.process.pid());
    let expected = format!(
        "a node of user 0 runs in {directory} already (process {pid}): only user 0 or root can stop it"
    );
    assert_eq!(started.code, Some(1), "{started:?}");
    assert_eq!(started.stderr.lines().filter(|line| line.contains("error")).count(), 1, "{started:?}");
    assert!(started.stderr.contains(&expected), "{started:?}");
    let stopped = of_somebody_else(folder.path(), &["stop"]).unwrap();
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    assert!(stopped.stderr.contains("it belongs to another user"), "{stopped:?}");
    // A node with a strict umask does not even say that it is there.
    allow("node.pid", 0o600);
    let expected = format!("a node of user 0 may run in {directory}: ");
    let started = of_somebody_else(folder.path(), &["start"]).unwrap();
    assert!(started.code == Some(1) && started.stderr.contains(&expected), "{started:?}");
    for args in [&["stop"][..], &["status"], &["apply"]] {
        let untold = of_somebody_else(folder.path(), args).unwrap();
        let expected = format!("cannot tell whether a node runs in {directory}: ");
        assert!(untold.code == Some(69) && untold.stderr.contains(&expected), "{args:?}: {untold:?}");
    }
    assert!(of(folder.path(), &["status", "--assert", "running"]).code == Some(0), "it runs on");
}
