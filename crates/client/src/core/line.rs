//! The way to the router: the outbox while there is one, and the session's request ids.

use crossweave_transport::rawsocket::TooLong;
use crossweave_wamp::{Message, ProtocolViolation, RequestId, Serializer};

use crate::error::Disconnected;
use crate::outbox::Outbox;

/// Nothing was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SendError {
    Disconnected(Disconnected),
    TooLong(TooLong),
}

impl From<Disconnected> for SendError {
    fn from(why: Disconnected) -> Self {
        SendError::Disconnected(why)
    }
}

impl From<TooLong> for SendError {
    fn from(too_long: TooLong) -> Self {
        SendError::TooLong(too_long)
    }
}

pub(super) struct Line {
    outbox: Option<Outbox>,
    why_down: Disconnected,
    /// The last request id used; each session counts from 1.
    last_request: RequestId,
}

impl Line {
    pub(super) fn down(why: Disconnected) -> Line {
        Line { outbox: None, why_down: why, last_request: RequestId(0) }
    }

    pub(super) fn open(&mut self, outbox: Outbox) {
        self.outbox = Some(outbox);
        self.last_request = RequestId(0);
    }

    pub(super) fn close(&mut self, why: Disconnected) {
        self.outbox = None;
        self.why_down = why;
    }

    /// From now on this is the reason why nothing can be sent.
    pub(super) fn refuse(&mut self, reason: &str) {
        self.why_down.reason = reason.into();
        self.why_down.goodbye = None;
    }

    pub(super) fn outbox(&mut self) -> Option<&mut Outbox> {
        self.outbox.as_mut()
    }

    pub(super) fn why_down(&self) -> Disconnected {
        self.why_down.clone()
    }

    pub(super) fn is_full(&self) -> Result<bool, SendError> {
        match &self.outbox {
            Some(outbox) => Ok(outbox.is_full()),
            None => Err(self.why_down().into()),
        }
    }

    /// The serializer of the session; what it is does not matter without one.
    pub(super) fn serializer(&self) -> Serializer {
        self.outbox.as_ref().map_or(Serializer::MsgPack, Outbox::serializer)
    }

    /// Sends a request under the next id. An id that was not sent is not used up.
    pub(super) fn request<'a>(
        &mut self,
        message: impl FnOnce(RequestId) -> Message<'a>,
    ) -> Result<RequestId, SendError> {
        let request = RequestId(self.last_request.0 + 1);
        self.try_send(&message(request))?;
        self.last_request = request;
        Ok(request)
    }

    pub(super) fn try_send(&mut self, message: &Message<'_>) -> Result<(), SendError> {
        match &mut self.outbox {
            Some(outbox) => Ok(outbox.send(message)?),
            None => Err(self.why_down().into()),
        }
    }

    /// Sends what is short and not worth an error: if there is no session, there is nobody to tell.
    pub(super) fn send(&mut self, message: &Message<'_>) {
        if let Err(SendError::TooLong(too_long)) = self.try_send(message) {
            tracing::warn!(message = message.kind().name(), %too_long, "message not sent");
        }
    }

    /// Whether the router answers something that was asked.
    pub(super) fn check_was_sent(&self, request: RequestId) -> Result<(), ProtocolViolation> {
        if request.0 == 0 || request > self.last_request {
            let last = self.last_request;
            return Err(ProtocolViolation::new(format!(
                "answer to request {request}, but the last one is {last}"
            )));
        }
        Ok(())
    }
}
