//! The layer between the document tree and the typed configuration.
//!
//! A section of the configuration is read by a function `read(reading, at) -> Section` that never fails: what is wrong
//! goes to the [`Reading`], and the function goes on with defaults, so that one run finds every problem. The keys that
//! a section asks its [`Fields`] for are the keys it knows; there is no second list of them to keep in step.

mod fields;
mod names;
mod shapes;

pub(crate) use fields::Fields;
pub(crate) use names::{AutoIds, Unique};
pub use names::{ID, is_id};
pub(crate) use names::{METHOD_NAME, is_method_name};
pub(crate) use shapes::{Shape, Shapes};

use std::collections::{HashMap, HashSet};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use crate::authmethod::Wanted;
use crate::document::{Document, Item, Value};
use crate::environment::Environment;
use crate::host::Host;
use crate::places::Places;
use crate::problem::{Problem, Severity};
use crate::secrets::{self, Secret};
use crate::source::Source;
use crate::template::placeholders;
use crate::worker::ProcessEnv;

/// The JSON path of the document as a whole.
const ROOT_PATH: &str = "$";

/// A value of the document with its JSON path.
#[derive(Clone)]
pub(crate) struct At<'d> {
    pub(crate) item: &'d Item,
    pub(crate) path: String,
    /// The key it has in its object; for an element of a list, the list's key without the plural s.
    pub(crate) key: &'d str,
    /// What a problem with this value points at.
    pub(crate) range: Range<usize>,
}

/// One check of one file: collects the problems and holds what the sections need from outside.
pub(crate) struct Reading<'e> {
    source: &'e Source,
    env: Environment<'e>,
    /// The node directory; None while a text is checked for itself, then paths stay relative and no file is looked at.
    cbdir: Option<&'e Path>,
    /// Who is to run it; without it nothing is asked of the program and the machine, but whether files are there.
    pub(crate) host: Option<&'e dyn Host>,
    problems: Vec<Problem>,
    places: Places,
    pub(crate) ids: AutoIds,
    /// The files in which realms keep their events, with the line.
    pub(crate) stores: HashMap<PathBuf, usize>,
    /// Where words begin that YAML may take for booleans and that were read as texts.
    pub(crate) texts: HashSet<usize>,
    /// The environment of the worker's process that what is read now belongs to; none for the node's own process.
    pub(crate) worker_env: Option<ProcessEnv>,
    /// Whether what is read now belongs to a worker that is not started.
    pub(crate) is_disabled: bool,
    /// Whether what is read now belongs to a proxy: whether realms and roles are there is decided behind it.
    pub(crate) is_proxy: bool,
    /// The named groups of the templates that what is read now stands in.
    pub(crate) groups: Vec<String>,
    /// What is asked of the document, while a schema is made of it.
    pub(crate) shapes: Option<Box<Shapes>>,
    /// What the roles of the worker that is read expect of its transports.
    pub(crate) wanted: Vec<Wanted>,
}

