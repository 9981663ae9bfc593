//! What the log is told of refusals.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Keeps what the log of this thread is told as the cause of a refusal.
#[derive(Clone, Default)]
pub(super) struct Causes(Arc<Mutex<Vec<String>>>);

impl Visit for Causes {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "cause" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Causes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Causes {
    /// Watches this thread until the guard goes.
    pub(super) fn watch() -> (Causes, (DefaultGuard, Dispatch)) {
        let causes = Causes::default();
        // See `crates/router/src/realm/tests.rs`: one subscriber alone would be asked on the wrong thread.
        let second = Dispatch::new(tracing::subscriber::NoSubscriber::new());
        let guard = tracing::subscriber::set_default(causes.clone());
        (causes, (guard, second))
    }

    /// What it was told until now.
    pub(super) fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
