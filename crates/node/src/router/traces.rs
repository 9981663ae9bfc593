//! Traces of a router worker: messages that somebody wants to follow.

mod record;

use std::sync::Arc;
use std::time::Duration;

use crossweave_api::tracing::*;
use crossweave_api::{Error, error};
use crossweave_router::{TAPPED_MAX, TAPPED_PAYLOAD_LEN_MAX, Tap, TapOptions};
use crossweave_wamp::message::Kind;
use crossweave_wamp::{MatchPolicy, SessionId};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::{RouterWorker, no_such};
use crate::clock::utcnow;
use crate::service::{Caller, answers};

/// Seconds that a trace may last, or be left alone.
const SECONDS_MAX: u64 = 86_400;
/// Messages in one answer.
const ANSWER_RECORDS_MAX: u32 = 10_000;
/// Octets of payloads in one answer, beside its first message.
const ANSWER_PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// How long somebody may wait for the next message.
const WAIT_MAX_MS: u64 = 30_000;

/// The traces that there are.
pub(super) type Traces = Mutex<Vec<Arc<Running>>>;

/// A trace that takes messages down, or has done so.
pub(super) struct Running {
    id: String,
    options: TraceOptions,
    started: String,
    tap: Tap,
    state: Mutex<State>,
    /// Somebody has asked for its data.
    asked: Notify,
    /// Looks at the time.
    watch: Mutex<Option<AbortHandle>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopped,
}

impl Running {
    fn marshal(&self) -> Trace {
        let status = match *self.state.lock() {
            State::Running => "running",
            State::Stopped => "stopped",
        };
        Trace {
            id: self.id.clone(),
            status: status.to_owned(),
            started: self.started.clone(),
            options: self.options.clone(),
            next_seq: self.tap.next_seq(),
        }
    }

    /// Takes nothing down any more; says whether it did.
    fn stop(&self) -> bool {
        self.tap.close();
        std::mem::replace(&mut *self.state.lock(), State::Stopped) == State::Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.get_mut().take() {
            watch.abort();
        }
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_traces(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetTraces => get_traces,
            GetTrace => get_trace,
            StartTrace => start_trace,
            StopTrace => stop_trace,
            GetTraceData => get_trace_data,
        );
        Ok(())
    }

    async fn get_traces(&self, _: Caller, asked: GetTraces) -> Result<Vec<String>, Error> {
        let traces = self.shared.traces.lock();
        let is_asked = |it: &&Arc<Running>| asked.include_stopped || *it.state.lock() == State::Running;
        let mut ids: Vec<String> = traces.iter().filter(is_asked).map(|it| it.id.clone()).collect();
        ids.sort();
        Ok(ids)
    }

    fn trace(&self, id: &str) -> Result<Arc<Running>, Error> {
        let traces = self.shared.traces.lock();
        traces.iter().find(|it| it.id == id).cloned().ok_or_else(|| no_such("trace", id))
    }

    async fn get_trace(&self, _: Caller, asked: GetTrace) -> Result<Trace, Error> {
        self.trace(&asked.trace_id).map(|it| it.marshal())
    }

    async fn start_trace(&self, _: Caller, asked: StartTrace) -> Result<Trace, Error> {
        let options = asked.trace_options.unwrap_or_default();
        let wanted = wanted(&options)?;
        let trace = {
            let mut traces = self.shared.traces.lock();
            let is_taken = |id: &str| traces.iter().any(|it| it.id == id);
            let id = match asked.trace_id {
                Some(id) if is_taken(&id) => {
                    return Err(Error::new(error::ALREADY_RUNNING, format!("there is a trace {id:?}")));
                }
                Some(id) => id,
                None => (1..).map(|n| format!("trace{n:03}")).find(|id| !is_taken(id)).unwrap_or_default(),
            };
            let tap = self.router().tap(wanted).map_err(|full| Error::new(error::CANNOT_START, full))?;
            let (state, asked, watch) = (Mutex::new(State::Running), Notify::new(), Mutex::default());
            let trace = Arc::new(Running { id, options, started: utcnow(), tap, state, asked, watch });
            traces.push(trace.clone());
            trace
        };
        self.watch_trace(&trace);
        let marshal = trace.marshal();
        self.service().tell(&ON_TRACE_STARTED, &marshal).await;
        Ok(marshal)
    }

    async fn stop_trace(&self, _: Caller, asked: StopTrace) -> Result<Trace, Error> {
        let trace = self.trace(&asked.trace_id)?;
        self.end_trace(&trace).await;
        Ok(trace.marshal())
    }

    async fn end_trace(&self, trace: &Arc<Running>) {
        self.shared.traces.lock().retain(|it| !Arc::ptr_eq(it, trace));
        if trace.stop() {
            self.service().tell(&ON_TRACE_STOPPED, &trace.marshal()).await;
        }
    }

