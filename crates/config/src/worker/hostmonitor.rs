//! `"type": "hostmonitor"`: figures of the machine, published on the node's realm.

use super::{Siblings, WorkerOptions};
use crate::reading::{Fields, Finding, Reading, nearest, one_of, quoted};

/// A worker that samples the machine it runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct HostMonitorWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `options.interval`: milliseconds between samples, 100 to 86400000. Default: 500.
    pub interval: u32,
    /// `options.monitors`: what is sampled, by name, with any options. Default: nothing.
    pub monitors: Vec<(String, serde_json::Value)>,
}

/// What can be sampled.
const MONITORS: &[&str] =
    &["cpu", "disk", "diskio", "hardware", "memory", "network", "process", "self", "storage", "system"];

impl HostMonitorWorker {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let (mut options, mut interval, mut monitors) = (WorkerOptions::default(), 500, Vec::new());
        if let Some(fields) = fields.object(reading, "options", "the options of a host monitor") {
            (options, interval, monitors) = Self::read_options(reading, fields);
        }
        fields.finish_lenient(reading);
        Self { id, options, interval, monitors }
    }

    pub(crate) fn read_options(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
    ) -> (WorkerOptions, u32, Vec<(String, serde_json::Value)>) {
        let options = WorkerOptions::read(reading, &mut fields);
        let interval = fields.int(reading, "interval", 100..=86_400_000, "milliseconds").unwrap_or(500);
        let monitors = monitors(reading, &mut fields);
        fields.finish_lenient(reading);
        (options, interval, monitors)
    }
}

fn monitors(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<(String, serde_json::Value)> {
    let Some(fields) = fields.object(reading, "monitors", "what is sampled") else { return Vec::new() };
    let mut monitors = Vec::new();
    for (entry, at) in fields.named(reading) {
        if !MONITORS.contains(&entry.key.as_str()) {
            let finding = Finding::error(format!("unknown monitor {}", quoted(&entry.key)))
                .expected(one_of(MONITORS.iter().copied()))
                .nearest(nearest(&entry.key, MONITORS.iter().copied()));
            reading.add(entry.key_range.clone(), &at.path, finding);
        }
        monitors.push((entry.key.clone(), reading.any(&at)));
    }
    monitors
}
