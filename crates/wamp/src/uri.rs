//! URIs and patterns: which are valid, and which pattern matches which URI.
//!
//! Specification: "URIs", "Pattern-based Subscriptions", "Pattern-based Registrations".

use crate::limits::{URI_COMPONENTS_MAX, URI_LEN_MAX};

/// How much of Unicode a URI may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Any character but white space, `#` and control characters in a component (the specification's loose check; default).
    #[default]
    Loose,
    /// Components of `[0-9a-z_]` only (the specification's strict check).
    Strict,
}

/// How a subscription's or registration's URI is compared with a publication's topic or a call's procedure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchPolicy {
    /// Equal (default).
    #[default]
    Exact,
    /// The URI starts with the pattern. Characters, not components: `com.app` also matches `com.apple`.
    Prefix,
    /// Same number of components; an empty component of the pattern matches any one component: `com..create`.
    Wildcard,
}

impl MatchPolicy {
    /// The option's value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchPolicy::Exact => "exact",
            MatchPolicy::Prefix => "prefix",
            MatchPolicy::Wildcard => "wildcard",
        }
    }

    /// The policy with this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "exact" => MatchPolicy::Exact,
            "prefix" => MatchPolicy::Prefix,
            "wildcard" => MatchPolicy::Wildcard,
            _ => return None,
        })
    }

    /// Whether `pattern` under this policy matches `uri`. Linear; routing uses an index and is tested against this.
    pub fn matches(self, pattern: &str, uri: &str) -> bool {
        match self {
            MatchPolicy::Exact => pattern == uri,
            MatchPolicy::Prefix => uri.starts_with(pattern),
            MatchPolicy::Wildcard => {
                let mut pattern = pattern.split('.');
                let mut uri = uri.split('.');
                loop {
                    match (pattern.next(), uri.next()) {
                        (None, None) => return true,
                        (Some(p), Some(u)) if p.is_empty() || p == u => {}
                        _ => return false,
                    }
                }
            }
        }
    }
}

/// Why a URI or pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUri {
    /// Nothing there.
    #[error("empty uri")]
    Empty,
    /// More than the allowed bytes.
    #[error("uri of {len} bytes, at most {max} are allowed")]
    TooLong {
        /// Bytes found.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// More than [`URI_COMPONENTS_MAX`] components.
    #[error("uri of {0} components, at most {URI_COMPONENTS_MAX} are allowed")]
    TooManyComponents(usize),
    /// Two dots in a row, or one at an end, outside a pattern that allows it.
    #[error("uri {0:?} has an empty component")]
    EmptyComponent(String),
    /// A character the strictness does not allow.
    #[error("uri {uri:?} has the character {character:?}, which {allowed}")]
    Character {
        /// The URI.
        uri: String,
        /// The first such character.
        character: char,
        /// The rule.
        allowed: &'static str,
    },
}

/// Checks a URI (policy exact) or a pattern (prefix, wildcard), with at most [`URI_LEN_MAX`] bytes.
///
/// A prefix pattern may end in a dot or be empty, as stock clients send; a wildcard may have empty components.
pub fn check(uri: &str, policy: MatchPolicy, strictness: Strictness) -> Result<(), BadUri> {
    if uri.len() > URI_LEN_MAX {
        return Err(BadUri::TooLong { len: uri.len(), max: URI_LEN_MAX });
    }
    if uri.is_empty() {
        return if policy == MatchPolicy::Exact { Err(BadUri::Empty) } else { Ok(()) };
    }
    let mut components = 1;
    let mut component_len = 0;
    for byte in uri.bytes() {
        if byte == b'.' {
            if component_len == 0 && policy != MatchPolicy::Wildcard {
                return Err(BadUri::EmptyComponent(uri.to_owned()));
            }
            components += 1;
            component_len = 0;
        } else if !is_allowed(byte, strictness) {
            return Err(bad_character(uri, strictness));
        } else {
            component_len += 1;
        }
    }
    if component_len == 0 && policy == MatchPolicy::Exact {
        return Err(BadUri::EmptyComponent(uri.to_owned()));
    }
    if components > URI_COMPONENTS_MAX {
        return Err(BadUri::TooManyComponents(components));
    }
    if !uri.is_ascii() && uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad_character(uri, strictness));
    }
    Ok(())
}

fn is_allowed(byte: u8, strictness: Strictness) -> bool {
    match strictness {
        Strictness::Loose => byte > b' ' && byte != b'#' && byte != 0x7f,
        Strictness::Strict => matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_'),
    }
}

fn bad_character(uri: &str, strictness: Strictness) -> BadUri {
    let bad = |c: &char| match strictness {
        Strictness::Loose => c.is_whitespace() || c.is_control() || *c == '#',
        Strictness::Strict => *c != '.' && !matches!(c, '0'..='9' | 'a'..='z' | '_'),
    };
    let allowed = match strictness {
        Strictness::Loose => "no uri may contain",
        Strictness::Strict => "the strict check of this realm does not allow ([0-9a-z_] only)",
    };
    let character = uri.chars().find(bad).unwrap_or('\u{fffd}');
    BadUri::Character { uri: uri.to_owned(), character, allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_uris_have_no_empty_component_and_no_space() {
        let ok = |uri| check(uri, MatchPolicy::Exact, Strictness::Loose).is_ok();
        assert!(ok("com.example.topic") && ok("com.exämple.Topic-1") && ok("a"));
        for bad in [
            "",
            ".",
            "com..topic",
            ".com",
            "com.",
            "com. topic",
            "com.a#b",
            "com.a\u{a0}b",
            "com.\u{7f}",
            "com.\u{9b}1m",
        ] {
            assert!(!ok(bad), "{bad:?}");
        }
    }

    #[test]
    fn strict_uris_are_lower_case_ascii() {
        let ok = |uri| check(uri, MatchPolicy::Exact, Strictness::Strict).is_ok();
        assert!(ok("com.example.topic_1"));
        assert!(!ok("com.Example") && !ok("com.exämple") && !ok("com.a-b"));
    }

    #[test]
    fn patterns_may_have_empty_components_where_their_policy_says_so() {
        let loose = Strictness::Loose;
        assert!(check("com..topic", MatchPolicy::Wildcard, loose).is_ok());
        assert!(check("..", MatchPolicy::Wildcard, loose).is_ok());
        assert!(check("com.example.", MatchPolicy::Prefix, loose).is_ok());
        assert!(check("com..topic", MatchPolicy::Prefix, loose).is_err());
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(check(&"a".repeat(1 << 20), MatchPolicy::Exact, Strictness::Loose).is_err());
        assert!(check(&"a.".repeat(40), MatchPolicy::Prefix, Strictness::Loose).is_err());
    }

    #[test]
    fn a_wildcard_matches_component_by_component() {
        let matches = |pattern, uri| MatchPolicy::Wildcard.matches(pattern, uri);
        assert!(matches("com..create", "com.user.create"));
        assert!(!matches("com..create", "com.user.role.create"));
        assert!(!matches("com..create", "com.create"));
        assert!(matches("..", "a.b.c") && !matches("..", "a.b"));
    }
}
