//! The manual, `docs/configuration*.md`, names everything that the reader knows.

use std::collections::BTreeSet;

use crossweave_config::{Environment, Format, parse, schema};
use serde_json::Value;

const MANUAL: &[&str] = &[
    include_str!("../../../docs/configuration.md"),
    include_str!("../../../docs/configuration-workers.md"),
    include_str!("../../../docs/configuration-web.md"),
];

/// Nodes in which every section has a key `zzz`, and every choice is once `zzz`.
const ASKING: &[&str] = &[
    r#"{"version": 2, "zzz": 1,
        "controller": {"zzz": 1, "options": {"zzz": 1, "shutdown": "zzz", "limits": {"zzz": 1}}},
        "workers": [{"type": "zzz"}, {"type": "router", "zzz": 1, "options": {"zzz": 1},
            "realms": [{"name": "realm1", "zzz": 1, "options": {"zzz": 1, "uri_check": "zzz"},
                "roles": [{"name": "anonymous", "zzz": 1, "delivery": {"zzz": 1, "on_slow": "zzz"}, "permissions": [
                    {"uri": "a.b", "zzz": 1, "match": "zzz", "allow": {"zzz": 1}, "disclose": {"zzz": 1}}]}]}]}]}"#,
    r#"{"version": 2, "workers": [{"type": "router", "transports": [
        {"type": "zzz"},
        {"type": "rawsocket", "endpoint": {"type": "zzz"}},
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "s", "zzz": 1}},
        {"type": "rawsocket", "zzz": 1, "serializers": ["zzz"], "options": {"zzz": 1, "on_slow": "zzz"},
            "endpoint": {"type": "tcp", "port": 1, "zzz": 1, "tls": {"key": "k", "certificate": "c", "zzz": 1,
                "certificates": [{"key": "k", "certificate": "c", "zzz": 1}]}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 2}, "zzz": 1,
            "options": {"zzz": 1, "compression": {"zzz": 1, "deflate": {"zzz": 1}}},
            "auth": {"zzz": 1, "anonymous": {"type": "static", "zzz": 1},
                "ticket": {"type": "static", "zzz": 1, "principals": {"a": {"ticket": "t", "role": "anonymous", "zzz": 1}}},
                "wampcra": {"type": "static", "zzz": 1, "users": {"a": {"secret": "t", "role": "anonymous", "zzz": 1}}},
                "scram": {"type": "static", "zzz": 1, "principals": {"a": {"kdf": "zzz", "zzz": 1}}},
                "cryptosign": {"type": "static", "zzz": 1, "principals": {"a": {"zzz": 1}}},
                "tls": {"type": "static", "zzz": 1, "principals": {"a": {"zzz": 1}}}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 7},
            "cookie": {"zzz": 1, "same_site": "zzz", "store": {"type": "file", "filename": "f", "zzz": 1}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 8},
            "cookie": {"store": {"type": "database", "path": "f", "zzz": 1}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 9}, "cookie": {"store": {"type": "zzz"}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 6}, "auth": {
            "cookie": {"zzz": 1}, "ticket": {"type": "dynamic", "zzz": 1}, "wampcra": {"type": "function", "zzz": 1}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 5}, "auth": {"anonymous": {"type": "zzz"}}},
        {"type": "universal", "endpoint": {"type": "tcp", "port": 3}, "zzz": 1, "options": {"zzz": 1}},
        {"type": "web", "endpoint": {"type": "tcp", "port": 4}, "zzz": 1, "options": {"zzz": 1}, "paths": {
            "a": {"type": "zzz"}, "b": {"type": "path", "zzz": 1, "paths": {}}}}]}]}"#,
    r#"{"version": 2, "workers": [{"type": "router", "realms": [
        {"name": "realm1", "store": {"type": "zzz"}},
        {"name": "realm2", "store": {"type": "sqlite", "path": "p", "zzz": 1,
            "event-history": [{"uri": "a.b", "match": "zzz", "zzz": 1}],
            "call-queue": [{"uri": "a.b", "match": "zzz", "zzz": 1}]}}]}]}"#,
];

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// All keys and words the reader offers instead of `zzz`.
fn offered() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for text in ASKING {
        let problems =
            parse(text, Format::Json, "asking", Environment::empty()).expect_err("`zzz` is unknown");
        let answers: Vec<_> = problems
            .iter()
            .filter(|it| it.message.contains("unknown") && it.message.contains("`zzz`"))
            .collect();
        assert_eq!(answers.len(), text.matches("zzz").count(), "one answer for each `zzz`: {problems}");
        let expected = answers.iter().filter_map(|answer| answer.expected.as_deref());
        known.extend(expected.flat_map(quoted).map(str::to_owned));
    }
    known
}

/// All keys and words of the schema, which the reader makes itself.
fn in_schema(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => words.extend(properties.keys().cloned()),
                    ("const", Value::String(word)) => drop(words.insert(word.clone())),
                    ("enum", Value::Array(list)) => {
                        words.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                in_schema(value, words);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| in_schema(value, words)),
        _ => {}
    }
}

#[test]
fn every_key_and_every_word_is_in_the_manual() {
    let mut known = offered();
    in_schema(&schema(), &mut known);
    assert!(known.contains("max_queue_bytes") && known.contains("shutdown_on_worker_exit"));
    let documented: BTreeSet<&str> = MANUAL
        .iter()
        .flat_map(|page| page.lines())
        .filter(|line| !line.starts_with("    "))
        .flat_map(quoted)
        .collect();
    let missing: Vec<_> = known.iter().filter(|word| !documented.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "docs/configuration*.md does not name {missing:?}");
}