/// The words of a fixed set with what each means.
pub(crate) type Words<T> = [(&'static str, T)];

impl<'e> Reading<'e> {
    pub(crate) fn new(source: &'e Source, env: Environment<'e>, cbdir: Option<&'e Path>) -> Self {
        Self {
            source,
            env,
            cbdir,
            host: None,
            problems: Vec::new(),
            places: Places::default(),
            ids: AutoIds::default(),
            stores: HashMap::new(),
            texts: HashSet::new(),
            worker_env: None,
            is_disabled: false,
            is_proxy: false,
            groups: Vec::new(),
            shapes: None,
            wanted: Vec::new(),
        }
    }

    pub(crate) fn into_findings(self) -> (Vec<Problem>, Places) {
        (self.problems, self.places)
    }

    /// Remembers where this value stands, and returns its path, by which the place is found.
    pub(crate) fn mark(&mut self, at: &At<'_>) -> String {
        let range = self.source.clamp_range(at.range.clone());
        self.places.insert(at.path.clone(), self.source.place(range.start));
        at.path.clone()
    }

    /// The root of the document, with its duplicate keys reported.
    pub(crate) fn root<'d>(&mut self, document: &'d Document) -> At<'d> {
        self.ids = AutoIds::avoiding(&document.root);
        for duplicate in &document.duplicates {
            let line = self.line(duplicate.first.start);
            let message = format!("key {} was given before, on line {line}", quoted(&duplicate.key));
            self.add(duplicate.second.clone(), "$", Finding::error(message).expected("each key once"));
        }
        let (path, range) = (ROOT_PATH.to_owned(), document.root.range.clone());
        At { item: &document.root, path, key: "document", range }
    }

    pub(crate) fn line(&self, offset: usize) -> usize {
        self.source.line_of(offset)
    }

    /// Notes a problem with a value.
    pub(crate) fn report(&mut self, at: &At<'_>, finding: Finding) {
        self.add(at.range.clone(), &at.path, finding);
    }

    pub(crate) fn add(&mut self, range: Range<usize>, path: &str, finding: Finding) {
        let range = self.source.clamp_range(range);
        let place = Some(self.source.place(range.start));
        let Finding { severity, message, expected, nearest } = finding;
        self.problems.push(Problem {
            severity,
            place,
            range,
            path: path.to_owned(),
            message,
            expected,
            nearest,
        });
    }

    /// Crossbar.io knows this and users may rely on it, but Crossweave has not got it yet: correct, and a node does not start
    /// with it. In a disabled worker it is in nobody's way.
    pub(crate) fn not_built(&mut self, at: &At<'_>, what: &str) {
        if !self.is_disabled {
            self.report(at, Finding::not_built(format!("{what} is not built yet")));
        }
    }

    pub(crate) fn warn(&mut self, at: &At<'_>, message: String) {
        self.report(at, Finding::warning(message));
    }

    /// What Crossbar.io has and Crossweave will not have: refused, with the reason.
    pub(crate) fn refused(&mut self, at: &At<'_>, what: &str, why: &str) {
        self.report(at, Finding::error(format!("{what} is refused: {why}")));
    }

    pub(crate) fn wrong_type(&mut self, at: &At<'_>, expected: &str) {
        let name = if at.path == ROOT_PATH { "the file".to_owned() } else { at.name() };
        self.report(at, Finding::error(format!("{name} is {}", at.found())).expected(expected));
    }

    /// A word out of a fixed set; a wrong one is answered with the nearest.
    pub(crate) fn word<T: Copy>(&mut self, at: &At<'_>, words: &Words<T>) -> Option<T> {
        self.note(&at.path, || Shape::words(words));
        self.note_type(at);
        let Value::String(found) = &at.item.value else {
            self.wrong_type(at, &one_of(words.iter().map(|(word, _)| *word)));
            return None;
        };
        let known = words.iter().find(|(word, _)| word == found).map(|(_, meaning)| *meaning);
        if known.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.report(at, Finding::unknown(at.key, found, &words));
        }
        known
    }

    /// The object at this place, to be read key by key.
    pub(crate) fn object<'d>(&mut self, at: At<'d>, what: &'static str) -> Option<Fields<'d>> {
        self.note(&at.path, || Shape::Object(what));
        match &at.item.value {
            Value::Object(entries) => Some(Fields::new(at, entries, what)),
            _ => {
                self.wrong_type(&at, &format!("an object: {what}"));
                None
            }
        }
    }

    /// The elements of the list at this place.
    pub(crate) fn elements<'d>(&mut self, at: &At<'d>, expected: &str) -> Vec<At<'d>> {
        self.note(&at.path, || Shape::List(expected.to_owned()));
        let Value::List(items) = &at.item.value else {
            self.wrong_type(at, expected);
            return Vec::new();
        };
        let element = |(index, item): (usize, &'d Item)| At {
            item,
            path: format!("{}[{index}]", at.path),
            key: at.key.strip_suffix('s').unwrap_or(at.key),
            range: item.range.clone(),
        };
        items.iter().enumerate().map(element).collect()
    }

    /// The text at this place; not empty.
    pub(crate) fn text(&mut self, at: &At<'_>) -> Option<String> {
        self.note(&at.path, || Shape::Text);
        match &at.item.value {
            Value::String(text) if text.is_empty() => {
                self.report(at, Finding::error(format!("{} is empty", at.name())));
                None
            }
            Value::String(text) => {
                self.is_text(at);
                Some(text.clone())
            }
            _ => {
                self.wrong_type(at, "a string");
                None
            }
        }
    }

    /// The value at this place is read as a text, also if it is a word that YAML may take for a boolean.
    pub(crate) fn is_text(&mut self, at: &At<'_>) {
        if at.item.as_bool().is_some() {
            self.texts.insert(at.item.range.start);
        }
    }

    /// An integer in a range with a unit; the unit is for the error.
    pub(crate) fn integer(&mut self, at: &At<'_>, range: RangeInclusive<i64>, unit: &str) -> Option<i64> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        let expected = if unit.is_empty() { expected } else { format!("{expected} {unit}") };
        self.note(&at.path, || Shape::integer(&range, unit));
        match at.item.value {
            Value::Integer(value) if range.contains(&value) => Some(value),
            Value::Integer(value) => {
                let message = format!("{} is out of range: {value}", at.name());
                self.report(at, Finding::error(message).expected(expected));
                None
            }
            _ => {
                self.wrong_type(at, &expected);
                None
            }
        }
    }

    /// The value of an environment variable; a missing one is a problem at this place.
    pub(crate) fn variable(&mut self, at: &At<'_>, name: &str) -> Option<String> {
        let value = self.variable_if_set(name);
        if value.is_none() {
            let message = format!("environment variable {} is not set", quoted(name));
            let finding = match self.env.get(name) {
                Some(_) => {
                    Finding::error(format!("{message} in this worker: `inherit` of its `env` leaves it out"))
                        .expected("it in `inherit`, or a value in `vars`")
                }
                None => Finding::error(message),
            };
            self.report(at, finding);
        }
        value
    }

    /// A secret: what stands there, or the environment variable that `${NAME}` names.
    pub(crate) fn secret(&mut self, at: &At<'_>) -> Option<Secret> {
        let text = self.text(at)?;
        let secret = match text.strip_prefix("${").and_then(|name| name.strip_suffix('}')) {
            Some(name) => self.variable(at, name)?,
            None => text,
        };
        if secret.is_empty() {
            self.report(at, Finding::error(format!("{} is empty", at.name())));
        }
        Some(Secret::new(secret))
    }

    /// A text; `${NAME}` as the whole of it stands for an environment variable.
    pub(crate) fn expanded(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        match text.strip_prefix("${").and_then(|name| name.strip_suffix('}')) {
            Some(name) => self.variable(at, name),
            None => Some(text),
        }
    }

    /// The value of an environment variable that may be missing.
    pub(crate) fn variable_if_set(&self, name: &str) -> Option<String> {
        match &self.worker_env {
            Some(env) => env.value(name, self.env),
            None => self.env.get(name),
        }
    }

    /// A path of the configuration: relative ones start at the node directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.cbdir.map_or_else(|| PathBuf::from(path), |cbdir| cbdir.join(path))
    }

    /// The node directory, without links; none if there is none to look at.
    pub(crate) fn cbdir(&self) -> Option<PathBuf> {
        self.cbdir?.canonicalize().ok()
    }

    /// A directory that has to be there when the node starts.
    pub(crate) fn existing_directory(&mut self, at: &At<'_>) -> Option<PathBuf> {
        let name = self.text(at)?;
        let path = self.path(&name);
        if self.cbdir.is_some() && !path.is_dir() && !self.is_disabled && !self.is_filled_in(&name) {
            self.report(at, missing("directory", &path));
            return None;
        }
        Some(path)
    }

    /// The directory of a file that is made when the node starts has to be there.
    pub(crate) fn existing_parent(&mut self, at: &At<'_>, file: &Path) {
        let Some(directory) = file.parent().filter(|_| self.cbdir.is_some() && !self.is_disabled) else {
            return;
        };
        if !directory.is_dir() && !self.is_filled_in(&file.to_string_lossy()) {
            self.report(at, missing("directory", directory));
        }
    }

    /// Whether a template around fills in a part of this text: what it says is known later.
    pub(crate) fn is_filled_in(&self, text: &str) -> bool {
        placeholders(text).iter().any(|name| self.groups.iter().any(|group| group == name))
    }

    /// Any value, as it stands there.
    pub(crate) fn any(&mut self, at: &At<'_>) -> serde_json::Value {
        self.note(&at.path, || Shape::Any);
        at.item.to_json()
    }

    /// A list of texts, each not empty.
    pub(crate) fn texts(&mut self, at: &At<'_>, expected: &str) -> Vec<String> {
        self.elements(at, expected).iter().filter_map(|at| self.text(at)).collect()
    }

    /// A file that has to be there when the node starts.
    pub(crate) fn existing_file(&mut self, at: &At<'_>) -> Option<PathBuf> {
        let name = self.text(at)?;
        let path = self.path(&name);
        if self.cbdir.is_some() && !path.is_file() && !self.is_disabled {
            self.report(at, missing("file", &path));
            return None;
        }
        Some(path)
    }
}

