//! From exec to the first WELCOME, and what the server needs then.

use std::time::Duration;

use crate::accounting;
use crate::outcome::{Metric, Outcome};
use crate::peer::Running;
use crate::reactor::{Reactor, Target};
use crate::trouble::Result;

/// Memory is read so long after the first WELCOME.
const SETTLE: Duration = Duration::from_millis(500);

/// Reports how `server`, just started, came up. One session stays joined while its memory is read.
pub(crate) fn run(server: &Running, target: &Target) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    reactor.join(target, 1)?;
    std::thread::sleep(SETTLE);
    let memory = accounting::memory(server.pid());
    let mut outcome = Outcome::from([
        (Metric::WelcomeMs, server.welcome_after().as_secs_f64() * 1e3),
        (Metric::RssMib, memory.rss as f64 / f64::from(1 << 20)),
        (Metric::PssMib, memory.pss as f64 / f64::from(1 << 20)),
        (Metric::Processes, accounting::process_tree(server.pid()).len() as f64),
    ]);
    if let Some(octets) = server.program_octets() {
        outcome.insert(Metric::BinaryMib, octets as f64 / f64::from(1 << 20));
    }
    Ok(outcome)
}
