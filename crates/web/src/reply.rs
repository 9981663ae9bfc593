//! Answers, and the header fields of either side.

use crossweave_router::http::{ResponseBody, answer};
use http::header::{self, AsHeaderName, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::plain;

/// An answer.
pub(crate) type Reply = Response<ResponseBody>;

/// No cache keeps it.
pub(crate) const NO_STORE: &str = "no-store";

/// Builds answers field by field.
pub(crate) trait Fields: Sized {
    /// Sets a header field. A value that cannot stand in one leaves it out.
    fn with(self, name: HeaderName, value: &str) -> Self;
}

impl Fields for Reply {
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().insert(name, value);
        }
        self
    }
}

/// The field, if it is there exactly once and is text.
pub(crate) fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// The comma-separated elements of all fields of this name.
pub(crate) fn elements(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// Whether an entity tag is among those of `If-None-Match`, as RFC 9110 section 13.1.2 has it: weakly, and `*` is any.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    elements(headers, header::IF_NONE_MATCH)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// A page of a heading and a paragraph, which is text.
pub(crate) fn page(status: StatusCode, heading: &str, paragraph: &str) -> Reply {
    let page = plain::page(heading, &format!("<p>{}</p>", escape(paragraph)));
    answer(status, "text/html; charset=utf-8", page)
        .with(header::CACHE_CONTROL, NO_STORE)
        .with(header::CONTENT_SECURITY_POLICY, plain::policy())
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// Another method than those allowed: OPTIONS is told what there is, anything else is refused.
pub(crate) fn without_method(method: &http::Method, allowed: &str) -> Reply {
    let reply = match *method {
        http::Method::OPTIONS => crossweave_router::http::empty(StatusCode::NO_CONTENT),
        _ => crossweave_router::http::text(StatusCode::METHOD_NOT_ALLOWED, &takes_only(allowed)),
    };
    reply.with(header::ALLOW, allowed)
}

/// Why a request with another method is refused.
pub(crate) fn takes_only(allowed: &str) -> String {
    format!("this path takes {allowed}")
}

/// Text for an attribute or an element.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