/// There is nothing at `path`, or something else than a `kind`.
fn missing(kind: &str, path: &Path) -> Finding {
    let name = quoted(&path.to_string_lossy());
    Finding::error(match path.exists() {
        true => format!("{name} is not a {kind}"),
        false => format!("there is no {kind} {name}"),
    })
}

impl<'d> At<'d> {
    /// The opening bracket of a section: what a problem with the section as a whole points at.
    pub(crate) fn start(&self) -> Self {
        let end = self.range.end.min(self.range.start + 1);
        Self { range: self.range.start..end, ..self.clone() }
    }

    /// The value of a key, if this is an object that has it; without asking for it.
    pub(crate) fn peek(&self, key: &str) -> Option<Self> {
        let Value::Object(entries) = &self.item.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| fields::child(&self.path, entry))
    }

    pub(crate) fn name(&self) -> String {
        quoted(self.key)
    }

    /// What stands here, for people; the value itself unless it is a secret.
    fn found(&self) -> String {
        match &self.item.value {
            Value::Bool(value) => format!("{value}"),
            Value::Integer(value) if !secrets::is_secret(self.key) => format!("the number {value}"),
            Value::Number(value) if !secrets::is_secret(self.key) => format!("the number {}", shown(value)),
            Value::String(value) if !secrets::is_secret(self.key) => {
                format!("the string \"{}\"", shown(value))
            }
            _ => self.item.kind().to_owned(),
        }
    }
}

