//! What is wrong with a configuration: every problem with its place, and how it is shown.

mod report;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::source::{Place, Source};

/// The most problems one check reports; a file with more is rather the wrong file.
pub const PROBLEMS_MAX: usize = 100;

/// How much a [`Problem`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is correct, but asks for what the program does not have yet: a node is not started with it.
    NotBuilt,
    /// The configuration works, but something in it has no effect or is probably not what was meant.
    Warning,
}

/// One thing that is wrong, where, and what would have been right.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Whether the configuration is refused for it.
    pub severity: Severity,
    /// Where it starts. None only if the file could not be read at all.
    pub place: Option<Place>,
    /// The bytes of the file it is about, for editors.
    #[serde(skip)]
    pub range: Range<usize>,
    /// The JSON path of the value, such as `$.workers[0].transports[1].endpoint.port`.
    pub path: String,
    /// What is wrong: one sentence, lower case, without full stop.
    pub message: String,
    /// What would have been right.
    pub expected: Option<String>,
    /// The valid word that is nearest to the one found.
    pub nearest: Option<String>,
}

/// The problems of one file, in the order of their places.
///
/// `Display` shows each with the line it is on, as a compiler does, without colours; [`Problems::styled`] adds colours
/// for a terminal, and [`Problems::to_json`] is for programs. No form shows the secrets in the file.
#[derive(Clone)]
pub struct Problems {
    source: Arc<Source>,
    list: Vec<Problem>,
    left_off: usize,
}

impl Problems {
    pub(crate) fn new(source: Arc<Source>, mut list: Vec<Problem>) -> Self {
        let left_off = list.len().saturating_sub(PROBLEMS_MAX);
        // Where there are too many, errors are kept before warnings.
        list.sort_by_key(|problem| (problem.severity, problem.range.start));
        list.truncate(PROBLEMS_MAX);
        list.sort_by_key(|problem| problem.range.start);
        for problem in &mut list {
            problem.place = Some(source.place(problem.range.start));
        }
        Self { source, list, left_off }
    }

    /// One problem with the file as a whole, which could not be read.
    pub(crate) fn with_file(name: &str, message: String, expected: Option<String>) -> Self {
        let problem = Problem {
            severity: Severity::Error,
            place: None,
            range: 0..0,
            path: "$".to_owned(),
            message,
            expected,
            nearest: None,
        };
        Self { source: Arc::new(Source::new(name, "")), list: vec![problem], left_off: 0 }
    }

    /// The name of the file, as it was given.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The problems, in the order of their places. At most [`PROBLEMS_MAX`].
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many of them are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many more were found than are listed.
    pub fn left_off(&self) -> usize {
        self.left_off
    }

    /// The report with terminal colours.
    pub fn styled(&self) -> String {
        report::render(self, report::Style::Colours)
    }

    /// The problems as a JSON list of objects: file, severity, place, path, message, expected, nearest.
    pub fn to_json(&self) -> String {
        report::json(self)
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&report::render(self, report::Style::Plain))
    }
}

/// Leaves the text of the file out, which may hold secrets.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems")
            .field("file", &self.source.name)
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Problems {}
