//! Values as people write them on a command line and read them on a terminal.

use crossweave_client::Content;
use crossweave_wamp::{Dict, Serializer, Value};

use crate::terminal::printable;

/// An argument of a call or event: JSON if it is that, else text. `5` is a number, `"5"` and `five` are text.
pub(crate) fn parse(text: &str) -> Value {
    parse_json(text).unwrap_or_else(|_| Value::Str(text.to_owned()))
}

/// A value in JSON.
///
/// # Errors
/// Says what is wrong, and where.
pub(crate) fn parse_json(text: &str) -> Result<Value, String> {
    Serializer::Json.decode_value(text.trim().as_bytes()).map_err(|error| error.to_string())
}

/// A keyword argument, `name=value`.
///
/// # Errors
/// There is no name.
pub(crate) fn parse_kwarg(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), parse(value))),
        _ => Err("expected name=value".to_owned()),
    }
}

/// How many there are to be.
///
/// # Errors
/// It is no whole number, or less than 1.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "expected a whole number, at least 1".to_owned())
}

/// The arguments of a command line.
pub(crate) fn arguments(args: &[String], kwargs: &[(String, Value)]) -> (Vec<Value>, Dict) {
    (args.iter().map(|text| parse(text)).collect(), kwargs.iter().cloned().collect())
}

/// What is to be told about arguments that begin as JSON does and are none: they are text, which was probably not meant.
pub(crate) fn slips(args: &[String]) -> impl Iterator<Item = String> {
    let looks_like_json = |text: &str| text.trim_start().starts_with(['{', '[']);
    args.iter().zip(1..).filter(move |(text, _)| looks_like_json(text)).filter_map(|(text, number)| {
        let why = parse_json(text).err()?;
        Some(format!("note: ARG {number} is not JSON ({why}), so it is sent as text"))
    })
}

/// A value as JSON on one line, without characters that would steer a terminal.
pub(crate) fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    Serializer::Json.encode_value(value, &mut bytes);
    printable(&String::from_utf8_lossy(&bytes)).into_owned()
}

/// Args and kwargs on one line: `[1,"a"] {"k":2}`, leaving out what is empty.
pub(crate) fn one_line(args: &[Value], kwargs: &Dict) -> String {
    let mut parts = Vec::new();
    if !args.is_empty() {
        parts.push(json(&Value::List(args.to_vec())));
    }
    if !kwargs.is_empty() {
        parts.push(json(&Value::Dict(kwargs.clone())));
    }
    parts.join(" ")
}

/// A result for a person or a shell: one line for each argument, text as it is, and `name=value` for the keyword ones.
/// Not made safe for a terminal.
pub(crate) fn plain_lines(args: &[Value], kwargs: &Dict) -> Vec<String> {
    let kwargs = kwargs.iter().map(|(name, value)| format!("{name}={}", plain(value)));
    args.iter().map(plain).chain(kwargs).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        value => json(value),
    }
}

/// The arguments of a message; an opaque payload is its only one.
pub(crate) fn content_args(content: &Content) -> Vec<Value> {
    match content.opaque_bytes() {
        Some(bytes) => vec![bytes.into()],
        None => content.args(),
    }
}

/// Args and kwargs as one JSON object, which always has both.
pub(crate) fn object(args: Vec<Value>, kwargs: Dict) -> Dict {
    Dict::new().with("args", args).with("kwargs", kwargs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_json_or_else_text() {
        for (text, value) in [
            ("5", Value::Int(5)),
            ("-0.5", Value::Float(-0.5)),
            ("true", Value::Bool(true)),
            ("null", Value::Null),
            ("\"5\"", "5".into()),
            ("five", "five".into()),
            ("", "".into()),
            ("2026-01-31", "2026-01-31".into()),
            ("[1,", "[1,".into()),
            (" [1, \"a\"] ", vec![Value::Int(1), "a".into()].into()),
            ("{\"a\": {}}", Dict::new().with("a", Dict::new()).into()),
        ] {
            assert_eq!(parse(text), value, "{text:?}");
        }
    }

    #[test]
    fn text_that_was_probably_meant_as_json_is_told() {
        let args = ["[1]", "{\"a\":", "plain", "{}", " [oops"].map(str::to_owned);
        let told: Vec<String> = slips(&args).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("ARG 2 is not JSON") && told[1].contains("ARG 5 is not JSON"), "{told:?}");
    }

    #[test]
    fn deep_nesting_is_text_and_no_crash() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(parse(&deep), Value::Str(deep));
    }

    #[test]
    fn kwargs_have_a_name_and_a_value() {
        assert_eq!(parse_kwarg("a=5"), Ok(("a".to_owned(), Value::Int(5))));
        assert_eq!(parse_kwarg("a=b=c"), Ok(("a".to_owned(), "b=c".into())));
        assert_eq!(parse_kwarg("a="), Ok(("a".to_owned(), "".into())));
        assert!(parse_kwarg("a").is_err() && parse_kwarg("=5").is_err());
    }

    #[test]
    fn lines_leave_out_what_is_empty() {
        let kwargs = Dict::new().with("k", 2);
        assert_eq!(one_line(&[1.into(), "a".into()], &kwargs), "[1,\"a\"] {\"k\":2}");
        assert_eq!(one_line(&[], &kwargs), "{\"k\":2}");
        assert_eq!(one_line(&[], &Dict::new()), "");
    }

    #[test]
    fn a_result_is_easy_to_use_in_a_shell() {
        let args = [Value::from("two words"), vec![Value::from("a")].into(), Value::Null];
        let lines = plain_lines(&args, &Dict::new().with("unit", "m"));
        assert_eq!(lines, ["two words", "[\"a\"]", "null", "unit=m"]);
    }

    #[test]
    fn what_peers_send_cannot_steer_the_terminal() {
        let shown = json(&"\x1b[2J\u{9b}1m\u{202e}".into());
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown}");
        assert_eq!(parse(&shown), "\x1b[2J\u{9b}1m\u{202e}".into(), "and it is still the same JSON");
    }
}
