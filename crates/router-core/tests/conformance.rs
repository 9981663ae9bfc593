//! The manual's table of features, `docs/conformance.md`, is about this router.

use std::path::Path;

use crossweave_router_core::{RealmOptions, TrustRule};
use crossweave_wamp::{MatchPolicy, Value};

const TABLE: &str = include_str!("../../../docs/conformance.md");

#[test]
fn every_feature_that_is_announced_is_in_the_table() {
    let everything = TrustRule {
        role: "anonymous".into(),
        uri: String::new(),
        match_policy: MatchPolicy::Prefix,
        level: 1,
    };
    let options = RealmOptions { trust: vec![everything], ..RealmOptions::default() };
    let roles = options.announced().to_dict();
    let mut announced = 0;
    for (_, role) in roles.iter() {
        let features = role.as_dict().and_then(|role| role.dict("features")).expect("a role has features");
        for (feature, is_on) in features.iter() {
            assert_eq!(*is_on, Value::Bool(true));
            let is_told = TABLE.lines().any(|line| {
                let mut cells = line.split('|').skip(1).map(str::trim);
                let is_named = cells.next().is_some_and(|cell| cell.contains(&format!("`{feature}`")));
                is_named && matches!(cells.next(), Some("served" | "in part"))
            });
            assert!(is_told, "docs/conformance.md does not say that {feature} is served");
            announced += 1;
        }
    }
    assert!(announced > 20, "{announced}");
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let links: Vec<&str> = TABLE.split("](../").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 50, "{}", links.len());
    for link in links {
        assert!(docs.join("..").join(link).exists(), "{link} is not there");
    }
    let of = |kind: &str| {
        std::fs::read_to_string(docs.join(format!("../tests/interop/checks_{kind}.py"))).unwrap()
    };
    let checks = ["rpc", "pubsub", "meta"].map(of).concat();
    let (by_hand, _) = TABLE.split_once("<!-- made by tests/interop -->").unwrap();
    let shown = |line: &'static str| line.rsplit('|').nth(1).unwrap_or_default();
    let named = by_hand
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| shown(line).split('`').skip(1).step_by(2));
    for check in named {
        assert!(checks.contains(&format!("async def {check}(")), "{check} is no check with real clients");
    }
}
