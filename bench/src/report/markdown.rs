//! `RESULTS.md`.

use std::fmt::Write;

use super::figures::{self, Figure};
use super::table;
use crate::compare::{Comparison, NOISE_MAX, Results};
use crate::outcome::Metric;
use crate::peer::{Kind, Placement};
use crate::plan::Case;

/// Writes the whole page.
pub(crate) fn write(results: &Results, comparison: &Comparison, machine: &[String]) -> String {
    let mut out = String::from("# Measured\n\n");
    out.push_str("Written by `cargo xtask bench`; [README.md](README.md) says how to read it, and what not to conclude.\n\n");
    machine.iter().for_each(|line| line_of(&mut out, format_args!("- {line}")));
    line_of(&mut out, format_args!("- {}", how(comparison)));
    for peer in &results.peers {
        line_of(&mut out, format_args!("- {}: {}", peer.kind.name(), peer.version));
    }
    for (kind, reason) in &results.skipped {
        line_of(&mut out, format_args!("- **{} was skipped**: {reason}", kind.name()));
    }
    figures_table(&mut out, &figures::all(results));
    results.cases.iter().for_each(|case| case_table(&mut out, results, case));
    out
}

fn how(comparison: &Comparison) -> String {
    let rounds = match comparison.rounds {
        1 => "one round".to_owned(),
        rounds => format!("medians of {rounds} rounds"),
    };
    let cores = match comparison.placement {
        Placement::OneCore => "server and generator pinned to one core",
        Placement::Anywhere => "not pinned",
    };
    let length = if comparison.quick { ", short measurements" } else { "" };
    format!("{rounds}, {cores}{length}, generator on the same machine, loopback")
}

/// `fmt::Write` for a `String` cannot fail.
fn line_of(out: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{line}");
}

fn figures_table(out: &mut String, figures: &[Figure]) {
    out.push_str("\n## Figures to reach\n\nRatios are of deliveries per second of server CPU.\n\n");
    out.push_str("| figure | target | measured | met |\n| --- | --- | --- | --- |\n");
    for figure in figures {
        let measured = figure.measured.as_deref().unwrap_or("not measured");
        let met = match figure.is_met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        line_of(out, format_args!("| {} | {} | {measured} | {met} |", figure.what, figure.target));
    }
}

fn case_table(out: &mut String, results: &Results, case: &Case) {
    line_of(out, format_args!("\n## {}, {}\n\n`{}`\n", case.title, case.wire, case.name));
    let columns = columns(results, case);
    let has_cpu = columns.contains(&Metric::PerCpuSecond);
    let mut headings: Vec<&str> = columns.iter().map(|metric| table::heading(*metric)).collect();
    if has_cpu {
        headings.extend(["x nats", "x crossbar"]);
    }
    line_of(out, format_args!("| peer | {} |", headings.join(" | ")));
    line_of(out, format_args!("| --- |{}", " --- |".repeat(headings.len())));
    for peer in &results.peers {
        let Some(outcome) = results.outcomes.get(&(case.name, peer.kind)) else {
            no_figures(out, results, case, peer.kind);
            continue;
        };
        let cell = |metric: &Metric| match outcome.get(metric) {
            Some(&value) if *metric == Metric::OtherCores && value > NOISE_MAX => format!("**{value:.2}**"),
            Some(&value) => table::cell(*metric, value),
            None => "-".to_owned(),
        };
        let mut cells: Vec<String> = columns.iter().map(cell).collect();
        if has_cpu {
            cells.extend([Kind::Nats, Kind::Crossbar].map(|other| ratio(results, case, peer.kind, other)));
        }
        line_of(out, format_args!("| {} | {} |", peer.kind.name(), cells.join(" | ")));
    }
}

fn no_figures(out: &mut String, results: &Results, case: &Case, kind: Kind) {
    let reason = results.failures.get(&(case.name, kind)).map_or("does not speak this", String::as_str);
    line_of(out, format_args!("| {} | {} |", kind.name(), reason.replace('|', "/")));
}

/// The figures that some peer has for this case.
fn columns(results: &Results, case: &Case) -> Vec<Metric> {
    let outcomes = results.peers.iter().filter_map(|peer| results.outcomes.get(&(case.name, peer.kind)));
    let mut columns: Vec<Metric> = outcomes.flat_map(|outcome| outcome.keys().copied()).collect();
    columns.sort_unstable();
    columns.dedup();
    columns.retain(|metric| {
        *metric != Metric::MaxUs && *metric != Metric::PssMib
            || *metric == Metric::PssMib && case.name == "start"
    });
    columns
}

fn ratio(results: &Results, case: &Case, kind: Kind, other: Kind) -> String {
    let figure = |kind| results.figure(case.name, kind, Metric::PerCpuSecond);
    match (figure(kind), figure(other)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.2}", ours / theirs),
        _ => "-".to_owned(),
    }
}
