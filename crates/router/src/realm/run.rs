//! One turn of a realm under its lock.

use std::time::Instant;

use crossweave_router_core::Realm;
use crossweave_router_core::boundary::{Flow, Input, Slot};
use crossweave_wamp::uris;

use crate::dispatch::{Dispatch, Followup};
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
