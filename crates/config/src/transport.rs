//! `transports[]`: how clients reach the realms of a router.

mod connection;
mod cookie;
mod mqtt;
mod rawsocket;
mod testee;
mod universal;
mod web;
mod websocket;
mod websocket_options;

pub use connection::{ConnectionOptions, OnSlow, ResumptionOptions};
pub use cookie::{Cookie, CookieStore};
pub use mqtt::{Mqtt, PayloadKind, PayloadMapping};
pub use rawsocket::{RawSocket, RawSocketOptions};
pub use testee::{FlashPolicy, WebSocketTestee};
pub use universal::{Universal, WebSocketPath};
pub use web::{Web, WebOptions, WebPath};
pub use websocket::WebSocket;
pub(crate) use websocket_options::allowed_origins;
pub use websocket_options::{AllowedOrigins, Deflate, WebSocketOptions};

use crate::auth::{self, Auth, Reach};
use crate::endpoint::{Endpoint, Listener};
use crate::linked::Linked;
use crate::reading::{At, Fields, Finding, Reading, Unique};
use crate::realm::Realm;
use crate::service::{StaticSource, WebService};

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
    WebSocket(Box<WebSocket>),
    /// `"type": "rawsocket"`.
    RawSocket(RawSocket),
    /// `"type": "universal"`: several on one port.
    Universal(Box<Universal>),
    /// `"type": "web"`: HTTP, with services by path.
    Web(Web),
    /// `"type": "mqtt"`: MQTT 3.1.1.
    Mqtt(Mqtt),
    /// `"type": "flashpolicy"`.
    FlashPolicy(FlashPolicy),
    /// `"type": "websocket.testee"`.
    WebSocketTestee(WebSocketTestee),
    /// `"type": "stream.testee"`: sends every byte back.
    StreamTestee,
    /// `"type": "rust"`: a protocol that is linked into the program. Not in Crossbar.io.
    Linked(Box<LinkedTransport>),
}

/// What a transport speaks that is linked into the program.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkedTransport {
    /// `name` and `extra`.
    pub linked: Linked,
    /// `auth`: who may join, and as whom. Default: anonymous.
    pub auth: Auth,
}

/// What is around a service and decides over its defaults and references.
pub(crate) struct Surroundings<'a> {
    /// What authentication refers to.
    reach: Reach<'a>,
    /// Whether only this machine can connect.
    is_loopback: bool,
    /// Whether connections are encrypted.
    has_tls: bool,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn realms(&self) -> &'a [Realm] {
        self.reach.realms
    }

    pub(crate) fn reach(&self) -> &Reach<'a> {
        &self.reach
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    WebSocket,
    RawSocket,
    Universal,
    Web,
    Mqtt,
    FlashPolicy,
    WebSocketTestee,
    StreamTestee,
    Linked,
}

const KINDS: &[(&str, Kind)] = &[
    ("websocket", Kind::WebSocket),
    ("rawsocket", Kind::RawSocket),
    ("universal", Kind::Universal),
    ("web", Kind::Web),
    ("mqtt", Kind::Mqtt),
    ("flashpolicy", Kind::FlashPolicy),
    ("websocket.testee", Kind::WebSocketTestee),
    ("stream.testee", Kind::StreamTestee),
    ("rust", Kind::Linked),
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
        if matches!(&at.item.value, crate::document::Value::String(kind) if kind == "unisocket") {
            let finding = Finding::error("transport type `unisocket` is called `universal` now");
            reading.report(&at, finding.expected("`universal`"));
            return None;
        }
        let kind = reading.word(&at, KINDS)?;
        if !matches!(kind, Kind::WebSocket | Kind::RawSocket | Kind::Universal | Kind::Web | Kind::Linked) {
            let name = KINDS.iter().find(|(_, it)| *it == kind).map_or("", |(name, _)| *name);
            reading.not_built(&at, &format!("transport type `{name}`"));
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
        let around = Surroundings { reach, is_loopback, has_tls: tls.is_some() };
        let mut connection = ConnectionOptions::default();
        let protocol = match kind {
            Kind::WebSocket => Some(Protocol::WebSocket(Box::new(WebSocket::read(
                reading,
                &mut fields,
                &around,
                Some(&mut connection),
            )))),
            Kind::RawSocket => Some(Protocol::RawSocket(RawSocket::read(
                reading,
                &mut fields,
                &around,
                Some(&mut connection),
            ))),
            Kind::Universal => {
                connection = connection::alone(reading, &mut fields);
                Some(Protocol::Universal(Box::new(Universal::read(reading, &mut fields, &around))))
            }
            Kind::Web => Some(Protocol::Web(Web::read(reading, &mut fields, &around, Some(&mut connection)))),
            Kind::Linked => {
                connection = connection::alone(reading, &mut fields);
                let auth = auth::read(reading, &mut fields, &around.reach);
                Linked::read(reading, &mut fields)
                    .map(|linked| Protocol::Linked(Box::new(LinkedTransport { linked, auth })))
            }
            kind => other(reading, &mut fields, kind, &around),
        };
        fields.finish(reading);
        Some(Self { id, endpoint: endpoint?, connection, protocol: protocol? })
    }

    /// Whether it serves files of a Python package.
    pub(crate) fn serves_package(&self) -> bool {
        let web = match &self.protocol {
            Protocol::Web(web) => Some(web),
            Protocol::Universal(universal) => universal.web.as_ref(),
            _ => None,
        };
        let is_package = |service: &WebService| match service {
            WebService::Static(files) => matches!(files.source, StaticSource::Package { .. }),
            _ => false,
        };
        web.is_some_and(|web| web.paths.iter().any(|at| is_package(&at.service)))
    }

    /// The transport of a WebSocket testee: WebSocket, and nothing else.
    pub(crate) fn read_testee(
        reading: &mut Reading<'_>,
        at: At<'_>,
        ids: &mut Unique,
        listeners: &mut Vec<Listener>,
    ) -> Option<Self> {
        let kind = at.peek("type");
        let transport = Self::read(reading, at, &[], ids, listeners)?;
        if let (Some(at), false) = (kind, matches!(transport.protocol, Protocol::WebSocket(_))) {
            let message = "a WebSocket testee has a WebSocket transport";
            reading.report(&at, Finding::error(message).expected("`websocket`"));
        }
        Some(transport)
    }
}

/// Transports that are not built yet.
fn other(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    kind: Kind,
    around: &Surroundings<'_>,
) -> Option<Protocol> {
    match kind {
        Kind::Mqtt => Mqtt::read(reading, fields, around).map(Protocol::Mqtt),
        Kind::FlashPolicy => FlashPolicy::read(reading, fields).map(Protocol::FlashPolicy),
        Kind::WebSocketTestee => Some(Protocol::WebSocketTestee(WebSocketTestee::read(reading, fields))),
        _ => {
            testee::debug_means_nothing(reading, fields);
            Some(Protocol::StreamTestee)
        }
    }
}
