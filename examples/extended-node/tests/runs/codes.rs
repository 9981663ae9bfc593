//! Logging in by a method of the program's own.

use std::sync::Mutex;

use crossweave_client::{Answers, Auth, Options};
use crossweave_wamp::{Dict, Serializer, Value};
use serde_json::json;

use crate::node::{Node, realm, router, transport};

/// Answers with this PIN, and then with the code of the number that is asked for.
fn with(method: &str, authid: &str, pin: &'static str, codes: &'static [&'static str]) -> Options {
    let answers = Answers::new(move |extra| {
        let signature = match extra.str("ask") {
            Some("pin") => pin,
            Some("code") => {
                let number = extra.get("number").and_then(Value::as_u64).ok_or("no number")?;
                codes.get(number as usize - 1).copied().unwrap_or("no such code")
            }
            other => return Err(format!("asked for {other:?}")),
        };
        Ok((signature.to_owned(), Dict::new()))
    });
    let auth = Auth::Own { method: method.to_owned(), authid: Some(authid.to_owned()), answers };
    Options { auth, ..Options::default() }
}

const CODES: &[&str] = &["kiwi", "plum", "pear"];

#[tokio::test]
async fn whoever_has_pin_and_list_is_let_in_as_often_as_there_are_codes() {
    let auth = json!({"auth": {"pin-and-code": {"type": "function", "create": "codes"}}});
    let node = Node::start(&[router(&[transport(auth)])]);
    let anna = |pin, codes| node.join("router", "realm1", with("pin-and-code", "anna", pin, codes));
    let client = anna("4711", CODES).await.unwrap();
    let session = client.session();
    assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("anna"), Some("visitor")));
    assert_eq!(session.authmethod.as_deref(), Some("pin-and-code"));
    let extra = session.details.dict("authextra").unwrap();
    assert_eq!(extra.get("codes_left").and_then(Value::as_u64), Some(2));
    client.leave().await;
    for refused in [
        anna("4712", CODES).await,
        anna("4711", &["kiwi", "kiwi"]).await,
        node.join("router", "realm1", with("pin-and-code", "otto", "4711", CODES)).await,
    ] {
        let refused = refused.err().unwrap();
        assert!(refused.ends_with("authentication failed"), "{refused}");
    }
    anna("4711", CODES).await.unwrap().leave().await;
    let refused = anna("4711", CODES).await.err().unwrap();
    assert!(refused.contains("your list of codes is used up"), "{refused}");
    let refused = node.join("router", "realm1", Options::default()).await.err().unwrap();
    assert!(refused.ends_with("(anonymous) is configured: use pin-and-code"), "{refused}");
    node.stop();
}

#[tokio::test]
async fn a_role_may_be_for_whoever_logs_in_so_and_for_nobody_else() {
    let auth = json!({"auth": {"pin-and-code": {"type": "function", "create": "codes"},
        "ticket": {"type": "function", "create": "door"}}});
    let mut worker = router(&[transport(auth)]);
    worker["realms"][0]["roles"][1]["authmethods"] = json!(["pin-and-code"]);
    let node = Node::start(&[worker]);
    node.join("router", "realm1", with("pin-and-code", "anna", "4711", CODES)).await.unwrap().leave().await;
    let ticket = Options { auth: Auth::ticket("anna", "door-99999999999"), ..Options::default() };
    let refused = node.join("router", "realm1", ticket).await.err().unwrap();
    assert!(refused.ends_with("authentication failed"), "{refused}");
    node.stop();
}

#[test]
fn a_method_that_is_not_registered_keeps_the_node_from_starting() {
    let method = |create: &str| json!({"auth": {"pin-and-code": {"type": "function", "create": create}}});
    assert_eq!(Node::start(&[router(&[transport(method("cods"))])]).told, Vec::<String>::new());
    assert_eq!(Node::start(&[router(&[transport(method("door"))])]).told, Vec::<String>::new());
    let mut worker = router(&[transport(method("codes"))]);
    worker["realms"][0]["roles"][1]["authmethods"] = json!(["pin-or-code"]);
    assert_eq!(Node::start(&[worker]).told, Vec::<String>::new(), "no transport has it");
}

