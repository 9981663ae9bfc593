//! What pages of other origins are told (CORS).

use http::header::{self, HeaderName};
use http::{HeaderMap, StatusCode};

use crate::reply::{Fields as _, Reply, elements, single};
use crossweave_router::http::empty;

/// For how many seconds a browser may remember what it was told before a request.
const REMEMBERED_S: &str = "600";

/// Lets any page read the answer, as Crossbar.io does: with cookies if the page says its origin.
pub(crate) fn allow_any_origin(reply: Reply, headers: &HeaderMap) -> Reply {
    let reply = vary_by_origin(reply);
    match single(headers, header::ORIGIN) {
        None | Some("null") => reply.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        Some(origin) => reply
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .with(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
    }
}

/// The answer to OPTIONS of a path that takes these methods, for browsers that ask before they send.
pub(crate) fn preflight(headers: &HeaderMap, methods: &str) -> Reply {
    let reply = empty(StatusCode::NO_CONTENT)
        .with(header::ALLOW, methods)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, methods)
        .with(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_S);
    // Only names are sent back.
    let asked: Vec<&str> = elements(headers, header::ACCESS_CONTROL_REQUEST_HEADERS)
        .filter(|name| name.parse::<HeaderName>().is_ok())
        .collect();
    let reply = match asked.is_empty() {
        true => reply,
        false => reply.with(header::ACCESS_CONTROL_ALLOW_HEADERS, &asked.join(", ")),
    };
    allow_any_origin(reply, headers)
}

fn vary_by_origin(reply: Reply) -> Reply {
    reply.with(header::VARY, "Origin")
}
