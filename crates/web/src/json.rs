//! `"type": "json"`: a value from the configuration.

use bytes::Bytes;
use crossweave_router::http::{Answering, answer, empty};
use http::{Method, StatusCode, header};

use crate::assets::etag_of;
use crate::cors::{allow_any_origin, preflight};
use crate::reply::{Fields as _, Reply, is_known, without_method};
use crate::service::{Exchange, WebService};

const METHODS: &str = "GET, HEAD, OPTIONS";

/// What a [`Json`] service is told. The names and defaults are those of Crossbar.io's `options`.
#[derive(Clone, Debug)]
pub struct JsonOptions {
    /// `prettify`: keys sorted, with indentation. Default no.
    pub prettify: bool,
    /// `allow_cross_origin`: pages of any origin may read it. Default yes.
    pub allow_cross_origin: bool,
    /// `discourage_caching`: no cache may keep it. Default no: it may be kept, and is asked for each time.
    pub discourage_caching: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        JsonOptions { prettify: false, allow_cross_origin: true, discourage_caching: false }
    }
}

/// Serves one JSON value.
pub struct Json {
    body: Bytes,
    etag: String,
    options: JsonOptions,
}

impl Json {
    /// Serves this value.
    pub fn new(value: &serde_json::Value, options: JsonOptions) -> Json {
        // Writing a value that is in memory to memory does not fail.
        let written = match options.prettify {
            true => serde_json::to_vec_pretty(value),
            false => serde_json::to_vec(value),
        };
        let mut body = written.unwrap_or_default();
        body.push(b'\n');
        Json { etag: etag_of(&body), body: body.into(), options }
    }

    fn reply(&self, exchange: &Exchange<'_>) -> Reply {
        let headers = exchange.request.headers();
        let reply = match *exchange.request.method() {
            Method::GET | Method::HEAD if is_known(headers, &self.etag) => empty(StatusCode::NOT_MODIFIED),
            Method::GET | Method::HEAD => answer(StatusCode::OK, "application/json", self.body.clone()),
            Method::OPTIONS if self.options.allow_cross_origin => return preflight(headers, METHODS),
            ref other => return without_method(other, METHODS),
        };
        let caching = match self.options.discourage_caching {
            true => "no-store, no-cache, must-revalidate, max-age=0",
            false => "no-cache",
        };
        let reply = reply.with(header::ETAG, &self.etag).with(header::CACHE_CONTROL, caching);
        match self.options.allow_cross_origin {
            true => allow_any_origin(reply, headers),
            false => reply,
        }
    }
}

impl WebService for Json {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(async move { self.reply(&exchange) })
    }
}
