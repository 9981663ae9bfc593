//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::compare::{self, Comparison};
use crate::login::Login;
use crate::outcome::Outcome;
use crate::peer::{Kind, Peer, Placement, Places};
use crate::report::table;
use crate::scenario::{Pace, Scenario, Timing, activation, neighbour, pubsub, rpc, slow, storm};
use crate::trouble::Result;
use crate::wire::value::Match;
use crate::wire::{Codec, Wire};
use crate::{accounting, outcome};

/// Load generator for Crossweave and its comparison with other routers and brokers.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    /// Bind generator and server to core 0: steadier figures, but small windows look cheaper than on two cores.
    #[arg(long, global = true)]
    pinned: bool,
    /// The Crossweave program; without it, it is built in release mode.
    #[arg(long, global = true, value_name = "FILE")]
    crossweave: Option<PathBuf>,
    /// Print figures as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare all peers in all scenarios and write bench/RESULTS.md.
    Compare {
        /// Fewer scenarios, shorter measurements, one round.
        #[arg(long)]
        quick: bool,
        /// Only scenarios whose name begins with one of these.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Only these peers.
        #[arg(long, value_enum, value_delimiter = ',')]
        peers: Vec<Kind>,
        /// Rounds; the tables show medians.
        #[arg(long)]
        rounds: Option<usize>,
        /// Where the tables go; with `--only` or `--peers` they go nowhere unless this is given.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Measure one scenario at one peer.
    Run {
        #[command(flatten)]
        run: Run,
        #[command(subcommand)]
        scenario: What,
    },
}

/// What every single measurement needs to know.
#[derive(Debug, clap::Args)]
struct Run {
    /// The peer to measure.
    #[arg(long, value_enum, default_value = "crossweave")]
    peer: Kind,
    /// What WAMP peers are spoken to in.
    #[arg(long, value_enum, default_value = "ws-json")]
    wire: WireName,
    /// Warm-up, in milliseconds.
    #[arg(long, default_value_t = 400)]
    warm_up_ms: u64,
    /// Measured time, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    measure_ms: u64,
    /// Measurements; their medians are printed.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WireName {
    RsMsgpack,
    RsCbor,
    RsJson,
    WsMsgpack,
    WsCbor,
    WsJson,
}

