//! WebSocket options of a configuration as the router wants them.

use crossweave_config as config;
use crossweave_router::WebSocketOptions;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::Serializer;

use super::Findings;
use super::transport::UNLIMITED_MS;

pub(super) fn options(
    options: &config::WebSocketOptions,
    serializers: Vec<Serializer>,
    batched_serializers: Vec<Serializer>,
) -> WebSocketOptions {
    let max_message_size = options.max_message_size as usize;
    WebSocketOptions {
        max_message_size,
        max_frame_size: if options.max_frame_size == 0 {
            max_message_size
        } else {
            options.max_frame_size as usize
        },
        auto_fragment_size: options.auto_fragment_size as usize,
        serializers,
        batched_serializers,
        authentication: None,
        cookies: None,
        origins: origins(options),
        deflate: options.deflate.as_ref().map(deflate),
        auto_ping_interval_ms: options.auto_ping_interval.into(),
        auto_ping_timeout_ms: match options.auto_ping_timeout {
            0 => UNLIMITED_MS,
            timeout => timeout.into(),
        },
        allows_no_subprotocol: !options.require_websocket_subprotocol,
    }
}

fn origins(options: &config::WebSocketOptions) -> OriginPolicy {
    let allows_null = options.allow_null_origin;
    match &options.allowed_origins {
        config::AllowedOrigins::SameOrigin => OriginPolicy::SameOrigin,
        config::AllowedOrigins::Local => OriginPolicy::Local,
        config::AllowedOrigins::Any => OriginPolicy::Allowed { patterns: vec!["*".to_owned()], allows_null },
        config::AllowedOrigins::Listed(patterns) => {
            OriginPolicy::Allowed { patterns: patterns.clone(), allows_null }
        }
    }
}

fn deflate(deflate: &config::Deflate) -> DeflateOptions {
    /// The largest there is, which asks for nothing.
    const WINDOW_BITS_MAX: u8 = 15;
    DeflateOptions {
        max_window_bits: deflate.max_window_bits.unwrap_or(WINDOW_BITS_MAX),
        request_max_window_bits: match deflate.request_max_window_bits {
            0 => WINDOW_BITS_MAX,
            bits => bits,
        },
        no_context_takeover: deflate.no_context_takeover.unwrap_or(false),
        request_no_context_takeover: deflate.request_no_context_takeover,
        ..DeflateOptions::default()
    }
}

/// Says which options ask for what the router does not do.
pub(super) fn check(
    options: &config::WebSocketOptions,
    handshake_timeout_ms: u64,
    place: &str,
    findings: &mut Findings,
) {
    let usual = config::WebSocketOptions::default();
    let mut unless = |is_usual: bool, key: &str, why: &str| {
        if !is_usual {
            findings.no_effect(place, key, why);
        }
    };
    let timeout = options.open_handshake_timeout;
    unless(
        timeout == usual.open_handshake_timeout || u64::from(timeout) == handshake_timeout_ms,
        "open_handshake_timeout",
        "`handshake_timeout` of the transport bounds the time until a client has joined",
    );
    let no_list =
        matches!(options.allowed_origins, config::AllowedOrigins::SameOrigin | config::AllowedOrigins::Local);
    unless(
        !(no_list && options.allow_null_origin),
        "allow_null_origin",
        "list the `allowed_origins` beside it",
    );
    unless(
        options.external_port.is_none(),
        "external_port",
        "origins are compared with the host that the client names",
    );
    let closing = "a close is answered at once, and not waited for long";
    unless(
        options.close_handshake_timeout == usual.close_handshake_timeout,
        "close_handshake_timeout",
        closing,
    );
    unless(
        options.enable_webstatus,
        "enable_webstatus",
        "a request that is no WebSocket handshake gets a short text",
    );
    unless(!options.fail_by_drop, "fail_by_drop", "the close frame tells a client what it did wrong");
    unless(!options.echo_close_codereason, "echo_close_codereason", "the router names its own reason");
    unless(options.tcp_nodelay, "tcp_nodelay", "messages are always sent at once");
    unless(
        options.auto_ping_size == usual.auto_ping_size,
        "auto_ping_size",
        "a ping always carries 10 bytes",
    );
    let any_traffic = "any message of a client shows that it is there";
    unless(options.auto_ping_restart_on_any_traffic, "auto_ping_restart_on_any_traffic", any_traffic);
    unless(!options.show_server_version, "show_server_version", "the version is in WELCOME only");
    let has_memory_level = options.deflate.as_ref().is_some_and(|deflate| deflate.memory_level.is_some());
    unless(!has_memory_level, "memory_level", "the window size bounds the memory for compressing");
}
