//! Configurations in the manner of those that Crossbar.io publishes as examples: each is correct or is refused with the right
//! sentence. `docs/crossbar-examples.md` has the list of the examples themselves.

use crossweave_config::{Environment, Format, Problems, Severity, parse, upgrade};
use serde_json::{Value, json};

/// What comes of an example.
struct Example {
    name: &'static str,
    config: Value,
    /// Parts of the sentences about what is not built yet, in order.
    not_built: &'static [&'static str],
    /// Parts of the errors, in order.
    errors: &'static [&'static str],
}

fn allow_all() -> Value {
    json!({"uri": "", "match": "prefix", "cache": true,
        "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
        "disclose": {"caller": false, "publisher": false}})
}

fn realm(roles: &[&str]) -> Value {
    let roles: Vec<Value> =
        roles.iter().map(|name| json!({"name": name, "permissions": [allow_all()]})).collect();
    json!({"name": "realm1", "roles": roles})
}

fn web(paths: Value) -> Value {
    json!({"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": paths})
}

fn router(realm: Value, transports: Value) -> Value {
    json!({"type": "router", "options": {"pythonpath": [".."]}, "realms": [realm], "transports": transports})
}

fn node(workers: Value) -> Value {
    json!({"version": 2, "controller": {}, "workers": workers})
}

fn page() -> Value {
    json!({"/": {"type": "static", "directory": "../web"}, "ws": {"type": "websocket"}})
}

fn connect() -> Value {
    json!({"type": "websocket", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8080}, "url": "ws://127.0.0.1:8080/ws"})
}

fn hello() -> Vec<Example> {
    let basic = || router(realm(&["anonymous"]), json!([web(page())]));
    let mut embedded = basic();
    embedded["components"] =
        json!([{"type": "class", "classname": "hello.AppSession", "realm": "realm1", "role": "anonymous"}]);
    let container = json!({"type": "container", "options": {"pythonpath": [".."]}, "components": [
        {"type": "class", "classname": "hello.AppSession", "realm": "realm1", "transport": connect()}]});
    let guest = json!({"type": "guest", "executable": "node", "arguments": ["hello.js"], "options": {
        "workdir": "../node", "watch": {"directories": ["../node"], "action": "restart"}}});
    vec![
        Example { name: "hello/browser", config: node(json!([basic()])), not_built: &[], errors: &[] },
        Example {
            name: "hello/python (embedded)",
            config: node(json!([embedded])),
            not_built: &[],
            errors: &[],
        },
        Example {
            name: "hello/python (container)",
            config: node(json!([basic(), container])),
            not_built: &[],
            errors: &[],
        },
        Example { name: "hello/nodejs", config: node(json!([basic(), guest])), not_built: &[], errors: &[] },
    ]
}

fn authentication() -> Vec<Example> {
    let with = |auth: Value, roles: &[&str]| {
        node(json!([router(
            realm(roles),
            json!([web(
                json!({"ws": {"type": "websocket", "auth": auth, "cookie": {"store": {"type": "file", "filename": "cookies.dat"}}}})
            )])
        )]))
    };
    let users = json!({"client1": {"secret": "secret123", "role": "frontend"},
        "client2": {"secret": "secret123", "role": "frontend", "salt": "salt123", "iterations": 100, "keylen": 16}});
    let cookie = json!({"wampcra": {"type": "static", "users": users}, "cookie": {}});
    let scram = json!({"scram": {"type": "static", "principals": {"foobar@example.com": {"role": "user", "iterations": 4096,
        "kdf": "argon2id-13", "memory": 512, "salt": "00112233445566778899aabbccddeeff",
        "server-key": "0".repeat(63) + "1", "stored-key": "0".repeat(63) + "2"}}}});
    let function = json!({"ticket": {"type": "function", "create": "authenticator.create", "expose_controller": true, "config": {"dbname": "foo"}}});
    let trustroot =
        json!({"cryptosign": {"type": "static", "trustroots": {"0x0": {"certificate": "a.crt"}}}});
    vec![
        Example {
            name: "authentication/cookie",
            config: with(cookie, &["frontend"]),
            not_built: &[],
            errors: &[],
        },
        Example { name: "authentication/scram", config: with(scram, &["user"]), not_built: &[], errors: &[] },
        Example {
            name: "authentication/ticket/function",
            config: with(function, &["user"]),
            not_built: &[],
            errors: &[],
        },
        Example {
            name: "authentication/cryptosign/trustroot",
            config: with(trustroot, &["device"]),
            not_built: &[],
            errors: &["trustroots"],
        },
    ]
}

