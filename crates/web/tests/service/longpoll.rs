//! WAMP over HTTP requests.

use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{Arguments, Invocation, Value};
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::Serializer;
use crossweave_web::{LongPoll, LongPollOptions, SiteOptions};
use tokio::time::timeout;

use crate::node::{Answer, DEADLINE, Node};

const HELLO: &str = r#"[1,"realm1",{"roles":{"subscriber":{},"publisher":{},"caller":{},"callee":{}},"authmethods":["anonymous"]}]"#;

async fn node(options: LongPollOptions) -> Node {
    Node::with_site(SiteOptions::default(), |router| {
        vec![("/lp", Arc::new(LongPoll::new(router.clone(), options)))]
    })
    .await
}

/// A client of JSON, without batches unless told otherwise.
struct Poller<'n> {
    node: &'n Node,
    base: String,
}

impl<'n> Poller<'n> {
    async fn open(node: &'n Node, protocol: &str) -> Poller<'n> {
        let answer = node.post("/lp/open", &format!("{{\"protocols\":[\"{protocol}\"]}}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let members = json.as_dict().unwrap();
        assert_eq!(members.str("protocol"), Some(protocol));
        Poller { node, base: format!("/lp/{}", members.str("transport").unwrap()) }
    }

    async fn join(node: &'n Node) -> Poller<'n> {
        let poller = Poller::open(node, "wamp.2.json").await;
        poller.send(HELLO).await;
        assert_eq!(poller.receive().await[0].as_i64(), Some(2));
        poller
    }

    async fn act(&self, action: &str, body: &str) -> Answer {
        self.node.post(&format!("{}/{action}", self.base), body).await
    }

    async fn send(&self, message: &str) {
        assert_eq!(self.act("send", message).await.status, 204, "{message}");
    }

    /// One message.
    async fn receive(&self) -> Vec<Value> {
        let answer = self.act("receive", "").await;
        assert_eq!((answer.status, answer.field("Content-Type")), (200, "application/json; charset=utf-8"));
        answer.json().as_list().unwrap().to_vec()
    }
}

#[tokio::test]
async fn a_session_is_opened_used_and_closed() {
    let node = node(LongPollOptions::default()).await;
    let callee = node.client().await;
    let echo = |call: Invocation| async move { Ok(Arguments::from(call.args())) };
    let _echo = callee.register_dynamic("com.example.echo", echo).await.unwrap();
    let poller = Poller::join(&node).await;
    poller.send(r#"[48,1,{},"com.example.echo",["æ"]]"#).await;
    let result = poller.receive().await;
    assert_eq!((result[0].as_i64(), result[3].clone()), (Some(50), Value::List(vec!["æ".into()])));
    poller.send(r#"[32,2,{},"com.example.topic"]"#).await;
    assert_eq!(poller.receive().await[0].as_i64(), Some(33));
    let (event, ()) = tokio::join!(poller.receive(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        callee.publish("com.example.topic", 7).acknowledged().await.unwrap();
    });
    assert_eq!((event[0].as_i64(), event[4].clone()), (Some(36), Value::List(vec![7.into()])));
    let (waiting, closed) = tokio::join!(poller.act("receive", ""), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        poller.act("close", "").await
    });
    assert_eq!((waiting.status, closed.status), (204, 204));
    let gone = async {
        while poller.act("receive", "").await.status != 404 {}
        while node.router.connections().0 > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the session leaves");
}

#[tokio::test]
async fn sessions_that_were_refused_and_never_asked_why_are_bounded() {
    const LINGERING_MAX: usize = 1_000;
    let node = node(LongPollOptions::default()).await;
    let mut refused = Vec::new();
    while refused.len() <= LINGERING_MAX {
        let poller = Poller::open(&node, "wamp.2.json").await;
        poller.send("[1]").await;
        refused.push(poller);
        // One after the other, so that the bounds of those that have not joined are not met.
        while node.router.connections().1 > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let last = refused.pop().unwrap();
    assert_eq!(last.act("receive", "").await.status, 404, "there was no place for one more");
    assert_eq!(refused[0].receive().await[0].as_i64(), Some(3), "the first is still told why");
}

#[tokio::test]
async fn the_meta_api_tells_that_it_polls() {
    let node = node(LongPollOptions::default()).await;
    let poller = Poller::open(&node, "wamp.2.json").await;
    poller.send(HELLO).await;
    let session = poller.receive().await[1].as_u64().unwrap();
    let reply = node.client().await.call("wamp.session.get").arg(session).await.unwrap();
    let args = reply.args();
    let transport = args[0].as_dict().unwrap().dict("transport").unwrap();
    assert_eq!(transport.str("channel_framing"), Some("longpoll"));
    assert!(transport.str("peer").unwrap().contains("127.0.0.1"));
}

#[tokio::test]
async fn batches_carry_all_that_waits() {
    let node = node(LongPollOptions::default()).await;
    let poller = Poller::open(&node, "wamp.2.json.batched").await;
    let subscribe = |n: u8| format!("[32,{n},{{}},\"com.example.topic{n}\"]");
    poller.send(&format!("{HELLO}\x1e{}\x1e{}\x1e", subscribe(1), subscribe(2))).await;
    let mut received = String::new();
    while received.matches('\x1e').count() < 3 {
        received += &timeout(DEADLINE, poller.act("receive", "")).await.unwrap().body;
    }
    let types: Vec<&str> = received.split_terminator('\x1e').map(|message| &message[..3]).collect();
    assert_eq!(types, ["[2,", "[33", "[33"]);
}

#[tokio::test]
async fn a_poll_without_messages_ends_with_its_time() {
    let node = node(LongPollOptions { request_timeout_s: 1, ..LongPollOptions::default() }).await;
    let poller = Poller::join(&node).await;
    assert_eq!(timeout(DEADLINE, poller.act("receive", "")).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_silent_client_loses_its_session() {
    let node = node(LongPollOptions { session_timeout_s: 1, ..LongPollOptions::default() }).await;
    let poller = Poller::join(&node).await;
    // A request that waits is no silence.
    let _ = timeout(Duration::from_millis(1500), poller.act("receive", "")).await;
    poller.send("[5,1]").await;
    let gone = async {
        while node.router.connections() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the session leaves");
    assert_eq!(poller.act("send", "[5,2]").await.status, 404);
}

#[tokio::test]
async fn what_the_router_says_last_can_be_received() {
    let node = node(LongPollOptions::default()).await;
    let poller = Poller::open(&node, "wamp.2.json").await;
    poller.send(r#"[1,"nowhere",{"roles":{"caller":{}}}]"#).await;
    let abort = poller.receive().await;
    assert_eq!((abort[0].as_i64(), abort[2].as_str()), (Some(3), Some("wamp.error.no_such_realm")));
    assert_eq!(poller.act("receive", "").await.status, 404);
}

#[tokio::test]
async fn bad_requests_are_refused_in_a_sentence() {
    let options = LongPollOptions { max_message_size: 1000, ..LongPollOptions::default() };
    let node = node(LongPollOptions { serializers: vec![Serializer::Json], ..options }).await;
    for (body, status) in [("", 400), ("{}", 400), (r#"{"protocols":["wamp.2.cbor"]}"#, 400)] {
        assert_eq!(node.post("/lp/open", body).await.status, status, "{body}");
    }
    assert_eq!(node.post("/lp/open", &" ".repeat(5000)).await.status, 413);
    assert_eq!(node.post("/lp/unknown/receive", "").await.status, 404);
    assert_eq!(node.get("/lp").await.status, 200);
    let poller = Poller::join(&node).await;
    assert_eq!(poller.act("send", "").await.status, 400);
    assert_eq!(poller.act("send", &" ".repeat(1001)).await.status, 413);
    assert_eq!(poller.act("other", "").await.status, 404);
    assert_eq!(node.request(&format!("GET {}/receive", poller.base), "", b"").await.status, 405);
    // What is no WAMP ends the session, as on any transport.
    poller.send("nonsense").await;
    assert_eq!(poller.receive().await[0].as_i64(), Some(3));
}

#[tokio::test]
async fn much_that_waits_is_held_back_and_nothing_is_lost() {
    let options =
        LongPollOptions { queue_limit_messages: 3, queue_limit_bytes: 1000, ..LongPollOptions::default() };
    let node = node(options).await;
    let publisher = node.client().await;
    let poller = Poller::join(&node).await;
    poller.send(r#"[32,2,{},"com.example.topic"]"#).await;
    poller.receive().await;
    for n in 0..50 {
        publisher.publish("com.example.topic", (n, "x".repeat(500))).acknowledged().await.unwrap();
    }
    for n in 0..50 {
        assert_eq!(poller.receive().await[4].as_list().unwrap()[0], Value::Int(n));
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_or_not() {
    let body = br#"{"protocols":["wamp.2.json"]}"#;
    let fields = "Content-Type: application/json\r\nOrigin: https://example.com\r\n";
    let open = node(LongPollOptions::default()).await;
    let answer = open.request("POST /lp/open", fields, body).await;
    assert_eq!((answer.status, answer.field("Access-Control-Allow-Origin")), (200, "https://example.com"));
    assert_eq!(answer.field("Access-Control-Allow-Credentials"), "true");
    let own = node(LongPollOptions { origins: OriginPolicy::SameOrigin, ..LongPollOptions::default() }).await;
    assert_eq!(own.request("POST /lp/open", fields, body).await.status, 403);
    let same = format!("Origin: {}\r\n", own.origin());
    assert_eq!(own.request("POST /lp/open", &same, body).await.status, 200);
}

#[tokio::test]
async fn a_session_that_does_not_join_is_ended() {
    let node = node(LongPollOptions { handshake_timeout_ms: 200, ..LongPollOptions::default() }).await;
    let poller = Poller::open(&node, "wamp.2.json").await;
    assert_eq!(poller.receive().await[0].as_i64(), Some(3));
    assert_eq!(poller.act("receive", "").await.status, 404);
}
