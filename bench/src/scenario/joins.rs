//! Sessions that connect, join, and are gone.

use std::time::{Duration, Instant};

use crate::accounting::Meter;
use crate::latency::Latencies;
use crate::outcome::{self, Outcome};
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};

/// Joins under way at once.
const AT_ONCE: usize = 16;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Joins `count` sessions, each closed as soon as it has its WELCOME; latencies are from connect to WELCOME.
pub(crate) fn run(count: usize, target: &Target, pid: u32) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    let mut latencies = Latencies::new();
    let (mut begun, mut joined, mut progress) = (Vec::with_capacity(count), Vec::new(), Instant::now());
    let (mut done, meter) = (0, Meter::start(pid));
    while done < count {
        while begun.len() < count.min(done + AT_ONCE) {
            begun.push(reactor.now_ns());
            reactor.connect(target)?;
        }
        reactor.turn(Some(Duration::from_millis(100)), |connection, incoming, now_ns| {
            if connection.is_welcome(&incoming) {
                latencies.record(now_ns.saturating_sub(begun[connection.id()]));
                joined.push(connection.id());
            }
        })?;
        if !joined.is_empty() {
            progress = Instant::now();
        } else if progress.elapsed() > PATIENCE {
            return Err(Trouble::TimedOut("WELCOME"));
        }
        done += joined.len();
        joined.drain(..).for_each(|id| reactor.drop_connection(id));
    }
    let mut outcome = outcome::of_usage(&meter.stop(), count as u64);
    outcome::add_latencies(&mut outcome, &latencies);
    Ok(outcome)
}
