//! Nodes with proxies before their routers.

use serde_json::{Value, json};

use super::super::shapes::*;
use super::Comes::{Refused, Runs};
use super::{Example, example};

/// A router for proxies alone, behind a socket of the node's directory.
fn behind(roles: &[&str], auth: Value) -> Value {
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": "router.sock", "backlog": 1024},
        "options": {"max_message_size": 1_048_576}, "serializers": ["cbor"], "auth": auth});
    router(realm("realm1", roles), json!([transport]))
}

fn by_key() -> Value {
    json!({"cryptosign-proxy": {"type": "static", "principals": {"mynode1": {"realm": "realm1", "role": "anonymous",
        "authorized_keys": ["ee07d793bc3031374e4419c46b6a2e7656b54e290dce7bd22f6c32a5141999f5"]}}}})
}

fn by_socket(auth: Option<Value>) -> Value {
    let endpoint = json!({"type": "unix", "path": "router.sock"});
    let transport =
        json!({"type": "rawsocket", "endpoint": endpoint, "url": "ws://localhost", "serializer": "cbor"});
    match auth {
        Some(auth) => json!({"transport": transport, "auth": auth}),
        None => json!({"transport": transport}),
    }
}

fn proxy(connection: Value, roles: &[&str], mut transport: Value) -> Value {
    let route: Value =
        roles.iter().map(|role| (role.to_string(), json!("conn1"))).collect::<serde_json::Map<_, _>>().into();
    transport["endpoint"]["shared"] = json!(true);
    json!({"type": "proxy", "options": {}, "connections": {"conn1": connection}, "routes": {"realm1": route},
        "transports": [transport]})
}

/// A router and two proxies that share a port.
fn with_two(router: Value, proxy: &Value) -> Value {
    let mut node = node(json!([router, proxy, proxy]));
    node["controller"] = json!({"id": "mynode1", "options": {}});
    node
}

/// With a function that registers who says which proxy may speak for a client.
fn asking(mut router: Value) -> Value {
    router["components"] = json!([{"type": "function", "realm": "realm1", "role": "auth", "callbacks": {"join": "dynauth.setup"}}]);
    router
}

fn tickets() -> Value {
    json!({"anonymous": {"type": "static", "role": "anonymous"}, "ticket": {"type": "static", "principals": {
        "user1": {"ticket": "secret1", "role": "user"}, "user2": {"ticket": "secret2", "role": "user"}}}})
}

pub(super) fn all() -> Vec<Example> {
    let info = json!({"info": {"type": "nodeinfo"}});
    let rest = json!({"info": {"type": "nodeinfo"}, "ws": {"type": "websocket", "auth": tickets()},
        "call": {"type": "caller", "realm": "realm1", "role": "restbridge", "options": {"debug": true}}});
    let anonymous = json!({"anonymous-proxy": {"type": "static"}});
    let parts =
        universal(json!({"rawsocket": {"auth": tickets(), "serializers": ["cbor", "msgpack", "json"]},
        "websocket": {"ws": {"type": "websocket", "auth": tickets()}}}))[0]
            .clone();
    let three = ["anonymous", "restbridge", "user"];
    let asked = json!({"ticket": {"type": "dynamic", "authenticator": "com.example.authenticate",
        "authenticator-realm": "realm1"}});
    let mut older = proxy(by_socket(None), &["anonymous"], web("../web", info.clone()));
    for key in ["connections", "routes"] {
        older.as_object_mut().unwrap().remove(key);
    }
    older["backends"] = json!([by_socket(None)]);
    let mut passing = web("../web", info.clone());
    passing["paths"]["ws"] = json!({"type": "websocket-proxy", "backends": []});
    let cookies = json!({"ws": {"type": "websocket", "cookie": {"store": {"type": "file", "filename": "cookies.dat"}},
        "auth": {"cookie": {}, "wampcra": {"type": "static", "users": {"client1": {"secret": "secret123", "role": "frontend"}}}}}});
    let backend = json!({"anonymous": {"type": "static", "realm": "realm1", "role": "backend"}, "anonymous-proxy": {"type": "static"}});
    vec![
        example(
            &["proxy/config1"],
            with_two(
                behind(&["anonymous", "user"], anonymous.clone()),
                &proxy(by_socket(None), &["anonymous"], web("../web", info)),
            ),
            Runs(&[]),
        ),
        example(
            &["proxy/config2", "proxy/config3"],
            with_two(
                behind(&["anonymous", "user"], anonymous.clone()),
                &proxy(by_socket(Some(anonymous.clone())), &["anonymous", "user"], parts.clone()),
            ),
            Runs(&[]),
        ),
        example(
            &["proxy/config4"],
            with_two(
                asking(behind(
                    &["anonymous", "user", "auth"],
                    json!({"cryptosign-proxy": {"type": "dynamic",
                    "authenticator": "auth.backend_cryptosign"}}),
                )),
                &proxy(by_socket(Some(json!({"cryptosign-proxy": {"type": "static"}}))), &["user"], parts),
            ),
            Runs(&[]),
        ),
        example(
            &["proxy/config5"],
            with_two(
                behind(&three, anonymous.clone()),
                &proxy(by_socket(Some(anonymous)), &three, web("../web", rest.clone())),
            ),
            Runs(&[]),
        ),
        example(
            &["proxy/config6"],
            with_two(
                behind(&three, by_key()),
                &proxy(
                    by_socket(Some(json!({"cryptosign-proxy": {"type": "static"}}))),
                    &three,
                    web("../web", rest),
                ),
            ),
            Runs(&[]),
        ),
        example(
            &["proxy/config7"],
            with_two(behind(&three, by_key()), &proxy(by_socket(None), &three, with_auth(asked)[0].clone())),
            Refused("a procedure that a proxy calls needs an `authenticator-role`"),
        ),
        example(
            &["authentication/cookie/config-rtrpxy-database", "authentication/wampcra/static/config-rtrpxy"],
            with_two(
                with_components(
                    behind(&["backend", "frontend"], backend),
                    &["backend.BackendSession"],
                    "backend",
                ),
                &proxy(by_socket(None), &["anonymous", "frontend"], web("../web", cookies)),
            ),
            Runs(&[]),
        ),
        example(&["proxy/config-node1"], node(json!([older])), Runs(&[])),
        example(
            &["proxy"],
            node(json!([{"type": "proxy", "transports": [passing]}])),
            Refused("`websocket-proxy`"),
        ),
    ]
}
