//! An object of the document, read key by key.

use std::ops::RangeInclusive;

use super::{At, Finding, Reading, Shape, Unique, Words, names, nearest, one_of, quoted};
use crate::document::{Entry, Item, Value};

/// The object of one section. The keys asked for are the keys known; [`Fields::finish`] reports the others.
pub(crate) struct Fields<'d> {
    pub(crate) at: At<'d>,
    entries: &'d [Entry],
    what: &'static str,
    known: Vec<&'static str>,
    /// Keys of the user's choice that are known as well.
    claimed: Vec<&'d str>,
    /// Keys that do not belong here, with the place where they do.
    misplaced: Vec<(&'static str, &'static str)>,
}

impl<'d> Fields<'d> {
    pub(super) fn new(at: At<'d>, entries: &'d [Entry], what: &'static str) -> Self {
        Self { at, entries, what, known: Vec::new(), claimed: Vec::new(), misplaced: Vec::new() }
    }

    /// The value of a key, null included.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<At<'d>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key).map(|entry| child(&self.at.path, entry))
    }

    /// The value of a key, without asking for it.
    pub(crate) fn peek(&self, key: &str) -> Option<At<'d>> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| child(&self.at.path, entry))
    }

    /// The value of a key that is set. Null counts as not set, except where the key alone already says something.
    pub(crate) fn set(&mut self, key: &'static str) -> Option<At<'d>> {
        self.get(key).filter(|at| !matches!(at.item.value, Value::Null))
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&mut self, reading: &mut Reading<'_>, key: &'static str) -> Option<At<'d>> {
        let found = self.set(key);
        reading.note_required(&self.at.path, key);
        if found.is_none() {
            self.missing(reading, key);
        }
        found
    }

    pub(crate) fn missing(&self, reading: &mut Reading<'_>, key: &'static str) {
        reading.report(
            &self.at.start(),
            Finding::error(format!("{} has no `{key}`", self.what)).expected(format!("the key `{key}`")),
        );
    }

    /// The key itself as a place, for problems with a whole section.
    pub(crate) fn key(&mut self, key: &'static str) -> Option<At<'d>> {
        let at = self.get(key)?;
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(At { range: entry.key_range.clone(), ..at })
    }

    /// The entries of an object whose keys are names of the user's choice.
    pub(crate) fn named(&self, reading: &mut Reading<'_>) -> Vec<(&'d Entry, At<'d>)> {
        reading.note_named(&self.at.path);
        self.entries.iter().map(|entry| (entry, child(&self.at.path, entry))).collect()
    }

    /// The entries whose keys nobody has asked for so far.
    pub(crate) fn others(&self) -> Vec<(&'d str, At<'d>)> {
        let others = self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str()));
        others.map(|entry| (entry.key.as_str(), child(&self.at.path, entry))).collect()
    }

    /// A key of the user's choice among others that are fixed is known.
    pub(crate) fn claim(&mut self, key: &'d str) {
        self.claimed.push(key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn bool(&mut self, reading: &mut Reading<'_>, key: &'static str, default: bool) -> bool {
        self.bool_if_set(reading, key).unwrap_or(default)
    }

    pub(crate) fn bool_if_set(&mut self, reading: &mut Reading<'_>, key: &'static str) -> Option<bool> {
        self.note_if_set(reading, key, || Shape::Bool);
        let at = self.set(key)?;
        let value = at.item.as_bool();
        if value.is_none() {
            reading.wrong_type(&at, "true or false");
        }
        value
    }

    /// An integer in a range with a unit, such as `bytes`; the unit is for the error.
    pub(crate) fn int<T: TryFrom<i64>>(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        range: RangeInclusive<i64>,
        unit: &str,
    ) -> Option<T> {
        self.note_if_set(reading, key, || Shape::integer(&range, unit));
        let at = self.set(key)?;
        reading.integer(&at, range, unit).and_then(|value| T::try_from(value).ok())
    }

    /// `trustlevel` of a role or a permission, if it is set.
    pub(crate) fn trustlevel(&mut self, reading: &mut Reading<'_>) -> Option<u64> {
        self.int(reading, "trustlevel", 0..=1_000_000, "")
    }

    /// A time in milliseconds: 0 for off, or at least 100, so that seconds given by mistake are noticed.
    pub(crate) fn millis(&mut self, reading: &mut Reading<'_>, key: &'static str) -> Option<u32> {
        const MIN: i64 = 100;
        self.note_if_set(reading, key, || Shape::Millis { from: MIN, to: 86_400_000 });
        let at = self.set(key)?;
        let expected = "0 (off) or milliseconds from 100 to 86400000";
        match at.item.value {
            Value::Integer(0) => Some(0),
            Value::Integer(value @ 1..MIN) => {
                let message = format!("{} is in milliseconds, {value} is too small", at.name());
                reading.report(&at, Finding::error(message).expected(expected));
                None
            }
            Value::Integer(value @ MIN..=86_400_000) => u32::try_from(value).ok(),
            _ => {
                reading.wrong_type(&at, expected);
                None
            }
        }
    }

    pub(crate) fn text(&mut self, reading: &mut Reading<'_>, key: &'static str) -> Option<String> {
        self.note_if_set(reading, key, || Shape::Text);
        self.set(key).and_then(|at| reading.text(&at))
    }

    /// A list of texts; none if the key is not there.
    pub(crate) fn texts(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        expected: &str,
    ) -> Vec<String> {
        self.note(reading, key, || Shape::List(expected.to_owned()));
        self.get(key).map_or_else(Vec::new, |at| reading.texts(&at, expected))
    }

    /// Whatever stands there, as it stands there.
    pub(crate) fn any(&mut self, reading: &mut Reading<'_>, key: &'static str) -> Option<serde_json::Value> {
        self.note(reading, key, || Shape::Any);
        self.get(key).map(|at| reading.any(&at))
    }

    /// Notes a form of a value that may also be null, which means that it is not set.
    fn note_if_set(&self, reading: &mut Reading<'_>, key: &'static str, shape: impl FnOnce() -> Shape) {
        self.note(reading, key, shape);
        self.note(reading, key, || Shape::Null);
    }

    /// Notes a form of the value of a key that may not be there.
    pub(crate) fn note(&self, reading: &mut Reading<'_>, key: &'static str, shape: impl FnOnce() -> Shape) {
        if reading.shapes.is_some() {
            reading.note(&path_of(&self.at.path, key), shape);
        }
    }

    pub(crate) fn word<T: Copy>(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        words: &Words<T>,
    ) -> Option<T> {
        self.note_if_set(reading, key, || Shape::words(words));
        self.set(key).and_then(|at| reading.word(&at, words))
    }

    /// An object whose absence means the same as an empty one. In YAML it is often a key with nothing behind it.
    pub(crate) fn object(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        what: &'static str,
    ) -> Option<Fields<'d>> {
        self.note_if_set(reading, key, || Shape::Object(what));
        self.set(key).and_then(|at| reading.object(at, what))
    }

    /// What an object says whose absence means the same as an empty one.
    pub(crate) fn section<'e, T: Default>(
        &mut self,
        reading: &mut Reading<'e>,
        key: &'static str,
        what: &'static str,
        read: impl FnOnce(&mut Reading<'e>, Fields<'d>) -> T,
    ) -> T {
        match self.object(reading, key, what) {
            Some(fields) => read(reading, fields),
            None => T::default(),
        }
    }

    /// An object that turns something on by being there, such as `tls`. Null could be meant either way: it is refused.
    pub(crate) fn part(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        what: &'static str,
    ) -> Option<Fields<'d>> {
        self.note(reading, key, || Shape::Object(what));
        self.get(key).and_then(|at| reading.object(at, what))
    }

    pub(crate) fn list(
        &mut self,
        reading: &mut Reading<'_>,
        key: &'static str,
        expected: &str,
    ) -> Vec<At<'d>> {
        self.note(reading, key, || Shape::List(expected.to_owned()));
        self.get(key).map_or_else(Vec::new, |at| reading.elements(&at, expected))
    }

    /// The id of this section, or the next automatic one.
    pub(crate) fn id(
        &mut self,
        reading: &mut Reading<'_>,
        kind: &'static str,
        siblings: &mut Unique,
    ) -> String {
        self.note(reading, "id", || Shape::Pattern("^[a-z][a-z0-9_]{2,63}$"));
        let Some(at) = self.set("id") else { return reading.ids.next(kind) };
        let Some(id) = reading.text(&at) else { return reading.ids.next(kind) };
        if !names::is_id(&id) {
            let message = format!("{} cannot be an id", quoted(&id));
            reading.report(&at, Finding::error(message).expected(names::ID));
        }
        siblings.check(reading, &at, &id);
        id
    }

    /// A key of Crossbar.io that Crossweave will not have: refused with the reason, unless it says "nothing".
    pub(crate) fn refused(&mut self, reading: &mut Reading<'_>, key: &'static str, why: &str) {
        if let Some(at) = self.get(key).filter(|at| !says_nothing(at.item)) {
            let at = self.key(key).unwrap_or(at);
            reading.refused(&at, &at.name(), why);
        }
    }

    /// The id of a realm or role: Crossbar.io takes any text, and so it is a warning if it is unlike other ids.
    pub(crate) fn lenient_id(
        &mut self,
        reading: &mut Reading<'_>,
        kind: &'static str,
        siblings: &mut Unique,
    ) -> String {
        self.note_if_set(reading, "id", || Shape::Text);
        let Some(at) = self.set("id") else { return reading.ids.next(kind) };
        let Some(id) = reading.text(&at) else { return reading.ids.next(kind) };
        if !names::is_id(&id) {
            let finding = Finding::warning(format!("{} is unlike other ids", quoted(&id)));
            reading.report(&at, finding.expected(names::ID));
        }
        siblings.check(reading, &at, &id);
        id
    }

    /// A part that is read and not built yet: named at its key.
    pub(crate) fn not_built(&mut self, reading: &mut Reading<'_>, key: &'static str, what: &str) {
        if let Some(at) = self.key(key).filter(|at| !says_nothing(at.item)) {
            reading.not_built(&at, what);
        }
    }

    /// A key of Crossbar.io that may be left out of account without harm to anyone.
    pub(crate) fn no_effect(&mut self, reading: &mut Reading<'_>, key: &'static str, why: &str) {
        if let Some(at) = self.get(key).filter(|at| !says_nothing(at.item)) {
            reading.report(&at, Finding::warning(format!("{} has no effect: {why}", at.name())));
        }
    }

    /// A switch of Crossbar.io that stands still here: the other position has no effect.
    pub(crate) fn fixed(&mut self, reading: &mut Reading<'_>, key: &'static str, position: bool, why: &str) {
        if self.bool(reading, key, position) != position
            && let Some(at) = self.get(key)
        {
            reading.report(&at, Finding::warning(format!("{} has no effect: {why}", at.name())));
        }
    }

    /// A key that people write here although it belongs elsewhere.
    pub(crate) fn elsewhere(&mut self, key: &'static str, belongs: &'static str) {
        self.misplaced.push((key, belongs));
    }

    /// Refuses the keys that nobody asked for.
    pub(crate) fn finish(self, reading: &mut Reading<'_>) {
        self.note_keys(reading);
        self.report_unknown(reading, Finding::error);
    }

    /// Warns of the keys that nobody asked for: where Crossbar.io lets unknown keys pass.
    pub(crate) fn finish_lenient(self, reading: &mut Reading<'_>) {
        self.note_keys(reading);
        reading.note_lenient(&self.at.path);
        self.report_unknown(reading, Finding::warning);
    }

    fn note_keys(&self, reading: &mut Reading<'_>) {
        reading.note_section(&self.at.path);
        self.known.iter().for_each(|key| reading.note_key(&self.at.path, key));
    }

    fn report_unknown(&self, reading: &mut Reading<'_>, finding: fn(String) -> Finding) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.known.contains(&key) || self.claimed.contains(&key) {
                continue;
            }
            let place = child(&self.at.path, entry);
            if let Some((_, belongs)) = self.misplaced.iter().find(|(misplaced, _)| *misplaced == key) {
                let message = format!("key {} does not belong in {}", quoted(key), self.what);
                reading.add(entry.key_range.clone(), &place.path, finding(message).expected(*belongs));
                continue;
            }
            let finding = finding(format!("unknown key {} in {}", quoted(key), self.what))
                .expected(one_of(self.known.iter().copied()))
                .nearest(nearest(key, self.known.iter().copied()));
            reading.add(entry.key_range.clone(), &place.path, finding);
        }
    }
}

/// The JSON path of a key.
pub(crate) fn path_of(object: &str, key: &str) -> String {
    match !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        true => format!("{object}.{key}"),
        false => format!("{object}[\"{}\"]", super::shown(key)),
    }
}

pub(super) fn child<'d>(path: &str, entry: &'d Entry) -> At<'d> {
    let path = path_of(path, &entry.key);
    // An empty value, as YAML may have it, is shown by its key.
    let range = if entry.item.range.is_empty() { entry.key_range.clone() } else { entry.item.range.clone() };
    At { item: &entry.item, path, key: &entry.key, range }
}

/// Null, false, an empty list and an empty object ask for nothing.
fn says_nothing(item: &Item) -> bool {
    match &item.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => item.as_bool() == Some(false),
    }
}