    async fn get_trace_data(&self, _: Caller, asked: GetTraceData) -> Result<Vec<TraceRecord>, Error> {
        let GetTraceData { trace_id, from_seq, to_seq, limit, wait } = asked;
        let out_of = |name: &str, bounds: &str| {
            Err(Error::new(error::INVALID_ARGUMENT, format!("get_trace_data: `{name}` must be {bounds}")))
        };
        if !(1..=ANSWER_RECORDS_MAX).contains(&limit) {
            return out_of("limit", &format!("1 to {ANSWER_RECORDS_MAX}"));
        }
        if wait > WAIT_MAX_MS {
            return out_of("wait", &format!("at most {WAIT_MAX_MS} ms"));
        }
        let trace = self.trace(&trace_id)?;
        trace.asked.notify_one();
        if wait > 0 && trace.tap.next_seq() <= from_seq {
            let _ = timeout(Duration::from_millis(wait), trace.tap.wait(from_seq)).await;
            trace.asked.notify_one();
        }
        let mut payload_bytes = 0;
        let records = trace.tap.read(from_seq, limit as usize).into_iter();
        let is_asked = records.take_while(|it| {
            let is_room_left = payload_bytes < ANSWER_PAYLOAD_BYTES_MAX;
            payload_bytes += it.payload.as_ref().map_or(0, |payload| payload.bytes().len());
            is_room_left && to_seq.is_none_or(|to| it.seq < to)
        });
        Ok(is_asked.map(|it| record::record(&it, trace.options.payload_max as usize)).collect())
    }

    /// Ends the trace when its time is over, or nobody asks for it any more.
    fn watch_trace(&self, trace: &Arc<Running>) {
        let seconds = |of: Option<u64>| of.map(Duration::from_secs);
        let (duration, idle) = (seconds(trace.options.duration), seconds(trace.options.idle_timeout));
        if duration.is_none() && idle.is_none() {
            return;
        }
        let (worker, watched) = (self.clone(), Arc::downgrade(trace));
        let mut end = duration.map(|duration| Instant::now() + duration);
        let mut idle_end = idle.map(|idle| Instant::now() + idle);
        let watch = tokio::spawn(async move {
            while let Some(trace) = watched.upgrade() {
                tokio::select! {
                    () = trace.asked.notified() => idle_end = idle.map(|idle| Instant::now() + idle),
                    () = until(end) => {
                        end = None;
                        if trace.stop() {
                            worker.service().tell(&ON_TRACE_STOPPED, &trace.marshal()).await;
                        }
                    }
                    () = until(idle_end) => return worker.end_trace(&trace).await,
                }
            }
        });
        *trace.watch.lock() = Some(watch.abort_handle());
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// What the router is to take down.
fn wanted(options: &TraceOptions) -> Result<TapOptions, Error> {
    let invalid = |what: String| Err(Error::new(error::INVALID_CONFIGURATION, what));
    let unbuilt = ["trace_level", "batching_period", "persist"];
    if let Some(key) = options.others.keys().next() {
        return match unbuilt.contains(&key.as_str()) {
            true => Err(Error::new(
                error::FEATURE_UNAVAILABLE,
                format!(
                    "trace option `{key}` is not built: messages are kept in memory, for `get_trace_data`"
                ),
            )),
            false => invalid(format!("unknown trace option `{key}`")),
        };
    }
    let bounds = [
        ("limit", Some(u64::from(options.limit)), 1..=TAPPED_MAX as u64),
        ("payload_max", Some(u64::from(options.payload_max)), 0..=TAPPED_PAYLOAD_LEN_MAX as u64),
        ("duration", options.duration, 1..=SECONDS_MAX),
        ("idle_timeout", options.idle_timeout, 1..=SECONDS_MAX),
    ];
    for (name, given, bounds) in bounds {
        if let Some(given) = given.filter(|given| !bounds.contains(given)) {
            let (from, to) = bounds.into_inner();
            return invalid(format!("trace option `{name}` is {given}, and must be {from} to {to}"));
        }
    }
    let policy = options.matching.as_deref().map_or(Some(MatchPolicy::Exact), MatchPolicy::parse);
    let Some(policy) = policy else {
        let given = options.matching.as_deref().unwrap_or_default();
        return invalid(format!("unknown match policy {given:?}: expected exact, prefix or wildcard"));
    };
    let mut kinds = Vec::new();
    for name in &options.types {
        match Kind::from_name(name) {
            Some(kind) => kinds.push(kind),
            None => return invalid(format!("unknown message type {name:?}")),
        }
    }
    Ok(TapOptions {
        realm: options.realm.clone(),
        uri: options.uri.clone().map(|uri| (policy, uri)),
        session: options.session.map(SessionId),
        authid: options.authid.clone(),
        kinds,
        has_payload: options.trace_app_payload,
        kept_max: options.limit as usize,
    })
}
