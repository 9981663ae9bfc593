//! The services of a web transport, by `type`.

mod archive;
mod bridge;
mod files;
mod longpoll;
mod proxying;
mod python;
mod rules;
mod simple;
mod upload;
mod wap;

pub use archive::{Archive, Catalog as CatalogPage};
pub use bridge::{RestBridge, RestOptions, Webhook};
pub use files::{StaticFiles, StaticSource};
pub use longpoll::LongPoll;
pub use proxying::{ReverseProxy, WebSocketReverseProxy};
pub use python::{Cgi, Resource, Wsgi};
pub use rules::IpNetwork;
pub use simple::{JsonValue, Redirect};
pub use upload::{Upload, UploadFields};
pub use wap::{Wap, WapRoute, WapTemplates};

use crate::linked::Linked;
use crate::reading::{At, Fields, Reading};
use crate::transport::{Surroundings, WebSocket};

/// A web service.
#[derive(Debug, Clone, PartialEq)]
pub enum WebService {
    /// `"type": "websocket"`.
    WebSocket(Box<WebSocket>),
    /// `"type": "static"`: files.
    Static(StaticFiles),
    /// `"type": "json"`: a value.
    Json(JsonValue),
    /// `"type": "redirect"`: to another URL.
    Redirect(Redirect),
    /// `"type": "nodeinfo"`: a page about the node.
    NodeInfo,
    /// `"type": "publisher"`: publishes what is posted.
    Publisher(RestBridge),
    /// `"type": "caller"`: calls what is posted.
    Caller(RestBridge),
    /// `"type": "webhook"`: publishes what other services post.
    Webhook(Webhook),
    /// `"type": "longpoll"`: WAMP over HTTP.
    LongPoll(Box<LongPoll>),
    /// `"type": "upload"`: files of clients.
    Upload(Box<Upload>),
    /// `"type": "reverseproxy"`: passes requests on.
    ReverseProxy(ReverseProxy),
    /// `"type": "websocket-reverseproxy"`: passes WebSocket connections on.
    WebSocketReverseProxy(Box<WebSocketReverseProxy>),
    /// `"type": "archive"`: files of a zip archive.
    Archive(Archive),
    /// `"type": "wap"`: pages made of what procedures answer.
    Wap(Wap),
    /// `"type": "catalog"`: a page about an API.
    Catalog(CatalogPage),
    /// `"type": "cgi"`: programs.
    Cgi(Cgi),
    /// `"type": "wsgi"`: a Python web application.
    Wsgi(Wsgi),
    /// `"type": "resource"`: a resource of Twisted.
    Resource(Resource),
    /// `"type": "rust"`: a service that is linked into the program. Not in Crossbar.io.
    Linked(Linked),
    /// `"type": "none"`: 404.
    Nothing,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    WebSocket,
    Path,
    Static,
    Json,
    Redirect,
    NodeInfo,
    Publisher,
    Caller,
    Webhook,
    LongPoll,
    Upload,
    ReverseProxy,
    WebSocketReverseProxy,
    Archive,
    Wap,
    Catalog,
    Cgi,
    Wsgi,
    Resource,
    Linked,
    Nothing,
    /// Of the management of Crossbar.io FX.
    PairMe,
}

pub(crate) const KINDS: &[(&str, Kind)] = &[
    ("websocket", Kind::WebSocket),
    ("path", Kind::Path),
    ("static", Kind::Static),
    ("json", Kind::Json),
    ("redirect", Kind::Redirect),
    ("nodeinfo", Kind::NodeInfo),
    ("publisher", Kind::Publisher),
    ("caller", Kind::Caller),
    ("webhook", Kind::Webhook),
    ("longpoll", Kind::LongPoll),
    ("upload", Kind::Upload),
    ("reverseproxy", Kind::ReverseProxy),
    ("websocket-reverseproxy", Kind::WebSocketReverseProxy),
    ("archive", Kind::Archive),
    ("wap", Kind::Wap),
    ("catalog", Kind::Catalog),
    ("cgi", Kind::Cgi),
    ("wsgi", Kind::Wsgi),
    ("resource", Kind::Resource),
    ("rust", Kind::Linked),
    ("none", Kind::Nothing),
    ("pairme", Kind::PairMe),
];

