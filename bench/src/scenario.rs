//! The scenarios: what is asked of a peer, and what is measured meanwhile.

use std::time::Duration;

use crate::login::Login;
use crate::outcome::Outcome;
use crate::peer::Running;
use crate::trouble::Result;
use crate::wire::Wire;
use crate::wire::value::Match;

pub(crate) mod activation;
pub(crate) mod flow;
pub(crate) mod idle;
pub(crate) mod joins;
pub(crate) mod neighbour;
pub(crate) mod patterns;
pub(crate) mod pubsub;
pub(crate) mod restart;
pub(crate) mod rpc;
pub(crate) mod slow;
pub(crate) mod start;
pub(crate) mod storm;

/// How long is measured, after how long a warm-up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
}

impl Timing {
    pub(crate) fn ms(warm_up: u64, measure: u64) -> Self {
        Self { warm_up: Duration::from_millis(warm_up), measure: Duration::from_millis(measure) }
    }
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As soon as fewer than so many are under way.
    Window(u64),
    /// So many a second, whatever the peer does.
    PerSecond(u64),
}

/// A scenario with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    /// Publishers with a topic each, every topic with its own subscribers.
    PubSub(pubsub::Plan),
    /// Callers and callees.
    Rpc(rpc::Plan),
    /// A caller beside a fan-out in the same realm.
    Neighbour(neighbour::Plan),
    /// Sessions that join and leave.
    Joins { count: usize, login: Login },
    /// A caller while very many sessions join and leave.
    Storm(storm::Plan),
    /// Sessions that do nothing.
    Idle { sessions: usize },
    /// One subscriber with many patterns.
    Patterns { policy: Match, count: usize },
    /// Realms that are started for those who come.
    Activation(activation::Plan),
    /// [`Scenario::PubSub`] through a worker process.
    WorkerProcess(pubsub::Plan),
    /// A subscriber that stops reading.
    Slow(slow::Plan),
    /// From exec to the first WELCOME.
    Start,
    /// The same with a worker process, which is then killed.
    Restart,
}

impl Scenario {
    /// Whether a server that has already worked would spoil the figures.
    pub(crate) fn wants_fresh_server(self) -> bool {
        matches!(
            self,
            Self::Activation(_) | Self::Idle { .. } | Self::Patterns { .. } | Self::Slow(_) | Self::Start
        )
    }

    /// Measures `server` over `wire`.
    pub(crate) fn run(self, server: &Running, wire: Wire, timing: Timing) -> Result<Outcome> {
        let target = server.target(wire)?;
        let pid = server.pid();
        match self {
            Self::PubSub(plan) => pubsub::run(&plan, &target, pid, timing),
            Self::Rpc(plan) => rpc::run(&plan, &target, pid, timing),
            Self::Neighbour(plan) => neighbour::run(&plan, &target, pid, timing),
            Self::Joins { count, login } => joins::run(count, &server.target_for(wire, login)?, pid),
            Self::Storm(plan) => {
                let other = if plan.elsewhere { Some(server.another()?) } else { None };
                let stormed = other.as_ref().unwrap_or(server);
                let storm = stormed.target_for(wire, Login::Ticket)?;
                storm::run(&plan, &target, &storm, stormed.pid(), timing)
            }
            Self::Idle { sessions } => idle::run(sessions, &target, pid),
            Self::Patterns { policy, count } => patterns::run(policy, count, &target, pid, timing),
            Self::Activation(plan) => {
                server.check_has_templates()?;
                activation::run(&plan, &target, pid)
            }
            Self::WorkerProcess(plan) => {
                let server = server.with_worker_process()?;
                pubsub::run(&plan, &server.target(wire)?, server.pid(), timing)
            }
            Self::Slow(plan) => slow::run(&plan, &target, pid, timing),
            Self::Start => start::run(server, &target),
            Self::Restart => {
                let server = server.with_worker_process()?;
                restart::run(&server, &server.target(wire)?)
            }
        }
    }
}
