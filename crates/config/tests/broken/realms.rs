//! Broken templates, links and other parts of realms, and of the controller.

use crossweave_config::Format;

use super::{Case, check, controller, json, worker};

/// A disabled router with one realm: what is not built yet does not matter there.
fn realm(inner: &str, rest: &str, fragment: &'static str) {
    let text = format!(
        "{{\n\"version\": 2, \"workers\": [{{\"type\": \"router\", \"options\": {{\"disabled\": true}}, \"realms\": [{{{inner}}}]}}]}}"
    );
    json(&text, format!("$.workers[0].realms[0]{rest}").leak(), fragment);
}

#[test]
fn templates() {
    realm(
        r#""name": §"realm-(?P<user>[a-z", "template": true"#,
        ".name",
        "this is no regular expression: unclosed character class",
    );
    realm(r#""name": §"realm-(?=x)", "template": true"#, ".name", "look-around");
    realm(r#""name": §"^.*$", "template": true"#, ".name", "warning: this template matches every name");
    realm(r#""name": "realm-x", "template": §"yes""#, ".template", "expected true or false");
    realm(
        r#""name": "realm-(?P<user>[a-z]+)", "template": true, "roles": [{"name": "a", "permissions": [{"uri": §"com.{usr}.x"}]}]"#,
        ".roles[0].permissions[0].uri",
        "no template around has a group `usr`; expected `user`; nearest user",
    );
    realm(
        r#""name": "realm-(?P<user>[a-z]+)", "template": true, "roles": [{"name": "a", "authorizer": §"com.{x}.authorize"}]"#,
        ".roles[0].authorizer",
        "no template around has a group `x`",
    );
    realm(
        r#""name": "realm1", "roles": [{"name": "team-(?P<team>[a-z]+)", "template": true, "permissions": [{"uri": §"com.{user}.x"}]}]"#,
        ".roles[0].permissions[0].uri",
        "no template around has a group `user`; expected `team`",
    );
    realm(
        r#""name": "realm1", "roles": [{"name": §"team-(", "template": true, "allow-by-default": true}]"#,
        ".roles[0].name",
        "this is no regular expression",
    );
}

#[test]
fn links_statistics_and_types() {
    const TRANSPORT: &str = r#""transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}}"#;
    realm(r#""name": "realm1", "rlinks": §{}"#, ".rlinks", "expected a list");
    realm(&format!(r#""name": "realm1", "rlinks": [§{{{TRANSPORT}}}]"#), ".rlinks[0]", "has no `realm`");
    realm(r#""name": "realm1", "rlinks": [§{"realm": "realm1"}]"#, ".rlinks[0]", "has no `transport`");
    realm(
        &format!(
            r#""name": "realm1", "rlinks": [{{"realm": "realm1", §"forward_events": true, {TRANSPORT}}}]"#
        ),
        ".rlinks[0].forward_events",
        "unknown key `forward_events`",
    );
    realm(
        &format!(
            r#""name": "realm1", "rlinks": [{{"realm": "realm1", "exclude_authid": §"joe", {TRANSPORT}}}]"#
        ),
        ".rlinks[0].exclude_authid",
        "expected a list of authids",
    );
    realm(
        &format!(
            r#""name": "realm1", "rlinks": [{{"realm": "realm1", "auth": {{"tls": §{{}}}}, {TRANSPORT}}}]"#
        ),
        ".rlinks[0].auth.tls",
        "a link cannot log in by `tls`",
    );
    realm(
        &format!(
            r#""name": "realm1", "rlinks": [{{"realm": "realm1", "auth": {{"ticket": §{{"authid": "a"}}}}, {TRANSPORT}}}]"#
        ),
        ".rlinks[0].auth.ticket",
        "has no `ticket`",
    );
    realm(
        &format!(
            r#""name": "realm1", "rlinks": [{{"realm": "realm1", "auth": §{{"anonymous": {{}}, "cryptosign-proxy": {{}}}}, {TRANSPORT}}}]"#
        ),
        ".rlinks[0].auth",
        "by one method",
    );
    realm(
        &format!(r#""name": "realm1", "rlinks": [{{"realm": "realm1", "auth": §"anonymous", {TRANSPORT}}}]"#),
        ".rlinks[0].auth",
        "expected an object: how a link logs in",
    );
    realm(
        r#""name": "realm1", "stats": {"rated_message_size": §3}"#,
        ".stats.rated_message_size",
        "expected an even number",
    );
    realm(
        r#""name": "realm1", "stats": {"trigger_on_join": §1}"#,
        ".stats.trigger_on_join",
        "expected true or false",
    );
    realm(r#""name": "realm1", "inventory": {"type": §"wamp"}"#, ".inventory.type", "unknown type `wamp`");
    realm(
        r#""name": "realm1", "inventory": {"catalogs": [§{}]}"#,
        ".inventory.catalogs[0]",
        "either a `bfbs` or an `archive`",
    );
    realm(
        r#""name": "realm1", "inventory": {"catalogs": [{§"address": "0x0"}]}"#,
        ".inventory.catalogs[0].address",
        "on a blockchain",
    );
    realm(
        r#""name": "realm1", "roles": [{"name": "a", "permissions": [{"uri": "a.b", "validate": {§"cal": "x"}}]}]"#,
        ".roles[0].permissions[0].validate.cal",
        "nearest call",
    );
}

#[test]
fn the_controller_too() {
    controller(
        r#"{§"blockchain": {"type": "ethereum"}}"#,
        "$.controller.blockchain",
        "`blockchain` is refused: Crossweave uses no blockchain",
    );
    controller(r#"{§"cdc": {"key": "k"}}"#, "$.controller.cdc", "a management service that is no more");
    controller(r#"{"enable_docker": §"yes"}"#, "$.controller.enable_docker", "expected true or false");
    for (text, paths) in [
        (
            r#"{"keyring": §{"type": §"files"}}"#,
            [("$.controller.keyring", "has no effect"), ("$.controller.keyring.type", "nearest file")],
        ),
        (
            r#"{"fabric": §{"heartbeat": {"heartbeat_period": §0}}}"#,
            [
                ("$.controller.fabric", "the management uplink is not built yet"),
                ("$.controller.fabric.heartbeat.heartbeat_period", "from 1 to 86400 seconds"),
            ],
        ),
        (
            r#"{"fabric": §{"transport": {"type": §"mqtt"}}}"#,
            [
                ("$.controller.fabric", "the management uplink is not built yet"),
                ("$.controller.fabric.transport.type", "unknown type `mqtt`"),
            ],
        ),
    ] {
        let text = format!("{{\"version\": 2, \"controller\": {text}}}");
        check(&Case { text, format: Format::Json, expected: paths.to_vec() });
    }
}

#[test]
fn roles_of_an_activation() {
    let realm = |activation: &str| {
        format!(
            "{{\"type\": \"router\", \"realms\": [{{\"name\": \"r-[a-z]+\", \"template\": true, \"activation\": {activation}, \
             \"roles\": [{{\"name\": \"user\", \"allow-by-default\": true}}]}}]}}"
        )
    };
    let path = "$.workers[0].realms[0].activation";
    for key in ["authroles", "background_authroles"] {
        let path: &'static str = Box::leak(format!("{path}.{key}[1]").into_boxed_str());
        let told = "no role of this template is `usr`; expected `user`; nearest user";
        worker(&realm(&format!("{{\"{key}\": [\"user\", §\"usr\"]}}")), path, told);
    }
    let without = r#"{"type": "router", "realms": [{"name": "r-[a-z]+", "template": true, "activation": {"authroles": [§"zzz"]}}]}"#;
    let path = "$.workers[0].realms[0].activation.authroles[0]";
    worker(without, path, "no role of this template is `zzz`: it has no roles");
    worker(&realm("{§\"idle\": 5}"), "$.workers[0].realms[0].activation.idle", "nearest idle_timeout");
}