/// The services that answer; the others answer 501 until they are built.
const BUILT: &[Kind] = &[
    Kind::WebSocket,
    Kind::Path,
    Kind::Nothing,
    Kind::Static,
    Kind::Json,
    Kind::Redirect,
    Kind::NodeInfo,
    Kind::Publisher,
    Kind::Caller,
    Kind::Webhook,
    Kind::LongPoll,
    Kind::Linked,
];

impl WebService {
    /// The word of its `type`.
    pub fn type_name(&self) -> &'static str {
        let kind = self.kind();
        KINDS.iter().find(|(_, it)| *it == kind).map_or("", |(name, _)| *name)
    }

    /// Whether it is built; if not, it is to answer 501.
    pub fn is_built(&self) -> bool {
        BUILT.contains(&self.kind())
    }

    fn kind(&self) -> Kind {
        match self {
            Self::WebSocket(_) => Kind::WebSocket,
            Self::Static(_) => Kind::Static,
            Self::Json(_) => Kind::Json,
            Self::Redirect(_) => Kind::Redirect,
            Self::NodeInfo => Kind::NodeInfo,
            Self::Publisher(_) => Kind::Publisher,
            Self::Caller(_) => Kind::Caller,
            Self::Webhook(_) => Kind::Webhook,
            Self::LongPoll(_) => Kind::LongPoll,
            Self::Upload(_) => Kind::Upload,
            Self::ReverseProxy(_) => Kind::ReverseProxy,
            Self::WebSocketReverseProxy(_) => Kind::WebSocketReverseProxy,
            Self::Archive(_) => Kind::Archive,
            Self::Wap(_) => Kind::Wap,
            Self::Catalog(_) => Kind::Catalog,
            Self::Cgi(_) => Kind::Cgi,
            Self::Wsgi(_) => Kind::Wsgi,
            Self::Resource(_) => Kind::Resource,
            Self::Linked(_) => Kind::Linked,
            Self::Nothing => Kind::Nothing,
        }
    }

    /// Reads a service other than `path`; the caller finishes the fields.
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        kind: Kind,
        at: &At<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        if !BUILT.contains(&kind) && kind != Kind::PairMe {
            warn_of_501(reading, kind, at);
        }
        match kind {
            Kind::WebSocket => {
                Some(Self::WebSocket(Box::new(WebSocket::read(reading, fields, around, None))))
            }
            Kind::Static => StaticFiles::read(reading, fields).map(Self::Static),
            Kind::Json => JsonValue::read(reading, fields).map(Self::Json),
            Kind::Redirect => Redirect::read(reading, fields).map(Self::Redirect),
            Kind::NodeInfo => Some(Self::NodeInfo),
            Kind::Publisher => RestBridge::read(reading, fields, around, false).map(Self::Publisher),
            Kind::Caller => RestBridge::read(reading, fields, around, true).map(Self::Caller),
            Kind::Webhook => Webhook::read(reading, fields, around).map(Self::Webhook),
            Kind::LongPoll => Some(Self::LongPoll(Box::new(LongPoll::read(reading, fields, around)))),
            Kind::Upload => Upload::read(reading, fields, around).map(Box::new).map(Self::Upload),
            Kind::ReverseProxy => ReverseProxy::read(reading, fields).map(Self::ReverseProxy),
            Kind::WebSocketReverseProxy => {
                WebSocketReverseProxy::read(reading, fields).map(Box::new).map(Self::WebSocketReverseProxy)
            }
            Kind::Archive => Archive::read(reading, fields).map(Self::Archive),
            Kind::Wap => Wap::read(reading, fields, around).map(Self::Wap),
            Kind::Catalog => CatalogPage::read(reading, fields).map(Self::Catalog),
            Kind::Cgi => Cgi::read(reading, fields).map(Self::Cgi),
            Kind::Wsgi => Wsgi::read(reading, fields).map(Self::Wsgi),
            Kind::Resource => Resource::read(reading, fields).map(Self::Resource),
            Kind::Linked => Linked::read(reading, fields).map(Self::Linked),
            Kind::Nothing | Kind::Path => Some(Self::Nothing),
            Kind::PairMe => {
                reading.refused(
                    at,
                    "web service `pairme`",
                    "it pairs a node with Crossbar.io's own management, which is not spoken",
                );
                None
            }
        }
    }
}

fn warn_of_501(reading: &mut Reading<'_>, kind: Kind, at: &At<'_>) {
    let name = KINDS.iter().find(|(_, it)| *it == kind).map_or("", |(name, _)| *name);
    reading.warn(at, format!("web service `{name}` is not built yet: its path answers 501"));
}
