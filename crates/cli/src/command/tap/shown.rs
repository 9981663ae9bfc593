//! A message as it is printed.

use anstyle::{AnsiColor, Style};
use crossweave_api::tracing::TraceRecord;

use crate::terminal::{Terminal, printable};

/// As one JSON object, safe for a terminal.
pub(super) fn json(worker: &str, record: &TraceRecord) -> String {
    let mut object = serde_json::to_value(record).unwrap_or_default();
    object["worker"] = worker.into();
    printable(&object.to_string()).into_owned()
}

/// For a person: when, which way, type, URI, then what else is known.
pub(super) fn line(record: &TraceRecord, terminal: Terminal) -> String {
    let way = if record.direction == "received" { "in " } else { "out" };
    let mut line = format!(
        "{} {way} {}",
        terminal.painted(Style::new().dimmed(), &time(record.ts)),
        terminal.painted(colour(&record.msg_type), &record.msg_type)
    );
    if let Some(uri) = &record.correlation_uri {
        line.push(' ');
        line.push_str(&terminal.painted(AnsiColor::Cyan.on_default(), &word(uri)));
    }
    let TraceRecord { realm, session_id, len, .. } = record;
    line.push_str(&format!(" realm={} session={session_id}", word(realm)));
    let texts = [("authid", &record.authid), ("authrole", &record.authrole), ("error", &record.error)];
    for (name, text) in texts {
        if let Some(text) = text {
            line.push_str(&format!(" {name}={}", word(text)));
        }
    }
    if let Some(request) = record.request {
        line.push_str(&format!(" request={request}"));
    }
    if record.progress {
        line.push_str(" progress");
    }
    line.push_str(&format!(" len={len}"));
    for payload in [&record.args, &record.kwargs].into_iter().flatten() {
        if !is_empty(payload) {
            line.push_str(&format!(" {}", printable(&payload.to_string())));
        }
    }
    if let Some(start) = &record.payload_start {
        line.push_str(&format!(" {}… ({} octets)", printable(start), record.payload_len));
    }
    line
}

fn is_empty(payload: &serde_json::Value) -> bool {
    payload.as_array().is_some_and(Vec::is_empty)
        || payload.as_object().is_some_and(serde_json::Map::is_empty)
}

/// A peer's text as one word.
fn word(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains([' ', '\t', '\n', '"', '=']);
    let text = if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() };
    printable(&text).into_owned()
}

fn colour(kind: &str) -> Style {
    match kind {
        "ERROR" | "ABORT" => AnsiColor::Red.on_default(),
        "PUBLISH" | "EVENT" => AnsiColor::Green.on_default(),
        "CALL" | "INVOCATION" | "YIELD" | "RESULT" => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Blue.on_default(),
    }
}

/// In the time zone of this machine, with milliseconds.
fn time(ns: u64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond((ns / 1_000_000) as i64).unwrap_or_default();
    timestamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::ColourChoice;

    #[test]
    fn what_peers_write_is_one_word_and_steers_no_terminal() {
        let record: TraceRecord = serde_json::from_value(serde_json::json!({
            "seq": 1, "ts": 0, "realm": "r", "direction": "sent", "session_id": 7, "authid": "a b\u{1b}",
            "authrole": null, "msg_type": "EVENT", "correlation_uri": "com.x\u{1b}[2J", "request": null,
            "len": 9, "payload_len": 5, "args": ["\u{202e}"], "kwargs": {},
        }))
        .unwrap();
        let line = line(&record, Terminal::new(ColourChoice::False));
        let end = r#"out EVENT com.x\u001b[2J realm=r session=7 authid="a b\u001b" len=9 ["\u202e"]"#;
        assert!(line.ends_with(end), "{line}");
        let json = json("w1", &record);
        assert!(json.contains(r#""worker":"w1""#) && !json.contains('\u{202e}'), "{json}");
    }
}
