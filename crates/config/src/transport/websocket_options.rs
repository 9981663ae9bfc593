//! `options` of WebSocket.

use super::{ConnectionOptions, connection};
use crate::reading::{Fields, Finding, Reading};

/// `options` of WebSocket. Names and meanings are those of Crossbar.io; where its default has no limit, ours has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketOptions {
    /// `allowed_origins`: web pages from where may connect. A star stands for any characters. Default: from the router's
    /// own host and port; where it listens on loopback, from any port of this machine (Crossbar.io: from everywhere).
    /// With a proxy in front of a loopback endpoint, list the origin that browsers see.
    /// Clients that are not browsers have no origin and may always connect.
    pub allowed_origins: AllowedOrigins,
    /// `allow_null_origin`: whether pages without an origin, such as local files, may connect. Default: true if pages
    /// from everywhere may, else false.
    pub allow_null_origin: bool,
    /// `external_port`: the port that browsers see, if something in front of the router changes it; for comparing
    /// origins. Default: the port of the endpoint.
    pub external_port: Option<u16>,
    /// `open_handshake_timeout`: milliseconds for the opening handshake, 0 for off. Default: 5000 (Crossbar.io: off).
    pub open_handshake_timeout: u32,
    /// `close_handshake_timeout`: milliseconds to wait for the answer to a close, 0 for off. Default: 2000
    /// (Crossbar.io: off).
    pub close_handshake_timeout: u32,
    /// `enable_webstatus`: answer an HTTP request that is no WebSocket handshake with a page that says what this is.
    /// Default: true.
    pub enable_webstatus: bool,
    /// `max_frame_size`: bytes of the largest frame taken, 0 for no limit besides that of the message. Default: 0.
    pub max_frame_size: u32,
    /// `max_message_size`: bytes of the largest message taken, 1 to 67108864, after decompression. Default: 16777216
    /// (16 MiB, as RawSocket; Crossbar.io: no limit).
    pub max_message_size: u32,
    /// `auto_fragment_size`: send messages in frames of at most this many bytes, 0 for one frame. Default: 0.
    pub auto_fragment_size: u32,
    /// `fail_by_drop`: drop the connection of a peer that breaks the protocol, without a close frame. Default: false.
    pub fail_by_drop: bool,
    /// `echo_close_codereason`: answer a close with the code and reason of the peer. Default: false.
    pub echo_close_codereason: bool,
    /// `tcp_nodelay`: send small messages at once. Default: true.
    pub tcp_nodelay: bool,
    /// `auto_ping_interval`: milliseconds between pings, 0 for none. Default: 10000 (Crossbar.io: none).
    pub auto_ping_interval: u32,
    /// `auto_ping_timeout`: milliseconds until a ping must be answered, 0 for off. Default: 5000 (Crossbar.io: off).
    pub auto_ping_timeout: u32,
    /// `auto_ping_size`: bytes of a ping, 4 to 125: 4 is what early versions of Crossbar.io wrote. Default: 12.
    pub auto_ping_size: u8,
    /// `auto_ping_restart_on_any_traffic`: whether any message of the peer counts as an answer. Default: true.
    pub auto_ping_restart_on_any_traffic: bool,
    /// `compression.deflate`: permessage-deflate. Default: none.
    pub deflate: Option<Deflate>,
    /// `require_websocket_subprotocol`: refuse clients that name no subprotocol; else they speak `wamp.2.json`.
    /// Default: true.
    pub require_websocket_subprotocol: bool,
    /// `show_server_version`: tell the version in HTTP headers. Default: false.
    pub show_server_version: bool,
}

/// The web pages that may connect, by their origin: `scheme://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// `["*"]`: from everywhere.
    Any,
    /// Only those that this router's own host and port served.
    SameOrigin,
    /// Only those of this machine, on any port: for endpoints that listen on loopback.
    Local,
    /// Those that match one of these; a star stands for any characters.
    Listed(Vec<String>),
}

/// `compression.deflate`: permessage-deflate (RFC 7692).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deflate {
    /// `request_no_context_takeover`: ask clients to compress each message for itself. Default: false.
    pub request_no_context_takeover: bool,
    /// `request_max_window_bits`: ask clients for a window of at most 9 to 15 bits, 0 for not asking. Default: 0.
    pub request_max_window_bits: u8,
    /// `no_context_takeover`: compress each message for itself. Default: as the client asks.
    pub no_context_takeover: Option<bool>,
    /// `max_window_bits`: our own window, 9 to 15. Default: as the client asks, at most 15.
    pub max_window_bits: Option<u8>,
    /// `memory_level`: memory for compressing, 1 to 9. Default: 8.
    pub memory_level: Option<u8>,
}

impl Default for WebSocketOptions {
    /// The defaults of an endpoint that other machines can reach.
    fn default() -> Self {
        Self::for_reach(false)
    }
}

impl WebSocketOptions {
    /// The defaults; those for origins depend on whether only this machine can connect.
    pub fn for_reach(is_loopback: bool) -> Self {
        let allowed_origins = if is_loopback { AllowedOrigins::Local } else { AllowedOrigins::SameOrigin };
        Self {
            allowed_origins,
            allow_null_origin: false,
            external_port: None,
            open_handshake_timeout: 5_000,
            close_handshake_timeout: 2_000,
            enable_webstatus: true,
            max_frame_size: 0,
            max_message_size: 16 * 1024 * 1024,
            auto_fragment_size: 0,
            fail_by_drop: false,
            echo_close_codereason: false,
            tcp_nodelay: true,
            auto_ping_interval: 10_000,
            auto_ping_timeout: 5_000,
            auto_ping_size: 12,
            auto_ping_restart_on_any_traffic: true,
            deflate: None,
            require_websocket_subprotocol: true,
            show_server_version: false,
        }
    }

