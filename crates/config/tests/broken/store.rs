//! Stores of realms.

use super::{controller, json, realm};

const STORE: &str = "$.workers[0].realms[0].store";
const EVENTS: &str = "$.workers[0].realms[0].store[\"event-history\"]";

fn history(rule: &str, path: &'static str, fragment: &'static str) {
    realm(&format!(r#""store": {{"type": "memory", "event-history": [{rule}]}}"#), path, fragment);
}

#[test]
fn types_of_stores() {
    realm(r#""store": §[]"#, STORE, "`store` is a list");
    realm(r#""store": §{"limit": 5}"#, STORE, "the store of a realm has no `type`");
    const TYPE: &str = "$.workers[0].realms[0].store.type";
    realm(
        r#""store": {"type": §"sqllite"}"#,
        TYPE,
        "unknown type `sqllite`; expected one of `memory`, `sqlite`, `rust`; nearest sqlite",
    );
    realm(r#""store": {"type": §"cfxdb"}"#, TYPE, "cannot be read; expected `sqlite`");
    let rules = r#""event-history": [{"uri": "com.x"}]"#;
    realm(&format!(r#""store": §{{"type": "sqlite", {rules}}}"#), STORE, "has no `path`");
    realm(
        &format!(r#""store": {{"type": "sqlite", "path": §"", {rules}}}"#),
        "$.workers[0].realms[0].store.path",
        "`path` is empty",
    );
    realm(
        r#""store": {"type": "memory", §"path": "events.db"}"#,
        "$.workers[0].realms[0].store.path",
        "unknown key `path`",
    );
    realm(r#""store": §{"type": "sqlite", "path": "a.db"}"#, STORE, "warning: this store keeps nothing");
    realm(&format!(r#""store": §{{"type": "rust", {rules}}}"#), STORE, "has no `name`");
    realm(r#""store": §{"type": "rust", "name": "ledger"}"#, STORE, "warning: this store keeps nothing");
    for key in ["maxsize", "readonly", "sync", "max-buffer", "buffer-flush"] {
        let path = match key {
            "max-buffer" => "$.workers[0].realms[0].store[\"max-buffer\"]",
            "buffer-flush" => "$.workers[0].realms[0].store[\"buffer-flush\"]",
            "maxsize" => "$.workers[0].realms[0].store.maxsize",
            "readonly" => "$.workers[0].realms[0].store.readonly",
            _ => "$.workers[0].realms[0].store.sync",
        };
        let store = format!(r#""store": {{"type": "sqlite", "path": "a.db", {rules}, "{key}": §1}}"#);
        realm(&store, path, "warning: ");
    }
    realm(
        r#""store": {"type": "memory", "limit": §0}"#,
        "$.workers[0].realms[0].store.limit",
        "out of range: 0; expected an integer from 1 to 1000000 events",
    );
}

#[test]
fn each_realm_has_a_file_of_its_own() {
    let rules = r#""event-history": [{"uri": "com.x"}]"#;
    json(
        &format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "realms": [
                {{"name": "realm1", "store": {{"type": "sqlite", "path": "a.db", {rules}}}}},
                {{"name": "realm2", "store": {{"type": "sqlite", "path": §"a.db", {rules}}}}}]}}]}}"#
        ),
        "$.workers[0].realms[1].store.path",
        "another realm keeps its events in this file, on line 2; expected a file for each realm",
    );
}

#[test]
fn rules_of_the_event_history() {
    const RULE: &str = "$.workers[0].realms[0].store[\"event-history\"][0]";
    const URI: &str = "$.workers[0].realms[0].store[\"event-history\"][0].uri";
    realm(r#""store": {"type": "memory", "event-history": §{}}"#, EVENTS, "expected a list of rules");
    history(r#"§"com.x""#, RULE, "expected an object: a rule of the event history");
    history("§{}", RULE, "a rule of the event history has no `uri`");
    history(r#"{"uri": §5}"#, URI, "`uri` is the number 5; expected a URI");
    history(r#"{"uri": §"com..x"}"#, URI, "`com..x` is not a URI");
    history(r#"{"uri": §"com.*"}"#, URI, "warning: a star in `com.*` means nothing here");
    history(
        r#"{"uri": "com.x", "match": §"prefx"}"#,
        "$.workers[0].realms[0].store[\"event-history\"][0].match",
        "nearest prefix",
    );
    history(
        r#"{"uri": "com.x", "limit": §1000001}"#,
        "$.workers[0].realms[0].store[\"event-history\"][0].limit",
        "expected an integer from 1 to 1000000 events",
    );
    history(
        r#"{"uri": "com.x", "bytes": §100}"#,
        "$.workers[0].realms[0].store[\"event-history\"][0].bytes",
        "expected an integer from 1024 to 68719476736 bytes",
    );
    history(
        r#"{"uri": "com.x", "age": §0}"#,
        "$.workers[0].realms[0].store[\"event-history\"][0].age",
        "expected an integer from 1 to 315360000 seconds",
    );
    history(
        r#"{"uri": "com.x", §"max_age": 5}"#,
        "$.workers[0].realms[0].store[\"event-history\"][0].max_age",
        "unknown key `max_age` in a rule of the event history",
    );
    history(
        r#"{"uri": "com.x"}, {"uri": "com.x", "match": "prefix"}, {"uri": §"com.x", "match": "exact"}"#,
        "$.workers[0].realms[0].store[\"event-history\"][2].uri",
        "there is a rule for `com.x` with this `match` already, on line",
    );
    let many: Vec<_> = (0..1_000).map(|n| format!(r#"{{"uri": "com.x{n}"}}"#)).collect();
    history(
        &format!(r#"{}, §{{"uri": "com.y"}}"#, many.join(", ")),
        "$.workers[0].realms[0].store[\"event-history\"][1000]",
        "`event-history` has 1001 rules; expected at most 1000",
    );
}

#[test]
fn rules_of_the_call_queue() {
    realm(
        r#""store": {"type": "memory", "call-queue": [{"uri": "com.x", "limit": §-1}]}"#,
        "$.workers[0].realms[0].store[\"call-queue\"][0].limit",
        "out of range: -1; expected an integer from 0 to 1000000 calls",
    );
    realm(
        r#""store": {"type": "memory", "call-queue": [{"uri": "com.x", §"age": 1}]}"#,
        "$.workers[0].realms[0].store[\"call-queue\"][0].age",
        "unknown key `age` in a rule of the call queue",
    );
}

#[test]
fn limits_of_what_realms_keep() {
    let cases = [
        ("max_queued_calls_per_registration", 1_000_001, "0 to 1000000"),
        ("max_retained_events", -1, "0 to 10000000"),
        ("max_retained_bytes", -1, "0 to 68719476736 bytes"),
        ("max_retained_age", 0, "1 to 315360000 seconds"),
        ("max_history_result", 0, "1 to 100000"),
        ("max_history_result_bytes", 5, "1024 to 16777216 bytes"),
        ("max_decisions", -1, "0 to 1000000"),
        ("max_decision_age", 86_401, "1 to 86400 seconds"),
    ];
    for (key, value, fragment) in cases {
        let path = format!("$.controller.options.limits.{key}").leak();
        controller(&format!(r#"{{"options": {{"limits": {{"{key}": §{value}}}}}}}"#), path, fragment);
    }
}
