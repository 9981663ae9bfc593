//! `cargo xtask test`: every check of the project, in the order in which they fail fastest.

mod counts;
mod installs;
mod interop;
mod steps;

use std::time::{Duration, Instant};

use clap::Args;

use crate::workspace::Workspace;
use counts::Counts;
use steps::{STEPS, Step};

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the checks with real clients, which install packages.
    #[arg(long)]
    quick: bool,
    /// Run only this step (may be given several times).
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
}

/// How a step ended.
pub(crate) struct Outcome {
    passed: bool,
    counts: Counts,
    /// What could not be run here, one line each.
    skipped: Vec<String>,
}

impl Outcome {
    /// A step that passes or fails as a whole and counts no tests; a failure counts as one.
    fn whole(passed: bool) -> Outcome {
        let counts = Counts { failed: u64::from(!passed), ..Counts::default() };
        Outcome { passed, counts, skipped: Vec::new() }
    }

    /// A step that ran tests. One that ended well without running any has failed.
    fn counted(ended_well: bool, mut counts: Counts) -> Outcome {
        let passed = ended_well && counts.failed == 0 && counts.passed > 0;
        if !passed && counts.failed == 0 {
            counts.failed = 1;
        }
        Outcome { passed, counts, skipped: Vec::new() }
    }
}

struct Finished {
    step: &'static Step,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps and prints the table. Returns whether all of them passed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> bool {
    if options.list {
        STEPS.iter().for_each(|step| println!("{:8} {}", step.name, step.about));
        return true;
    }
    if let Some(unknown) = options.only.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        eprintln!("xtask: unknown step {unknown:?}; `cargo xtask test --list` names them");
        return false;
    }
    let finished: Vec<Finished> =
        STEPS.iter().filter(|step| is_chosen(step, options)).map(|step| run_step(workspace, step)).collect();
    report(&finished, options);
    finished.iter().all(|f| f.outcome.passed)
}

fn is_chosen(step: &Step, options: &Options) -> bool {
    if options.only.is_empty() {
        return !(options.quick && step.needs_clients);
    }
    options.only.iter().any(|name| name == step.name)
}

fn run_step(workspace: &Workspace, step: &'static Step) -> Finished {
    println!("\n==> {}: {}", step.name, step.about);
    let start = Instant::now();
    let outcome = (step.run)(workspace);
    let took = start.elapsed();
    println!("<== {}: {} in {:.1} s", step.name, verdict(&outcome), took.as_secs_f64());
    Finished { step, outcome, took }
}

fn verdict(outcome: &Outcome) -> &'static str {
    match (outcome.passed, outcome.skipped.is_empty()) {
        (false, _) => "FAILED",
        (true, false) => "passed in part",
        (true, true) => "passed",
    }
}

fn report(finished: &[Finished], options: &Options) {
    let mut sum = Counts::default();
    println!(
        "\n{:<10}{:<16}{:>8}{:>8}{:>9}{:>10}",
        "step", "result", "passed", "failed", "skipped", "seconds"
    );
    for Finished { step, outcome, took } in finished {
        let Counts { passed, failed, skipped } = outcome.counts;
        let seconds = took.as_secs_f64();
        println!(
            "{:<10}{:<16}{passed:>8}{failed:>8}{skipped:>9}{seconds:>10.1}",
            step.name,
            verdict(outcome)
        );
        sum.add(outcome.counts);
    }
    for (step, line) in finished.iter().flat_map(|f| f.outcome.skipped.iter().map(|line| (f.step.name, line)))
    {
        println!("!!! SKIPPED in {step}: {line}");
    }
    if options.quick {
        println!("!!! SKIPPED: the checks with real clients (--quick)");
    }
    println!("\n{sum}");
}
