//! The transport of a WebSocket testee: as the router would have it, but for what is done with messages.

use crossweave_api::Error;
use crossweave_config as config;
use crossweave_transport::ListenEndpoint;
use crossweave_transport::tls::TlsServerOptions;
use crossweave_transport::websocket::Limits;
use crossweave_transport::websocket::handshake::ServerOptions;

use super::{Findings, transport};

/// Where a testee listens, and what it accepts.
pub(crate) struct EchoTransport {
    pub(crate) endpoint: ListenEndpoint,
    pub(crate) tls: Option<TlsServerOptions>,
    pub(crate) server: ServerOptions,
}

/// # Errors
/// It cannot be done.
pub(crate) fn echo_transport(transport: &config::Transport) -> Result<EchoTransport, Error> {
    let mut findings = Findings::new(&crate::extension::Extensions::default());
    let place = format!("transport {:?}", transport.id);
    let listen = transport::listen(transport, Vec::new(), &place, &mut findings);
    findings.settle()?;
    let options = listen.options.websocket.into_values().next();
    let websocket = options.expect("the transport of a testee has been checked to be WebSocket");
    let server = ServerOptions {
        protocols: Vec::new(),
        allows_no_protocol: true,
        origins: websocket.origins,
        deflate: websocket.deflate,
        limits: Limits {
            max_frame_size: websocket.max_frame_size,
            max_message_size: websocket.max_message_size,
        },
        fragment_len: websocket.auto_fragment_size,
    };
    Ok(EchoTransport { endpoint: listen.options.endpoint, tls: listen.options.tls, server })
}
