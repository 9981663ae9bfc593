//! Broken configurations: each row has one culprit, marked with `§`, and says what the report must say about it.

mod authentication;
mod realms;
mod services;
mod store;
mod workers;

use crossweave_config::{Environment, Format, Problem, Problems, Severity, parse};

/// The text with its marks, the JSON path, and a part of what the report says. Several marks, several problems.
struct Case {
    text: String,
    format: Format,
    expected: Vec<(&'static str, &'static str)>,
}

fn check(case: &Case) {
    let marks: Vec<usize> =
        case.text.match_indices('§').enumerate().map(|(index, (at, mark))| at - index * mark.len()).collect();
    let text = case.text.replace('§', "");
    let problems = problems(&text, case.format);
    let shown = format!("{problems}\n--- of ---\n{}", case.text);
    assert_eq!(problems.len(), case.expected.len(), "number of problems\n{shown}");
    assert_eq!(marks.len(), case.expected.len(), "number of marks\n{shown}");
    for (problem, ((path, fragment), mark)) in problems.iter().zip(case.expected.iter().zip(marks)) {
        assert_eq!(
            problem.place.map(|place| (place.line, place.column)),
            Some(line_column(&text, mark)),
            "{shown}"
        );
        assert_eq!(problem.path, *path, "{shown}");
        let whole = sentence(problem);
        assert!(whole.contains(fragment), "`{whole}` does not contain `{fragment}`\n{shown}");
    }
}

fn problems(text: &str, format: Format) -> Problems {
    let lookup = |name: &str| match name {
        "PORT" => Some("8080".to_owned()),
        "NO_PORT" => Some("http".to_owned()),
        _ => None,
    };
    parse(text, format, "config.json", Environment::new(&lookup))
        .map(|checked| checked.warnings)
        .unwrap_or_else(|p| p)
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

fn sentence(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::NotBuilt => "not built",
        Severity::Warning => "warning",
    };
    let expected =
        problem.expected.as_ref().map_or_else(String::new, |expected| format!("; expected {expected}"));
    let nearest = problem.nearest.as_ref().map_or_else(String::new, |nearest| format!("; nearest {nearest}"));
    format!("{severity}: {}{expected}{nearest}", problem.message)
}

fn json(text: &str, path: &'static str, fragment: &'static str) {
    check(&Case { text: text.to_owned(), format: Format::Json, expected: vec![(path, fragment)] });
}

fn yaml(text: &str, path: &'static str, fragment: &'static str) {
    check(&Case { text: text.to_owned(), format: Format::Yaml, expected: vec![(path, fragment)] });
}

fn controller(inner: &str, path: &'static str, fragment: &'static str) {
    json(&format!("{{\n  \"version\": 2,\n  \"controller\": {inner}\n}}"), path, fragment);
}

fn worker(inner: &str, path: &'static str, fragment: &'static str) {
    json(&format!("{{\n  \"version\": 2,\n  \"workers\": [\n    {inner}\n  ]\n}}"), path, fragment);
}

fn router(inner: &str, path: &'static str, fragment: &'static str) {
    worker(&format!("{{\"type\": \"router\",\n      {inner}}}"), path, fragment);
}

fn realm(inner: &str, path: &'static str, fragment: &'static str) {
    router(&format!("\"realms\": [{{\"name\": \"realm1\", {inner}}}]"), path, fragment);
}

fn permission(inner: &str, path: &'static str, fragment: &'static str) {
    realm(&format!("\"roles\": [{{\"name\": \"anonymous\", \"permissions\": [{inner}]}}]"), path, fragment);
}

