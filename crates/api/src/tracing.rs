//! Following the messages of a router worker.

use std::collections::BTreeMap;

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Router:
    /// The ids of the traces, sorted.
    "get_traces" GetTraces {
        /// Whether to tell those as well that take no messages any more.
        #[serde(default)] include_stopped: bool,
    } -> Vec<String>;

    /// A trace.
    "get_trace" GetTrace {
        /// Its id.
        trace_id: String,
    } -> Trace, errors [error::NO_SUCH_OBJECT];

    /// Takes down messages from now on, of clients that have joined. A worker has at most 16 traces that run, and keeps at most 32.
    "start_trace" StartTrace {
        /// An id for it; without one, it gets one.
        #[serde(default)] trace_id: Option<String>,
        /// Which messages, and how many.
        #[serde(default)] trace_options: Option<TraceOptions>,
    } -> Trace,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::FEATURE_UNAVAILABLE, error::CANNOT_START],
    events ["on_trace_started"];

    /// Ends a trace; what it has is gone, but for what it has written to a file. What was not told yet is told before.
    "stop_trace" StopTrace {
        /// Its id.
        trace_id: String,
    } -> Trace, errors [error::NO_SUCH_OBJECT], events ["on_trace_stopped"];

    /// Messages that a trace has taken down and still has, in the order of their numbers. Numbers that are not there were missed.
    /// An answer has at most some 4 MiB.
    "get_trace_data" GetTraceData {
        /// The trace's id.
        trace_id: String,
        /// The first number.
        #[serde(default)] from_seq: u64,
        /// The number behind the last one; without it there is none.
        #[serde(default)] to_seq: Option<u64>,
        /// How many at most: 1 to 10,000.
        #[serde(default = "hundred")] limit: u32,
        /// How long to wait for a message if there is none, in ms: at most 30,000. Not in Crossbar.io.
        #[serde(default)] wait: u64,
    } -> Vec<TraceRecord>, errors [error::NO_SUCH_OBJECT];
}

fn hundred() -> u32 {
    100
}

fn limit() -> u32 {
    10_000
}

fn payload_max() -> u32 {
    1_024
}

fn batching_period() -> u32 {
    200
}

impl Default for TraceOptions {
    fn default() -> Self {
        TraceOptions {
            realm: None,
            uri: None,
            matching: None,
            session: None,
            authid: None,
            types: Vec::new(),
            trace_app_payload: false,
            payload_max: payload_max(),
            limit: limit(),
            batching_period: batching_period(),
            persist: false,
            trace_level: None,
            duration: None,
            idle_timeout: None,
            others: BTreeMap::new(),
        }
    }
}

