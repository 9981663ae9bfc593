//! Project tasks, run as `cargo xtask <verb>`.
//!
//! `test` is the one test command of the project, `tidy` the part of it that reads the tree, `mutants` tests
//! the tests of the core, `bench` compares with other routers.

mod bench;
mod mutants;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

/// Tasks of the Crossweave workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check: format, lints, tidy, documentation, tests, and real clients against the real binary.
    Test(test::Options),
    /// Check the rules of the tree: who may use whom, file names and sizes, words that must not be committed.
    Tidy,
    /// Put defects into a copy of the core, one after the other, and see whether its tests notice.
    Mutants(mutants::Options),
    /// Compare a release build with other routers; arguments go to `crossweave-bench compare`.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workspace = match Workspace::load() {
        Ok(workspace) => workspace,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let passed = match arguments.task {
        Task::Test(options) => test::run(&workspace, &options),
        Task::Tidy => tidy::run(&workspace),
        Task::Mutants(options) => mutants::run(&workspace, &options),
        Task::Bench(options) => bench::run(&workspace, &options),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
