//! Nodes whose clients prove who they are.

use serde_json::{Value, json};

use super::super::shapes::*;
use super::Comes::{Fails, Refused, Runs};
use super::{Example, example};

pub(super) fn all() -> Vec<Example> {
    [logins(), stored(), tls_nodes()].into_iter().flatten().collect()
}

fn logins() -> Vec<Example> {
    let dynamic =
        |method: &str| json!({method: {"type": "dynamic", "authenticator": "com.example.authenticate"}});
    let function = |method: &str| {
        json!({method: {"type": "function", "create": "authenticator.create_authenticator", "expose_controller": true,
            "config": {"dbname": "foo"}}})
    };
    let authenticator = |name: &str, auth: Value| {
        let router = router(realm("realm1", &["authenticator", name]), with_auth(auth));
        with_components(router, &["authenticator.AuthenticatorSession"], "authenticator")
    };
    let ticket = json!({"ticket": {"type": "static", "principals": {"joe": {"ticket": "secret!!!", "role": "frontend"}}}});
    let backend = |auth: Value| {
        let router = router(realm("realm1", &["backend", "frontend"]), with_auth(auth));
        with_components(router, &["backend.BackendSession"], "backend")
    };
    let named = json!({"anonymous": {"type": "static", "role": "public", "authid": "foobar23"}});
    let public = json!({"anonymous": {"type": "static", "role": "public"}});
    let salted = json!({"wampcra": {"type": "static", "users": {"joe": {"secret": "secret2", "role": "frontend"},
        "peter": {"secret": "prq7+YkJ1/KlW1X0YczMHw==", "role": "frontend", "salt": "salt123", "iterations": 100, "keylen": 16}}}});
    let mut watched = backend(salted.clone());
    let mut inner = unix_socket(&["cbor"]);
    inner["auth"] = json!({"anonymous": {"type": "static", "realm": "realm1", "role": "backend"}});
    watched["transports"].as_array_mut().unwrap().insert(0, inner);
    let key = "def759096ec79634c762a63d7f17aeb7d709cc8178dcb129a6367ceed539986e";
    let principal = |role: &str| json!({"realm": "realm1", "role": role, "authorized_keys": [key]});
    let all = json!({"anonymous": {"type": "static", "role": "public"},
        "wampcra": {"type": "static", "users": {"dave": {"secret": "seekrit", "role": "alpha"}}},
        "cryptosign": {"type": "static", "principals": {"alice": principal("alpha"), "carol": principal("beta")}}});
    let devices = json!([{"type": "websocket", "endpoint": {"type": "tcp", "port": 8080},
        "auth": {"cryptosign": {"type": "dynamic", "authenticator": "com.example.authenticate", "authenticator-realm": "auth"}}}]);
    let mut two_realms = router(realm("auth", &["authenticator"]), devices);
    two_realms = with_components(two_realms, &["authenticator.AuthenticatorSession"], "authenticator");
    two_realms["realms"].as_array_mut().unwrap().push(realm("devices", &["device"]));
    vec![
        example(
            &["authentication/anonymous/static/config-static-authid"],
            node(json!([router(realm("realm1", &["public"]), with_auth(named))])),
            Runs(&[]),
        ),
        example(
            &["exclude_subscribers"],
            node(json!([router(
                realm("realm1", &["public", "alpha", "beta"]),
                universal(json!({"websocket": {"ws": {"type": "websocket", "auth": all}}}))
            )])),
            Runs(&[]),
        ),
        example(
            &["authentication/ticket/static", "authenticate/ticket"],
            of_version_1(node(json!([backend(ticket)]))),
            Runs(&[]),
        ),
        example(
            &[
                "authentication/anonymous/dynamic",
                "authentication/ticket/dynamic",
                "authentication/wampcra/dynamic/python",
            ],
            node(json!([authenticator("public", dynamic("anonymous"))])),
            Runs(&[]),
        ),
        example(
            &["authenticate/ticketdynamic"],
            of_version_1(node(json!([authenticator("frontend", dynamic("ticket"))]))),
            Runs(&[]),
        ),
        example(
            &["authenticate/wampcradynamic/python"],
            of_version_1(node(json!([authenticator("frontend", dynamic("wampcra"))]))),
            Runs(&[]),
        ),
        example(&["authenticate/wampcra"], of_version_1(node(json!([backend(salted)]))), Runs(&[])),
        example(
            &["authentication/wampcra/static"],
            node(json!([watched, container(&by_unix_socket("cbor"), &["monitor.MyMonitor"])])),
            Runs(&[]),
        ),
        example(
            &["authentication/anonymous/static"],
            node(json!([router(realm("realm1", &["public"]), with_auth(public))])),
            Runs(&[]),
        ),
        example(&["authentication/cryptosign/dynamic"], node(json!([two_realms])), Runs(&[])),
        example(
            &["authentication/wampcra/function"],
            node(json!([backend(function("wampcra"))])),
            Refused("is part of this program"),
        ),
        example(
            &["authentication/cryptosign/function"],
            node(json!([router(realm("devices", &["device"]), with_auth(function("cryptosign")))])),
            Refused("is part of this program"),
        ),
    ]
}

