//! Configurations written in the other format, or in the format's newer version.

mod json;
mod upgrade;
mod yaml;

use std::collections::HashSet;
use std::sync::Arc;

use crate::document::{Document, Format, Item};
use crate::environment::Environment;
use crate::problem::{Problem, Problems, Severity};
use crate::reading::Reading;
use crate::source::Source;

/// A configuration that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The new text.
    pub text: String,
    /// What was changed, or could not be kept; one sentence each.
    pub remarks: Vec<String>,
}

/// Writes a configuration in another format: the same keys in the same order, with the same values. Comments are lost.
///
/// Words such as `yes` and `off` in YAML become what they are read as: booleans, but where a text is expected. Environment variables stay what they are, and a configuration with errors is converted too.
///
/// # Errors
/// The text breaks the rules of its format.
pub fn convert(text: &str, format: Format, file_name: &str, to: Format) -> Result<Rewritten, Problems> {
    let source = Arc::new(Source::new(file_name, text));
    let mut document = parse(&source, format)?;
    if to == Format::Json {
        let texts = texts(&source, &document);
        document.root.settle(&texts);
    }
    Ok(Rewritten { text: write(&document.root, to), remarks: lost(text, format) })
}

/// Where words begin that are texts. One of version 1 is read as what it becomes: its values stay where they are.
fn texts(source: &Source, document: &Document) -> HashSet<usize> {
    let mut root = document.root.clone();
    // It has nothing to do for what is not of version 1.
    let _ = upgrade::upgrade(&mut root);
    let mut reading = Reading::new(source, Environment::empty(), None);
    let document = Document { root, duplicates: Vec::new() };
    let root = reading.root(&document);
    crate::node::read(&mut reading, root);
    reading.texts
}

/// Writes a configuration of version 1 as one of version 2, in the same format. Comments are lost.
///
/// # Errors
/// The text breaks the rules of its format, or is not of version 1.
pub fn upgrade(text: &str, format: Format, file_name: &str) -> Result<Rewritten, Problems> {
    let source = Arc::new(Source::new(file_name, text));
    let mut root = parse(&source, format)?.root;
    let mut remarks = upgrade::upgrade(&mut root).map_err(|why| {
        let range = root.range.start..root.range.start;
        Problems::new(source.clone(), vec![problem(range, why.message, why.expected)])
    })?;
    remarks.extend(lost(text, format));
    Ok(Rewritten { text: write(&root, format), remarks })
}

fn write(root: &Item, format: Format) -> String {
    match format {
        Format::Json => json::write(root),
        Format::Yaml => yaml::write(root),
    }
}

fn parse(source: &Arc<Source>, format: Format) -> Result<Document, Problems> {
    let refuse = |list| Err(Problems::new(source.clone(), list));
    let document = match Document::parse(source, format) {
        Ok(document) => document,
        Err(error) => return refuse(vec![problem(error.range, error.message, error.expected)]),
    };
    if document.duplicates.is_empty() {
        return Ok(document);
    }
    let twice = document.duplicates.into_iter().map(|duplicate| {
        let message = format!("key {} was given before", crate::reading::quoted(&duplicate.key));
        problem(duplicate.second, message, Some("each key once".to_owned()))
    });
    refuse(twice.collect())
}

fn problem(range: std::ops::Range<usize>, message: String, expected: Option<String>) -> Problem {
    let path = "$".to_owned();
    Problem { severity: Severity::Error, place: None, range, path, message, expected, nearest: None }
}

/// Comments are not in the tree of values. A `#` within a text of YAML is taken for one: a remark too much does no harm.
fn lost(text: &str, format: Format) -> Vec<String> {
    let has_comments = match format {
        Format::Json => has_json_comments(text),
        Format::Yaml => text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #")),
    };
    if has_comments { vec!["comments are not kept".to_owned()] } else { Vec::new() }
}

/// Whether there is a `//` or `/*` outside of the texts. The text is JSON.
fn has_json_comments(text: &str) -> bool {
    let (mut is_within, mut bytes) = (false, text.bytes().peekable());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_within = !is_within,
            b'\\' if is_within => drop(bytes.next()),
            b'/' if !is_within && matches!(bytes.peek(), Some(b'/' | b'*')) => return true,
            _ => {}
        }
    }
    false
}
