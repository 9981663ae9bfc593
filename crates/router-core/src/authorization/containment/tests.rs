//! What overlaps, and the index against looking at every rule.

use std::collections::{BTreeSet, HashSet};

use MatchPolicy::{Exact, Prefix, Wildcard};

use super::*;
use crate::authorization::tests::{Dice, NONE, SUBSCRIBE, rule};
use crate::authorization::{Permission, effective_policy};

/// A pattern of up to five components out of few, so that rules and patterns have much to do with each other.
fn pattern(dice: &mut Dice) -> (String, MatchPolicy) {
    let policy = [Exact, Prefix, Wildcard][dice.below(3)];
    let mut components: Vec<&str> =
        (0..=dice.below(5)).map(|_| ["a", "ab", "abc", "b", "ä"][dice.below(5)]).collect();
    if policy == Wildcard {
        components.iter_mut().for_each(|it| *it = if dice.below(3) == 0 { "" } else { it });
    }
    let mut pattern = components.join(".");
    if policy == Prefix {
        let ends: Vec<usize> = pattern.char_indices().map(|(at, _)| at).collect();
        pattern.truncate(ends[dice.below(ends.len())]);
    }
    (pattern, policy)
}

/// So many rules, no two for the same URIs. Those of few components allow more often, or else nothing would be allowed.
fn permissions(dice: &mut Dice, len: usize) -> Permissions {
    let mut seen = HashSet::new();
    let mut rules: Vec<Permission> = vec![rule("", Prefix, SUBSCRIBE)];
    seen.insert((String::new(), Prefix));
    while rules.len() < len {
        let (uri, policy) = pattern(dice);
        if seen.insert((uri.clone(), policy)) {
            let denies = dice.below(1 + uri.len()) > 2;
            rules.push(rule(&uri, policy, if denies { NONE } else { SUBSCRIBE }));
        }
    }
    let rules = rules.into_iter().filter(|it| {
        crossweave_wamp::uri::check(&it.uri, it.match_policy, crossweave_wamp::Strictness::Loose).is_ok()
    });
    Permissions::new(rules).expect("the rules are good")
}

/// The rules that deny a part of the pattern: all of them, one after the other.
fn by_looking_at_each(
    permissions: &Permissions,
    pattern: (&str, MatchPolicy),
    within: Option<&Rule>,
) -> BTreeSet<Key> {
    let denies = |key: &Key| permissions.rules[*key as usize].verdict.of(Action::Subscribe).is_none();
    let keys = (0..permissions.rules.len() as Key).filter(denies);
    keys.filter(|key| permissions.denies_part(*key, pattern, within)).collect()
}

/// The same, by the index.
fn by_index(
    permissions: &Permissions,
    (pattern, policy): (&str, MatchPolicy),
    within: Option<&Rule>,
) -> BTreeSet<Key> {
    let denials = &permissions.subscribe_denials;
    let index = denials.index.as_ref().expect("there are enough rules");
    if policy == Wildcard {
        let found: Vec<Key> = index.of_wildcard(pattern, within).collect();
        let is_one = |key: &Key| permissions.denies_part(*key, (pattern, policy), within);
        let wrong: Vec<_> =
            found.iter().filter(|key| !is_one(key)).map(|key| permissions.rule(*key as usize)).collect();
        // What contains the pattern; the rule within which it is, is more specific.
        assert!(wrong.iter().flatten().all(|(_, policy)| *policy == Prefix), "{pattern:?}: {wrong:?}");
        return found.into_iter().filter(is_one).collect();
    }
    let below = denials.below(pattern).flat_map(|(_, keys)| keys.iter().copied());
    let found = below.chain(index.of_prefix(pattern, within));
    found.filter(|key| permissions.denies_part(*key, (pattern, policy), within)).collect()
}

#[test]
fn the_index_finds_what_looking_at_each_rule_finds() {
    let mut dice = Dice(7);
    let (mut asked, mut denied) = (0, 0);
    for round in 0..600 {
        let permissions = permissions(&mut dice, 60 + round % 200);
        if permissions.subscribe_denials.index.is_none() {
            continue;
        }
        for _ in 0..40 {
            let (pattern, policy) = pattern(&mut dice);
            let policy = effective_policy(&pattern, policy);
            let rule = permissions.most_specific(&pattern, policy);
            let within = rule.map(|key| &permissions.rules[key as usize]);
            let is_allowed = within.is_none_or(|it| it.verdict.of(Action::Subscribe).is_some());
            if policy == Exact || !is_allowed {
                continue;
            }
            let expected = by_looking_at_each(&permissions, (&pattern, policy), within);
            let found = by_index(&permissions, (&pattern, policy), within);
            assert_eq!(found, expected, "{pattern:?} {policy:?} in {:?}", within.map(|it| &it.uri));
            let one = permissions.part_denied(Action::Subscribe, &pattern, policy, rule);
            assert_eq!(one.is_some(), !expected.is_empty(), "{pattern:?} {policy:?}");
            assert!(one.is_none_or(|key| expected.contains(&key)));
            asked += 1;
            denied += usize::from(one.is_some());
        }
    }
    assert!(denied > 1_000 && asked - denied > 1_000, "{denied} of {asked} denied");
}

/// What the index leaves to be looked at one after the other, where each of very many rules may deny a part at first sight.
#[test]
fn of_very_many_rules_few_are_looked_at() {
    let denial = |n: usize| match n % 3 {
        0 => rule(&format!("com.app{n}..x"), Wildcard, NONE),
        1 => rule(&format!("com.app{n}.topic"), Exact, NONE),
        _ => rule(&format!("com..sub{n}"), Wildcard, NONE),
    };
    let rules =
        (0..10_000).map(denial).chain([rule("", Prefix, SUBSCRIBE), rule("com.open.", Prefix, SUBSCRIBE)]);
    let permissions = Permissions::new(rules).unwrap();
    let index = permissions.subscribe_denials.index.as_ref().unwrap();
    let within = |pattern: &str, policy| {
        permissions.most_specific(pattern, policy).map(|key| &permissions.rules[key as usize])
    };
    for pattern in ["com..other", "..other", "com.open.", "net..x", "..topics", "com.open..x."] {
        let looked_at = index.of_wildcard(pattern, within(pattern, Wildcard)).count();
        assert_eq!(looked_at, 0, "{pattern}");
        assert!(permissions.decide(Action::Subscribe, pattern, Wildcard).is_some(), "{pattern}");
    }
    for pattern in ["com.open.x", "com.open.x.y", "com.closed.topic", "com.closed.x.y", "com.closed.subs"] {
        let looked_at = index.of_prefix(pattern, within(pattern, Prefix)).count();
        assert_eq!(looked_at, 0, "{pattern}");
        assert!(permissions.decide(Action::Subscribe, pattern, Prefix).is_some(), "{pattern}");
    }
    for (pattern, policy) in [
        ("com..topic", Wildcard),
        ("com..", Wildcard),
        ("com.app9", Prefix),
        ("com.closed.sub11", Prefix),
        ("com.closed.sub9998", Prefix),
        ("com.", Prefix),
    ] {
        assert!(permissions.decide(Action::Subscribe, pattern, policy).is_none(), "{pattern}");
    }
}

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
