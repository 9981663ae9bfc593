//! Telling what a trace takes down, a batch at a time: by `on_trace_data`, and to a file.

use std::time::{Duration, SystemTime};

use crossweave_api::tracing::{ON_TRACE_DATA, TracePeriod, TraceRecord};
use tokio::time::sleep;
use tracing::warn;

use super::Running;
use super::file::File;
use super::record::records;
use crate::clock::since_1970;
use crate::service::{Service, to_value};

/// Messages in one event.
const BATCH_RECORDS_MAX: usize = 1_000;
/// Octets of one event, beside its first message.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Events of one period. What there is more of comes with the next one.
const BATCHES_MAX: usize = 10;
/// How often a file is written to if nobody else is told.
const FILE_PERIOD: Duration = Duration::from_millis(200);

/// What a trace has told so far.
pub(super) struct Telling {
    /// The number of the first message that was not told yet.
    next_seq: u64,
    /// Since when it is waited for that.
    since: u64,
    /// Where it is written, until that is not possible any more.
    pub(super) file: Option<File>,
}

impl Telling {
    pub(super) fn new() -> Telling {
        Telling { next_seq: 0, since: now_ns(), file: None }
    }
}

impl Running {
    /// How often it tells; never if nobody wants it.
    fn period(&self) -> Option<Duration> {
        match self.options.batching_period {
            0 => self.options.persist.then_some(FILE_PERIOD),
            ms => Some(Duration::from_millis(ms.into())),
        }
    }

    /// Tells what is new, until it is dropped.
    pub(super) async fn tell_on(&self, service: &Service) {
        let Some(period) = self.period() else { return std::future::pending().await };
        loop {
            let next_seq = self.telling.lock().await.next_seq;
            self.tap.wait(next_seq).await;
            sleep(period).await;
            self.tell_new(service).await;
        }
    }

    /// Tells what is new at once.
    pub(super) async fn tell_new(&self, service: &Service) {
        if self.period().is_none() {
            return;
        }
        let mut telling = self.telling.lock().await;
        for _ in 0..BATCHES_MAX {
            if !self.tell_batch(&mut telling, service).await {
                return;
            }
        }
    }

    /// False if there was nothing to tell.
    async fn tell_batch(&self, telling: &mut Telling, service: &Service) -> bool {
        let kept = self.tap.read(telling.next_seq, BATCH_RECORDS_MAX);
        let batch = records(kept, self.options.payload_max, BATCH_BYTES_MAX, None);
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return false };
        let finished_ts = now_ns();
        let told = TracePeriod {
            period: self.next_period.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            period_start: telling.since,
            finished_ts,
            first_seq: first.seq,
            last_seq: last.seq,
        };
        (telling.next_seq, telling.since) = (last.seq + 1, finished_ts);
        self.write(telling, &batch).await;
        if self.options.batching_period > 0 {
            let arguments = vec![self.id.as_str().into(), to_value(&told), to_value(&batch)];
            service.tell_several(&ON_TRACE_DATA, None, arguments).await;
        }
        true
    }

    async fn write(&self, telling: &mut Telling, batch: &[TraceRecord]) {
        let Some(file) = telling.file.take() else { return };
        let mut lines = Vec::new();
        for record in batch {
            // The API's own types can be written as JSON.
            let _ = serde_json::to_writer(&mut lines, record);
            lines.push(b'\n');
        }
        match file.append(lines).await {
            Ok(file) => telling.file = Some(file),
            Err(why) => warn!(trace = self.id, "the trace is written no further: {why}"),
        }
    }
}

fn now_ns() -> u64 {
    u64::try_from(since_1970(SystemTime::now()).as_nanos()).unwrap_or(u64::MAX)
}
