//! `json` and `redirect`.

use crate::reading::{Fields, Finding, Reading};

/// `"type": "json"`.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonValue {
    /// `value`: any value. Needed.
    pub value: serde_json::Value,
    /// `options.prettify`: with line breaks and indentation. Default: false.
    pub prettify: bool,
    /// `options.allow_cross_origin`: pages of other origins may read it. Default: true.
    pub allow_cross_origin: bool,
    /// `options.discourage_caching`: nobody is to keep it. Default: false.
    pub discourage_caching: bool,
}

impl JsonValue {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let value = fields.any(reading, "value");
        if value.is_none() {
            fields.missing(reading, "value");
        }
        let (mut prettify, mut allow_cross_origin, mut discourage_caching) = (false, true, false);
        if let Some(mut fields) = fields.object(reading, "options", "the options of a JSON value") {
            prettify = fields.bool(reading, "prettify", prettify);
            allow_cross_origin = fields.bool(reading, "allow_cross_origin", allow_cross_origin);
            discourage_caching = fields.bool(reading, "discourage_caching", discourage_caching);
            fields.finish(reading);
        }
        Some(Self { value: value?, prettify, allow_cross_origin, discourage_caching })
    }
}

/// `"type": "redirect"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `url`: where to: a whole URL, or a path. Needed.
    pub url: String,
}

impl Redirect {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.required(reading, "url")?;
        let url = reading.expanded(&at)?;
        if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reading.report(&at, Finding::error("a URL has no white space").expected("a URL or a path"));
        }
        Some(Self { url })
    }
}
