//! Calls that await their result.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_wamp::message::{self, CancelMode};
use crossweave_wamp::{ProtocolViolation, RequestId};
use tokio::sync::oneshot;

use super::effects::Effects;
use super::line::Line;
use crate::content::Content;
use crate::error::{CallError, Disconnected, WampError};
use crate::queue::Queue;
use crate::reply::Reply;

/// Where the results of a call go.
pub(crate) enum CallSlot {
    /// The one result.
    Single(oneshot::Sender<Result<Reply, CallError>>),
    /// Progressive results and the final one.
    Stream(Arc<Queue<Result<Reply, CallError>>>),
}

#[derive(Default)]
pub(super) struct Calls {
    pending: HashMap<RequestId, CallSlot>,
}

impl Calls {
    pub(super) fn insert(&mut self, request: RequestId, slot: CallSlot) {
        self.pending.insert(request, slot);
    }

    /// Forgets a call; says whether it was pending.
    pub(super) fn remove(&mut self, request: RequestId, effects: &mut Effects) -> bool {
        self.pending.remove(&request).map(|slot| effects.drop_slot(slot)).is_some()
    }

    pub(super) fn result(
        &mut self,
        line: &mut Line,
        result: message::Result<'_>,
        effects: &mut Effects,
    ) -> Result<(), ProtocolViolation> {
        let request = result.request;
        line.check_was_sent(request)?;
        let content = Content::new(result.payload, result.details.passthru);
        if !result.details.progress {
            self.finish(request, Ok(Reply::new(content, true)), effects);
            return Ok(());
        }
        // A progressive result that was not asked for, or comes after the call was cancelled, is of no use.
        let Some(CallSlot::Stream(queue)) = self.pending.get(&request) else { return Ok(()) };
        let cost = content.cost();
        match queue.try_push(Ok(Reply::new(content, false)), cost) {
            Ok(waker) => effects.wake(waker),
            Err(_) => {
                let waiting = queue.len();
                line.send(
                    &message::Cancel { request, mode: Some(CancelMode::KillNoWait), forward_for: None }
                        .into(),
                );
                self.finish(request, Err(CallError::Overrun(waiting)), effects);
            }
        }
        Ok(())
    }

    pub(super) fn error(&mut self, request: RequestId, error: WampError, effects: &mut Effects) {
        self.finish(request, Err(CallError::answered(error)), effects);
    }

    pub(super) fn fail_all(&mut self, why: &Disconnected, effects: &mut Effects) {
        let requests: Vec<RequestId> = self.pending.keys().copied().collect();
        for request in requests {
            self.finish(request, Err(why.clone().into()), effects);
        }
    }

    fn finish(&mut self, request: RequestId, answer: Result<Reply, CallError>, effects: &mut Effects) {
        match self.pending.remove(&request) {
            Some(CallSlot::Single(slot)) => effects.call(slot, answer),
            Some(CallSlot::Stream(queue)) => {
                effects.wake(queue.push_last(answer));
                effects.drop_slot(CallSlot::Stream(queue));
            }
            // It was cancelled, or timed out here.
            None => {}
        }
    }
}
