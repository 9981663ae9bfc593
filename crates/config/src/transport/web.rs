//! The web transport: HTTP services by path.

use super::{ConnectionOptions, Surroundings, WebSocket, connection};
use crate::document::Entry;
use crate::reading::{At, Fields, Finding, Reading, quoted};

/// HTTP services by path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Web {
    /// `paths`, with nested ones (`"type": "path"`) laid flat. Needed.
    pub paths: Vec<WebPath>,
}

/// A service at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPath {
    /// The path as in the URL, from the root: `/api/ws` for `ws` in the `path` service `api`.
    pub path: String,
    /// The service.
    pub service: WebService,
}

/// A web service.
#[derive(Debug, Clone, PartialEq)]
pub enum WebService {
    /// `"type": "websocket"`.
    WebSocket(WebSocket),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    WebSocket,
    Path,
    NotBuilt(&'static str),
}

const KINDS: &[(&str, Kind)] = &[
    ("websocket", Kind::WebSocket),
    ("path", Kind::Path),
    ("none", Kind::NotBuilt("none")),
    ("redirect", Kind::NotBuilt("redirect")),
    ("resource", Kind::NotBuilt("resource")),
    ("reverseproxy", Kind::NotBuilt("reverseproxy")),
    ("nodeinfo", Kind::NotBuilt("nodeinfo")),
    ("json", Kind::NotBuilt("json")),
    ("cgi", Kind::NotBuilt("cgi")),
    ("wsgi", Kind::NotBuilt("wsgi")),
    ("static", Kind::NotBuilt("static")),
    ("websocket-reverseproxy", Kind::NotBuilt("websocket-reverseproxy")),
    ("longpoll", Kind::NotBuilt("longpoll")),
    ("caller", Kind::NotBuilt("caller")),
    ("publisher", Kind::NotBuilt("publisher")),
    ("webhook", Kind::NotBuilt("webhook")),
    ("archive", Kind::NotBuilt("archive")),
    ("wap", Kind::NotBuilt("wap")),
    ("catalog", Kind::NotBuilt("catalog")),
    ("pairme", Kind::NotBuilt("pairme")),
    ("upload", Kind::NotBuilt("upload")),
];

impl Web {
    /// Reads the keys of a web transport; the caller finishes the fields.
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        connection: Option<&mut ConnectionOptions>,
    ) -> Self {
        let mut paths = Vec::new();
        if let Some(at) = fields.required(reading, "paths") {
            read_paths(reading, at, "", around, &mut paths);
        }
        if let Some(fields) = fields.object(reading, "options", "the web options") {
            options(reading, fields, connection);
        }
        Self { paths }
    }
}

/// Reads `paths` below a path; the document's own nesting bounds the recursion.
fn read_paths(
    reading: &mut Reading<'_>,
    at: At<'_>,
    below: &str,
    around: &Surroundings<'_>,
    paths: &mut Vec<WebPath>,
) {
    let Some(fields) = reading.object(at, "web services by path") else { return };
    for (entry, at) in fields.named() {
        let path = absolute(reading, below, entry, &at.path);
        if let Some(service) = service(reading, at, &path, around, paths) {
            paths.push(WebPath { path, service });
        }
    }
}

fn service(
    reading: &mut Reading<'_>,
    at: At<'_>,
    path: &str,
    around: &Surroundings<'_>,
    paths: &mut Vec<WebPath>,
) -> Option<WebService> {
    let mut fields = reading.object(at, "a web service")?;
    let at = fields.required(reading, "type")?;
    let service = match reading.word(&at, KINDS)? {
        Kind::WebSocket => Some(WebService::WebSocket(WebSocket::read(reading, &mut fields, around, None))),
        Kind::Path => {
            if let Some(at) = fields.required(reading, "paths") {
                read_paths(reading, at, path.trim_end_matches('/'), around, paths);
            }
            None
        }
        Kind::NotBuilt(name) => {
            reading.not_built(&at, &format!("web service `{name}`"));
            return None;
        }
    };
    fields.text(reading, "id");
    fields.finish(reading);
    service
}

/// The path of a key: one component, or `/` for the path that it stands in.
pub(super) fn absolute(reading: &mut Reading<'_>, below: &str, entry: &Entry, path: &str) -> String {
    let key = entry.key.as_str();
    let is_component = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if key == "/" {
        return if below.is_empty() { "/".to_owned() } else { below.to_owned() };
    }
    if !is_component {
        let message = format!("{} cannot be a path", quoted(key));
        let expected =
            "`/`, or one component of letters, digits, `_` and `-`; deeper ones go into a `path` service";
        reading.add(entry.key_range.clone(), path, Finding::error(message).expected(expected));
    }
    format!("{below}/{key}")
}

fn options(reading: &mut Reading<'_>, mut fields: Fields<'_>, connection: Option<&mut ConnectionOptions>) {
    connection::read_or_refuse(reading, &mut fields, connection);
    fields.no_effect(reading, "access_log", "a log of requests is not built yet");
    fields.no_effect(reading, "display_tracebacks", "there is no Python to trace");
    fields.no_effect(reading, "hsts", "HSTS is not built yet");
    fields.int::<u32>(reading, "hsts_max_age", 0..=i64::from(u32::MAX), "seconds");
    fields.no_effect(reading, "client_timeout", "`handshake_timeout` bounds the time of a request");
    fields.finish(reading);
}
