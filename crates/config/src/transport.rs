//! `transports[]`: how clients reach the realms of a router.

mod connection;
mod cookie;
mod rawsocket;
mod universal;
mod web;
mod websocket;
mod websocket_options;

pub use connection::{ConnectionOptions, OnSlow, ResumptionOptions};
pub use cookie::{Cookie, CookieStore};
pub use rawsocket::{RawSocket, RawSocketOptions};
pub use universal::{Universal, WebSocketPath};
pub use web::{Web, WebPath, WebService};
pub use websocket::WebSocket;
pub use websocket_options::{AllowedOrigins, Deflate, WebSocketOptions};

use crate::auth::Reach;
use crate::endpoint::{Endpoint, Listener};
use crate::reading::{At, Reading, Unique};
use crate::realm::Realm;

/// A transport: where it listens, what it speaks there, and what one connection may use up.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// `id`: for management. Default: `transport001`, `transport002`, ...
    pub id: String,
    /// `endpoint`: where it listens. Needed.
    pub endpoint: Endpoint,
    /// What is our own in `options`: bounds that hold for every connection of this transport.
    pub connection: ConnectionOptions,
    /// `type`, with what belongs to it.
    pub protocol: Protocol,
}

/// What a transport speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum Protocol {
    /// `"type": "websocket"`: WebSocket, whatever path a client asks for.
    WebSocket(WebSocket),
    /// `"type": "rawsocket"`.
    RawSocket(RawSocket),
    /// `"type": "universal"`: several on one port.
    Universal(Universal),
    /// `"type": "web"`: HTTP, with services by path.
    Web(Web),
}

/// What is around a service and decides over its defaults and references.
pub(crate) struct Surroundings<'a> {
    /// What authentication refers to.
    reach: Reach<'a>,
    /// Whether only this machine can connect.
    is_loopback: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    WebSocket,
    RawSocket,
    Universal,
    Web,
    NotBuilt(&'static str),
}

const KINDS: &[(&str, Kind)] = &[
    ("websocket", Kind::WebSocket),
    ("rawsocket", Kind::RawSocket),
    ("universal", Kind::Universal),
    ("web", Kind::Web),
    ("mqtt", Kind::NotBuilt("mqtt")),
    ("flashpolicy", Kind::NotBuilt("flashpolicy")),
    ("websocket.testee", Kind::NotBuilt("websocket.testee")),
    ("stream.testee", Kind::NotBuilt("stream.testee")),
];

impl Transport {
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        at: At<'_>,
        realms: &[Realm],
        ids: &mut Unique,
        listeners: &mut Vec<Listener>,
    ) -> Option<Self> {
        let mut fields = reading.object(at, "a transport")?;
        let at = fields.required(reading, "type")?;
        let kind = reading.word(&at, KINDS)?;
        if let Kind::NotBuilt(name) = kind {
            reading.not_built(&at, &format!("transport type `{name}`"));
            return None;
        }
        let id = fields.id(reading, "transport", ids);
        let endpoint =
            fields.required(reading, "endpoint").and_then(|at| Endpoint::read(reading, at, listeners));
        let is_loopback = endpoint.as_ref().is_none_or(Endpoint::is_loopback);
        let tls = match &endpoint {
            Some(Endpoint::Tcp(tcp)) => tcp.tls.as_ref(),
            _ => None,
        };
        let is_network = matches!(endpoint, Some(Endpoint::Tcp(_)));
        let reach = Reach {
            realms,
            is_readable: is_network && !is_loopback && tls.is_none(),
            has_certificates: tls.is_some_and(|tls| !tls.ca_certificates.is_empty()),
        };
        let around = Surroundings { reach, is_loopback };
        let mut connection = ConnectionOptions::default();
        let protocol = match kind {
            Kind::WebSocket => {
                Protocol::WebSocket(WebSocket::read(reading, &mut fields, &around, Some(&mut connection)))
            }
            Kind::RawSocket => {
                Protocol::RawSocket(RawSocket::read(reading, &mut fields, &around, Some(&mut connection)))
            }
            Kind::Universal => {
                connection = connection::alone(reading, &mut fields);
                Protocol::Universal(Universal::read(reading, &mut fields, &around))
            }
            Kind::Web => Protocol::Web(Web::read(reading, &mut fields, &around, Some(&mut connection))),
            Kind::NotBuilt(_) => return None,
        };
        fields.finish(reading);
        Some(Self { id, endpoint: endpoint?, connection, protocol })
    }
}