fn delivery(inner: &str, path: &str, fragment: &'static str) {
    let path = format!("$.workers[0].realms[0].roles[0].delivery{path}").leak();
    realm(
        &format!(r#""roles": [{{"name": "a", "allow-by-default": true, "delivery": {inner}}}]"#),
        path,
        fragment,
    );
}

const REALMS: &str =
    r#""realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}]"#;

fn transport(inner: &str, path: &'static str, fragment: &'static str) {
    router(&format!("{REALMS},\n      \"transports\": [{inner}]"), path, fragment);
}

fn endpoint(inner: &str, path: &'static str, fragment: &'static str) {
    transport(&format!(r#"{{"type": "rawsocket", "endpoint": {inner}}}"#), path, fragment);
}

const TCP: &str = r#""endpoint": {"type": "tcp", "port": 8080}"#;

fn websocket(inner: &str, path: &'static str, fragment: &'static str) {
    transport(&format!(r#"{{"type": "websocket", {TCP}, {inner}}}"#), path, fragment);
}

fn universal(inner: &str, path: &'static str, fragment: &'static str) {
    transport(&format!(r#"{{"type": "universal", {TCP}, {inner}}}"#), path, fragment);
}

#[test]
fn text_that_is_no_json() {
    json("§", "$", "the file is empty");
    json("// nothing\n§", "$", "the file is empty");
    json("§[]", "$", "the file is a list; expected an object: a node configuration");
    json("{\"version\": 2§ \"workers\": []}", "$", "a comma is missing here");
    json("{\"version\": 2, §workers: []}", "$", "a key is not in double quotes");
    json("{\"version\" §2}", "$", "a colon is missing");
    json("{\"version\": 2, \"workers\": §[", "$", "this list is never closed");
    json("§{\"version\": 2", "$", "this object is never closed");
    json("{\"version\": 2} §{}", "$", "text follows after the end");
    json("{\"version\": 2} §/* no end", "$", "this comment is never closed");
    json("{\"version\": §'2'}", "$", "a string is in single quotes");
    json("{\"version\": §two}", "$", "this is no value");
    json("{\"version\": 2, \"controller\": {\"id\": \"a§\\q\"}}", "$", "not JSON");
}

#[test]
fn text_that_is_no_yaml() {
    yaml("§", "$", "the file is empty");
    yaml("version: 2\nworkers: [§", "$", "not YAML");
    yaml("version: 2\nworkers:\n§\t- type: router\n", "$", "tabs disallowed");
    yaml("version: 2\nworkers:\n- type: router\n§\toptions: {}\n", "$", "found a tab");
    yaml("version: 2\n§---\nversion: 2\n", "$", "second document");
    yaml("version: 2\nworkers: §!mine [1]\n", "$", "unknown tag");
    yaml("version: 2\n§[a]: 1\n", "$", "a key is not a string");
}

#[test]
fn the_top_of_the_document() {
    json("§{\"workers\": []}", "$", "has no `version`: that is version 1, which is too old");
    json("{\"version\": §1}", "$.version", "version 1 is too old; expected version 2: `crossweave upgrade`");
    json("{\"version\": §3}", "$.version", "this version is not known");
    json("{\"version\": §\"2\"}", "$.version", "`version` is the string \"2\"; expected the number 2");
    json("{\"version\": 2, §\"wrokers\": []}", "$.wrokers", "unknown key `wrokers` in a node configuration");
    json("{\"version\": 2, §\"wrokers\": []}", "$.wrokers", "nearest workers");
    json(
        "{\"version\": 2, \"workers\": [],\n  §\"workers\": []}",
        "$",
        "key `workers` was given before, on line 1",
    );
    json(
        "{\"version\": 2, \"workers\": §{}}",
        "$.workers",
        "`workers` is an object; expected a list of workers",
    );
    json(
        "{\"version\": 2, \"workers\": [§1]}",
        "$.workers[0]",
        "`worker` is the number 1; expected an object",
    );
}

#[test]
fn the_controller() {
    controller(r#"{§"ident": "node1"}"#, "$.controller.ident", "unknown key `ident` in the controller");
    controller(r#"{"id": §"node one"}"#, "$.controller.id", "`node one` cannot be a node id");
    controller(r#"{"id": §""}"#, "$.controller.id", "`id` is empty");
    controller(
        r#"{"options": {"shutdown": §"shutdown_on_worker_ext"}}"#,
        "$.controller.options.shutdown",
        "nearest shutdown_on_worker_exit",
    );
    controller(
        r#"{"options": {"shutdown": ["shutdown_on_worker_exit", §5]}}"#,
        "$.controller.options.shutdown[1]",
        "`shutdown` is the number 5",
    );
    controller(
        r#"{"options": {"limits": {"max_connections": §0}}}"#,
        "$.controller.options.limits.max_connections",
        "`max_connections` is out of range: 0; expected an integer from 1 to 10000000",
    );
    controller(
        r#"{"options": {"limits": {§"max_conections": 10}}}"#,
        "$.controller.options.limits.max_conections",
        "nearest max_connections",
    );
    controller(r#"{§"manhole": {"users": [1]}}"#, "$.controller.manhole", "error: `manhole` is refused");
    controller(r#"{"fabric": §{"transport": null}}"#, "$.controller.fabric", "warning: `fabric`");
}

#[test]
fn workers() {
    worker(r#"§{"realms": []}"#, "$.workers[0]", "a worker has no `type`");
    worker(r#"{"type": §"rooter"}"#, "$.workers[0].type", "unknown type `rooter`");
    worker(r#"{"type": §"rooter"}"#, "$.workers[0].type", "nearest router");
    worker(r#"§{"type": "guest"}"#, "$.workers[0]", "has no `executable`");
    router(r#""id": §"W1""#, "$.workers[0].id", "`W1` cannot be an id; expected 3 to 64 of a-z");
    router(r#"§"realm": []"#, "$.workers[0].realm", "unknown key `realm` in a worker");
    router(r#"§"realm": []"#, "$.workers[0].realm", "nearest realms");
    router(
        r#""options": {"inline": true, "env": §{"inherit": false}}"#,
        "$.workers[0].options.env",
        "warning: `env` has no effect: an `inline` router",
    );
    router(
        r#""options": {"disabled": §"yes"}"#,
        "$.workers[0].options.disabled",
        "expected true, false or the name",
    );
    router(
        r#"§"disabled": true"#,
        "$.workers[0].disabled",
        "key `disabled` does not belong in a worker; expected it in `options`",
    );
    worker(
        r#"{"type": "router", "id": "one"}, {"type": "router", "id": §"one"}"#,
        "$.workers[1].id",
        "worker id `one` is already used on line 4",
    );
}

#[test]
fn realms() {
    router(r#""realms": [§{"roles": []}]"#, "$.workers[0].realms[0]", "a realm has no `name`");
    router(
        r#""realms": [{"name": "realm1", §"stats": {"trigger_on_join": true}}]"#,
        "$.workers[0].realms[0].stats",
        "warning: publishing statistics of sessions is not built yet: nobody gets any",
    );
    router(
        r#""realms": [{"name": §"1realm"}]"#,
        "$.workers[0].realms[0].name",
        "cannot be the name of a realm",
    );
    router(
        r#""realms": [{"name": "^user-(?P<user>[a-z]+)$", "template": true, "activation": {"max_realms": §0}}]"#,
        "$.workers[0].realms[0].activation.max_realms",
        "0",
    );
    router(
        r#""realms": [{"name": "realm1", "activation": §{"max_realms": 5}}]"#,
        "$.workers[0].realms[0].activation",
        "the realm is no template",
    );
    router(
        r#""realms": [{"name": "realm1"}, {"name": §"realm1"}]"#,
        "$.workers[0].realms[1].name",
        "realm `realm1` is already used on line 5",
    );
    realm(
        r#""options": {"uri_check": §"lose"}"#,
        "$.workers[0].realms[0].options.uri_check",
        "nearest loose",
    );
    realm(
        r#""options": {§"uri-check": "loose"}"#,
        "$.workers[0].realms[0].options[\"uri-check\"]",
        "nearest uri_check",
    );
    realm(
        r#""options": {"bridge_meta_api": §"both"}"#,
        "$.workers[0].realms[0].options.bridge_meta_api",
        "expected true or false",
    );
    realm(
        r#""options": {"event_dispatching_chunk_size": §0}"#,
        "$.workers[0].realms[0].options.event_dispatching_chunk_size",
        "out of range: 0; expected an integer from 1 to 100000 receivers",
    );
    realm(r#"§"rolls": []"#, "$.workers[0].realms[0].rolls", "warning: unknown key `rolls` in a realm");
}

#[test]
fn roles_and_permissions() {
    realm(
        r#""roles": [§{"permissions": []}]"#.replace("[]", "[{\"uri\": \"*\"}]").as_str(),
        "$.workers[0].realms[0].roles[0]",
        "a role has no `name`",
    );
    realm(
        r#""roles": [§{"name": "guest"}]"#,
        "$.workers[0].realms[0].roles[0]",
        "warning: this role may do nothing",
    );
    realm(
        r#""roles": [{"name": §"trusted", "allow-by-default": true}]"#,
        "$.workers[0].realms[0].roles[0].name",
        "role `trusted` is the router's own",
    );
    realm(
        r#""roles": [{"name": §"crossweave.internal", "allow-by-default": true}]"#,
        "$.workers[0].realms[0].roles[0].name",
        "role `crossweave.internal` is the router's own",
    );
    realm(
        r#""roles": [{"name": "a", "authorizer": §"com..authorize"}]"#,
        "$.workers[0].realms[0].roles[0].authorizer",
        "`com..authorize` is not a URI",
    );
    realm(
        r#""roles": [{"name": "a", "authorizer": "com.example.authorize", "allow-by-default": §true}]"#,
        "$.workers[0].realms[0].roles[0][\"allow-by-default\"]",
        "warning: `allow-by-default` has no effect: the authorizer decides on everything",
    );
    realm(
        r#""roles": [{"name": "a", "authorizer": §"com.example.authorize", "permissions": []}]"#,
        "$.workers[0].realms[0].roles[0].authorizer",
        "either `permissions` or an `authorizer`, not both",
    );
    delivery(r#"§{"queue": 1}"#, "", "`delivery` has no `on_slow`");
    delivery(r#"{"on_slow": §"block"}"#, ".on_slow", "unknown on_slow `block`");
    delivery(r#"{"on_slow": "drop_new", "key": §0}"#, ".key", "`key` is for `on_slow: conflate`");
    delivery(r#"{"on_slow": "conflate", "key": §64}"#, ".key", "`key` is out of range: 64");
    delivery(r#"{"on_slow": "conflate", "queue": §10001}"#, ".queue", "`queue` is out of range: 10001");
    delivery(r#"{"on_slow": "conflate", §"kye": 0}"#, ".kye", "unknown key `kye` in `delivery`");
    permission(
        r#"§{"allow": {"call": true}}"#,
        "$.workers[0].realms[0].roles[0].permissions[0]",
        "a permission has no `uri`",
    );
    permission(
        r#"{"uri": "*", §"call": true}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].call",
        "key `call` does not belong in a permission; expected it under `allow`",
    );
    permission(
        r#"{"uri": "*", "allow": {"call": §1}}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].allow.call",
        "`call` is the number 1; expected true or false",
    );
    permission(
        r#"{"uri": "*", "allow": {§"subcribe": true}}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].allow.subcribe",
        "nearest subscribe",
    );
    permission(
        r#"{"uri": "com.", "match": §"prefx"}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].match",
        "unknown match `prefx`; expected one of `exact`, `prefix`, `wildcard`; nearest prefix",
    );
    permission(
        r#"{"uri": §"com.*", "match": "prefix"}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].uri",
        "warning: a star in `com.*` means nothing when `match` is given",
    );
    permission(
        r#"{"uri": §"com.a*.b"}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].uri",
        "a star in `com.a*.b` stands for a part of a component",
    );
    permission(
        r#"{"uri": §"com..b"}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].uri",
        "`com..b` is not a URI",
    );
    permission(
        r#"{"uri": §"com.a b"}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].uri",
        "`com.a b` is not a URI",
    );
    permission(
        r#"{"uri": "*", §"validate": {"call": "x"}}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].validate",
        "validation of payloads is not built yet",
    );
    permission(
        r#"{"uri": "com.*", "trustlevel": §-1}"#,
        "$.workers[0].realms[0].roles[0].permissions[0].trustlevel",
        "`trustlevel` is out of range: -1; expected an integer from 0 to 1000000",
    );
    realm(
        r#""roles": [{"name": "a", "allow-by-default": true, "trustlevel": §"high"}]"#,
        "$.workers[0].realms[0].roles[0].trustlevel",
        "expected an integer from 0 to 1000000",
    );
    permission(
        r#"{"uri": "com.*"}, §{"uri": "com.", "match": "prefix"}"#,
        "$.workers[0].realms[0].roles[0].permissions[1]",
        "warning: this permission replaces an earlier one",
    );
}

#[test]
fn transports() {
    transport(r#"{"type": §"websockets"}"#, "$.workers[0].transports[0].type", "nearest websocket");
    transport(
        r#"{"type": §"mqtt", "endpoint": {"type": "tcp", "port": 1}, "options": {"realm": "realm1"}}"#,
        "$.workers[0].transports[0].type",
        "transport type `mqtt` is not built yet",
    );
    transport(r#"§{"type": "rawsocket"}"#, "$.workers[0].transports[0]", "a transport has no `endpoint`");
    transport(
        r#"{"type": "rawsocket", §"url": "x", "endpoint": {"type": "tcp", "port": 1}}"#,
        "$.workers[0].transports[0].url",
        "unknown key `url`",
    );
    websocket(r#""url": §"http://x""#, "$.workers[0].transports[0].url", "is not the URL of a WebSocket");
    websocket(r#""serializers": §[]"#, "$.workers[0].transports[0].serializers", "without serializers");
    websocket(
        r#""serializers": ["json", §"msgpak"]"#,
        "$.workers[0].transports[0].serializers[1]",
        "unknown serializer `msgpak`",
    );
    transport(
        r#"{"type": "rawsocket", "serializers": ["json", §"json.batched"], "endpoint": {"type": "tcp", "port": 1}}"#,
        "$.workers[0].transports[0].serializers[1]",
        "RawSocket has none",
    );
    universal(r#"§"mqqt": {}, "rawsocket": {}"#, "$.workers[0].transports[0].mqqt", "nearest mqtt");
    universal(
        r#"§"mqtt": {"options": {"realm": "realm1"}}"#,
        "$.workers[0].transports[0].mqtt",
        "MQTT is not built yet",
    );
    universal(
        r#""websocket": {§"a/b": {}}"#,
        "$.workers[0].transports[0].websocket[\"a/b\"]",
        "`a/b` cannot be a path",
    );
    universal(
        r#""websocket": {"ws": {§"endpoint": {}}}"#,
        "$.workers[0].transports[0].websocket.ws.endpoint",
        "`endpoint` does not belong",
    );
    universal(r#""web": §{}"#, "$.workers[0].transports[0].web", "the web part has no `paths`");
    universal(
        r#""websocket": {"ws": {"options": {§"on_slow": "disconnect"}}}"#,
        "$.workers[0].transports[0].websocket.ws.options.on_slow",
        "expected it in the `options` of the transport",
    );
    universal(
        r#""websocket": {"ws": {}}, §"web": {"paths": {"ws": {"type": "websocket"}}}"#,
        "$.workers[0].transports[0].web",
        "warning: path `/ws` of `web` is hidden",
    );
    universal(
        r#""web": {"paths": {"x": {"type": §"cgi", "directory": "..", "processor": "/bin/sh"}}}"#,
        "$.workers[0].transports[0].web.paths.x.type",
        "warning: web service `cgi` is not built yet: its path answers 501",
    );
    universal(
        r#""web": {"paths": {"x": {"type": §"catalog", "filename": "x.bfbs", "path": "/x"}}}"#,
        "$.workers[0].transports[0].web.paths.x.type",
        "web service `catalog` is not built yet",
    );
    universal(
        r#""web": {"paths": {"x": {"type": §"statik"}}}"#,
        "$.workers[0].transports[0].web.paths.x.type",
        "nearest static",
    );
    universal(
        r#""web": {"paths": {"x": {"type": "path", "paths": {"y": §{}}}}}"#,
        "$.workers[0].transports[0].web.paths.x.paths.y",
        "a web service has no `type`",
    );
    universal(
        r#"§"websocket": {}"#,
        "$.workers[0].transports[0].websocket",
        "warning: nothing can connect: this universal transport has no path in `websocket`, and nothing else",
    );
    transport(
        r#"§{"type": "universal", "endpoint": {"type": "tcp", "port": 1}}"#,
        "$.workers[0].transports[0]",
        "speaks nothing",
    );
    transport(
        r#"{"type": "rawsocket", "id": "abc", "endpoint": {"type": "tcp", "port": 1}}, {"type": "rawsocket", "id": §"abc", "endpoint": {"type": "tcp", "port": 2}}"#,
        "$.workers[0].transports[1].id",
        "transport id `abc` is already used",
    );
}

#[test]
fn endpoints() {
    endpoint(r#"{"type": §"tcpp", "port": 1}"#, "$.workers[0].transports[0].endpoint.type", "nearest tcp");
    endpoint(
        r#"{"type": §"onion", "port": 1}"#,
        "$.workers[0].transports[0].endpoint.type",
        "endpoint type `onion` is refused: Tor is not spoken",
    );
    endpoint(
        r#"§{"type": "tcp"}"#,
        "$.workers[0].transports[0].endpoint",
        "a listening endpoint has no `port`",
    );
    endpoint(
        r#"{"type": "tcp", "port": §70000}"#,
        "$.workers[0].transports[0].endpoint.port",
        "`port` is the number 70000; expected a port",
    );
    endpoint(
        r#"{"type": "tcp", "port": §"8080"}"#,
        "$.workers[0].transports[0].endpoint.port",
        "`port` is the string \"8080\"",
    );
    endpoint(
        r#"{"type": "tcp", "port": §"$NOT_SET"}"#,
        "$.workers[0].transports[0].endpoint.port",
        "environment variable `NOT_SET` is not set",
    );
    endpoint(
        r#"{"type": "tcp", "port": §"$NO_PORT"}"#,
        "$.workers[0].transports[0].endpoint.port",
        "`NO_PORT` holds no port",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "portrange": §[1, 2]}"#,
        "$.workers[0].transports[0].endpoint.portrange",
        "not both",
    );
    endpoint(
        r#"{"type": "tcp", "portrange": §[9000, 8000]}"#,
        "$.workers[0].transports[0].endpoint.portrange",
        "ends before it starts",
    );
    endpoint(
        r#"{"type": "tcp", "portrange": §[9000]}"#,
        "$.workers[0].transports[0].endpoint.portrange",
        "expected two ports",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "version": §5}"#,
        "$.workers[0].transports[0].endpoint.version",
        "there is no IP version 5",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "interface": §"eth0"}"#,
        "$.workers[0].transports[0].endpoint.interface",
        "`eth0` is not an IP address",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "interface": §"::1"}"#,
        "$.workers[0].transports[0].endpoint.interface",
        "expected `\"version\": 6` beside it",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "backlog": §0}"#,
        "$.workers[0].transports[0].endpoint.backlog",
        "out of range: 0",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "user_timeout": §-1}"#,
        "$.workers[0].transports[0].endpoint.user_timeout",
        "milliseconds",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": §{"certificate": "a.pem"}}"#,
        "$.workers[0].transports[0].endpoint.tls",
        "TLS settings has no `key`",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": §null}"#,
        "$.workers[0].transports[0].endpoint.tls",
        "`tls` is null; expected an object",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c", "dhparam": §"d"}}"#,
        "$.workers[0].transports[0].endpoint.tls.dhparam",
        "warning: `dhparam` has no effect",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c", §"certificats": []}}"#,
        "$.workers[0].transports[0].endpoint.tls.certificats",
        "nearest certificate",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c", "certificates": [§{"key": "k"}]}}"#,
        "$.workers[0].transports[0].endpoint.tls.certificates[0]",
        "a certificate has no `certificate`",
    );
    endpoint(
        r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c", "certificates": [§"b.pem"]}}"#,
        "$.workers[0].transports[0].endpoint.tls.certificates[0]",
        "expected an object",
    );
    endpoint(r#"§{"type": "unix"}"#, "$.workers[0].transports[0].endpoint", "has no `path`");
    endpoint(
        r#"{"type": "unix", "path": §"$HOME/x"}"#,
        "$.workers[0].transports[0].endpoint.path",
        "environment variable `HOME` is not set",
    );
    endpoint(
        r#"{"type": "unix", "path": "x", "mode": §660}"#,
        "$.workers[0].transports[0].endpoint.mode",
        "an octal number in quotes",
    );
    endpoint(
        r#"{"type": "unix", "path": "x", "mode": §"999"}"#,
        "$.workers[0].transports[0].endpoint.mode",
        "an octal number in quotes",
    );
    endpoint(
        &format!(r#"{{"type": "unix", "path": §"{}"}}"#, "x".repeat(108)),
        "$.workers[0].transports[0].endpoint.path",
        "108 bytes long",
    );
    transport(
        "{\"type\": \"rawsocket\", \"endpoint\": {\"type\": \"tcp\", \"port\": 8080}},\n{\"type\": \"websocket\", \"endpoint\": §{\"type\": \"tcp\", \"port\": 8080, \"interface\": \"127.0.0.1\"}}",
        "$.workers[0].transports[1].endpoint",
        "port 8080 is already taken by the endpoint on line 6",
    );
    transport(
        r#"{"type": "rawsocket", "endpoint": {"type": "unix", "path": "s"}}, {"type": "rawsocket", "endpoint": §{"type": "unix", "path": "s"}}"#,
        "$.workers[0].transports[1].endpoint",
        "`s` is already taken",
    );
}

#[test]
fn options_of_transports() {
    const OPTIONS: &str = "$.workers[0].transports[0].options";
    fn option(inner: &str, key: &str, fragment: &'static str) {
        let path: &'static str = Box::leak(format!("{OPTIONS}.{key}").into_boxed_str());
        websocket(&format!("\"options\": {{{inner}}}"), path, fragment);
    }
    option(
        r#""auto_ping_interval": §5"#,
        "auto_ping_interval",
        "`auto_ping_interval` is in milliseconds, 5 is too small",
    );
    option(r#""auto_ping_timeout": §-1"#, "auto_ping_timeout", "expected 0 (off) or milliseconds from 100");
    option(r#"§"auto_ping_intervall": 10000"#, "auto_ping_intervall", "nearest auto_ping_interval");
    option(r#""auto_ping_size": §3"#, "auto_ping_size", "from 4 to 125 bytes");
    option(r#""auto_ping_size": §126"#, "auto_ping_size", "from 4 to 125 bytes");
    option(r#""max_message_size": §0"#, "max_message_size", "from 1 to 67108864 bytes");
    option(r#""max_message_size": §1e9"#, "max_message_size", "`max_message_size` is the number 1e9");
    option(r#""allowed_origins": §"*""#, "allowed_origins", "expected a list of origins");
    option(
        r#""allowed_origins": [§"example.com"]"#,
        "allowed_origins[0]",
        "warning: no web page has the origin `example.com`",
    );
    option(r#""validate_utf8": §false"#, "validate_utf8", "warning: `validate_utf8` has no effect");
    option(r#""compression": {§"gzip": {}}"#, "compression.gzip", "unknown key `gzip`");
    option(
        r#""compression": {"deflate": {"max_window_bits": §8}}"#,
        "compression.deflate.max_window_bits",
        "9 to 15",
    );
    option(
        r#""compression": {"deflate": {"request_max_window_bits": §3}}"#,
        "compression.deflate.request_max_window_bits",
        "expected 0, or 9 to 15 bits",
    );
    option(r#""max_queue_bytes": §1024"#, "max_queue_bytes", "from 65536 to 1073741824 bytes");
    option(r#""on_slow": §"drop""#, "on_slow", "unknown on_slow `drop`");
    option(r#""handshake_timeout": §10"#, "handshake_timeout", "too small");
    option(r#""resumption": {"window": §0}"#, "resumption.window", "from 1 to 3600 seconds");
    option(r#""resumption": {"buffer": §1}"#, "resumption.buffer", "from 4096 to 67108864 bytes");
    option(r#""resumption": {§"tokens": 1}"#, "resumption.tokens", "unknown key `tokens`");
    option(r#""resumption": §true"#, "resumption", "expected an object");
    transport(
        &format!(r#"{{"type": "rawsocket", {TCP}, "options": {{"auto_ping_interval": §5}}}}"#),
        "$.workers[0].transports[0].options.auto_ping_interval",
        "`auto_ping_interval` is in milliseconds, 5 is too small",
    );
    transport(
        &format!(r#"{{"type": "rawsocket", {TCP}, "options": {{"max_message_size": §100}}}}"#),
        "$.workers[0].transports[0].options.max_message_size",
        "expected an integer from 512 to 16777216 bytes",
    );
}

#[test]
fn yaml_problems_have_places_too() {
    yaml(
        "version: 2\nworkers:\n  - type: router\n    §relams: []\n",
        "$.workers[0].relams",
        "nearest realms",
    );
    yaml("version: 2\nworkers:\n  - §realms: []\n", "$.workers[0]", "a worker has no `type`");
    yaml(
        "version: 2\nworkers:\n  - type: router\n    §realms:\n",
        "$.workers[0].realms",
        "`realms` is null; expected a list",
    );
    yaml(
        "# grün\nversion: 2\ncontroller: {id: grün, §idd: 1}\n".replace("id: grün", "id: g").as_str(),
        "$.controller.idd",
        "nearest id",
    );
    for star in ["*", "*.com"] {
        yaml(
            &format!("version: 2\ncontroller:\n  id: §{star}\n"),
            "$",
            "expected quotes around a text that begins with `*` or `&`, as in \"*\"",
        );
    }
    yaml(
        "version: 2\nversion: 2\n".replacen("\nv", "\n§v", 1).as_str(),
        "$",
        "key `version` was given before, on line 1",
    );
    yaml(
        "version: 2\ncontroller:\n  options:\n    enable_parallel_worker_start: §\"yes\"\n",
        "$.controller.options.enable_parallel_worker_start",
        "the string \"yes\"; expected true or false",
    );
    yaml(
        "version: 2\nworkers:\n- type: router\n  transports:\n  - type: universal\n    §rawsocket:\n    endpoint: {type: tcp, port: 1}\n",
        "$.workers[0].transports[0].rawsocket",
        "`rawsocket` is null; expected an object",
    );
    yaml(
        "version: 2\ncontroller:\n  options:\n    enable_parallel_worker_start: §!!str yes\n",
        "$.controller.options.enable_parallel_worker_start",
        "the string \"yes\"; expected true or false",
    );
}

#[test]
fn one_run_finds_every_problem() {
    check(&Case {
        text: r#"{
  "version": 2,
  §"controler": {},
  "workers": [
    {"type": §"contaner"},
    {"type": "router",
     "realms": [{"name": §"r", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
     "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": §0.5}, §"option": {}}]}
  ]
}"#
        .to_owned(),
        format: Format::Json,
        expected: vec![
            ("$.controler", "nearest controller"),
            ("$.workers[0].type", "nearest container"),
            ("$.workers[1].realms[0].name", "cannot be the name of a realm"),
            ("$.workers[1].transports[0].endpoint.port", "the number 0.5"),
            ("$.workers[1].transports[0].option", "nearest options"),
        ],
    });
}

#[test]
fn what_turns_something_on_by_being_there_is_not_null() {
    let transport = |rest: &str| {
        format!(
            "version: 2\nworkers:\n- type: router\n  realms: [{{name: realm1, roles: [{{name: anonymous, allow-by-default: true}}]}}]\n  transports:\n  - type: websocket\n{rest}"
        )
    };
    let endpoint = "    endpoint: {type: tcp, port: 1}\n";
    yaml(
        &transport("    endpoint: {type: tcp, port: 1, §tls: }\n"),
        "$.workers[0].transports[0].endpoint.tls",
        "`tls` is null; expected an object",
    );
    yaml(
        &transport(&format!("{endpoint}    options:\n      compression: {{§deflate: }}\n")),
        "$.workers[0].transports[0].options.compression.deflate",
        "`deflate` is null; expected an object",
    );
    yaml(
        &transport(&format!("{endpoint}    options:\n      §resumption:\n")),
        "$.workers[0].transports[0].options.resumption",
        "`resumption` is null; expected an object",
    );
    yaml(
        &transport(&format!("{endpoint}    auth:\n      §anonymous:\n")),
        "$.workers[0].transports[0].auth.anonymous",
        "`anonymous` is null; expected an object",
    );
    yaml(
        &transport("    endpoint: {type: tcp, port: 1}\n").replace("websocket\n", "universal\n    §web:\n"),
        "$.workers[0].transports[0].web",
        "`web` is null; expected an object",
    );
}
