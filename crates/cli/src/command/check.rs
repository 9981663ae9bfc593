//! `crossweave check`.

use clap::Args;
use crossweave_config::{CONFIG_FILES, Loaded, Problems, Severity};
use crossweave_node::{Extensions, check_node_key, findings};
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
        self.check(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn check(&self, terminal: Terminal) -> Result<(), Failure> {
        let loaded = match self.directory.load() {
            Ok(loaded) => loaded,
            Err(NotLoaded::Failure(failure)) => return Err(failure),
            Err(NotLoaded::Problems(problems)) => return Err(refuse(terminal, &problems, self.json)?),
        };
        let Some(file) = &loaded.config_file else {
            let (dir, names) = (loaded.cbdir.display(), CONFIG_FILES.join(" or "));
            return Err(Failure::setup(format_args!(
                "there is no {names} in {dir}: `crossweave init` writes one"
            )));
        };
        let found = Found::of(&loaded, &file.display().to_string());
        match self.json {
            true => terminal.print(&found.verdict(&loaded.warnings).to_string())?,
            false => found.tell(terminal, &loaded.warnings)?,
        }
        if found.is_ok() { Ok(()) } else { Err(Failure::told()) }
    }
}

/// Tells why a configuration cannot be used: on stdout as `check --json` does, or else on stderr.
pub(super) fn refuse(terminal: Terminal, problems: &Problems, json: bool) -> Result<Failure, Failure> {
    match json {
        true => {
            let object = json!({"ok": false, "file": problems.file(), "problems": list(problems)});
            terminal.print(&object.to_string())?;
        }
        false => {
            show_problems(terminal, problems);
            let errors = problems.count(Severity::Error) + problems.left_off();
            terminal.complain(&format!("{} has {}", problems.file(), counted(errors)));
        }
    }
    Ok(Failure::told())
}

/// The report on stderr, with colours on a terminal.
pub(super) fn show_problems(terminal: Terminal, problems: &Problems) {
    if problems.is_empty() {
        return;
    }
    let report = if terminal.has_colours_on_stderr { problems.styled() } else { problems.to_string() };
    eprintln!("{report}\n");
}

/// So many errors.
pub(super) fn counted(errors: usize) -> String {
    format!("{errors} {}", if errors == 1 { "error" } else { "errors" })
}

/// What a configuration without errors cannot be started with, or does not do.
struct Found {
    file: String,
    /// The file that each is about, and what it is.
    warnings: Vec<(String, String)>,
    errors: Vec<(String, String)>,
}

impl Found {
    fn of(loaded: &Loaded, file: &str) -> Found {
        let about =
            |file: &str, texts: Vec<String>| texts.into_iter().map(|it| (file.to_owned(), it)).collect();
        let mut found = Found { file: file.to_owned(), warnings: Vec::new(), errors: Vec::new() };
        match findings(&loaded.node, &Extensions::default()) {
            Ok(warnings) => found.warnings = about(file, warnings),
            Err(obstacles) => found.errors = about(file, obstacles.iter().map(ToString::to_string).collect()),
        }
        let key = loaded.cbdir.join("key.priv").display().to_string();
        match check_node_key(&loaded.cbdir) {
            Ok(warnings) => found.warnings.extend::<Vec<_>>(about(&key, warnings)),
            Err(error) => found.errors.push((key, error)),
        }
        found
    }

    fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    fn tell(&self, terminal: Terminal, warnings: &Problems) -> Result<(), Failure> {
        show_problems(terminal, warnings);
        self.warnings.iter().for_each(|(_, warning)| terminal.notice(&format!("warning: {warning}")));
        if self.is_ok() {
            return terminal.print("Ok, node configuration looks good!");
        }
        self.errors.iter().for_each(|(_, error)| terminal.complain(error));
        terminal.complain(&format!("{} cannot be started: {}", self.file, counted(self.errors.len())));
        Ok(())
    }

    fn verdict(&self, warnings: &Problems) -> Value {
        let problem = |severity: &str, (file, message): &(String, String)| json!({"file": file, "severity": severity, "message": message});
        let mut problems = list(warnings);
        problems.extend(self.warnings.iter().map(|it| problem("warning", it)));
        problems.extend(self.errors.iter().map(|it| problem("error", it)));
        json!({"ok": self.is_ok(), "file": self.file, "problems": problems})
    }
}

fn list(problems: &Problems) -> Vec<Value> {
    serde_json::from_str(&problems.to_json()).expect("problems are written as a JSON list")
}
