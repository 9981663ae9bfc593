//! JSON with names in it: `[33, 1, $sub]`, `[8, 32, _, {}, "wamp.error.invalid_uri"]`.

use std::collections::BTreeMap;

use crossweave_wamp::{Serializer, Value};

/// Values by name.
pub(super) type Names = BTreeMap<String, Value>;

/// JSON in which `$name` and `_` outside of texts stand for values. They become texts that begin with `$`.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut json = String::new();
    let mut rest = text.chars().peekable();
    let mut in_text = false;
    while let Some(c) = rest.next() {
        json.push(c);
        match c {
            '\\' if in_text => json.extend(rest.next()),
            '"' => in_text = !in_text,
            '$' | '_' if !in_text => {
                json.pop();
                let mut name = String::new();
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                json.push_str(&format!("\"${name}\""));
            }
            _ => {}
        }
    }
    Serializer::Json.decode_value(json.as_bytes()).map_err(|why| format!("  {json}: {why}"))
}

/// The JSON of a value.
pub(super) fn to_json(value: &Value) -> String {
    let mut out = Vec::new();
    Serializer::Json.encode_value(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The value with its names replaced, all of which must be known.
pub(super) fn fill(pattern: Value, names: &Names) -> Result<Value, String> {
    Ok(match pattern {
        Value::Str(text) => match text.strip_prefix('$') {
            Some(name) => names.get(name).cloned().ok_or_else(|| format!("  ${name} is not known"))?,
            None => Value::Str(text),
        },
        Value::List(list) => {
            Value::List(list.into_iter().map(|it| fill(it, names)).collect::<Result<_, _>>()?)
        }
        Value::Dict(dict) => {
            let filled = dict.into_iter().map(|(key, value)| Ok((key, fill(value, names)?)));
            Value::Dict(filled.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

/// Whether the value is as the pattern says; new names get their values.
pub(super) fn matches(pattern: &Value, value: &Value, names: &mut Names) -> Result<(), String> {
    match (pattern, value) {
        (Value::Str(text), _) if text == "$" => Ok(()),
        (Value::Str(text), _) if text.starts_with('$') => {
            let known = names.entry(text[1..].to_owned()).or_insert_with(|| value.clone());
            same(known, value).map_err(|_| format!("  {text} is {}, not {}", to_json(known), to_json(value)))
        }
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_for_each(|(a, b)| matches(a, b, names))
        }
        (Value::Dict(a), Value::Dict(b)) if a.len() == b.len() => a.iter().try_for_each(|(key, a)| {
            let b = b.get(key).ok_or_else(|| format!("  key {key:?} is missing"))?;
            matches(a, b, names)
        }),
        _ => same(pattern, value),
    }
}

fn same(a: &Value, b: &Value) -> Result<(), String> {
    if a == b { Ok(()) } else { Err(format!("  {} is not {}", to_json(b), to_json(a))) }
}