#[tokio::test]
async fn a_transport_that_is_started_later_may_have_the_method() {
    let node = Node::start(&[router(&[transport(json!({}))])]);
    let manager = node.manager().await;
    let start = |id: &str, create: &str| {
        let config = json!({"type": "rawsocket", "endpoint": {"type": "unix", "path": id},
            "auth": {"pin-and-code": {"type": "function", "create": create}}});
        let config = Serializer::Json.decode_value(config.to_string().as_bytes()).unwrap();
        let uri = "crossbar.worker.worker001.start_router_transport";
        manager.call(uri).arg(id.to_owned()).arg(config)
    };
    start("later", "codes").await.unwrap();
    node.join("later", "realm1", with("pin-and-code", "anna", "4711", CODES)).await.unwrap().leave().await;
    let role = json!({"name": "strict", "allow-by-default": true, "authmethods": ["pin-and-code"]});
    let role = Serializer::Json.decode_value(role.to_string().as_bytes()).unwrap();
    let started = manager.call("crossbar.worker.worker001.start_router_realm_role");
    started.arg("realm001").arg("strict").arg(role).await.unwrap();
    let refused = start("never", "cods").await.unwrap_err().to_string();
    assert!(
        refused.contains("no login method \"cods\" is part of this program, which has codes"),
        "{refused}"
    );
    manager.leave().await;
    node.stop();
}

#[tokio::test]
async fn a_proxy_lets_in_by_the_method_what_it_passes_on() {
    let behind = json!({"auth": {"anonymous-proxy": {"type": "static"}}});
    let mut router = router(&[transport(behind)]);
    let (mut strict, open) = (realm(), realm());
    strict["name"] = json!("strict");
    strict["roles"][1]["authmethods"] = json!(["pin-and-code"]);
    router["realms"] = json!([open, strict]);
    let connection = json!({"transport": {"type": "rawsocket", "serializer": "cbor",
        "endpoint": {"type": "unix", "path": "router"}}, "auth": {"anonymous-proxy": {}}});
    let proxy = json!({"type": "proxy", "connections": {"behind": connection},
        "routes": {"realm1": {"visitor": "behind"}, "strict": {"visitor": "behind"}},
        "transports": [{"type": "rawsocket", "endpoint": {"type": "unix", "path": "front"},
            "auth": {"pin-and-code": {"type": "function", "create": "codes"}}}]});
    let node = Node::start(&[router, proxy]);
    for realm in ["realm1", "strict"] {
        let client = node.join("front", realm, with("pin-and-code", "anna", "4711", CODES)).await.unwrap();
        let session = client.session();
        assert_eq!(session.authid.as_deref(), Some("anna"));
        assert_eq!(session.authmethod.as_deref(), Some("pin-and-code"), "{realm}");
        client.leave().await;
    }
    let refused =
        node.join("front", "realm1", with("pin-and-code", "anna", "4712", CODES)).await.err().unwrap();
    assert!(refused.ends_with("authentication failed"), "{refused}");
    node.stop();
}

#[tokio::test]
async fn the_program_may_ask_somebody_for_each_answer() {
    let auth = json!({"auth": {"pin-and-code": {"type": "function", "create": "codes"}}});
    let node = Node::start(&[router(&[transport(auth)])]);
    let typed = Mutex::new(vec!["kiwi", "4711"]);
    let answers = Answers::new(move |_| {
        let next = typed.lock().unwrap().pop().ok_or("nothing typed")?;
        Ok((next.to_owned(), Dict::new()))
    });
    let auth = Auth::Own { method: "pin-and-code".to_owned(), authid: Some("anna".to_owned()), answers };
    let client = node.join("router", "realm1", Options { auth, ..Options::default() }).await.unwrap();
    client.leave().await;
    node.stop();
}
