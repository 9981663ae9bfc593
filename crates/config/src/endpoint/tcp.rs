//! TCP endpoints.

use std::net::IpAddr;

use super::Tls;
use crate::document::Value;
use crate::environment::whole_variable;
use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};

/// A TCP endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpEndpoint {
    /// `port` (1 to 65535, 0 for any free one, or `"$NAME"` for an environment variable), or `portrange`
    /// (`[first, last]`). One of the two is needed.
    pub ports: Ports,
    /// `version`: 4 or 6. Default: 4.
    pub version: IpVersion,
    /// `interface`: the IP address to listen on, or `localhost`. Default: all interfaces (None).
    pub interface: Option<IpAddr>,
    /// `backlog`: connections that may wait to be accepted, 1 to 65535. Default: 1024 (Crossbar.io: 50).
    pub backlog: u32,
    /// `shared`: whether several processes may listen on the port and share its connections. Default: false.
    pub shared: bool,
    /// `user_timeout`: milliseconds that sent data may stay unacknowledged before the connection is dropped, up to
    /// 65535; 0 leaves it to the system. Default: 0.
    pub user_timeout: u32,
    /// `tls`. Default: none.
    pub tls: Option<Tls>,
}

/// The port of a TCP endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// `port`: this one; 0 stands for any free one.
    One(u16),
    /// `portrange`: the first free one from the first to the last, both included.
    Range(u16, u16),
}

/// The IP version of a TCP endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// 4.
    V4,
    /// 6.
    V6,
}

impl Default for TcpEndpoint {
    fn default() -> Self {
        Self {
            ports: Ports::One(0),
            version: IpVersion::V4,
            interface: None,
            backlog: 1024,
            shared: false,
            user_timeout: 0,
            tls: None,
        }
    }
}

impl TcpEndpoint {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let ports = ports(reading, &mut fields);
        let version = version(reading, &mut fields);
        let endpoint = Self {
            ports: ports.unwrap_or(Ports::One(0)),
            version,
            interface: interface(reading, &mut fields, version),
            backlog: super::backlog(reading, &mut fields),
            shared: fields.bool(reading, "shared", false),
            user_timeout: fields.int(reading, "user_timeout", 0..=65_535, "milliseconds").unwrap_or(0),
            tls: fields.part(reading, "tls", "TLS settings").map(|fields| Tls::read(reading, fields)),
        };
        fields.finish(reading);
        ports.map(|_| endpoint)
    }

    /// Whether both want the same port of the same interface for themselves.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let (Ports::One(one), Ports::One(two)) = (self.ports, other.ports) else {
            // Ranges look for a free port when they start.
            return false;
        };
        let is_same_interface = match (self.interface, other.interface) {
            (Some(one), Some(two)) => one == two,
            _ => self.version == other.version,
        };
        one == two && one != 0 && is_same_interface && !(self.shared && other.shared)
    }
}

fn ports(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Ports> {
    match (fields.get("port"), fields.get("portrange")) {
        (Some(at), None) => port(reading, &at).map(Ports::One),
        (None, Some(at)) => range(reading, &at),
        (Some(_), Some(at)) => {
            let message = "an endpoint has either a `port` or a `portrange`, not both";
            reading.report(&at, Finding::error(message));
            None
        }
        (None, None) => {
            fields.missing(reading, "port");
            None
        }
    }
}

const PORT: &str = "a port from 1 to 65535, 0 for any free one, or an environment variable, `\"$NAME\"`";

/// The port at this place.
pub(crate) fn port(reading: &mut Reading<'_>, at: &At<'_>) -> Option<u16> {
    reading.note(&at.path, || Shape::integer(&(0..=65_535), ""));
    reading.note(&at.path, || Shape::Pattern(r"^\$(\{\w+\}|\w+)$"));
    let number = match &at.item.value {
        Value::Integer(number) => u16::try_from(*number).ok(),
        Value::String(text) => match whole_variable(text) {
            Some(name) => return port_of_variable(reading, at, name),
            None => None,
        },
        _ => None,
    };
    if number.is_none() {
        reading.wrong_type(at, PORT);
    }
    number
}

fn port_of_variable(reading: &mut Reading<'_>, at: &At<'_>, name: &str) -> Option<u16> {
    let value = reading.variable(at, name)?;
    let port = value.trim().parse().ok();
    if port.is_none() {
        // Not the value: the variable may be the wrong one, and hold a secret.
        let message = format!("environment variable {} holds no port", quoted(name));
        reading.report(at, Finding::error(message).expected("a port from 1 to 65535"));
    }
    port
}

fn range(reading: &mut Reading<'_>, at: &At<'_>) -> Option<Ports> {
    let expected = "two ports, `[first, last]`";
    let ports: Vec<_> =
        reading.elements(at, expected).iter().filter_map(|at| reading.integer(at, 1..=65_535, "")).collect();
    let is_list = matches!(at.item.value, Value::List(_));
    match ports.iter().map(|port| u16::try_from(*port)).collect::<Result<Vec<_>, _>>().as_deref() {
        Ok([first, last]) if first <= last => Some(Ports::Range(*first, *last)),
        Ok([_, _]) => {
            reading.report(at, Finding::error("the port range ends before it starts").expected(expected));
            None
        }
        _ => {
            if is_list {
                reading.report(at, Finding::error("this is no port range").expected(expected));
            }
            None
        }
    }
}

pub(crate) fn version(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> IpVersion {
    match fields.int(reading, "version", 4..=6, "") {
        None | Some(4) => IpVersion::V4,
        Some(6) => IpVersion::V6,
        Some(_) => {
            if let Some(at) = fields.get("version") {
                reading.report(&at, Finding::error("there is no IP version 5").expected("4 or 6"));
            }
            IpVersion::V4
        }
    }
}

fn interface(reading: &mut Reading<'_>, fields: &mut Fields<'_>, version: IpVersion) -> Option<IpAddr> {
    let at = fields.get("interface")?;
    reading.note(&at.path, || Shape::Text);
    reading.note(&at.path, || Shape::Null);
    let text = match &at.item.value {
        // Crossbar.io's own way to say "all interfaces".
        Value::String(text) if text.is_empty() => return None,
        Value::Null => return None,
        _ => reading.text(&at)?,
    };
    let address = match (text.as_str(), version) {
        ("localhost", IpVersion::V4) => Some(IpAddr::from([127, 0, 0, 1])),
        ("localhost", IpVersion::V6) => Some(IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
        (text, _) => text.parse().ok(),
    };
    match address {
        None => {
            let message = format!("{} is not an IP address", quoted(&text));
            reading.report(
                &at,
                Finding::error(message).expected("an IP address such as `127.0.0.1`, or `localhost`"),
            );
        }
        Some(address) if address.is_ipv6() != (version == IpVersion::V6) => {
            let (found, needed) = if address.is_ipv6() { (6, 6) } else { (4, 4) };
            let message = format!("{} is an address of IP version {found}", quoted(&text));
            reading
                .report(&at, Finding::error(message).expected(format!("`\"version\": {needed}` beside it")));
        }
        Some(_) => {}
    }
    address
}