    pub(super) fn read(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
        is_loopback: bool,
        connection: Option<&mut ConnectionOptions>,
    ) -> Self {
        let mut options = Self::for_reach(is_loopback);
        options.origins(reading, &mut fields);
        options.timeouts(reading, &mut fields);
        options.sizes(reading, &mut fields);
        options.switches(reading, &mut fields);
        options.deflate = compression(reading, &mut fields);
        connection::read_or_refuse(reading, &mut fields, connection);
        without_effect(reading, &mut fields);
        fields.finish(reading);
        options
    }

    /// Reads options where no pages of browsers are concerned: of clients, and of what only passes on.
    pub(crate) fn read_connecting(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        fields.bool(reading, "accept_masked_server_frames", false);
        fields.fixed(reading, "mask_client_frames", true, "clients always have to mask");
        Self::read(reading, fields, false, None)
    }

    fn origins(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        if let Some(allowed) = allowed_origins(reading, fields) {
            self.allowed_origins = allowed;
        }
        let is_any = self.allowed_origins == AllowedOrigins::Any;
        self.allow_null_origin = fields.bool(reading, "allow_null_origin", is_any);
        self.external_port = fields.int(reading, "external_port", 1..=65_535, "");
    }

    fn timeouts(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        let mut millis = |key, value: &mut u32| {
            if let Some(given) = fields.millis(reading, key) {
                *value = given;
            }
        };
        millis("open_handshake_timeout", &mut self.open_handshake_timeout);
        millis("close_handshake_timeout", &mut self.close_handshake_timeout);
        millis("auto_ping_interval", &mut self.auto_ping_interval);
        millis("auto_ping_timeout", &mut self.auto_ping_timeout);
    }

    fn sizes(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        const MESSAGE_MAX: i64 = 64 * 1024 * 1024;
        let mut bytes = |key, from: i64, value: &mut u32| {
            *value = fields.int(reading, key, from..=MESSAGE_MAX, "bytes").unwrap_or(*value);
        };
        bytes("max_frame_size", 0, &mut self.max_frame_size);
        bytes("max_message_size", 1, &mut self.max_message_size);
        bytes("auto_fragment_size", 0, &mut self.auto_fragment_size);
        self.auto_ping_size =
            fields.int(reading, "auto_ping_size", 4..=125, "bytes").unwrap_or(self.auto_ping_size);
    }

    fn switches(&mut self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        let mut switch = |key, value: &mut bool| *value = fields.bool(reading, key, *value);
        switch("enable_webstatus", &mut self.enable_webstatus);
        switch("fail_by_drop", &mut self.fail_by_drop);
        switch("echo_close_codereason", &mut self.echo_close_codereason);
        switch("tcp_nodelay", &mut self.tcp_nodelay);
        switch("auto_ping_restart_on_any_traffic", &mut self.auto_ping_restart_on_any_traffic);
        switch("require_websocket_subprotocol", &mut self.require_websocket_subprotocol);
        switch("show_server_version", &mut self.show_server_version);
    }
}

/// `allowed_origins`, if it is there.
pub(crate) fn allowed_origins(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<AllowedOrigins> {
    let list = fields.get("allowed_origins")?;
    let mut origins = Vec::new();
    for at in reading.elements(&list, "a list of origins, `scheme://host[:port]`") {
        let Some(origin) = reading.text(&at) else { continue };
        if !origin.contains('*') && !origin.contains("://") {
            let message = format!("no web page has the origin {}", crate::reading::quoted(&origin));
            reading.report(&at, Finding::warning(message).expected("`scheme://host[:port]`, or stars in it"));
        }
        origins.push(origin);
    }
    Some(match origins.iter().any(|origin| origin == "*") {
        true => AllowedOrigins::Any,
        false => AllowedOrigins::Listed(origins),
    })
}

fn compression(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Deflate> {
    let mut fields = fields.object(reading, "compression", "`compression`")?;
    let deflate = fields.part(reading, "deflate", "`deflate`").map(|fields| Deflate::read(reading, fields));
    fields.finish(reading);
    deflate
}

impl Deflate {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let asked = fields.int::<u8>(reading, "request_max_window_bits", 0..=15, "bits").unwrap_or(0);
        if (1..9).contains(&asked)
            && let Some(at) = fields.get("request_max_window_bits")
        {
            let message = format!("{} is out of range: {asked}", at.name());
            reading.report(&at, Finding::error(message).expected("0, or 9 to 15 bits"));
        }
        let deflate = Self {
            request_no_context_takeover: fields.bool(reading, "request_no_context_takeover", false),
            request_max_window_bits: asked,
            no_context_takeover: fields.bool_if_set(reading, "no_context_takeover"),
            max_window_bits: fields.int(reading, "max_window_bits", 9..=15, "bits"),
            memory_level: fields.int(reading, "memory_level", 1..=9, ""),
        };
        fields.finish(reading);
        deflate
    }
}

/// Options that cannot be turned the other way here.
fn without_effect(reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
    fields.fixed(reading, "enable_rfc6455", true, "there is no other WebSocket protocol");
    fields.bool(reading, "enable_hybi10", true);
    fields.fixed(reading, "validate_utf8", true, "text is always checked");
    fields.fixed(reading, "mask_server_frames", false, "servers never mask");
    fields.fixed(reading, "require_masked_client_frames", true, "clients always have to mask");
    fields.fixed(reading, "apply_mask", true, "masks are always applied");
    fields.fixed(reading, "enable_flash_policy", false, "there is no Flash any more");
    fields.no_effect(reading, "flash_policy", "there is no Flash any more");
}
