//! `crossweave explain`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, run};

const TWO_ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-roles/.crossbar");

/// Asks about `examples/two-roles`.
fn explain(args: &[&str]) -> Outcome {
    run(&[&["explain"], args, &["--cbdir", TWO_ROLES]].concat())
}

/// Asks about a node with these realms.
fn explain_of(realms: &Value, more: &[&str]) -> Outcome {
    let folder = TempDir::new().unwrap();
    let worker = |realms: &Value| {
        json!({"type": "router", "realms": realms, "transports": [{"type": "rawsocket",
            "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"},
            "auth": {"anonymous": {"type": "static", "role": "user", "authid": "guest"}}}]})
    };
    let config = json!({"version": 2, "workers": [worker(realms)]});
    fs::write(folder.path().join("config.json"), serde_json::to_string_pretty(&config).unwrap()).unwrap();
    run(&[&["explain"], more, &["--cbdir", folder.path().to_str().unwrap()]].concat())
}

#[test]
fn what_is_allowed_names_the_permission_and_its_line() {
    let outcome = explain(&["subscribe", "com.example.news.today", "--as", "visitor"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{}", outcome.stdout);
    for part in [
        "allowed: subscribe com.example.news.today\n",
        "role visitor, realm realm1, worker worker001",
        r#"permission "com.example.news." (prefix) decides"#,
        "two-roles/.crossbar/config.yaml:9:17 ($.workers[0].realms[0].roles[0].permissions[0])",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
}

#[test]
fn what_is_not_allowed_ends_with_two() {
    let outcome = explain(&["publish", "com.example.news.today", "--as", "visitor"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stdout.starts_with("not allowed: publish"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("does not allow `publish`"), "{}", outcome.stdout);
    let outcome = explain(&["call", "com.other", "--as", "role:visitor"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stdout.contains("no permission of the role matches"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("config.yaml:7:13"), "the role itself: {}", outcome.stdout);
    let outcome = explain(&["subscribe", "com.example.", "--match", "prefix", "--as", "visitor"]);
    assert_eq!(outcome.code, Some(2), "more than the permission has: {}", outcome.stdout);
    let outcome = explain(&["register", "wamp.session.count", "--as", "backend"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stdout.contains("the router's own"), "{}", outcome.stdout);
}

#[test]
fn disclosure_is_said() {
    let outcome = explain(&["call", "com.example.api.add", "--as", "backend"]);
    assert!(outcome.stdout.contains("disclosed always"), "{}", outcome.stdout);
    let outcome = explain(&["call", "com.example.api.add", "--as", "visitor"]);
    assert!(outcome.stdout.contains("disclosed if it asks for it"), "{}", outcome.stdout);
}

#[test]
fn the_answer_is_there_for_programs_too() {
    let outcome =
        explain(&["subscribe", "com.example.news.", "--match", "prefix", "--as", "visitor", "--json"]);
    let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (outcome.code, &answer["allowed"], &answer["reason"]),
        (Some(0), &json!(true), &json!("permission"))
    );
    let permission = &answer["permission"];
    assert_eq!((&permission["line"], &permission["match"]), (&json!(9), &json!("prefix")));
    assert!(permission["file"].as_str().unwrap().ends_with("config.yaml"));
}

#[test]
fn a_permission_that_denies_a_part_is_named() {
    let realms = json!([{"name": "realm1", "roles": [{"name": "user", "permissions": [
        {"uri": "com.*", "allow": {"subscribe": true}}, {"uri": "com.secret", "allow": {"call": true}}]}]}]);
    let outcome = explain_of(&realms, &["subscribe", "com.", "--match", "prefix", "--as", "guest"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stdout.contains("authid guest, role user"), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains(r#""com.secret" (exact) does not allow `subscribe` for a part"#),
        "{}",
        outcome.stdout
    );
}

#[test]
fn an_authid_that_does_not_get_its_role_is_told_why() {
    let role = |authmethods: Value| json!([{"name": "realm1", "roles": [{"name": "user", "allow-by-default": true, "authmethods": authmethods}]}]);
    let ask = |realms: &Value, who: &str| explain_of(realms, &["call", "com.example.api", "--as", who]);
    let strict = role(json!(["cryptosign"]));
    let outcome = ask(&strict, "guest");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let told = r#"authid "guest" cannot join: it logs in by `anonymous`, and role "user" is given by other"#;
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    assert_eq!(ask(&strict, "user").code, Some(0), "the role itself may");
    assert_eq!(ask(&role(json!(["anonymous"])), "guest").code, Some(0));
}

#[test]
fn an_authorizer_is_named_and_decides_later() {
    let realms =
        json!([{"name": "realm1", "roles": [{"name": "user", "authorizer": "com.example.authorize"}]}]);
    let outcome = explain_of(&realms, &["call", "com.x", "--as", "user", "--json"]);
    let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, &answer["allowed"]), (Some(3), &Value::Null));
    assert_eq!(
        (&answer["reason"], &answer["authorizer"]),
        (&json!("authorizer"), &json!("com.example.authorize"))
    );
}

#[test]
fn what_cannot_be_asked_is_said() {
    let user = json!([{"name": "user", "allow-by-default": true}]);
    let two = json!([{"name": "realm1", "roles": user}, {"name": "realm2", "roles": user}]);
    let cases: [(&[&str], &str); 6] = [
        (&["call", "com.x", "--as", "nobody"], r#"no role and no authid "nobody": there are the roles user"#),
        (&["call", "com.x", "--as", "authid:user"], "no role and no authid"),
        (&["call", "com.x", "--as", "user"], "user on realm1 of worker001, user on realm2 of worker001"),
        (
            &["call", "com.x", "--as", "user", "--realm", "realm3"],
            r#"no realm "realm3": there are realm1, realm2"#,
        ),
        (&["call", "com..x", "--as", "user", "--realm", "realm1"], "com..x"),
        (&["call", "com.", "--as", "user", "--match", "prefix"], "--match is for subscribe and register"),
    ];
    for (args, part) in cases {
        let outcome = explain_of(&two, args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{args:?}");
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    let outcome = explain_of(&two, &["call", "com.x", "--as", "guest", "--realm", "realm2"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let outcome = explain_of(&json!([{"name": "x"}]), &["call", "com.x", "--as", "user"]);
    assert_eq!(outcome.code, Some(1), "a configuration with errors");
    assert!(outcome.stderr.contains("cannot be the name of a realm"), "{}", outcome.stderr);
}
