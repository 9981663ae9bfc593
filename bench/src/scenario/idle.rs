//! Memory of sessions that do nothing.

use std::time::Duration;

use crate::accounting::{self, Meter};
use crate::outcome::{Metric, Outcome};
use crate::reactor::{Reactor, Target};
use crate::trouble::Result;

/// Time for buffers of the handshake to be given back.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long idle CPU is watched.
const WATCH: Duration = Duration::from_millis(500);

/// Joins `sessions` and divides by them what the server's RSS has grown.
pub(crate) fn run(sessions: usize, target: &Target, pid: u32) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    reactor.join(target, 1)?;
    let before = accounting::memory(pid);
    reactor.join(target, sessions)?;
    std::thread::sleep(SETTLE);
    let meter = Meter::start(pid);
    std::thread::sleep(WATCH);
    let usage = meter.stop();
    let after = accounting::memory(pid);
    let grown = after.rss.saturating_sub(before.rss) as f64;
    Ok(Outcome::from([
        (Metric::SessionKib, grown / sessions as f64 / 1024.0),
        (Metric::RssMib, after.rss as f64 / f64::from(1 << 20)),
        (Metric::PssMib, after.pss as f64 / f64::from(1 << 20)),
        (Metric::ServerCores, usage.server_s / usage.wall_s),
        (Metric::OtherCores, usage.other_cores),
    ]))
}
