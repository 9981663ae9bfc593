//! A component: it counts, and tells everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossweave_client::{Client, Registration};
use crossweave_node::Component;
use crossweave_node::component::BoxFuture;
use serde_json::Value;

/// Answers `com.example.count`: each call counts one on, and publishes the number to `com.example.counted`.
pub(crate) struct Counter {
    count: Arc<AtomicU64>,
    /// It answers as long as this is kept.
    registration: Option<Registration>,
}

impl Counter {
    /// `extra` of the configuration: `{"from": 100}`.
    ///
    /// # Errors
    /// `from` is no number.
    pub(crate) fn new(extra: &Value) -> Result<Counter, String> {
        let from = match extra.get("from") {
            None => 0,
            Some(from) => from.as_u64().ok_or_else(|| format!("extra.from is {from}: expected a number"))?,
        };
        Ok(Counter { count: Arc::new(AtomicU64::new(from)), registration: None })
    }
}

impl Component for Counter {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (count, publisher) = (self.count.clone(), client.clone());
            let answer = move |(): ()| {
                let (count, publisher) = (count.clone(), publisher.clone());
                async move {
                    let now = count.fetch_add(1, Ordering::Relaxed) + 1;
                    // Whether anybody listens does not matter to who counts.
                    let _ = publisher.publish("com.example.counted", (now,)).await;
                    Ok(now)
                }
            };
            let registration = client.register("com.example.count", answer).await;
            self.registration = Some(registration.map_err(|error| error.to_string())?);
            Ok(())
        })
    }
}
