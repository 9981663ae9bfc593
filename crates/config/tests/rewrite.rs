//! `convert` and `upgrade`.

use crossweave_config::{Environment, Format, convert, init_template, parse, upgrade};
use serde_json::{Value, json};

fn converted(text: &str, from: Format, to: Format) -> String {
    convert(text, from, "config", to).unwrap_or_else(|problems| panic!("{problems}")).text
}

const EVERY_SECTION: &str = include_str!("../src/schema/every_section.json");

#[test]
fn there_and_back_again_is_the_same() {
    for text in [EVERY_SECTION, init_template(), include_str!("configs/universal.json")] {
        let plain = converted(text, Format::Json, Format::Json);
        let yaml = converted(text, Format::Json, Format::Yaml);
        assert_eq!(converted(&yaml, Format::Yaml, Format::Json), plain, "{yaml}");
        assert_eq!(converted(&yaml, Format::Yaml, Format::Yaml), yaml);
    }
}

#[test]
fn both_formats_mean_the_same() {
    let yaml = converted(EVERY_SECTION, Format::Json, Format::Yaml);
    let env = Environment::empty();
    let node = |text: &str, format| parse(text, format, "config", env).expect("it is correct").node;
    let (mut one, mut other) = (node(EVERY_SECTION, Format::Json), node(&yaml, Format::Yaml));
    // Paths of permissions are the same, too; only places differ, and they are not in the node.
    assert_eq!(one, other);
    one.workers.clear();
    assert_ne!(one, other);
    other.workers.clear();
    assert_eq!(one, other);
}

#[test]
fn texts_that_look_like_something_else_stay_texts() {
    for text in [
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "null",
        "~",
        "true",
        "1",
        "1.5",
        "0x1F",
        "1e3",
        "",
        " a",
        "a ",
        "a: b",
        "- a",
        "#a",
        "a #b",
        "{a}",
        "[a]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "\"a\"",
        "'a'",
        "a\nb",
        "\u{1}",
        "ü",
        "com.*",
        "${NAME}",
        "$NAME",
        "^a(?P<x>b)$",
        "2026-01-01",
        "12:30:00",
        "=",
        "<<",
        "---",
        ".5",
        ".inf",
        ".NaN",
        "\u{2028}",
    ] {
        // `<<` as a key merges, however it is written.
        let key = if text == "<<" { "b" } else { text };
        let value = json!({"a": text, key: [text, {"b": text}, [text]]});
        let yaml = converted(&value.to_string(), Format::Json, Format::Yaml);
        let back: Value = serde_json::from_str(&converted(&yaml, Format::Yaml, Format::Json)).expect("JSON");
        assert_eq!(back, value, "{yaml}");
    }
}

/// The same with one text instead of the `number`th one; none if there are not so many.
fn with_text(value: &mut Value, number: &mut usize, text: &str) -> bool {
    match value {
        Value::String(found) => {
            let is_it = *number == 0;
            if is_it {
                *found = text.to_owned();
            }
            *number = number.wrapping_sub(1);
            is_it
        }
        Value::Array(items) => items.iter_mut().any(|item| with_text(item, number, text)),
        Value::Object(entries) => entries.values_mut().any(|item| with_text(item, number, text)),
        _ => false,
    }
}

#[test]
fn words_of_yaml_mean_the_same_in_json_wherever_they_stand() {
    let env = Environment::empty();
    let mut correct = 0;
    for number in 0.. {
        let word = if number % 2 == 0 { "yes" } else { "off" };
        let mut config: Value = serde_json::from_str(EVERY_SECTION).expect("JSON");
        if !with_text(&mut config, &mut number.clone(), word) {
            break;
        }
        let quoted = converted(&config.to_string(), Format::Json, Format::Yaml);
        let yaml = quoted.replace(&format!("\"{word}\""), word);
        let Ok(read) = parse(&yaml, Format::Yaml, "config", env) else { continue };
        correct += 1;
        let json = converted(&yaml, Format::Yaml, Format::Json);
        let again = parse(&json, Format::Json, "config", env).unwrap_or_else(|why| panic!("{yaml}: {why}"));
        assert_eq!((&again.node, &again.document), (&read.node, &read.document), "{yaml}");
        // And back: what was taken for a boolean is one, and what was taken for a text is in quotes.
        let yaml = converted(&json, Format::Json, Format::Yaml);
        assert_eq!(converted(&yaml, Format::Yaml, Format::Json), json, "{yaml}");
    }
    assert!(correct > 100, "only {correct} texts could be such a word");
}

#[test]
fn words_of_version_1_are_texts_where_texts_are_expected() {
    let yaml = "workers:\n- type: router\n  realms:\n  - name: on\n    roles:\n    - name: yes\n      permissions:\n      \
        - {uri: '*', publish: yes, subscribe: no}\n";
    let json: Value = serde_json::from_str(&converted(yaml, Format::Yaml, Format::Json)).expect("JSON");
    let realm = &json["workers"][0]["realms"][0];
    assert_eq!((&realm["name"], &realm["roles"][0]["name"]), (&json!("on"), &json!("yes")));
    let permission = &realm["roles"][0]["permissions"][0];
    assert_eq!(permission, &json!({"uri": "*", "publish": true, "subscribe": false}));
}

