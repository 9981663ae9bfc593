//! All peers in all scenarios, interleaved.
//!
//! In each round every case is put to one peer after the other, so that a change of the machine's mood strikes all of
//! them. Peers stay up for a round; cases about memory and start-up get a server of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::accounting;
use crate::outcome::{self, Metric, Outcome};
use crate::peer::{Kind, Peer, Placement, Places, Running};
use crate::plan::{self, Case};
use crate::report::{machine, markdown, table};
use crate::scenario::Timing;
use crate::trouble::{Result, Trouble};

/// A measurement beside which other programs used more than so many cores is made once more.
pub(crate) const NOISE_MAX: f64 = 0.4;
/// So many at most in one comparison: a busy machine must not double its length.
const REPEATS_MAX: usize = 16;

/// What to compare, and how thoroughly.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) quick: bool,
    pub(crate) only: Vec<String>,
    pub(crate) peers: Vec<Kind>,
    pub(crate) rounds: usize,
    pub(crate) placement: Placement,
}

impl Comparison {
    /// The cases asked for.
    fn cases(&self) -> Vec<Case> {
        let is_wanted = |case: &Case| match self.only.is_empty() {
            true => case.is_quick || !self.quick,
            false => self.only.iter().any(|start| case.name.starts_with(start.as_str())),
        };
        let mut cases: Vec<Case> = plan::all().into_iter().filter(is_wanted).collect();
        if self.quick {
            cases.iter_mut().for_each(|case| {
                case.timing = Timing { warm_up: case.timing.warm_up / 2, measure: case.timing.measure / 2 }
            });
        }
        cases
    }
}

