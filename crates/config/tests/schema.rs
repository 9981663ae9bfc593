//! The JSON Schema takes what the reader takes, and refuses what is plainly wrong.

use crossweave_config::{Format, convert, init_template, schema};
use jsonschema::Validator;
use serde_json::{Value, json};

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).expect("it is a schema")
}

/// JSON without its comments: that is what an editor hands on.
fn json(text: &str) -> Value {
    let plain = convert(text, Format::Json, "config.json", Format::Json).expect("it is JSON").text;
    serde_json::from_str(&plain).expect("it is JSON")
}

fn errors(validator: &Validator, config: &Value) -> Vec<String> {
    validator.iter_errors(config).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn it_is_a_schema_of_draft_7() {
    assert!(jsonschema::draft7::meta::is_valid(&schema()));
}

#[test]
fn configurations_that_are_correct_are_valid() {
    let validator = validator();
    for text in [
        init_template(),
        include_str!("configs/websocket.json"),
        include_str!("configs/universal.json"),
        include_str!("configs/authentication.json"),
        include_str!("../src/schema/every_section.json"),
    ] {
        assert_eq!(errors(&validator, &json(text)), [""; 0], "{text:.60}");
    }
}

#[test]
fn wrong_keys_words_and_numbers_are_not_valid() {
    let validator = validator();
    let router = |key: &str, value: Value| {
        let mut router = json!({"type": "router"});
        router[key] = value;
        json!({"version": 2, "workers": [router]})
    };
    let transport = |transport: Value| router("transports", json!([transport]));
    for (config, place) in [
        (json!({"version": 2, "wrokers": []}), ""),
        (json!({"version": "2"}), "/version"),
        (json!({"version": 2, "workers": [{"type": "rooter"}]}), "/workers/0/type"),
        (json!({"version": 2, "workers": [{"type": "guest"}]}), "/workers/0"),
        (
            json!({"version": 2, "workers": [{"type": "guest", "executable": "a", "realms": []}]}),
            "/workers/0",
        ),
        (router("realms", json!([{"name": 1}])), "/workers/0/realms/0/name"),
        (transport(json!({"type": "websocket"})), "/workers/0/transports/0"),
        (
            transport(json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 70_000}})),
            "/workers/0/transports/0/endpoint/port",
        ),
        (
            transport(json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 1},
                "options": {"auto_ping_interval": 5}})),
            "/workers/0/transports/0/options/auto_ping_interval",
        ),
        (
            transport(json!({"type": "web", "endpoint": {"type": "tcp", "port": 1},
                "paths": {"x": {"type": "json"}, "y": {"type": "redirect", "uri": "x"}}})),
            "/workers/0/transports/0/paths/y",
        ),
    ] {
        let found = errors(&validator, &config);
        assert!(found.iter().any(|error| error.starts_with(&format!("{place}:"))), "{config}: {found:?}");
    }
}

#[test]
fn null_stands_for_a_default_and_realms_take_other_keys() {
    let config = json!({
        "version": 2,
        "controller": null,
        "workers": [{"type": "router", "options": null, "realms": [{"name": "realm1", "comment": "x", "options": null}]}],
    });
    assert_eq!(errors(&validator(), &config), [""; 0]);
}
