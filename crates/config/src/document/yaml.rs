//! YAML 1.2, one document, with anchors, aliases and merge keys. Tags other than the core schema's are refused.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{
    Document, DuplicateKey, Entry, Item, NESTING_MAX, SyntaxError, VALUES_MAX, Value, without_duplicates,
};

pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let offsets = Offsets::new(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = offsets.byte(error.marker().index());
            // The scanner runs ahead of the builder and has a limit of its own for flow collections.
            if error.info().contains("recursion limit") {
                return SyntaxError::too_deep(at..at);
            }
            let at = if error.info().contains("tab") { tab(text, at) } else { at };
            let error_at = SyntaxError::at(at..at, format!("not YAML: {}", error.info()));
            match error.info().contains("anchor or alias") || error.info().contains("unknown anchor") {
                true => error_at.expected("quotes around a text that begins with `*` or `&`, as in \"*\""),
                false => error_at,
            }
        })?;
        builder.event(event, offsets.range(span))?;
    }
    let Some(root) = builder.root else {
        return Err(SyntaxError::at(0..0, "the file is empty").expected("a mapping"));
    };
    Ok(Document { root, duplicates: builder.duplicates })
}

/// The tab in an indentation that an error at this place is about. The scanner tells a place around it.
fn tab(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut line = start;
    for text in text[start..].split_inclusive('\n') {
        let indentation = text.len() - text.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = text[..indentation].find('\t') {
            return line + tab;
        }
        line += text.len();
    }
    at
}

/// Byte offsets of characters: the parser counts characters.
struct Offsets {
    /// Empty if the text is ASCII, where they are the same.
    bytes: Vec<u32>,
    len: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            // Files are at most FILE_LEN_MAX long, far below 4 GiB.
            false => text.char_indices().map(|(at, _)| at as u32).collect(),
        };
        Self { bytes, len: text.len() }
    }

    fn byte(&self, char_index: usize) -> usize {
        match self.bytes.is_empty() {
            true => char_index.min(self.len),
            false => self.bytes.get(char_index).map_or(self.len, |at| *at as usize),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }
}

/// A list or mapping that is still open.
enum Open {
    List { items: Vec<Item>, start: usize, anchor: usize },
    Mapping { entries: Vec<Entry>, key: Option<(String, Range<usize>)>, start: usize, anchor: usize },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Item>,
    root: Option<Item>,
    duplicates: Vec<DuplicateKey>,
    values: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                let value = scalar(&text, style, tag.as_deref(), &range)?;
                self.place(Item { value, range, is_plain }, anchor, Some(text))
            }
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag, "seq", &range)?;
                self.push(Open::List { items: Vec::new(), start: range.start, anchor }, range)
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag, "map", &range)?;
                self.push(Open::Mapping { entries: Vec::new(), key: None, start: range.start, anchor }, range)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(SyntaxError::at(range, "the file has a second document").expected("one document"))
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, open: Open, range: Range<usize>) -> Result<(), SyntaxError> {
        if self.open.len() >= NESTING_MAX {
            return Err(SyntaxError::too_deep(range));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), SyntaxError> {
        match self.open.pop() {
            Some(Open::List { items, start, anchor }) => {
                self.place(Item::new(Value::List(items), start..end.max(start)), anchor, None)
            }
            Some(Open::Mapping { entries, start, anchor, .. }) => {
                let entries = merged(without_duplicates(entries, &mut self.duplicates))?;
                self.place(Item::new(Value::Object(entries), start..end.max(start)), anchor, None)
            }
            None => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) -> Result<(), SyntaxError> {
        let Some(item) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::at(range, "this alias refers to a value that contains it"));
        };
        // An alias counts with all that it stands for: aliases of aliases grow exponentially.
        let size = size(item);
        self.values += size;
        if self.values > VALUES_MAX {
            return Err(SyntaxError::too_many(range));
        }
        if self.open.len() + depth(item) > NESTING_MAX {
            return Err(SyntaxError::too_deep(range));
        }
        let key = match &item.value {
            Value::String(text) => Some(Cow::Owned(text.clone())),
            _ => None,
        };
        let item = Item { range, ..item.clone() };
        self.place(item, 0, key)
    }

    /// Puts a finished value where it belongs: into the open list or mapping, or at the root.
    fn place(&mut self, item: Item, anchor: usize, text: Option<Cow<'_, str>>) -> Result<(), SyntaxError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(SyntaxError::too_many(item.range));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, item.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(item),
            Some(Open::List { items, .. }) => items.push(item),
            Some(Open::Mapping { entries, key, .. }) => match (key.take(), text) {
                (Some((key, key_range)), _) => entries.push(Entry { key, key_range, item }),
                (None, Some(text)) => *key = Some((text.into_owned(), item.range)),
                (None, None) => {
                    return Err(SyntaxError::at(item.range, "a key is not a string").expected("a string"));
                }
            },
        }
        Ok(())
    }
}

/// Puts the entries of `<<: *alias` in, where the mapping does not say something else itself.
fn merged(mut entries: Vec<Entry>) -> Result<Vec<Entry>, SyntaxError> {
    let Some(at) = entries.iter().position(|entry| entry.key == "<<") else {
        return Ok(entries);
    };
    let merge = entries.remove(at);
    let sources = match merge.item.value {
        Value::List(items) => items,
        _ => vec![merge.item],
    };
    for source in sources {
        let Value::Object(inherited) = source.value else {
            return Err(SyntaxError::at(merge.key_range, "`<<` merges mappings only").expected("a mapping"));
        };
        for entry in inherited {
            if entries.iter().all(|own| own.key != entry.key) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    range: &Range<usize>,
) -> Result<Value, SyntaxError> {
    let is_text = match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
        Some(tag) if tag.is_yaml_core_schema() => false,
        Some(tag) => return Err(unknown_tag(tag, range)),
        None => style != ScalarStyle::Plain,
    };
    Ok(if is_text { Value::String(text.to_owned()) } else { plain(text) })
}

fn check_tag(tag: Option<Cow<'_, Tag>>, kind: &str, range: &Range<usize>) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() || tag.suffix != kind => Err(unknown_tag(&tag, range)),
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag, range: &Range<usize>) -> SyntaxError {
    SyntaxError::at(range.clone(), format!("unknown tag {tag}")).expected("a value without a tag")
}

/// A plain scalar by the rules of the YAML 1.2 core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let integer = match text.split_at_checked(2) {
        Some(("0x", digits)) => i64::from_str_radix(digits, 16).ok(),
        Some(("0o", digits)) => i64::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    };
    if let Some(integer) = integer {
        return Value::Integer(integer);
    }
    let looks_numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match looks_numeric && text.parse::<f64>().is_ok() {
        true => Value::Number(text.to_owned()),
        false => Value::String(text.to_owned()),
    }
}

/// What copying a value costs, in values; a long string counts as several.
fn size(item: &Item) -> usize {
    1 + match &item.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Object(entries) => entries.iter().map(|entry| size(&entry.item) + entry.key.len() / 64).sum(),
        Value::String(text) | Value::Number(text) => text.len() / 64,
        _ => 0,
    }
}

fn depth(item: &Item) -> usize {
    match &item.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.iter().map(|entry| depth(&entry.item)).max().unwrap_or(0),
        _ => 0,
    }
}
