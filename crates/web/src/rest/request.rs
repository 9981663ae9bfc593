//! Checks of a request that need no secret.

use bytes::Bytes;
use crossweave_router::HttpPeer;
use crossweave_transport::PeerAddress;
use crossweave_wamp::uris;
use http::{HeaderMap, header};

use super::RestOptions;
use crate::bridge::Refusal;

/// Where it comes from, and how.
pub(super) fn check_address(options: &RestOptions, peer: &HttpPeer) -> Result<(), Refusal> {
    if options.require_tls && !peer.is_tls() {
        return Err(Refusal::new(400, uris::NOT_AUTHORIZED, "requests must come over tls"));
    }
    if options.require_ip.is_empty() {
        return Ok(());
    }
    let is_inside = match &peer.address {
        PeerAddress::Tcp(address) => {
            let ip = address.ip().to_canonical();
            options.require_ip.iter().any(|network| network.contains(&ip))
        }
        // Those of a Unix socket or of this process have no address that could be in a network.
        _ => false,
    };
    match is_inside {
        true => Ok(()),
        false => Err(Refusal::new(400, uris::NOT_AUTHORIZED, "requests from this address are not taken")),
    }
}

/// A content type need not be said; one that is must be JSON where JSON is expected, and UTF-8 everywhere.
pub(super) fn check_content_type(headers: &HeaderMap, is_json: bool) -> Result<(), Refusal> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let bad = |text: &str| Err(Refusal::bad_body(text));
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return bad("content-type is repeated");
    }
    let Ok(content_type) = content_type.to_str() else { return bad("content-type is no text") };
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if is_json && !essence.eq_ignore_ascii_case("application/json") {
        return bad("the body must be JSON: send \"Content-Type: application/json\"");
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| is(name, "charset"));
    match charset {
        Some((_, value)) if !is(value.trim_matches('"'), "utf-8") && !is(value.trim_matches('"'), "utf8") => {
            bad("the body must be UTF-8")
        }
        _ => Ok(()),
    }
}

fn is(text: &str, expected: &str) -> bool {
    text.trim().eq_ignore_ascii_case(expected)
}

/// The body as text.
pub(super) fn text_of(body: Bytes) -> Result<String, Refusal> {
    String::from_utf8(body.into()).map_err(|_| Refusal::bad_body("the body is not UTF-8"))
}
