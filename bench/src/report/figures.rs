//! The figures the router has to reach, against what was measured.

use crate::compare::Results;
use crate::outcome::Metric;
use crate::peer::Kind;

/// A target with what was measured.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) target: String,
    /// `None` if it could not be measured.
    pub(crate) measured: Option<String>,
    pub(crate) is_met: Option<bool>,
}

impl Figure {
    fn new(what: impl Into<String>, target: impl Into<String>, found: Option<(String, bool)>) -> Self {
        let (measured, is_met) = found.unzip();
        Self { what: what.into(), target: target.into(), measured, is_met }
    }
}

/// All figures in the order of the tables.
pub(crate) fn all(results: &Results) -> Vec<Figure> {
    let of = |case| move |metric| results.figure(case, Kind::Crossweave, metric);
    [
        ratios(results),
        latencies(results),
        sizes(&of),
        vec![losses(results), stalls(results)],
        storm(results),
        node(results),
        slow(results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Deliveries per second of server CPU, as multiples of a peer's.
fn ratios(results: &Results) -> Vec<Figure> {
    const NATS: [(&str, &str, f64); 6] = [
        ("1:1, 64 B, window 1000, RawSocket/MessagePack", "pubsub-1000-rs", 2.0),
        ("1:1, 64 B, window 1000, WebSocket/JSON", "pubsub-1000-ws", 1.3),
        ("1:1, 64 B, window 16, WebSocket/JSON", "pubsub-16-ws", 1.5),
        ("fan-out 1:100, WebSocket/JSON", "fanout-100-ws", 1.3),
        ("fan-out 1:1000, WebSocket/JSON", "fanout-1000-ws", 1.3),
        ("RPC 8 x 16 over 4 callees, WebSocket/JSON", "rpc-8x16-ws", 1.2),
    ];
    const CROSSBAR: [(&str, &str, f64); 8] = [
        ("1:1, window 1000, RawSocket/MessagePack", "pubsub-1000-rs", 100.0),
        ("1:1, window 1000, WebSocket/JSON", "pubsub-1000-ws", 100.0),
        ("1:1, window 16, WebSocket/JSON", "pubsub-16-ws", 100.0),
        ("RPC 8 x 16 over 4 callees", "rpc-8x16-ws", 100.0),
        ("fan-out 1:100", "fanout-100-ws", 20.0),
        ("fan-out 1:1000", "fanout-1000-ws", 20.0),
        ("joins by ticket", "joins-ticket", 10.0),
        ("joins by cryptosign", "joins-cryptosign", 8.0),
    ];
    let mut figures = Vec::new();
    for (peer, list) in [(Kind::Nats, &NATS[..]), (Kind::Crossbar, &CROSSBAR[..])] {
        for &(what, case, target) in list {
            let found = ratio(results, case, peer, Metric::PerCpuSecond);
            let found = found.map(|ratio| (format!("{ratio:.2} x"), ratio >= target));
            figures.push(Figure::new(what, format!(">= {target} x {}", peer.name()), found));
        }
    }
    figures
}

/// Our figure as a multiple of `peer`'s.
pub(crate) fn ratio(results: &Results, case: &'static str, peer: Kind, metric: Metric) -> Option<f64> {
    let theirs = results.figure(case, peer, metric).filter(|value| *value > 0.0)?;
    Some(results.figure(case, Kind::Crossweave, metric)? / theirs)
}

fn latencies(results: &Results) -> Vec<Figure> {
    let at_most = |what, case, metric, limit: f64, target: &str| {
        let found = ratio(results, case, Kind::Nats, metric);
        Figure::new(what, target, found.map(|ratio| (format!("{ratio:.2} x"), ratio <= limit)))
    };
    vec![
        at_most("RPC 1 x 1: p50", "rpc-1x1-ws", Metric::P50Us, 1.0, "<= 1 x nats"),
        at_most("caller beside 1:1000 at 300/s: p99", "neighbour-ws", Metric::P99Us, 0.5, "<= 0.5 x nats"),
    ]
}

/// Upper bounds for figures of our own.
fn sizes<F>(of: &impl Fn(&'static str) -> F) -> Vec<Figure>
where
    F: Fn(Metric) -> Option<f64>,
{
    const BOUNDS: [(&str, &str, Metric, f64, &str); 5] = [
        ("idle RawSocket session, RSS", "idle-rs", Metric::SessionKib, 4.0, "KiB"),
        ("idle WebSocket session, RSS", "idle-ws", Metric::SessionKib, 6.0, "KiB"),
        ("exec to first WELCOME", "start", Metric::WelcomeMs, 30.0, "ms"),
        ("RSS after start", "start", Metric::RssMib, 12.0, "MiB"),
        ("binary", "start", Metric::BinaryMib, 20.0, "MiB"),
    ];
    let figure = |(what, case, metric, bound, unit): (&str, &'static str, Metric, f64, &str)| {
        let found = of(case)(metric).map(|value| (format!("{value:.1} {unit}"), value <= bound));
        Figure::new(what, format!("<= {bound} {unit}"), found)
    };
    BOUNDS.into_iter().map(figure).collect()
}

/// Nothing lost, repeated or refused, in any case.
fn losses(results: &Results) -> Figure {
    let ours = results.outcomes.iter().filter(|((_, kind), _)| *kind == Kind::Crossweave);
    let sums: Vec<f64> = ours
        .map(|(_, outcome)| {
            [Metric::Lost, Metric::Repeated, Metric::Errors]
                .iter()
                .filter_map(|metric| outcome.get(metric))
                .sum()
        })
        .collect();
    let sum: f64 = sums.iter().sum();
    let found = (!sums.is_empty()).then(|| (format!("{sum:.0}"), sum == 0.0));
    Figure::new("lost, repeated or refused, all scenarios", "0", found)
}

/// No stall of 40 ms: the mark of small writes that wait for a delayed acknowledgement.
fn stalls(results: &Results) -> Figure {
    const STALL_US: f64 = 40e3;
    let ours = results
        .outcomes
        .iter()
        .filter(|((case, kind), _)| *kind == Kind::Crossweave && !case.starts_with("slow"));
    let worst = ours.filter_map(|((case, _), outcome)| Some((*outcome.get(&Metric::P999Us)?, *case)));
    let worst = worst.max_by(|a, b| a.0.total_cmp(&b.0));
    let found = worst.map(|(us, case)| (format!("{:.1} ms ({case})", us / 1e3), us < STALL_US));
    Figure::new("largest p99.9 in any scenario", "< 40 ms", found)
}

/// What a storm of joins does to others.
fn storm(results: &Results) -> Vec<Figure> {
    let of = |case, metric| results.figure(case, Kind::Crossweave, metric);
    let during = of("storm-ws", Metric::P99Us);
    let at_most_three = |base: Option<f64>| {
        during.zip(base).map(|(during, base)| during / base).map(|x| (format!("{x:.2} x"), x <= 3.0))
    };
    vec![
        Figure::new(
            "500 calls/s while 5,000 sessions join by ticket: p99",
            "<= 3 x before",
            at_most_three(of("storm-ws", Metric::P99BeforeUs)),
        ),
        Figure::new(
            "the same, while they join here or another process",
            "<= 3 x elsewhere",
            at_most_three(of("storm-elsewhere-ws", Metric::P99Us)),
        ),
    ]
}

/// What it costs to be a node.
fn node(results: &Results) -> Vec<Figure> {
    let of = |case, metric| results.figure(case, Kind::Crossweave, metric);
    let starting = of("activation-ws", Metric::P99Us).zip(of("activation-ws", Metric::P99BeforeUs));
    let starting = starting.map(|(first, running)| (first - running) / 1e3);
    let memory = of("activation-ws", Metric::RssMib);
    let inline = of("pubsub-1000-rs", Metric::CpuUs);
    let by_worker =
        of("pubsub-1000-rs-worker", Metric::CpuUs).zip(inline).map(|(worker, inline)| worker / inline);
    let left = of("activation-ws", Metric::RssAfterMib).zip(of("activation-ws", Metric::RssBeforeMib));
    let left = left.zip(memory).map(|((after, before), most)| (after - before).max(0.0) / (most - before));
    let restart = |metric, unit: &'static str, bound: f64| {
        of("restart-ws", metric).map(|value| (format!("{value:.1} {unit}"), value <= bound))
    };
    vec![
        Figure::new(
            "controller and router in a process each: exec to first WELCOME",
            "<= 300 ms",
            restart(Metric::WelcomeMs, "ms", 300.0),
        ),
        Figure::new("the same: RSS of both", "<= 40 MiB", restart(Metric::RssMib, "MiB", 40.0)),
        Figure::new(
            "the same: `kill -9` of the router to the next WELCOME",
            "<= 1000 ms",
            restart(Metric::RestartMs, "ms", 1000.0),
        ),
        Figure::new(
            "join that starts a realm, 1,000 running: p99 beyond that of a join of one that runs",
            "<= 5 ms",
            starting.map(|ms| (format!("{ms:.2} ms"), ms <= 5.0)),
        ),
        Figure::new(
            "10,000 realms of a template with a session each: RSS",
            "<= 512 MiB",
            memory.map(|mib| (format!("{mib:.0} MiB"), mib <= 512.0)),
        ),
        Figure::new(
            "the same, when all of them have ended: RSS that remains of what they took",
            "<= 10 %",
            left.map(|share| (format!("{:.1} %", 100.0 * share), share <= 0.1)),
        ),
        Figure::new(
            "1:1 through a worker process, CPU",
            "<= 1 x in one process, within 5 %",
            by_worker.map(|x| (format!("{x:.2} x"), x <= 1.05)),
        ),
    ]
}

/// The router queues 4 MiB for one session by default; a buffer that grows needs its old and its new size at once.
const SLOW_GROWTH_MAX_MIB: f64 = 12.0;

fn slow(results: &Results) -> Vec<Figure> {
    let of = |metric| results.figure("slow-ws", Kind::Crossweave, metric);
    let growth = of(Metric::GrowthMib).map(|mib| (format!("{mib:.1} MiB"), mib <= SLOW_GROWTH_MAX_MIB));
    let p99 = of(Metric::P99Us).zip(of(Metric::P99BeforeUs)).map(|(during, before)| during / before);
    let noticed = of(Metric::SlowLost).zip(of(Metric::SlowClosed));
    vec![
        Figure::new(
            "subscriber that stops reading: RSS growth",
            format!("<= {SLOW_GROWTH_MAX_MIB} MiB"),
            growth,
        ),
        Figure::new(
            "the same: its neighbours' p99",
            "<= 2 x before",
            p99.map(|x| (format!("{x:.2} x"), x <= 2.0)),
        ),
        Figure::new(
            "the same: it missed events or was closed, rather than being kept everything for",
            "yes",
            noticed
                .map(|(lost, closed)| (format!("missed {lost:.0}, closed {closed:.0}"), lost + closed > 0.0)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn results(ours: f64, theirs: f64) -> Results {
        let mut results = Results::default();
        let outcome = |value| Outcome::from([(Metric::PerCpuSecond, value), (Metric::Lost, 0.0)]);
        results.outcomes.insert(("pubsub-16-ws", Kind::Crossweave), outcome(ours));
        results.outcomes.insert(("pubsub-16-ws", Kind::Nats), outcome(theirs));
        results
    }

    fn verdict(results: &Results, target: &str) -> Option<bool> {
        let figures = all(results);
        let figure =
            figures.iter().find(|figure| figure.what.contains("window 16") && figure.target == target);
        figure.expect("there is such a figure").is_met
    }

    #[test]
    fn a_ratio_is_met_from_its_target_on() {
        assert_eq!(verdict(&results(150.0, 100.0), ">= 1.5 x nats"), Some(true));
        assert_eq!(verdict(&results(149.0, 100.0), ">= 1.5 x nats"), Some(false));
        assert_eq!(verdict(&results(150.0, 100.0), ">= 100 x crossbar"), None);
    }

    #[test]
    fn nothing_measured_means_no_verdict() {
        assert!(all(&Results::default()).iter().all(|figure| figure.is_met.is_none()));
    }

    #[test]
    fn one_loss_anywhere_is_not_met() {
        let mut results = results(1.0, 1.0);
        assert_eq!(losses(&results).is_met, Some(true));
        results.outcomes.insert(("rpc-1x1-ws", Kind::Crossweave), Outcome::from([(Metric::Errors, 1.0)]));
        assert_eq!(losses(&results).is_met, Some(false));
    }
}
