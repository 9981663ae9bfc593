//! The document tree: what a JSON or YAML file says, each value with the bytes it stands on.

mod json;
mod yaml;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::source::Source;

/// The largest configuration file that is read, in bytes.
pub const FILE_LEN_MAX: usize = 1024 * 1024;
/// How deep lists and objects may nest.
pub const NESTING_MAX: usize = 64;
/// How many values a document may have, after YAML aliases are expanded.
pub const VALUES_MAX: usize = 100_000;

/// The language a configuration file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON with comments and trailing commas.
    Json,
    /// YAML 1.2, one document.
    Yaml,
}

/// A value and where it stands. No `Debug`: it may hold secrets.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) value: Value,
    pub(crate) range: Range<usize>,
    /// Whether this is a YAML scalar without quotes or tag, which may be meant as a boolean: `yes`, `no`, `on`, `off`.
    is_plain: bool,
}

#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is no 64-bit integer, in the words of the file.
    Number(String),
    String(String),
    List(Vec<Item>),
    Object(Vec<Entry>),
}

/// One key of an object with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_range: Range<usize>,
    pub(crate) item: Item,
}

/// The text does not say anything: it breaks the rules of its format.
pub(crate) struct SyntaxError {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
}

/// A key that an object has twice.
pub(crate) struct DuplicateKey {
    pub(crate) key: String,
    pub(crate) first: Range<usize>,
    pub(crate) second: Range<usize>,
}

/// A parsed file. Of duplicate keys, the first one is in the tree.
pub(crate) struct Document {
    pub(crate) root: Item,
    pub(crate) duplicates: Vec<DuplicateKey>,
}

impl Document {
    pub(crate) fn parse(source: &Source, format: Format) -> Result<Self, SyntaxError> {
        let text = source.text.as_str();
        if text.len() > FILE_LEN_MAX {
            let message = format!("the file is larger than {FILE_LEN_MAX} bytes");
            return Err(SyntaxError { range: 0..0, message, expected: None });
        }
        match format {
            Format::Json => json::parse(text),
            Format::Yaml => yaml::parse(text),
        }
    }
}

impl Item {
    pub(crate) fn new(value: Value, range: Range<usize>) -> Self {
        Self { value, range, is_plain: false }
    }

    /// The boolean that stands here, where one is expected. Like YAML 1.1, which Crossbar.io reads, plain `yes`, `no`, `on`
    /// and `off` are booleans then; everywhere else they are the strings that YAML 1.2 takes them for.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        let is = |words: [&str; 2], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        match &self.value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if self.is_plain && is(["yes", "on"], text) => Some(true),
            Value::String(text) if self.is_plain && is(["no", "off"], text) => Some(false),
            _ => None,
        }
    }

    /// Makes a boolean of each word that may be one, unless it was read as a text; `texts` has where those begin.
    pub(crate) fn settle(&mut self, texts: &HashSet<usize>) {
        if self.is_plain && !texts.contains(&self.range.start) {
            self.value = self.as_bool().map_or_else(|| self.value.clone(), Value::Bool);
        }
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.settle(texts)),
            Value::Object(entries) => entries.iter_mut().for_each(|entry| entry.item.settle(texts)),
            _ => {}
        }
        self.is_plain = false;
    }

    /// The value as JSON. A number that JSON has no place for becomes the text of the file.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
            // Where a boolean is expected, it reads as one in JSON, too.
            Value::String(_) if self.is_plain && self.as_bool().is_some() => Json::from(self.as_bool()),
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Object(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.item.to_json())).collect()
            }
        }
    }

    /// What kind of value this is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

impl SyntaxError {
    fn at(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), expected: None }
    }

    fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    fn too_deep(range: Range<usize>) -> Self {
        Self::at(range, format!("lists and objects nest deeper than {NESTING_MAX} levels"))
    }

    fn too_many(range: Range<usize>) -> Self {
        Self::at(range, format!("the document has more than {VALUES_MAX} values"))
    }
}

/// Takes out the entries whose key came before, and notes them.
fn without_duplicates(entries: Vec<Entry>, duplicates: &mut Vec<DuplicateKey>) -> Vec<Entry> {
    let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(entries.len());
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(first) = seen.get(&entry.key) {
            duplicates.push(DuplicateKey { key: entry.key, first: first.clone(), second: entry.key_range });
            continue;
        }
        seen.insert(entry.key.clone(), entry.key_range.clone());
        kept.push(entry);
    }
    kept
}
