//! `crossweave check`.

use clap::Args;
use crossweave_config::{CONFIG_FILES, Loaded, Problems};
use crossweave_node::{Extensions, Obstacle, findings};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::node::{NodeDirectory, NotLoaded};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave check
  crossweave check --cbdir /srv/app/.crossbar
  crossweave check --json | jq -r '.problems[] | \"\\(.place.line): \\(.message)\"'";

/// Check a configuration without starting anything
///
/// Shows every problem with its place in the file. Exit code 0 if the configuration can be started, else 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    #[command(flatten)]
    directory: NodeDirectory,
    /// Print one JSON object: ok, file, problems
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let loaded = match self.directory.load() {
            Ok(loaded) => loaded,
            Err(NotLoaded::Failure(failure)) => return Err(failure),
            Err(NotLoaded::Problems(problems)) => return self.refuse(terminal, &problems),
        };
        let Some(file) = &loaded.config_file else {
            let (dir, names) = (loaded.cbdir.display(), CONFIG_FILES.join(" or "));
            return Err(Failure::setup(format_args!(
                "there is no {names} in {dir}: `crossweave init` writes one"
            )));
        };
        let found = findings(&loaded.node, &Extensions::default());
        match self.json {
            true => {
                terminal.print(&verdict(&file.display().to_string(), &loaded.warnings, &found).to_string())?
            }
            false => tell(terminal, &loaded, &found)?,
        }
        found.map(drop).map_err(|_| Failure::told())
    }

    fn refuse(&self, terminal: Terminal, problems: &Problems) -> Result<(), Failure> {
        match self.json {
            true => {
                let object = json!({"ok": false, "file": problems.file(), "problems": list(problems)});
                terminal.print(&object.to_string())?;
            }
            false => show_problems(terminal, problems),
        }
        Err(Failure::told())
    }
}

/// The report on stderr, with colours on a terminal.
pub(super) fn show_problems(terminal: Terminal, problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    let report = if terminal.has_colours_on_stderr { problems.styled() } else { problems.to_string() };
    eprintln!("{report}\n");
}

fn tell(
    terminal: Terminal,
    loaded: &Loaded,
    found: &Result<Vec<String>, Vec<Obstacle>>,
) -> Result<(), Failure> {
    show_problems(terminal, &loaded.warnings);
    match found {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| terminal.notice(&format!("warning: {warning}")));
            terminal.print("Ok, node configuration looks good!")
        }
        Err(obstacles) => {
            obstacles.iter().for_each(|obstacle| terminal.complain(&obstacle.to_string()));
            Ok(())
        }
    }
}

fn verdict(file: &str, warnings: &Problems, found: &Result<Vec<String>, Vec<Obstacle>>) -> Value {
    let problem =
        |severity: &str, message: String| json!({"file": file, "severity": severity, "message": message});
    let mut problems = list(warnings);
    match found {
        Ok(warnings) => problems.extend(warnings.iter().map(|warning| problem("warning", warning.clone()))),
        Err(obstacles) => problems.extend(obstacles.iter().map(|it| problem("error", it.to_string()))),
    }
    json!({"ok": found.is_ok(), "file": file, "problems": problems})
}

fn list(problems: &Problems) -> Vec<Value> {
    serde_json::from_str(&problems.to_json()).expect("problems are written as a JSON list")
}
