//! What workers write: kept for `get_worker_log`, published, and passed on to the node's own log.

use std::collections::VecDeque;

use crossweave_api::worker::LogLine;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tracing::{debug, error, info, trace, warn};

use crate::clock::utcnow;

/// Lines of a worker that are kept.
const LINES_MAX: usize = 1_000;
/// Octets of a line; what is longer is cut.
const LINE_LEN_MAX: u64 = 16 * 1024;

/// The last lines of one worker.
#[derive(Default)]
pub(super) struct Log(Mutex<VecDeque<String>>);

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.lock();
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last lines, the oldest first.
    pub(super) fn last(&self, limit: u64) -> Vec<String> {
        let lines = self.0.lock();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        lines.iter().skip(lines.len().saturating_sub(limit)).cloned().collect()
    }

    /// Takes a line: keeps it, passes it on, and says what is to be published.
    pub(super) fn take(&self, line: &str, title: &str, pid: u32) -> LogLine {
        let taken = LogLine { when: utcnow(), ..parse(line) };
        self.push(taken.text.clone());
        pass_on(&taken, title, pid);
        taken
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

/// The lines of a stream, each no longer than [`LINE_LEN_MAX`].
pub(super) struct Lines<S> {
    reader: BufReader<S>,
    line: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Lines<S> {
    pub(super) fn of(stream: S) -> Self {
        Lines { reader: BufReader::new(stream), line: Vec::new() }
    }

    /// The next line; none at the end.
    pub(super) async fn next(&mut self) -> Option<String> {
        self.line.clear();
        match (&mut self.reader).take(LINE_LEN_MAX).read_until(b'\n', &mut self.line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&self.line).trim_end().to_owned()),
        }
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

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let text = format!("{}\nshort", "x".repeat(LINE_LEN_MAX as usize + 10));
        let mut lines = Lines::of(text.as_bytes());
        for len in [LINE_LEN_MAX as usize, 10, 5] {
            assert_eq!(lines.next().await.map(|line| line.len()), Some(len));
        }
        assert_eq!(lines.next().await, None);
    }
}
