//! Patterns that have all URIs of another one.

use crossweave_wamp::MatchPolicy;

/// What all topics begin with that a wildcard pattern matches.
pub(crate) fn wildcard_lead(pattern: &str) -> &str {
    let mut len = 0;
    for component in pattern.split('.') {
        if component.is_empty() {
            return &pattern[..len];
        }
        len += component.len() + 1;
    }
    pattern
}

/// Whether a pattern matches every URI that another one does.
pub(crate) fn covers((policy, pattern): (MatchPolicy, &str), (other, uri): (MatchPolicy, &str)) -> bool {
    match (policy, other) {
        (_, MatchPolicy::Exact) => policy.matches(pattern, uri),
        (MatchPolicy::Prefix, MatchPolicy::Prefix) => uri.starts_with(pattern),
        (MatchPolicy::Prefix, MatchPolicy::Wildcard) => wildcard_lead(uri).starts_with(pattern),
        // An empty component of the other one equals only an empty one of the pattern.
        (MatchPolicy::Wildcard, MatchPolicy::Wildcard) => MatchPolicy::Wildcard.matches(pattern, uri),
        (MatchPolicy::Wildcard, MatchPolicy::Prefix) | (MatchPolicy::Exact, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcards_lead_ends_where_it_opens() {
        for (pattern, lead) in
            [("a..c", "a."), ("a.b.", "a.b."), (".b", ""), ("", ""), ("..", ""), ("a.b", "a.b")]
        {
            assert_eq!(wildcard_lead(pattern), lead, "{pattern}");
        }
    }
}
