//! What is logged while locks are held would stop everybody for as long as a line takes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use crossweave_router::{AdmissionOptions, Router};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::peer::{Peer, SECOND, node_with};

/// Counts the warnings, and those during which nobody else could look at the realm and its queues.
struct Watching {
    router: Router,
    lines: Arc<AtomicUsize>,
    blocked: Arc<AtomicUsize>,
}

impl Subscriber for Watching {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        let (router, (done, is_done)) = (self.router.clone(), mpsc::channel());
        thread::spawn(move || done.send(router.session_queues("realm1").len()));
        self.lines.fetch_add(1, Ordering::Relaxed);
        if is_done.recv_timeout(SECOND / 2).is_err() {
            self.blocked.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_session_that_falls_behind_and_catches_up_is_logged_outside_the_locks() {
    let node = node_with(AdmissionOptions::default(), |transport| transport.queue.bytes_max = 100_000).await;
    let (lines, blocked) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let watching = Watching { router: node.router.clone(), lines: lines.clone(), blocked: blocked.clone() };
    // The runtime has one thread: this one.
    // See `realm/tests.rs`: one subscriber alone would be asked on the wrong thread.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(watching);
    let mut slow = Peer::rawsocket(&node).await;
    slow.hello().await;
    slow.subscribe().await;
    let mut publisher = Peer::rawsocket(&node).await;
    publisher.hello().await;
    while lines.load(Ordering::Relaxed) == 0 {
        publisher.publish(60_000).await;
    }
    while lines.load(Ordering::Relaxed) == 1 {
        slow.receive().await;
    }
    assert_eq!(blocked.load(Ordering::Relaxed), 0, "lines that were logged under a lock");
}
