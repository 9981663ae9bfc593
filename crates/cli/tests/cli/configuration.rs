//! `crossweave check` and `crossweave init`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, crossweave, run};
use crate::start::config;

fn check(text: &str, more: &[&str]) -> Outcome {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), text).unwrap();
    run(&[&["check", "--cbdir", folder.path().to_str().unwrap()], more].concat())
}

fn transport(more: &Value) -> Value {
    let mut transport =
        json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"}});
    transport.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([transport])
}

#[test]
fn a_good_configuration_is_ok() {
    let outcome = check(&config(&transport(&json!({}))), &[]);
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.stdout, "Ok, node configuration looks good!\n");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn every_problem_is_shown_with_its_place() {
    let text = "{\n  \"version\": 2,\n  \"workres\": [],\n  \"controller\": {\"id\": \"\"}\n}";
    let outcome = check(text, &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    for part in ["config.json:3:3", "did you mean `workers`?", "config.json:4:24", "$.controller.id"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains('\x1b'), "no colours but on a terminal");
}

#[test]
fn problems_are_there_for_programs_too() {
    let outcome = check("{\"version\": 2, \"workres\": []}", &["--json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    let verdict: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(verdict["ok"], false);
    assert_eq!(verdict["problems"][0]["nearest"], "workers");
    assert_eq!(verdict["problems"][0]["place"], json!({"line": 1, "column": 16}));

    let outcome = check(&config(&transport(&json!({}))), &["--json"]);
    let verdict: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, &verdict["ok"], &verdict["problems"]), (Some(0), &json!(true), &json!([])));
}

#[test]
fn what_start_would_refuse_is_refused() {
    let auth = json!({"auth": {"ticket": {"type": "function", "create": "database"}}});
    let text = config(&transport(&auth));
    let outcome = check(&text, &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("is part of this program"), "{}", outcome.stderr);
    let verdict: Value = serde_json::from_str(&check(&text, &["--json"]).stdout).unwrap();
    assert_eq!((&verdict["ok"], &verdict["problems"][0]["severity"]), (&json!(false), &json!("error")));
}

#[test]
fn a_folder_without_a_configuration_is_not_ok() {
    let folder = TempDir::new().unwrap();
    let outcome = run(&["check", "--cbdir", folder.path().to_str().unwrap()]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("crossweave init"), "{}", outcome.stderr);
}

#[test]
fn paths_are_shown_without_detours() {
    let folder = TempDir::new().unwrap();
    let run =
        |args: &[&str]| Outcome::of(crossweave().args(args).current_dir(folder.path()).output().unwrap());
    let outcome = run(&["init", "--appdir", "."]);
    let next = "wrote .crossbar/config.json\n\nnext:\n  edit .crossbar/config.json\n  crossweave check\n  crossweave start\n\n\
        A node with a configuration has what that says: no start page, clock or com.example.add2.\n\
        Keep .crossbar/key.priv to yourself: `start` makes it.\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), next));
    let outcome = run(&["init", "--appdir", "./my app/."]);
    assert!(outcome.stdout.contains("wrote my app/.crossbar/config.json\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("  crossweave check --cbdir 'my app/.crossbar'\n"), "{}", outcome.stdout);
    let outcome = run(&["init", "--appdir", "no/such/app"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("there is no directory no/such"), "{}", outcome.stderr);
    fs::write(folder.path().join(".crossbar/bad.json"), "{}").unwrap();
    for args in [
        &["check", "--cbdir", "."][..],
        &["check", "--cbdir", "./"],
        &["check", "--cbdir", ".", "--config", "./missing.json"],
        &["check", "--cbdir", "./.crossbar/.", "--config", "./bad.json"],
        &["start", "--cbdir", "."],
        &["init", "--appdir", "."],
    ] {
        let outcome = run(args);
        assert_eq!(outcome.code, Some(1), "{args:?}");
        assert!(!outcome.stderr.contains("/./") && !outcome.stderr.contains(" ./"), "{}", outcome.stderr);
    }
}

#[test]
fn a_directory_in_the_place_of_a_configuration_starts_nothing() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config.json")).unwrap();
    for command in ["check", "start"] {
        let outcome = Outcome::of(crossweave().arg(command).current_dir(folder.path()).output().unwrap());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.contains("this is a directory"), "{}", outcome.stderr);
    }
}

#[test]
fn a_size_of_pings_that_websocket_or_crossbar_has_never_known_is_refused() {
    for (size, code, told) in [
        (3, 1, "expected an integer from 4 to 125 bytes"),
        (126, 1, "expected an integer from 4 to 125 bytes"),
        (4, 0, "`auto_ping_size` has no effect: a ping always carries 10 bytes"),
        (13, 0, "`auto_ping_size` has no effect: a ping always carries 10 bytes"),
    ] {
        let more = json!({"type": "websocket", "options": {"auto_ping_size": size}});
        let outcome = check(&config(&transport(&more)), &[]);
        assert_eq!(outcome.code, Some(code), "{size}");
        assert!(outcome.stderr.contains(told), "{size}: {}", outcome.stderr);
    }
}

#[test]
fn init_writes_a_configuration_that_is_ok() {
    let folder = TempDir::new().unwrap();
    let outcome = Outcome::of(crossweave().arg("init").current_dir(folder.path()).output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("crossweave start"), "{}", outcome.stdout);
    assert!(folder.path().join(".crossbar/config.json").is_file());
    let outcome = Outcome::of(crossweave().arg("check").current_dir(folder.path()).output().unwrap());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_configuration_with_another_ending_is_not_passed_over() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.yml"), "version: 2\n").unwrap();
    for args in [&["start", "--port", "0"][..], &["start", "--cbdir", "."], &["check"]] {
        let outcome = Outcome::of(crossweave().args(args).current_dir(folder.path()).output().unwrap());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{args:?}");
        let told = "no config.yaml or config.json in ";
        assert!(outcome.stderr.contains(told), "{args:?}: {}", outcome.stderr);
        assert!(outcome.stderr.ends_with("config.yml: rename it to config.yaml\n"), "{}", outcome.stderr);
    }
}

#[test]
fn init_never_overwrites() {
    let folder = TempDir::new().unwrap();
    let appdir = folder.path().to_str().unwrap();
    let file = folder.path().join(".crossbar/config.json");
    assert_eq!(run(&["init", "--appdir", appdir]).code, Some(0));
    fs::write(&file, "mine").unwrap();
    let outcome = run(&["init", "--appdir", appdir]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("there is a configuration already"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    fs::rename(&file, file.with_extension("yaml")).unwrap();
    assert_eq!(run(&["init", "--appdir", appdir]).code, Some(1), "a YAML one counts as well");
}

#[test]
fn an_init_without_room_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    // A limit on the length of files fails as a full disk does, if its signal is ignored.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" init --appdir \"$1\"";
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script, env!("CARGO_BIN_EXE_crossweave")]).arg(folder.path());
    let outcome = Outcome::of(bash.output().unwrap());
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("cannot write") && outcome.stderr.contains("config.json"), "{outcome:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(run(&["init", "--appdir", folder.path().to_str().unwrap()]).code, Some(0));
}

fn tls_transport(folder: &std::path::Path) -> Value {
    let of = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let tls = json!({"certificate": of("cert.pem"), "key": of("key.pem")});
    transport(&json!({"endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1", "tls": tls}}))
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_told() {
    let folder = TempDir::new().unwrap();
    let made = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (one, other) = (made(), made());
    let text = config(&tls_transport(folder.path()));
    let write = |name: &str, pem: &str| fs::write(folder.path().join(name), pem).unwrap();
    write("cert.pem", &one.cert.pem());
    for (key, expected) in [
        ("no key".to_owned(), "key.pem: no private key in the file"),
        (other.signing_key.serialize_pem(), "cert.pem"),
    ] {
        write("key.pem", &key);
        let outcome = check(&text, &[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("key.pem"), "{}", outcome.stderr);
        assert_eq!(
            outcome.stderr.matches("error: ").count(),
            2,
            "told once, and counted: {}",
            outcome.stderr
        );
        let verdict: Value = serde_json::from_str(&check(&text, &["--json"]).stdout).unwrap();
        assert_eq!(verdict["ok"], false);
        let problem = &verdict["problems"][0];
        assert!(problem["place"]["line"].is_u64(), "{verdict}");
        assert!(problem["path"].as_str().unwrap().ends_with("endpoint.tls.key"), "{verdict}");
        let node = TempDir::new().unwrap();
        fs::write(node.path().join("config.json"), &text).unwrap();
        let outcome = run(&["start", "--cbdir", node.path().to_str().unwrap(), "--loglevel", "none"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.contains(expected), "start: {}", outcome.stderr);
    }
    write("key.pem", &one.signing_key.serialize_pem());
    let outcome = check(&text, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn each_of_several_certificates_is_looked_into() {
    let folder = TempDir::new().unwrap();
    let of = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, pem: &str| fs::write(folder.path().join(name), pem).unwrap();
    for name in ["a", "b", "c"] {
        let made = rcgen::generate_simple_self_signed(vec![format!("{name}.test")]).unwrap();
        write(&format!("{name}.crt"), &made.cert.pem());
        write(&format!("{name}.key"), &made.signing_key.serialize_pem());
    }
    let pair = |name: &str, key: &str| json!({"certificate": of(&format!("{name}.crt")), "key": of(key)});
    let with = |key_of_c: &str| {
        let mut tls = pair("a", "a.key");
        tls["certificates"] = json!([pair("b", "b.key"), pair("c", key_of_c)]);
        let endpoint = json!({"type": "tcp", "port": 1, "interface": "127.0.0.1", "tls": tls});
        config(&transport(&json!({"endpoint": endpoint})))
    };
    assert_eq!(check(&with("c.key"), &[]).code, Some(0));
    let verdict: Value = serde_json::from_str(&check(&with("b.key"), &["--json"]).stdout).unwrap();
    let problems = verdict["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{verdict}");
    assert!(problems[0]["message"].as_str().unwrap().contains("c.crt"), "{verdict}");
}

#[test]
fn a_node_without_transports_gets_a_warning() {
    let outcome = check(&config(&json!([])), &[]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("warning: nothing listens"), "{}", outcome.stderr);
}
