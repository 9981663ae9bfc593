//! What pages of other origins are told (CORS).

use crossweave_router::HttpPeer;
use crossweave_router::http::{empty, text};
use crossweave_transport::websocket::origin::OriginPolicy;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::reply::{Fields as _, Reply, elements, single};

/// For how many seconds a browser may remember what it was told before a request.
const REMEMBERED_S: &str = "600";

/// Why a request of a page is refused that [`admits`] does not let in.
pub(crate) const FOREIGN_ORIGIN: &str = "pages of this origin may not use this service";

/// Whether a request may be carried out for the page that it comes from. Programs that are no browsers send no origin.
pub(crate) fn admits(origins: &OriginPolicy, headers: &HeaderMap, peer: &HttpPeer) -> bool {
    let host = single(headers, header::HOST);
    let admits = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|origin| origins.admits(origin, host, peer.is_tls()))
    };
    headers.get_all(header::ORIGIN).iter().all(admits)
}

/// The answer where it may not, as text.
pub(crate) fn foreign_origin() -> Reply {
    text(StatusCode::FORBIDDEN, FOREIGN_ORIGIN)
}

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
