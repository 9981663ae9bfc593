//! Transports for tests, and one that nothing needs any more.

use super::WebSocketOptions;
use crate::reading::{Fields, Reading};

/// `"type": "websocket.testee"`: sends every WebSocket message back.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketTestee {
    /// `url`: only shown. Default: none.
    pub url: Option<String>,
    /// `options`.
    pub options: WebSocketOptions,
}

impl WebSocketTestee {
    /// Reads its keys; the caller finishes the fields.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let url = fields.text(reading, "url");
        let options = fields.section(reading, "options", "the WebSocket options", |reading, fields| {
            WebSocketOptions::read_connecting(reading, fields)
        });
        debug_means_nothing(reading, fields);
        Self { url, options }
    }
}

/// `"type": "flashpolicy"`: tells Flash players where they may connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlashPolicy {
    /// `allowed_domain`. Needed.
    pub allowed_domain: String,
    /// `allowed_ports`, 1 to 65535 each. Needed.
    pub allowed_ports: Vec<u16>,
}

impl FlashPolicy {
    /// Reads its keys; the caller finishes the fields.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let allowed_domain = fields.text(reading, "allowed_domain").unwrap_or_else(|| "*".to_owned());
        let list = fields.required(reading, "allowed_ports");
        let list = list.map_or_else(Vec::new, |at| reading.elements(&at, "a list of ports"));
        let port = |at| reading.integer(at, 1..=65_535, "").and_then(|port| u16::try_from(port).ok());
        let allowed_ports = list.iter().filter_map(port).collect();
        debug_means_nothing(reading, fields);
        Some(Self { allowed_domain, allowed_ports })
    }
}

/// `debug` of `"type": "stream.testee"`, which sends every byte back, and of the others.
pub(super) fn debug_means_nothing(reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
    fields.no_effect(reading, "debug", "traffic is logged with `--loglevel trace`");
}
