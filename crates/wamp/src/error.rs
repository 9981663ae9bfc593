//! What a peer can do wrong.

use crate::uris;

/// The peer broke the protocol. The session is aborted with [`uris::PROTOCOL_VIOLATION`] (or [`ProtocolViolation::uri`]) and
/// [`ProtocolViolation::message`], then its transport is closed.
///
/// The message is written for the author of the peer: it names the value and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProtocolViolation {
    uri: &'static str,
    message: String,
}

impl ProtocolViolation {
    /// A violation with a text for the peer's author, lower case and without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        ProtocolViolation { uri: uris::PROTOCOL_VIOLATION, message: message.into() }
    }

    /// The bytes are not what the serializer allows: where, in bytes from the start of the message, and why.
    pub(crate) fn malformed(serializer: &str, at: usize, why: &str) -> Self {
        ProtocolViolation::new(format!("malformed {serializer} at byte {at}: {why}"))
    }

    /// The error URI for ABORT.
    pub fn uri(&self) -> &'static str {
        self.uri
    }

    /// The text for ABORT's `message`.
    pub fn message(&self) -> &str {
        &self.message
    }
}
