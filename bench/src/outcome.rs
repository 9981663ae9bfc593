//! What a measurement yields: named figures, and medians of several.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::accounting::Usage;
use crate::latency::Latencies;

/// One figure of a measurement. The order is that of the columns in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Deliveries (or answered calls, or joins) per second of wall time.
    Rate,
    /// The same per second of server CPU.
    PerCpuSecond,
    /// Server CPU per delivery, call or join, in microseconds.
    CpuUs,
    /// Server CPU, in cores.
    ServerCores,
    /// CPU of this generator, in cores.
    GeneratorCores,
    /// CPU of everything else on the machine, in cores.
    OtherCores,
    P50Us,
    P99Us,
    P999Us,
    /// The longest latency.
    MaxUs,
    /// Events that never arrived, by gaps in the sequence numbers.
    Lost,
    /// Events that arrived twice, or after a later one.
    Repeated,
    /// Calls answered with an error.
    Errors,
    /// RSS of all processes of the server, in MiB.
    RssMib,
    /// The same before there was anything to keep.
    RssBeforeMib,
    /// The same when nothing of it was left.
    RssAfterMib,
    /// PSS of the same.
    PssMib,
    /// RSS per idle session, in KiB.
    SessionKib,
    /// RSS per subscription, in octets.
    SubscriptionOctets,
    /// Server CPU per SUBSCRIBE, in microseconds.
    SubscribeUs,
    /// From exec to the first WELCOME, in milliseconds.
    WelcomeMs,
    /// From the end of the router's process, by SIGKILL, to the next WELCOME, in milliseconds.
    RestartMs,
    /// Size of the program, in MiB.
    BinaryMib,
    /// Number of processes.
    Processes,
    /// Neighbours' p99 before a subscriber stopped reading.
    P99BeforeUs,
    /// Growth of the server's RSS at its worst while a subscriber did not read, in MiB.
    GrowthMib,
    /// Events the subscriber that stopped reading never got.
    SlowLost,
    /// 1 if it was disconnected.
    SlowClosed,
    /// Octets published while it did not read, in MiB.
    HeldBackMib,
}

/// The figures of one measurement.
pub(crate) type Outcome = BTreeMap<Metric, f64>;

/// Everything about throughput and CPU.
pub(crate) fn of_usage(usage: &Usage, done: u64) -> Outcome {
    let count = done as f64;
    BTreeMap::from([
        (Metric::Rate, count / usage.wall_s),
        (Metric::PerCpuSecond, count / usage.server_s),
        (Metric::CpuUs, usage.server_s * 1e6 / count.max(1.0)),
        (Metric::ServerCores, usage.server_s / usage.wall_s),
        (Metric::GeneratorCores, usage.generator_s / usage.wall_s),
        (Metric::OtherCores, usage.other_cores),
    ])
}

/// Adds the percentiles of `latencies`, if there are any.
pub(crate) fn add_latencies(outcome: &mut Outcome, latencies: &Latencies) {
    let columns =
        [(Metric::P50Us, 50.0), (Metric::P99Us, 99.0), (Metric::P999Us, 99.9), (Metric::MaxUs, 100.0)];
    for (metric, percent) in columns {
        if let Some(value) = latencies.percentile_us(percent) {
            outcome.insert(metric, value);
        }
    }
}

/// The median of every figure by itself. What must never happen (losses, errors) is the worst of all rounds instead.
pub(crate) fn median(rounds: &[Outcome]) -> Outcome {
    let mut columns: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
    for (&metric, &value) in rounds.iter().flatten() {
        columns.entry(metric).or_default().push(value);
    }
    columns.into_iter().map(|(metric, values)| (metric, middle(metric, values))).collect()
}

fn middle(metric: Metric, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match metric {
        Metric::Lost | Metric::Repeated | Metric::Errors => values[values.len() - 1],
        _ if values.len() % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rate: f64, lost: f64) -> Outcome {
        BTreeMap::from([(Metric::Rate, rate), (Metric::Lost, lost)])
    }

    #[test]
    fn rates_take_the_median_and_losses_the_worst() {
        let rounds = [outcome(3.0, 0.0), outcome(100.0, 7.0), outcome(2.0, 0.0)];
        assert_eq!(median(&rounds), outcome(3.0, 7.0));
        assert_eq!(median(&rounds[..2])[&Metric::Rate], 51.5);
        assert!(median(&[]).is_empty());
    }

    #[test]
    fn cpu_figures_follow_from_usage() {
        let usage = Usage { wall_s: 2.0, server_s: 0.5, generator_s: 1.0, other_cores: 0.1 };
        let outcome = of_usage(&usage, 1_000);
        assert_eq!(outcome[&Metric::Rate], 500.0);
        assert_eq!(outcome[&Metric::PerCpuSecond], 2_000.0);
        assert_eq!(outcome[&Metric::CpuUs], 500.0);
        assert_eq!(outcome[&Metric::GeneratorCores], 0.5);
    }
}
