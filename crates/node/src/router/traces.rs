//! Traces of a router worker: messages that somebody wants to follow.

mod file;
mod options;
mod record;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossweave_api::tracing::*;
use crossweave_api::{Error, error};
use crossweave_router::Tap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};

use super::{RouterWorker, no_such};
use crate::clock::utcnow;
use crate::service::{Caller, answers, to_value};
use options::wanted;
use telling::Telling;

/// Traces of a worker, those that have stopped included: of those the oldest goes first.
const TRACES_MAX: usize = 32;
/// Messages in one answer.
const ANSWER_RECORDS_MAX: u32 = 10_000;
/// Octets of one answer, beside its first message.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How long somebody may wait for the next message.
const WAIT_MAX_MS: u64 = 30_000;
/// Characters of an id that somebody chooses.
const ID_LEN_MAX: usize = 256;

/// The traces that there are.
pub(super) type Traces = Mutex<Vec<Arc<Running>>>;

/// A trace that takes messages down, or has done so.
pub(super) struct Running {
    id: String,
    node_id: String,
    worker_id: String,
    persistent_id: Option<String>,
    options: TraceOptions,
    started: (String, Instant),
    tap: Tap,
    /// When it was stopped.
    ended: Mutex<Option<(String, Instant)>>,
    telling: tokio::sync::Mutex<Telling>,
    /// The number that the next `on_trace_data` gets.
    next_period: AtomicU64,
    /// Somebody has asked for its data.
    asked: Notify,
    /// Tell what is new, and look at the time.
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Running {
    fn is_running(&self) -> bool {
        self.ended.lock().is_none()
    }

    fn marshal(&self) -> Trace {
        let ended = self.ended.lock().clone();
        let runtime = ended.as_ref().map_or_else(Instant::now, |(_, at)| *at) - self.started.1;
        Trace {
            id: self.id.clone(),
            node_id: self.node_id.clone(),
            worker_id: self.worker_id.clone(),
            persistent_id: self.persistent_id.clone(),
            status: if ended.is_none() { "running" } else { "stopped" }.to_owned(),
            started: self.started.0.clone(),
            ended: ended.map(|(when, _)| when),
            runtime: runtime.as_secs_f64(),
            options: self.options.clone(),
            next_period: self.next_period.load(Ordering::Relaxed),
            next_seq: self.tap.next_seq(),
        }
    }

    /// Takes nothing down any more; says whether it did.
    fn stop(&self) -> bool {
        self.tap.close();
        let mut ended = self.ended.lock();
        let did_run = ended.is_none();
        ended.get_or_insert_with(|| (utcnow(), Instant::now()));
        did_run
    }

    /// Nobody looks after it any more: what it has goes with the last one who has it.
    fn forget(&self) {
        self.tasks.lock().drain(..).for_each(|task| task.abort());
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
        let is_asked = |it: &&Arc<Running>| asked.include_stopped || it.is_running();
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
        let StartTrace { trace_id, trace_options } = asked;
        let options = trace_options.unwrap_or_default();
        wanted(&options)?;
        if trace_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_LEN_MAX) {
            let message = format!("the id of a trace must have 1 to {ID_LEN_MAX} characters");
            return Err(Error::new(error::INVALID_CONFIGURATION, message));
        }
        let trace = self.open_trace(trace_id, options)?;
        if let Err(why) = self.open_file(&trace).await {
            self.shared.traces.lock().retain(|it| !Arc::ptr_eq(it, &trace));
            return Err(Error::new(error::CANNOT_START, why));
        }
        self.tell_of_trace(&ON_TRACE_STARTED, &trace).await;
        self.watch_trace(&trace);
        Ok(trace.marshal())
    }

    /// The file of a trace, if it is to have one.
    async fn open_file(&self, trace: &Running) -> Result<(), String> {
        let Some(id) = trace.persistent_id.clone() else { return Ok(()) };
        let cbdir = self.shared.options.cbdir.clone();
        let file = spawn_blocking(move || file::File::create(&cbdir, &id)).await;
        let file = file.map_err(|error| error.to_string())??;
        trace.telling.lock().await.file = Some(file);
        Ok(())
    }

