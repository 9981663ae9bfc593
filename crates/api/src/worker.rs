//! What every native worker can be asked.

use crate::contract::{events, objects, procedures};

procedures! { Worker:
    /// Stops the worker: sessions get GOODBYE, then its process ends.
    "shutdown" Shutdown {} -> (), events ["on_shutdown_requested"];

    /// The id of the node that the worker is part of.
    "get_node_id" GetNodeId {} -> String;

    /// What went between the controller and the worker since it was started. Not in Crossbar.io.
    "get_controller_traffic" GetControllerTraffic {} -> ControllerTraffic;
}

objects! {
    /// What went between the controller and a worker, as the controller sees it.
    ControllerTraffic {
        /// From the worker.
        received: Traffic,
        /// To the worker.
        sent: Traffic,
    }

    /// What went one way.
    Traffic {
        /// In how many pieces.
        count: u64,
        /// How many octets.
        bytes: u64,
    }

    /// A worker was asked to stop.
    ShutdownRequested {
        /// The session that asked.
        who: Option<u64>,
        /// When, in UTC.
        when: String,
    }

    /// A worker can be asked.
    WorkerReady {
        /// Its type.
        #[serde(rename = "type")] kind: String,
        /// Its id.
        id: String,
        /// Its process.
        pid: u32,
    }

    /// What a worker has written.
    LogLine {
        /// When, in UTC.
        when: String,
        /// `error`, `warn`, `info`, `debug`, `trace`; of a guest, `stdout` or `stderr`.
        level: String,
        /// The line.
        text: String,
    }
}

events! { Worker:
    /// The worker can be asked.
    ON_WORKER_READY = "on_worker_ready" (WorkerReady);
    /// The worker was asked to stop.
    ON_SHUTDOWN_REQUESTED = "on_shutdown_requested" (ShutdownRequested);
    /// A line that the worker has written. The controller publishes it.
    ON_LOG = "on_log" (LogLine);
}
