//! Long polling as a configuration has it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::managed::Managed;
use crate::services::{address, post, request, web};

/// A session over HTTP, with the answer to its HELLO.
pub(crate) struct Poller {
    address: SocketAddr,
    base: String,
}

impl Poller {
    pub(crate) fn open(address: SocketAddr) -> Poller {
        let (status, opened) = post(address, "/lp/open", r#"{"protocols": ["wamp.2.json"]}"#);
        assert_eq!(status, 200, "{opened}");
        let opened: Value = serde_json::from_str(&opened).unwrap();
        Poller { address, base: format!("/lp/{}", opened["transport"].as_str().unwrap()) }
    }

    fn act(&self, action: &str, body: &str) -> (u16, String) {
        post(self.address, &format!("{}/{action}", self.base), body)
    }

    /// The answer to a message.
    pub(crate) fn ask(&self, message: &Value) -> Value {
        assert_eq!(self.act("send", &message.to_string()).0, 204);
        serde_json::from_str(&self.act("receive", "").1).unwrap()
    }
}

/// The log, until it has this.
pub(crate) fn log_until(node: &Managed, text: &str) -> String {
    let mut log = String::new();
    while !log.contains(text) {
        log.push_str(&node.process.line());
        log.push('\n');
    }
    log
}

fn hello(authid: &str) -> Value {
    json!([1, "realm1", {"roles": {"subscriber": {}}, "authid": authid, "authmethods": ["ticket"]}])
}

#[test]
fn clients_log_in_as_the_service_says() {
    let auth = json!({"ticket": {"type": "static", "principals": {"joe": {"ticket": "sesame!!", "role": "anonymous"}}}});
    let node = Managed::start(
        &web(&json!({"/": {"type": "nodeinfo"}, "lp": {"type": "longpoll", "auth": auth}})),
        &[],
    );
    let address = address(&node);
    let joe = Poller::open(address);
    assert_eq!(joe.ask(&hello("joe"))[0], 4, "CHALLENGE");
    let welcome = joe.ask(&json!([5, "sesame!!", {}]));
    assert_eq!((&welcome[0], &welcome[2]["authid"]), (&json!(2), &json!("joe")));
    assert_eq!(welcome[2]["authmethod"], "ticket");
    let thief = Poller::open(address);
    thief.ask(&hello("joe"));
    let abort = thief.ask(&json!([5, "guess", {}]));
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.authentication_failed")));
    let nobody = Poller::open(address);
    let abort = nobody.ask(&json!([1, "realm1", {"roles": {"subscriber": {}}}]));
    assert_eq!(abort[0], 3, "anonymous clients are not let in: {abort}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn serializers_sizes_and_pages_are_as_the_service_says() {
    let options = json!({"max_message_size": 1024, "allowed_origins": ["https://shop.example"], "debug": true,
        "session_timeout": 0});
    let longpoll = json!({"type": "longpoll", "serializers": ["cbor", "json.batched"], "options": options});
    let node = Managed::start(&web(&json!({"/": {"type": "nodeinfo"}, "lp": longpoll})), &[]);
    let address = address(&node);
    let open = |protocol: &str| post(address, "/lp/open", &json!({"protocols": [protocol]}).to_string());
    let (status, refused) = open("wamp.2.json");
    assert_eq!(
        (status, refused.trim()),
        (400, "no common protocol: this endpoint speaks wamp.2.cbor, wamp.2.json.batched")
    );
    assert_eq!(open("wamp.2.cbor").0, 200);
    let (status, opened) = open("wamp.2.json.batched");
    assert_eq!(status, 200, "{opened}");
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let id = opened["transport"].as_str().unwrap();
    assert_eq!(post(address, &format!("/lp/{id}/send"), &" ".repeat(1025)).0, 413);
    let from = |origin: &str| {
        request(
            address,
            "POST /lp/open",
            &format!("Origin: {origin}\r\n"),
            r#"{"protocols": ["wamp.2.cbor"]}"#,
        )
        .0
    };
    assert_eq!((from("https://shop.example"), from("http://localhost"), from("null")), (200, 403, 403));
    let log = log_until(&node, "longpoll request");
    assert!(log.contains("longpoll session opened") && log.contains("longpoll request"), "{log}");
    assert!(!log.contains(id), "the id is the session's secret: {log}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn the_router_proves_itself_to_clients_of_a_service_that_came_later() {
    const PUBLIC_KEY: &str = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d";
    let node = Managed::start(&web(&json!({"/": {"type": "nodeinfo"}})), &[]);
    let joe = json!({"authorized_keys": [PUBLIC_KEY], "role": "anonymous"});
    let auth = json!({"cryptosign": {"type": "static", "principals": {"joe": joe}}});
    let start = "crossbar.worker.router.start_web_transport_service";
    node.call(start, &[json!("web"), json!("lp"), json!({"type": "longpoll", "auth": auth})]).unwrap();
    let extra = json!({"pubkey": PUBLIC_KEY, "challenge": "00".repeat(32)});
    let challenge = Poller::open(address(&node)).ask(&json!([1, "realm1",
        {"roles": {"subscriber": {}}, "authid": "joe", "authmethods": ["cryptosign"], "authextra": extra}]));
    assert_eq!((&challenge[0], challenge[2]["signature"].is_string()), (&json!(4), true), "{challenge}");
    assert_eq!(challenge[2]["pubkey"], node.call("crossbar.get_status", &[]).unwrap()["pubkey"]);
    assert_eq!(node.stop(), Some(0));
}
