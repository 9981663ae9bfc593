//! What workers write: kept for `get_worker_log`, published, and passed on to the node's own log.

use std::collections::VecDeque;

use crossweave_api::worker::LogLine;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tracing::{debug, error, info, trace, warn};

use crate::clock::utcnow;

/// The target of log events that pass on what worker processes have written. Beside the message they have `worker` (its id),
/// `process` (what Crossbar.io calls such a process), `pid`, and, where the worker's line was a record, `origin` (its target) and
/// `fields`, a JSON object.
pub const WORKER_LOG_TARGET: &str = "crossweave_worker";

/// Lines of a worker that are kept.
const LINES_MAX: usize = 1_000;
/// And how many octets they may have; a single line is always kept.
const OCTETS_MAX: usize = 1 << 20;

/// The last lines of one worker.
#[derive(Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    octets: usize,
}

impl Log {
    fn push(&self, line: String) {
        let mut kept = self.0.lock();
        kept.octets += line.len();
        kept.lines.push_back(line);
        while kept.lines.len() > LINES_MAX || (kept.octets > OCTETS_MAX && kept.lines.len() > 1) {
            let oldest = kept.lines.pop_front().unwrap_or_default();
            kept.octets -= oldest.len();
        }
    }

    /// The last lines, the oldest first.
    pub(super) fn last(&self, limit: u64) -> Vec<String> {
        let lines = &self.0.lock().lines;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        lines.iter().skip(lines.len().saturating_sub(limit)).cloned().collect()
    }

    /// Takes a line: keeps it, passes it on, and says what is to be published.
    pub(super) fn take(&self, line: &str, source: Source, origin: &Origin<'_>) -> LogLine {
        let record = source.parse(line);
        let text = record.text();
        self.push(text.clone());
        record.pass_on(origin);
        LogLine { when: utcnow(), level: record.level, text }
    }
}

/// The process that has written a line.
pub(super) struct Origin<'w> {
    /// Its id as a worker.
    pub(super) worker: &'w str,
    /// What Crossbar.io would call it.
    pub(super) title: &'w str,
    pub(super) pid: u32,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A native worker, which writes records.
    Native,
    /// What a guest prints.
    Stdout,
    /// What a guest says of errors.
    Stderr,
}

impl Source {
    fn parse(self, line: &str) -> Record {
        match self {
            Source::Native => Record::parse(line),
            Source::Stdout => Record::plain("stdout", line),
            Source::Stderr => Record::plain("stderr", line),
        }
    }
}

/// What a line says.
struct Record {
    level: String,
    /// Which part of the worker says it; empty if it is plain text.
    target: String,
    message: String,
    fields: Map<String, Value>,
}

impl Record {
    fn plain(level: &str, line: &str) -> Record {
        let (level, message) = (level.to_owned(), line.to_owned());
        Record { level, target: String::new(), message, fields: Map::new() }
    }

    /// A line of a native worker is a record of its log, in JSON; any other line is text.
    fn parse(line: &str) -> Record {
        let Ok(Value::Object(mut record)) = serde_json::from_str(line) else {
            return Record::plain("info", line);
        };
        let mut text = |key: &str| match record.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (level, target, message) = (text("level"), text("target"), text("message"));
        // The controller writes its own, and knows which process it is.
        record.remove("time");
        record.remove("pid");
        Record { level, target, message, fields: record }
    }

    /// The message and its fields: `session joined realm=realm1`.
    fn text(&self) -> String {
        let mut text = self.message.clone();
        for (key, value) in &self.fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = format!("{text} {key}={value}");
        }
        text
    }

    /// Writes it to the node's own log, as the process that it comes from: see [`WORKER_LOG_TARGET`].
    fn pass_on(&self, origin: &Origin<'_>) {
        let Origin { worker, title, pid } = origin;
        let Record { target, message, .. } = self;
        let fields = if self.fields.is_empty() { String::new() } else { json!(self.fields).to_string() };
        macro_rules! pass_on {
            ($level:ident) => {
                $level!(target: WORKER_LOG_TARGET, worker, process = title, pid, origin = target, fields, "{message}")
            };
        }
        match self.level.as_str() {
            "error" => pass_on!(error),
            "warn" => pass_on!(warn),
            "debug" => pass_on!(debug),
            "trace" => pass_on!(trace),
            _ => pass_on!(info),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_by_their_message_and_fields() {
        let line = r#"{"time":"x","level":"warn","target":"t","pid":5,"message":"gone","realm":"r1","n":3}"#;
        let record = Record::parse(line);
        assert_eq!((record.level.as_str(), record.text().as_str()), ("warn", "gone n=3 realm=r1"));
        assert_eq!((record.target.as_str(), json!(record.fields)), ("t", json!({"n": 3, "realm": "r1"})));
        assert_eq!(Record::parse("thread 'main' panicked").text(), "thread 'main' panicked");
        assert_eq!(Record::parse("[1]").level, "info");
    }

    #[test]
    fn the_last_lines_are_kept() {
        let log = Log::default();
        (0..LINES_MAX + 5).for_each(|number| log.push(number.to_string()));
        assert_eq!(log.last(2), ["1003", "1004"]);
        assert_eq!(log.last(u64::MAX).first().map(String::as_str), Some("5"));
    }

    #[test]
    fn long_lines_are_kept_within_a_bound() {
        let log = Log::default();
        (0..LINES_MAX).for_each(|_| log.push("x".repeat(16 * 1024)));
        assert_eq!(log.last(u64::MAX).len(), OCTETS_MAX / (16 * 1024));
        log.push("y".repeat(OCTETS_MAX + 1));
        assert_eq!(log.last(u64::MAX).len(), 1);
    }
}
