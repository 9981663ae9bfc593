//! One turn of a realm under its lock.

use std::sync::Arc;
use std::time::Instant;

use crossweave_router_core::Realm;
use crossweave_router_core::boundary::{Flow, Input, Slot};
use crossweave_wamp::{Message, uris};

use super::Decoded;
use crate::dispatch::{Dispatch, Followup};
use crate::hot::Heat;
use crate::queue::Detached;

/// One turn under the lock.
pub(super) struct Run<'r> {
    pub(super) realm: &'r mut Realm,
    pub(super) dispatch: Dispatch<'r>,
    pub(super) now: Instant,
    pub(super) is_closing: bool,
}

impl Run<'_> {
    #[inline]
    pub(super) fn input(&mut self, input: Input<'_, '_>) -> Flow {
        self.realm.handle(self.now, input, &mut self.dispatch)
    }

    /// A batch of messages, up to what is no message or ends the session; `input` hands them to the realm.
    #[inline]
    pub(super) fn messages<'i, 'm: 'i>(
        &mut self,
        slot: Slot,
        messages: impl Iterator<Item = &'i mut Decoded<'m>>,
        mut input: impl FnMut(&mut Self, Slot, &mut Message<'m>) -> Flow,
    ) -> Flow {
        let mut flow = Flow::Continue;
        for message in messages {
            flow = match message {
                Ok(message) => {
                    self.dispatch.routes.traffic.received.count(message.kind(), 1);
                    input(self, slot, message)
                }
                Err(violation) => return self.input(Input::Violation(slot, violation.clone())),
            };
            // What comes next may be about the same call.
            if !self.dispatch.followups.is_empty() {
                self.follow_up();
            }
            match flow {
                Flow::Continue => {}
                Flow::Pause => self.forget_resume(slot),
                Flow::Gone => return flow,
            }
        }
        flow
    }

    #[inline]
    pub(super) fn message(&mut self, slot: Slot, message: &mut Message<'_>) -> Flow {
        self.input(Input::Message(slot, message))
    }

    /// The same, and counts how often its URI is used.
    #[cold]
    pub(super) fn counted_message(
        &mut self,
        heat: &Heat,
        realm: &Arc<str>,
        slot: Slot,
        message: &mut Message<'_>,
    ) -> Flow {
        // The realm takes out of the message what it keeps.
        let Some(counted) = heat.received(realm, message) else { return self.message(slot, message) };
        let before = self.dispatch.routes.traffic.sent.of(counted.leads_to);
        let flow = self.message(slot, message);
        heat.sent(counted, self.dispatch.routes.traffic.sent.of(counted.leads_to) - before);
        flow
    }

    /// A message of the session waits: a note that it may be read again is about an earlier one.
    #[cold]
    pub(super) fn forget_resume(&mut self, slot: Slot) {
        if let Some(peer) = self.dispatch.routes.get(slot) {
            peer.queue.lock().is_resumed = false;
        }
    }

    /// Tells the realm what went wrong in delivering, until nothing more does.
    #[inline]
    pub(super) fn follow_up(&mut self) {
        while let Some(followup) = self.dispatch.followups.pop() {
            match followup {
                Followup::Leave(slot) => self.drop_slow(slot),
                Followup::Undelivered(slot, request, why) => {
                    let _ = self.input(Input::Undelivered(slot, request, why));
                }
                Followup::Unreceived(slot, request, why) => {
                    let _ = self.input(Input::Unreceived(slot, request, why));
                }
            }
        }
    }

    #[cold]
    fn drop_slow(&mut self, slot: Slot) {
        let Some(peer) = self.dispatch.routes.detach(slot) else { return };
        peer.queue.lock().detach(Detached::Close(uris::CLOSE_SLOW_RECEIVER));
        self.dispatch.effects.wakes.push(peer.clone());
        self.dispatch.effects.overflown.push(peer);
        let _ = self.input(Input::Leave(slot));
    }
}
