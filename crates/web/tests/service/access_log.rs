//! A line for each request.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossweave_web::{
    Caller, LongPoll, LongPollOptions, NotBuilt, RestOptions, SiteOptions, Webhook, WebhookOptions,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::node::{DEADLINE, Node};

/// Keeps lines of the access log, and warnings, as their fields in order.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_of_web = metadata.target().starts_with("crossweave_web");
        metadata.target().starts_with("crossweave_web::site")
            || (is_of_web && *metadata.level() <= Level::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !matches!(field.name(), "duration_us" | "peer" | "message") {
            self.0 += &format!("{}={value:?} ", field.name());
        }
    }
}

#[tokio::test]
async fn requests_are_logged_without_what_is_secret_in_them() {
    let options = SiteOptions { access_log: true, ..SiteOptions::default() };
    let node = Node::with_site(options, |router| {
        let longpoll = LongPoll::new(router.clone(), LongPollOptions::default());
        vec![("/lp", Arc::new(longpoll)), ("/cgi", Arc::new(NotBuilt::new("cgi")))]
    })
    .await;
    let lines = Lines::default();
    // One subscriber alone would be asked on the wrong thread.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(lines.clone());
    node.request("GET /cgi/%0aX?key=secret", "User-Agent: test\r\n", b"").await;
    node.post("/lp/the-secret-id/receive", "").await;
    node.post("/lp/the-secret-id/", "").await;
    node.post("/lp/the-secret-id/send/it", "").await;
    node.get("/nothing").await;
    let lines = lines.0.lock().unwrap();
    let expected = [
        "method=GET path=\"/cgi/%0aX\" status=501 octets=45 agent=\"test\" ",
        "method=POST path=\"/lp/../receive\" status=404 octets=44 agent=\"\" ",
        "method=POST path=\"/lp/..\" status=404 octets=18 agent=\"\" ",
        "method=POST path=\"/lp/../send/it\" status=404 octets=18 agent=\"\" ",
        "method=GET path=\"/nothing\" status=404 octets=592 agent=\"\" ",
    ];
    assert_eq!(*lines, expected);
}

#[tokio::test]
async fn upgrades_to_websocket_are_logged_with_their_status_and_so_are_those_that_are_refused() {
    let options = SiteOptions { access_log: true, ..SiteOptions::default() };
    let node = Node::with_site(options, |router| {
        vec![("/lp", Arc::new(LongPoll::new(router.clone(), LongPollOptions::default())))]
    })
    .await;
    let lines = Lines::default();
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(lines.clone());
    let upgrade = |line: &str, further: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{further}\r\n"
        )
    };
    let wamp = "Sec-WebSocket-Protocol: wamp.2.json\r\n";
    // The connection stays open when it is made: its first octets are enough.
    let begin = async |request: String| {
        let mut stream = node.stream().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        timeout(DEADLINE, stream.read_exact(&mut status)).await.expect("an answer in time").unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    assert_eq!(begin(upgrade("GET /ws?key=secret", wamp)).await, "101");
    assert_eq!(begin(upgrade("GET /ws", "Sec-WebSocket-Protocol: other\r\n")).await, "400");
    assert_eq!(
        begin(upgrade("GET /ws", &format!("{wamp}Origin: http://elsewhere.example\r\n"))).await,
        "403"
    );
    assert_eq!(begin(upgrade("GET /other", wamp)).await, "404");
    assert_eq!(begin(upgrade("GET /lp/the-secret-id/receive", wamp)).await, "404");
    // Of a connection that was used for another request before.
    let first = "GET /ws HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = node.raw(format!("{first}{}", upgrade("GET /other", wamp))).await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    let mut stream = node.stream().await;
    let both = format!("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n{}", upgrade("GET /ws", wamp));
    stream.write_all(both.as_bytes()).await.unwrap();
    let expected = [
        "path=\"/ws\" status=101 octets=0 agent=\"test\" ",
        "path=\"/ws\" status=400 ",
        "path=\"/ws\" status=403 ",
        "path=\"/other\" status=404 ",
        "path=\"/lp/../receive\" status=404 ",
        "path=\"/ws\" status=426 ",
        "path=\"/other\" status=404 ",
        "path=\"/nothing\" status=404 ",
        "path=\"/ws\" status=101 octets=0 agent=\"test\" ",
    ];
    let logged = async {
        while lines.0.lock().unwrap().len() < expected.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(DEADLINE, logged).await;
    drop(stream);
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        let expected = format!("method=GET {expected}");
        assert!(line.starts_with(&expected), "{line}, not {expected}");
    }
}

#[tokio::test]
async fn a_request_whose_client_does_not_wait_is_logged_as_well() {
    let options = SiteOptions { access_log: true, ..SiteOptions::default() };
    let node = Node::with_site(options, |router| {
        vec![("/lp", Arc::new(LongPoll::new(router.clone(), LongPollOptions::default())))]
    })
    .await;
    let lines = Lines::default();
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(lines.clone());
    let opened = node.post("/lp/open", "{\"protocols\":[\"wamp.2.json\"]}").await.json();
    let id = opened.as_dict().and_then(|it| it.str("transport")).unwrap().to_owned();
    let mut stream = node.stream().await;
    let head = format!("POST /lp/{id}/receive HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    let given_up = "method=POST path=\"/lp/../receive\" status=499 agent=\"\" ";
    let logged = async {
        while !lines.0.lock().unwrap().iter().any(|line| line == given_up) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, logged).await.unwrap_or_else(|_| panic!("{:?}", lines.0.lock().unwrap()));
}

#[tokio::test]
async fn requests_that_cannot_be_carried_out_do_not_fill_the_log() {
    let node = Node::with_site(SiteOptions::default(), |router| {
        let lost = Caller::new(router.clone(), "nowhere", "anonymous", RestOptions::default());
        let hook = WebhookOptions::new("not a topic");
        let hook = Webhook::new(router.clone(), "realm1", "anonymous", RestOptions::default(), hook);
        vec![("/lost", Arc::new(lost)), ("/hook", Arc::new(hook))]
    })
    .await;
    let lines = Lines::default();
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(lines.clone());
    for _ in 0..20 {
        assert_eq!(node.post("/lost", "{\"procedure\":\"com.example.x\"}").await.status, 503);
        assert_eq!(node.post("/hook", "{}").await.status, 500);
    }
    assert_eq!(lines.0.lock().unwrap().len(), 2);
}
