//! Configurations written in the other format, or in the format's newer version.

mod json;
mod upgrade;
mod yaml;

use std::sync::Arc;

use crate::document::{Document, Format, Item};
use crate::problem::{Problem, Problems, Severity};
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
/// What it means is not looked at: environment variables stay what they are, and a configuration with errors is converted too.
///
/// # Errors
/// The text breaks the rules of its format.
pub fn convert(text: &str, format: Format, file_name: &str, to: Format) -> Result<Rewritten, Problems> {
    let source = Arc::new(Source::new(file_name, text));
    let root = parse(&source, format)?;
    Ok(Rewritten { text: write(&root, to), remarks: lost(text, format) })
}

/// Writes a configuration of version 1 as one of version 2, in the same format. Comments are lost.
///
/// # Errors
/// The text breaks the rules of its format, or is not of version 1.
pub fn upgrade(text: &str, format: Format, file_name: &str) -> Result<Rewritten, Problems> {
    let source = Arc::new(Source::new(file_name, text));
    let mut root = parse(&source, format)?;
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

fn parse(source: &Arc<Source>, format: Format) -> Result<Item, Problems> {
    let refuse = |list| Err(Problems::new(source.clone(), list));
    let document = match Document::parse(source, format) {
        Ok(document) => document,
        Err(error) => return refuse(vec![problem(error.range, error.message, error.expected)]),
    };
    if document.duplicates.is_empty() {
        return Ok(document.root);
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

/// Comments are not in the tree of values. A `#` or `//` within a text is taken for one: a remark too much does no harm.
fn lost(text: &str, format: Format) -> Vec<String> {
    let has_comments = match format {
        Format::Json => text.lines().any(|line| line.trim_start().starts_with("//")) || text.contains("/*"),
        Format::Yaml => text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #")),
    };
    if has_comments { vec!["comments are not kept".to_owned()] } else { Vec::new() }
}
