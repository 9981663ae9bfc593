//! Trust levels: what the router itself thinks of a publication or a call, by who sends it and what it is about.
//!
//! EVENT and INVOCATION then say so in `trustlevel`, where no sender can put it. Of the rules of the sender's role that match
//! the topic or procedure the most specific one counts, found as for permissions; without one nothing is said.
//! Specification: "Publication Trust Levels", "Call Trust Levels".

use std::sync::Arc;

use crossweave_wamp::MatchPolicy;
use hashbrown::HashMap;

use crate::authorization::{Disclose, lead};
use crate::slab::Key;
use crate::uri_map::UriMap;

/// The level of what the sessions of one role publish and call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRule {
    /// The role of the publisher or caller.
    pub role: Arc<str>,
    /// Topic and procedure, or a pattern of them: the empty prefix is all of them.
    pub uri: String,
    /// How `uri` is compared.
    pub match_policy: MatchPolicy,
    /// 0 is the lowest; what the others mean is the application's. At most 2^53.
    pub level: u64,
}

/// What receivers are told of a sender beside what it sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribution {
    /// Whether they learn who it is.
    pub(crate) disclose: Disclose,
    /// How far the router trusts it, if that is configured.
    pub(crate) trustlevel: Option<u64>,
}

impl Attribution {
    /// Before anybody has looked for a trust level.
    #[inline]
    pub(crate) fn new(disclose: Disclose) -> Self {
        Attribution { disclose, trustlevel: None }
    }
}

/// The trust rules of a realm, indexed.
#[derive(Debug)]
pub(crate) struct Trust {
    roles: HashMap<Arc<str>, Levels>,
}

/// The rules of one role.
#[derive(Debug, Default)]
struct Levels {
    index: UriMap,
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    /// Bytes before the rule's pattern opens up.
    lead: usize,
    level: u64,
}

impl Trust {
    /// These rules, of two for the same URIs the first; nothing if there are none.
    pub(crate) fn new(rules: &[TrustRule]) -> Option<Box<Self>> {
        let mut roles: HashMap<Arc<str>, Levels> = HashMap::new();
        for rule in rules {
            roles.entry(rule.role.clone()).or_default().add(rule);
        }
        (!roles.is_empty()).then(|| Box::new(Trust { roles }))
    }

    /// The level of what a session of this role says about this topic or procedure.
    #[cold]
    #[inline(never)]
    pub(crate) fn level(&self, role: &str, uri: &str) -> Option<u64> {
        self.roles.get(role)?.most_specific(uri)
    }
}

impl Levels {
    fn add(&mut self, rule: &TrustRule) {
        if self.index.get(rule.match_policy, &rule.uri).is_none() {
            self.index.insert(rule.match_policy, &rule.uri, self.levels.len() as Key);
            let lead = lead(&rule.uri, rule.match_policy).len();
            self.levels.push(Level { lead, level: rule.level });
        }
    }

    fn most_specific(&self, uri: &str) -> Option<u64> {
        let at = |key: Key| &self.levels[key as usize];
        if let Some(key) = self.index.exact(uri) {
            return Some(at(key).level);
        }
        let prefix = self.index.longest_prefix(uri).map(|(_, key)| at(key));
        let wildcard = self.index.best_wildcard(uri).map(at);
        let found = match (prefix, wildcard) {
            (Some(prefix), Some(wildcard)) if prefix.lead > wildcard.lead => Some(prefix),
            (prefix, wildcard) => wildcard.or(prefix),
        };
        found.map(|it| it.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(uri: &str, match_policy: MatchPolicy, level: u64) -> TrustRule {
        TrustRule { role: "user".into(), uri: uri.into(), match_policy, level }
    }

    #[test]
    fn the_most_specific_rule_counts() {
        let rules = [
            rule("", MatchPolicy::Prefix, 1),
            rule("com.app.", MatchPolicy::Prefix, 2),
            rule("com..start", MatchPolicy::Wildcard, 3),
            rule("com.app.x", MatchPolicy::Exact, 4),
            rule("com.app.x", MatchPolicy::Exact, 5),
        ];
        let trust = Trust::new(&rules).expect("there are rules");
        let levels = ["org.x", "com.app.y", "com.lib.start", "com.app.start", "com.app.x"];
        assert_eq!(levels.map(|uri| trust.level("user", uri)), [Some(1), Some(2), Some(3), Some(2), Some(4)]);
        assert_eq!(trust.level("other", "com.app.x"), None);
    }

    #[test]
    fn without_a_rule_there_is_no_level() {
        assert!(Trust::new(&[]).is_none());
        let trust = Trust::new(&[rule("com.app.", MatchPolicy::Prefix, 0)]).expect("there is a rule");
        assert_eq!(trust.level("user", "com.app.x"), Some(0));
        assert_eq!(trust.level("user", "com.other"), None);
    }
}
