//! Calls that the dealer keeps whole: those that wait for a callee with room, and those that may have to go to another callee.
//!
//! A call is kept for another callee only where its callee announced `call_reroute` and there are others; the rest of the
//! calls leave nothing behind but their invocation. All kept calls of a realm share a bound of bytes: beyond it a call neither
//! waits nor is rerouted. Specification: "Call Re-Routing".

use crossweave_wamp::Message;
use crossweave_wamp::message::Call;
use hashbrown::HashMap;

use super::queues::Queued;
use crate::slab::Key;
use crate::trust::Attribution;
use crate::weight;

/// Kept calls by their invocation.
#[derive(Debug, Default)]
pub(super) struct KeptCalls {
    calls: HashMap<Key, Box<KeptCall>>,
    bytes: usize,
}

/// A call as its caller sent it.
#[derive(Debug)]
pub(super) struct KeptCall {
    pub(super) call: Call<'static>,
    /// What its callee is told of the caller.
    pub(super) attribution: Attribution,
    /// The numbers of the callees that said they are not available.
    pub(super) tried: Vec<u64>,
    /// Its place in a queue.
    pub(super) queued: Option<Queued>,
    bytes: usize,
}

impl KeptCall {
    pub(super) fn new(call: &Call<'_>, attribution: Attribution) -> Self {
        let Message::Call(call) = Message::Call(call.clone()).into_owned() else {
            unreachable!("an owned CALL is a CALL")
        };
        let bytes = weight::call(&call);
        KeptCall { call, attribution, tried: Vec::new(), queued: None, bytes }
    }
}

impl KeptCalls {
    /// Whether this call finds room.
    pub(super) fn has_room(&self, call: &Call<'_>, bytes_max: usize) -> bool {
        self.bytes + weight::call(call) <= bytes_max
    }

    pub(super) fn insert(&mut self, invocation: Key, call: Box<KeptCall>) {
        self.bytes += call.bytes;
        self.calls.insert(invocation, call);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn remove(&mut self, invocation: Key) -> Option<Box<KeptCall>> {
        let call = self.calls.remove(&invocation)?;
        self.bytes -= call.bytes;
        Some(call)
    }
}
