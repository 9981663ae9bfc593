//! Web services that come and go beside others.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::background::{Background, crossweave, run};
use crate::managed::Managed;

/// A router with web services at these paths.
pub(crate) fn web(paths: &Value) -> Value {
    let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    json!([{"type": "router", "id": "router", "realms": [{"name": "realm1", "roles": roles}],
        "transports": [{"type": "web", "id": "web", "endpoint": endpoint, "paths": paths}]}])
}

/// Where its services are.
pub(crate) fn address(node: &Managed) -> SocketAddr {
    address_of(node, "crossbar.worker.router.get_router_transport")
}

/// Where the transport `web` is that this procedure tells of.
pub(crate) fn address_of(node: &Managed, procedure: &str) -> SocketAddr {
    let transport = node.call(procedure, &[json!("web")]).unwrap();
    let lines = transport["listening"].to_string();
    let authority = lines.split("://").nth(1).and_then(|rest| rest.split(['/', '"', ' ']).next());
    authority.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no address in {lines}"))
}

/// The status and the body of what is answered to a POST.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    request(address, &format!("POST {path}"), "", body)
}

/// The status and the body of what is answered; each of the fields ends with a line break.
pub(crate) fn request(address: SocketAddr, line: &str, fields: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {len}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("an answer has a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[test]
fn services_go_on_when_others_come_and_go() {
    let paths = json!({"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}, "lp": {"type": "longpoll"}});
    let node = Managed::start(&web(&paths), &[]);
    let address = address(&node);
    let (status, opened) = post(address, "/lp/open", r#"{"protocols": ["wamp.2.json"]}"#);
    assert_eq!(status, 200, "{opened}");
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let session = format!("/lp/{}", opened["transport"].as_str().unwrap());
    let hello = r#"[1, "realm1", {"roles": {"subscriber": {}}}]"#;
    assert_eq!(post(address, &format!("{session}/send"), hello).0, 204);
    assert_eq!(post(address, &format!("{session}/receive"), "").0, 200, "WELCOME");

    let json = json!({"type": "json", "value": {"a": 1}});
    let start = "crossbar.worker.router.start_web_transport_service";
    node.call(start, &[json!("web"), json!("more"), json]).unwrap();
    let subscribe = r#"[32, 1, {}, "com.example.x"]"#;
    assert_eq!(post(address, &format!("{session}/send"), subscribe).0, 204, "the session is still there");
    node.call("crossbar.worker.router.stop_web_transport_service", &[json!("web"), json!("more")]).unwrap();
    let (status, subscribed) = post(address, &format!("{session}/receive"), "");
    assert_eq!((status, &subscribed[..3]), (200, "[33"));

    node.call("crossbar.worker.router.stop_web_transport_service", &[json!("web"), json!("lp")]).unwrap();
    assert_eq!(post(address, &format!("{session}/receive"), "").0, 405, "the service at / is asked");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn websocket_comes_and_goes_as_other_services_do_and_its_sessions_go_on() {
    let node = Managed::start(&web(&json!({"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}})), &[]);
    let address = address(&node);
    let url = |path: &str| format!("ws://{address}/{path}");
    let call =
        |path: &str| run(&["call", "wamp.session.count", "--realm", "realm1", "--url", &url(path)]).code;
    assert_ne!(call("more"), Some(0), "it is not there yet");
    let service = json!({"type": "websocket", "serializers": ["json"]});
    node.call("crossbar.worker.router.start_web_transport_service", &[json!("web"), json!("more"), service])
        .unwrap();
    assert_eq!(call("more"), Some(0));
    let told = node.call("crossbar.worker.router.get_router_transport", &[json!("web")]).unwrap();
    assert!(told["listening"].to_string().contains(&url("more")), "{told}");
    let (more, ws) = (url("more"), url("ws"));
    let args = ["sub", "com.a", "--count", "1", "--realm", "realm1", "--url", &more];
    let mut sub = Background::start(crossweave().args(args));
    sub.wait_for("subscribed");
    node.call("crossbar.worker.router.stop_web_transport_service", &[json!("web"), json!("more")]).unwrap();
    assert_ne!(call("more"), Some(0), "nobody new");
    let told = node.call("crossbar.worker.router.get_router_transport", &[json!("web")]).unwrap();
    assert!(told["listening"].to_string().contains("http://"), "{told}");
    assert_eq!(run(&["pub", "com.a", "7", "--realm", "realm1", "--url", &ws]).code, Some(0));
    assert!(sub.line().contains("com.a [7]"));
    assert_eq!((sub.end(), node.stop()), (Some(0), Some(0)));
}

#[test]
fn a_rest_service_starts_the_realm_that_it_needs_within_the_bounds_for_clients() {
    let template = |bounds: Value| {
        json!({"name": "^shop-(?P<customer>[a-z]+)$", "template": true, "activation": bounds,
            "roles": [{"name": "anonymous", "allow-by-default": true}]})
    };
    let service = |kind: &str| json!({"type": kind, "realm": "shop-joe", "role": "anonymous"});
    let paths =
        json!({"/": {"type": "nodeinfo"}, "call": service("caller"), "publish": service("publisher")});
    let mut workers = web(&paths);
    workers[0]["realms"] = json!([template(json!({"max_realms": 1}))]);
    let node = Managed::start(&workers, &[]);
    let called = post(address(&node), "/call", r#"{"procedure": "wamp.session.count"}"#);
    assert!(called.0 == 200 && called.1.contains("args"), "{called:?}");
    let published = post(address(&node), "/publish", r#"{"topic": "com.a", "args": [1]}"#);
    assert_eq!(published.0, 200, "{}", published.1);
    workers[0]["realms"] = json!([template(json!({"authroles": []}))]);
    let node = Managed::start(&workers, &[]);
    let refused = post(address(&node), "/call", r#"{"procedure": "wamp.session.count"}"#);
    assert_eq!(refused.0, 503, "{}", refused.1);
}

#[test]
fn a_rest_service_starts_a_realm_whose_role_is_given_by_login_only() {
    let service = |kind: &str, role: &str| json!({"type": kind, "realm": "shop-joe", "role": role});
    let paths = json!({"/": {"type": "nodeinfo"}, "call": service("caller", "clerk"), "lp": {"type": "longpoll"},
        "publish": service("publisher", "boss-ann")});
    let role = |name: &str| json!({"name": name, "allow-by-default": true, "authmethods": ["ticket"]});
    let mut any_boss = role("^boss-(?P<who>[a-z]+)$");
    any_boss["template"] = true.into();
    let mut workers = web(&paths);
    let roles = json!([role("clerk"), role("anonymous"), any_boss]);
    workers[0]["realms"] = json!([{"name": "^shop-(?P<customer>[a-z]+)$", "template": true, "roles": roles}]);
    let node = Managed::start(&workers, &[]);
    let (_, opened) = post(address(&node), "/lp/open", r#"{"protocols": ["wamp.2.json"]}"#);
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let session = format!("/lp/{}", opened["transport"].as_str().unwrap());
    let hello = r#"[1, "shop-joe", {"roles": {"subscriber": {}}}]"#;
    assert_eq!(post(address(&node), &format!("{session}/send"), hello).0, 204);
    let refused = post(address(&node), &format!("{session}/receive"), "").1;
    assert!(refused.contains("wamp.error.authentication_failed"), "a client is refused: {refused}");
    let called = post(address(&node), "/call", r#"{"procedure": "wamp.session.count"}"#);
    assert!(called.0 == 200 && called.1.contains("args"), "{called:?}");
    let published = post(address(&node), "/publish", r#"{"topic": "com.a", "args": [1]}"#);
    assert_eq!(published.0, 200, "a role that starts on a running realm: {}", published.1);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn the_page_about_the_node_tells_of_the_node_and_not_of_one_worker() {
    let guest = json!({"type": "guest", "id": "guest", "executable": "sleep", "arguments": ["600"]});
    let mut workers = web(&json!({"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}}));
    workers.as_array_mut().unwrap().push(guest);
    let node = Managed::start(&workers, &[]);
    node.until("a guest", || node.call("crossbar.get_worker", &[json!("guest")]).ok()?["pid"].as_u64());
    let status = node.call("crossbar.get_status", &[]).unwrap();
    let mut stream = TcpStream::connect(address(&node)).unwrap();
    let accept = "Accept: application/json\r\nConnection: close";
    write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let told: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(told["workers_by_type"], json!({"guest": 1, "router": 1}));
    assert_eq!((&told["running_workers"], &told["controller_pid"]), (&json!(2), &status["controller_pid"]));
    assert_eq!((&told["pubkey"], told["pubkey"].is_string()), (&status["pubkey"], true));
    assert_eq!(node.stop(), Some(0));
}
