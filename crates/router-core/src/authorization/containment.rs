//! Whether every URI that a pattern matches is allowed.
//!
//! The most specific rule that contains the whole pattern speaks for most of its URIs. A rule that overlaps with the pattern
//! and is more specific than that one speaks for the rest. If one of those denies, the pattern is denied: whoever must not
//! subscribe to `com.secret.plan` must not get at its events by subscribing to `com.secret.` either.
//!
//! Rules are found by their lead, the text before their pattern opens up. A rule overlaps with a pattern only if the lead of
//! one begins with the lead of the other. Rules whose lead begins with the pattern's are a range of a sorted table; of the
//! others only wildcards matter, whose leads end where a component does, so that there are few places to look at. Where that
//! leaves more than a few rules, an [index](OverlapIndex) finds those that overlap. Only SUBSCRIBE and REGISTER with a pattern
//! have the cost of all this.

mod index;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;

use crossweave_wamp::MatchPolicy;
use index::OverlapIndex;

use super::{Permissions, Rule, lead};
use crate::boundary::Action;
use crate::slab::Key;

/// Rules that are looked at one after the other, before the index is asked.
const SCAN_MAX: usize = 32;

/// The rules that deny one action.
#[derive(Debug, Default)]
pub(super) struct Denials {
    by_lead: BTreeMap<Box<str>, Vec<Key>>,
    /// None if there are so few rules that it would be of no use.
    index: Option<Box<OverlapIndex>>,
}

impl Denials {
    pub(super) fn add(&mut self, lead: &str, key: Key) {
        self.by_lead.entry(lead.into()).or_default().push(key);
    }

    /// All rules have been added.
    pub(super) fn finish(&mut self, rules: &[Rule]) {
        let keys = self.by_lead.values().flatten();
        self.index = (keys.clone().count() > SCAN_MAX)
            .then(|| Box::new(OverlapIndex::new(keys.map(|key| (*key, &rules[*key as usize])))));
    }

    /// The rules that may overlap with a pattern of this lead, and be more specific than one that contains it.
    fn candidates(&self, lead: &str) -> impl Iterator<Item = Key> {
        let ends = lead.match_indices('.').map(|(dot, _)| dot + 1);
        let above = std::iter::once(0).chain(ends).filter(|end| *end < lead.len());
        let above = above.filter_map(|end| self.by_lead.get_key_value(&lead[..end]));
        above.chain(self.below(lead)).flat_map(|(_, keys)| keys.iter().copied())
    }

    /// The rules whose lead begins with this one.
    fn below(&self, lead: &str) -> impl Iterator<Item = (&Box<str>, &Vec<Key>)> {
        let from = (Bound::Included(lead), Bound::Unbounded);
        self.by_lead.range::<str, _>(from).take_while(move |(other, _)| other.starts_with(lead))
    }

    /// The first rule that is one in fact, of those that may overlap with the pattern and be more specific than `within`.
    fn find(
        &self,
        (pattern, policy): (&str, MatchPolicy),
        within: Option<&Rule>,
        is_one: impl Fn(&Key) -> bool,
    ) -> Option<Key> {
        let lead = lead(pattern, policy);
        let mut candidates = self.candidates(lead);
        for _ in 0..SCAN_MAX {
            let key = candidates.next()?;
            if is_one(&key) {
                return Some(key);
            }
        }
        let Some(index) = &self.index else { return candidates.find(is_one) };
        if policy == MatchPolicy::Wildcard {
            return index.of_wildcard(pattern, within).find(is_one);
        }
        // What begins with a prefix pattern overlaps with it, and is more specific than what contains it.
        let mut below = self.below(lead).flat_map(|(_, keys)| keys.iter().copied());
        below.find(&is_one).or_else(|| index.of_prefix(pattern, within).find(is_one))
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
        denials.find((pattern, policy), rule, |key| self.denies_part(*key, (pattern, policy), rule))
    }

    /// Whether a rule, for one that denies, decides for some URIs of a pattern that `within` contains.
    fn denies_part(&self, key: Key, pattern: (&str, MatchPolicy), within: Option<&Rule>) -> bool {
        let other = &self.rules[key as usize];
        overlap((&other.uri, other.match_policy), pattern)
            && within.is_none_or(|within| is_more_specific(other, within))
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
