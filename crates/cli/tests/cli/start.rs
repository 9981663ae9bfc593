//! `crossweave start`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Background, Outcome, PATIENCE, crossweave, run};
use crate::node::Node;
use crate::peer::Peer;

/// A node with one realm and these transports.
pub(crate) fn config(transports: &Value) -> String {
    let allow = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "*", "allow": allow}]}]);
    let realms = json!([{"name": "realm1", "roles": roles}]);
    json!({"version": 2, "workers": [{"type": "router", "realms": realms, "transports": transports}]})
        .to_string()
}

fn rawsocket(endpoint: &Value) -> Value {
    json!({"type": "rawsocket", "endpoint": endpoint})
}

fn folder_with(config: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), config).unwrap();
    folder
}

#[test]
fn without_a_configuration_websocket_rawsocket_and_a_page_are_served_on_loopback() {
    let node = Node::start();
    let address = node.address();
    assert!(address.ip().is_loopback());
    assert_eq!(
        node.ready,
        [
            format!("listening on ws://{address}/ws (realm realm1)"),
            format!("listening on rs://{address} (realm realm1)"),
            format!("listening on http://{address}/ (realm realm1)"),
        ]
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<html"), "{page:.200}");
}

#[test]
fn something_moves_on_the_built_in_node() {
    let node = Node::start();
    let sub = node.ready(&["sub", "com.example.", "--match", "prefix", "--count", "1"], "subscribed");
    assert!(sub.line().contains("com.example."), "the demo publishes");
}

#[test]
fn an_interrupt_says_goodbye_to_every_session_and_ends_with_0() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut node = Node::start();
        let mut peer = Peer::join(node.address(), "realm1");
        node.process.signal(signal);
        let goodbye = peer.receive();
        assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.system_shutdown")));
        peer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
        assert_eq!(node.process.end(), Some(0));
        assert_eq!(node.process.told(), Vec::<String>::new(), "an orderly end warns of nothing");
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let mut node = Node::start();
    // A session that does not answer GOODBYE is waited for.
    let mut peer = Peer::join(node.address(), "realm1");
    peer.send(&json!([48, 1, {}, "wamp.session.count"]));
    assert_eq!(peer.receive()[0], 50, "RESULT: the session is up and running");
    node.process.signal(Signal::INT);
    assert_eq!(peer.receive()[0], 6);
    let second = Instant::now();
    node.process.signal(Signal::INT);
    assert_eq!(node.process.end(), Some(130));
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
}

#[test]
fn a_taken_port_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = TempDir::new().unwrap();
    let mut start = crossweave();
    start.args(["start", "--port", &port, "--loglevel", "error"]).current_dir(folder.path());
    let outcome = Outcome::of(start.output().unwrap());
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    let expected = format!("cannot listen on tcp:127.0.0.1:{port}: another program does already");
    assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--port PORT"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "", "nothing is announced");
}

#[test]
fn nothing_is_announced_when_the_second_transport_fails() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let socket = "first.sock";
    let transports = json!([
        rawsocket(&json!({"type": "unix", "path": socket})),
        rawsocket(&json!({"type": "tcp", "port": port, "interface": "127.0.0.1"})),
    ]);
    let folder = folder_with(&config(&transports));
    let outcome = run(&["start", "--cbdir", folder.path().to_str().unwrap(), "--loglevel", "none"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("transport002"), "{}", outcome.stderr);
    assert!(!folder.path().join(socket).exists(), "the socket of the first is gone");
}

