//! `endpoint`: where a transport listens.

mod tcp;
mod tls;
mod unix;

use std::path::PathBuf;

pub use tcp::{IpVersion, Ports, TcpEndpoint};
pub(crate) use tcp::{port, version};
pub use tls::{Tls, UnusableFile};
pub use unix::UnixEndpoint;
pub(crate) use unix::unix_path;

use crate::reading::{At, Fields, Finding, Reading};

/// Where a transport listens.
#[derive(Debug, Clone, PartialEq)]
pub enum Endpoint {
    /// `"type": "tcp"`.
    Tcp(TcpEndpoint),
    /// `"type": "unix"`.
    Unix(UnixEndpoint),
}

impl Endpoint {
    /// Whether it is a TCP endpoint on loopback: browsers of the same machine can connect, and no others. (None can connect
    /// to a Unix socket; if there is one behind it, there is a proxy between.)
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.interface.is_some_and(|interface| interface.is_loopback()),
            Self::Unix(_) => false,
        }
    }
}

/// An address that some transport of the node already listens on.
pub(crate) struct Listener {
    address: Address,
    line: usize,
}

enum Address {
    Port(TcpEndpoint),
    Path(PathBuf),
}

#[derive(Clone, Copy)]
enum Kind {
    Tcp,
    Unix,
    Refused(&'static str, &'static str),
}

const KINDS: &[(&str, Kind)] = &[
    ("tcp", Kind::Tcp),
    ("unix", Kind::Unix),
    (
        "twisted",
        Kind::Refused(
            "twisted",
            "it is Twisted's own notation for endpoints; write a `tcp` or `unix` endpoint",
        ),
    ),
    (
        "onion",
        Kind::Refused(
            "onion",
            "Tor is not spoken; let a Tor daemon forward an onion service to a `tcp` endpoint",
        ),
    ),
];

impl Endpoint {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>, listeners: &mut Vec<Listener>) -> Option<Self> {
        let whole = at.clone();
        let mut fields = reading.object(at, "a listening endpoint")?;
        let at = fields.required(reading, "type")?;
        let endpoint = match reading.word(&at, KINDS)? {
            Kind::Tcp => Self::Tcp(TcpEndpoint::read(reading, fields)?),
            Kind::Unix => Self::Unix(UnixEndpoint::read(reading, fields)?),
            Kind::Refused(name, why) => {
                reading.refused(&at, &format!("endpoint type `{name}`"), why);
                return None;
            }
        };
        endpoint.claim(reading, &whole, listeners);
        Some(endpoint)
    }

    /// Two transports cannot listen on the same address.
    fn claim(&self, reading: &mut Reading<'_>, at: &At<'_>, listeners: &mut Vec<Listener>) {
        let line = reading.line(at.range.start);
        if let Some(earlier) = listeners.iter().find(|listener| self.collides(&listener.address)) {
            let message =
                format!("{} is already taken by the endpoint on line {}", self.describe(), earlier.line);
            reading.report(&at.start(), Finding::error(message).expected("another address"));
        }
        let address = match self {
            Self::Tcp(tcp) => Address::Port(tcp.clone()),
            Self::Unix(unix) => Address::Path(unix.path.clone()),
        };
        listeners.push(Listener { address, line });
    }

    fn collides(&self, address: &Address) -> bool {
        match (self, address) {
            (Self::Tcp(one), Address::Port(other)) => one.collides(other),
            (Self::Unix(one), Address::Path(path)) => one.path == *path,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Tcp(TcpEndpoint { ports: Ports::One(port), .. }) => format!("port {port}"),
            Self::Tcp(_) => "the port range".to_owned(),
            Self::Unix(unix) => crate::reading::quoted(&unix.path.to_string_lossy()),
        }
    }
}

/// Reads `backlog`: how many connections may wait to be accepted.
fn backlog(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> u32 {
    /// Crossbar.io has 50, which a burst of clients overflows.
    const DEFAULT: u32 = 1024;
    fields.int(reading, "backlog", 1..=65_535, "connections").unwrap_or(DEFAULT)
}
