//! A node whose router is a process of its own: how soon it is there, what it takes, and how soon a router that was killed is back.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::start;
use crate::accounting;
use crate::outcome::{Metric, Outcome};
use crate::peer::Running;
use crate::reactor::{Reactor, Target};
use crate::trouble::{Result, Trouble};

/// How long the router may take to be back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(1);

/// Reports how `server`, just started, came up, as the scenario `start` does; and what becomes of it when its worker is killed.
pub(crate) fn run(server: &Running, target: &Target) -> Result<Outcome> {
    let mut outcome = start::run(server, target)?;
    let controller = server.pid();
    let workers: Vec<u32> =
        accounting::process_tree(controller).into_iter().filter(|pid| *pid != controller).collect();
    let begin = Instant::now();
    for pid in workers.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
        kill_process(pid, Signal::KILL).map_err(std::io::Error::from)?;
    }
    while !is_back(&workers, controller, target)? {
        if begin.elapsed() > PATIENCE {
            return Err(Trouble::TimedOut("WELCOME of the worker started again"));
        }
        std::thread::sleep(LOOK);
    }
    outcome.insert(Metric::RestartMs, begin.elapsed().as_secs_f64() * 1e3);
    Ok(outcome)
}

/// Whether a worker that was not there before takes sessions.
fn is_back(before: &[u32], controller: u32, target: &Target) -> Result<bool> {
    let has_another =
        accounting::process_tree(controller).iter().any(|pid| *pid != controller && !before.contains(pid));
    Ok(has_another && Reactor::new()?.join(target, 1).is_ok())
}
