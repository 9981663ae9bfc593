//! `"type": "redirect"`: another place for all paths below.

use crossweave_router::http::{Answering, empty};
use http::{HeaderValue, StatusCode, header};

use crate::reply::Fields as _;
use crate::service::{Exchange, WebService};

/// Answers every request with the way to one URL.
pub struct Redirect {
    url: String,
}

/// A URL that cannot stand in a header field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be redirected to: it must be a URL in ascii, or a path of this host")]
pub struct BadUrl(String);

impl Redirect {
    /// To a URL, or a path on this host.
    ///
    /// # Errors
    /// It has characters that must be percent-encoded.
    pub fn new(url: &str) -> Result<Redirect, BadUrl> {
        let is_plain = url.bytes().all(|octet| octet.is_ascii_graphic()) && !url.is_empty();
        match is_plain && HeaderValue::from_str(url).is_ok() {
            true => Ok(Redirect { url: url.to_owned() }),
            false => Err(BadUrl(url.to_owned())),
        }
    }
}

impl WebService for Redirect {
    fn respond<'a>(&'a self, _: Exchange<'a>) -> Answering<'a> {
        Box::pin(async { empty(StatusCode::FOUND).with(header::LOCATION, &self.url) })
    }
}
