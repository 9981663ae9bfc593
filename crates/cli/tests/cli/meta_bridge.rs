//! `bridge_meta_api` of a realm: its meta API on the management realm.

use serde_json::{Value, json};

use crate::background::{Background, crossweave};
use crate::managed::Managed;

fn node() -> Managed {
    let realm = |name: &str, options: Value| json!({"name": name, "roles": [{"name": "anonymous", "allow-by-default": true}], "options": options});
    let realms = json!([
        realm("open", json!({"bridge_meta_api": true})),
        realm("closed", json!({"bridge_meta_api": true, "enable_meta_api": false})),
        realm("alone", json!({})),
    ]);
    let transports = json!([{"type": "rawsocket", "endpoint": {"type": "unix", "path": "router"}}]);
    Managed::start(
        &json!([{"type": "router", "id": "router", "realms": realms, "transports": transports}]),
        &[],
    )
}

/// A procedure of the bridge.
fn of(realm: &str, procedure: &str) -> String {
    format!("crossbar.worker.router.realm.{realm}.root.{procedure}")
}

/// A session that stays on a realm.
fn guest(node: &Managed, realm: &str) -> Background {
    let url = format!("unix:{}", node.path("router").display());
    let sub = Background::start(crossweave().args(["sub", "com.example.a", "--realm", realm, "--url", &url]));
    sub.wait_for("subscribed");
    sub
}

/// What an event of this topic tells.
fn told(events: &Background, topic: &str) -> Value {
    loop {
        let event: Value = serde_json::from_str(&events.line()).expect("events are JSON");
        if event["topic"] == topic {
            return event["args"].clone();
        }
    }
}

#[test]
fn sessions_of_a_realm_are_looked_at_and_ended_from_the_management_realm() {
    let node = node();
    for (realm, name) in [("realm001", "open"), ("realm002", "closed")] {
        let events = node.subscribe_all(&of(realm, "wamp-"));
        let guest = guest(&node, name);
        let joined = told(&events, &of(realm, "wamp-session-on_join"));
        let session = joined[0]["session"].clone();
        let subscribed = told(&events, &of(realm, "wamp-subscription-on_subscribe"));
        assert_eq!(subscribed[0], session);
        let call = |procedure: &str, args: &[Value]| node.call(&of(realm, procedure), args);
        let anonymous = json!(["anonymous"]);
        assert_eq!(call("wamp.session.list", &[anonymous]), Ok(json!([session])));
        assert_eq!(
            call("wamp.session.get", std::slice::from_ref(&session)).unwrap()["authrole"],
            "anonymous"
        );
        assert_eq!(call("wamp.subscription.count_subscribers", &[subscribed[1].clone()]), Ok(json!(1)));
        let unknown = call("wamp.session.get", &[json!(7)]).unwrap_err();
        assert!(unknown.contains("wamp.error.no_such_session"), "{unknown}");
        assert!(call("wamp.session.kill", std::slice::from_ref(&session)).is_ok());
        guest.wait_for("router closed the session");
        assert_eq!(told(&events, &of(realm, "wamp-session-on_leave"))[0], session);
    }
    let own = node.call_on("router", "open", "wamp.session.count", &[]);
    assert!(own.is_ok(), "{own:?}");
    let own = node.call_on("router", "closed", "wamp.session.count", &[]).unwrap_err();
    assert!(
        own.contains("wamp.error.no_such_procedure"),
        "it is there from the management realm alone: {own}"
    );
    let unbridged = node.call(&of("realm003", "wamp.session.count"), &[]).unwrap_err();
    assert!(unbridged.contains("wamp.error.no_such_procedure"), "{unbridged}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn the_bridge_ends_with_its_realm_and_is_there_again_with_it() {
    let node = node();
    let count = of("realm001", "wamp.session.count");
    let config =
        node.call("crossbar.worker.router.get_router_realm", &[json!("realm001")]).unwrap()["config"].clone();
    for _ in 0..5 {
        assert!(node.call(&count, &[]).is_ok());
        node.call("crossbar.worker.router.stop_router_realm", &[json!("realm001")]).unwrap();
        let gone = node.call(&count, &[]).unwrap_err();
        assert!(gone.contains("wamp.error.no_such_procedure"), "{gone}");
        node.call("crossbar.worker.router.start_router_realm", &[json!("realm001"), config.clone()]).unwrap();
    }
    assert!(node.call(&count, &[]).is_ok());
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_bridge_that_somebody_ends_is_there_again() {
    let node = node();
    let call = |procedure: &str, args: &[Value]| node.call(&of("realm001", procedure), args);
    let bridge = call("wamp.session.list", &[json!(["trusted"])]).unwrap()[0].clone();
    assert_eq!(call("wamp.session.get", std::slice::from_ref(&bridge)).unwrap()["authid"], "meta-api");
    let kill = [json!("realm001"), json!("meta-api"), json!("com.example.enough")];
    assert_eq!(node.call("crossbar.worker.router.kill_by_authid", &kill), Ok(json!([bridge.clone()])));
    let again =
        node.until("the bridge is there again", || call("wamp.session.list", &[json!(["trusted"])]).ok());
    assert_ne!(again[0], bridge);
    assert_eq!(node.stop(), Some(0));
}
