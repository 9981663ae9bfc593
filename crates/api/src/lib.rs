//! The management API: what a node can be asked on its realm `crossbar`, and what it tells there.
//!
//! One type per procedure, whose fields are its arguments, in their order; one per result; one constant per event. Those who
//! serve them and those who call them share these types, and [`reference()`] writes `docs/management-api.md` out of them: there is
//! no second list.
//!
//! Names, arguments and results are those of Crossbar.io. Arguments can be given by position or by name; those with a default
//! can be left out.
//!
//! | scope | URI | answered by |
//! | --- | --- | --- |
//! | [`Scope::Node`] | `crossbar.NAME` | the controller |
//! | [`Scope::Process`] | `crossbar.NAME`, `crossbar.worker.ID.NAME` | the controller, and every native worker |
//! | the others | `crossbar.worker.ID.NAME` | workers of that type |

mod absent;
pub mod container;
mod contract;
pub mod error;
pub mod hostmonitor;
pub mod node;
pub mod process;
pub mod proxy;
mod reference;
pub mod router;
pub mod testee;
pub mod tracing;
pub mod worker;

pub use absent::{ABSENT, Absent};
pub use contract::{Argument, Contract, Event, Object, Procedure, Scope, Shape};
pub use error::Error;
pub use reference::reference;

/// The realm on which a node is managed.
pub const REALM: &str = "crossbar";

/// A part of a configuration, as it stands in the file.
pub type Config = serde_json::Value;

/// Every procedure.
pub fn procedures() -> impl Iterator<Item = &'static Contract> {
    [
        node::PROCEDURES,
        process::PROCEDURES,
        worker::PROCEDURES,
        router::PROCEDURES,
        tracing::PROCEDURES,
        proxy::PROCEDURES,
        container::PROCEDURES,
        hostmonitor::PROCEDURES,
        testee::PROCEDURES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Every event.
pub fn events() -> impl Iterator<Item = &'static Event> {
    [
        node::EVENTS,
        process::EVENTS,
        worker::EVENTS,
        router::EVENTS,
        tracing::EVENTS,
        proxy::EVENTS,
        container::EVENTS,
        hostmonitor::EVENTS,
        testee::EVENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Every kind of object in results and events.
pub fn shapes() -> impl Iterator<Item = &'static Shape> {
    [
        node::SHAPES,
        process::SHAPES,
        worker::SHAPES,
        router::SHAPES,
        tracing::SHAPES,
        proxy::SHAPES,
        container::SHAPES,
        hostmonitor::SHAPES,
        testee::SHAPES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
