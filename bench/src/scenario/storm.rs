//! A caller at a steady, low rate while very many sessions join and leave.
//!
//! As beside a fan-out, the caller and its callee have a generator thread of their own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::{Pace, Timing, joins, rpc};
use crate::latency::Latencies;
use crate::outcome::{self, Metric, Outcome};
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Sessions that join, 16 at a time and as quickly as they can, each gone as soon as it has.
    pub(crate) joins: usize,
    /// Such storms, one after the other: one alone is over after too few calls for a p99.
    pub(crate) storms: usize,
    /// Calls a second.
    pub(crate) calls: u64,
    /// The sessions join another process of the same server: what remains of the effect on the caller is the machine's and the
    /// generator's, not the server's.
    pub(crate) elsewhere: bool,
}

/// How often the caller looks whether the storm is over.
const LOOK: Duration = Duration::from_millis(50);

/// What the caller has seen.
struct Calls {
    p99_before: Option<f64>,
    latencies: Latencies,
    errors: u64,
}

/// Reports the caller's latencies during the storm. Rate and CPU are those of the joins. `calm` is where the caller joins.
pub(crate) fn run(plan: &Plan, calm: &Target, storm: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let is_over = AtomicBool::new(false);
    let (begin, begun) = mpsc::channel();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| call(plan, calm, timing, begin, &is_over));
        // If the caller fails, its error is told below.
        let joined = begun.recv().ok().map(|()| joins::run(plan.storms * plan.joins, storm, pid));
        is_over.store(true, Ordering::Relaxed);
        let crashed =
            |_| Trouble::Program { program: "caller thread".to_owned(), detail: "panicked".to_owned() };
        let calls = caller.join().map_err(crashed)??;
        let mut outcome = joined.transpose()?.unwrap_or_default();
        outcome::add_latencies(&mut outcome, &calls.latencies);
        outcome.extend(calls.p99_before.map(|us| (Metric::P99BeforeUs, us)));
        outcome.insert(Metric::Errors, calls.errors as f64);
        Ok(outcome)
    })
}

fn call(
    plan: &Plan,
    target: &Target,
    timing: Timing,
    begin: mpsc::Sender<()>,
    is_over: &AtomicBool,
) -> Result<Calls> {
    let calls = rpc::Plan { callers: 1, callees: 1, pace: Pace::PerSecond(plan.calls), payload: 64 };
    let mut reactor = Reactor::new()?;
    let mut calls = rpc::Calls::prepare(&calls, target, &mut reactor)?;
    calls.drive(&mut reactor, timing.warm_up)?;
    calls.begin();
    calls.drive(&mut reactor, timing.measure)?;
    let p99_before = calls.latencies.percentile_us(99.0);
    calls.begin();
    // Nobody waits any more if the storm could not be.
    let _ = begin.send(());
    while !is_over.load(Ordering::Relaxed) {
        calls.drive(&mut reactor, LOOK)?;
    }
    let (latencies, unanswered) = (calls.latencies.clone(), calls.drain(&mut reactor)?);
    Ok(Calls { p99_before, latencies, errors: calls.errors() + unanswered })
}