    fn open_trace(&self, trace_id: Option<String>, options: TraceOptions) -> Result<Arc<Running>, Error> {
        let mut traces = self.shared.traces.lock();
        let is_taken = |id: &str| traces.iter().any(|it| it.id == id);
        let id = match trace_id {
            Some(id) if is_taken(&id) => {
                return Err(Error::new(error::ALREADY_RUNNING, format!("there is a trace {id:?}")));
            }
            Some(id) => id,
            None => (1..).map(|n| format!("trace{n:03}")).find(|id| !is_taken(id)).unwrap_or_default(),
        };
        let tap = self.router().tap(wanted(&options)?);
        let trace = Arc::new(Running {
            id,
            node_id: self.shared.options.node_id.clone(),
            worker_id: self.shared.id.clone(),
            persistent_id: options.persist.then(file::new_id),
            options,
            started: (utcnow(), Instant::now()),
            tap: tap.map_err(|full| Error::new(error::CANNOT_START, full))?,
            ended: Mutex::default(),
            telling: tokio::sync::Mutex::new(Telling::new()),
            next_period: AtomicU64::new(0),
            asked: Notify::new(),
            tasks: Mutex::default(),
        });
        if traces.len() >= TRACES_MAX
            && let Some(oldest) = traces.iter().position(|it| !it.is_running())
        {
            traces.remove(oldest).forget();
        }
        traces.push(trace.clone());
        Ok(trace)
    }

    async fn tell_of_trace(&self, event: &crossweave_api::Event, trace: &Running) {
        let arguments = vec![trace.id.as_str().into(), to_value(&trace.marshal())];
        self.service().tell_several(event, None, arguments).await;
    }

    async fn stop_trace(&self, _: Caller, asked: StopTrace) -> Result<Trace, Error> {
        let trace = self.trace(&asked.trace_id)?;
        self.end_trace(&trace).await;
        Ok(trace.marshal())
    }

    /// It is gone for everybody.
    async fn end_trace(&self, trace: &Arc<Running>) {
        self.shared.traces.lock().retain(|it| !Arc::ptr_eq(it, trace));
        self.close_trace(trace).await;
        // The last, as it may be the watch that does this.
        trace.forget();
    }

    /// It takes nothing down any more, and everything is told.
    async fn close_trace(&self, trace: &Running) {
        if trace.stop() {
            trace.tell_new(self.service()).await;
            self.tell_of_trace(&ON_TRACE_STOPPED, trace).await;
        }
    }

    /// Ends all traces, of which nothing is told any more.
    pub(super) fn forget_traces(&self) {
        for trace in std::mem::take(&mut *self.shared.traces.lock()) {
            trace.stop();
            trace.forget();
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
        let kept = trace.tap.read(from_seq, limit as usize);
        Ok(record::records(kept, trace.options.payload_max, ANSWER_BYTES_MAX, to_seq))
    }

    /// Tells what is new, and ends the trace when its time is over, or nobody asks for it any more.
    fn watch_trace(&self, trace: &Arc<Running>) {
        let (service, told) = (self.service().clone(), trace.clone());
        // A task of its own: what it has begun to tell it tells to the end.
        let telling = tokio::spawn(async move { told.tell_on(&service).await });
        let watch = tokio::spawn(self.clone().watch(trace.clone()));
        trace.tasks.lock().extend([telling.abort_handle(), watch.abort_handle()]);
        if !self.shared.traces.lock().iter().any(|it| Arc::ptr_eq(it, trace)) {
            // It was stopped meanwhile.
            trace.forget();
        }
    }

    async fn watch(self, trace: Arc<Running>) {
        let in_seconds = |of: Option<u64>| of.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let (mut end, mut idle_end) =
            (in_seconds(trace.options.duration), in_seconds(trace.options.idle_timeout));
        while end.is_some() || idle_end.is_some() {
            tokio::select! {
                () = trace.asked.notified() => idle_end = in_seconds(trace.options.idle_timeout),
                () = until(end) => {
                    end = None;
                    self.close_trace(&trace).await;
                }
                () = until(idle_end) => return self.end_trace(&trace).await,
            }
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
