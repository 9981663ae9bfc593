//! What can go wrong, by who asked.
//!
//! | type | of |
//! | --- | --- |
//! | [`ConnectError`] | connecting and joining |
//! | [`CallError`] | a call |
//! | [`RequestError`] | subscribing, publishing, registering |
//! | [`WampError`] | what a peer answers: a URI with args and kwargs; also what a handler answers |

use std::fmt;
use std::sync::Arc;

use crossweave_transport::rawsocket::TooLong;
use crossweave_wamp::{Dict, ProtocolViolation, Value, uris};

use crate::auth::ChallengeError;

/// No session: why, and where to. Names the URL and the step.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The transport could not be opened: URL, name, TCP, TLS or handshake.
    #[error(transparent)]
    Transport(#[from] crossweave_transport::ConnectError),
    /// The transport is open, but the session is not.
    #[error("cannot join realm {realm:?} at {url}: {cause}")]
    Join {
        /// Where.
        url: String,
        /// Which realm.
        realm: String,
        /// What went wrong.
        cause: JoinError,
    },
}

/// Why a session did not open on an open transport.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The router refused.
    #[error("refused with {0}")]
    Refused(WampError),
    /// The challenge cannot be answered.
    #[error("authentication: {0}")]
    Challenge(#[from] ChallengeError),
    /// The router broke the protocol.
    #[error("router broke the protocol: {0}")]
    Violation(#[from] ProtocolViolation),
    /// The router broke the framing.
    #[error("router broke the framing: {0}")]
    Framing(#[from] crossweave_transport::CodecError),
    /// The connection failed.
    #[error("connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The router closed the connection.
    #[error("connection closed by the router")]
    Closed,
    /// No WELCOME in time.
    #[error("no answer within {0} ms")]
    Timeout(u128),
}

impl ConnectError {
    /// Whether trying again later cannot help: the router knows who asks and says no, or the URL is wrong.
    pub fn is_final(&self) -> bool {
        // The last two are Crossbar.io's.
        const FINAL: [&str; 7] = [
            uris::AUTHENTICATION_FAILED,
            uris::NO_MATCHING_AUTH_METHOD,
            uris::NO_SUCH_REALM,
            uris::NO_SUCH_ROLE,
            uris::NOT_AUTHORIZED,
            "wamp.error.no_auth_method",
            "wamp.error.no_such_principal",
        ];
        match self {
            ConnectError::Transport(error) => error.step == crossweave_transport::connector::Step::Url,
            ConnectError::Join { cause: JoinError::Refused(error), .. } => {
                FINAL.contains(&error.uri.as_str())
            }
            ConnectError::Join { cause, .. } => matches!(cause, JoinError::Challenge(_)),
        }
    }
}

/// There is no connection, or it was lost while an answer was awaited. What was asked may or may not have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not connected to {url}: {reason}")]
pub struct Disconnected {
    /// Where to.
    pub url: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// The reason of the router's GOODBYE, such as `wamp.close.close_realm`, if the session was ended by one.
    pub goodbye: Option<Arc<str>>,
}

/// A call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The callee or the router answered with an error; [`WampError::uri`] tells which.
    #[error("{0}")]
    Application(WampError),
    /// No result within the call's timeout.
    #[error("wamp.error.timeout: {0}")]
    Timeout(String),
    /// The call was cancelled, by the router or the callee.
    #[error("wamp.error.canceled: {0}")]
    Canceled(String),
    /// The connection was lost, or there is none. The call may have been carried out; it is not sent again.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
    /// The stream of progressive results was not read fast enough; the call was cancelled.
    #[error("progressive results were not read: {0} wait, and the call was canceled")]
    Overrun(usize),
    /// The arguments cannot be sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The result is not what the caller asked for.
    #[error("result of {procedure}: {cause}")]
    Decode {
        /// What was called.
        procedure: String,
        /// What does not fit.
        cause: DecodeError,
    },
}

impl CallError {
    /// Sorts an ERROR's URI.
    pub(crate) fn answered(error: WampError) -> CallError {
        match error.uri.as_str() {
            uris::TIMEOUT => CallError::Timeout(error.text()),
            uris::CANCELED => CallError::Canceled(error.text()),
            _ => CallError::Application(error),
        }
    }

    /// The error URI, if the callee or router gave one.
    pub fn uri(&self) -> Option<&str> {
        match self {
            CallError::Application(error) => Some(&error.uri),
            CallError::Timeout(_) => Some(uris::TIMEOUT),
            CallError::Canceled(_) => Some(uris::CANCELED),
            _ => None,
        }
    }
}

/// Subscribing, publishing or registering failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The router said no.
    #[error("{request} {uri} refused: {error}")]
    Refused {
        /// What was asked, such as `SUBSCRIBE`.
        request: &'static str,
        /// The topic or procedure.
        uri: String,
        /// The router's answer.
        error: WampError,
    },
    /// The connection was lost, or there is none.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
    /// The arguments cannot be sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Arguments cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A Rust value has no form in WAMP.
    #[error("cannot serialize: {0}")]
    Value(String),
    /// The router does not receive messages that long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// Arguments that came are not of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected arguments: {0}")]
pub struct DecodeError(pub(crate) String);

/// An error as WAMP carries it: a URI with arguments. What a peer answered, or what a handler answers.
///
/// A handler's own errors are not converted by themselves: what reaches a caller should be written for callers.
/// [`WampError::runtime`] passes a text on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WampError {
    /// Which error, such as `com.example.error.no_such_user`.
    pub uri: String,
    /// `args`; by custom the first one is a text for people.
    pub args: Vec<Value>,
    /// `kwargs`.
    pub kwargs: Dict,
}

impl WampError {
    /// An error without arguments.
    pub fn new(uri: impl Into<String>) -> WampError {
        WampError { uri: uri.into(), ..WampError::default() }
    }

    /// `wamp.error.runtime_error` with a text: for `.map_err(WampError::runtime)?`.
    pub fn runtime(text: impl fmt::Display) -> WampError {
        WampError::new(uris::RUNTIME_ERROR).arg(text.to_string())
    }

    /// Appends an argument.
    pub fn arg(mut self, value: impl Into<Value>) -> WampError {
        self.args.push(value.into());
        self
    }

    /// Sets a keyword argument.
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> WampError {
        self.kwargs.insert(name, value);
        self
    }

    /// The text for people, if there is one.
    fn text(&self) -> String {
        self.args.first().and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for WampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)?;
        match self.args.first() {
            Some(Value::Str(text)) => write!(f, ": {text}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for WampError {}

impl From<DecodeError> for WampError {
    fn from(error: DecodeError) -> Self {
        WampError::new(uris::INVALID_ARGUMENT).arg(error.to_string())
    }
}

impl From<CallError> for WampError {
    /// Passes another procedure's error on; what concerns only our own connection becomes a runtime error.
    fn from(error: CallError) -> Self {
        match error {
            CallError::Application(error) => error,
            CallError::Timeout(text) => WampError::new(uris::TIMEOUT).arg(text),
            CallError::Canceled(text) => WampError::new(uris::CANCELED).arg(text),
            _ => WampError::runtime("a call that this procedure depends on failed"),
        }
    }
}

impl From<RequestError> for WampError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused { error, .. } => error,
            _ => WampError::runtime("a request that this procedure depends on failed"),
        }
    }
}
