//! Stock Autobahn and Wampy clients against the binary, driven by `tests/interop/run.py`, and components in Python.

use std::env;
use std::process::Command;

use super::Outcome;
use super::counts::Counts;
use super::installs;
use super::steps::{build_binary, run_and_count};
use crate::workspace::Workspace;

/// The environment variable that has the table in `docs/conformance.md` written anew instead of compared.
const WRITE: &str = "CROSSWEAVE_WRITE";

/// Builds the binary, installs the clients, runs the matrix.
pub(super) fn run(workspace: &Workspace) -> Outcome {
    let source = workspace.root.join("tests").join("interop");
    let target = workspace.target.join("interop");
    let python =
        match installs::python(&source.join("python").join("requirements.txt"), &target.join("python")) {
            Ok(python) => python,
            // The driver itself is Python: without it no client can run.
            Err(why) => return skipped(format!("all real clients: {why}")),
        };
    let mut driver = Command::new(&python);
    driver
        .arg("-u")
        .arg(source.join("run.py"))
        .arg("--router")
        .arg(workspace.executable("debug", "crossweave"));
    driver.current_dir(&workspace.root).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut missing = Vec::new();
    match installs::node_modules(&source.join("js"), &target.join("js")) {
        Ok(modules) => {
            driver.arg("--js-modules").arg(modules);
            // Without all clients there is nothing to compare.
            driver.arg("--table").arg(workspace.root.join("docs").join("conformance.md"));
            if env::var_os(WRITE).is_some() {
                driver.arg("--write-table");
            }
        }
        Err(why) => missing.push(format!("JavaScript clients: {why}")),
    }
    if !build_binary(workspace) {
        return Outcome::whole(false);
    }
    let (clients_passed, mut counts) = run_and_count(&mut driver);
    // Components in Python, which need the same environment.
    let mut components = workspace.cargo(&[
        "test",
        "-p",
        "crossweave",
        "--test",
        "cli",
        "--",
        "components::",
        "management::",
        "crossbar_examples::",
    ]);
    let (components_passed, found) = run_and_count(components.env("CROSSWEAVE_PYTHON", &python));
    counts.add(found);
    // Logins that hold for their TLS connection, which the matrix does without.
    let mut bound = workspace.cargo(&[
        "test",
        "-p",
        "crossweave-router",
        "--test",
        "authentication",
        "--",
        "tls_unique::",
    ]);
    let (bound_passed, found) = run_and_count(bound.env("CROSSWEAVE_PYTHON", &python));
    counts.add(found);
    let ended_well = clients_passed && components_passed && bound_passed;
    counts.skipped += missing.len() as u64;
    Outcome { skipped: missing, ..Outcome::counted(ended_well, counts) }
}

fn skipped(why: String) -> Outcome {
    let counts = Counts { skipped: 1, ..Counts::default() };
    Outcome { passed: true, counts, skipped: vec![why] }
}
