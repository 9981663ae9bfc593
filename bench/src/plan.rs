//! The cases of a comparison.

use std::time::Duration;

use crate::login::Login;
use crate::peer::Kind;
use crate::scenario::{Pace, Scenario, Timing, activation, neighbour, pubsub, rpc, slow, storm};
use crate::wire::Wire;
use crate::wire::value::Match;

/// A scenario with parameters and a wire.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Its name on the command line and in JSON.
    pub(crate) name: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    pub(crate) scenario: Scenario,
    /// What WAMP peers are spoken to in.
    pub(crate) wire: Wire,
    pub(crate) timing: Timing,
    /// Measured in every round, or (as it is slow, and steady) in the first only.
    pub(crate) is_repeated: bool,
    /// Part of the short comparison.
    pub(crate) is_quick: bool,
}

impl Case {
    fn new(name: &'static str, title: &'static str, wire: Wire, scenario: Scenario) -> Self {
        let timing = Timing::ms(400, 1000);
        Self { name, title, scenario, wire, timing, is_repeated: true, is_quick: true }
    }

    fn once(mut self) -> Self {
        self.is_repeated = false;
        self
    }

    /// Left out of the short comparison.
    fn long(mut self) -> Self {
        self.is_quick = false;
        self
    }

    fn lasting(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The scenario as it is put to one peer: battler-wamp takes 1.5 MB for an idle session, so it gets fewer.
    pub(crate) fn scenario_for(&self, kind: Kind) -> Scenario {
        match (self.scenario, kind) {
            (Scenario::Idle { sessions }, Kind::Battler) => Scenario::Idle { sessions: sessions.min(500) },
            (scenario, _) => scenario,
        }
    }
}

fn pubsub(publishers: usize, subscribers: usize, window: u64, payload: usize) -> Scenario {
    Scenario::PubSub(plan_of(publishers, subscribers, window, payload))
}

fn plan_of(publishers: usize, subscribers: usize, window: u64, payload: usize) -> pubsub::Plan {
    pubsub::Plan { publishers, subscribers, pace: Pace::Window(window), payload }
}

fn rpc(callers: usize, outstanding: u64, callees: usize) -> Scenario {
    Scenario::Rpc(rpc::Plan { callers, callees, pace: Pace::Window(outstanding), payload: 64 })
}

/// All cases, in the order of the tables.
pub(crate) fn all() -> Vec<Case> {
    [throughput(), latency(), sessions(), patterns()].concat()
}

fn throughput() -> Vec<Case> {
    let (rs, cbor, ws) = (Wire::RS_MSGPACK, Wire::RS_CBOR, Wire::WS_JSON);
    vec![
        Case::new("pubsub-1000-rs", "Publish/subscribe 1:1, 64 B, window 1000", rs, pubsub(1, 1, 1000, 64)),
        Case::new(
            "pubsub-1000-rs-worker",
            "The same, the router in a worker process beside the controller",
            rs,
            Scenario::WorkerProcess(plan_of(1, 1, 1000, 64)),
        ),
        Case::new(
            "pubsub-1000-cbor",
            "Publish/subscribe 1:1, 64 B, window 1000",
            cbor,
            pubsub(1, 1, 1000, 64),
        )
        .long(),
        Case::new("pubsub-1000-ws", "Publish/subscribe 1:1, 64 B, window 1000", ws, pubsub(1, 1, 1000, 64)),
        Case::new("pubsub-16-rs", "Publish/subscribe 1:1, 64 B, window 16", rs, pubsub(1, 1, 16, 64)).long(),
        Case::new("pubsub-16-ws", "Publish/subscribe 1:1, 64 B, window 16", ws, pubsub(1, 1, 16, 64)),
        Case::new("pubsub-4k-ws", "Publish/subscribe 1:1, 4 KiB, window 16", ws, pubsub(1, 1, 16, 4096))
            .long(),
        Case::new("fanout-100-ws", "Fan-out 1:100, window 16", ws, pubsub(1, 100, 16, 64)),
        Case::new("fanout-1000-ws", "Fan-out 1:1000, window 4", ws, pubsub(1, 1000, 4, 64)),
        Case::new("rpc-8x16-ws", "RPC, 8 callers x 16 outstanding over 4 callees", ws, rpc(8, 16, 4)),
        Case::new("rpc-1x1-ws", "RPC, 1 caller x 1 outstanding", ws, rpc(1, 1, 1)),
        Case::new(
            "topics-8-ws",
            "8 publishers, 8 topics, 8 subscribers, window 128",
            ws,
            pubsub(8, 1, 128, 64),
        )
        .long(),
    ]
}

fn latency() -> Vec<Case> {
    let ws = Wire::WS_JSON;
    let steady = pubsub::Plan { publishers: 1, subscribers: 1, pace: Pace::PerSecond(2000), payload: 64 };
    let neighbour = neighbour::Plan { subscribers: 1000, publications: 300, calls: 500 };
    let slow =
        slow::Plan { neighbours: 4, publications: 2000, payload: 8192, stopped: Duration::from_secs(6) };
    vec![
        Case::new("openloop-2000-ws", "Publish/subscribe 1:1 at 2,000/s", ws, Scenario::PubSub(steady)),
        Case::new(
            "neighbour-ws",
            "500 calls/s beside a 1:1000 fan-out at 300/s (latencies are the caller's, the rest the fan-out's)",
            ws,
            Scenario::Neighbour(neighbour),
        )
        .lasting(Timing::ms(600, 1500)),
        Case::new(
            "slow-ws",
            "One of five subscribers stops reading (16 MiB/s of 8 KiB events; latencies are its neighbours' meanwhile)",
            ws,
            Scenario::Slow(slow),
        )
        .lasting(Timing::ms(300, 3000)),
    ]
}

fn joins(name: &'static str, title: &'static str, wire: Wire, login: Login) -> Case {
    Case::new(name, title, wire, Scenario::Joins { count: 1000, login })
}

fn storm(name: &'static str, title: &'static str, elsewhere: bool) -> Case {
    let plan = storm::Plan { joins: 5000, storms: 10, calls: 500, elsewhere };
    Case::new(name, title, Wire::WS_JSON, Scenario::Storm(plan)).lasting(Timing::ms(300, 2000))
}

fn sessions() -> Vec<Case> {
    let (rs, ws) = (Wire::RS_MSGPACK, Wire::WS_JSON);
    vec![
        Case::new("start", "Start", ws, Scenario::Start),
        Case::new(
            "restart-ws",
            "Start with the router in a worker process, which is then killed (kill -9)",
            ws,
            Scenario::Restart,
        ),
        joins("joins-ws", "Joins: 1,000, 16 at a time", ws, Login::Anonymous),
        joins("joins-rs", "Joins: 1,000, 16 at a time", rs, Login::Anonymous).long(),
        joins("joins-ticket", "Joins by ticket: 1,000, 16 at a time", ws, Login::Ticket),
        storm(
            "storm-ws",
            "500 calls/s while 5,000 sessions join by ticket and leave, ten times (latencies are the caller's, the rest the joins')",
            false,
        ),
        storm(
            "storm-elsewhere-ws",
            "The same while they join another process of the server: what the machine and the generator do to the caller",
            true,
        )
        .long(),
        joins("joins-cryptosign", "Joins by cryptosign: 1,000, 16 at a time", ws, Login::Cryptosign),
        Case::new(
            "activation-ws",
            "Joins that start a realm of a template, 1,000 running (p99 before: joins of those); RSS with 10,000, before, and after they ended",
            ws,
            Scenario::Activation(activation::Plan { running: 1000, joins: 1000, total: 10_000 }),
        )
        .once()
        .long(),
        Case::new("idle-rs", "5,000 idle sessions (battler: 500)", rs, Scenario::Idle { sessions: 5000 })
            .once(),
        Case::new("idle-ws", "5,000 idle sessions (battler: 500)", ws, Scenario::Idle { sessions: 5000 })
            .once(),
    ]
}

fn patterns() -> Vec<Case> {
    let case = |name, title, policy, count| {
        Case::new(name, title, Wire::WS_JSON, Scenario::Patterns { policy, count }).once().long()
    };
    vec![
        case("patterns-exact-100", "100 exact subscriptions, window 16", Match::Exact, 100),
        case("patterns-exact-10k", "10,000 exact subscriptions, window 16", Match::Exact, 10_000),
        case("patterns-prefix-100", "100 prefix subscriptions, window 16", Match::Prefix, 100),
        case("patterns-prefix-10k", "10,000 prefix subscriptions, window 16", Match::Prefix, 10_000),
        case("patterns-wildcard-100", "100 wildcard subscriptions, window 16", Match::Wildcard, 100),
        case("patterns-wildcard-10k", "10,000 wildcard subscriptions, window 16", Match::Wildcard, 10_000),
    ]
}