#[test]
fn a_broken_configuration_starts_nothing() {
    let folder = folder_with(&config(&json!([rawsocket(&json!({"type": "tcp", "prot": 1}))])));
    let outcome = run(&["start", "--cbdir", folder.path().to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("did you mean `port`?"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nothing was started"), "{}", outcome.stderr);
}

#[test]
fn a_missing_folder_or_file_is_told() {
    let outcome = run(&["start", "--cbdir", "/nonexistent/node"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("there is no node directory /nonexistent/node"), "{}", outcome.stderr);
    let folder = TempDir::new().unwrap();
    let outcome = run(&["start", "--cbdir", folder.path().to_str().unwrap(), "--config", "other.json"]);
    assert_eq!(outcome.code, Some(1), "a file that was asked for is not replaced by the built-in node");
    assert!(outcome.stderr.contains("other.json"), "{}", outcome.stderr);
}

#[test]
fn a_folder_that_was_asked_for_must_have_a_configuration() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let by_option = run(&["start", "--port", "0", "--cbdir", path]);
    let mut start = crossweave();
    let by_variable = start.args(["start", "--port", "0"]).env("CROSSBAR_DIR", path).output().unwrap();
    for (outcome, by) in [(by_option, "--cbdir"), (Outcome::of(by_variable), "CROSSBAR_DIR")] {
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        let expected = format!(
            "no config.yaml or config.json in {path}; `crossweave init` writes one; \
             without {by} the built-in node runs"
        );
        assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_not_taken_for_none() {
    // Links in a circle fail for root too, unlike missing permissions.
    for name in ["config.json", ".crossbar"] {
        let folder = TempDir::new().unwrap();
        std::os::unix::fs::symlink(name, folder.path().join(name)).unwrap();
        let mut start = crossweave();
        start.args(["start", "--port", "0"]).current_dir(folder.path());
        let outcome = Outcome::of(start.output().unwrap());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{name}");
        assert!(outcome.stderr.contains("cannot be read"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(folder.path().to_str().unwrap()), "{}", outcome.stderr);
    }
}

#[test]
fn a_port_is_not_for_a_node_with_a_configuration() {
    let folder = folder_with(&config(&json!([])));
    let outcome = run(&["start", "--cbdir", folder.path().to_str().unwrap(), "--port", "0"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("--port is for the built-in node"), "{}", outcome.stderr);
}

#[test]
fn a_configured_node_serves_its_unix_socket_and_its_tcp_port() {
    let transports = json!([
        rawsocket(&json!({"type": "unix", "path": "cw.sock", "mode": "0600"})),
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"}},
    ]);
    let folder = folder_with(&config(&transports));
    let node = Node::start_in(folder.path(), &[], 2);
    let socket = folder.path().join("cw.sock");
    assert_eq!(node.ready[0], format!("listening on unix:{} (realm realm1)", socket.display()));
    for line in &node.ready {
        let url = line.split_whitespace().nth(2).unwrap();
        let outcome = run(&["call", "--url", url, "wamp.session.count"]);
        assert_eq!((outcome.code, outcome.stdout.trim()), (Some(0), "1"), "{url}: {}", outcome.stderr);
    }
}

#[test]
fn a_port_range_gives_the_first_free_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = taken.local_addr().unwrap().port();
    let endpoint =
        json!({"type": "tcp", "portrange": [first, first.saturating_add(50)], "interface": "127.0.0.1"});
    let folder = folder_with(&config(&json!([rawsocket(&endpoint)])));
    let node = Node::start_in(folder.path(), &[], 1);
    assert!(node.address().port() > first);
    Peer::join(node.address(), "realm1");
}

#[test]
fn two_workers_do_not_share_a_realm_of_the_same_name() {
    let one = |path: &str| config(&json!([rawsocket(&json!({"type": "unix", "path": path}))]));
    let mut node: Value = serde_json::from_str(&one("a.sock")).unwrap();
    let other: Value = serde_json::from_str(&one("b.sock")).unwrap();
    node["workers"].as_array_mut().unwrap().push(other["workers"][0].clone());
    let folder = folder_with(&node.to_string());
    let node = Node::start_in(folder.path(), &[], 2);
    let urls: Vec<&str> = node.ready.iter().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    let echo =
        Background::start(crossweave().args(["register", "com.example.echo", "--echo", "--url", urls[0]]));
    echo.wait_for("registered");
    assert_eq!(run(&["call", "--url", urls[0], "com.example.echo", "5"]).stdout.trim(), "5");
    let outcome = run(&["call", "--url", urls[1], "com.example.echo", "5"]);
    assert!(outcome.stderr.contains("wamp.error.no_such_procedure"), "{}", outcome.stderr);
}

#[test]
fn a_json_log_is_json_on_every_line_and_info_is_on_stdout() {
    let folder = TempDir::new().unwrap();
    let args = ["start", "--port", "0", "--logformat", "json", "--loglevel", "debug"];
    let mut node = Background::start(crossweave().args(args).current_dir(folder.path()));
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &Value| line["message"].as_str().unwrap().starts_with("listening on http"))
    {
        lines.push(serde_json::from_str(&node.line()).expect("the line is JSON"));
    }
    assert!(lines.iter().all(|line| line["level"] == "info" || line["level"] == "debug"), "{lines:?}");
    assert!(lines.iter().any(|line| line["realm"] == "realm1"), "{lines:?}");
    node.signal(Signal::INT);
    assert_eq!(node.end(), Some(0));
    for line in node.rest() {
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!(node.told(), Vec::<String>::new());
}

#[test]
fn log_lines_look_like_crossbars() {
    let folder = TempDir::new().unwrap();
    let process = Background::start(crossweave().args(["start", "--port", "0"]).current_dir(folder.path()));
    let line = process.line();
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == 24 && time.as_bytes()[10] == b'T', "{line}");
    assert!(rest.starts_with(&format!("[Controller {:>6}] no configuration in ", process.pid())), "{line}");
}

#[test]
fn the_limit_on_open_files_is_raised() {
    let folder = TempDir::new().unwrap();
    let script = "ulimit -Sn 200 && ulimit -Hn 1000 && cd \"$1\" && exec \"$0\" start --port 0";
    let mut bash = std::process::Command::new("bash");
    let program = env!("CARGO_BIN_EXE_crossweave");
    let node = Background::start(bash.args(["-c", script, program]).arg(folder.path()));
    while !node.line().starts_with("listening on ") {}
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("1000"), "{files}");
}

#[test]
fn tls_is_served_and_checked_by_clients() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1",
        "tls": {"key": "key.pem", "certificate": "cert.pem"}});
    let universal =
        json!({"type": "universal", "endpoint": endpoint, "rawsocket": {}, "websocket": {"ws": {}}});
    fs::write(folder.path().join("config.json"), config(&json!([universal]))).unwrap();
    let node = Node::start_in(folder.path(), &[], 2);
    let port = node.address().port();
    assert_eq!(node.ready[0], format!("listening on wss://127.0.0.1:{port}/ws (realm realm1)"));
    for plain in [format!("ws://127.0.0.1:{port}/ws"), format!("rs://127.0.0.1:{port}")] {
        let outcome = run(&["call", "wamp.session.count", "--url", &plain]);
        assert!(outcome.stderr.contains("perhaps this port speaks TLS"), "{plain}: {}", outcome.stderr);
    }
    let ca = folder.path().join("cert.pem");
    for url in [format!("wss://localhost:{port}/ws"), format!("rss://localhost:{port}")] {
        let args = ["call", "wamp.session.count", "--url", &url];
        let outcome = run(&[&args[..], &["--ca-file", ca.to_str().unwrap()]].concat());
        assert_eq!((outcome.code, outcome.stdout.trim()), (Some(0), "1"), "{url}: {}", outcome.stderr);
        let outcome = run(&args);
        assert_eq!(outcome.code, Some(1), "a certificate that nobody vouches for is refused");
        assert!(outcome.stderr.contains("tls"), "{url}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("--ca-file FILE"), "{url}: {}", outcome.stderr);
    }
}

#[test]
fn sighup_reads_certificates_again_and_a_broken_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let issue = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        write("cert.pem", &made.cert.pem());
        write("key.pem", &made.signing_key.serialize_pem());
    };
    issue();
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1",
        "tls": {"key": "key.pem", "certificate": "cert.pem"}});
    write("config.json", &config(&json!([{"type": "rawsocket", "endpoint": endpoint}])));
    let node = Node::start_in(folder.path(), &[], 1);
    let url = format!("rss://localhost:{}", node.address().port());
    let ca = folder.path().join("cert.pem");
    // Trusts what is in the file now.
    let calls = || {
        let ca = ["--ca-file", ca.to_str().unwrap()];
        run(&[&["call", "wamp.session.count", "--url", &url][..], &ca].concat()).code == Some(0)
    };
    assert!(calls());
    issue();
    assert!(!calls(), "the old certificate is in use until it is told otherwise");
    node.process.signal(Signal::HUP);
    while !node.process.line().contains("certificates were read again") {}
    assert!(calls());
    let wrong = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let wrong = wrong.signing_key.serialize_pem();
    for (key, told) in
        [("no key", "key.pem: no private key in the file"), (&wrong, "key.pem with certificate ")]
    {
        write("key.pem", key);
        node.process.signal(Signal::HUP);
        node.process.wait_for(told);
        assert!(calls(), "with the certificate of before");
    }
}

