//! Requests that are answered by the router itself.

use std::sync::Arc;

use crossweave_wamp::PublicationId;
use tokio::sync::oneshot;

use crate::core::{Failure, SendError};
use crate::error::{EncodeError, RequestError};
use crate::shared::Shared;

pub(crate) type Answer = oneshot::Receiver<Result<Option<PublicationId>, Failure>>;

pub(crate) fn not_sent(error: SendError) -> RequestError {
    match error {
        SendError::Disconnected(why) => RequestError::Disconnected(why),
        SendError::TooLong(too_long) => RequestError::Encode(EncodeError::TooLong(too_long)),
    }
}

/// Waits for the answer to `request` (its name) about `uri`.
pub(crate) async fn answered(
    shared: &Arc<Shared>,
    answer: Answer,
    request: &'static str,
    uri: &str,
) -> Result<Option<PublicationId>, RequestError> {
    match answer.await {
        Ok(Ok(publication)) => Ok(publication),
        Ok(Err(Failure::Refused(error))) => {
            Err(RequestError::Refused { request, uri: uri.to_owned(), error })
        }
        Ok(Err(Failure::Disconnected(why))) => Err(why.into()),
        // The sender is dropped only with the runtime.
        Err(_) => Err(shared.disconnected("runtime is shutting down").into()),
    }
}
