//! The steps of the test command.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::counts::Counts;
use super::{Outcome, interop};
use crate::tidy;
use crate::workspace::Workspace;

/// One line of the table.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Whether it installs and runs clients from package registries.
    pub(super) needs_clients: bool,
    pub(super) run: fn(&Workspace) -> Outcome,
}

/// All steps, in the order they run.
pub(super) const STEPS: [Step; 6] = [
    Step { name: "fmt", about: "cargo fmt --check", needs_clients: false, run: format },
    Step { name: "tidy", about: "the rules of the tree", needs_clients: false, run: tidy_tree },
    Step { name: "clippy", about: "lints on all targets", needs_clients: false, run: clippy },
    Step { name: "doc", about: "documentation without warnings", needs_clients: false, run: document },
    Step {
        name: "cargo",
        about: "unit, integration and end-to-end tests",
        needs_clients: false,
        run: cargo_test,
    },
    Step {
        name: "interop",
        about: "real clients against the real binary",
        needs_clients: true,
        run: interop::run,
    },
];

fn format(workspace: &Workspace) -> Outcome {
    println!("files that `cargo fmt --all` would change:");
    Outcome::whole(succeeds(&mut workspace.cargo(&["fmt", "--all", "--", "--check", "-l"])))
}

fn tidy_tree(workspace: &Workspace) -> Outcome {
    Outcome::whole(tidy::run(workspace))
}

fn clippy(workspace: &Workspace) -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    Outcome::whole(succeeds(&mut workspace.cargo(&arguments)))
}

fn document(workspace: &Workspace) -> Outcome {
    let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    Outcome::whole(succeeds(command.env("RUSTDOCFLAGS", "-D warnings")))
}

/// Builds the binary the end-to-end tests boot, then runs all tests of the workspace.
fn cargo_test(workspace: &Workspace) -> Outcome {
    if !build_binary(workspace) {
        return Outcome::whole(false);
    }
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.env("CROSSWEAVE_BIN", workspace.executable("debug", "crossweave"));
    let (ended_well, counts) = run_and_count(&mut command);
    Outcome::counted(ended_well, counts)
}

/// Builds the debug binary. Returns whether that worked.
pub(super) fn build_binary(workspace: &Workspace) -> bool {
    succeeds(&mut workspace.cargo(&["build", "-p", "crossweave"]))
}

/// Runs a command whose output goes where ours goes.
pub(super) fn succeeds(command: &mut Command) -> bool {
    match command.stdin(Stdio::null()).status() {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("xtask: cannot run {}: {e}", command.get_program().to_string_lossy());
            false
        }
    }
}

/// Runs a command, prints its output and sums up the results in it.
pub(super) fn run_and_count(command: &mut Command) -> (bool, Counts) {
    let mut counts = Counts::default();
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => {
            eprintln!("xtask: cannot run {}: {e}", command.get_program().to_string_lossy());
            return (false, counts);
        }
    };
    let stdout = child.stdout.take().expect("stdout was set to piped above");
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        println!("{line}");
        if let Some(found) = Counts::from_line(&line) {
            counts.add(found);
        }
    }
    (child.wait().is_ok_and(|status| status.success()), counts)
}
