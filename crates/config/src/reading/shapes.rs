//! What the reader asks of a document: noted down while it reads, so that the schema for editors is made by the reader
//! itself and not by a second description of the same keys.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{At, Reading, Words};
use crate::document::Value;

/// A form in which a value may stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Bool,
    Integer {
        from: i64,
        to: i64,
        unit: String,
    },
    /// Milliseconds: 0 or at least so many.
    Millis {
        from: i64,
        to: i64,
    },
    Text,
    /// A text of this form, as a regular expression of JSON Schema.
    Pattern(&'static str),
    Words(Vec<&'static str>),
    /// An object; what it is, for people.
    Object(&'static str),
    /// A list; what of, for people.
    List(String),
    Null,
    Any,
}

impl Shape {
    pub(crate) fn words<T>(words: &Words<T>) -> Self {
        Self::Words(words.iter().map(|(word, _)| *word).collect())
    }

    pub(crate) fn integer(range: &RangeInclusive<i64>, unit: &str) -> Self {
        Self::Integer { from: *range.start(), to: *range.end(), unit: unit.to_owned() }
    }
}

/// What was asked, by the paths of the values.
#[derive(Default)]
pub(crate) struct Shapes {
    /// The forms in which the value of a path is taken.
    pub(crate) forms: BTreeMap<String, BTreeSet<Shape>>,
    /// The keys of the object at a path.
    pub(crate) keys: BTreeMap<String, BTreeSet<&'static str>>,
    /// Those of them without which it is wrong.
    pub(crate) required: BTreeMap<String, BTreeSet<&'static str>>,
    /// The objects whose keys are names of the user's choice.
    pub(crate) named: BTreeSet<String>,
    /// The objects in which other keys are let pass.
    pub(crate) lenient: BTreeSet<String>,
    /// `type` of the object at a path.
    pub(crate) types: BTreeMap<String, String>,
}

impl Reading<'_> {
    /// Notes a form in which the value of a path is taken.
    pub(crate) fn note(&mut self, path: &str, shape: impl FnOnce() -> Shape) {
        if let Some(shapes) = &mut self.shapes {
            shapes.forms.entry(path.to_owned()).or_default().insert(shape());
        }
    }

    /// `type` decides what else there is in an object.
    pub(super) fn note_type(&mut self, at: &At<'_>) {
        let (Some(shapes), Value::String(word)) = (&mut self.shapes, &at.item.value) else { return };
        if let Some(object) = at.path.strip_suffix(".type") {
            shapes.types.insert(object.to_owned(), word.clone());
        }
    }

    pub(super) fn note_key(&mut self, object: &str, key: &'static str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.keys.entry(object.to_owned()).or_default().insert(key);
        }
    }

    /// An object has been read to its end, even if nothing was asked of it.
    pub(super) fn note_section(&mut self, object: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.keys.entry(object.to_owned()).or_default();
        }
    }

    pub(super) fn note_required(&mut self, object: &str, key: &'static str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.required.entry(object.to_owned()).or_default().insert(key);
        }
    }

    pub(super) fn note_named(&mut self, object: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.named.insert(object.to_owned());
        }
    }

    pub(super) fn note_lenient(&mut self, object: &str) {
        if let Some(shapes) = &mut self.shapes {
            shapes.lenient.insert(object.to_owned());
        }
    }
}
