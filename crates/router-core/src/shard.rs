//! Sharding: which of several nodes a resource belongs to.
//!
//! Every node is weighed against the resource, and the heaviest one has it (rendezvous hashing): the same nodes give the same
//! answer, in whatever order they came and on whatever router, and when one leaves only what it had goes elsewhere.
//! Specification: "Sharded Subscription", "Sharded Registration", which name the options `rkey`, `nkey` and `runmode` and leave the
//! rest open.

use crossweave_wamp::uris;
use hashbrown::HashMap;

use crate::boundary::Slot;
use crate::limits::NODE_KEY_LEN_MAX;
use crate::refused::Refused;
use crate::session::Sessions;

/// A resource key or a node key, hashed: FNV-1a, so that routers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShardKey(u64);

impl ShardKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        ShardKey(key.iter().fold(0xcbf2_9ce4_8422_2325, step))
    }

    /// How much this resource belongs to a node. The keys are spread first, as FNV leaves alike what is alike.
    pub(crate) fn weight(self, node: ShardKey) -> u64 {
        spread(spread(self.0).wrapping_add(spread(node.0).rotate_left(32)))
    }
}

/// Whether a text may name a node.
pub(crate) fn check_node_key(nkey: &str) -> Result<(), Refused> {
    if nkey.len() <= NODE_KEY_LEN_MAX {
        return Ok(());
    }
    let why = format!("nkey has {} bytes, at most {NODE_KEY_LEN_MAX} are allowed", nkey.len());
    Err(Refused::new(uris::INVALID_ARGUMENT, why))
}

/// The finalizer of SplitMix64: every bit of the number changes half of the result.
fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The members of one subscription that named a node.
#[derive(Debug, Default)]
pub(crate) struct Shards(HashMap<Slot, ShardKey>);

impl Shards {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The member is this node, whatever it was before.
    pub(crate) fn set(&mut self, member: Slot, node: ShardKey) {
        self.0.insert(member, node);
    }

    pub(crate) fn remove(&mut self, member: Slot) {
        self.0.remove(&member);
    }

    /// The node that has this resource, of those whose sessions are there.
    pub(crate) fn owner(&self, resource: ShardKey, sessions: &Sessions) -> Option<ShardKey> {
        let there = self.0.iter().filter(|(slot, _)| sessions.get(**slot).is_some());
        there.map(|(_, node)| *node).max_by_key(|node| (resource.weight(*node), *node))
    }

    /// Whether what belongs to this node is for the member: if it is of that node, or of none.
    pub(crate) fn is_for(&self, owner: ShardKey, member: Slot) -> bool {
        self.0.get(&member).is_none_or(|node| *node == owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner<'n>(resource: &str, nodes: &[&'n str]) -> &'n str {
        let resource = ShardKey::new(resource.as_bytes());
        let weight = |node: &&&str| resource.weight(ShardKey::new(node.as_bytes()));
        nodes.iter().max_by_key(weight).expect("there are nodes")
    }

    #[test]
    fn nodes_get_about_equal_shares() {
        let nodes = ["node1", "node2", "node3", "node4"];
        for node in nodes {
            let share = (0..10_000).filter(|n| owner(&format!("sn{n}"), &nodes) == node).count();
            assert!((2_200..2_800).contains(&share), "{node}: {share}");
        }
    }

    #[test]
    fn when_a_node_leaves_only_what_it_had_moves() {
        let (all, left) = (["a", "b", "c", "d"], ["a", "b", "d"]);
        for n in 0..1_000 {
            let resource = n.to_string();
            let before = owner(&resource, &all);
            if before != "c" {
                assert_eq!(owner(&resource, &left), before);
            }
        }
    }
}
