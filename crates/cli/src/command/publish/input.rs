//! Events read from stdin.

use std::io::{self, BufRead as _, Read as _};
use std::thread;

use crossweave_wamp::{Dict, Value};
use tokio::sync::mpsc;

use crate::value;

/// The longest line, in bytes: no router takes a longer message.
const LINE_LEN_MAX: usize = 1 << 24;

/// Lines that are read ahead.
const LINES_AHEAD_MAX: usize = 64;

/// Args and kwargs of an event, or why a line holds none.
type Event = Result<(Vec<Value>, Dict), String>;

/// The events that come from stdin, until its end or the first line that is none.
pub(super) struct Input {
    events: mpsc::Receiver<Event>,
}

impl Input {
    /// Reads in a thread of its own: reading from a terminal or a pipe can take forever.
    pub(super) fn read_stdin() -> Input {
        let (send, events) = mpsc::channel(LINES_AHEAD_MAX);
        thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            let mut number = 0;
            while let Some(line) = read_line(&mut stdin) {
                number += 1;
                let event =
                    line.and_then(|line| parse(&line)).map_err(|why| format!("stdin, line {number}: {why}"));
                let is_last = event.is_err();
                // The receiver goes when the connection does.
                if send.blocking_send(event).is_err() || is_last {
                    return;
                }
            }
        });
        Input { events }
    }

    /// The next one; nothing at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// The next line that is not empty.
fn read_line(input: &mut impl io::BufRead) -> Option<Result<String, String>> {
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Err(error) => return Some(Err(error.to_string())),
            Ok(_) if line.len() > LINE_LEN_MAX => {
                return Some(Err(format!("longer than {LINE_LEN_MAX} bytes")));
            }
            Ok(_) if line.trim_ascii().is_empty() => {}
            Ok(_) => return Some(String::from_utf8(line).map_err(|_| "not UTF-8".to_owned())),
        }
    }
}

/// A list is the arguments, an object of args or kwargs both, anything else the only argument.
fn parse(line: &str) -> Event {
    let dict = match value::parse_json(line)? {
        Value::List(args) => return Ok((args, Dict::new())),
        Value::Dict(dict) => dict,
        other => return Ok((vec![other], Dict::new())),
    };
    match (dict.get("args"), dict.get("kwargs")) {
        (Some(Value::List(args)), Some(Value::Dict(kwargs))) => Ok((args.clone(), kwargs.clone())),
        (Some(Value::List(args)), None) => Ok((args.clone(), Dict::new())),
        (None, Some(Value::Dict(kwargs))) => Ok((Vec::new(), kwargs.clone())),
        _ => Ok((vec![dict.into()], Dict::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_arguments_or_an_event_or_the_only_argument() {
        let kwargs = Dict::new().with("k", 1);
        assert_eq!(parse("[1, 2]"), Ok((vec![1.into(), 2.into()], Dict::new())));
        assert_eq!(parse("\"a\""), Ok((vec!["a".into()], Dict::new())));
        assert_eq!(
            parse(r#"{"topic": "x", "args": [1], "kwargs": {"k": 1}, "publication": 5}"#),
            Ok((vec![1.into()], kwargs.clone()))
        );
        assert_eq!(parse(r#"{"kwargs": {"k": 1}}"#), Ok((Vec::new(), kwargs)));
        let other = Dict::new().with("args", 5);
        assert_eq!(parse(r#"{"args": 5}"#), Ok((vec![other.into()], Dict::new())));
    }

    #[test]
    fn what_is_no_json_is_told() {
        assert!(parse("hello").is_err() && parse("[1").is_err());
    }

    #[test]
    fn empty_lines_are_passed_over_and_endless_ones_refused() {
        let mut input = io::Cursor::new(b"\n  \n1\n".to_vec());
        assert_eq!(read_line(&mut input), Some(Ok("1\n".to_owned())));
        assert_eq!(read_line(&mut input), None);
        let mut endless = io::BufReader::new(io::repeat(b'1'));
        assert!(matches!(read_line(&mut endless), Some(Err(why)) if why.contains("16777216")));
        assert!(matches!(read_line(&mut io::Cursor::new(b"\xff\n")), Some(Err(_))));
    }
}
