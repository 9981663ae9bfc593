//! The web transport: HTTP services by path.

use super::{ConnectionOptions, Surroundings, connection};
use crate::document::Entry;
use crate::reading::{At, Fields, Finding, Reading, quoted};
use crate::service::{KINDS, Kind, WebService};

/// HTTP services by path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Web {
    /// `paths`, with nested ones (`"type": "path"`) laid flat. Needed.
    pub paths: Vec<WebPath>,
    /// `options`.
    pub options: WebOptions,
}

/// A service at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPath {
    /// The path as in the URL, from the root: `/api/ws` for `ws` in the `path` service `api`.
    pub path: String,
    /// The service.
    pub service: WebService,
}

/// `options` of a web transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// `access_log`: log every request. Default: false.
    pub access_log: bool,
    /// `hsts`: tell browsers to come by TLS only. Default: false.
    pub hsts: bool,
    /// `hsts_max_age`: for how many seconds, 0 to 4294967295. Default: 31536000, a year.
    pub hsts_max_age: u32,
    /// `client_timeout`: seconds without a request after which a connection is closed, 1 to 86400; null for the router's own
    /// bound. Default: null.
    pub client_timeout: Option<u32>,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self { access_log: false, hsts: false, hsts_max_age: 31_536_000, client_timeout: None }
    }
}

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
        let options = fields.section(reading, "options", "the web options", |reading, fields| {
            WebOptions::read(reading, fields, connection, around.has_tls)
        });
        Self { paths, options }
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
    for (entry, at) in fields.named(reading) {
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
    if matches!(&at.item.value, crate::document::Value::String(kind) if kind == "fileupload") {
        let finding = Finding::error("web service type `fileupload` is called `upload` now");
        reading.report(&at, finding.expected("`upload`"));
        return None;
    }
    let service = match reading.word(&at, KINDS)? {
        Kind::Path => {
            if let Some(at) = fields.required(reading, "paths") {
                read_paths(reading, at, path.trim_end_matches('/'), around, paths);
            }
            // It hides what is above it, whether or not it has a service of its own.
            let is_bare = !paths.iter().any(|it| it.path == path);
            is_bare.then_some(WebService::Nothing)
        }
        kind => WebService::read(reading, &mut fields, kind, &at, around),
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

impl WebOptions {
    fn read(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
        connection: Option<&mut ConnectionOptions>,
        has_tls: bool,
    ) -> Self {
        let default = Self::default();
        connection::read_or_refuse(reading, &mut fields, connection);
        let options = Self {
            access_log: fields.bool(reading, "access_log", default.access_log),
            hsts: fields.bool(reading, "hsts", default.hsts),
            hsts_max_age: fields
                .int(reading, "hsts_max_age", 0..=i64::from(u32::MAX), "seconds")
                .unwrap_or(default.hsts_max_age),
            client_timeout: fields.int(reading, "client_timeout", 1..=86_400, "seconds"),
        };
        if options.hsts && !has_tls {
            fields.no_effect(reading, "hsts", "browsers are told so over TLS only, and there is no `tls`");
        }
        fields.no_effect(reading, "display_tracebacks", "there is no Python to trace");
        fields.finish(reading);
        options
    }
}
