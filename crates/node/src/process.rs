//! What every process of a node tells of itself: CPUs, memory, files, times.

pub(crate) mod affinity;
mod lag;
mod proc;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossweave_api::process::*;
use crossweave_api::{Error, Scope, error};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::clock::{since_1970, utc, utcnow};
use crate::service::{Caller, Service, answers};
use lag::Lateness;

/// The process that this program runs in. Answers until its client leaves.
pub(crate) struct Process {
    service: Service,
    /// `controller`, or the worker's type.
    kind: &'static str,
    started: (SystemTime, Instant),
    monitor: Mutex<Monitor>,
    lateness: Arc<Lateness>,
    /// Publishes `on_process_stats`.
    sampling: Mutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct Monitor {
    tick: u64,
    first: Option<Instant>,
    last: Option<(Instant, BTreeMap<&'static str, f64>)>,
}

impl Process {
    /// Answers the procedures of this process from now on.
    ///
    /// # Errors
    /// They cannot be registered.
    pub(crate) async fn answer(service: Service, kind: &'static str) -> Result<Arc<Process>, String> {
        let started = (SystemTime::now(), Instant::now());
        let process = Process {
            service,
            kind,
            started,
            monitor: Mutex::default(),
            lateness: Arc::default(),
            sampling: Mutex::default(),
        };
        let process = Arc::new(process);
        answers!(
            process.service, process,
            GetCpuCount => get_cpu_count,
            GetCpus => get_cpus,
            GetCpuAffinity => get_cpu_affinity,
            SetCpuAffinity => set_cpu_affinity,
            GetProcessInfo => get_process_info,
            GetProcessStats => get_process_stats,
            GetProcessMonitor => get_process_monitor,
            SetProcessStatsMonitoring => set_process_stats_monitoring,
            TriggerGc => trigger_gc,
            UtcNow => utcnow,
            Started => started,
            Uptime => uptime,
        );
        process.service.refuse_absent(Scope::Process).await?;
        Ok(process)
    }

    async fn get_cpu_count(&self, _: Caller, asked: GetCpuCount) -> Result<u32, Error> {
        proc::cpu_count(asked.logical).map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))
    }

    async fn get_cpus(&self, _: Caller, _: GetCpus) -> Result<Vec<u32>, Error> {
        affinity::possible().map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))
    }

    async fn get_cpu_affinity(&self, _: Caller, _: GetCpuAffinity) -> Result<Vec<u32>, Error> {
        affinity::current().map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))
    }

    async fn set_cpu_affinity(&self, caller: Caller, asked: SetCpuAffinity) -> Result<Vec<u32>, Error> {
        let SetCpuAffinity { cpus, relative } = asked;
        let affinity = affinity::set(&cpus, relative)?;
        let told = CpuAffinity { cpus, relative, affinity: affinity.clone(), who: caller.session };
        self.service.tell_others(&ON_CPU_AFFINITY_SET, caller.session, &told).await;
        Ok(affinity)
    }

    async fn get_process_info(&self, _: Caller, _: GetProcessInfo) -> Result<ProcessInfo, Error> {
        proc::info().map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))
    }

    async fn get_process_stats(&self, _: Caller, _: GetProcessStats) -> Result<ProcessStats, Error> {
        self.stats_with_lag()
    }

    fn stats_with_lag(&self) -> Result<ProcessStats, Error> {
        self.stats().map(|stats| ProcessStats { lag: self.lateness.read(), ..stats })
    }

    fn stats(&self) -> Result<ProcessStats, Error> {
        proc::stats(self.started.1.elapsed()).map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))
    }

    async fn get_process_monitor(&self, _: Caller, _: GetProcessMonitor) -> Result<ProcessMonitor, Error> {
        let stats = self.stats()?;
        let mut sample = proc::monitor(self.kind, &stats, since_1970(self.started.0))
            .map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))?;
        let counters = BTreeMap::from([
            ("num_ctx_switches_voluntary", sample.num_ctx_switches_voluntary as f64),
            ("num_ctx_switches_involuntary", sample.num_ctx_switches_involuntary as f64),
            ("read_ios", sample.read_ios as f64),
            ("write_ios", sample.write_ios as f64),
            ("read_bytes", sample.read_bytes as f64),
            ("write_bytes", sample.write_bytes as f64),
            ("cpu_user", sample.cpu_user),
            ("cpu_system", sample.cpu_system),
        ]);
        let (now, mut monitor) = (Instant::now(), self.monitor.lock());
        monitor.tick += 1;
        sample.tick = monitor.tick;
        sample.elapsed = (now - *monitor.first.get_or_insert(now)).as_secs_f64();
        if let Some((at, last)) = monitor.last.replace((now, counters.clone())) {
            let period = (now - at).as_secs_f64().max(f64::MIN_POSITIVE);
            sample.last_period = Some(period);
            sample.per_second = counters
                .iter()
                .map(|(name, value)| (format!("{name}_per_sec"), (value - last[name]) / period))
                .collect();
        }
        Ok(sample)
    }

    async fn set_process_stats_monitoring(
        self: &Arc<Self>,
        caller: Caller,
        asked: SetProcessStatsMonitoring,
    ) -> Result<(), Error> {
        /// More often than this nobody can want it.
        const INTERVAL_MIN_S: f64 = 0.01;
        const INTERVAL_MAX_S: f64 = 86_400.0;
        let interval = asked.interval;
        if interval != 0.0 && !(INTERVAL_MIN_S..=INTERVAL_MAX_S).contains(&interval) {
            let message = format!(
                "an interval of {interval} s: expected 0, or {INTERVAL_MIN_S} to {INTERVAL_MAX_S} seconds"
            );
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        }
        let task = (interval > 0.0).then(|| {
            let (process, period) = (self.clone(), Duration::from_secs_f64(interval));
            tokio::spawn(async move { process.sample(period).await }).abort_handle()
        });
        let before = std::mem::replace(&mut *self.sampling.lock(), task);
        before.inspect(AbortHandle::abort);
        self.service.tell_others(&ON_PROCESS_STATS_MONITORING_SET, caller.session, &interval).await;
        Ok(())
    }

    async fn sample(&self, period: Duration) {
        let mut ticks = tokio::time::interval(period);
        // The first one is at once.
        ticks.tick().await;
        for seq in 1.. {
            ticks.tick().await;
            if self.service.client().state().is_closed() {
                return;
            }
            if let Ok(stats) = self.stats_with_lag() {
                self.service.tell(&ON_PROCESS_STATS, &ProcessStats { seq: Some(seq), ..stats }).await;
            }
        }
    }

    async fn trigger_gc(&self, caller: Caller, _: TriggerGc) -> Result<u64, Error> {
        // What is free has gone back to the allocator already, and there is nothing to collect.
        let duration = 0;
        let finished = GcFinished { requester: caller.requester(), duration };
        self.service.tell_others(&ON_GC_FINISHED, caller.session, &finished).await;
        Ok(duration)
    }

    async fn utcnow(&self, _: Caller, _: UtcNow) -> Result<String, Error> {
        Ok(utcnow())
    }

    async fn started(&self, _: Caller, _: Started) -> Result<String, Error> {
        Ok(utc(self.started.0))
    }

    async fn uptime(&self, _: Caller, _: Uptime) -> Result<f64, Error> {
        Ok(self.started.1.elapsed().as_secs_f64())
    }
}
