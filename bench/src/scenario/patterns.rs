//! One subscriber with many patterns; every publication matches exactly one of them.

use super::flow::{Flow, Flows, Subscriber};
use super::{Pace, Timing, pubsub};
use crate::accounting::{self, Meter};
use crate::outcome::{self, Metric, Outcome};
use crate::payload::Payload;
use crate::reactor::{Reactor, Target};
use crate::trouble::Result;
use crate::wire::Wire;
use crate::wire::template::Template;
use crate::wire::value::Match;

const WINDOW: Pace = Pace::Window(16);
/// Subscriptions under way at once; some peers lose answers to longer pipelines.
const SUBSCRIBES_AT_ONCE: usize = 32;
const PAYLOAD: usize = 64;

/// Subscribes to `count` patterns, measuring CPU and memory of that, then publishes to all of them in turn.
pub(crate) fn run(policy: Match, count: usize, target: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    let publisher = reactor.join(target, 1)?.start;
    let subscriber = reactor.join(target, 1)?.start;
    let (before, meter) = (accounting::memory(pid), Meter::start(pid));
    subscribe(&mut reactor, subscriber, target.wire, policy, count)?;
    let (subscribing, after) = (meter.stop(), accounting::memory(pid));

    let payload = Payload::new(PAYLOAD);
    let templates =
        (0..count).map(|n| Template::publish(target.wire, &topic(policy, n), payload.len())).collect();
    let flow = Flow::new(publisher, templates, 1, payload);
    let mut flows = Flows::new(vec![flow], vec![Subscriber::of(0)], subscriber);
    flows.drive(&mut reactor, WINDOW, timing.warm_up)?;
    flows.begin();
    let meter = Meter::start(pid);
    flows.drive(&mut reactor, WINDOW, timing.measure)?;
    let mut outcome = outcome::of_usage(&meter.stop(), flows.delivered);
    outcome::add_latencies(&mut outcome, &flows.latencies);
    flows.drain(&mut reactor)?;
    pubsub::add_counts(&mut outcome, &flows, pid);
    outcome.insert(Metric::SubscribeUs, subscribing.server_s * 1e6 / count as f64);
    let grown = after.rss.saturating_sub(before.rss) as f64;
    outcome.insert(Metric::SubscriptionOctets, grown / count as f64);
    Ok(outcome)
}

fn subscribe(reactor: &mut Reactor, id: usize, wire: Wire, policy: Match, count: usize) -> Result<()> {
    for n in 0..count {
        let connection = reactor.connection(id);
        connection.subscribe(policy, &pattern(wire, policy, n));
        if n % SUBSCRIBES_AT_ONCE == SUBSCRIBES_AT_ONCE - 1 {
            connection.fence();
            reactor.settle()?;
        }
    }
    reactor.connection(id).fence();
    reactor.settle()
}

/// The topic that matches pattern `n` and no other.
fn topic(policy: Match, n: usize) -> String {
    match policy {
        Match::Exact => format!("com.example.t{n:05}.created"),
        Match::Prefix => format!("com.example.p{n:05}.order.created"),
        Match::Wildcard => format!("com.example.any.w{n:05}.created"),
    }
}

fn pattern(wire: Wire, policy: Match, n: usize) -> String {
    match (policy, wire) {
        (Match::Exact, _) => topic(policy, n),
        (Match::Prefix, Wire::Nats) => format!("com.example.p{n:05}.>"),
        (Match::Prefix, _) => format!("com.example.p{n:05}"),
        (Match::Wildcard, Wire::Nats) => format!("com.example.*.w{n:05}.created"),
        (Match::Wildcard, _) => format!("com.example..w{n:05}.created"),
    }
}
