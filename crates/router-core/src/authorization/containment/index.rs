//! Which of many rules overlap with a pattern: found by sets of rules, not by looking at each.
//!
//! URIs are taken apart at their dots. For each position, a set has the rules that take any component there, and further ones
//! those that want this component, or one that begins so. What overlaps with a pattern is then what is in the right set at each
//! position where the pattern says something, and allows for its length. A set is a bit for each rule, so that 64 rules cost
//! about what one would; a set of few rules is a list.
//!
//! ```text
//!   pattern    com       .        (any)     .      other
//!              │                                   │
//!   rules      com, or any                         other, or any         of three components
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;

use crossweave_wamp::MatchPolicy;

use super::Rule;
use crate::slab::Key;

/// Rules that may remain to be looked at one after the other.
const REST_MAX: usize = 64;

/// An index of rules by their components.
#[derive(Debug)]
pub(super) struct OverlapIndex {
    /// The rule of each bit.
    keys: Vec<Key>,
    words: usize,
    positions: Vec<Position>,
    /// Exact and wildcard rules, by the number of their components.
    whole: Vec<Bits>,
    /// Prefix rules, by the number of components that they begin.
    open: Vec<Bits>,
    wildcards: Bits,
}

/// What rules say of the components at one position.
#[derive(Debug)]
struct Position {
    /// Rules that take any component here.
    free: Bits,
    /// Those of them that are wildcards.
    any: Bits,
    /// Rules that want this component.
    literal: BTreeMap<Box<str>, Set>,
    /// Prefix rules whose text ends in this component, with so much of it.
    begun: BTreeMap<Box<str>, Set>,
}

/// A bit for each rule.
#[derive(Clone, Debug)]
struct Bits(Vec<u64>);

/// Some rules: whichever takes less memory.
#[derive(Debug)]
enum Set {
    Few(Box<[u32]>),
    Many(Bits),
}

impl OverlapIndex {
    /// An index of these rules.
    pub(super) fn new<'r>(rules: impl Iterator<Item = (Key, &'r Rule)> + Clone) -> Self {
        let words = rules.clone().count().div_ceil(64);
        let len = rules.clone().map(|(_, rule)| rule.uri.split('.').count()).max().unwrap_or(0);
        let mut index = OverlapIndex {
            keys: rules.clone().map(|(key, _)| key).collect(),
            words,
            positions: Vec::with_capacity(len),
            whole: vec![Bits::none(words); len + 1],
            open: vec![Bits::none(words); len + 1],
            wildcards: Bits::none(words),
        };
        for (bit, (_, rule)) in rules.clone().enumerate() {
            let len = rule.uri.split('.').count();
            match rule.match_policy {
                MatchPolicy::Prefix => index.open[len].set(bit),
                MatchPolicy::Exact => index.whole[len].set(bit),
                MatchPolicy::Wildcard => {
                    index.whole[len].set(bit);
                    index.wildcards.set(bit);
                }
            }
        }
        index.positions = (0..len).map(|at| Position::new(at, rules.clone(), words)).collect();
        index
    }

    /// Rules that overlap with a wildcard pattern and, but for prefix rules that contain it, are more specific than `within`.
    pub(super) fn of_wildcard(
        &self,
        pattern: &str,
        within: Option<&Rule>,
    ) -> impl Iterator<Item = Key> + use<'_> {
        let len = pattern.split('.').count();
        let mut found = self.whole.get(len).cloned().unwrap_or_else(|| Bits::none(self.words));
        self.open.iter().take(len + 1).for_each(|open| found.add(open));
        for (position, component) in self.positions.iter().zip(pattern.split('.')) {
            if !component.is_empty() {
                found.keep(&position.taking(component));
            }
        }
        self.keep_more_specific(&mut found, pattern, within);
        self.rules(found)
    }

    /// Wildcard rules that overlap with a prefix pattern and are more specific than `within`, which is a prefix rule if there is
    /// one. Some that do not overlap may be among them.
    pub(super) fn of_prefix(
        &self,
        pattern: &str,
        within: Option<&Rule>,
    ) -> impl Iterator<Item = Key> + use<'_> {
        let len = pattern.split('.').count();
        let mut found = Bits::none(self.words);
        self.whole.iter().skip(len).for_each(|whole| found.add(whole));
        found.keep(&self.wildcards);
        let (complete, begun) = pattern.rsplit_once('.').map_or((None, pattern), |(a, b)| (Some(a), b));
        let components = complete.into_iter().flat_map(|complete| complete.split('.'));
        for (position, component) in self.positions.iter().zip(components) {
            found.keep(&position.taking(component));
        }
        self.keep_more_specific(&mut found, pattern, within);
        if let Some(position) = self.positions.get(len - 1)
            && !begun.is_empty()
            && found.count() > REST_MAX
        {
            found.keep(&position.taking_beginnings(begun));
        }
        self.rules(found)
    }

    /// Of the wildcards, leaves those that are more specific than the rule, if they overlap with the pattern.
    fn keep_more_specific(&self, found: &mut Bits, pattern: &str, rule: Option<&Rule>) {
        match rule {
            Some(rule) if rule.match_policy == MatchPolicy::Wildcard => self.keep_before(found, &rule.uri),
            Some(rule) => {
                // A wildcard that opens up before the rule's text ends is the less specific one.
                let mut offset = 0;
                for (position, component) in self.positions.iter().zip(pattern.split('.')) {
                    if offset >= rule.lead {
                        break;
                    }
                    found.remove(&position.any);
                    offset += component.len() + 1;
                }
            }
            None => {}
        }
    }

    /// Of the wildcards, leaves those that have a component where this one, which else opens up alike, has none.
    fn keep_before(&self, found: &mut Bits, wildcard: &str) {
        let mut alike = found.clone();
        alike.keep(&self.wildcards);
        found.remove(&self.wildcards);
        for (position, component) in self.positions.iter().zip(wildcard.split('.')) {
            let mut literal = alike.clone();
            literal.remove(&position.any);
            if component.is_empty() {
                found.add(&literal);
                alike.keep(&position.any);
            } else {
                alike = literal;
            }
        }
    }

    fn rules(&self, found: Bits) -> impl Iterator<Item = Key> + use<'_> {
        found.into_ones().map(|bit| self.keys[bit])
    }
}