/// What a section has to say about a value.
pub(crate) struct Finding {
    severity: Severity,
    message: String,
    expected: Option<String>,
    nearest: Option<String>,
}

impl Finding {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), expected: None, nearest: None }
    }

    pub(crate) fn not_built(message: impl Into<String>) -> Self {
        Self { severity: Severity::NotBuilt, ..Self::error(message) }
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same, where the node can do without.
    pub(crate) fn but_a_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn expected_if(mut self, expected: Option<String>) -> Self {
        self.expected = expected;
        self
    }

    /// A word that is none of these.
    pub(crate) fn unknown(key: &str, found: &str, words: &[&str]) -> Self {
        Self::error(format!("unknown {} {}", shown(key), quoted(found)))
            .expected(one_of(words.iter().copied()))
            .nearest(nearest(found, words.iter().copied()))
    }

    pub(crate) fn nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }
}

/// The known word that the found one was probably meant to be.
pub(crate) fn nearest<'w>(found: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    /// How similar, from 0 to 1, a word must be before it is suggested.
    const SIMILAR: f64 = 0.6;
    /// Longer than any word we know; similarity costs time with the square of the length.
    const WORD_LEN_MAX: usize = 80;
    if found.len() > WORD_LEN_MAX {
        return None;
    }
    let found = found.to_lowercase();
    words
        .map(|word| (similarity(&found, &word.to_lowercase()), word))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, word)| word)
}

/// How similar two words are, from 0 to 1. One is similar to what it is a whole part of: `idle` to `idle_timeout`.
fn similarity(found: &str, word: &str) -> f64 {
    const OF_A_PART: f64 = 0.6;
    let similarity = strsim::normalized_damerau_levenshtein(found, word);
    let is_part = word.split(['_', '-']).any(|part| part == found);
    if is_part { similarity.max(OF_A_PART) } else { similarity }
}

/// A word of the file in backticks, short and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

fn shown(text: &str) -> String {
    /// How many characters of a value an error repeats.
    const SHOWN_MAX: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(escaped).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(character: char) -> Vec<char> {
    // Besides control characters also what turns text around on a terminal.
    let is_hidden = character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_hidden { character.escape_default().collect() } else { vec![character] }
}

pub(crate) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let list: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match list.as_slice() {
        [word] => word.clone(),
        list => format!("one of {}", list.join(", ")),
    }
}
