//! 1:1, 1:N and N:N publish/subscribe, with a window or at a fixed rate.

use super::flow::{Flow, Flows, Subscriber};
use super::{Pace, Timing};
use crate::accounting::{self, Meter};
use crate::outcome::{self, Metric, Outcome};
use crate::payload::Payload;
use crate::reactor::{Reactor, Target};
use crate::trouble::Result;
use crate::wire::template::Template;
use crate::wire::value::Match;

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Publishers, with a topic each.
    pub(crate) publishers: usize,
    /// Subscribers of each topic.
    pub(crate) subscribers: usize,
    pub(crate) pace: Pace,
    /// Octets of the one argument.
    pub(crate) payload: usize,
}

pub(crate) fn run(plan: &Plan, target: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    let mut flows = prepare(plan, target, &mut reactor)?;
    if let Pace::PerSecond(rate) = plan.pace {
        reactor.tick(rate)?;
    }
    flows.drive(&mut reactor, plan.pace, timing.warm_up)?;
    flows.begin();
    let meter = Meter::start(pid);
    flows.drive(&mut reactor, plan.pace, timing.measure)?;
    let usage = meter.stop();
    let mut outcome = outcome::of_usage(&usage, flows.delivered);
    outcome::add_latencies(&mut outcome, &flows.latencies);
    flows.drain(&mut reactor)?;
    add_counts(&mut outcome, &flows, pid);
    Ok(outcome)
}

/// Joins all sessions and subscribes.
pub(crate) fn prepare(plan: &Plan, target: &Target, reactor: &mut Reactor) -> Result<Flows> {
    let topic = |flow: usize| format!("com.example.bench.topic{flow}");
    let publishers = reactor.join(target, plan.publishers)?;
    let sessions = reactor.join(target, plan.publishers * plan.subscribers)?;
    let mut subscribers = Vec::with_capacity(sessions.len());
    for (at, id) in sessions.clone().enumerate() {
        let flow = at / plan.subscribers;
        let connection = reactor.connection(id);
        connection.subscribe(Match::Exact, &topic(flow));
        connection.fence();
        connection.flush()?;
        subscribers.push(Subscriber::of(flow));
    }
    reactor.settle()?;
    let payload = Payload::new(plan.payload);
    let flows = publishers.enumerate().map(|(flow, publisher)| {
        let template = Template::publish(target.wire, &topic(flow), payload.len());
        Flow::new(publisher, vec![template], plan.subscribers as u64, payload.clone())
    });
    Ok(Flows::new(flows.collect(), subscribers, sessions.start))
}

/// Adds losses, repetitions and memory.
pub(crate) fn add_counts(outcome: &mut Outcome, flows: &Flows, pid: u32) {
    let memory = accounting::memory(pid);
    outcome.insert(Metric::Lost, flows.lost() as f64);
    outcome.insert(Metric::Repeated, flows.repeated as f64);
    outcome.insert(Metric::Errors, flows.refused as f64);
    outcome.insert(Metric::RssMib, memory.rss as f64 / f64::from(1 << 20));
    outcome.insert(Metric::PssMib, memory.pss as f64 / f64::from(1 << 20));
}

#[cfg(test)]
mod tests;
