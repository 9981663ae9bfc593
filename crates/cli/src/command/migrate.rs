//! `crossweave migrate`.

mod advantages;
mod directory;
mod imports;
mod uses;

use clap::Args;
use crossweave_config::{ConfigFile, Environment, Node, Problem, Problems, Severity, survey, upgrade};
use crossweave_node::{Extensions, check_node_key, findings};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::node::NodeDirectory;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave migrate --cbdir /srv/app/.crossbar
  crossweave migrate --json | jq -r '.missing[].message'";

/// Say what of a Crossbar.io node works here, what works better, and what is not there
///
/// Reads the node directory and changes nothing. Exit code 0 if the node can be started as it is, else 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Migrate {
    #[command(flatten)]
    directory: NodeDirectory,
    /// Print one JSON object: ok, file, version, supported, better, different, missing, files
    #[arg(long)]
    json: bool,
}

/// What there is to say.
struct Report {
    file: String,
    /// The version of the configuration format.
    version: u8,
    /// What the node uses, and how often.
    supported: Vec<(String, usize)>,
    /// What works better than before.
    better: Vec<&'static str>,
    /// Warnings: what has no effect or is probably not what was meant.
    different: Vec<Problem>,
    /// What stands in the way.
    missing: Vec<Problem>,
    /// Other files of the node directory, and what becomes of them.
    files: Vec<(String, &'static str)>,
}

impl Migrate {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let file = self.directory.file(terminal)?;
        let cbdir = self.directory.directory.find()?;
        let (version, node, problems) = surveyed(&file, &cbdir);
        let mut report = Report::new(&file, version, &node, &problems, directory::files(&cbdir));
        report.different.extend(imports::warnings(&node, &cbdir));
        if report.missing.is_empty() {
            report.add_findings(&node);
        }
        report.missing.extend(check_node_key(&cbdir).err().map(|it| at(Severity::Error, "key.priv", it)));
        match self.json {
            true => terminal.print(&report.json().to_string())?,
            false => report.tell(terminal)?,
        }
        if report.missing.is_empty() && version == 2 { Ok(()) } else { Err(Failure::told()) }
    }
}

/// What the file says; one of version 1 is read as it is after the upgrade.
fn surveyed(file: &ConfigFile, cbdir: &std::path::Path) -> (u8, Node, Problems) {
    let name = file.path.display().to_string();
    let survey = |file: &ConfigFile| survey(file, cbdir, Environment::process(), &Extensions::default());
    match upgrade(&file.text, file.format, &name) {
        Ok(upgraded) => {
            let (node, problems) = survey(&ConfigFile { text: upgraded.text, ..file.clone() });
            (1, node, problems)
        }
        Err(_) => {
            let (node, problems) = survey(file);
            (2, node, problems)
        }
    }
}

/// A problem at a place that is named in words.
fn at(severity: Severity, place: &str, message: String) -> Problem {
    let path = place.to_owned();
    Problem { severity, place: None, range: 0..0, path, message, expected: None, nearest: None }
}

impl Report {
    fn new(
        file: &ConfigFile,
        version: u8,
        node: &Node,
        problems: &Problems,
        files: Vec<(String, &'static str)>,
    ) -> Self {
        let of = |wanted: fn(Severity) -> bool| -> Vec<Problem> {
            problems.iter().filter(|it| wanted(it.severity)).cloned().collect()
        };
        Report {
            file: file.path.display().to_string(),
            version,
            supported: uses::uses(node),
            better: advantages::advantages(node),
            different: of(|severity| severity == Severity::Warning),
            missing: of(|severity| severity != Severity::Warning),
            files,
        }
    }

    /// Adds what a correct configuration cannot be started with, or does not do.
    fn add_findings(&mut self, node: &Node) {
        match findings(node, &Extensions::default()) {
            Ok(warnings) => self.different.extend(warnings.iter().map(|text| {
                let (place, what) = text.split_once(": ").unwrap_or(("node", text));
                at(Severity::Warning, place, what.to_owned())
            })),
            Err(obstacles) => {
                self.missing.extend(obstacles.into_iter().map(|it| at(Severity::Error, &it.place, it.what)));
            }
        }
    }

    fn tell(&self, terminal: Terminal) -> Result<(), Failure> {
        terminal.print(&self.file)?;
        if self.version == 1 {
            terminal.print(
                "This is a configuration of version 1: `crossweave upgrade` writes it anew. After that:",
            )?;
        }
        let uses = self.supported.iter().map(|(what, count)| match count {
            1 => what.clone(),
            count => format!("{what} ({count})"),
        });
        section(terminal, "What the node uses:", uses)?;
        section(terminal, "What works better here:", self.better.iter().map(|line| (*line).to_owned()))?;
        section(terminal, "What is different:", self.different.iter().map(|it| self.line(it)))?;
        section(terminal, "What is not there, or wrong:", self.missing.iter().map(|it| self.line(it)))?;
        section(terminal, "Other files:", self.files.iter().map(|(name, what)| format!("{name}: {what}")))?;
        terminal.print("")?;
        match (self.missing.is_empty(), self.version) {
            (true, 2) => terminal.print("This node can be started as it is: `crossweave start`"),
            (true, _) => terminal.print("This node can be started after `crossweave upgrade`"),
            (false, _) => terminal.print("This node cannot be started as it is"),
        }
    }

    fn line(&self, problem: &Problem) -> String {
        let place = match problem.place {
            // The places are those of the text after the upgrade, which nobody has seen.
            Some(place) if self.version == 2 => format!("line {}", place.line),
            _ => problem.path.clone(),
        };
        let nearest =
            problem.nearest.as_ref().map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        let expected =
            problem.expected.as_ref().map_or_else(String::new, |expected| format!(" (expected {expected})"));
        format!("{place}: {}{nearest}{expected}", problem.message)
    }

    fn json(&self) -> Value {
        let supported: Vec<_> =
            self.supported.iter().map(|(what, count)| json!({"what": what, "count": count})).collect();
        let files: Vec<_> =
            self.files.iter().map(|(name, what)| json!({"name": name, "what": what})).collect();
        json!({
            "ok": self.missing.is_empty() && self.version == 2,
            "file": self.file,
            "version": self.version,
            "supported": supported,
            "better": self.better,
            "different": self.different.iter().map(|it| self.problem(it)).collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|it| self.problem(it)).collect::<Vec<_>>(),
            "files": files,
        })
    }

    fn problem(&self, problem: &Problem) -> Value {
        let place = problem.place.filter(|_| self.version == 2);
        json!({
            "kind": if problem.severity == Severity::NotBuilt { "not-built" } else { "problem" },
            "path": problem.path,
            "line": place.map(|place| place.line),
            "message": problem.message,
            "expected": problem.expected,
            "nearest": problem.nearest,
        })
    }
}

/// A heading and its lines; nothing if there are none.
fn section(
    terminal: Terminal,
    heading: &str,
    lines: impl ExactSizeIterator<Item = String>,
) -> Result<(), Failure> {
    if lines.len() == 0 {
        return Ok(());
    }
    terminal.print("")?;
    terminal.print(heading)?;
    for line in lines {
        terminal.print(&format!("  - {line}"))?;
    }
    Ok(())
}
