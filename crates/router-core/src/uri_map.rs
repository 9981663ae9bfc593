//! From a URI to what was stored for it exactly, for a prefix of it, or for a wildcard pattern.
//!
//! | policy | structure | cost of a look-up |
//! | --- | --- | --- |
//! | exact | hash map | one hash |
//! | prefix | [`prefix`], a radix tree of bytes | bytes of the URI |
//! | wildcard | [`wildcard`], a trie of components | nodes whose pattern agrees with the URI so far: see there |
//!
//! A table without entries costs one comparison.

mod coverage;
mod prefix;
mod wildcard;

pub(crate) use coverage::{covers, wildcard_lead};
use crossweave_wamp::{MatchPolicy, uris};
use hashbrown::HashMap;
use prefix::PrefixTree;
use wildcard::WildcardTrie;

use crate::limits::RealmLimits;
use crate::refused::Refused;
use crate::slab::Key;

/// About how many bytes of memory a realm uses for one URI or pattern, the subscription or registration included. Measured
/// with short and long ones of each policy; a wildcard has a node for each component.
pub(crate) fn memory(policy: MatchPolicy, pattern: &str) -> usize {
    let nodes = match policy {
        MatchPolicy::Exact => 0,
        MatchPolicy::Prefix => 1,
        MatchPolicy::Wildcard => 1 + pattern.bytes().filter(|byte| *byte == b'.').count(),
    };
    256 + 2 * pattern.len() + 200 * nodes
}

/// Keys stored under patterns of all three policies.
#[derive(Debug, Default)]
pub(crate) struct UriMap {
    exact: HashMap<Box<str>, Key>,
    prefix: PrefixTree,
    wildcard: WildcardTrie,
    /// What all patterns that are stored take, as [`memory`] estimates it.
    memory: usize,
}

impl UriMap {
    /// Whether one more pattern finds room.
    pub(crate) fn check_room(
        &self,
        (policy, pattern): (MatchPolicy, &str),
        limits: &RealmLimits,
    ) -> Result<(), Refused> {
        if self.memory + memory(policy, pattern) <= limits.uri_memory_max {
            return Ok(());
        }
        let message = format!("realm may use at most {} bytes of memory for URIs", limits.uri_memory_max);
        Err(Refused::new(uris::RESOURCE_EXHAUSTED, message))
    }

    /// Stores `key` for the pattern, which must not be there.
    pub(crate) fn insert(&mut self, policy: MatchPolicy, pattern: &str, key: Key) {
        self.memory += memory(policy, pattern);
        let old = match policy {
            MatchPolicy::Exact => self.exact.insert(pattern.into(), key),
            MatchPolicy::Prefix => self.prefix.insert(pattern, key),
            MatchPolicy::Wildcard => self.wildcard.insert(pattern, key),
        };
        debug_assert!(old.is_none(), "{pattern:?} was stored already");
    }

    /// The key stored for this very pattern.
    pub(crate) fn get(&self, policy: MatchPolicy, pattern: &str) -> Option<Key> {
        match policy {
            MatchPolicy::Exact => self.exact(pattern),
            MatchPolicy::Prefix => self.prefix.get(pattern),
            MatchPolicy::Wildcard => self.wildcard.get(pattern),
        }
    }

    /// Takes this very pattern out.
    pub(crate) fn remove(&mut self, policy: MatchPolicy, pattern: &str) -> Option<Key> {
        let removed = match policy {
            MatchPolicy::Exact => self.exact.remove(pattern),
            MatchPolicy::Prefix => self.prefix.remove(pattern),
            MatchPolicy::Wildcard => self.wildcard.remove(pattern),
        };
        if removed.is_some() {
            self.memory -= memory(policy, pattern);
        }
        removed
    }

    /// What is stored for the URI exactly.
    #[inline]
    pub(crate) fn exact(&self, uri: &str) -> Option<Key> {
        self.exact.get(uri).copied()
    }

    /// The longest prefix pattern that matches: its length and its key.
    #[inline]
    pub(crate) fn longest_prefix(&self, uri: &str) -> Option<(usize, Key)> {
        if self.prefix.is_empty() { None } else { self.prefix.longest(uri) }
    }

    /// The most specific wildcard pattern that matches, as [`WildcardTrie::best`] orders them.
    #[inline]
    pub(crate) fn best_wildcard(&self, uri: &str) -> Option<Key> {
        if self.wildcard.is_empty() { None } else { self.wildcard.best(uri) }
    }

    /// Visits every pattern that matches the URI and is not exact: prefixes from short to long, then wildcards.
    #[inline]
    pub(crate) fn visit_patterns(&self, uri: &str, mut visit: impl FnMut(Key)) {
        if !self.prefix.is_empty() {
            self.prefix.visit(uri, &mut visit);
        }
        if !self.wildcard.is_empty() {
            self.wildcard.visit(uri, &mut visit);
        }
    }

    /// Whether nothing is stored, in the tables and in what they are made of.
    #[cfg(test)]
    pub(crate) fn is_clean(&self) -> bool {
        self.exact.is_empty() && self.prefix.is_clean() && self.wildcard.is_clean() && self.memory == 0
    }
}

#[cfg(test)]
mod model;
