//! Realms of a template: what the first client to join one waits for it, and what they all take.

use std::sync::Arc;
use std::time::Duration;

use crate::accounting;
use crate::latency::Latencies;
use crate::outcome::{self, Metric, Outcome};
use crate::peer::{IDLE_TIMEOUT_S, template_realm};
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Realms that run, each with a session, before anything is measured.
    pub(crate) running: usize,
    /// First joins that are measured, one after the other; and as many joins of realms that run.
    pub(crate) joins: usize,
    /// Realms that run in the end, each with a session: their memory is told.
    pub(crate) total: usize,
}

/// How long a WELCOME may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for buffers of the handshake to be given back.
const SETTLE: Duration = Duration::from_millis(1500);
/// By when realms that nobody is on are gone: see [`IDLE_TIMEOUT_S`].
const TEAR_DOWN: Duration = Duration::from_millis(1000 * IDLE_TIMEOUT_S + 4000);

/// Reports latencies from connect to WELCOME: of joins that start a realm, and the p99 of joins that find theirs running; and
/// memory before there were any such realms, with all of them, and when they are gone.
pub(crate) fn run(plan: &Plan, target: &Target, pid: u32) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    let rss_mib = || accounting::memory(pid).rss as f64 / f64::from(1 << 20);
    let rss_before = rss_mib();
    let mut next = 0;
    let mut new_realm = || {
        next += 1;
        Target { realm: Arc::from(template_realm(next)), ..target.clone() }
    };
    for _ in 0..plan.running {
        join(&mut reactor, &new_realm())?;
    }
    let (mut before, mut first) = (Latencies::new(), Latencies::new());
    for at in 0..plan.joins {
        // In turn, so that the machine's moods strike both.
        let running = Target { realm: Arc::from(template_realm(at % plan.running + 1)), ..target.clone() };
        let (visitor, ns) = join(&mut reactor, &running)?;
        before.record(ns);
        reactor.drop_connection(visitor);
        first.record(join(&mut reactor, &new_realm())?.1);
    }
    for _ in plan.running + plan.joins..plan.total {
        join(&mut reactor, &new_realm())?;
    }
    std::thread::sleep(SETTLE);
    let mut outcome = Outcome::new();
    outcome::add_latencies(&mut outcome, &first);
    outcome.extend(before.percentile_us(99.0).map(|us| (Metric::P99BeforeUs, us)));
    outcome.insert(Metric::RssMib, rss_mib());
    // Closes all connections.
    drop(reactor);
    std::thread::sleep(TEAR_DOWN);
    outcome.extend([(Metric::RssBeforeMib, rss_before), (Metric::RssAfterMib, rss_mib())]);
    Ok(outcome)
}

/// Joins one session; answers its connection and how long that took.
fn join(reactor: &mut Reactor, target: &Target) -> Result<(usize, u64)> {
    let begun = reactor.now_ns();
    let id = reactor.connect(target)?;
    let mut took = None;
    while took.is_none() {
        reactor.turn(Some(Duration::from_millis(100)), |connection, incoming, now_ns| {
            if connection.id() == id && connection.is_welcome(&incoming) {
                took = Some(now_ns.saturating_sub(begun));
            }
        })?;
        if let Some(reason) = reactor.connection(id).refusal() {
            return Err(Trouble::Refused(reason.to_owned()));
        }
        if took.is_none() && reactor.now_ns().saturating_sub(begun) > PATIENCE.as_nanos() as u64 {
            return Err(Trouble::TimedOut("WELCOME"));
        }
    }
    Ok((id, took.unwrap_or_default()))
}
