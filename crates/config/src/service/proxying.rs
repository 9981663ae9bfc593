//! `reverseproxy` and `websocket-reverseproxy`: pass on what comes.

use crate::connecting::ConnectingTransport;
use crate::reading::{Fields, Reading};
use crate::transport::WebSocketOptions;

/// `"type": "reverseproxy"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReverseProxy {
    /// `host`: where to. Needed.
    pub host: String,
    /// `port`: 1 to 65535. Default: 80.
    pub port: u16,
    /// `path`: before the rest of the path. Default: empty.
    pub path: String,
    /// `forwarded_port`: told as `X-Forwarded-Port`, 1 to 65535. Default: 80.
    pub forwarded_port: u16,
    /// `forwarded_proto`: told as `X-Forwarded-Proto`: `http` or `https`. Default: `http`.
    pub forwarded_proto: &'static str,
}

impl ReverseProxy {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let host = fields.required(reading, "host").and_then(|at| reading.expanded(&at));
        let words = &[("http", "http"), ("https", "https")];
        let proxy = Self {
            host: String::new(),
            port: fields.int(reading, "port", 1..=65_535, "").unwrap_or(80),
            path: fields.text(reading, "path").unwrap_or_default(),
            forwarded_port: fields.int(reading, "forwarded_port", 1..=65_535, "").unwrap_or(80),
            forwarded_proto: fields.word(reading, "forwarded_proto", words).unwrap_or("http"),
        };
        Some(Self { host: host?, ..proxy })
    }
}

/// `"type": "websocket-reverseproxy"`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketReverseProxy {
    /// `url`: only shown. Default: none.
    pub url: Option<String>,
    /// `options`.
    pub options: WebSocketOptions,
    /// `backend`: a connecting WebSocket transport. Needed.
    pub backend: ConnectingTransport,
}

impl WebSocketReverseProxy {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let url = fields.text(reading, "url");
        let options = fields.section(reading, "options", "the WebSocket options", |reading, fields| {
            WebSocketOptions::read_connecting(reading, fields)
        });
        let backend = fields
            .required(reading, "backend")
            .and_then(|at| ConnectingTransport::read_websocket(reading, at));
        Some(Self { url, options, backend: backend? })
    }
}