fn services_and_transports() -> Vec<Example> {
    let archive = json!({"type": "archive", "archive": "autobahn.zip", "origin": "https://example.com/autobahn.zip",
        "object_prefix": "autobahn", "default_object": "autobahn.min.js", "download": true, "cache": true,
        "hashes": ["f".repeat(64)], "mime_types": {".min.js": "text/javascript", ".jgz": "text/javascript"}});
    let paths = json!({"/": {"type": "wsgi", "module": "django_project.wsgi", "object": "application"},
        "notify": {"type": "publisher", "realm": "realm1", "role": "anonymous"},
        "call": {"type": "caller", "realm": "realm1", "role": "anonymous", "options": {"debug": true}},
        "webhook": {"type": "webhook", "realm": "realm1", "role": "anonymous", "options": {"topic": "com.myapp.topic1"}},
        "info": {"type": "nodeinfo"}, "shared": archive, "ws": {"type": "websocket", "debug": false}});
    let mqtt = |options: Value| {
        node(json!([router(
            realm(&["anonymous"]),
            json!([{"type": "mqtt", "endpoint": {"type": "tcp", "port": 1883}, "options": options}])
        )]))
    };
    let mapped = json!({"realm": "realm1", "role": "anonymous", "payload_mapping": {"": {
        "type": "dynamic", "realm": "realm1", "encoder": "com.example.encode", "decoder": "com.example.decode"}}});
    let old = json!({"realm": "realm1", "role": "anonymous", "payload_format": "passthrough"});
    let testee = json!({"type": "websocket-testee", "options": {"cpu_affinity": [0]}, "transport": {
        "type": "websocket", "endpoint": {"type": "tcp", "port": 8080, "backlog": 2048, "shared": true},
        "url": "ws://localhost:8080", "options": {"compression": {"deflate": {}}}}});
    vec![
        Example {
            name: "django, rest",
            config: node(json!([router(realm(&["anonymous"]), json!([web(paths)]))])),
            not_built: &[],
            errors: &[],
        },
        Example {
            name: "mqtt/basic/dynamic",
            config: mqtt(mapped),
            not_built: &["transport type `mqtt`"],
            errors: &[],
        },
        Example {
            name: "mqtt (older)",
            config: mqtt(old),
            not_built: &["transport type `mqtt`"],
            errors: &["`payload_format` does not belong"],
        },
        Example { name: "benchmark/websocket", config: node(json!([testee])), not_built: &[], errors: &[] },
    ]
}

