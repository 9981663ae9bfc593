use super::*;

pub(super) fn rule(uri: &str, match_policy: MatchPolicy, allow: Actions) -> Permission {
    Permission { uri: uri.into(), match_policy, allow, disclose: Disclosure::default() }
}

pub(super) const NONE: Actions = Actions { call: false, register: false, publish: false, subscribe: false };
pub(super) const SUBSCRIBE: Actions = Actions { subscribe: true, ..NONE };
use MatchPolicy::{Exact, Prefix, Wildcard};

fn permissions(rules: &[(&str, MatchPolicy, Actions)]) -> Permissions {
    Permissions::new(rules.iter().map(|(uri, policy, allow)| rule(uri, *policy, *allow))).unwrap()
}

fn allows(permissions: &Permissions, uri: &str, policy: MatchPolicy) -> bool {
    permissions.decide(Action::Subscribe, uri, policy).is_some()
}

#[test]
fn an_exact_rule_for_a_shorter_uri_does_not_mask_a_prefix_rule() {
    let permissions = permissions(&[("com.", Prefix, SUBSCRIBE), ("com.app", Exact, NONE)]);
    assert!(allows(&permissions, "com.app.topic", Exact));
    assert!(allows(&permissions, "com.apple", Exact));
    assert!(!allows(&permissions, "com.app", Exact));
}

#[test]
fn the_more_specific_of_prefix_and_wildcard_decides() {
    let permissions = permissions(&[
        ("", Prefix, NONE),
        ("com..create", Wildcard, SUBSCRIBE),
        ("com.secret.", Prefix, NONE),
        ("com.secret..create", Wildcard, SUBSCRIBE),
    ]);
    assert!(allows(&permissions, "com.user.create", Exact));
    assert!(!allows(&permissions, "com.secret.create", Exact));
    assert!(allows(&permissions, "com.secret.x.create", Exact));
    assert!(!allows(&permissions, "com.user.delete", Exact));
}

#[test]
fn a_pattern_needs_a_rule_that_contains_all_of_it() {
    let permissions = permissions(&[
        ("com.app.", Prefix, SUBSCRIBE),
        ("org.a", Exact, SUBSCRIBE),
        ("net..x.", Wildcard, SUBSCRIBE),
    ]);
    for (pattern, policy) in
        [("com.app.", Prefix), ("com.app.sub", Prefix), ("com.app..x", Wildcard), ("net..x.", Wildcard)]
    {
        assert!(allows(&permissions, pattern, policy), "{pattern} {policy:?}");
    }
    assert!(allows(&permissions, "net.b.x.", Wildcard) && allows(&permissions, "net.b.x.y", Exact));
    for (pattern, policy) in [
        ("com.ap", Prefix),
        ("", Prefix),
        ("com..x", Wildcard),
        ("org.a", Prefix),
        ("net.", Prefix),
        ("net.b.x.", Prefix),
        ("net...", Wildcard),
        ("com.app", Exact),
    ] {
        assert!(!allows(&permissions, pattern, policy), "{pattern} {policy:?}");
    }
}

#[test]
fn without_a_rule_the_default_decides() {
    assert!(!allows(&permissions(&[]), "com.app", Exact));
    assert!(allows(&permissions(&[]).allow_by_default(true), "com.app", Exact));
    let some = permissions(&[("org.", Prefix, NONE)]).allow_by_default(true);
    assert!(allows(&some, "com.app", Exact) && !allows(&some, "org.x", Exact));
}

#[test]
fn disclosure_is_per_action() {
    let disclose = Disclosure { caller: Disclose::Always, publisher: Disclose::Never };
    let all = Permission { uri: String::new(), match_policy: Prefix, allow: Actions::ALL, disclose };
    let permissions = Permissions::new([all]).unwrap();
    assert_eq!(permissions.decide(Action::Call, "com.x", Exact), Some(Disclose::Always));
    assert_eq!(permissions.decide(Action::Publish, "com.x", Exact), Some(Disclose::Never));
}

