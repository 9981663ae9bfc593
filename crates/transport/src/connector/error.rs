//! Why a connection could not be made.

use crate::rawsocket::HandshakeError;
use crate::tls::TlsError;
use crate::url::UrlError;
use crate::websocket::handshake::UpgradeError;
use std::{fmt, io};

/// A connection could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {url}: {step}: {cause}")]
pub struct ConnectError {
    /// Where to, without the query of the URL.
    pub url: String,
    /// How far it got.
    pub step: Step,
    /// What went wrong there.
    pub cause: Cause,
}

/// A step on the way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading the URL.
    Url,
    /// Finding the host's addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The handshake of WebSocket or RawSocket.
    Handshake,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Url => "url",
            Step::Resolve => "resolve",
            Step::Connect => "connect",
            Step::Tls => "tls",
            Step::Handshake => "handshake",
        })
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The operating system reports an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS cannot be set up, or its handshake failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The WebSocket upgrade failed.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The RawSocket handshake failed.
    #[error(transparent)]
    RawSocket(#[from] HandshakeError),
    /// The peer closed the connection in the middle of the handshake.
    #[error("connection closed by the peer")]
    Closed,
    /// The options name no RawSocket serializer.
    #[error("no rawsocket serializer to offer")]
    NoSerializer,
    /// The step did not end in time.
    #[error("no success within {0} ms")]
    Timeout(u64),
}
