//! The node as a whole: `crossbar.*`.

use std::collections::BTreeMap;

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Node:
    /// What the node is and what it runs.
    "get_status" GetStatus {} -> NodeStatus;

    /// What the whole machine uses: CPU, memory, disks, network.
    "get_system_stats" GetSystemStats {} -> SystemStats, errors [error::RUNTIME_ERROR];

    /// Stops all workers, then the node.
    "shutdown" Shutdown {
        /// Whether it is to be started again: by whoever started it, as the exit code 75 says.
        #[serde(default)] restart: bool,
        /// Why, for the event and the log.
        #[serde(default)] mode: Option<String>,
    } -> NodeShutdown, events ["on_shutdown"];

    /// The ids of the workers, sorted.
    "get_workers" GetWorkers {
        /// Only those of these types; without any, all.
        #[serde(default)] filter_types: Vec<String>,
    } -> Vec<String>;

    /// A worker.
    "get_worker" GetWorker {
        /// Its id.
        worker_id: String,
        /// Whether to count what goes between the controller and the worker.
        #[serde(default)] include_stats: bool,
    } -> WorkerInfo, errors [error::NO_SUCH_WORKER];

    /// Starts a worker, and answers when it can be asked itself. Who takes progressive results gets one before, as
    /// [WorkerStarting](#workerstarting).
    "start_worker" StartWorker {
        /// Its id: 3 to 64 of a-z, 0-9 and `_`.
        worker_id: String,
        /// `router`, `container`, `guest`, ...
        worker_type: String,
        /// `options` of the worker as in a configuration; of a guest, its whole item.
        #[serde(default)] worker_options: Option<Config>,
    } -> WorkerStarted,
    errors [error::WORKER_ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::FEATURE_UNAVAILABLE, error::CANNOT_START],
    events ["on_TYPE_starting", "on_TYPE_started"];

    /// Stops a worker, and answers when its process has ended.
    "stop_worker" StopWorker {
        /// Its id.
        worker_id: String,
        /// Whether to end it at once, without an orderly end.
        #[serde(default)] kill: bool,
    } -> WorkerStopping, errors [error::NO_SUCH_WORKER, error::WORKER_NOT_RUNNING], events ["on_stop_requested"];

    /// The last lines that a worker has written, the oldest first.
    "get_worker_log" GetWorkerLog {
        /// Its id.
        worker_id: String,
        /// How many lines at most; at most 1,000 are kept, and 1 MiB.
        #[serde(default = "log_limit")] limit: u64,
    } -> Vec<String>, errors [error::NO_SUCH_WORKER];

    /// Starts a realm that a client needs, with its roles, on the router worker that asks for it. Only that worker may call this.
    "activate_realm" ActivateRealm {
        /// The worker's id.
        worker_id: String,
        /// The template's id.
        template_id: String,
        /// The template's regular expression.
        pattern: String,
        /// An id for the realm.
        realm_id: String,
        /// The realm, as an item of `realms`.
        config: Config,
    } -> (), errors [error::NO_SUCH_WORKER, error::CANNOT_START], events ["on_realm_activated"];

    /// Reads the node's configuration again, checks it, and makes the node what it says now. What is the same is not touched; roles
    /// change under their sessions; other parts that have changed, or were stopped by somebody, are stopped and started again. If one
    /// of them cannot be started, the node is made what it was before. Also reads certificates again. Not in Crossbar.io.
    "apply_configuration" ApplyConfiguration {
        /// Whether only to say what would be done.
        #[serde(default)] dry_run: bool,
    } -> ConfigurationApplied,
    errors [error::INVALID_CONFIGURATION, error::FEATURE_UNAVAILABLE, error::RUNTIME_ERROR],
    events ["on_configuration_applied"];

    /// The node's public key, in hexadecimal digits.
    "get_public_key" GetPublicKey {} -> String, errors [error::FEATURE_UNAVAILABLE];

    /// Signs with the node's key, Ed25519. Binary data is answered with the 64 octets of the signature, in binary; text with the
    /// signature and what was signed, in hexadecimal digits.
    "sign" Sign {
        /// At most 64 KiB in binary, or 32 octets in hexadecimal digits.
        data: Config,
    } -> Config, errors [error::FEATURE_UNAVAILABLE];

    /// Answers a challenge of WAMP-cryptosign with the node's key: as `sign`, for a program that logs in as this node.
    "sign_challenge" SignChallenge {
        /// `cryptosign` or `cryptosign-proxy`.
        challenge_method: String,
        /// `Extra` of CHALLENGE: `challenge`, 32 octets in hexadecimal digits.
        challenge_extra: Config,
        /// The 32 octets that identify the TLS connection, in hexadecimal digits or binary; none if the login is not tied to it.
        #[serde(default)] channel_id_raw: Option<Config>,
        /// What they are: `tls-unique` or `tls-exporter`.
        #[serde(default)] channel_id_type: Option<String>,
    } -> String, errors [error::FEATURE_UNAVAILABLE];
}

