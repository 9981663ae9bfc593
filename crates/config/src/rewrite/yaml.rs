//! Writes YAML, such as both YAML 1.1 and 1.2 read it.

use super::json::quoted;
use crate::document::{Item, Value};

pub(super) fn write(root: &Item) -> String {
    let mut text = String::new();
    match &root.value {
        Value::Object(entries) if !entries.is_empty() => block(root, 0, &mut text),
        Value::List(items) if !items.is_empty() => block(root, 0, &mut text),
        _ => text.push_str(&scalar(root)),
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The lines of a list or mapping that is not empty.
fn block(item: &Item, depth: usize, text: &mut String) {
    match &item.value {
        Value::List(items) => {
            for item in items {
                indent(depth, text);
                text.push('-');
                element(item, depth, text);
            }
        }
        Value::Object(entries) => {
            for entry in entries {
                indent(depth, text);
                text.push_str(&word(&entry.key));
                text.push(':');
                below(&entry.item, depth, text);
            }
        }
        _ => {}
    }
}

/// The value of a key. Lists stand at the depth of their key.
fn below(item: &Item, depth: usize, text: &mut String) {
    match &item.value {
        Value::List(items) if !items.is_empty() => {
            text.push('\n');
            block(item, depth, text);
        }
        Value::Object(entries) if !entries.is_empty() => {
            text.push('\n');
            block(item, depth + 1, text);
        }
        _ => one_line(item, text),
    }
}

/// What follows a dash: the first key of a mapping stands on the same line.
fn element(item: &Item, depth: usize, text: &mut String) {
    match &item.value {
        Value::Object(entries) if !entries.is_empty() => {
            let mut inner = String::new();
            block(item, depth + 1, &mut inner);
            text.push(' ');
            text.push_str(inner.trim_start());
        }
        Value::List(items) if !items.is_empty() => {
            let mut inner = String::new();
            block(item, depth + 1, &mut inner);
            text.push(' ');
            text.push_str(inner.trim_start());
        }
        _ => one_line(item, text),
    }
}

fn one_line(item: &Item, text: &mut String) {
    text.push(' ');
    text.push_str(&scalar(item));
    text.push('\n');
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
}

fn scalar(item: &Item) -> String {
    match &item.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(number) => self::number(number),
        Value::String(text) => match item.as_bool() {
            // Plain `yes` and `no` mean a boolean where one is expected, and must stay what they are.
            Some(_) => text.clone(),
            None => word(text),
        },
        Value::List(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
    }
}

/// YAML 1.1 takes `1e5` for a text: its numbers with an exponent have a point and a sign.
fn number(number: &str) -> String {
    let Some((digits, exponent)) = number.split_once(['e', 'E']) else { return number.to_owned() };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

/// A text: without quotes if nobody can take it for something else.
fn word(text: &str) -> String {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(is_inner)
        && !is_special(text);
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Words that some version of YAML takes for something else than a text.
fn is_special(text: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
