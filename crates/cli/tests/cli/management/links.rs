//! Links to other routers, and proxies.

use crossweave_api::error;
use crossweave_api::node::*;
use crossweave_api::proxy::*;
use crossweave_api::router::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::driver::Driver;
use super::{PROXY, ROUTER, session, socket};

pub(super) async fn links(driver: &mut Driver, folder: &TempDir) {
    let of = |realm_id: &str| GetRouterRealmLinks { realm_id: realm_id.to_owned() };
    assert_eq!(driver.right(ROUTER, &of("realm001")).await, Vec::<String>::new());
    driver.wrong(ROUTER, &of("nothing"), error::NO_SUCH_OBJECT).await;
    // From one realm of the node to its other one.
    let endpoint = json!({"type": "unix", "path": folder.path().join("a.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let config = json!({"realm": "two", "transport": transport, "auth": {"anonymous": {}}});
    let start = |realm_id: &str, config: Value| {
        let (realm_id, link_id) = (realm_id.to_owned(), "link1".to_owned());
        StartRouterRealmLink { realm_id, link_id, config }
    };
    driver.wrong(ROUTER, &start("nothing", config.clone()), error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &start("realm001", json!({"realm": "two"})), error::INVALID_CONFIGURATION).await;
    let told = ["on_router_realm_link_started", "on_router_realm_link_connected"];
    let link = driver.right_with(ROUTER, &start("realm001", config.clone()), &told).await;
    assert_eq!((link.id.as_str(), &link.config, link.connected), ("link1", &config, true));
    assert_eq!(link.started_by.session, driver.session());
    driver.wrong(ROUTER, &start("realm001", config), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(ROUTER, &of("realm001")).await, ["link1"]);
    let realm = driver.right(ROUTER, &GetRouterRealm { realm_id: "realm001".to_owned() }).await;
    assert_eq!(realm.rlinks, ["link1"]);
    let get = |link_id: &str| {
        let (realm_id, link_id) = ("realm001".to_owned(), link_id.to_owned());
        GetRouterRealmLink { realm_id, link_id }
    };
    assert!(driver.right(ROUTER, &get("link1")).await.connected);
    driver.wrong(ROUTER, &get("link2"), error::NO_SUCH_OBJECT).await;
    // What it has there is ended, and it comes again.
    let guest = session(folder, "a.sock", "two").await;
    let sessions = guest.call_with::<Vec<u64>>("wamp.session.list", ()).await.unwrap();
    for id in sessions.into_iter().filter(|id| *id != guest.session().id.0) {
        let details = guest.call("wamp.session.get").arg(id).await.unwrap().args();
        let authid = details[0].as_dict().and_then(|it| it.str("authid")).unwrap().to_owned();
        let (realm_id, reason) = ("realm002".to_owned(), "com.example.enough".to_owned());
        driver.right(ROUTER, &KillByAuthid { realm_id, authid, reason, message: None }).await;
    }
    driver.event("crossbar.worker.worker001.on_router_realm_link_disconnected").await;
    driver.event("crossbar.worker.worker001.on_router_realm_link_connected").await;
    let stop = StopRouterRealmLink { realm_id: "realm001".to_owned(), link_id: "link1".to_owned() };
    assert!(!driver.right(ROUTER, &stop).await.connected);
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
}

pub(super) async fn proxies(driver: &mut Driver, folder: &TempDir) {
    let (worker_id, worker_type) = ("proxy1".to_owned(), "proxy".to_owned());
    driver.right_with(None, &StartWorker { worker_id, worker_type, worker_options: None }, &[]).await;
    driver.event("crossbar.on_proxy_started").await;

    let endpoint = json!({"type": "unix", "path": folder.path().join("a.sock")});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let start = |config: Value| StartProxyConnection { connection_id: "conn1".to_owned(), config };
    driver.wrong(PROXY, &start(json!({})), error::INVALID_CONFIGURATION).await;
    let connection = driver.right(PROXY, &start(json!({"transport": transport}))).await;
    assert_eq!((connection.id.as_str(), connection.state.as_str()), ("conn1", "started"));
    driver.wrong(PROXY, &start(json!({"transport": transport})), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyConnections {}).await, ["conn1"]);
    let get = |id: &str| GetProxyConnection { connection_id: id.to_owned() };
    assert_eq!(driver.right(PROXY, &get("conn1")).await, connection);
    driver.wrong(PROXY, &get("conn2"), error::NO_SUCH_OBJECT).await;

    let start = |role: Value, route_id: Option<&str>| StartProxyRealmRoute {
        realm_name: "one".to_owned(),
        config: json!({"anonymous": role}),
        route_id: route_id.map(str::to_owned),
    };
    driver.wrong(PROXY, &start(json!("conn2"), None), error::INVALID_CONFIGURATION).await;
    let route = driver.right(PROXY, &start(json!("conn1"), None)).await;
    assert_eq!(
        (route.realm.as_str(), route.id.as_str(), route.state.as_str()),
        ("one", "route000", "started")
    );
    assert_eq!(driver.right(PROXY, &start(json!(["conn1"]), None)).await.id, "route001");
    driver.wrong(PROXY, &start(json!("conn1"), Some("route001")), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyRoutes {}).await, ["one"]);
    let list = |realm: &str| ListProxyRealmRoutes { realm_name: realm.to_owned() };
    assert_eq!(driver.right(PROXY, &list("one")).await.len(), 2);
    driver.wrong(PROXY, &list("two"), error::NO_SUCH_OBJECT).await;
    let get = |id: &str| {
        let (realm_name, route_id) = ("one".to_owned(), id.to_owned());
        GetProxyRealmRoute { realm_name, route_id }
    };
    assert_eq!(driver.right(PROXY, &get("route000")).await, route);
    driver.wrong(PROXY, &get("route002"), error::NO_SUCH_OBJECT).await;

    let start = |config: Value| StartProxyTransport { transport_id: "front".to_owned(), config };
    driver.wrong(PROXY, &start(json!({})), error::INVALID_CONFIGURATION).await;
    let path = folder.path().join("front.sock");
    let transport = driver.right(PROXY, &start(socket(&path.display().to_string()))).await;
    assert_eq!((transport.id.as_str(), transport.state), ("front", 3));
    driver.wrong(PROXY, &start(socket("other.sock")), error::ALREADY_RUNNING).await;
    assert_eq!(driver.right(PROXY, &GetProxyTransports {}).await.len(), 1);
    let get = |id: &str| GetProxyTransport { transport_id: id.to_owned() };
    assert_eq!(driver.right(PROXY, &get("front")).await.listening, transport.listening);
    driver.wrong(PROXY, &get("back"), error::NO_SUCH_OBJECT).await;

    for id in ["route000", "route001"] {
        let (realm_name, route_id) = ("one".to_owned(), id.to_owned());
        let stop = StopProxyRealmRoute { realm_name, route_id };
        assert_eq!(driver.right(PROXY, &stop).await.state, "stopped");
        driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
    }
    let stop = StopProxyConnection { connection_id: "conn1".to_owned() };
    assert_eq!(driver.right(PROXY, &stop).await.state, "stopped");
    driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
    let stop = StopProxyTransport { transport_id: "front".to_owned() };
    assert_eq!(driver.right(PROXY, &stop).await.state, 6);
    driver.wrong(PROXY, &stop, error::NO_SUCH_OBJECT).await;
}
