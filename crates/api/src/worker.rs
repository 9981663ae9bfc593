//! What every native worker can be asked.

use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Worker:
    /// Stops the worker: sessions get GOODBYE, then its process ends. Containers answer the ids of their components.
    "shutdown" Shutdown {} -> (), events ["on_shutdown_requested"];

    /// The id of the node that the worker is part of.
    "get_node_id" GetNodeId {} -> String;

    /// Changes what `get_node_id` answers, and nothing else.
    "set_node_id" SetNodeId {
        /// The id.
        node_id: String,
    } -> ();

    /// Where components in Python look for modules first, in this order. Only routers and containers have any.
    "get_pythonpath" GetPythonpath {} -> Vec<String>;

    /// Adds directories in which components in Python look for modules, for those that are started from now on.
    "add_pythonpath" AddPythonpath {
        /// The directories, from the node directory. They must be there.
        paths: Vec<String>,
        /// Whether before those that there are, or behind them.
        #[serde(default = "yes")] prepend: bool,
    } -> PythonpathAdded, errors [error::FEATURE_UNAVAILABLE], events ["on_pythonpath_add"];

    /// What went between the controller and the worker since it was started. Not in Crossbar.io.
    "get_controller_traffic" GetControllerTraffic {} -> ControllerTraffic;
}

fn yes() -> bool {
    true
}

objects! {
    /// Directories were added in which components in Python look for modules.
    PythonpathAdded {
        /// All that there are now, in their order.
        paths: Vec<String>,
        /// Those that were added.
        paths_added: Vec<PathAdded>,
        /// Whether before those that there were.
        prepend: bool,
        /// The session that asked.
        who: Option<u64>,
    }

    /// A directory that was added.
    PathAdded {
        /// As it was asked for.
        requested: String,
        /// The whole path.
        resolved: String,
    }

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
    ON_WORKER_READY = "on_worker_ready" (WorkerReady) to all;
    /// The worker was asked to stop.
    ON_SHUTDOWN_REQUESTED = "on_shutdown_requested" (ShutdownRequested);
    /// Directories were added in which components in Python look for modules.
    ON_PYTHONPATH_ADD = "on_pythonpath_add" (PythonpathAdded);
    /// The text of a line that the worker has written. The controller publishes it.
    ON_LOG = "on_log" (String) to all;
    /// The same with when and as what it was written. Not in Crossbar.io.
    ON_LOG_LINE = "on_log_line" (LogLine) to all;
}