objects! {
    /// Which messages a trace takes down, how many, and who is told. Those of Crossbar.io are `trace_level`, `trace_app_payload`,
    /// `batching_period`, `persist` and `duration`.
    TraceOptions {
        /// Those of the realm with this name; without it, of every realm.
        #[serde(default)] realm: Option<String>,
        /// Those about this URI. Answers are about the URI of what they answer.
        #[serde(default)] uri: Option<String>,
        /// How `uri` is compared: `exact` (default), `prefix` or `wildcard`.
        #[serde(default, rename = "match")] matching: Option<String>,
        /// Those from and to this session.
        #[serde(default)] session: Option<u64>,
        /// Those from and to sessions with this authid.
        #[serde(default)] authid: Option<String>,
        /// Those of these types, `PUBLISH` for one; none means all.
        #[serde(default)] types: Vec<String>,
        /// Whether payloads are told. Those of calls that the router itself makes, of authenticators for one, never are.
        #[serde(default)] trace_app_payload: bool,
        /// How many characters of a payload are told, as JSON: at most 65,536; 1,024 by default.
        #[serde(default = "payload_max")] payload_max: u32,
        /// How many messages are kept: 1 to 100,000; 10,000 by default. The oldest go first.
        #[serde(default = "limit")] limit: u32,
        /// How often what is new is told by `on_trace_data`, in ms: 10 to 10,000, or 0 for never; 200 by default.
        #[serde(default = "batching_period")] batching_period: u32,
        /// Whether it is also written to `traces/PERSISTENT_ID.jsonl` in the node directory, a line of JSON for each message, at most
        /// 256 MiB. At Crossbar.io it is not.
        #[serde(default)] persist: bool,
        /// `message`, which is the default. `action` of Crossbar.io, a record for each request with who was involved, is refused:
        /// `realm`, `session_id` and `request` of messages tell which of them ask and answer, `correlation_uri` which belong together.
        #[serde(default)] trace_level: Option<String>,
        /// After how many seconds no more is taken down: 1 to 86,400.
        #[serde(default)] duration: Option<u64>,
        /// After how many seconds the trace ends if nobody asks for its data: 1 to 86,400. Not in Crossbar.io.
        #[serde(default)] idle_timeout: Option<u64>,
        /// Every other key is an error.
        #[serde(flatten)] others: BTreeMap<String, Config>,
    }

    /// A trace.
    Trace {
        /// Its id.
        id: String,
        /// The node.
        node_id: String,
        /// The worker.
        worker_id: String,
        /// What the name of its file begins with; null if it writes none.
        persistent_id: Option<String>,
        /// `running`, or `stopped` after its `duration`.
        status: String,
        /// When it was started, in UTC.
        started: String,
        /// When it was stopped, in UTC; null if it runs.
        ended: Option<String>,
        /// For how many seconds it has run.
        runtime: f64,
        /// Its options.
        options: TraceOptions,
        /// The number that the next `on_trace_data` gets.
        next_period: u64,
        /// The number that the next message gets.
        next_seq: u64,
    }

    /// Which messages an `on_trace_data` has.
    TracePeriod {
        /// Its number.
        period: u64,
        /// Since when it was waited for them, in nanoseconds since 1970.
        period_start: u64,
        /// Until when.
        finished_ts: u64,
        /// The number of the first message.
        first_seq: u64,
        /// The number of the last one. Numbers between the two that are not there were missed.
        last_seq: u64,
    }

    /// A message that a trace has taken down. Crossbar.io takes down none any more, as tracing is switched off in its router; its
    /// records had `rx` and `tx` for `direction`, ids by which messages belong together instead of `request`, and the messages as
    /// they were written in each serialization.
    TraceRecord {
        /// Its number.
        seq: u64,
        /// When, in nanoseconds since 1970.
        ts: u64,
        /// The realm's name.
        realm: String,
        /// `received` from the client, or `sent` to it.
        direction: String,
        /// The session.
        session_id: u64,
        /// Its authid, if that is known.
        authid: Option<String>,
        /// Its authrole, if that is known.
        authrole: Option<String>,
        /// The type: `PUBLISH`.
        msg_type: String,
        /// The topic, procedure or pattern that it is about, if that is known.
        correlation_uri: Option<String>,
        /// The id of the request that it is, or answers.
        request: Option<u64>,
        /// The error or reason in ERROR, ABORT and GOODBYE.
        #[serde(default, skip_serializing_if = "Option::is_none")] error: Option<String>,
        /// Whether more of the same request follow.
        #[serde(default)] progress: bool,
        /// Its length in octets.
        len: u64,
        /// The payload's length in octets.
        payload_len: u64,
        /// Positional arguments, if payloads are told and this one is not too long.
        #[serde(default, skip_serializing_if = "Option::is_none")] args: Option<Config>,
        /// Keyword arguments, as `args`.
        #[serde(default, skip_serializing_if = "Option::is_none")] kwargs: Option<Config>,
        /// The beginning of a payload that is too long, as JSON: its arguments, then its keyword arguments.
        #[serde(default, skip_serializing_if = "Option::is_none")] payload_start: Option<String>,
    }
}

events! { Router:
    /// Messages are taken down: the trace's id, the trace.
    ON_TRACE_STARTED = "on_trace_started" ((String, Trace)) to all;
    /// The trace has ended, in whatever way.
    ON_TRACE_STOPPED = "on_trace_stopped" ((String, Trace)) to all;
    /// Messages that a trace has taken down: its id, which ones, and they, at most 1,000 and some 1 MiB. Nothing is told of a period
    /// without messages, and of one with many there are several events. What comes faster than it can be told is missed.
    ON_TRACE_DATA = "on_trace_data" ((String, TracePeriod, Vec<TraceRecord>)) to all;
}
