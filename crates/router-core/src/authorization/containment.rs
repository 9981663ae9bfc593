//! Whether every URI that a pattern matches is allowed.
//!
//! The most specific rule that contains the whole pattern speaks for most of its URIs. A rule that overlaps with the pattern
//! and is more specific than that one speaks for the rest. If one of those denies, the pattern is denied: whoever must not
//! subscribe to `com.secret.plan` must not get at its events by subscribing to `com.secret.` either.
//!
//! Rules are found by their lead, the text before their pattern opens up. A rule overlaps with a pattern only if the lead of
//! one begins with the lead of the other. Rules whose lead begins with the pattern's are a range of a sorted table; of the
//! others only wildcards matter, whose leads end where a component does, so that there are few places to look at. The cost is
//! that of the rules found there; only SUBSCRIBE and REGISTER with a pattern have it.

use std::collections::BTreeMap;
use std::ops::Bound;

use crossweave_wamp::MatchPolicy;

use super::{Permissions, Rule, lead};
use crate::boundary::Action;
use crate::slab::Key;

/// The rules that deny one action, by their lead.
#[derive(Debug, Default)]
pub(super) struct Denials(BTreeMap<Box<str>, Vec<Key>>);

impl Denials {
    pub(super) fn add(&mut self, lead: &str, key: Key) {
        self.0.entry(lead.into()).or_default().push(key);
    }

    /// The rules that may overlap with a pattern of this lead, and be more specific than one that contains it.
    fn candidates(&self, lead: &str) -> impl Iterator<Item = Key> {
        let from = (Bound::Included(lead), Bound::Unbounded);
        let below = self.0.range::<str, _>(from).take_while(move |(other, _)| other.starts_with(lead));
        let ends = lead.match_indices('.').map(|(dot, _)| dot + 1);
        let above = std::iter::once(0).chain(ends).filter(|end| *end < lead.len());
        let above = above.filter_map(|end| self.0.get_key_value(&lead[..end]));
        above.chain(below).flat_map(|(_, keys)| keys.iter().copied())
    }
}

impl Permissions {
    /// A rule that denies the action for some URIs of the pattern, which `rule` would allow.
    pub(super) fn part_denied(
        &self,
        action: Action,
        pattern: &str,
        policy: MatchPolicy,
        rule: Option<Key>,
    ) -> Option<Key> {
        let denials = match action {
            Action::Subscribe => &self.subscribe_denials,
            Action::Register => &self.register_denials,
            Action::Call | Action::Publish => return None,
        };
        let rule = rule.map(|key| &self.rules[key as usize]);
        denials.candidates(lead(pattern, policy)).find(|key| {
            let other = &self.rules[*key as usize];
            overlap((&other.uri, other.match_policy), (pattern, policy))
                && rule.is_none_or(|rule| is_more_specific(other, rule))
        })
    }
}

/// Whether `rule` decides on URIs to which both apply.
fn is_more_specific(rule: &Rule, other: &Rule) -> bool {
    use MatchPolicy::{Exact, Prefix, Wildcard};
    match (rule.match_policy, other.match_policy) {
        (_, Exact) => false,
        (Exact, _) => true,
        (Prefix, _) => rule.lead > other.lead,
        (Wildcard, Prefix) => rule.lead >= other.lead,
        (Wildcard, Wildcard) => {
            let pairs = rule.uri.split('.').zip(other.uri.split('.'));
            let first = pairs.map(|(a, b)| (a.is_empty(), b.is_empty())).find(|(a, b)| a != b);
            first.is_some_and(|(is_any, _)| !is_any)
        }
    }
}

/// Whether some URI is matched by both patterns.
fn overlap((one, policy): (&str, MatchPolicy), (other, other_policy): (&str, MatchPolicy)) -> bool {
    use MatchPolicy::Prefix;
    match (policy, other_policy) {
        (Prefix, Prefix) => one.starts_with(other) || other.starts_with(one),
        (Prefix, _) => can_start_with(other, one),
        (_, Prefix) => can_start_with(one, other),
        _ => {
            let (mut one, mut other) = (one.split('.'), other.split('.'));
            loop {
                match (one.next(), other.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if a.is_empty() || b.is_empty() || a == b => {}
                    _ => return false,
                }
            }
        }
    }
}

/// Whether some URI that the wildcard pattern (or URI) matches starts with this text.
fn can_start_with(pattern: &str, start: &str) -> bool {
    let mut components = pattern.split('.');
    let mut starts = start.split('.').peekable();
    while let Some(start) = starts.next() {
        let is_last = starts.peek().is_none();
        match components.next() {
            Some(component) if component.is_empty() || component == start => {}
            Some(component) if is_last && component.starts_with(start) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use MatchPolicy::{Exact, Prefix, Wildcard};

    #[test]
    fn patterns_overlap_where_one_uri_is_in_both() {
        let cases = [
            (("com.a", Exact), ("com.", Prefix), true),
            (("com.a", Exact), ("com..x", Wildcard), false),
            (("com.a.x", Exact), ("com..x", Wildcard), true),
            (("com.a.", Prefix), ("com..x", Wildcard), true),
            (("com.a.y", Prefix), ("com..x", Wildcard), false),
            (("com.a.xy", Prefix), ("com..x", Wildcard), false),
            (("com.a.x.", Prefix), ("com..x", Wildcard), false),
            (("..c", Wildcard), ("a..", Wildcard), true),
            (("..c", Wildcard), ("a..d", Wildcard), false),
            (("a.b", Prefix), ("a.bc", Prefix), true),
            (("a.b", Prefix), ("a.c", Prefix), false),
            (("", Prefix), ("..", Wildcard), true),
        ];
        for (one, other, expected) in cases {
            assert_eq!(overlap(one, other), expected, "{one:?} {other:?}");
            assert_eq!(overlap(other, one), expected, "{other:?} {one:?}");
        }
    }
}
