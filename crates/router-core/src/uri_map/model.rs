//! The map against a naive scan, with patterns and URIs drawn from few components so that they meet often.

use crossweave_wamp::MatchPolicy;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const COMPONENTS: [&str; 7] = ["a", "b", "ab", "abc", "b2", "é", "ê"];
const POLICIES: [MatchPolicy; 3] = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn uri(&mut self, gaps: bool) -> String {
        let mut components: Vec<&str> = (0..=self.below(4)).map(|_| COMPONENTS[self.below(7)]).collect();
        for component in &mut components {
            if gaps && self.below(3) == 0 {
                *component = "";
            }
        }
        components.join(".")
    }

    fn pattern(&mut self, policy: MatchPolicy) -> String {
        let mut pattern = self.uri(policy == MatchPolicy::Wildcard);
        if policy == MatchPolicy::Prefix {
            let end = self.below(pattern.chars().count() + 1);
            pattern = pattern.chars().take(end).collect();
        }
        pattern
    }
}

/// The RFC's rule for wildcards, literally: lengths of the portions of components between wildcards, in order.
fn portions(pattern: &str) -> Vec<usize> {
    let mut portions = vec![0];
    for component in pattern.split('.') {
        match portions.last_mut() {
            Some(len) if !component.is_empty() => *len += 1,
            _ => portions.push(0),
        }
    }
    portions
}

fn agree(map: &UriMap, model: &[(MatchPolicy, String, Key)], uri: &str) {
    let matches = |policy| {
        let of = model.iter().filter(move |(p, pattern, _)| *p == policy && policy.matches(pattern, uri));
        of.map(|(_, pattern, key)| (pattern.as_str(), *key))
    };
    assert_eq!(map.exact(uri), matches(MatchPolicy::Exact).next().map(|(_, key)| key), "exact {uri:?}");
    let longest = matches(MatchPolicy::Prefix).max_by_key(|(pattern, _)| pattern.len());
    assert_eq!(map.longest_prefix(uri), longest.map(|(pattern, key)| (pattern.len(), key)), "prefix {uri:?}");
    let best = matches(MatchPolicy::Wildcard).max_by_key(|(pattern, _)| portions(pattern));
    assert_eq!(map.best_wildcard(uri), best.map(|(_, key)| key), "wildcard {uri:?} in {model:?}");

    let mut visited = Vec::new();
    map.visit_patterns(uri, |key| visited.push(key));
    visited.sort_unstable();
    let mut expected: Vec<Key> =
        matches(MatchPolicy::Prefix).chain(matches(MatchPolicy::Wildcard)).map(|(_, key)| key).collect();
    expected.sort_unstable();
    assert_eq!(visited, expected, "all patterns for {uri:?}");
}

#[test]
fn the_map_finds_what_a_scan_finds() {
    for seed in 0..400 {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let mut map = UriMap::default();
        let mut model: Vec<(MatchPolicy, String, Key)> = Vec::new();
        for step in 0..120 {
            let policy = POLICIES[dice.below(3)];
            let pattern = dice.pattern(policy);
            let known = model.iter().position(|(p, known, _)| *p == policy && *known == pattern);
            assert_eq!(map.get(policy, &pattern), known.map(|at| model[at].2), "seed {seed} step {step}");
            match known {
                Some(at) => assert_eq!(map.remove(policy, &pattern), Some(model.swap_remove(at).2)),
                None => {
                    assert_eq!(map.remove(policy, &pattern), None);
                    map.insert(policy, &pattern, step);
                    model.push((policy, pattern, step));
                }
            }
            agree(&map, &model, &dice.uri(false));
        }
        for (policy, pattern, key) in model {
            assert_eq!(map.remove(policy, &pattern), Some(key), "seed {seed}");
        }
        assert!(map.is_clean(), "seed {seed} leaves nodes behind");
    }
}

#[test]
fn the_specifications_examples_of_precedence_hold() {
    let mut map = UriMap::default();
    let wildcards = ["a1.b2..d4.e5", "a1.b2.c3..e5", "a1.b2..d4.e5..g7", "a1.b2..d4..f6.g7"];
    for (key, pattern) in (4..).zip(wildcards) {
        map.insert(MatchPolicy::Wildcard, pattern, key);
    }
    map.insert(MatchPolicy::Prefix, "a1.b2.c3", 2);
    map.insert(MatchPolicy::Prefix, "a1.b2.c3.d4", 3);
    assert_eq!(map.longest_prefix("a1.b2.c3.d98.e74"), Some((8, 2)));
    assert_eq!(map.longest_prefix("a1.b2.c3.d4.e325"), Some((11, 3)));
    assert_eq!(map.best_wildcard("a1.b2.c55.d4.e5"), Some(4));
    assert_eq!(map.best_wildcard("a1.b2.c3.d4.e5"), Some(5));
    assert_eq!(map.best_wildcard("a1.b2.c88.d4.e5.f6.g7"), Some(6));
    assert_eq!(map.best_wildcard("a2.b2.c2.d2.e2"), None);
}
