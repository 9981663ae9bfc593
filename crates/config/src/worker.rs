//! `workers[]`: what a node runs.

mod component;
mod container;
mod guest;
mod hostmonitor;
mod linked;
mod options;
mod process;
mod proxy;
mod router;
mod template;
mod testee;

pub use component::{Callbacks, Code, ContainerComponent, RouterComponent};
pub use container::{ContainerRestart, ContainerShutdown, ContainerWorker};
pub use guest::{GuestOptions, GuestOutput, GuestStdin, GuestWatch, GuestWorker};
pub use hostmonitor::HostMonitorWorker;
pub use linked::LinkedWorker;
pub use options::{Disabled, WorkerOptions};
pub use process::{Inherit, ProcessEnv};
pub(crate) use proxy::routed;
pub use proxy::{ProxyAuth, ProxyConnection, ProxyRoute, ProxyWorker};
pub use router::RouterWorker;
pub use template::WorkerTemplate;
pub use testee::WebSocketTesteeWorker;

use crate::document::Value;
use crate::endpoint::Listener;
use crate::reading::{At, Fields, Reading, Unique};

/// A worker of the node.
#[derive(Debug, Clone, PartialEq)]
pub enum Worker {
    /// `"type": "router"`.
    Router(RouterWorker),
    /// `"type": "container"`.
    Container(ContainerWorker),
    /// `"type": "guest"`.
    Guest(GuestWorker),
    /// `"type": "proxy"`.
    Proxy(ProxyWorker),
    /// `"type": "websocket-testee"`.
    WebSocketTestee(WebSocketTesteeWorker),
    /// `"type": "hostmonitor"`.
    HostMonitor(HostMonitorWorker),
    /// `"type": "rust"`. Not in Crossbar.io.
    Linked(LinkedWorker),
}

/// The worker types Crossbar.io has, and one for those of the program.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Router,
    Container,
    Guest,
    Proxy,
    WebSocketTestee,
    HostMonitor,
    Linked,
}

const KINDS: &[(&str, Kind)] = &[
    ("router", Kind::Router),
    ("container", Kind::Container),
    ("guest", Kind::Guest),
    ("proxy", Kind::Proxy),
    ("websocket-testee", Kind::WebSocketTestee),
    ("hostmonitor", Kind::HostMonitor),
    ("rust", Kind::Linked),
];

/// What all workers of a node share while they are read.
pub(crate) struct Siblings {
    ids: Unique,
    listeners: Vec<Listener>,
}

impl Siblings {
    pub(crate) fn new() -> Self {
        Self { ids: Unique::new("worker id"), listeners: Vec::new() }
    }
}

/// Why there are no workers of type `xbrmm`.
pub const NO_DATA_MARKETS: &str = "it is of the data markets on a blockchain, and Crossweave uses none";

impl Worker {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>, siblings: &mut Siblings) -> Option<Self> {
        let mut fields = reading.object(at, "a worker")?;
        let at = fields.required(reading, "type")?;
        if matches!(&at.item.value, Value::String(kind) if kind == "xbrmm") {
            reading.refused(&at, "worker type `xbrmm`", NO_DATA_MARKETS);
            return None;
        }
        let kind = reading.word(&at, KINDS)?;
        fields.elsewhere("disabled", "it in `options`");
        reading.is_disabled = options::is_disabled(reading, &fields);
        let worker = match kind {
            Kind::Router => Some(Self::Router(RouterWorker::read(reading, fields, siblings))),
            Kind::Container => Some(Self::Container(ContainerWorker::read(reading, fields, siblings))),
            Kind::Guest => Some(Self::Guest(GuestWorker::read(reading, fields, siblings))),
            Kind::Proxy => Some(Self::Proxy(ProxyWorker::read(reading, fields, siblings))),
            Kind::WebSocketTestee => {
                Some(Self::WebSocketTestee(WebSocketTesteeWorker::read(reading, fields, siblings)))
            }
            Kind::HostMonitor => Some(Self::HostMonitor(HostMonitorWorker::read(reading, fields, siblings))),
            Kind::Linked => Some(Self::Linked(LinkedWorker::read(reading, fields, siblings))),
        };
        reading.is_disabled = false;
        reading.worker_env = None;
        worker
    }

    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Router(it) => &it.id,
            Self::Container(it) => &it.id,
            Self::Guest(it) => &it.id,
            Self::Proxy(it) => &it.id,
            Self::WebSocketTestee(it) => &it.id,
            Self::HostMonitor(it) => &it.id,
            Self::Linked(it) => &it.id,
        }
    }

    /// The word of its `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Router(_) => "router",
            Self::Container(_) => "container",
            Self::Guest(_) => "guest",
            Self::Proxy(_) => "proxy",
            Self::WebSocketTestee(_) => "websocket-testee",
            Self::HostMonitor(_) => "hostmonitor",
            Self::Linked(_) => "rust",
        }
    }

    /// For which realms it is started; none if it is started with the node.
    pub fn template(&self) -> Option<&WorkerTemplate> {
        match self {
            Self::Container(it) => it.template.as_ref(),
            Self::Guest(it) => it.template.as_ref(),
            _ => None,
        }
    }

    /// Why it is left out, if it is.
    pub fn disabled(&self) -> Option<&Disabled> {
        match self {
            Self::Router(it) => it.options.disabled.as_ref(),
            Self::Container(it) => it.options.disabled.as_ref(),
            Self::Guest(it) => it.options.disabled.as_ref(),
            Self::Proxy(it) => it.options.disabled.as_ref(),
            Self::WebSocketTestee(it) => it.options.disabled.as_ref(),
            Self::HostMonitor(it) => it.options.disabled.as_ref(),
            Self::Linked(it) => it.options.disabled.as_ref(),
        }
    }

    /// The options that all workers have that are no guests.
    pub fn options(&self) -> Option<&WorkerOptions> {
        match self {
            Self::Router(it) => Some(&it.options),
            Self::Container(it) => Some(&it.options),
            Self::Guest(_) => None,
            Self::Proxy(it) => Some(&it.options),
            Self::WebSocketTestee(it) => Some(&it.options),
            Self::HostMonitor(it) => Some(&it.options),
            Self::Linked(it) => Some(&it.options),
        }
    }

    /// The router, if it is one.
    pub fn as_router(&self) -> Option<&RouterWorker> {
        match self {
            Self::Router(router) => Some(router),
            _ => None,
        }
    }
}

/// Refuses what Crossbar.io's processes have because they are Python.
fn no_python_process(reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
    fields.refused(reading, "manhole", "it is a shell into a Python process, and there is none");
    fields.no_effect(reading, "connections", "Crossbar.io ignores it too");
}
