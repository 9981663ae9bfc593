//! A host monitor: figures of the machine, published again and again.

mod sensors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossweave_api::hostmonitor::*;
use crossweave_api::{Config, Error, error};
use crossweave_config::part;
use crossweave_config::part::HostMonitorOptions;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::clock::since_1970;
use crate::native::NativeOptions;
use crate::service::{Caller, Service, answers};
use sensors::Sensor;

/// A host monitor.
#[derive(Clone)]
pub(crate) struct HostMonitor {
    shared: Arc<Shared>,
}

struct Shared {
    service: Service,
    cbdir: PathBuf,
    /// `options` of the worker.
    options: Config,
    running: Mutex<Option<Running>>,
}

struct Running {
    config: Config,
    current: Arc<Mutex<BTreeMap<String, Json>>>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HostMonitor {
    /// A monitor that watches nothing, whose procedures are answered from now on.
    ///
    /// # Errors
    /// They cannot be registered.
    pub(crate) async fn start(service: Service, options: &NativeOptions) -> Result<HostMonitor, String> {
        let (cbdir, options) = (options.cbdir.clone(), options.options.clone());
        let shared = Shared { service, cbdir, options, running: Mutex::default() };
        let monitor = HostMonitor { shared: Arc::new(shared) };
        answers!(
            monitor.shared.service, monitor,
            GetMonitoring => get_monitoring,
            StartMonitoring => start_monitoring,
            StopMonitoring => stop_monitoring,
        );
        Ok(monitor)
    }

    /// Watches nothing any more.
    pub(crate) fn shutdown(&self) {
        self.shared.running.lock().take();
    }

    async fn get_monitoring(&self, _: Caller, asked: GetMonitoring) -> Result<Monitoring, Error> {
        let running = self.shared.running.lock();
        let Some(running) = &*running else {
            return Ok(Monitoring { status: "stopped".to_owned(), config: None, current: BTreeMap::new() });
        };
        let mut current = running.current.lock().clone();
        if let Some(sensors) = asked.sensors {
            if let Some(missing) = sensors.iter().find(|name| running.config["monitors"].get(name).is_none())
            {
                return Err(Error::new(
                    error::NO_SUCH_OBJECT,
                    format!("there is no sensor {missing:?} running"),
                ));
            }
            current.retain(|name, _| sensors.contains(name));
        }
        Ok(Monitoring { status: "running".to_owned(), config: Some(running.config.clone()), current })
    }

    async fn start_monitoring(
        &self,
        caller: Caller,
        asked: StartMonitoring,
    ) -> Result<MonitoringStarted, Error> {
        let HostMonitorOptions { interval, monitors, .. } = self.settings(asked.config)?;
        let unknown = monitors.iter().find(|(name, _)| Sensor::parse(name).is_none());
        if let Some((name, _)) = unknown {
            return Err(Error::new(error::INVALID_CONFIGURATION, format!("there is no sensor {name:?}")));
        }
        let config =
            json!({"interval": interval, "monitors": monitors.iter().cloned().collect::<BTreeMap<_, _>>()});
        let names: Vec<String> = monitors.iter().map(|(name, _)| name.clone()).collect();
        {
            let mut running = self.shared.running.lock();
            if running.is_some() {
                return Err(Error::new(error::ALREADY_RUNNING, "the machine is watched already"));
            }
            let current = Arc::new(Mutex::new(BTreeMap::new()));
            let period = Duration::from_millis(interval.into());
            let watching = watch(self.shared.service.clone(), monitors, period, current.clone());
            *running = Some(Running { config, current, task: tokio::spawn(watching).abort_handle() });
        }
        let started = MonitoringStarted { monitors: names };
        self.shared.service.tell_others(&ON_MON_STARTED, caller.session, &started).await;
        Ok(started)
    }

    /// The worker's options, with what is asked for instead of what they say.
    fn settings(&self, asked: Option<Config>) -> Result<HostMonitorOptions, Error> {
        let mut options = self.shared.options.clone();
        match (&mut options, asked) {
            (_, None) => {}
            (Json::Object(options), Some(Json::Object(asked))) => options.extend(asked),
            (_, Some(other)) => {
                return Err(Error::new(error::INVALID_CONFIGURATION, format!("{other} is no object")));
            }
        }
        let part = part::hostmonitor_options(&options, "what is watched", &self.shared.cbdir);
        let part = part.map_err(|problems| Error::new(error::INVALID_CONFIGURATION, problems))?;
        part.warnings.iter().for_each(|warning| warn!("{}", warning.message));
        match part.value.monitors.is_empty() {
            true => {
                Err(Error::new(error::INVALID_CONFIGURATION, "no `monitors` are named: nothing is watched"))
            }
            false => Ok(part.value),
        }
    }

    async fn stop_monitoring(&self, caller: Caller, _: StopMonitoring) -> Result<(), Error> {
        let running = self.shared.running.lock().take();
        if running.is_none() {
            return Err(Error::new(error::NOT_RUNNING, "the machine is not watched"));
        }
        self.shared.service.tell_others(&ON_MONITORING_STOPPED, caller.session, &()).await;
        Ok(())
    }
}

/// Samples and publishes, again and again.
async fn watch(
    service: Service,
    monitors: Vec<(String, Json)>,
    period: Duration,
    current: Arc<Mutex<BTreeMap<String, Json>>>,
) {
    let mut ticks = interval(period);
    // A machine that is too busy is not made busier.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (begun, mut last) = (Instant::now(), None::<Instant>);
    for tick in 1_u64.. {
        ticks.tick().await;
        if service.client().state().is_closed() {
            return;
        }
        let now = Instant::now();
        let last_period = last.replace(now).map(|last| (now - last).as_secs_f64());
        for (name, options) in &monitors {
            let Some(sensor) = Sensor::parse(name) else { continue };
            let options = options.clone();
            let found = spawn_blocking(move || sensor.sample(&options)).await;
            let Ok(Ok(Json::Object(mut sample))) = found else {
                continue;
            };
            sample.insert("tick".to_owned(), tick.into());
            let timestamp = since_1970(SystemTime::now()).as_nanos();
            sample.insert("timestamp".to_owned(), json!(u64::try_from(timestamp).unwrap_or(u64::MAX)));
            sample.insert("last_period".to_owned(), json!(last_period));
            sample.insert("elapsed".to_owned(), json!((now - begun).as_secs_f64()));
            let sample = Json::Object(sample);
            service.tell_as(&format!("on_{name}_sample"), None, &sample).await;
            current.lock().insert(name.clone(), sample);
        }
    }
}
