//! WebSocket.

use super::{AllowedOrigins, ConnectionOptions, Cookie, Surroundings, WebSocketOptions};
use crate::auth::{self, Auth};
use crate::reading::{Fields, Finding, Reading, quoted};
use crate::serializer::{self, Batches, Serializer, Serializers};

/// A WebSocket transport, or a service by path of a universal or web transport.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocket {
    /// `url`: the URL clients know it by, `ws://...` or `wss://...`; only shown. Default: none.
    pub url: Option<String>,
    /// `serializers`: those spoken with one message in each of WebSocket's. Default: all.
    pub serializers: Vec<Serializer>,
    /// Those spoken in batches: the same, and what `serializers` has as `json.batched` and so on. Default: all.
    pub batched_serializers: Vec<Serializer>,
    /// `options`.
    pub options: WebSocketOptions,
    /// `auth`. Default: anonymous, in role `anonymous`.
    pub auth: Auth,
    /// `cookie`: cookies that handshakes set. Default: none.
    pub cookie: Option<Cookie>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            url: None,
            serializers: Serializer::ALL.to_vec(),
            batched_serializers: Serializer::ALL.to_vec(),
            options: WebSocketOptions::default(),
            auth: Auth::default(),
            cookie: None,
        }
    }
}

impl WebSocket {
    /// Reads the keys of WebSocket; the caller finishes the fields.
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        connection: Option<&mut ConnectionOptions>,
    ) -> Self {
        let url = url(reading, fields);
        let Serializers { single, batched } = serializer::read(reading, fields, Batches::Spoken);
        let cookie = fields
            .part(reading, "cookie", "the cookies of WebSocket")
            .map(|fields| Cookie::read(reading, fields));
        let auth = auth::read(reading, fields, &around.reach);
        let options = match fields.object(reading, "options", "the WebSocket options") {
            Some(fields) => WebSocketOptions::read(reading, fields, around.is_loopback, connection),
            None => WebSocketOptions::for_reach(around.is_loopback),
        };
        fields.no_effect(reading, "debug", "messages are logged with `--loglevel trace`");
        fields.no_effect(reading, "debug_traffic", "messages are logged with `--loglevel trace`");
        if auth.cookie {
            check_cookie(reading, fields, cookie.as_ref(), &options);
        }
        Self { url, serializers: single, batched_serializers: batched, options, auth, cookie }
    }
}

/// Authentication by cookie needs cookies, and must not be open to pages from everywhere.
fn check_cookie(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    cookie: Option<&Cookie>,
    options: &WebSocketOptions,
) {
    if cookie.is_none() {
        let message = "`auth.cookie` has no effect without cookies: nobody can join by it";
        reading.report(&fields.at.start(), Finding::error(message).expected("`cookie` beside `auth`"));
    }
    if options.allowed_origins == AllowedOrigins::Any {
        let message = "with `auth.cookie`, any page that somebody visits could act in their name: \
                       `allowed_origins` has `*`";
        reading.report(&fields.at.start(), Finding::warning(message).expected("a list of origins"));
    }
}

fn url(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let url = fields.text(reading, "url")?;
    let host = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace))
        && let Some(at) = fields.get("url")
    {
        let message = format!("{} is not the URL of a WebSocket", quoted(&url));
        reading.report(&at, Finding::error(message).expected("`ws://host:port/path` or `wss://...`"));
    }
    Some(url)
}