#[test]
fn bad_rules_are_named() {
    let bad = Permissions::new([rule("com..x", Exact, NONE)]).unwrap_err();
    assert!(bad.to_string().contains("com..x"), "{bad}");
    let twice = Permissions::new([rule("com.x", Exact, NONE), rule("com.x", Exact, SUBSCRIBE)]).unwrap_err();
    assert!(matches!(twice, BadPermission::Duplicate { .. }), "{twice}");
}

#[test]
fn a_pattern_is_denied_where_a_rule_denies_a_part_of_it() {
    let permissions = permissions(&[
        ("com.", Prefix, SUBSCRIBE),
        ("com.secret.", Prefix, NONE),
        ("com.app..private", Wildcard, NONE),
        ("com.plan", Exact, NONE),
        ("com.secret.open.", Prefix, SUBSCRIBE),
    ]);
    for (pattern, policy) in [
        ("com.app2.x", Prefix),
        ("com.open.", Prefix),
        ("com.app..x", Wildcard),
        ("com.secret.open.", Prefix),
    ] {
        assert!(allows(&permissions, pattern, policy), "{pattern} {policy:?}");
    }
    for (pattern, policy) in [
        ("com.", Prefix),
        ("com.s", Prefix),
        ("com.secret.", Prefix),
        ("com.app.", Prefix),
        ("com.p", Prefix),
        ("com.", Wildcard),
        ("com.plan", Wildcard),
        ("com...private", Wildcard),
    ] {
        assert!(!allows(&permissions, pattern, policy), "{pattern} {policy:?}");
    }
    let judgement = permissions.judge(Action::Subscribe, "com.p", Prefix);
    assert_eq!(judgement.reason, Reason::PartDenied { by: 3, within: Some(0) });
}

#[test]
fn an_allowed_pattern_matches_no_denied_uri() {
    let mut dice = Dice(1);
    let mut seen = [0, 0];
    for _ in 0..20_000 {
        let rules: Vec<_> = (0..1 + dice.below(6)).map(|_| dice.rule()).collect();
        let Ok(permissions) = Permissions::new(rules.clone()) else { continue };
        let permissions = permissions.allow_by_default(dice.below(3) == 0);
        let (pattern, policy) = dice.pattern();
        if uri::check(&pattern, policy, Strictness::Loose).is_err() {
            continue;
        }
        let is_allowed = allows(&permissions, &pattern, policy);
        seen[usize::from(is_allowed)] += 1;
        let denied = uris().find(|uri| policy.matches(&pattern, uri) && !allows(&permissions, uri, Exact));
        assert!(!is_allowed || denied.is_none(), "{pattern:?} {policy:?} matches {denied:?}: {rules:?}");
        let is_disputed = rules.iter().any(|rule| !rule.allow.subscribe);
        let is_within = rules.iter().any(|it| (it.match_policy, &it.uri) == (policy, &pattern));
        assert!(is_allowed || is_disputed || !is_within, "{pattern:?} {policy:?} is within {rules:?}");
    }
    assert!(seen[0] > 1_000 && seen[1] > 1_000, "{seen:?}");
}

/// Every URI of one to four components, of which there are few.
fn uris() -> impl Iterator<Item = String> {
    const COMPONENTS: [&str; 3] = ["a", "ab", "b"];
    (1..=4u32).flat_map(|len| {
        (0..3usize.pow(len)).map(move |mut n| {
            let mut components = Vec::new();
            for _ in 0..len {
                components.push(COMPONENTS[n % 3]);
                n /= 3;
            }
            components.join(".")
        })
    })
}

pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Marsaglia's xorshift: the same numbers in every run.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pattern(&mut self) -> (String, MatchPolicy) {
        let policy = [Exact, Prefix, Wildcard][self.below(3)];
        let mut components: Vec<&str> =
            (0..=self.below(3)).map(|_| ["a", "ab", "b"][self.below(3)]).collect();
        if policy == Wildcard {
            let at = self.below(components.len());
            components[at] = "";
        }
        let mut pattern = components.join(".");
        if policy == Prefix {
            pattern.truncate(self.below(pattern.len() + 1));
        }
        (pattern, policy)
    }

    fn rule(&mut self) -> Permission {
        let (uri, policy) = self.pattern();
        rule(&uri, policy, if self.below(3) == 0 { NONE } else { SUBSCRIBE })
    }
}
