//! `crossweave convert`, `upgrade`, `schema` and `migrate`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, crossweave};
use crate::start::config;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &TempDir, args: &[&str]) -> Outcome {
    Outcome::of(crossweave().args(args).current_dir(folder.path()).output().unwrap())
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

fn rawsocket() -> Value {
    json!([{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"}}])
}

#[test]
fn convert_writes_the_other_format_beside_the_file_and_back_again() {
    let text = config(&rawsocket());
    let folder = folder(&[("config.json", &text)]);
    let outcome = run(&folder, &["convert"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.ends_with("/config.yaml\n"), "{}", outcome.stdout);
    assert!(read(&folder, "config.yaml").contains("  type: router\n"), "{}", read(&folder, "config.yaml"));
    assert_eq!(run(&folder, &["check", "--config", "config.yaml"]).code, Some(0));

    let outcome = run(&folder, &["convert"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("config.json is there already; `--force` replaces it"),
        "{}",
        outcome.stderr
    );
    assert_eq!(read(&folder, "config.json"), text, "nothing was touched");
    assert_eq!(run(&folder, &["convert", "--force"]).code, Some(0));
    let back: Value = serde_json::from_str(&read(&folder, "config.json")).unwrap();
    assert_eq!(back, serde_json::from_str::<Value>(&text).unwrap());
}

#[test]
fn what_is_written_can_be_read_by_as_many_as_the_original() {
    let folder = folder(&[("config.json", &config(&rawsocket()))]);
    fs::set_permissions(folder.path().join("config.json"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(&folder, &["convert"]).code, Some(0));
    let mode = fs::metadata(folder.path().join("config.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn words_of_yaml_mean_in_json_what_they_meant() {
    let yaml = r#"
version: 2
workers:
- type: router
  options: {disabled: off}
  realms:
  - name: realm1
    template: no
    roles:
    - name: anonymous
      permissions:
      - {uri: com.example., match: prefix, allow: {call: yes, publish: On}}
    - {name: yes}
  transports:
  - type: rawsocket
    endpoint: {type: unix, path: router}
    auth: {ticket: {type: static, principals: {joe: {ticket: no, role: "yes"}}}}
"#;
    let folder = folder(&[("config.yaml", yaml)]);
    assert_eq!(run(&folder, &["check"]).code, Some(0), "{:?}", run(&folder, &["check"]));
    assert_eq!(run(&folder, &["convert"]).code, Some(0));
    let outcome = run(&folder, &["check", "--config", "config.json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let json: Value = serde_json::from_str(&read(&folder, "config.json")).unwrap();
    let worker = &json["workers"][0];
    let (realm, ticket) = (&worker["realms"][0], &worker["transports"][0]["auth"]["ticket"]);
    assert_eq!((&worker["options"]["disabled"], &realm["template"]), (&json!(false), &json!(false)));
    assert_eq!(realm["roles"][0]["permissions"][0]["allow"], json!({"call": true, "publish": true}));
    assert_eq!(
        (&realm["roles"][1]["name"], &ticket["principals"]["joe"]["ticket"]),
        (&json!("yes"), &json!("no"))
    );
}

#[test]
fn comments_that_are_lost_are_told_of() {
    for (text, told) in [
        ("{\"version\": 2 // two\n}", "note: comments are not kept\n"),
        ("{\"version\": 2 /* two */}", "note: comments are not kept\n"),
        ("{\"$schema\": \"http://x/\\\"/*\", \"version\": 2}", ""),
    ] {
        let outcome = run(&folder(&[("config.json", text)]), &["convert", "--print"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), told), "{text}");
    }
    let commented = VERSION_1.replacen("\"roles\"", "// who\n\"roles\"", 1).replacen(
        "{\"workers\"",
        "{ // v1\n\"workers\"",
        1,
    );
    let outcome = run(&folder(&[("config.json", &commented)]), &["upgrade", "--print"]);
    assert!(outcome.stderr.contains("comments are not kept"), "{}", outcome.stderr);
}

#[test]
fn check_of_version_1_says_what_to_run_and_nothing_else() {
    for text in [VERSION_1.to_owned(), VERSION_1.replacen('{', "{\"version\": 1, ", 1)] {
        let outcome = run(&folder(&[("config.json", &text)]), &["check"]);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("`crossweave upgrade` writes it anew"), "{}", outcome.stderr);
        assert!(outcome.stderr.trim_end().ends_with("has 1 error"), "{}", outcome.stderr);
    }
}

#[test]
fn convert_can_print() {
    let folder = folder(&[("config.yaml", "version: 2 # two\n")]);
    let outcome = run(&folder, &["convert", "--print"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "{\n    \"version\": 2\n}\n"));
    assert_eq!(outcome.stderr, "note: comments are not kept\n");
    assert!(!folder.path().join("config.json").exists());
}

#[test]
fn what_cannot_be_read_is_not_converted() {
    let broken = folder(&[("config.json", "{\"version\": 2,,}")]);
    let outcome = run(&broken, &["convert"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.contains("config.json:1:15"), "{}", outcome.stderr);
    let empty = folder(&[]);
    let outcome = run(&empty, &["convert"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("there is no config.yaml or config.json"), "{}", outcome.stderr);
}

const VERSION_1: &str = r#"{"workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
    {"name": "anonymous", "permissions": [{"uri": "*", "publish": true, "subscribe": true}]}]}],
    "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"}}]}]}"#;

#[test]
fn upgrade_keeps_the_old_file() {
    let folder = folder(&[("config.json", VERSION_1)]);
    assert_eq!(run(&folder, &["check"]).code, Some(1));
    let outcome = run(&folder, &["upgrade"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.ends_with("/config.json.v1\n"), "{}", outcome.stdout);
    assert_eq!(read(&folder, "config.json.v1"), VERSION_1);
    assert_eq!(run(&folder, &["check"]).code, Some(0));

    let outcome = run(&folder, &["upgrade"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("of version 2 already"), "{}", outcome.stderr);
    fs::write(folder.path().join("config.json"), VERSION_1).unwrap();
    let outcome = run(&folder, &["upgrade"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("config.json.v1 is there already"), "{}", outcome.stderr);
    assert_eq!(read(&folder, "config.json"), VERSION_1, "nothing half done");
}

#[test]
fn the_schema_is_printed() {
    let outcome = run(&folder(&[]), &["schema"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let schema: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(outcome.stdout.contains("max_queue_bytes"));
}

fn migrate(folder: &TempDir) -> (Option<i32>, Value) {
    let outcome = run(folder, &["migrate", "--json"]);
    (outcome.code, serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}")))
}

#[test]
fn migrate_tells_of_a_node_that_works() {
    let mut transports = rawsocket();
    transports[0]["auth"] = json!({"ticket": {"type": "static", "principals": {"joe": {"ticket": "s3cret", "role": "anonymous"}}},
        "wampcra": {"type": "dynamic", "authenticator": "com.example.authenticate"}});
    let folder = folder(&[("config.json", &config(&transports)), ("node.log", "")]);
    assert_eq!(run(&folder, &["keys"]).code, Some(0));
    let (code, report) = migrate(&folder);
    assert_eq!((code, &report["ok"], &report["version"]), (Some(0), &json!(true), &json!(2)));
    let supported = report["supported"].as_array().unwrap();
    assert!(supported.contains(&json!({"what": "authentication `ticket`", "count": 1})), "{report}");
    let better = report["better"].to_string();
    for sentence in ["compared in constant time", "nobody finds out by a dynamic authenticator who exists"] {
        assert!(better.contains(sentence), "{better}");
    }
    let names: Vec<&Value> = report["files"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["key.priv", "key.pub", "node.log"]);
    let outcome = run(&folder, &["migrate"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.stdout.contains("This node can be started as it is"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("s3cret"));
}

#[test]
fn migrate_tells_what_is_in_the_way() {
    let mut node: Value = serde_json::from_str(&config(&rawsocket())).unwrap();
    let flash =
        json!({"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 843}, "allowed_ports": [80]});
    node["workers"].as_array_mut().unwrap().push(json!({"type": "router", "transports": [flash]}));
    node["controller"] = json!({"blockchain": {"type": "ethereum"}});
    let folder = folder(&[("config.json", &node.to_string())]);
    let (code, report) = migrate(&folder);
    assert_eq!((code, &report["ok"]), (Some(1), &json!(false)));
    let missing = report["missing"].as_array().unwrap();
    let kinds: Vec<(&Value, &Value)> = missing.iter().map(|it| (&it["kind"], &it["path"])).collect();
    assert_eq!(
        kinds,
        [
            (&json!("problem"), &json!("$.controller.blockchain")),
            (&json!("not-built"), &json!("$.workers[1].transports[0].type")),
        ]
    );
    let outcome = run(&folder, &["migrate"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("transport type `flashpolicy` is not built yet"), "{}", outcome.stdout);
}

#[test]
fn migrate_names_the_key_that_was_probably_meant() {
    let misspelled = config(&rawsocket()).replace("\"workers\"", "\"worker\"");
    let folder = folder(&[("config.json", &misspelled)]);
    let (code, report) = migrate(&folder);
    assert_eq!((code, &report["missing"][0]["nearest"]), (Some(1), &json!("workers")), "{report}");
    let outcome = run(&folder, &["migrate"]);
    assert!(
        outcome
            .stdout
            .contains("unknown key `worker` in a node configuration; did you mean `workers`? (expected "),
        "{}",
        outcome.stdout
    );
}

#[test]
fn migrate_reads_version_1_as_it_will_be() {
    let folder = folder(&[("config.json", VERSION_1)]);
    let (code, report) = migrate(&folder);
    assert_eq!((code, &report["version"], &report["missing"]), (Some(1), &json!(1), &json!([])));
    let outcome = run(&folder, &["migrate"]);
    assert!(
        outcome.stdout.contains("This node can be started after `crossweave upgrade`"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn migrate_tells_of_all_workers_and_of_components_that_need_crossbar() {
    let mut node: Value = serde_json::from_str(&config(&rawsocket())).unwrap();
    let transport =
        json!({"type": "rawsocket", "serializer": "json", "endpoint": {"type": "unix", "path": "router"}});
    let class =
        |name: &str| json!({"type": "class", "classname": name, "realm": "realm1", "transport": transport});
    let components =
        json!([class("crossbar.adapter.rest.RESTCallee"), class("app.Backend"), class("other.Backend")]);
    let options = json!({"python": "/bin/sh", "pythonpath": ["modules"]});
    let endpoint = json!({"type": "tcp", "port": 2, "interface": "127.0.0.1"});
    node["workers"].as_array_mut().unwrap().extend([
        json!({"type": "container", "options": options, "components": components}),
        json!({"type": "guest", "executable": "sh"}),
        json!({"type": "hostmonitor", "options": {"monitors": {"cpu": {}}}}),
        json!({"type": "websocket-testee", "transport": {"type": "websocket", "endpoint": endpoint}}),
    ]);
    let folder = folder(&[("config.json", &node.to_string()), ("other.py", "import os\n")]);
    fs::create_dir(folder.path().join("modules")).unwrap();
    fs::write(folder.path().join("modules/app.py"), "from crossbar.common import checkconfig\n").unwrap();
    let (code, report) = migrate(&folder);
    assert_eq!(code, Some(0), "{report}");
    let supported = report["supported"].as_array().unwrap();
    for (what, count) in [
        ("router worker", 1),
        ("container worker", 1),
        ("guest worker", 1),
        ("hostmonitor worker", 1),
        ("websocket-testee worker", 1),
        ("monitor `cpu`", 1),
        ("component in Python, `class`", 3),
    ] {
        assert!(supported.contains(&json!({"what": what, "count": count})), "{what}: {report}");
    }
    let different = report["different"].as_array().unwrap();
    let told: Vec<_> =
        different.iter().filter(|it| it["message"].to_string().contains("Crossbar.io itself")).collect();
    assert_eq!(told.len(), 2, "{report}");
    assert_eq!(told[0]["path"], r#"worker "worker002", component "component001""#);
    assert!(
        told[0]["message"].to_string().contains("RESTCallee")
            && told[1]["message"].to_string().contains("app.py")
    );
}

#[test]
fn migrate_tells_what_start_would_warn_of() {
    let endpoint = json!({"type": "tcp", "port": 2, "interface": "127.0.0.1"});
    let transport = json!([{"type": "websocket", "endpoint": endpoint, "options": {"tcp_nodelay": false}}]);
    let folder = folder(&[("config.json", &config(&transport))]);
    let (code, report) = migrate(&folder);
    assert_eq!(code, Some(0), "{report}");
    let told = &report["different"][0];
    assert_eq!(told["path"], r#"worker "worker001", transport "transport001""#);
    assert!(told["message"].to_string().contains("`tcp_nodelay` has no effect"), "{report}");
}
