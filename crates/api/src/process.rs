//! What every process of a node tells of itself: the controller and native workers.

use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Process:
    /// How many CPUs the machine has.
    "get_cpu_count" GetCpuCount {
        /// Whether hyper-threads count, or cores only.
        #[serde(default = "yes")] logical: bool,
    } -> u32;

    /// The numbers of the CPUs that this process could use.
    "get_cpus" GetCpus {} -> Vec<u32>;

    /// The numbers of the CPUs on which this process may run.
    "get_cpu_affinity" GetCpuAffinity {} -> Vec<u32>;

    /// Says on which CPUs this process may run.
    "set_cpu_affinity" SetCpuAffinity {
        /// Their numbers.
        cpus: Vec<u32>,
        /// Whether the numbers are places in what `get_cpus` answers, instead of the machine's own.
        #[serde(default = "yes")] relative: bool,
    } -> Vec<u32>, errors [error::RUNTIME_ERROR], events ["on_cpu_affinity_set"];

    /// Open files, sockets and threads of this process.
    "get_process_info" GetProcessInfo {} -> ProcessInfo;

    /// What this process has used so far. How late it gets to what is due is measured for a minute after each question.
    "get_process_stats" GetProcessStats {} -> ProcessStats;

    /// What this process has used, and per second since the last time it was asked.
    "get_process_monitor" GetProcessMonitor {} -> ProcessMonitor;

    /// Publishes `on_process_stats` again and again.
    "set_process_stats_monitoring" SetProcessStatsMonitoring {
        /// Seconds between two events; 0 ends it.
        interval: f64,
    } -> (), events ["on_process_stats_monitoring_set", "on_process_stats"];

    /// For programs that expect it: there is no garbage to collect here. The result is how long it took, 0 ms.
    "trigger_gc" TriggerGc {} -> u64, events ["on_gc_finished"];

    /// The time of this process, in UTC: `2026-11-21T08:30:00.000Z`.
    "utcnow" UtcNow {} -> String;

    /// When this process was started, in UTC.
    "started" Started {} -> String;

    /// For how many seconds this process has run.
    "uptime" Uptime {} -> f64;
}

fn yes() -> bool {
    true
}

objects! {
    /// Open files, sockets and threads of a process.
    ProcessInfo {
        /// Number of open files, sockets and the like.
        descriptors: u64,
        /// Number of threads.
        threads: u64,
        /// Paths of open files.
        files: Vec<String>,
        /// Open sockets, as the system names them: `socket:[29255239]`, with the inode by which `/proc/net` and `ss -e` tell their
        /// addresses.
        sockets: Vec<String>,
    }

    /// What a process has used.
    ProcessStats {
        /// When, in UTC.
        ts: String,
        /// Nanoseconds since 1970.
        time: u64,
        /// The process.
        pid: u32,
        /// What the scheduler says: `running`, `sleeping`, ...
        status: String,
        /// Context switches as it waited.
        voluntary: u64,
        /// Context switches as its time was up.
        nonvoluntary: u64,
        /// CPU seconds of its own.
        user: f64,
        /// CPU seconds of the system for it.
        system: f64,
        /// CPU used since it was started, in percent of one CPU.
        cpu_percent: f64,
        /// Resident memory in bytes.
        resident: u64,
        /// Virtual memory in bytes.
        #[serde(rename = "virtual")] virtual_: u64,
        /// Resident memory in percent of the machine's.
        mem_percent: f64,
        /// Read operations.
        reads: u64,
        /// Write operations.
        writes: u64,
        /// How late it got to what was due, since somebody asked last; null if nobody has in the last minute. Not in Crossbar.io.
        #[serde(default)] lag: Option<Lag>,
        /// Counts the events of `set_process_stats_monitoring`; absent in results.
        #[serde(default, skip_serializing_if = "Option::is_none")] seq: Option<u64>,
    }

    /// How late a process gets to what is due: a task that wants to be woken 20 times a second notes how much later it was. As its clock
    /// goes by milliseconds, 1 or 2 ms are nothing.
    Lag {
        /// Half of the times it was later than this, in ms.
        p50: f64,
        /// The latest, in ms.
        max: f64,
        /// How many times it was noted.
        samples: u64,
    }

    /// What a process has used, and per second.
    ProcessMonitor {
        /// Counts the calls.
        tick: u64,
        /// Nanoseconds since 1970.
        timestamp: u64,
        /// Seconds since the last call; null at the first one.
        last_period: Option<f64>,
        /// Seconds since the first call.
        elapsed: f64,
        /// `controller` or the worker's type.
        #[serde(rename = "type")] kind: String,
        /// The process.
        pid: u32,
        /// What the scheduler says.
        status: String,
        /// The executable.
        exe: String,
        /// The user it runs as.
        user: String,
        /// The name of the process.
        name: String,
        /// Its command line.
        cmdline: String,
        /// When it was started, in seconds since 1970.
        created: f64,
        /// Number of open files.
        num_fds: u64,
        /// Number of threads.
        num_threads: u64,
        /// Context switches as it waited.
        num_ctx_switches_voluntary: u64,
        /// Context switches as its time was up.
        num_ctx_switches_involuntary: u64,
        /// Read operations.
        read_ios: u64,
        /// Write operations.
        write_ios: u64,
        /// Bytes read from disks.
        read_bytes: u64,
        /// Bytes written to disks.
        write_bytes: u64,
        /// CPU seconds of its own.
        cpu_user: f64,
        /// CPU seconds of the system for it.
        cpu_system: f64,
        /// The counters from `num_ctx_switches_voluntary` on, each as `NAME_per_sec`; absent at the first call.
        #[serde(flatten)] per_second: std::collections::BTreeMap<String, f64>,
    }

    /// Who asked for something.
    Requester {
        /// Its session.
        session_id: Option<u64>,
        /// Its authid.
        auth_id: Option<String>,
        /// Its authrole.
        auth_role: Option<String>,
    }

    /// Who asked for something, as Crossbar.io tells it in other places.
    SessionIdent {
        /// Its session.
        session: Option<u64>,
        /// Its authid.
        authid: Option<String>,
        /// Its authrole.
        authrole: Option<String>,
    }

    /// On which CPUs a process may run from now on.
    CpuAffinity {
        /// As asked for.
        cpus: Vec<u32>,
        /// As asked for.
        relative: bool,
        /// The machine's numbers.
        affinity: Vec<u32>,
        /// The session that asked.
        who: Option<u64>,
    }

    /// There was nothing to collect.
    GcFinished {
        /// Who asked.
        requester: Requester,
        /// How long it took, in ms.
        duration: u64,
    }
}

events! { Process:
    /// A process may run on other CPUs from now on.
    ON_CPU_AFFINITY_SET = "on_cpu_affinity_set" (CpuAffinity);
    /// The interval of `on_process_stats`, in seconds; 0 for none.
    ON_PROCESS_STATS_MONITORING_SET = "on_process_stats_monitoring_set" (f64);
    /// What a process has used, at each interval.
    ON_PROCESS_STATS = "on_process_stats" (ProcessStats) to all;
    /// `trigger_gc` was called.
    ON_GC_FINISHED = "on_gc_finished" (GcFinished);
}
