//! What workers write: kept for `get_worker_log`, published, and passed on to the node's own log.

use std::collections::VecDeque;

use crossweave_api::worker::LogLine;
use parking_lot::Mutex;
use serde_json::Value;
use tracing::{debug, error, info, trace, warn};

use crate::clock::utcnow;

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
    pub(super) fn take(&self, line: &str, source: Source, title: &str, pid: u32) -> LogLine {
        let taken = LogLine { when: utcnow(), ..source.parse(line) };
        self.push(taken.text.clone());
        pass_on(&taken, title, pid);
        taken
    }
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
    fn parse(self, line: &str) -> LogLine {
        let of_guest =
            |level: &str| LogLine { when: String::new(), level: level.to_owned(), text: line.to_owned() };
        match self {
            Source::Native => parse(line),
            Source::Stdout => of_guest("stdout"),
            Source::Stderr => of_guest("stderr"),
        }
    }
}

/// A line of a native worker is a record of its log, in JSON; any other line is text.
fn parse(line: &str) -> LogLine {
    let record: Option<Value> = serde_json::from_str(line).ok().filter(Value::is_object);
    let Some(Value::Object(record)) = record else {
        return LogLine { when: String::new(), level: "info".to_owned(), text: line.to_owned() };
    };
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut message = text("message");
    for (key, value) in &record {
        if !["time", "level", "target", "pid", "message"].contains(&key.as_str()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            message = format!("{message} {key}={value}");
        }
    }
    LogLine { when: String::new(), level: text("level"), text: message }
}

/// Writes a line to the node's own log, as the process that it comes from.
fn pass_on(line: &LogLine, process: &str, pid: u32) {
    let text = &line.text;
    match line.level.as_str() {
        "error" => error!(target: "crossweave_worker", process, pid, "{text}"),
        "warn" => warn!(target: "crossweave_worker", process, pid, "{text}"),
        "debug" => debug!(target: "crossweave_worker", process, pid, "{text}"),
        "trace" => trace!(target: "crossweave_worker", process, pid, "{text}"),
        _ => info!(target: "crossweave_worker", process, pid, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_by_their_message_and_fields() {
        let line =
            parse(r#"{"time":"x","level":"warn","target":"t","pid":5,"message":"gone","realm":"r1","n":3}"#);
        assert_eq!((line.level.as_str(), line.text.as_str()), ("warn", "gone n=3 realm=r1"));
        assert_eq!(parse("thread 'main' panicked").text, "thread 'main' panicked");
        assert_eq!(parse("[1]").level, "info");
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