/// Everything a comparison found out.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) cases: Vec<Case>,
    pub(crate) peers: Vec<Peer>,
    /// Peers that took no part, with the reason.
    pub(crate) skipped: Vec<(Kind, String)>,
    /// Medians by case and peer.
    pub(crate) outcomes: BTreeMap<(&'static str, Kind), Outcome>,
    /// Measurements that failed, by case and peer.
    pub(crate) failures: BTreeMap<(&'static str, Kind), String>,
}

impl Results {
    /// A figure of a case at a peer.
    pub(crate) fn figure(&self, case: &'static str, kind: Kind, metric: Metric) -> Option<f64> {
        self.outcomes.get(&(case, kind))?.get(&metric).copied()
    }
}

/// Runs the comparison, prints or writes its tables.
pub(crate) fn run(comparison: &Comparison, places: &Places, out: Option<&Path>, as_json: bool) -> Result<()> {
    let began = Instant::now();
    let (peers, skipped) = prepare(comparison, places);
    if peers.is_empty() {
        return Err(Trouble::NotInstalled("none of the peers".to_owned()));
    }
    let mut results = Results { cases: comparison.cases(), peers, skipped, ..Results::default() };
    measure(comparison, &mut results);
    let text = markdown::write(&results, comparison, &machine::describe());
    if as_json {
        println!("{}", json(&results));
    } else {
        println!("{text}");
    }
    for (kind, reason) in &results.skipped {
        eprintln!("SKIPPED {}: {reason}", kind.name());
    }
    if let Some(out) = out {
        fs::write(out, text)?;
        eprintln!("wrote {}", out.display());
    }
    eprintln!("took {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn prepare(comparison: &Comparison, places: &Places) -> (Vec<Peer>, Vec<(Kind, String)>) {
    let (mut peers, mut skipped) = (Vec::new(), Vec::new());
    for &kind in &comparison.peers {
        match Peer::prepare(kind, places) {
            Ok(peer) => {
                eprintln!("{}: {}", kind.name(), peer.version);
                peers.push(peer);
            }
            Err(trouble) => {
                eprintln!("SKIPPED {}: {trouble}", kind.name());
                skipped.push((kind, trouble.to_string()));
            }
        }
    }
    (peers, skipped)
}

/// The peers that are up, for the cases of a round that do not want a fresh one.
struct Standing {
    placement: Placement,
    servers: BTreeMap<Kind, Running>,
}

impl Standing {
    fn server(&mut self, peer: &Peer) -> Result<&Running> {
        if self.servers.get_mut(&peer.kind).is_none_or(Running::has_ended) {
            self.servers.insert(peer.kind, peer.start(self.placement)?);
        }
        Ok(&self.servers[&peer.kind])
    }
}

fn measure(comparison: &Comparison, results: &mut Results) {
    let mut rounds: BTreeMap<(&'static str, Kind), Vec<Outcome>> = BTreeMap::new();
    let mut repeats = REPEATS_MAX;
    for round in 0..comparison.rounds {
        let mut standing = Standing { placement: comparison.placement, servers: BTreeMap::new() };
        for case in results.cases.iter().filter(|case| round == 0 || case.is_repeated) {
            for peer in &results.peers {
                if peer.kind.wire(case.wire).is_none() {
                    continue;
                }
                let key = (case.name, peer.kind);
                match measure_quietly(case, peer, &mut standing, &mut repeats) {
                    Ok(outcome) => {
                        progress(round, case, peer, &summary(&outcome));
                        rounds.entry(key).or_default().push(outcome);
                    }
                    Err(trouble) => {
                        progress(round, case, peer, &format!("FAILED: {trouble}"));
                        results.failures.insert(key, trouble.to_string());
                        standing.servers.remove(&peer.kind);
                    }
                }
            }
        }
    }
    results.outcomes = rounds.into_iter().map(|(key, rounds)| (key, outcome::median(&rounds))).collect();
}

/// Measures, and once more if other programs were busy meanwhile; answers the quieter of the two.
fn measure_quietly(
    case: &Case,
    peer: &Peer,
    standing: &mut Standing,
    repeats: &mut usize,
) -> Result<Outcome> {
    let noise = |outcome: &Outcome| outcome.get(&Metric::OtherCores).copied().unwrap_or(0.0);
    let first = measure_one(case, peer, standing)?;
    if noise(&first) <= NOISE_MAX || *repeats == 0 || !case.is_repeated {
        return Ok(first);
    }
    *repeats -= 1;
    let second = measure_one(case, peer, standing)?;
    Ok(if noise(&second) < noise(&first) { second } else { first })
}

fn measure_one(case: &Case, peer: &Peer, standing: &mut Standing) -> Result<Outcome> {
    let scenario = case.scenario_for(peer.kind);
    if scenario.wants_fresh_server() {
        return scenario.run(&peer.start(standing.placement)?, case.wire, case.timing);
    }
    let server = standing.server(peer)?;
    let outcome = scenario.run(server, case.wire, case.timing);
    accounting::wait_until_quiet(server.pid());
    outcome
}

fn progress(round: usize, case: &Case, peer: &Peer, text: &str) {
    eprintln!("[{}] {:<22} {:<10} {text}", round + 1, case.name, peer.kind.name());
}

/// The figures that tell whether a measurement went well.
fn summary(outcome: &Outcome) -> String {
    const SHOWN: [Metric; 9] = [
        Metric::PerCpuSecond,
        Metric::Rate,
        Metric::P50Us,
        Metric::P99Us,
        Metric::Lost,
        Metric::OtherCores,
        Metric::SessionKib,
        Metric::WelcomeMs,
        Metric::GrowthMib,
    ];
    let shown = SHOWN.iter().filter_map(|metric| Some((*metric, *outcome.get(metric)?)));
    let shown =
        shown.map(|(metric, value)| format!("{} {}", table::cell(metric, value), table::heading(metric)));
    shown.collect::<Vec<_>>().join(", ")
}

fn json(results: &Results) -> String {
    let mut cases = serde_json::Map::new();
    for ((case, kind), outcome) in &results.outcomes {
        let peers = cases.entry(*case).or_insert_with(|| serde_json::json!({}));
        peers[kind.name()] = serde_json::to_value(outcome).expect("figures are serializable");
    }
    let versions: serde_json::Map<_, _> =
        results.peers.iter().map(|peer| (peer.kind.name().to_owned(), peer.version.clone().into())).collect();
    let skipped: serde_json::Map<_, _> = results
        .skipped
        .iter()
        .map(|(kind, reason)| (kind.name().to_owned(), reason.clone().into()))
        .collect();
    serde_json::to_string_pretty(
        &serde_json::json!({"versions": versions, "skipped": skipped, "cases": cases}),
    )
    .expect("figures are serializable")
}
