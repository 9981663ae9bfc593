//! A worker of a type of our own: it tells again and again that it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossweave_client::{Client, Registration};
use crossweave_node::Component;
use crossweave_node::component::BoxFuture;
use serde_json::Value;

/// Publishes `crossbar.worker.ID.on_beat` with a number, and answers `crossbar.worker.ID.get_beats`.
pub(crate) struct Beacon {
    id: String,
    interval: Duration,
    beats: Arc<AtomicU64>,
    registration: Option<Registration>,
}

impl Beacon {
    /// `extra` of the configuration: `{"interval": MS}`.
    ///
    /// # Errors
    /// `interval` is no number above zero.
    pub(crate) fn new(about: &Value) -> Result<Beacon, String> {
        let interval = &about["extra"]["interval"];
        let ms = interval.as_u64().filter(|ms| *ms > 0);
        let ms = ms.ok_or_else(|| format!("extra.interval is {interval}: expected milliseconds"))?;
        let id = about["id"].as_str().unwrap_or_default().to_owned();
        Ok(Beacon { id, interval: Duration::from_millis(ms), beats: Arc::default(), registration: None })
    }
}

impl Component for Beacon {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let beats = self.beats.clone();
            let answer = move |(): ()| {
                let beats = beats.load(Ordering::Relaxed);
                async move { Ok(beats) }
            };
            let uri = format!("crossbar.worker.{}.get_beats", self.id);
            let registered = client.register(uri, answer).await;
            self.registration = Some(registered.map_err(|error| format!("cannot register: {error}"))?);
            Ok(())
        })
    }

    fn run<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let topic = format!("crossbar.worker.{}.on_beat", self.id);
            loop {
                tokio::time::sleep(self.interval).await;
                let beat = self.beats.fetch_add(1, Ordering::Relaxed) + 1;
                let told = client.publish(topic.clone(), (beat,)).await;
                told.map_err(|error| format!("cannot publish: {error}"))?;
            }
        })
    }
}