fn log_limit() -> u64 {
    100
}

objects! {
    /// A realm was started for its first client.
    RealmActivated {
        /// The worker.
        worker_id: String,
        /// The realm's id.
        realm_id: String,
        /// The realm's name.
        realm: String,
        /// The template's id.
        template_id: String,
    }

    /// What a node is and what it runs.
    NodeStatus {
        /// The title of its process.
        title: String,
        /// When it was started, in UTC.
        started: String,
        /// The process of the controller.
        controller_pid: u32,
        /// The node's id.
        node_id: String,
        /// How many workers run.
        running_workers: u64,
        /// How many of each type run.
        workers_by_type: BTreeMap<String, u64>,
        /// The node directory.
        directory: String,
        /// The node's public key in hexadecimal digits; null while it has none.
        pubkey: Option<String>,
        /// The version of the program.
        version: String,
        /// Null: a node has no key for Ethereum here.
        ethadr: Option<String>,
        /// Null: this and the next three are of nodes that are managed from elsewhere, which this one is not.
        management_realm: Option<String>,
        /// Null.
        management_node_id: Option<String>,
        /// Null.
        management_session_id: Option<u64>,
        /// Null.
        management_node_extra: Option<Config>,
        /// False: this node does not manage Docker.
        has_docker: bool,
    }

    /// What the whole machine uses. Numbers have the names that psutil has for them, as at Crossbar.io.
    SystemStats {
        /// Counts the calls.
        tick: u64,
        /// Nanoseconds since 1970.
        timestamp: u64,
        /// Seconds since the last call; null at the first one.
        last_period: Option<f64>,
        /// Seconds since the first call.
        elapsed: f64,
        /// For how many seconds the machine has run.
        uptime: f64,
        /// Of all interfaces: `bytes_recv`, `bytes_sent`, `packets_recv`, `packets_sent`, `errin`, `errout`, `dropin`, `dropout`, and from
        /// the second call on each as `NAME_per_sec`; `connection`: sockets by `AF_INET`, `AF_INET6`, `AF_UNIX`.
        network: Config,
        /// Of all disks: `read_count`, `read_merged_count`, `read_bytes`, `read_time` (ms), the same for `write`, `busy_time` (ms), and from
        /// the second call on each as `NAME_per_sec`.
        disk: Config,
        /// What the CPUs have done since the last call, in percent: `user`, `nice`, `system`, `idle`, `iowait`, `irq`, `softirq`, `steal`,
        /// `guest`, `guest_nice`; `freq` in MHz, or null; `ctx_switches`, `interrupts` and `soft_interrupts` since the machine was started.
        cpu: Config,
        /// Octets: `total`, `available`, `used`, `free`, `active`, `inactive`, `buffers`, `cached`, `shared`, `slab`; `percent` in use.
        memory: Config,
    }

    /// In what the configuration differs from what runs, and what was done about it.
    ConfigurationApplied {
        /// The file.
        file: String,
        /// Whether nothing was to be done.
        dry_run: bool,
        /// The differences.
        differences: Vec<ConfigurationDifference>,
        /// What was done, in this order.
        done: Vec<String>,
        /// What could not be done, and why; null if everything was done.
        failed: Option<String>,
        /// What is still to be done, which is everything if a part could not be done; with `dry_run`, what would be done.
        left: Vec<String>,
        /// What was done to make the node what it was before, as a part could not be done.
        #[serde(default)] put_back: Vec<String>,
        /// What of that could not be done, and why.
        #[serde(default)] not_put_back: Vec<String>,
        /// The endpoints whose certificates were read again, by worker; nothing with `dry_run`.
        #[serde(default)] certificates_read: Vec<String>,
        /// Those whose certificates stay as they were, each with the reason.
        #[serde(default)] certificates_kept: Vec<String>,
        /// What the configuration says and only a new start of the node brings.
        needs_restart: Vec<String>,
    }

    /// A part of the configuration that differs from what runs.
    ConfigurationDifference {
        /// The worker's id.
        worker: String,
        /// The part by its kind and its name, such as a realm; empty for the worker itself.
        what: String,
        /// `added`, `removed` or `changed`.
        change: String,
    }

    /// The node stops.
    NodeShutdown {
        /// The node.
        node_id: String,
        /// Whether it is to be started again.
        restart: bool,
        /// Why.
        mode: Option<String>,
        /// The session that asked; null if it was the node itself.
        who: Option<u64>,
        /// When, in UTC.
        when: String,
        /// Whether no worker has failed.
        was_clean: bool,
    }

    /// A worker.
    WorkerInfo {
        /// Its id.
        id: String,
        /// Its process; that of the controller if it runs inside of it; null while it has none.
        pid: Option<u32>,
        /// Its type.
        #[serde(rename = "type")] kind: String,
        /// `starting`, `started`, `stopping`, `waiting` before it is started again, or `failed` if it has failed too often for that.
        status: String,
        /// When it was asked for, in UTC.
        created: String,
        /// When it was there, in UTC.
        started: Option<String>,
        /// Seconds between the two.
        startup_time: Option<f64>,
        /// For how many seconds it has run.
        uptime: Option<f64>,
        /// How often it was started again after it had failed.
        restarts: u64,
        /// The worker of the configuration that it is made of, if it was started with a realm. Not in Crossbar.io.
        #[serde(default, skip_serializing_if = "Option::is_none")] template_id: Option<String>,
        /// The realm that it was started with. Not in Crossbar.io.
        #[serde(default, skip_serializing_if = "Option::is_none")] realm: Option<String>,
        /// What is counted of it, if asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")] stats: Option<WorkerStats>,
    }

    /// What is counted of a worker.
    WorkerStats {
        /// What went between the controller and the worker; null of a guest, and of a worker that cannot be asked.
        controller_traffic: Option<crate::worker::ControllerTraffic>,
    }

    /// A worker is being started.
    WorkerStarting {
        /// Its id.
        id: String,
        /// `starting`.
        status: String,
        /// When it was asked for, in UTC.
        created: String,
        /// The session that asked; null if it was the node itself.
        who: Option<u64>,
    }

    /// A worker was started.
    WorkerStarted {
        /// Its id.
        id: String,
        /// `started`.
        status: String,
        /// When, in UTC.
        started: String,
        /// The session that asked; null if it was the node itself.
        who: Option<u64>,
        /// Its process.
        pid: Option<u32>,
        /// How long it took, in seconds.
        startup_time: f64,
    }

    /// A worker is to be stopped.
    WorkerStopping {
        /// Its id.
        id: String,
        /// Its type.
        #[serde(rename = "type")] kind: String,
        /// Whether at once.
        kill: bool,
        /// The session that asked.
        who: Option<u64>,
        /// When, in UTC.
        when: String,
    }

    /// A worker has ended.
    WorkerExited {
        /// Its id.
        id: String,
        /// Its type.
        #[serde(rename = "type")] kind: String,
        /// Its exit code; null if a signal ended it.
        exit_code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Whether it was to end.
        was_clean: bool,
        /// Whether it is started again.
        restarts: bool,
    }
}

events! { Node:
    /// Everything of the configuration runs.
    ON_READY = "on_ready" () to all;
    /// The node was asked to become what its configuration says now. Not in Crossbar.io.
    ON_CONFIGURATION_APPLIED = "on_configuration_applied" (ConfigurationApplied) to all;
    /// The node stops.
    ON_SHUTDOWN = "on_shutdown" (NodeShutdown);
    /// A worker is being started. `TYPE` is its type, with `_` for `-`: `on_router_starting`, `on_websocket_testee_starting`.
    ON_WORKER_STARTING = "on_TYPE_starting" (WorkerStarting);
    /// A worker was started.
    ON_WORKER_STARTED = "on_TYPE_started" (WorkerStarted);
    /// A worker is to be stopped.
    ON_STOP_REQUESTED = "on_stop_requested" (WorkerStopping);
    /// A realm was started for its first client. Not in Crossbar.io.
    ON_REALM_ACTIVATED = "on_realm_activated" (RealmActivated) to all;
    /// A worker has ended. Not in Crossbar.io.
    ON_WORKER_EXITED = "on_worker_exited" (WorkerExited) to all;
}
