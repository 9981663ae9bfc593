//! Where to listen, and where a connection comes from.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenEndpoint {
    /// A TCP port.
    Tcp {
        /// An address or a host name; empty for every IPv4 address, `::` for every address of both versions.
        host: String,
        /// The port; 0 lets the system choose ([`Listener::address`](crate::listener::Listener::address) tells).
        port: u16,
        /// How many connections may wait to be accepted.
        backlog: u32,
        /// Whether other processes may listen on the same port (`SO_REUSEPORT`).
        shared: bool,
        /// How long sent octets may stay unacknowledged before the connection is dropped (`TCP_USER_TIMEOUT`).
        user_timeout_ms: Option<u32>,
    },
    /// A Unix domain socket.
    Unix {
        /// The socket's file. A stale one is replaced, a used one is not.
        path: PathBuf,
        /// The file's permissions, such as `0o600`; `None` leaves them to the umask.
        mode: Option<u32>,
        /// How many connections may wait to be accepted.
        backlog: u32,
    },
}

/// The backlog unless configured otherwise. The kernel caps it at `net.core.somaxconn`.
pub const BACKLOG_DEFAULT: u32 = 1024;

impl ListenEndpoint {
    /// A TCP endpoint with defaults for the rest.
    pub fn tcp(host: &str, port: u16) -> ListenEndpoint {
        let host = host.to_owned();
        ListenEndpoint::Tcp { host, port, backlog: BACKLOG_DEFAULT, shared: false, user_timeout_ms: None }
    }

    /// A Unix endpoint with defaults for the rest.
    pub fn unix(path: impl Into<PathBuf>) -> ListenEndpoint {
        ListenEndpoint::Unix { path: path.into(), mode: None, backlog: BACKLOG_DEFAULT }
    }
}

impl fmt::Display for ListenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenEndpoint::Tcp { host, port, .. } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            ListenEndpoint::Tcp { host, port, .. } => write!(f, "tcp:{host}:{port}"),
            ListenEndpoint::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where a listener really listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundAddress {
    /// The address with the port that was chosen.
    Tcp(SocketAddr),
    /// The socket's file.
    Unix(PathBuf),
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundAddress::Tcp(address) => write!(f, "tcp:{address}"),
            BoundAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerAddress {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process on this machine, as the kernel knows it.
    Unix {
        /// Its process, if the system tells.
        pid: Option<i32>,
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// This process.
    Memory,
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(SocketAddr::V4(address)) => write!(f, "tcp4:{address}"),
            PeerAddress::Tcp(SocketAddr::V6(address)) => write!(f, "tcp6:{address}"),
            PeerAddress::Unix { pid: Some(pid), uid, .. } => write!(f, "unix:pid={pid},uid={uid}"),
            PeerAddress::Unix { pid: None, uid, .. } => write!(f, "unix:uid={uid}"),
            PeerAddress::Memory => f.write_str("memory"),
        }
    }
}