fn nodes() -> Vec<Example> {
    let socket = json!({"type": "unix", "path": "crossbar.sock"});
    let behind = json!({"type": "rawsocket", "endpoint": socket, "serializers": ["cbor"], "auth": {
        "anonymous": {"type": "static", "realm": "realm1", "role": "backend"}, "anonymous-proxy": {"type": "static"}}});
    let proxy = json!({"type": "proxy", "options": {"env": {"inherit": ["MYSECRET"]}},
        "connections": {"conn1": {"transport": {"type": "rawsocket", "endpoint": socket, "url": "ws://localhost", "serializer": "cbor"}}},
        "routes": {"realm1": {"anonymous": "conn1", "frontend": "conn1"}},
        "transports": [{"type": "web", "endpoint": {"type": "tcp", "port": 8080, "shared": true}, "paths": page()}]});
    let mut market = node(json!([{"id": "xbrmm1", "type": "xbrmm", "makers": []}]));
    market["controller"] = json!({"enable_docker": false, "fabric": {"transport": {"type": "websocket", "url": "ws://localhost:9000/ws",
        "endpoint": {"type": "tcp", "host": "master", "port": 9000, "timeout": 5}}}});
    let mut stored = realm(&["anonymous"]);
    stored["id"] = json!("io.crossbar.demo");
    stored["store"] = json!({"type": "memory", "limit": 2000, "event-history": [{"uri": "a.b"}],
        "call-queue": [{"uri": "com.example.compute", "match": "exact", "limit": 1000}]});
    let mut database = realm(&["anonymous"]);
    database["store"] = json!({"type": "cfxdb", "path": "../.testdb"});
    let mut typed = realm(&["anonymous"]);
    typed["inventory"] = json!({"type": "wamp.eth", "catalogs": [{"archive": "trading.zip"}]});
    let restarting = json!({"type": "container", "options": {"shutdown": "shutdown-on-last-component-stopped", "restart": "restart-always"}});
    vec![
        Example {
            name: "proxy",
            config: node(json!([router(realm(&["anonymous", "backend"]), json!([behind])), proxy])),
            not_built: &[],
            errors: &[],
        },
        Example { name: "xbr", config: market, not_built: &[], errors: &["worker type `xbrmm` is refused"] },
        Example {
            name: "event-history, scaling-microservices, demos",
            config: node(json!([router(stored, json!([web(page())]))])),
            not_built: &[],
            errors: &[],
        },
        Example {
            name: "xbr (store)",
            config: node(json!([router(database, json!([web(page())]))])),
            not_built: &[],
            errors: &["`cfxdb`, cannot be read"],
        },
        Example {
            name: "payload-validation",
            config: node(json!([router(typed, json!([web(page())]))])),
            not_built: &["validation of payloads"],
            errors: &[],
        },
        Example {
            name: "containers/restart",
            config: node(json!([restarting])),
            not_built: &[],
            errors: &["this `shutdown` never happens with this `restart`"],
        },
    ]
}

fn problems(text: &str) -> Problems {
    parse(text, Format::Json, "config.json", Environment::empty())
        .map_or_else(|it| it, |checked| checked.warnings)
}

#[test]
fn examples_are_correct_or_refused_with_the_right_sentence() {
    let all = hello().into_iter().chain(authentication()).chain(services_and_transports()).chain(nodes());
    let schema = jsonschema::validator_for(&crossweave_config::schema()).expect("it is a schema");
    for example in all {
        if example.errors.is_empty() {
            let wrong: Vec<String> = schema.iter_errors(&example.config).map(|it| it.to_string()).collect();
            assert_eq!(wrong, [""; 0], "{}", example.name);
        }
        let problems = problems(&example.config.to_string());
        for (severity, expected) in
            [(Severity::NotBuilt, example.not_built), (Severity::Error, example.errors)]
        {
            let mut found: Vec<&str> = problems
                .iter()
                .filter(|problem| problem.severity == severity)
                .map(|problem| problem.message.as_str())
                .collect();
            found.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found.len(), expected.len(), "{}: {problems}", example.name);
            for part in expected {
                assert!(
                    found.iter().any(|message| message.contains(part)),
                    "{}, {part}: {problems}",
                    example.name
                );
            }
        }
    }
}

#[test]
fn examples_of_version_1_can_be_upgraded() {
    let old = json!({"workers": [{"type": "router",
        "realms": [{"name": "iot_cookbook", "roles": [{"name": "anonymous", "permissions": [
            {"uri": "*", "publish": true, "subscribe": true, "call": true, "register": true}]}]}],
        "transports": [web(page())]}]});
    let told = problems(&old.to_string());
    assert_eq!(told.count(Severity::Error), 1, "what `upgrade` writes otherwise is not told: {told}");
    let told = told.to_string();
    assert!(
        told.contains("that is version 1, which is too old") && told.contains("`crossweave upgrade`"),
        "{told}"
    );
    let upgraded = upgrade(&old.to_string(), Format::Json, "config.json").expect("it is of version 1");
    assert_eq!(problems(&upgraded.text).count(Severity::Error), 0, "{}", upgraded.text);
}
