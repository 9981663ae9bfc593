//! A line for each request.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use crossweave_web::{LongPoll, LongPollOptions, NotBuilt, SiteOptions};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::node::Node;

/// Keeps lines of the access log, as their fields in order.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("crossweave_web::site")
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
