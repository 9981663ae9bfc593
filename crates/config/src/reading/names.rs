//! Names that must not come twice, and ids for sections that have none.

use std::collections::{HashMap, HashSet};

use super::{At, Finding, Reading, quoted};
use crate::document::{Item, Value};

/// Names that must be unique among their siblings.
pub(crate) struct Unique {
    what: &'static str,
    lines: HashMap<String, usize>,
}

impl Unique {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, lines: HashMap::new() }
    }

    /// Whether this name is new; if not, that is a problem at this place.
    pub(crate) fn check(&mut self, reading: &mut Reading<'_>, at: &At<'_>, name: &str) -> bool {
        let line = reading.line(at.range.start);
        if let Some(first) = self.lines.get(name) {
            let message = format!("{} {} is already used on line {first}", self.what, quoted(name));
            reading.report(at, Finding::error(message).expected("another name"));
            return false;
        }
        self.lines.insert(name.to_owned(), line);
        true
    }
}

/// What the name of a login method of the program looks like, for people.
pub(crate) const METHOD_NAME: &str =
    "1 to 64 of a-z, 0-9, `_`, `-` and `.`, a letter first, that are no other method";

/// Whether a login method of the program can be offered by this name.
pub(crate) fn is_method_name(name: &str) -> bool {
    /// What clients offer for something else, beside the keys of `auth`.
    const TAKEN: [&str; 2] = ["trusted", "wamp-scram"];
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    name.len() <= 64
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(is_letter)
        && !TAKEN.contains(&name)
}

/// Ids for sections without one: `worker001`, `realm001`, `role001`, `transport001`, counted over the whole node.
#[derive(Default)]
pub(crate) struct AutoIds {
    taken: HashSet<String>,
    counters: HashMap<&'static str, u32>,
}

impl AutoIds {
    /// Avoids every id that the document gives somewhere.
    pub(super) fn avoiding(root: &Item) -> Self {
        let mut ids = Self::default();
        ids.collect(root);
        ids
    }

    fn collect(&mut self, item: &Item) {
        match &item.value {
            Value::List(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(entries) => {
                for entry in entries {
                    match &entry.item.value {
                        Value::String(id) if entry.key == "id" => drop(self.taken.insert(id.clone())),
                        _ => self.collect(&entry.item),
                    }
                }
            }
            _ => {}
        }
    }

    pub(crate) fn next(&mut self, kind: &'static str) -> String {
        let counter = self.counters.entry(kind).or_default();
        loop {
            *counter += 1;
            let id = format!("{kind}{counter:03}");
            if !self.taken.contains(&id) {
                return id;
            }
        }
    }
}

/// What an id looks like, for people.
pub const ID: &str = "3 to 64 of a-z, 0-9 and _, a letter first";

/// Whether this can be the id of a worker, transport or component.
pub fn is_id(id: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (3..=64).contains(&id.len())
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_lower_case_words_of_3_to_64() {
        for (id, expected) in
            [("abc", true), ("a_1", true), ("ab", false), ("1ab", false), ("aBc", false), ("a-b", false)]
        {
            assert_eq!(is_id(id), expected, "{id}");
        }
        assert!(is_id(&"a".repeat(64)) && !is_id(&"a".repeat(65)));
    }
}
