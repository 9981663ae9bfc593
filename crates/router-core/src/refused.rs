//! Why a request is answered with ERROR.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::boundary::AuthorizeRequest;
use crossweave_wamp::message::{self, Kind};
use crossweave_wamp::uri::BadUri;
use crossweave_wamp::{Dict, Message, Payload, ProtocolViolation, RequestId, Serializer, Value, uris};

use crate::denial::Denied;

/// A request that is not carried out. [`Realm::handle`](crate::Realm::handle) turns it into ERROR.
///
/// Boxed, as it is rare and part of what every function on the hot path returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused(Box<Refusal>);

/// What there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error URI.
    pub(crate) error: &'static str,
    /// For the peer's author: the only argument of ERROR.
    pub(crate) message: Cow<'static, str>,
    /// What the operator is told, if it was for want of permission.
    pub(crate) denied: Option<Box<Denied>>,
    /// The correlation id of that, for the peer.
    pub(crate) correlation_id: Option<Arc<str>>,
}

impl Refused {
    #[cold]
    pub(crate) fn new(error: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Refused(Box::new(Refusal { error, message, denied: None, correlation_id: None }))
    }

    /// For want of permission.
    pub(crate) fn denied(error: &'static str, message: impl Into<Cow<'static, str>>, denied: Denied) -> Self {
        let mut refused = Refused::new(error, message);
        refused.denied = Some(Box::new(denied));
        refused
    }

    pub(crate) fn no_such_procedure(procedure: &str) -> Self {
        Refused::new(uris::NO_SUCH_PROCEDURE, format!("no callee registered for procedure {procedure:?}"))
    }

    /// For a call in parts.
    #[cold]
    pub(crate) fn takes_no_parts() -> Self {
        Refused::new(uris::FEATURE_NOT_SUPPORTED, "callee takes no progressive call invocations")
    }

    pub(crate) fn resource_exhausted(what: &str, max: usize) -> Self {
        Refused::new(uris::RESOURCE_EXHAUSTED, format!("session may have at most {max} {what}"))
    }

    /// The ERROR that tells the peer.
    pub(crate) fn to_error(&self, kind: Kind, request: RequestId) -> Message<'static> {
        let mut error = message::Error::new(kind, request, self.error);
        error.payload = match &self.correlation_id {
            None => text(&self.message),
            Some(id) => {
                let message = format!("{} (correlation id {id})", self.message);
                let kwargs = Dict::new().with("correlation_id", &**id);
                Payload::new(Serializer::Json, &[message.into()], &kwargs)
            }
        };
        error.into()
    }
}

impl Deref for Refused {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl DerefMut for Refused {
    fn deref_mut(&mut self) -> &mut Refusal {
        &mut self.0
    }
}

impl From<BadUri> for Refused {
    fn from(bad: BadUri) -> Self {
        Refused::new(uris::INVALID_URI, bad.to_string())
    }
}

/// A payload with one text.
pub(crate) fn text(text: &str) -> Payload<'static> {
    Payload::new(Serializer::Json, &[Value::from(text)], &Dict::new())
}

/// Why a message is not carried out.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The request gets ERROR.
    Refused(Refused),
    /// The session is aborted.
    Violation(Box<ProtocolViolation>),
    /// The role's authorizer is to say whether it may have its effect.
    Ask(Box<AuthorizeRequest>),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Stop::Refused(refused)
    }
}

impl From<ProtocolViolation> for Stop {
    fn from(violation: ProtocolViolation) -> Self {
        Stop::Violation(Box::new(violation))
    }
}
