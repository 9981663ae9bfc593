//! Calls that are for the one callee that has a resource.
//!
//! CALL with `runmode` `"partition"` names the resource in `rkey`, REGISTER the node in `nkey`. Specification: "Sharded
//! Registration", a sketch; what it leaves open is decided here: the callee comes from both keys alone, whatever the invocation
//! policy, a callee without `nkey` is a node of its own for as long as it is registered, and a call waits for no other callee and goes
//! to no other.

use crossweave_wamp::message::RunMode;
use crossweave_wamp::uris;

use super::away::is_there;
use super::{Dealer, all_busy};
use crate::refused::Refused;
use crate::session::Sessions;
use crate::shard::{self, ShardKey};
use crate::slab::Key;

/// The node that a callee says it is.
#[cold]
pub(super) fn node(nkey: &str) -> Result<ShardKey, Refused> {
    shard::check_node_key(nkey)?;
    Ok(ShardKey::new(nkey.as_bytes()))
}

impl Dealer {
    /// The callee that has the call's resource. Of several that are the same node, the first with room.
    #[cold]
    #[inline(never)]
    pub(super) fn choose_shard(
        &self,
        sessions: &Sessions,
        place: Key,
        (mode, rkey): (RunMode, Option<&str>),
        procedure: &str,
    ) -> Result<usize, Refused> {
        if mode == RunMode::All {
            let why = "runmode \"all\" is not served: the specification does not say what its caller gets";
            return Err(Refused::new(uris::FEATURE_NOT_SUPPORTED, why));
        }
        let Some(rkey) = rkey else {
            return Err(Refused::new(uris::INVALID_ARGUMENT, "runmode \"partition\" needs an rkey"));
        };
        let resource = ShardKey::new(rkey.as_bytes());
        let callees = &self.registrations[place].callees;
        let there = || callees.iter().enumerate().filter(|(_, it)| sessions.get(it.slot).is_some());
        let owner = there().map(|(_, it)| it.node).max_by_key(|node| (resource.weight(*node), *node));
        let of_node = || there().filter(|(_, it)| Some(it.node) == owner);
        let is_any_there = sessions.is_anybody_away() && of_node().any(|(_, it)| is_there(sessions, it));
        let free = of_node().find(|(_, it)| it.has_room() && (!is_any_there || is_there(sessions, it)));
        free.map(|(at, _)| at).ok_or_else(|| all_busy(procedure))
    }
}
