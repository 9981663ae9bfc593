//! Writes JSON.

use crate::document::{Item, Value};

/// Four spaces, as Crossbar.io writes.
const INDENT: &str = "    ";

pub(super) fn write(root: &Item) -> String {
    let mut text = String::new();
    value(root, 0, &mut text);
    text.push('\n');
    text
}

/// A text in double quotes, as JSON and YAML both have it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn value(item: &Item, depth: usize, text: &mut String) {
    match &item.value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) => text.push_str(&value.to_string()),
        Value::Number(number) => text.push_str(&self::number(number)),
        Value::String(string) => text.push_str(&quoted(string)),
        Value::List(items) if items.is_empty() => text.push_str("[]"),
        Value::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                line(index, depth + 1, text);
                value(item, depth + 1, text);
            }
            end(depth, ']', text);
        }
        Value::Object(entries) if entries.is_empty() => text.push_str("{}"),
        Value::Object(entries) => {
            text.push('{');
            for (index, entry) in entries.iter().enumerate() {
                line(index, depth + 1, text);
                text.push_str(&quoted(&entry.key));
                text.push_str(": ");
                value(&entry.item, depth + 1, text);
            }
            end(depth, '}', text);
        }
    }
}

/// YAML has numbers that JSON does not have: `.5`, `1.`, `+1.5`.
fn number(number: &str) -> String {
    if serde_json::from_str::<serde_json::Number>(number).is_ok() {
        return number.to_owned();
    }
    let value = number.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    value.map_or_else(|| quoted(number), |value| value.to_string())
}

fn line(index: usize, depth: usize, text: &mut String) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    text.push_str(&INDENT.repeat(depth));
}

fn end(depth: usize, bracket: char, text: &mut String) {
    text.push('\n');
    text.push_str(&INDENT.repeat(depth));
    text.push(bracket);
}
