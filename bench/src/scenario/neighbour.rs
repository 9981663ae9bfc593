//! A caller at a steady, low rate beside a fan-out in the same realm.
//!
//! The caller and its callee have a generator thread of their own, so that the fan-out's deliveries do not delay their clock.

use super::{Pace, Timing, pubsub, rpc};
use crate::accounting::Meter;
use crate::latency::Latencies;
use crate::outcome::{self, Metric, Outcome};
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) subscribers: usize,
    /// Publications a second, each for all subscribers; 0 measures the caller alone.
    pub(crate) publications: u64,
    /// Calls a second.
    pub(crate) calls: u64,
}

/// Reports the caller's latencies. Rate and CPU are those of the fan-out's deliveries.
pub(crate) fn run(plan: &Plan, target: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let pace = Pace::PerSecond(plan.publications);
    let fan_out = pubsub::Plan { publishers: 1, subscribers: plan.subscribers, pace, payload: 64 };
    let mut reactor = Reactor::new()?;
    let mut flows = pubsub::prepare(&fan_out, target, &mut reactor)?;
    reactor.tick(plan.publications)?;
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| call(plan, target, timing));
        flows.drive(&mut reactor, pace, timing.warm_up)?;
        flows.begin();
        let meter = Meter::start(pid);
        flows.drive(&mut reactor, pace, timing.measure)?;
        let mut outcome = outcome::of_usage(&meter.stop(), flows.delivered);
        flows.drain(&mut reactor)?;
        pubsub::add_counts(&mut outcome, &flows, pid);
        let crashed =
            |_| Trouble::Program { program: "caller thread".to_owned(), detail: "panicked".to_owned() };
        let (latencies, errors) = caller.join().map_err(crashed)??;
        outcome::add_latencies(&mut outcome, &latencies);
        outcome.insert(Metric::Errors, errors as f64);
        Ok(outcome)
    })
}

fn call(plan: &Plan, target: &Target, timing: Timing) -> Result<(Latencies, u64)> {
    let calls = rpc::Plan { callers: 1, callees: 1, pace: Pace::PerSecond(plan.calls), payload: 64 };
    let mut reactor = Reactor::new()?;
    let mut calls = rpc::Calls::prepare(&calls, target, &mut reactor)?;
    calls.drive(&mut reactor, timing.warm_up)?;
    calls.begin();
    calls.drive(&mut reactor, timing.measure)?;
    let (latencies, unanswered) = (calls.latencies.clone(), calls.drain(&mut reactor)?);
    Ok((latencies, calls.errors() + unanswered))
}
