//! The REST bridge as a configuration has it.

use crossweave_auth::{Secret, wampcra};
use crossweave_wamp::Dict;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::longpoll::{Poller, log_until};
use crate::managed::Managed;
use crate::proxies::{connection, router};
use crate::services::{address, address_of, post, request, web};

const COUNT: &str = r#"{"procedure": "wamp.session.count"}"#;

fn service(kind: &str, options: &Value) -> Value {
    json!({"type": kind, "realm": "realm1", "role": "anonymous", "options": options})
}

/// The query that signs a body with key `app` and secret `secret`.
fn signed(body: &str, nonce: u32) -> String {
    let timestamp = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let extra = Dict::new().with("challenge", format!("app{timestamp}1{nonce}{body}"));
    let signature = wampcra::answer(&Secret::from("secret"), &extra).unwrap();
    let signature = signature.replace('+', "-").replace('/', "_");
    format!("key=app&timestamp={timestamp}&seq=1&nonce={nonce}&signature={signature}")
}

#[test]
fn a_signed_request_is_carried_out_once_also_when_its_worker_was_killed_in_between() {
    let signing = json!({"key": "app", "secret": "secret"});
    let paths = json!({"/": {"type": "nodeinfo"}, "a": service("caller", &signing), "b": service("caller", &signing)});
    let mut workers = web(&paths);
    workers[0]["transports"][0]["endpoint"] = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let node = Managed::start(&workers, &[]);
    let at = address(&node);
    let query = signed(COUNT, 1);
    let (status, answer) = post(at, &format!("/a?{query}"), COUNT);
    assert!(status == 200 && answer.contains("args"), "{status} {answer}");
    assert_eq!(post(at, &format!("/a?{query}"), COUNT).0, 401, "by the same service");
    assert_eq!(post(at, &format!("/b?{query}"), COUNT).0, 401, "by another one with the same key");

    for (procedure, more) in [("stop", None), ("start", Some(service("caller", &signing)))] {
        let mut args = vec![json!("web"), json!("a")];
        args.extend(more);
        node.call(&format!("crossbar.worker.router.{procedure}_web_transport_service"), &args).unwrap();
    }
    assert_eq!(post(at, &format!("/a?{query}"), COUNT).0, 401, "by a service that was made anew");

    let pid = || node.call("crossbar.get_worker", &[json!("router")]).ok()?["pid"].as_i64();
    let before = pid().unwrap();
    kill_process(Pid::from_raw(i32::try_from(before).unwrap()).unwrap(), Signal::KILL).unwrap();
    node.until("another process", || pid().filter(|pid| *pid != before));
    let get = "crossbar.worker.router.get_router_transport";
    node.until("its transport", || node.call(get, &[json!("web")]).ok());
    let at = address(&node);
    assert_eq!(post(at, &format!("/a?{query}"), COUNT).0, 401, "after the worker was killed");
    assert_eq!(post(at, &format!("/a?{}", signed(COUNT, 2)), COUNT).0, 200, "another request");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_node_that_ends_in_order_complains_of_no_lost_connection() {
    let paths = json!({"/": {"type": "nodeinfo"}, "call": service("caller", &json!({}))});
    let mut node = Managed::start(&web(&paths), &[]);
    assert_eq!(post(address(&node), "/call", COUNT).0, 200);
    node.process.signal(Signal::TERM);
    assert_eq!(node.process.end(), Some(0));
    let told = node.process.told().join("\n");
    assert!(!told.contains("connection lost"), "{told}");
}

#[test]
fn timeouts_statuses_pages_and_networks_are_as_the_service_says() {
    let call = json!({"timeout": 50, "http_errors": true, "allowed_origins": ["https://shop.example"], "debug": true});
    let hook = json!({"topic": "com.example.hook", "require_ip": ["10.0.0.0/8"], "debug": true});
    let tls = json!({"topic": "com.example.hook", "require_tls": true});
    let paths = json!({"/": {"type": "nodeinfo"}, "lp": {"type": "longpoll"}, "call": service("caller", &call),
        "hook": service("webhook", &hook), "tls": service("webhook", &tls),
        "publish": service("publisher", &json!({"http_errors": true}))});
    let mut workers = web(&paths);
    workers[0]["realms"][0]["roles"] = json!([{"name": "anonymous", "permissions": [
        {"uri": "wamp.", "match": "prefix", "allow": {"call": true}},
        {"uri": "com.never", "allow": {"call": true, "register": true}}]}]);
    let node = Managed::start(&workers, &[]);
    let address = address(&node);
    assert_eq!(post(address, "/call?signature=mine", COUNT).0, 200);
    assert_eq!(post(address, "/call", r#"{"procedure": "wamp.nothing"}"#).0, 404);
    let callee = Poller::open(address);
    assert_eq!(callee.ask(&json!([1, "realm1", {"roles": {"callee": {}}}]))[0], 2);
    assert_eq!(callee.ask(&json!([64, 1, {}, "com.never"]))[0], 65);
    let (status, late) = post(address, "/call", r#"{"procedure": "com.never"}"#);
    assert!(status == 504 && late.contains("wamp.error.timeout"), "{status} {late}");
    assert_eq!(post(address, "/publish", r#"{"topic": "com.example.x"}"#).0, 403);
    let from = |origin: &str| request(address, "POST /call", &format!("Origin: {origin}\r\n"), COUNT).0;
    assert_eq!((from("https://shop.example"), from("http://localhost")), (200, 403));
    assert_eq!(post(address, "/hook", "x").0, 400, "from this network");
    assert_eq!(post(address, "/tls", "x").0, 400, "without TLS");
    let log = log_until(&node, "wamp.error.not_authorized");
    assert!(log.contains("rest request") && log.contains("no_such_procedure"), "{log}");
    assert!(!log.contains("signature"), "queries are secret: {log}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_proxy_has_rest_services_that_act_behind_it() {
    let caller = |role: &str| json!({"type": "caller", "realm": "realm1", "role": role});
    let hook = json!({"topic": "com.example.hook"});
    let paths = json!({"/": {"type": "nodeinfo"}, "call": caller("user"), "trusted": caller("trusted"),
        "publish": service("publisher", &json!({})), "hook": service("webhook", &hook)});
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    let proxy = json!({"id": "proxy", "type": "proxy", "connections": {"c": connection("router1-behind")},
        "routes": {"realm1": {"anonymous": "c", "user": "c"}},
        "transports": [{"type": "web", "id": "web", "endpoint": endpoint, "paths": paths}]});
    let node = Managed::start(&json!([router("router1"), proxy]), &[]);
    let address = address_of(&node, "crossbar.worker.proxy.get_proxy_transport");
    let (status, count) = post(address, "/call", COUNT);
    assert_eq!((status, count.as_str()), (200, "{\"args\":[1],\"kwargs\":{}}\n"), "its own session");
    let who = node.call_on("router1", "realm1", "wamp.session.list", &[json!(["user"])]).unwrap();
    let details = node.call_on("router1", "realm1", "wamp.session.get", &[who[0].clone()]).unwrap();
    assert_eq!((&details["authid"], &details["authrole"]), (&json!("http-bridge"), &json!("user")));
    assert!(post(address, "/publish", r#"{"topic": "com.example.x"}"#).1.contains("\"id\""));
    assert_eq!(post(address, "/hook", "x").0, 202);
    assert_eq!(post(address, "/trusted", COUNT).0, 503, "nobody is the router itself from elsewhere");
    assert_eq!(node.stop(), Some(0));
}
