//! The shapes that the published nodes have, small.

use serde_json::{Value, json};

pub(crate) fn node(workers: Value) -> Value {
    json!({"version": 2, "workers": workers})
}

/// The same as it was written for version 1.
pub(crate) fn of_version_1(mut config: Value) -> Value {
    config.as_object_mut().unwrap().remove("version");
    config["controller"] = json!({});
    for worker in config["workers"].as_array_mut().unwrap() {
        let realms = worker["realms"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let open = json!([{"uri": "*", "publish": true, "subscribe": true, "call": true, "register": true},
            {"uri": "com.example.topic2", "subscribe": false}]);
        let realm = |mut realm: Value| {
            let roles = realm["roles"].as_array_mut().unwrap();
            roles.iter_mut().for_each(|role| role["permissions"] = open.clone());
            realm
        };
        match realms.is_empty() {
            true => drop(worker.as_object_mut().unwrap().remove("realms")),
            false => worker["realms"] = realms.into_iter().map(realm).collect(),
        }
    }
    config
}

pub(crate) fn permission(uri: &str, policy: &str, allowed: bool) -> Value {
    json!({"uri": uri, "match": policy, "cache": true, "disclose": {"caller": false, "publisher": false},
        "allow": {"call": allowed, "register": allowed, "publish": allowed, "subscribe": allowed}})
}

/// A realm whose roles may do nearly everything.
pub(crate) fn realm(name: &str, roles: &[&str]) -> Value {
    let role = |role: &&str| {
        json!({"name": role, "permissions": [
            permission("", "prefix", true), permission("com.example.topic2", "exact", false)]})
    };
    json!({"name": name, "roles": roles.iter().map(role).collect::<Value>()})
}

pub(crate) fn router(realm: Value, transports: Value) -> Value {
    json!({"type": "router", "options": {"pythonpath": [".."]}, "realms": [realm], "transports": transports})
}

/// A router for everybody.
pub(crate) fn open(transports: Value) -> Value {
    router(realm("realm1", &["anonymous"]), transports)
}

/// The same, with Python classes in it.
pub(crate) fn with_components(mut router: Value, classes: &[&str], role: &str) -> Value {
    let realm = router["realms"][0]["name"].clone();
    let component = |class: &&str| json!({"type": "class", "classname": class, "realm": realm, "role": role});
    router["components"] = classes.iter().map(component).collect();
    router
}

pub(crate) fn files(directory: &str) -> Value {
    json!({"type": "static", "directory": directory})
}

/// A web transport with these paths beside files and a WebSocket.
pub(crate) fn web(directory: &str, more: Value) -> Value {
    let mut paths = json!({"/": files(directory), "ws": {"type": "websocket"}});
    for (path, service) in more.as_object().unwrap() {
        paths[path] = service.clone();
    }
    json!({"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": paths})
}

pub(crate) fn page() -> Value {
    json!([web("..", json!({}))])
}

pub(crate) fn with_auth(auth: Value) -> Value {
    json!([web("../web", json!({"ws": {"type": "websocket", "auth": auth}}))])
}

pub(crate) fn universal(rest: Value) -> Value {
    let mut transport = json!({"type": "universal", "endpoint": {"type": "tcp", "port": 8080}, "rawsocket": {},
        "websocket": {"ws": {"type": "websocket"}}, "web": {"paths": {"/": files("../web"), "info": {"type": "nodeinfo"}}}});
    for (key, value) in rest.as_object().unwrap() {
        transport[key] = value.clone();
    }
    json!([transport])
}

/// WebSocket and RawSocket, each on a port of its own, for short messages.
pub(crate) fn short_messages() -> Value {
    let transport = |kind: &str, port: u16| json!({"type": kind, "endpoint": {"type": "tcp", "port": port}, "options": {"max_message_size": 16384}});
    json!([transport("websocket", 8080), transport("rawsocket", 8081)])
}

pub(crate) fn by_websocket() -> Value {
    json!({"type": "websocket", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8080}, "url": "ws://127.0.0.1:8080/ws"})
}

/// Of the transports for short messages.
pub(crate) fn by_short_websocket() -> Value {
    json!({"type": "websocket", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8080},
        "url": "ws://127.0.0.1:8080/ws", "options": {"max_message_size": 8192}})
}

pub(crate) fn by_rawsocket() -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8081}, "serializer": "cbor",
        "url": "rs://127.0.0.1:8081", "options": {"max_message_size": 16384}})
}

pub(crate) fn by_unix_socket(serializer: &str) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "crossbar.sock"}, "serializer": serializer})
}

pub(crate) fn unix_socket(serializers: &[&str]) -> Value {
    json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "crossbar.sock"}, "serializers": serializers})
}

pub(crate) fn container(transport: &Value, classes: &[&str]) -> Value {
    let component = |class: &&str| {
        json!({"type": "class", "classname": class, "realm": "realm1", "transport": transport,
            "extra": {"prefix": "com.example", "numbers": [1, 2.5]}})
    };
    json!({"type": "container", "options": {"pythonpath": [".."]}, "components": classes.iter().map(component).collect::<Value>()})
}

pub(crate) fn with_options(mut worker: Value, options: Value) -> Value {
    for (key, value) in options.as_object().unwrap() {
        worker["options"][key] = value.clone();
    }
    worker
}

pub(crate) fn guest(executable: &str, arguments: &[&str], folder: &str) -> Value {
    json!({"type": "guest", "executable": executable, "arguments": arguments,
        "options": {"workdir": folder, "watch": {"directories": [folder], "action": "restart"}}})
}

pub(crate) fn tls() -> Value {
    json!({"certificate": "server.crt", "key": "server.key", "dhparam": "dhparam.pem",
        "ciphers": "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"})
}

/// Behind TLS, where clients have to show certificates.
pub(crate) fn mutual_tls() -> Value {
    json!({"certificate": "server.crt", "key": "server.key", "dhparam": "dhparam.pem",
        "ca_certificates": ["ca.cert.pem", "intermediate.cert.pem"]})
}

pub(crate) fn by_mutual_tls() -> Value {
    json!({"type": "websocket", "url": "wss://localhost:8080/ws", "endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 8080,
        "tls": {"hostname": "localhost", "certificate": "client.crt", "key": "client.key",
            "ca_certificates": ["ca.cert.pem", "intermediate.cert.pem"]}}})
}
