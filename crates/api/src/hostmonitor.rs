//! Host monitors: figures of the machine.

use std::collections::BTreeMap;

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { HostMonitor:
    /// Whether the machine is watched, how, and the last samples.
    "get_monitoring" GetMonitoring {
        /// Only the samples of these sensors; without any, all.
        #[serde(default)] sensors: Option<Vec<String>>,
    } -> Monitoring, errors [error::NO_SUCH_OBJECT];

    /// Starts to watch the machine: each sensor publishes what it finds, again and again.
    "start_monitoring" StartMonitoring {
        /// `interval`: milliseconds between samples; `monitors`: the sensors as keys, with any values. Without it, or without one of
        /// the two, as in `options` of the worker.
        #[serde(default)] config: Option<Config>,
    } -> MonitoringStarted,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION], events ["on_mon_started"];

    /// Stops to watch the machine.
    "stop_monitoring" StopMonitoring {} -> (), errors [error::NOT_RUNNING], events ["on_monitoring_stopped"];
}

objects! {
    /// Whether the machine is watched, and how.
    Monitoring {
        /// `running` or `stopped`.
        status: String,
        /// `interval` and `monitors`.
        config: Option<Config>,
        /// The last sample of each sensor, by its name.
        current: BTreeMap<String, Config>,
    }

    /// The machine is watched from now on.
    MonitoringStarted {
        /// The sensors.
        monitors: Vec<String>,
    }
}

events! { HostMonitor:
    /// The machine is watched from now on.
    ON_MON_STARTED = "on_mon_started" (MonitoringStarted);
    /// The machine is no longer watched.
    ON_MONITORING_STOPPED = "on_monitoring_stopped" ();
    /// A sample of a sensor: `on_cpu_sample`, `on_diskio_sample`, `on_hardware_sample`, `on_memory_sample`, `on_network_sample`,
    /// `on_process_sample`, `on_self_sample`, `on_storage_sample`, `on_system_sample`. It has `tick`, `timestamp` (nanoseconds since 1970), `last_period` and `elapsed`
    /// (seconds), and what the sensor has found.
    ON_SAMPLE = "on_SENSOR_sample" (Config) to all;
}