impl From<WireName> for Wire {
    fn from(name: WireName) -> Self {
        match name {
            WireName::RsMsgpack => Self::RS_MSGPACK,
            WireName::RsCbor => Self::RS_CBOR,
            WireName::RsJson => Self::RawSocket(Codec::Json),
            WireName::WsMsgpack => Self::WebSocket(Codec::Msgpack),
            WireName::WsCbor => Self::WebSocket(Codec::Cbor),
            WireName::WsJson => Self::WS_JSON,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MatchName {
    Exact,
    Prefix,
    Wildcard,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Publishers with a topic each and so many subscribers of each topic.
    Pubsub {
        #[arg(long, default_value_t = 1)]
        publishers: usize,
        #[arg(long, default_value_t = 1)]
        subscribers: usize,
        /// Publications of each publisher under way at most.
        #[arg(long, default_value_t = 1000)]
        window: u64,
        #[arg(long, default_value_t = 64)]
        payload: usize,
    },
    /// One publisher at a fixed rate.
    Openloop {
        #[arg(long, default_value_t = 2000)]
        rate: u64,
        #[arg(long, default_value_t = 1)]
        subscribers: usize,
        #[arg(long, default_value_t = 64)]
        payload: usize,
    },
    /// Callers with so many calls outstanding each.
    Rpc {
        #[arg(long, default_value_t = 8)]
        callers: usize,
        #[arg(long, default_value_t = 16)]
        outstanding: u64,
        #[arg(long, default_value_t = 4)]
        callees: usize,
        #[arg(long, default_value_t = 64)]
        payload: usize,
    },
    /// A caller beside a fan-out.
    Neighbour {
        #[arg(long, default_value_t = 1000)]
        subscribers: usize,
        /// Publications a second.
        #[arg(long, default_value_t = 300)]
        publications: u64,
        /// Calls a second.
        #[arg(long, default_value_t = 500)]
        calls: u64,
    },
    /// Sessions that join and leave.
    Joins {
        #[arg(long, default_value_t = 1000)]
        count: usize,
        /// How they prove who they are, over WebSocket with JSON.
        #[arg(long, value_enum, default_value = "anonymous")]
        login: Login,
    },
    /// A caller while very many sessions join by ticket and leave.
    Storm {
        #[arg(long, default_value_t = 5000)]
        joins: usize,
        /// Such storms, one after the other.
        #[arg(long, default_value_t = 10)]
        storms: usize,
        /// Calls a second.
        #[arg(long, default_value_t = 500)]
        calls: u64,
        /// They join another process of the same server: what that does to the caller is not the server's doing.
        #[arg(long)]
        elsewhere: bool,
    },
    /// Sessions that do nothing.
    Idle {
        #[arg(long, default_value_t = 5000)]
        sessions: usize,
    },
    /// One subscriber with many patterns.
    Patterns {
        #[arg(long = "match", value_enum, default_value = "prefix")]
        policy: MatchName,
        #[arg(long, default_value_t = 10_000)]
        count: usize,
    },
    /// A subscriber that stops reading.
    Slow {
        #[arg(long, default_value_t = 4)]
        neighbours: usize,
        /// Publications a second.
        #[arg(long, default_value_t = 2000)]
        publications: u64,
        #[arg(long, default_value_t = 8192)]
        payload: usize,
        /// Seconds during which it does not read.
        #[arg(long, default_value_t = 6)]
        stopped_s: u64,
    },
    /// Joins that start a realm of a template, and the memory of very many such realms.
    Activation {
        /// Realms that run before.
        #[arg(long, default_value_t = 1000)]
        running: usize,
        /// Joins measured.
        #[arg(long, default_value_t = 1000)]
        joins: usize,
        /// Realms that run in the end.
        #[arg(long, default_value_t = 10_000)]
        total: usize,
    },
    /// From exec to the first WELCOME.
    Start,
    /// The same with the router in a worker process, which is then killed.
    Restart,
}

impl What {
    fn scenario(&self) -> Scenario {
        match *self {
            Self::Pubsub { publishers, subscribers, window, payload } => Scenario::PubSub(pubsub::Plan {
                publishers,
                subscribers,
                pace: Pace::Window(window),
                payload,
            }),
            Self::Openloop { rate, subscribers, payload } => Scenario::PubSub(pubsub::Plan {
                publishers: 1,
                subscribers,
                pace: Pace::PerSecond(rate),
                payload,
            }),
            Self::Rpc { callers, outstanding, callees, payload } => {
                Scenario::Rpc(rpc::Plan { callers, callees, pace: Pace::Window(outstanding), payload })
            }
            Self::Neighbour { subscribers, publications, calls } => {
                Scenario::Neighbour(neighbour::Plan { subscribers, publications, calls })
            }
            Self::Joins { count, login } => Scenario::Joins { count, login },
            Self::Storm { joins, storms, calls, elsewhere } => {
                Scenario::Storm(storm::Plan { joins, storms, calls, elsewhere })
            }
            Self::Idle { sessions } => Scenario::Idle { sessions },
            Self::Patterns { policy, count } => {
                let policy = match policy {
                    MatchName::Exact => Match::Exact,
                    MatchName::Prefix => Match::Prefix,
                    MatchName::Wildcard => Match::Wildcard,
                };
                Scenario::Patterns { policy, count }
            }
            Self::Slow { neighbours, publications, payload, stopped_s } => {
                let stopped = Duration::from_secs(stopped_s);
                Scenario::Slow(slow::Plan { neighbours, publications, payload, stopped })
            }
            Self::Activation { running, joins, total } => {
                Scenario::Activation(activation::Plan { running, joins, total })
            }
            Self::Start => Scenario::Start,
            Self::Restart => Scenario::Restart,
        }
    }
}

impl Args {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<()> {
        accounting::raise_open_files()?;
        let placement = if self.pinned { Placement::OneCore } else { Placement::Anywhere };
        let places = Places::new(self.crossweave);
        match self.command {
            Command::Run { run, scenario } => {
                let outcome = run.measure(scenario.scenario(), &places, placement)?;
                print(&outcome, self.json);
                Ok(())
            }
            Command::Compare { quick, only, peers, rounds, out } => {
                let is_partial = !only.is_empty() || !peers.is_empty();
                let out = out.or_else(|| (!is_partial).then(|| places.root.join("bench/RESULTS.md")));
                let peers = if peers.is_empty() { Kind::ALL.to_vec() } else { peers };
                let rounds = rounds.unwrap_or(if quick { 1 } else { 3 }).max(1);
                let comparison = Comparison { quick, only, peers, rounds, placement };
                compare::run(&comparison, &places, out.as_deref(), self.json)
            }
        }
    }
}

impl Run {
    fn measure(&self, scenario: Scenario, places: &Places, placement: Placement) -> Result<Outcome> {
        let peer = Peer::prepare(self.peer, places)?;
        let timing = Timing::ms(self.warm_up_ms, self.measure_ms);
        let mut outcomes = Vec::new();
        for _ in 0..self.rounds.max(1) {
            let server = peer.start(placement)?;
            outcomes.push(scenario.run(&server, self.wire.into(), timing)?);
        }
        Ok(outcome::median(&outcomes))
    }
}

fn print(outcome: &Outcome, as_json: bool) {
    if as_json {
        println!("{}", serde_json::to_string_pretty(outcome).expect("figures are serializable"));
    } else {
        for (metric, value) in outcome {
            println!("{:<28} {}", table::heading(*metric), table::cell(*metric, *value));
        }
    }
}
