//! A subscriber that stops reading, among others that do not.
//!
//! First all subscribers read; then one stops, while publishing goes on at the same rate and the server's memory is
//! watched; then it reads again, and what it gets shows what it has missed, or that it was disconnected.

use std::time::{Duration, Instant};

use super::flow::Flows;
use super::{Pace, Timing, pubsub};
use crate::accounting::{self, Meter};
use crate::outcome::{self, Metric, Outcome};
use crate::reactor::{Reactor, Target};
use crate::trouble::Result;

/// How often memory is read.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long the subscriber may take, once it reads again, to get what was kept for it.
const CATCH_UP: Duration = Duration::from_secs(4);

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Subscribers that go on reading.
    pub(crate) neighbours: usize,
    /// Publications a second.
    pub(crate) publications: u64,
    /// Octets of each.
    pub(crate) payload: usize,
    /// How long the subscriber does not read.
    pub(crate) stopped: Duration,
}

pub(crate) fn run(plan: &Plan, target: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let pace = Pace::PerSecond(plan.publications);
    let subscribers = plan.neighbours + 1;
    let all = pubsub::Plan { publishers: 1, subscribers, pace, payload: plan.payload };
    let mut reactor = Reactor::new()?;
    let mut flows = pubsub::prepare(&all, target, &mut reactor)?;
    exclude_last(&mut flows);
    reactor.tick(plan.publications)?;
    flows.drive(&mut reactor, pace, timing.warm_up)?;
    flows.begin();
    // As later: what watching costs the generator is part of both latencies.
    watch(&mut flows, &mut reactor, pace, timing.measure, pid)?;
    let p99_before = flows.latencies.percentile_us(99.0);

    let slow = flows.first_subscriber + plan.neighbours;
    reactor.connection(slow).set_paused(true);
    let (rss_before, published) = (accounting::memory(pid).rss, flows.flows[0].published());
    flows.begin();
    let meter = Meter::start(pid);
    let rss_worst = watch(&mut flows, &mut reactor, pace, plan.stopped, pid)?;
    let mut outcome = outcome::of_usage(&meter.stop(), flows.delivered);
    outcome::add_latencies(&mut outcome, &flows.latencies);
    outcome.extend(p99_before.map(|us| (Metric::P99BeforeUs, us)));
    let held_back = (flows.flows[0].published() - published) as f64 * plan.payload as f64;

    flows.drain(&mut reactor)?;
    let (slow_lost, slow_closed) = catch_up(&mut flows, &mut reactor, slow)?;
    pubsub::add_counts(&mut outcome, &flows, pid);
    outcome.insert(Metric::HeldBackMib, held_back / f64::from(1 << 20));
    outcome.insert(Metric::GrowthMib, rss_worst.saturating_sub(rss_before) as f64 / f64::from(1 << 20));
    outcome.insert(Metric::SlowLost, slow_lost as f64);
    outcome.insert(Metric::SlowClosed, f64::from(u8::from(slow_closed)));
    Ok(outcome)
}

/// The last subscriber becomes the slow one: nobody waits for it, and its losses are counted apart.
fn exclude_last(flows: &mut Flows) {
    if let Some(last) = flows.subscribers.last_mut() {
        last.is_excluded = true;
    }
    flows.flows[0].subscribers -= 1;
}

/// Goes on publishing for `duration`; answers the largest RSS seen.
fn watch(flows: &mut Flows, reactor: &mut Reactor, pace: Pace, duration: Duration, pid: u32) -> Result<u64> {
    let (end, mut worst) = (Instant::now() + duration, 0);
    while Instant::now() < end {
        flows.drive(reactor, pace, SAMPLE)?;
        worst = worst.max(accounting::memory(pid).rss);
    }
    Ok(worst)
}

/// Lets the slow subscriber read again until it is up to date, disconnected, or nothing comes any more.
fn catch_up(flows: &mut Flows, reactor: &mut Reactor, slow: usize) -> Result<(u64, bool)> {
    let (at, published) = (slow - flows.first_subscriber, flows.flows[0].published());
    reactor.resume(slow);
    let end = Instant::now() + CATCH_UP;
    while Instant::now() < end {
        let subscriber = &flows.subscribers[at];
        if subscriber.is_closed || subscriber.delivered + subscriber.lost >= published {
            break;
        }
        flows.drive(reactor, Pace::Window(0), SAMPLE)?;
    }
    let subscriber = &mut flows.subscribers[at];
    subscriber.give_up(published);
    Ok((subscriber.lost, subscriber.is_closed))
}
