//! Transports by which this node connects to a router, as components, links and proxies have them.

mod endpoint;

pub use endpoint::{ClientTls, ConnectingEndpoint, ConnectingTcp};

use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};
use crate::serializer::{self, Batches, Serializer};
use crate::transport::{RawSocketOptions, WebSocketOptions};

/// How to connect to a router.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectingTransport {
    /// `id`. Default: none.
    pub id: Option<String>,
    /// `endpoint`: where to. Needed.
    pub endpoint: ConnectingEndpoint,
    /// `type`, with what belongs to it.
    pub protocol: ConnectingProtocol,
}

/// What is spoken.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectingProtocol {
    /// `"type": "websocket"`.
    WebSocket {
        /// `url`: `ws://host:port/path` or `wss://...`. Needed.
        url: String,
        /// `serializers`: those offered, the first one preferred. Default: all.
        serializers: Vec<Serializer>,
        /// `options`. Those that are only for servers mean nothing here.
        options: Box<WebSocketOptions>,
    },
    /// `"type": "rawsocket"`.
    RawSocket {
        /// `serializer`. Needed.
        serializer: Serializer,
        /// `url`: `rs://host:port`; only shown. Default: none.
        url: Option<String>,
        /// `options`.
        options: RawSocketOptions,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    WebSocket,
    RawSocket,
}

const SERIALIZERS: &[(&str, Serializer)] = &[
    ("json", Serializer::Json),
    ("msgpack", Serializer::MsgPack),
    ("cbor", Serializer::Cbor),
    ("ubjson", Serializer::Ubjson),
    ("flatbuffers", Serializer::FlatBuffers),
];

impl ConnectingTransport {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let words = &[("websocket", Kind::WebSocket), ("rawsocket", Kind::RawSocket)];
        let mut fields = reading.object(at, "a connecting transport")?;
        let kind = fields.required(reading, "type").and_then(|at| reading.word(&at, words))?;
        let id = fields.text(reading, "id");
        let endpoint =
            fields.required(reading, "endpoint").and_then(|at| ConnectingEndpoint::read(reading, at));
        let protocol = match kind {
            Kind::WebSocket => websocket(reading, &mut fields),
            Kind::RawSocket => rawsocket(reading, &mut fields),
        };
        fields.no_effect(reading, "debug", "messages are logged with `--loglevel trace`");
        fields.finish(reading);
        Some(Self { id, endpoint: endpoint?, protocol: protocol? })
    }

    /// Whether it is a Unix socket.
    pub fn is_local(&self) -> bool {
        matches!(self.endpoint, ConnectingEndpoint::Unix { .. })
    }

    /// The WebSocket transport that something is passed on to, and no other.
    pub(crate) fn read_websocket(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let whole = at.clone();
        let transport = Self::read(reading, at)?;
        if matches!(transport.protocol, ConnectingProtocol::RawSocket { .. }) {
            let message = "WebSocket can only be passed on to WebSocket";
            reading.report(&whole.start(), Finding::error(message).expected("`\"type\": \"websocket\"`"));
        }
        Some(transport)
    }
}

fn websocket(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<ConnectingProtocol> {
    let url = fields.required(reading, "url").and_then(|at| url(reading, &at, &["ws://", "wss://"]));
    let serializers = serializer::read(reading, fields, Batches::Spoken).single;
    let options = fields.section(reading, "options", "the WebSocket options", |reading, fields| {
        WebSocketOptions::read_connecting(reading, fields)
    });
    Some(ConnectingProtocol::WebSocket { url: url?, serializers, options: Box::new(options) })
}

fn rawsocket(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<ConnectingProtocol> {
    let serializer = fields.required(reading, "serializer").and_then(|at| reading.word(&at, SERIALIZERS));
    fields.elsewhere("serializers", "one `serializer`: a RawSocket client offers one");
    let url = fields.get("url").and_then(|at| url(reading, &at, &["rs://", "rss://", "ws://", "wss://"]));
    let options = fields.section(reading, "options", "the RawSocket options", |reading, fields| {
        RawSocketOptions::read(reading, fields, None)
    });
    Some(ConnectingProtocol::RawSocket { serializer: serializer?, url, options })
}

/// A URL that begins with one of these; there is something behind it.
pub(crate) fn url(reading: &mut Reading<'_>, at: &At<'_>, schemes: &[&str]) -> Option<String> {
    let url = reading.text(at)?;
    reading.note(&at.path, || Shape::Text);
    let host = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
        let expected = schemes.iter().map(|scheme| format!("`{scheme}...`")).collect::<Vec<_>>().join(" or ");
        reading.report(at, Finding::error(format!("{} is not such a URL", quoted(&url))).expected(expected));
    }
    Some(url)
}