/// Cookies and histories, in files and databases.
fn stored() -> Vec<Example> {
    let users = json!({"client1": {"secret": "${MYSECRET}", "role": "frontend"},
        "client2": {"secret": "${MYSECRET}", "role": "frontend", "salt": "salt123", "iterations": 100, "keylen": 16}});
    let with_cookie = |store: Value| {
        let auth = json!({"wampcra": {"type": "static", "users": users}, "cookie": {}});
        let ws = json!({"ws": {"type": "websocket", "auth": auth, "cookie": {"store": store}}});
        node(json!([router(realm("realm1", &["frontend"]), json!([web("../web", ws)]))]))
    };
    let scram = json!({"scram": {"type": "static", "principals": {"foobar@example.com": {"role": "user", "iterations": 4096,
        "kdf": "argon2id-13", "memory": 512, "salt": "00112233445566778899aabbccddeeff",
        "server-key": "0".repeat(63) + "1", "stored-key": "0".repeat(63) + "2"}}}});
    let mut remembering = open(page());
    remembering["realms"][0]["store"] = json!({"type": "memory", "limit": 2000, "event-history": [{"uri": "com.example.history"}],
        "call-queue": [{"uri": "com.example.compute", "match": "exact", "limit": 1000}]});
    vec![
        example(
            &["authentication/cookie"],
            with_cookie(json!({"type": "file", "filename": "cookies.dat"})),
            Runs(&[]),
        ),
        example(
            &["authentication/cookie/config-database"],
            with_cookie(json!({"type": "database", "path": ".cookies"})),
            Runs(&[]),
        ),
        example(
            &["authentication/scram/static"],
            node(json!([router(realm("realm1", &["user"]), with_auth(scram))])),
            Runs(&[]),
        ),
        example(
            &["event-history", "scaling-microservices", "concurrency-control"],
            node(json!([remembering])),
            Runs(&[]),
        ),
    ]
}

fn tls_nodes() -> Vec<Example> {
    let over = |mut transports: Value, tls: Value| {
        transports[0]["endpoint"]["tls"] = tls;
        transports
    };
    let static_keys = json!({"cryptosign": {"type": "static", "principals": {"client01@example.com": {"realm": "devices",
        "role": "device", "authorized_keys": ["545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122"]}}}});
    let devices =
        json!([{"type": "websocket", "endpoint": {"type": "tcp", "port": 8080}, "auth": static_keys}]);
    let users = json!({"wampcra": {"type": "static", "users": {"joe": {"secret": "secret2", "role": "frontend"},
        "peter": {"secret": "prq7+YkJ1/KlW1X0YczMHw==", "role": "frontend", "salt": "salt123", "iterations": 100, "keylen": 16}}}});
    let certificates = json!({"tls": {"type": "dynamic", "authenticator": "com.example.authenticate"}});
    let mut asked =
        router(realm("realm1", &["authenticator", "backend"]), over(with_auth(certificates), mutual_tls()));
    asked = with_components(asked, &["authenticator.MyAuthenticator"], "authenticator");
    let mut twice = realm("realm1", &["frontend", "backend"]);
    twice["roles"][0]["permissions"] =
        json!([permission("com.example.", "prefix", false), permission("com.example.", "prefix", true)]);
    let shared = |cpu: u32| {
        let mut transport = json!({"type": "web", "endpoint": {"type": "tcp", "port": 8080, "shared": true}, "paths": {"/": files("../web")}});
        transport["endpoint"]["tls"] = tls();
        json!({"type": "router", "options": {"cpu_affinity": [cpu]}, "transports": [transport]})
    };
    let mut by_tls = by_mutual_tls();
    by_tls["endpoint"]["tls"] = json!({"hostname": "localhost", "ca_certificates": ["ca.cert.pem"]});
    vec![
        example(
            &["wss/python"],
            node(json!([open(over(page(), tls())), container(&by_tls, &["backend.MyComponent"])])),
            Runs(&[]),
        ),
        example(
            &["encryption/tls", "authenticate/tls", "authentication/tls/static"],
            node(json!([
                router(twice, over(with_auth(users), mutual_tls())),
                container(&by_mutual_tls(), &["backend.BackendSession"])
            ])),
            Fails("none of the offered authentication methods (anonymous) is configured"),
        ),
        example(
            &["authentication/tls/dynamic"],
            node(json!([asked, container(&by_mutual_tls(), &["backend.MyBackend"])])),
            Fails("(anonymous) is configured: use tls"),
        ),
        example(
            &["authentication/cryptosign/static"],
            of_version_1(node(json!([router(
                realm("devices", &["device"]),
                over(devices, json!({"certificate": "server.crt", "key": "server.key"}))
            )]))),
            Runs(&[]),
        ),
        example(
            &["authentication/tls/static/config_shared_tls", "encryption/tls/config_shared_tls"],
            node(json!([shared(0), shared(1)])),
            Runs(&[]),
        ),
    ]
}
