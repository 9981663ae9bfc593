use super::*;

fn rule(uri: &str, match_policy: MatchPolicy, allow: Actions) -> Permission {
    Permission { uri: uri.into(), match_policy, allow, disclose: Disclosure::default() }
}

const NONE: Actions = Actions { call: false, register: false, publish: false, subscribe: false };
const SUBSCRIBE: Actions = Actions { subscribe: true, ..NONE };
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
    let disclose = Disclosure { caller: true, publisher: false };
    let all = Permission { uri: String::new(), match_policy: Prefix, allow: Actions::ALL, disclose };
    let permissions = Permissions::new([all]).unwrap();
    assert_eq!(permissions.decide(Action::Call, "com.x", Exact), Some(true));
    assert_eq!(permissions.decide(Action::Publish, "com.x", Exact), Some(false));
}

#[test]
fn bad_rules_are_named() {
    let bad = Permissions::new([rule("com..x", Exact, NONE)]).unwrap_err();
    assert!(bad.to_string().contains("com..x"), "{bad}");
    let twice = Permissions::new([rule("com.x", Exact, NONE), rule("com.x", Exact, SUBSCRIBE)]).unwrap_err();
    assert!(matches!(twice, BadPermission::Duplicate { .. }), "{twice}");
}