#[test]
fn what_has_no_effect_is_told_and_the_node_starts() {
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let transport = json!({"type": "websocket", "endpoint": endpoint, "options": {"tcp_nodelay": false}});
    let mut node: Value = serde_json::from_str(&config(&json!([transport]))).unwrap();
    node["workers"][0]["connections"] = json!([{"id": "db"}]);
    let folder = folder_with(&node.to_string());
    let node = Node::start_in(folder.path(), &["--logformat", "json"], 0);
    for expected in ["connections", "tcp_nodelay"] {
        let line: Value = serde_json::from_str(&node.process.complaint()).expect("the log is JSON");
        assert_eq!(line["level"], "warn");
        assert!(line.to_string().contains(expected), "{line}");
    }
}

#[test]
fn a_node_that_cannot_tell_its_addresses_runs_and_says_so() {
    let folder = TempDir::new().unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = crossweave();
    command.args(["start", "--port", "0"]).current_dir(folder.path());
    let mut child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("cannot write to stdout which addresses are open"), "{line}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none(), "it is told once");
}

#[test]
fn nobody_waits_for_a_node_that_lost_its_reader() {
    let folder = TempDir::new().unwrap();
    let mut command = crossweave();
    command.args(["start", "--port", "0"]).current_dir(folder.path());
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut first = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // The pipe is closed: the node goes on and still ends in order.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "a node does not end because its log is not read");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
    let until = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_may_be_wrong_with_an_endpoint_is_told() {
    for (endpoint, hint) in [
        // An address for documentation, which no machine has.
        (
            json!({"type": "tcp", "port": 8080, "interface": "203.0.113.7"}),
            "`interface` must be an address of this machine",
        ),
        (json!({"type": "unix", "path": "nodir/socket"}), "does the directory exist?"),
    ] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("config.json"), config(&json!([rawsocket(&endpoint)]))).unwrap();
        let outcome = run(&["start", "--cbdir", folder.path().to_str().unwrap()]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("cannot listen on") && outcome.stderr.contains(hint),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn the_controller_has_the_title_that_it_is_given() {
    let mut config: Value =
        serde_json::from_str(&config(&json!([rawsocket(&json!({"type": "unix", "path": "a"}))]))).unwrap();
    config["controller"] = json!({"options": {"title": "my node"}});
    let folder = folder_with(&config.to_string());
    let mut node = Node::start_in(folder.path(), &[], 1);
    let line = fs::read_to_string(format!("/proc/{}/cmdline", node.process.pid())).unwrap();
    assert!(line.starts_with("my node\0start\0"), "{line}");
    node.process.signal(Signal::TERM);
    assert_eq!(node.process.end(), Some(0));
}

#[test]
fn what_is_to_be_said_of_a_configuration_is_said_once() {
    let folder = TempDir::new().unwrap();
    let role = json!({"name": "anonymous", "permissions": [], "shade": 1});
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "socket"}});
    let worker = json!({"type": "router", "options": {"cpu_affinity": [0, 0]}, "transports": [transport],
        "realms": [{"name": "realm1", "colour": 2, "roles": [role]}]});
    let config = json!({"version": 2, "workers": [worker]}).to_string();
    fs::write(folder.path().join("config.json"), config).unwrap();
    let mut node = Background::start(crossweave().args(["start", "--cbdir"]).arg(folder.path()));
    while !node.line().starts_with("listening on ") {}
    node.signal(Signal::INT);
    assert_eq!(node.end(), Some(0));
    let told = [node.told(), node.rest()].concat().join("\n");
    for warning in ["CPU 0 is in the list already", "unknown key `colour`", "unknown key `shade`"] {
        assert_eq!(told.matches(warning).count(), 1, "{warning}: {told}");
    }
}