#[test]
fn numbers_are_numbers_in_both_versions_of_yaml() {
    let yaml = converted("{\"a\": [1e5, 1E-5, 1.5e+3, 2.5, 7]}", Format::Json, Format::Yaml);
    assert_eq!(yaml, "a:\n- 1.0e+5\n- 1.0e-5\n- 1.5e+3\n- 2.5\n- 7\n");
    let back: Value = serde_json::from_str(&converted(&yaml, Format::Yaml, Format::Json)).expect("JSON");
    assert_eq!(back, json!({"a": [1e5, 1e-5, 1500.0, 2.5, 7]}));
}

#[test]
fn what_is_written_is_tidy() {
    let yaml = converted(
        r#"{"version": 2, "workers": [{"type": "router", "realms": [], "options": {"pythonpath": ["..", "."]}}]}"#,
        Format::Json,
        Format::Yaml,
    );
    assert_eq!(
        yaml,
        "version: 2\nworkers:\n- type: router\n  realms: []\n  options:\n    pythonpath:\n    - \"..\"\n    - \".\"\n"
    );
    let json = converted("a: yes\nb: [1, .5]\n", Format::Yaml, Format::Json);
    assert_eq!(json, "{\n    \"a\": true,\n    \"b\": [\n        1,\n        0.5\n    ]\n}\n");
}

#[test]
fn what_is_lost_is_said() {
    let remarks =
        |text, format| convert(text, format, "config", Format::Json).expect("it is converted").remarks;
    assert_eq!(remarks("// why\n{}", Format::Json), ["comments are not kept"]);
    assert_eq!(remarks("{}", Format::Json), [""; 0]);
    assert_eq!(remarks("a: 1 # why", Format::Yaml), ["comments are not kept"]);
}

#[test]
fn what_cannot_be_read_is_not_converted() {
    let problems = convert("a: [", Format::Yaml, "config.yaml", Format::Json).expect_err("it is broken");
    assert_eq!((problems.len(), problems.file()), (1, "config.yaml"));
    let problems =
        convert(r#"{"a": 1, "a": 2}"#, Format::Json, "config.json", Format::Yaml).expect_err("twice");
    assert!(problems.to_string().contains("key `a` was given before"), "{problems}");
}

const VERSION_1: &str = r#"{
    "controller": {},
    "workers": [{
        "type": "router",
        "realms": [{"name": "realm1", "roles": [
            {"name": "anonymous", "permissions": [
                {"uri": "com.example.*", "publish": true, "subscribe": true, "call": false},
                {"uri": "com.*.get", "call": true},
                {"uri": "com.example.add", "register": true}
            ]},
            {"name": "dynamic", "authorizer": "com.example.authorize"}
        ]}]
    }]
}"#;

#[test]
fn version_1_becomes_version_2() {
    let upgraded = upgrade(VERSION_1, Format::Json, "config.json").expect("it is of version 1");
    assert_eq!(upgraded.remarks, ["`version` is 2 now", "3 permissions now written as version 2 has them"]);
    let config: Value = serde_json::from_str(&upgraded.text).expect("JSON");
    assert!(upgraded.text.starts_with("{\n    \"version\": 2,\n"), "{}", upgraded.text);
    let permissions = &config["workers"][0]["realms"][0]["roles"][0]["permissions"];
    let rest = json!({"disclose": {"caller": false, "publisher": false}, "cache": true});
    let expected = |uri: &str, matching: &str, allow: [bool; 4]| {
        let [call, register, publish, subscribe] = allow;
        let mut permission = rest.clone();
        permission["uri"] = json!(uri);
        permission["match"] = json!(matching);
        permission["allow"] =
            json!({"call": call, "register": register, "publish": publish, "subscribe": subscribe});
        permission
    };
    assert_eq!(permissions[0], expected("com.example.", "prefix", [false, false, true, true]));
    assert_eq!(permissions[1], expected("com..get", "wildcard", [true, false, false, false]));
    assert_eq!(permissions[2], expected("com.example.add", "exact", [false, true, false, false]));
    parse(&upgraded.text, Format::Json, "config.json", Environment::empty()).expect("it is correct now");
}

#[test]
fn only_version_1_is_upgraded() {
    for (text, why) in [
        (r#"{"version": 2}"#, "of version 2 already"),
        (r#"{"version": 3}"#, "version 3 is not known"),
        (r#"{"version": "1"}"#, "`version` is not a number"),
        ("[]", "this is a list and no configuration"),
    ] {
        let problems = upgrade(text, Format::Json, "config.json").expect_err(text);
        assert!(problems.to_string().contains(why), "{text}: {problems}");
    }
}
