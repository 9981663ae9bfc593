//! Who may use whom: the table of ARCHITECTURE.md.

use super::Report;
use crate::workspace::Package;

const PREFIX: &str = "crossweave-";

/// The rows of the table, lowest first. A crate uses rows below its own only.
const ROWS: [&[&str]; 7] = [
    &["wamp"],
    &["auth", "router-core", "transport", "config", "store"],
    &["client", "api"],
    &["router"],
    &["web", "mqtt", "realtime"],
    &["node", "master"],
    &["crossweave"],
];

/// The master only speaks WAMP: it skips the rows between it and the client.
const MASTER_MAY_USE: [&str; 7] = ["wamp", "auth", "transport", "config", "store", "client", "api"];

/// Programs, examples and test support outside the table. Nothing that ships depends on them.
const OUTSIDE: [&str; 7] =
    ["testkit", "bench", "e2e", "xtask", "console", "example-component", "example-extended-node"];

/// Crates without I/O, clock and randomness of their own, and what would bring them in.
const PURE: [&str; 3] = ["wamp", "auth", "router-core"];
const IMPURE: [&str; 12] = [
    "tokio",
    "mio",
    "socket2",
    "rustls",
    "tokio-rustls",
    "rustix",
    "nix",
    "getrandom",
    "rand",
    "tracing-subscriber",
    "tungstenite",
    "futures-util",
];

/// Checks every edge between crates of the workspace, and what the pure crates use.
pub(super) fn check(packages: &[Package], report: &mut Report) {
    for package in packages {
        let user = short(&package.name);
        if row(user).is_none() && !OUTSIDE.contains(&user) {
            report.offence(&package.name, "is not in the dependency table (xtask/src/tidy/dependencies.rs)");
        }
        for used in package.dependencies.iter().filter(|d| !d.is_dev) {
            if let Some(rule) = refusal(user, short(&used.name)) {
                report.offence(format_args!("{} -> {}", package.name, used.name), rule);
            }
        }
    }
}

/// Why `user` may not depend on `used`, if it may not.
fn refusal(user: &str, used: &str) -> Option<String> {
    if PURE.contains(&user) && IMPURE.contains(&used) {
        return Some(format!("{user} does no I/O and reads no clock or randomness"));
    }
    if OUTSIDE.contains(&used) {
        return Some(format!("{used} is for development only; use it in [dev-dependencies]"))
            .filter(|_| !OUTSIDE.contains(&user));
    }
    let (below, above) = (row(used)?, row(user)?);
    if below >= above {
        return Some(format!("row {} may not use row {}, only the rows below it", above + 1, below + 1));
    }
    (user == "master" && !MASTER_MAY_USE.contains(&used))
        .then(|| "the master only speaks WAMP: it may use client, api, store and what these use".to_owned())
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn offences(user: &str, used: &str, is_dev: bool) -> Vec<String> {
        let dependencies = vec![Dependency { name: used.to_owned(), is_dev }];
        let mut report = Report::default();
        check(&[Package { name: user.to_owned(), dependencies }], &mut report);
        report.offences
    }

    #[test]
    fn a_crate_uses_rows_below_its_own() {
        assert!(offences("crossweave", "crossweave-router", false).is_empty());
        assert!(offences("crossweave-web", "crossweave-client", false).is_empty());
    }

    #[test]
    fn an_edge_upwards_or_sideways_is_named() {
        let up = offences("crossweave-wamp", "crossweave-router", false);
        assert!(up[0].contains("crossweave-wamp -> crossweave-router"), "{up:?}");
        assert_eq!(offences("crossweave-web", "crossweave-mqtt", false).len(), 1);
    }

    #[test]
    fn the_master_does_not_use_the_router() {
        assert_eq!(offences("crossweave-master", "crossweave-router", false).len(), 1);
        assert!(offences("crossweave-master", "crossweave-client", false).is_empty());
    }

    #[test]
    fn testkit_is_for_tests_only() {
        assert_eq!(offences("crossweave-router", "crossweave-testkit", false).len(), 1);
        assert!(offences("crossweave-router", "crossweave-testkit", true).is_empty());
    }

    #[test]
    fn the_pure_crates_have_no_runtime() {
        assert_eq!(offences("crossweave-router-core", "tokio", false).len(), 1);
        assert!(offences("crossweave-transport", "tokio", false).is_empty());
    }

    #[test]
    fn an_unknown_crate_needs_a_row() {
        assert_eq!(offences("crossweave-novelty", "serde", false).len(), 1);
    }
}
