//! A line for each request.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossweave_web::{
    Caller, LongPoll, LongPollOptions, NotBuilt, RestOptions, SiteOptions, Webhook, WebhookOptions,
};
use tokio::io::AsyncWriteExt as _;
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
        "method=GET path=\"/nothing\" status=404 octets=284 agent=\"\" ",
    ];
    assert_eq!(*lines, expected);
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