impl Position {
    fn new<'r>(at: usize, rules: impl Iterator<Item = (Key, &'r Rule)>, words: usize) -> Self {
        let (mut free, mut any) = (Bits::none(words), Bits::none(words));
        let mut literal: BTreeMap<Box<str>, Vec<u32>> = BTreeMap::new();
        let mut begun: BTreeMap<Box<str>, Vec<u32>> = BTreeMap::new();
        for (bit, (_, rule)) in rules.enumerate() {
            let is_prefix = rule.match_policy == MatchPolicy::Prefix;
            let mut components = rule.uri.split('.').skip(at);
            match (components.next(), components.next().is_none()) {
                // Behind the end of a prefix everything is taken; behind that of others nothing, as their length tells.
                (None, _) if !is_prefix => {}
                (None, _) => free.set(bit),
                (Some(""), is_last) if is_last || !is_prefix => {
                    free.set(bit);
                    if !is_prefix {
                        any.set(bit);
                    }
                }
                (Some(text), true) if is_prefix => begun.entry(text.into()).or_default().push(bit as u32),
                (Some(text), _) => literal.entry(text.into()).or_default().push(bit as u32),
            }
        }
        let sets = |lists: BTreeMap<Box<str>, Vec<u32>>| {
            lists.into_iter().map(|(text, bits)| (text, Set::new(bits, words))).collect()
        };
        Position { free, any, literal: sets(literal), begun: sets(begun) }
    }

    /// Rules that take this component.
    fn taking(&self, component: &str) -> Bits {
        let mut taking = self.free.clone();
        if let Some(set) = self.literal.get(component) {
            taking.add_set(set);
        }
        // The texts that the component begins with, from the longest on.
        let mut beginning = component;
        while let Some((text, set)) =
            self.begun.range::<str, _>((Bound::Unbounded, Bound::Included(beginning))).next_back()
        {
            let common = common_len(text, beginning);
            if common == text.len() {
                taking.add_set(set);
            }
            // What comes before that text and begins the component is shorter than what they have in common, or the same.
            let Some(shorter) = shorter(beginning, common, text.len() == common) else { break };
            beginning = shorter;
        }
        taking
    }

    /// Exact and wildcard rules that take a component which begins so.
    fn taking_beginnings(&self, beginning: &str) -> Bits {
        let mut taking = self.free.clone();
        let from = (Bound::Included(beginning), Bound::Unbounded);
        let alike = self.literal.range::<str, _>(from).take_while(|(text, _)| text.starts_with(beginning));
        alike.for_each(|(_, set)| taking.add_set(set));
        taking
    }
}

/// How many bytes both texts begin with, whole characters only.
fn common_len(one: &str, other: &str) -> usize {
    let differs = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    differs.map_or(one.len().min(other.len()), |((at, _), _)| at)
}

/// The first `len` bytes of the text, or one character less.
fn shorter(text: &str, len: usize, is_one_less: bool) -> Option<&str> {
    let text = &text[..len];
    if !is_one_less {
        return Some(text);
    }
    text.char_indices().next_back().map(|(at, _)| &text[..at])
}

impl Bits {
    fn none(words: usize) -> Bits {
        Bits(vec![0; words])
    }

    fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn add(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    fn add_set(&mut self, set: &Set) {
        match set {
            Set::Few(bits) => bits.iter().for_each(|bit| self.set(*bit as usize)),
            Set::Many(bits) => self.add(bits),
        }
    }

    fn keep(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    fn remove(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn into_ones(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

impl Set {
    fn new(bits: Vec<u32>, words: usize) -> Set {
        if bits.len() <= 2 * words {
            return Set::Few(bits.into());
        }
        let mut many = Bits::none(words);
        bits.iter().for_each(|bit| many.set(*bit as usize));
        Set::Many(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_beginnings_of_a_component_are_found() {
        let words = 1;
        let texts = ["a", "ab", "abc", "abd", "ac", "b", "äb", "ä"];
        let mut begun: BTreeMap<Box<str>, Set> = BTreeMap::new();
        for (bit, text) in texts.iter().enumerate() {
            begun.insert((*text).into(), Set::new(vec![bit as u32], words));
        }
        let none = || Bits::none(words);
        let position = Position { free: none(), any: none(), literal: BTreeMap::new(), begun };
        for component in ["abcde", "ab", "abde", "ac", "acx", "az", "b", "", "äbc", "äz", "z", "A"] {
            let found: Vec<&str> = position.taking(component).into_ones().map(|bit| texts[bit]).collect();
            let expected: Vec<&str> =
                texts.iter().filter(|text| component.starts_with(**text)).copied().collect();
            assert_eq!(found, expected, "{component}");
        }
    }
}
