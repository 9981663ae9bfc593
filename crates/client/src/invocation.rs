//! A call, as a handler gets it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossweave_wamp::message::{self, ForwardFor, YieldOptions};
use crossweave_wamp::{RequestId, SessionId};

use crate::arguments::Arguments;
use crate::cancel::CancelToken;
use crate::content::{Content, has_content};
use crate::core::{Epoch, SendError};
use crate::error::CallError;
use crate::shared::Shared;

/// A call to one of our procedures.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The procedure; with a pattern, the one that was called.
    pub procedure: Arc<str>,
    /// Who calls, if disclosed.
    pub caller: Option<SessionId>,
    /// The caller's authid, if disclosed.
    pub caller_authid: Option<String>,
    /// The caller's authrole, if disclosed.
    pub caller_authrole: Option<String>,
    /// Whether the caller takes progressive results.
    pub wants_progress: bool,
    /// The caller's timeout, if the router passes it on.
    pub timeout: Option<Duration>,
    /// The routers that the call came through, if it was made on another one; empty else.
    pub forward_for: Vec<ForwardFor>,
    /// The arguments.
    pub content: Content,
    epoch: Epoch,
    request: RequestId,
    token: CancelToken,
    shared: Weak<Shared>,
}

has_content!(Invocation);

impl Invocation {
    /// `registered` is the procedure or pattern.
    pub(crate) fn new(
        epoch: Epoch,
        registered: &Arc<str>,
        it: message::Invocation<'_>,
        token: CancelToken,
    ) -> Invocation {
        let details = it.details;
        Invocation {
            procedure: details.procedure.map_or_else(|| registered.clone(), |procedure| (*procedure).into()),
            caller: details.caller,
            caller_authid: details.caller_authid.map(Into::into),
            caller_authrole: details.caller_authrole.map(Into::into),
            wants_progress: details.receive_progress,
            timeout: (details.timeout_ms > 0).then(|| Duration::from_millis(details.timeout_ms)),
            forward_for: details.forward_for.map_or_else(Vec::new, Vec::from),
            content: Content::new(it.payload, details.passthru),
            epoch,
            request: it.request,
            token,
            shared: Weak::new(),
        }
    }

    pub(crate) fn attach(&mut self, shared: &Arc<Shared>) {
        self.shared = Arc::downgrade(shared);
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn request(&self) -> RequestId {
        self.request
    }

    /// What it costs to keep it, in octets.
    pub(crate) fn cost(&self) -> usize {
        self.content.cost()
    }

    /// Says when nobody waits for the answer any more. Give clones to what the handler starts.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.token
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_canceled(&self) -> bool {
        self.token.is_canceled()
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn canceled(&self) {
        self.token.canceled().await;
    }

    /// Sends a progressive result; waits while the connection has enough to write.
    ///
    /// Does nothing and says `false` if the caller takes none ([`Invocation::wants_progress`]) or waits no more.
    ///
    /// # Errors
    /// The arguments cannot be sent, or the connection is lost.
    pub async fn progress(&self, args: impl Into<Arguments>) -> Result<bool, CallError> {
        let Some(shared) = self.shared.upgrade().filter(|_| self.wants_progress && !self.is_canceled())
        else {
            return Ok(false);
        };
        let (payload, passthru) = args.into().into_payload(shared.serializer())?;
        let options = YieldOptions { progress: true, passthru, forward_for: None };
        let answer = message::Yield { request: self.request, options, payload };
        let sent = shared.send(move |core| core.progress(self.epoch, self.request, answer)).await;
        sent.map_err(|error| match error {
            SendError::Disconnected(why) => CallError::Disconnected(why),
            SendError::TooLong(too_long) => CallError::Encode(too_long.into()),
        })
    }
}
