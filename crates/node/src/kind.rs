//! The types of workers.

/// The type of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerKind {
    /// A process of this program, with a session on the management realm.
    Native(NativeKind),
    /// Any program.
    Guest,
}

/// The types of native workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeKind {
    /// `router`.
    Router,
    /// `proxy`.
    Proxy,
    /// `container`.
    Container,
    /// `hostmonitor`.
    HostMonitor,
    /// `websocket-testee`.
    Testee,
    /// `rust`: what it runs is linked into the program.
    Linked,
}

impl WorkerKind {
    /// The names of all types that are built.
    pub const NAMES: &str =
        "`router`, `proxy`, `container`, `guest`, `hostmonitor`, `websocket-testee` or `rust`";

    /// Its name in configurations and in the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkerKind::Native(kind) => kind.as_str(),
            WorkerKind::Guest => "guest",
        }
    }

    /// Its name in the log.
    pub fn title(self) -> &'static str {
        match self {
            WorkerKind::Native(kind) => kind.title(),
            WorkerKind::Guest => "Guest",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<WorkerKind> {
        match name {
            "guest" => Some(WorkerKind::Guest),
            name => NativeKind::parse(name).map(WorkerKind::Native),
        }
    }

    /// Whether it may end by itself without having failed.
    pub(crate) fn may_finish(self) -> bool {
        matches!(self, WorkerKind::Guest | WorkerKind::Native(NativeKind::Container | NativeKind::Linked))
    }
}

impl NativeKind {
    const ALL: [NativeKind; 6] = [
        NativeKind::Router,
        NativeKind::Proxy,
        NativeKind::Container,
        NativeKind::HostMonitor,
        NativeKind::Testee,
        NativeKind::Linked,
    ];

    /// Its name in configurations and in the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            NativeKind::Router => "router",
            NativeKind::Proxy => "proxy",
            NativeKind::Container => "container",
            NativeKind::HostMonitor => "hostmonitor",
            NativeKind::Testee => "websocket-testee",
            NativeKind::Linked => "rust",
        }
    }

    /// Its name in the log.
    pub fn title(self) -> &'static str {
        match self {
            NativeKind::Router => "Router",
            NativeKind::Proxy => "Proxy",
            NativeKind::Container => "Container",
            NativeKind::HostMonitor => "HostMonitor",
            NativeKind::Testee => "WebSocketTestee",
            NativeKind::Linked => "Rust",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<NativeKind> {
        NativeKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
