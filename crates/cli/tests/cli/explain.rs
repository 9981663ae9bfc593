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
fn a_star_is_a_character_and_the_pattern_that_was_meant_is_told() {
    for (uri, meant) in [
        (
            "com.example.news.*",
            r#"note: to sessions a star is a character like others; the pattern would be "com.example.news." with --match prefix"#,
        ),
        ("com.*.created", r#"the pattern would be "com..created" with --match wildcard"#),
        ("*", r#"the pattern would be "" with --match prefix"#),
    ] {
        let outcome = explain(&["subscribe", uri, "--as", "visitor"]);
        assert!(outcome.stdout.contains(meant), "{}", outcome.stdout);
    }
    let outcome = explain(&["call", "com.example.*", "--as", "visitor"]);
    assert!(
        outcome.stdout.contains("a star is a character") && !outcome.stdout.contains("--match"),
        "{outcome:?}"
    );
    let outcome = explain(&["subscribe", "com.example.news.2*", "--as", "visitor"]);
    assert!(!outcome.stdout.contains("star"), "{}", outcome.stdout);
}

#[test]
fn an_empty_pattern_can_be_seen() {
    let outcome = explain(&["subscribe", "", "--match", "prefix", "--as", "visitor"]);
    assert!(outcome.stdout.starts_with("not allowed: subscribe \"\" (prefix)\n"), "{}", outcome.stdout);
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
    for (more, there) in
        [(&[][..], "its realms have no roles"), (&["--realm", "realm1"], r#"realm "realm1" has no roles"#)]
    {
        let ask = [&["call", "com.x", "--as", "user"], more].concat();
        let outcome = explain_of(&json!([{"name": "realm1", "roles": []}]), &ask);
        let told = format!("no role and no authid \"user\": {there}\n");
        assert!(outcome.stderr.ends_with(&told), "{}", outcome.stderr);
    }
    let outcome = explain_of(&json!([{"name": "x"}]), &["call", "com.x", "--as", "user"]);
    assert_eq!(outcome.code, Some(1), "a configuration with errors");
    assert!(outcome.stderr.contains("cannot be the name of a realm"), "{}", outcome.stderr);
}

#[test]
fn a_broken_configuration_is_told_to_programs_as_check_does() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), r#"{"version": 2, "wrokers": []}"#).unwrap();
    let of = |args: &[&str]| run(&[args, &["--json", "--cbdir", folder.path().to_str().unwrap()]].concat());
    let checked = of(&["check"]);
    for args in [&["explain", "call", "com.x", "--as", "user"][..], &["realm", "explain", "realm1"]] {
        let outcome = of(args);
        assert_eq!((outcome.code, &outcome.stdout), (Some(1), &checked.stdout), "{args:?}");
        assert_eq!(outcome.stderr, "");
        let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((&told["ok"], told["problems"].as_array().unwrap().len()), (&json!(false), 1), "{told}");
    }
}

#[test]
fn a_realm_tells_which_roles_serve_it() {
    let roles = json!([{"name": "backend", "allow-by-default": true}]);
    let realm = json!({"name": "r-[a-z]+", "template": true, "roles": roles,
        "activation": {"idle_timeout": 5, "background_authroles": ["backend"]}});
    let folder = TempDir::new().unwrap();
    let node = json!({"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": []}]});
    fs::write(folder.path().join("config.json"), node.to_string()).unwrap();
    let of = |more: &[&str]| {
        run(&[&["realm", "explain", "r-a", "--cbdir", folder.path().to_str().unwrap()], more].concat())
    };
    let told = "\n  background backend: their sessions keep no realm running\n";
    assert!(of(&[]).stdout.contains(told), "{:?}", of(&[]));
    let told: Value = serde_json::from_str(&of(&["--json"]).stdout).unwrap();
    assert_eq!(told["realms"][0]["background_authroles"], json!(["backend"]));
}

/// A template with a role template, and a principal with such a role.
fn templates() -> TempDir {
    let text = r#"
version: 2
workers:
- type: router
  realms:
  - {name: public, roles: [{name: anonymous, allow-by-default: true}]}
  - name: ^realm-(?P<user>[a-z/]+)$
    template: true
    roles:
    - name: anonymous
      permissions:
      - {uri: "com.example.{user}.", match: prefix, allow: {call: true}}
    - name: g-(?P<group>[a-z]+)
      template: true
      permissions:
      - {uri: "com.{user}.{group}.", match: prefix, allow: {publish: true}}
    - {name: nobody}
  transports:
  - type: rawsocket
    endpoint: {type: unix, path: router}
    auth: {ticket: {type: static, principals: {joe: {ticket: t, role: g-dev}}}}
"#;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.yaml"), text).unwrap();
    folder
}

