//! One log event as a line of text.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;
use crossweave_node::WORKER_LOG_TARGET;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::terminal::printable;

/// What a log event says.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) level: Level,
    target: String,
    message: String,
    fields: Map<String, Value>,
    pid: u32,
    /// The process that it comes from, if that is not this one.
    worker: Option<Worker>,
}

/// Another process of the node.
#[derive(Clone, Debug)]
struct Worker {
    id: String,
    /// What Crossbar.io calls such a process.
    title: String,
}

impl Record {
    pub(super) fn new(level: Level, target: &str, message: &str) -> Self {
        let (target, message) = (target.to_owned(), message.to_owned());
        Record { level, target, message, fields: Map::new(), pid: std::process::id(), worker: None }
    }

    pub(super) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut record = Record::new(*metadata.level(), metadata.target(), "");
        event.record(&mut record);
        if metadata.target() == WORKER_LOG_TARGET {
            record.is_from_worker();
        }
        record
    }

    /// `2026-01-31T12:00:00+0100 [Router      27629] text`, with colours if wanted.
    pub(super) fn standard(&self, time: &str, has_colours: bool) -> String {
        let line = format!("{time} {}", self.syslogd());
        if !has_colours {
            return line;
        }
        let colour = match (self.level, self.process()) {
            (Level::ERROR, _) => AnsiColor::Red,
            (Level::WARN, _) => AnsiColor::Magenta,
            (_, "Router") => AnsiColor::Yellow,
            _ => AnsiColor::Blue,
        };
        let style = colour.on_default();
        format!("{style}{line}{style:#}")
    }

    /// `[Router      27629] text`.
    pub(super) fn syslogd(&self) -> String {
        format!("[{:<10} {:>6}] {}", self.process(), self.pid, self.text())
    }

    /// The message and its fields on one line: `session joined realm=realm1`.
    pub(super) fn text(&self) -> String {
        let mut text = self.message.clone();
        for (name, value) in &self.fields {
            let separator = if text.is_empty() { "" } else { " " };
            let _ = match value {
                Value::String(value) => write!(text, "{separator}{name}={value}"),
                value => write!(text, "{separator}{name}={value}"),
            };
        }
        // A peer's text must not begin a line of its own.
        printable(&text).replace('\n', "\\n")
    }

    /// One JSON object on one line.
    pub(super) fn json(&self, time: &str) -> String {
        let mut object = json!({
            "time": time,
            "level": self.level.as_str().to_ascii_lowercase(),
            "target": self.target,
            "pid": self.pid,
            "message": self.message,
        });
        if let Value::Object(object) = &mut object {
            if let Some(worker) = &self.worker {
                object.insert("worker".to_owned(), worker.id.as_str().into());
            }
            for (name, value) in &self.fields {
                object.entry(name).or_insert_with(|| value.clone());
            }
        }
        object.to_string()
    }

    /// The name Crossbar.io would give the process that does this work.
    fn process(&self) -> &str {
        let mut path = self.target.split("::");
        match (&self.worker, path.next().unwrap_or_default(), path.next()) {
            (Some(worker), _, _) => &worker.title,
            (None, "crossweave", _) => "Controller",
            (None, "crossweave_node", Some("router" | "native")) => "Router",
            (None, "crossweave_node", _) => "Controller",
            (None, _, _) => "Router",
        }
    }

    /// The line is another process's: it is shown as that one's.
    fn is_from_worker(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        let mut text = |key: &str| match fields.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        self.worker = Some(Worker { id: text("worker"), title: text("process") });
        let (origin, own_fields) = (text("origin"), text("fields"));
        if !origin.is_empty() {
            self.target = origin;
        }
        self.fields = serde_json::from_str(&own_fields).unwrap_or_default();
        let pid = fields.remove("pid").and_then(|it| it.as_u64());
        self.pid = pid.and_then(|it| u32::try_from(it).ok()).unwrap_or(self.pid);
    }

    fn field(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.field(field, format!("{value:?}").into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            _ => self.field(field, value.into()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-01-31T12:00:00+0100";

    fn record(target: &str, message: &str) -> Record {
        let mut record = Record { pid: 27629, ..Record::new(Level::INFO, target, message) };
        record.fields.insert("realm".into(), "realm1".into());
        record.fields.insert("queue".into(), 5.into());
        record
    }

    #[test]
    fn standard_lines_look_like_crossbars() {
        let router = record("crossweave_router::realm", "realm started");
        assert_eq!(
            router.standard(TIME, false),
            "2026-01-31T12:00:00+0100 [Router      27629] realm started queue=5 realm=realm1"
        );
        let controller = record("crossweave::command::start", "node started");
        assert_eq!(controller.syslogd(), "[Controller  27629] node started queue=5 realm=realm1");
    }

    #[test]
    fn json_lines_are_objects() {
        let line = record("crossweave_router", "realm \"x\"\nstarted").json(TIME);
        assert!(!line.contains('\n'));
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["message"], "realm \"x\"\nstarted");
        assert_eq!((&object["level"], &object["pid"]), (&json!("info"), &json!(27629)));
        assert_eq!((&object["realm"], &object["queue"]), (&json!("realm1"), &json!(5)));
    }

    #[test]
    fn a_field_cannot_pose_as_the_time() {
        let mut forged = record("crossweave_router", "x");
        forged.fields.insert("time".into(), "yesterday".into());
        let object: Value = serde_json::from_str(&forged.json(TIME)).unwrap();
        assert_eq!(object["time"], TIME);
    }

    #[test]
    fn a_line_of_a_worker_is_told_as_its_own() {
        let mut passed_on = record(WORKER_LOG_TARGET, "session joined");
        passed_on.fields =
            json!({"worker": "worker001", "process": "Proxy", "pid": 5, "origin": "crossweave_router",
            "fields": r#"{"realm":"r1","n":3,"worker":"other","pid":6}"#})
            .as_object()
            .cloned()
            .unwrap();
        passed_on.is_from_worker();
        assert_eq!(passed_on.syslogd(), "[Proxy           5] session joined n=3 pid=6 realm=r1 worker=other");
        let object: Value = serde_json::from_str(&passed_on.json(TIME)).unwrap();
        let expected = json!({"time": TIME, "level": "info", "target": "crossweave_router", "pid": 5, "worker": "worker001",
            "message": "session joined", "realm": "r1", "n": 3});
        assert_eq!(object, expected);
    }

    #[test]
    fn a_message_is_one_line_whatever_a_peer_put_into_it() {
        let forged = record("crossweave_router", "no realm \"a\n2026 [Router] \x1b[2J\"");
        assert!(!forged.text().contains(['\n', '\x1b']), "{}", forged.text());
    }
}
