//! Progressive calls: CALL by CALL, in time and too late, and INVOCATIONs that do not reach their callee.

use crossweave_router_core::{Input, Slot, Undelivered};
use crossweave_wamp::RequestId;
use crossweave_wamp::message::CallOptions;

use super::{Broken, URIS, World, call};

impl World {
    /// One more part of a call, whether it is still open, has ended or was refused.
    pub(super) fn continue_call(&mut self, slot: Slot) -> Result<(), Broken> {
        let open: Vec<RequestId> = self.peers[&slot].parts.iter().copied().collect();
        let Some(request) = self.dice.pick(&open) else { return self.call(slot) };
        let options = CallOptions { progress: self.dice.one_in(2), ..CallOptions::default() };
        let peer = self.peer(slot);
        if !options.progress {
            peer.parts.remove(&request);
        }
        let is_late = !peer.calls.contains_key(&request);
        self.counts.late_parts += u64::from(is_late);
        self.counts.parts += u64::from(!is_late);
        // What a part calls its procedure means nothing.
        let uri = URIS[self.dice.below(URIS.len())];
        self.send(slot, call(request, uri, options))
    }

    /// The last INVOCATION of a step may not have reached its callee.
    pub(super) fn lose_invocation(&mut self) -> Result<(), Broken> {
        let Some((slot, request)) = self.invoked.take() else { return Ok(()) };
        if !self.peers.contains_key(&slot) || !self.dice.one_in(12) {
            return Ok(());
        }
        self.counts.undelivered += 1;
        let peer = self.peer(slot);
        peer.busy_with.remove(&request);
        if peer.has_one_part(request) {
            peer.answered(request);
        }
        let why = if self.dice.one_in(2) { Undelivered::NoRoom } else { Undelivered::TooLong };
        self.input(Input::Undelivered(slot, request, why))
    }
}
