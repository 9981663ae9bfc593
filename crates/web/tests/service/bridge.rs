//! Calls and publications over HTTP.

use std::time::Duration;

use crossweave_client::{Arguments, Dict, Invocation, Value, WampError};
use crossweave_router::Role;
use crossweave_web::BODY_LEN_MAX;
use tokio::time::timeout;

use crate::node::{DEADLINE, Node};

#[tokio::test]
async fn a_call_is_answered_with_the_result() {
    let node = Node::start().await;
    node.until_demo_answers().await;
    let answer = node.post("/call", r#"{"procedure":"com.example.add2","args":[2,3]}"#).await;
    assert_eq!((answer.status, answer.field("Content-Type")), (200, "application/json"));
    assert_eq!(answer.body, "{\"args\":[5],\"kwargs\":{}}\n");
}

#[tokio::test]
async fn arguments_reach_the_callee_and_come_back_whatever_their_type() {
    let node = Node::start().await;
    let callee = node.client().await;
    let echo = |call: Invocation| async move {
        let kwargs = call.kwargs();
        Ok(kwargs.into_iter().fold(Arguments::from(call.args()), |it, (name, value)| it.kwarg(name, value)))
    };
    let _echo = callee.register_dynamic("com.example.echo", echo).await.unwrap();
    let args = r#"[1,-1.5,null,true,"æ","\u0000AP8Q",[{"a":[]}]]"#;
    let body =
        format!("{{\"procedure\":\"com.example.echo\",\"args\":{args},\"kwargs\":{{\"b\":\"\\u0000\"}}}}");
    let answer = node.post("/call", &body).await;
    let expected = format!("{{\"args\":{args},\"kwargs\":{{\"b\":\"\\u0000\"}}}}\n");
    assert_eq!((answer.status, answer.body), (200, expected));
}

#[tokio::test]
async fn a_publication_reaches_subscribers_and_is_answered_with_its_id() {
    let node = Node::start().await;
    let mut events = node.client().await.subscribe("com.example.hello").await.unwrap();
    let answer = node
        .post("/publish", r#"{"topic":"com.example.hello","args":["\u0000AP8Q"],"kwargs":{"n":1}}"#)
        .await;
    let event = timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(event.args(), [Value::Bin(vec![0, 255, 16])]);
    assert_eq!(event.kwargs(), Dict::new().with("n", 1));
    assert_eq!((answer.status, answer.body), (200, format!("{{\"id\":{}}}\n", event.publication)));
}

#[tokio::test]
async fn receivers_can_be_chosen() {
    let node = Node::start().await;
    let (chosen, other) = (node.client().await, node.client().await);
    let mut to_chosen = chosen.subscribe("com.example.hello").await.unwrap();
    let mut to_other = other.subscribe("com.example.hello").await.unwrap();
    let eligible = chosen.session().id;
    let first =
        format!("{{\"topic\":\"com.example.hello\",\"args\":[1],\"options\":{{\"eligible\":[{eligible}]}}}}");
    assert_eq!(node.post("/publish", &first).await.status, 200);
    assert_eq!(node.post("/publish", r#"{"topic":"com.example.hello","args":[2]}"#).await.status, 200);
    let mut first_args = Vec::new();
    for events in [&mut to_chosen, &mut to_other] {
        first_args.push(timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap().args());
    }
    assert_eq!(first_args, [[Value::Int(1)], [Value::Int(2)]]);
}

#[tokio::test]
async fn errors_keep_their_uri_and_get_a_status() {
    let node = Node::start().await;
    node.until_demo_answers().await;
    let callee = node.client().await;
    let fail = |_: Invocation| async {
        Err(WampError::new("com.example.error.full").arg("no room").kwarg("max", 3))
    };
    let _fail = callee.register_dynamic("com.example.fail", fail).await.unwrap();
    for (path, body, status, uri) in [
        ("/call", r#"{"procedure":"com.example.nobody"}"#, 404, "wamp.error.no_such_procedure"),
        ("/call", r#"{"procedure":"com.example.add2","args":[1,"2"]}"#, 400, "wamp.error.invalid_argument"),
        ("/call", r#"{"procedure":"not a uri"}"#, 400, "wamp.error.invalid_uri"),
        ("/publish", r#"{"topic":"not a uri"}"#, 400, "wamp.error.invalid_uri"),
        ("/call", r#"{"procedure""#, 400, "wamp.error.invalid_argument"),
        ("/call", r#"{"procedure":"com.example.fail"}"#, 502, "com.example.error.full"),
    ] {
        let answer = node.post(path, body).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, uri), "{body}");
    }
    let failed = node.post("/call", r#"{"procedure":"com.example.fail"}"#).await;
    let expected = "{\"error\":\"com.example.error.full\",\"args\":[\"no room\"],\"kwargs\":{\"max\":3}}\n";
    assert_eq!(failed.body, expected);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_with_its_timeout_and_is_cancelled() {
    let node = Node::start().await;
    let callee = node.client().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let never = move |call: Invocation| {
        let tell = tell.clone();
        async move {
            call.canceled().await;
            let _ = tell.send(());
            Ok(Arguments::new())
        }
    };
    let _never = callee.register_dynamic("com.example.never", never).tell_interrupts().await.unwrap();
    let answer = node.post("/call", r#"{"procedure":"com.example.never","options":{"timeout":50}}"#).await;
    assert_eq!((answer.status, answer.error().as_str()), (504, "wamp.error.timeout"));
    timeout(DEADLINE, told.recv()).await.expect("the callee is told").unwrap();
}

#[tokio::test]
async fn the_bridge_may_do_what_an_anonymous_client_may() {
    let node = Node::with_anonymous(Role::fixed("anonymous", Default::default())).await;
    for (path, body) in
        [("/call", r#"{"procedure":"com.example.add2"}"#), ("/publish", r#"{"topic":"com.example.hello"}"#)]
    {
        let answer = node.post(path, body).await;
        assert_eq!((answer.status, answer.error().as_str()), (403, "wamp.error.not_authorized"), "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_reaches_nothing() {
    let node = Node::start().await;
    let own = node.origin();
    let body = br#"{"topic":"com.example.hello"}"#;
    for (fields, status) in [
        ("Content-Type: application/json\r\nOrigin: https://evil.example\r\n".to_owned(), 403),
        ("Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n".to_owned(), 403),
        ("Content-Type: text/plain\r\nOrigin: https://evil.example\r\n".to_owned(), 415),
        (format!("Content-Type: application/json\r\nOrigin: {own}\r\n"), 200),
    ] {
        let answer = node.request("POST /publish", &fields, body).await;
        assert_eq!(answer.status, status, "{fields}");
        assert_eq!(answer.field("Access-Control-Allow-Origin"), "");
    }
}

#[tokio::test]
async fn bodies_are_taken_up_to_the_bound() {
    let node = Node::start().await;
    let json = "Content-Type: application/json\r\n";
    let mut body = br#"{"topic":"com.example.hello"}"#.to_vec();
    body.resize(BODY_LEN_MAX, b' ');
    assert_eq!(node.request("POST /publish", json, &body).await.status, 200);
    body.push(b' ');
    assert_eq!(node.request("POST /publish", json, &body).await.status, 413);
}

#[tokio::test]
async fn an_idle_bridge_does_not_hold_up_the_end() {
    let node = Node::start().await;
    node.until_demo_answers().await;
    timeout(Duration::from_secs(4), node.router.shutdown())
        .await
        .expect("shutdown ends before its own deadline");
}
