//! Shows problems the way compilers do: a title, the line, and a caret under the culprit.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Problem, Problems, Severity};
use crate::secrets;
use crate::source::Source;

/// Whether a report may use terminal colours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Colours,
}

/// The whole report, one block per problem.
pub(super) fn render(problems: &Problems, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colours => Renderer::styled(),
    };
    let masked = Source::new(&problems.source.name, &secrets::mask(&problems.source.text));
    let blocks = problems.list.iter().map(|problem| renderer.render(&[group(problem, &masked)]));
    let mut report = blocks.collect::<Vec<_>>().join("\n\n");
    if problems.left_off > 0 {
        report.push_str(&format!("\n\nand {} more problems", problems.left_off));
    }
    report
}

fn group<'a>(problem: &Problem, source: &'a Source) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::NotBuilt => Level::WARNING.with_name(Some("not built")),
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.clone());
    let Some(place) = problem.place else {
        let group = title.element(Origin::path(source.name.as_str()));
        return match &problem.expected {
            Some(expected) => group.element(Level::HELP.message(format!("expected {expected}"))),
            None => group,
        };
    };
    let Excerpt { text, range, is_clipped } = excerpt(problem, source, place.line);
    let mut annotation = AnnotationKind::Primary.span(range);
    if let Some(label) = label(problem) {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(text).line_start(place.line).annotation(annotation);
    let origin = Origin::path(source.name.as_str());
    let group = match is_clipped {
        // The renderer would count columns from the start of the clipped text.
        true => title.element(origin.line(place.line).char_column(place.column)).element(snippet),
        false => title.element(snippet.path(source.name.as_str())),
    };
    let group = group.element(Level::NOTE.message(format!("at {}", problem.path)));
    match (&problem.nearest, &problem.expected) {
        (Some(_), Some(expected)) => group.element(Level::HELP.message(format!("expected {expected}"))),
        _ => group,
    }
}

/// The line a problem starts on, and which part of it is meant. Only one line is shown: it is where a value starts,
/// and a section can be long. Of a very long line, as in a file without line breaks, only what is around is shown.
fn excerpt<'a>(problem: &Problem, source: &'a Source, line: usize) -> Excerpt<'a> {
    /// Bytes before and after the problem; more than a terminal is wide.
    const AROUND: usize = 500;
    let (start, text) = source.line(line);
    let from = problem.range.start - start;
    let to = (problem.range.end - start).min(text.len()).max(from);
    let first = text.floor_char_boundary(from.saturating_sub(AROUND));
    let last = text.ceil_char_boundary(from.saturating_add(AROUND).min(text.len()));
    Excerpt { text: &text[first..last], range: from - first..to.min(last) - first, is_clipped: first > 0 }
}

struct Excerpt<'a> {
    text: &'a str,
    range: Range<usize>,
    /// Whether the start of the line is left off.
    is_clipped: bool,
}

fn label(problem: &Problem) -> Option<String> {
    match (&problem.nearest, &problem.expected) {
        (Some(nearest), _) => Some(format!("did you mean `{nearest}`?")),
        (None, Some(expected)) => Some(format!("expected {expected}")),
        (None, None) => None,
    }
}

/// The machine-readable form.
pub(super) fn json(problems: &Problems) -> String {
    let list: Vec<_> =
        problems.list.iter().map(|problem| InFile { file: problems.file(), problem }).collect();
    serde_json::to_string(&list).expect("strings and numbers always serialize")
}

#[derive(serde::Serialize)]
struct InFile<'a> {
    file: &'a str,
    #[serde(flatten)]
    problem: &'a Problem,
}