#[test]
fn realms_and_roles_of_templates_are_asked_about_as_they_are_started() {
    let folder = templates();
    let ask =
        |args: &[&str]| run(&[&["explain"], args, &["--cbdir", folder.path().to_str().unwrap()]].concat());
    let alice = ["--as", "anonymous", "--realm", "realm-alice"];
    let outcome = ask(&[&["call", "com.example.alice.x"], &alice[..]].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for part in [
        "role anonymous, realm realm-alice",
        r#"permission "com.example.alice." (prefix) decides"#,
        "config.yaml:12:9 ($.workers[0].realms[1].roles[0].permissions[0])",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
    assert_eq!(ask(&[&["call", "com.example.joe.x"], &alice[..]].concat()).code, Some(2));
    for who in ["g-dev", "joe", "authid:joe", "role:g-dev"] {
        let outcome = ask(&["publish", "com.ann.dev.x", "--as", who, "--realm", "realm-ann"]);
        assert_eq!(outcome.code, Some(0), "{who}: {outcome:?}");
        assert!(outcome.stdout.contains("role g-dev, realm realm-ann"), "{}", outcome.stdout);
        assert!(
            outcome.stdout.contains("config.yaml:16:9 ($.workers[0].realms[1].roles[1].permissions[0])"),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_question_about_a_template_itself_is_answered_with_what_to_ask() {
    let folder = templates();
    let ask = |args: &[&str]| {
        run(&[&["explain", "call", "com.x"], args, &["--cbdir", folder.path().to_str().unwrap()]].concat())
    };
    for (args, told) in [
        (&["--as", "anonymous", "--realm", "^realm-(?P<user>[a-z/]+)$"][..], "is a template, and no realm"),
        (&["--as", "anonymous", "--realm", "other"], "there are public, and the templates ^realm-"),
        (&["--as", "anonymous", "--realm", "realm-a/b"], "there is no realm"),
        (&["--as", "g-dev"], "`--realm NAME` asks about a realm that a template starts"),
    ] {
        let outcome = ask(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{args:?}");
        assert!(outcome.stderr.contains(told), "{args:?}: {}", outcome.stderr);
    }
    let outcome = ask(&["--as", "stranger", "--json"]);
    let told: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert!(told["message"].as_str().unwrap().contains("stranger"), "{told}");
}

#[test]
fn a_realm_tells_what_its_roles_may_do_without_permissions() {
    let folder = templates();
    let of = |name: &str| run(&["realm", "explain", name, "--cbdir", folder.path().to_str().unwrap()]);
    let outcome = of("public");
    assert!(outcome.stdout.contains("role anonymous\n    every URI: everything"), "{}", outcome.stdout);
    let outcome = of("realm-ann");
    assert!(
        outcome.stdout.contains("com.example.ann. (prefix): call\n    every other URI: nothing"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("role nobody\n    every URI: nothing"), "{}", outcome.stdout);
}

#[test]
fn a_name_that_no_realm_can_have_is_not_told_to_be_started() {
    let realm = json!({"name": "(?P<user>.+)", "template": true, "roles": [{"name": "user", "allow-by-default": true}]});
    let folder = TempDir::new().unwrap();
    let worker = json!({"type": "router", "realms": [realm], "transports": []});
    fs::write(folder.path().join("config.json"), json!({"version": 2, "workers": [worker]}).to_string())
        .unwrap();
    let of = |name: &str| run(&["realm", "explain", name, "--cbdir", folder.path().to_str().unwrap()]);
    assert_eq!(of("alice").code, Some(0));
    for name in ["ab", "1alice", "jörg"] {
        let outcome = of(name);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stdout.contains("no realm is started: "), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("cannot be the name of a realm"), "{}", outcome.stdout);
    }
}

/// Asks about a node of two routers with the same realm, and a proxy before them.
fn explain_behind_a_proxy(more: &[&str]) -> Outcome {
    let folder = TempDir::new().unwrap();
    let router = |id: &str, uri: &str| {
        let permissions = json!([{"uri": uri, "allow": {"call": true}}]);
        json!({"type": "router", "id": id,
            "realms": [{"name": "realm1", "roles": [{"name": "user", "permissions": permissions}]}],
            "transports": [{"type": "rawsocket", "endpoint": {"type": "unix", "path": format!("{id}.sock")},
                "auth": {"anonymous-proxy": {"type": "static"}}}]})
    };
    let connection = json!({"transport": {"type": "rawsocket", "serializer": "cbor",
        "endpoint": {"type": "unix", "path": "left.sock"}}});
    let proxy = json!({"type": "proxy", "id": "proxy", "connections": {"conn": connection},
        "routes": {"realm1": {"user": "conn"}},
        "transports": [{"type": "rawsocket", "endpoint": {"type": "unix", "path": "clients.sock"},
            "auth": {"ticket": {"type": "static", "principals": {"joe": {"ticket": "t", "role": "user"}}}}}]});
    let config = json!({"version": 2,
        "workers": [router("left", "com.left.*"), router("right", "com.right.*"), proxy]});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    run(&[&["explain"], more, &["--cbdir", folder.path().to_str().unwrap()]].concat())
}

#[test]
fn worker_says_which_of_the_realms_of_one_name_is_meant() {
    let ask = ["call", "com.left.x", "--as", "user", "--realm", "realm1"];
    let outcome = explain_behind_a_proxy(&ask);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("user on realm1 of left, user on realm1 of right; `--worker` says which"),
        "{}",
        outcome.stderr
    );
    let outcome = explain_behind_a_proxy(&[&ask[..], &["--worker", "left"]].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("role user, realm realm1, worker left"), "{}", outcome.stdout);
    let outcome = explain_behind_a_proxy(&[&ask[..], &["--worker", "right"]].concat());
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let outcome = explain_behind_a_proxy(&[&ask[..], &["--worker", "proxy"]].concat());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains(r#"there is no router worker "proxy": there are left, right"#),
        "{}",
        outcome.stderr
    );
}

#[test]
fn clients_of_a_proxy_have_their_roles_on_the_routers_behind_it() {
    let outcome = explain_behind_a_proxy(&["call", "com.left.x", "--as", "joe", "--worker", "left"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stdout.contains("authid joe, role user, realm realm1, worker left"),
        "{}",
        outcome.stdout
    );
}
