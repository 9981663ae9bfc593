//! Container workers: components.

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Container:
    /// The ids of the components, sorted.
    "get_components" GetComponents {} -> Vec<String>;

    /// A component.
    "get_component" GetComponent {
        /// Its id.
        component_id: String,
    } -> Component, errors [error::NO_SUCH_OBJECT];

    /// Starts a component, and answers when it has joined its realm.
    "start_component" StartComponent {
        /// An id for it.
        component_id: String,
        /// An item of `components`.
        config: Config,
        /// Has no effect: a component's program is always read afresh.
        #[serde(default)] reload_modules: bool,
    } -> ComponentStarted,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CLASS_IMPORT_FAILED, error::CANNOT_CONNECT, error::CANNOT_START],
    events ["on_component_started"];

    /// Stops a component.
    "stop_component" StopComponent {
        /// Its id.
        component_id: String,
    } -> ComponentStopped,
    errors [error::NO_SUCH_OBJECT], events ["container.on_component_stop", "on_component_stopped"];

    /// Stops a component and starts it again as it was.
    "restart_component" RestartComponent {
        /// Its id.
        component_id: String,
        /// Has no effect: a component's program is always read afresh.
        #[serde(default)] reload_modules: bool,
    } -> ComponentRestarted,
    errors [error::NO_SUCH_OBJECT, error::CLASS_IMPORT_FAILED, error::CANNOT_CONNECT, error::CANNOT_START],
    events ["on_component_stopped", "on_component_started", "on_component_restarted"];

    /// Stops all components, then the worker: `shutdown` of every native worker, which answers the ids of the components that it
    /// has stopped, sorted.
    "shutdown" ShutdownContainer {} -> Vec<String>, events ["on_shutdown_requested"];
}

objects! {
    /// A component.
    Component {
        /// Its id.
        id: String,
        /// When it was started, in UTC.
        started: String,
        /// For how many seconds it has run.
        uptime: f64,
        /// The part of the configuration that it was started with.
        config: Config,
    }

    /// A component was started.
    ComponentStarted {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// Whether it has joined its realm; false if it has failed to, and is being started again. Not in Crossbar.io.
        has_joined: bool,
    }

    /// A component was stopped, or has ended.
    ComponentStopped {
        /// Its id.
        component_id: String,
        /// For how many seconds it had run.
        uptime: f64,
        /// Who asked for it; absent if it has ended by itself.
        caller: Option<crate::process::SessionIdent>,
    }

    /// A component was stopped and started again.
    ComponentRestarted {
        /// What was stopped.
        stopped: ComponentStopped,
        /// What was started.
        started: ComponentStarted,
        /// Who asked for it.
        caller: crate::process::SessionIdent,
    }
}

events! { Container:
    /// A component was stopped, or has ended: as `on_component_stopped`, under the name that Crossbar.io has for it.
    ON_COMPONENT_STOP = "container.on_component_stop" (Component);
    /// A component was started.
    ON_COMPONENT_STARTED = "on_component_started" (ComponentStarted);
    /// A component was stopped, or has ended.
    ON_COMPONENT_STOPPED = "on_component_stopped" (ComponentStopped);
    /// A component was stopped and started again, because somebody asked for it.
    ON_COMPONENT_RESTARTED = "on_component_restarted" (ComponentRestarted);
}
