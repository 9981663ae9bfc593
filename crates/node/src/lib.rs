//! The node: a controller, its workers, and the management API by which they are run.
//!
//! ```text
//!  configuration ──boot──▶ calls ──┐                       ┌── worker: a process, or inline
//!  command line, console ──────────┼──▶ realm `crossbar` ──┼── worker
//!  node.sock ──────────────────────┘          │            └── ...
//!                                        controller
//! ```
//!
//! The controller has a router of its own with the realm `crossbar`. Every worker is a session there and answers for itself;
//! whoever manages the node calls procedures on that realm, the node itself no less than others. There is no second way.
//!
//! | look for | in |
//! | --- | --- |
//! | what a configuration means, as calls | [`boot`] |
//! | what makes a running node what another configuration says | [`change`] |
//! | starting, watching and stopping workers | `controller` |
//! | a worker from within | `native` |
//! | components in containers and routers, your own among them | [`component`], `container` |
//! | figures of the machine, the WebSocket testee | `hostmonitor`, `testee` |
//! | realms, roles and transports of a router worker | `router` |
//! | what every process tells of itself | `process` |
//! | how procedures are answered and events published | `service` |
//! | what a program adds to the node | [`Extensions`] |
//! | which permission decides, for `crossweave explain` | [`explain`] |
//! | the node's key | `key` |

pub mod boot;
pub mod change;
mod clock;
pub mod component;
mod container;
mod controller;
pub mod explain;
mod extension;
mod guest;
mod host;
mod hostmonitor;
mod key;
mod kind;
mod lines;
mod linked;
mod native;
mod process;
mod router;
mod service;
mod testee;

pub use component::{Component, Components};
pub use controller::{
    Configuration, Controller, NodeOptions, NotStarted, SOCKET, WORKER_LOG_TARGET, Why, another_users,
    controller_of, running_pid, untold_pid,
};
pub use extension::{Extensions, MakeProtocol, MakeWebService, Registry};
pub use guest::{become_guest, watch_guests};
pub use key::{check_node_key, node_key};
pub use kind::{NativeKind, WorkerKind};
pub use native::{NativeOptions, limits_of_environment, options_of_environment, run_worker};
pub use router::{Entrance, Obstacle, Protocol, findings};
