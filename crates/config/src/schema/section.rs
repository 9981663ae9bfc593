//! What was asked for, sorted by the sections of the configuration instead of by the paths of one document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::reading::{Shape, Shapes};

/// A kind of object: sections that are called the same under the same key are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// What it is, for people.
    pub(super) what: &'static str,
    /// The key it stands under, or the list or object that it stands in.
    key: String,
}

/// The keys of an object, in one of its variants.
#[derive(Default)]
pub(super) struct Section {
    pub(super) keys: BTreeMap<&'static str, Property>,
    /// The keys that every such object must have; none while there is no such object.
    pub(super) required: Option<BTreeSet<&'static str>>,
    pub(super) is_lenient: bool,
    /// The value of every key, where keys are names of the user's choice.
    pub(super) any: Option<Box<Property>>,
}

/// What a value may be.
#[derive(Default)]
pub(super) struct Property {
    pub(super) forms: BTreeSet<Shape>,
    /// Which object it is, if it is one.
    pub(super) object: Option<Name>,
    /// The elements, if it is a list.
    pub(super) items: Option<Box<Property>>,
}

/// All sections, each with its variants by `type`.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) by_name: BTreeMap<Name, BTreeMap<Option<String>, Section>>,
    pub(super) root: Property,
}

/// The last part of a path.
enum Step<'p> {
    Key(&'p str),
    Index,
}

impl Name {
    /// As a part of a JSON pointer in a URL.
    pub(super) fn pointer(&self) -> String {
        self.to_string().replace(' ', "%20").replace('`', "%60")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.is_empty() {
            true => f.write_str(self.what),
            false => write!(f, "{}: {}", self.key, self.what),
        }
    }
}

impl Sections {
    /// Sorts what was asked of some documents.
    pub(super) fn new(documents: &[Shapes]) -> Self {
        let mut sections = Self::default();
        documents.iter().for_each(|shapes| sections.add(shapes));
        sections
    }

    fn add(&mut self, shapes: &Shapes) {
        let sections = self;
        for (path, forms) in &shapes.forms {
            let name = name_of(shapes, path);
            let property = sections.property(shapes, path);
            property.forms.extend(forms.iter().cloned());
            property.object = property.object.take().or(name);
        }
        for (path, keys) in &shapes.keys {
            let Some(section) = sections.section(shapes, path) else { continue };
            for key in keys {
                section.keys.entry(*key).or_default();
            }
            section.is_lenient |= shapes.lenient.contains(path);
            let required = shapes.required.get(path).cloned().unwrap_or_default();
            section.required = Some(match section.required.take() {
                Some(before) => before.intersection(&required).copied().collect(),
                None => required,
            });
        }
        for path in &shapes.named {
            if let Some(section) = sections.section(shapes, path) {
                section.any.get_or_insert_default();
            }
        }
    }

    fn section(&mut self, shapes: &Shapes, path: &str) -> Option<&mut Section> {
        let name = name_of(shapes, path)?;
        let word = shapes.types.get(path).cloned();
        Some(self.by_name.entry(name).or_default().entry(word).or_default())
    }

    fn property(&mut self, shapes: &Shapes, path: &str) -> &mut Property {
        match last_step(path) {
            None => &mut self.root,
            Some((parent, Step::Index)) => self.property(shapes, parent).items.get_or_insert_default(),
            Some((parent, Step::Key(key))) => {
                // The keys that were asked for are static; the path has only their text.
                let known = shapes.keys.get(parent).and_then(|keys| keys.get(key)).copied();
                let section = self.section(shapes, parent);
                let section = section.expect("a value stands in an object that was asked for");
                match known {
                    Some(key) => section.keys.entry(key).or_default(),
                    None => section.any.get_or_insert_default(),
                }
            }
        }
    }
}

/// The object at a path, if it is one.
fn name_of(shapes: &Shapes, path: &str) -> Option<Name> {
    let what = shapes.forms.get(path)?.iter().find_map(|shape| match shape {
        Shape::Object(what) => Some(*what),
        _ => None,
    })?;
    Some(Name { what, key: key_of(shapes, path).to_owned() })
}

/// The nearest key that is not the user's choice.
fn key_of<'p>(shapes: &Shapes, path: &'p str) -> &'p str {
    match last_step(path) {
        None => "",
        Some((parent, Step::Key(key))) if !shapes.named.contains(parent) => key,
        Some((parent, _)) => key_of(shapes, parent),
    }
}

/// Takes the last step off a path.
fn last_step(path: &str) -> Option<(&str, Step<'_>)> {
    if let Some(inner) = path.strip_suffix("\"]") {
        let (parent, key) = inner.rsplit_once("[\"")?;
        return Some((parent, Step::Key(key)));
    }
    if let Some(inner) = path.strip_suffix(']') {
        return Some((inner.rsplit_once('[')?.0, Step::Index));
    }
    let (parent, key) = path.rsplit_once('.')?;
    Some((parent, Step::Key(key)))
}
