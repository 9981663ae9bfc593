//! Which web pages may open a WebSocket (RFC 6455 section 10.2). Programs that are no browsers send no origin.

use std::net::IpAddr;

/// Which `Origin` headers are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OriginPolicy {
    /// Only pages of the same host and port that the connection is made to. The default.
    #[default]
    SameOrigin,
    /// Only pages of this machine: both the page's host and the host that the connection is made to are `localhost`, a name
    /// below it or a loopback address, on any port. For endpoints that listen on loopback: the check of the latter keeps out
    /// pages whose name was made to point here (DNS rebinding).
    Local,
    /// Pages that match one of the patterns.
    Allowed {
        /// Such as `https://example.com`, `http://*.example.com:*` or `*`; `*` stands for any characters. An origin
        /// without port is also compared with its scheme's default port.
        patterns: Vec<String>,
        /// Whether the origin `null` of local files and sandboxed frames is accepted.
        allows_null: bool,
    },
}

impl OriginPolicy {
    /// Any page whatsoever, as Crossbar.io does by default.
    pub fn any() -> OriginPolicy {
        OriginPolicy::Allowed { patterns: vec!["*".into()], allows_null: true }
    }

    /// Whether a page of `origin` may connect to `host` (the `Host` header). `is_tls` is the connection's own state.
    pub fn admits(&self, origin: &str, host: Option<&str>, is_tls: bool) -> bool {
        match self {
            OriginPolicy::SameOrigin => host.is_some_and(|host| is_same_origin(origin, host, is_tls)),
            OriginPolicy::Local => {
                let page = origin.split_once("://").map(|(_, authority)| authority);
                page.is_some_and(is_local) && host.is_some_and(is_local)
            }
            OriginPolicy::Allowed { patterns, allows_null } => {
                if origin.eq_ignore_ascii_case("null") {
                    return *allows_null;
                }
                let origin = origin.to_ascii_lowercase();
                let with_port = with_default_port(&origin);
                patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).any(|pattern| {
                    matches_pattern(&pattern, &origin) || matches_pattern(&pattern, &with_port)
                })
            }
        }
    }
}

/// Compares authorities. The scheme must be https on a TLS connection; on a plain one it may be either, since a
/// proxy in front may have taken TLS off.
fn is_same_origin(origin: &str, host: &str, is_tls: bool) -> bool {
    let (authority, default_port) = match origin.split_once("://") {
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("https") => (authority, ":443"),
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("http") && !is_tls => (authority, ":80"),
        _ => return false,
    };
    let bare =
        |authority: &str| authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
    !authority.is_empty() && bare(authority) == bare(host)
}

/// Browsers leave the default port out, patterns such as `http://localhost:*` expect one.
fn with_default_port(origin: &str) -> String {
    match origin.split_once("://") {
        Some(("http", authority)) if !has_port(authority) => format!("{origin}:80"),
        Some(("https", authority)) if !has_port(authority) => format!("{origin}:443"),
        _ => origin.to_owned(),
    }
}

fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().is_some_and(|behind_address| behind_address.contains(':'))
}

/// Whether an authority (`host[:port]`) is `localhost`, a name below it, or a loopback address.
fn is_local(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => authority.rsplit_once(':').map_or(authority, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Glob matching with `*` only, linear in `text` for each star.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_origin_compares_host_and_port_with_defaults() {
        for (origin, host, is_tls, expected) in [
            ("http://localhost:8080", "localhost:8080", false, true),
            ("http://LOCALHOST:8080", "localhost:8080", false, true),
            ("http://localhost:8081", "localhost:8080", false, false),
            ("http://example.com", "example.com", false, true),
            ("http://example.com", "example.com:80", false, true),
            ("https://example.com", "example.com", false, true),
            ("https://example.com", "example.com:443", true, true),
            ("http://example.com", "example.com", true, false),
            ("https://example.com.evil.org", "example.com", false, false),
            ("http://", "", false, false),
            ("null", "null", false, false),
            ("file://", "", false, false),
        ] {
            let admitted = OriginPolicy::SameOrigin.admits(origin, Some(host), is_tls);
            assert_eq!(admitted, expected, "{origin} to {host}");
        }
        assert!(!OriginPolicy::SameOrigin.admits("http://a", None, false));
    }

    #[test]
    fn local_pages_may_come_from_any_port_but_not_by_another_name() {
        for (origin, host, expected) in [
            ("http://localhost:3000", "localhost:8080", true),
            ("http://127.0.0.1:3000", "localhost:8080", true),
            ("https://app.localhost", "127.0.0.1:8080", true),
            ("http://[::1]:3000", "[::1]:8080", true),
            ("http://evil.example", "localhost:8080", false),
            ("http://evil.example", "evil.example", false),
            ("http://localhost:3000", "evil.example", false),
            ("http://localhost.evil.example", "localhost", false),
            ("http://192.168.0.9", "localhost", false),
            ("null", "localhost", false),
            ("file://", "localhost", false),
        ] {
            assert_eq!(OriginPolicy::Local.admits(origin, Some(host), false), expected, "{origin} to {host}");
        }
        assert!(!OriginPolicy::Local.admits("http://localhost", None, false));
    }

    #[test]
    fn patterns_match_with_wildcards() {
        for (pattern, origin, expected) in [
            ("*", "http://a.b", true),
            ("http://a.b", "http://a.b", true),
            ("http://a.b", "http://a.bc", false),
            ("http://*.example.com:*", "http://x.example.com:80", true),
            ("http://*.example.com:*", "http://example.com:80", false),
            ("*://localhost:*", "https://localhost:1", true),
            ("*://localhost:*", "http://localhost", true),
            ("https://[::1]:443", "https://[::1]", true),
            ("http://localhost:8*", "http://localhost:9080", false),
            ("https://*", "http://a", false),
            ("*a*a", "a", false),
            ("HTTP://A.B", "http://a.b", true),
        ] {
            let policy = OriginPolicy::Allowed { patterns: vec![pattern.into()], allows_null: false };
            assert_eq!(policy.admits(origin, None, false), expected, "{pattern} {origin}");
            assert!(!policy.admits("null", None, false));
        }
        assert!(OriginPolicy::any().admits("null", None, false));
    }
}
