//! Who may use the bridge from a browser.
//!
//! A page of any site can make a browser post to this machine. Three things keep it from reaching the realm: the body must be
//! declared as JSON, which a page of another origin may not do without asking, and is never told yes; a request that names an
//! origin must name this one; and the name of this host must be one that nobody else can point here (DNS rebinding).

use std::net::{Ipv4Addr, Ipv6Addr};

use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::uris;
use http::{HeaderMap, header};

use super::answer::Refusal;
use crate::reply::single;

/// Sent by browsers: where a request comes from.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Checks the head of a POST. Programs that are no browsers send no origin; they only have to name the type of their body.
pub(crate) fn check(headers: &HeaderMap, is_tls: bool, host_names: &[String]) -> Result<(), Refusal> {
    if !is_json(single(headers, header::CONTENT_TYPE)) {
        let text = "the body must be JSON: send \"Content-Type: application/json\"";
        return Err(Refusal::new(415, uris::INVALID_ARGUMENT, text));
    }
    if is_from_browser(headers) && !is_same_origin(headers, is_tls, host_names) {
        let text = "pages of another origin may not use this bridge";
        return Err(Refusal::new(403, uris::NOT_AUTHORIZED, text));
    }
    Ok(())
}

/// `application/json`, in UTF-8 if a charset is given.
pub(crate) fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_right = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    is_json && parts.all(is_right)
}

fn is_from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE)
}

fn is_same_origin(headers: &HeaderMap, is_tls: bool, host_names: &[String]) -> bool {
    let Some(host) = single(headers, header::HOST) else { return false };
    let same_site = match headers.contains_key(SEC_FETCH_SITE) {
        true => matches!(single(headers, SEC_FETCH_SITE), Some("same-origin" | "none")),
        false => true,
    };
    let same_origin = match headers.contains_key(header::ORIGIN) {
        true => single(headers, header::ORIGIN)
            .is_some_and(|origin| OriginPolicy::SameOrigin.admits(origin, Some(host), is_tls)),
        false => true,
    };
    same_site && same_origin && is_ours(host, host_names)
}

/// Whether a `Host` is an IP address, `localhost`, or one of the names given.
fn is_ours(host: &str, host_names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            return rest.split_once(']').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
        }
        None => host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase(),
    };
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok()
        || host_names.iter().any(|ours| ours.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// The status of a POST with these header fields; 200 where it may go on.
    fn status(fields: &str, is_tls: bool) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields.lines().map(|line| line.split_once(": ").unwrap()) {
            let name: header::HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        check(&headers, is_tls, &["wamp.example.com".to_owned()])
            .map_or_else(|refusal| refusal.status, |()| 200)
    }

    #[test]
    fn only_json_is_taken() {
        for (content_type, expected) in [
            ("Content-Type: application/json", 200),
            ("Content-Type: Application/JSON; charset=\"UTF-8\"", 200),
            ("Content-Type: application/json; charset=latin-1", 415),
            ("Content-Type: application/x-www-form-urlencoded", 415),
            ("Content-Type: text/plain; application/json", 415),
            ("Content-Type: application/json\nContent-Type: text/plain", 415),
            ("X-A: 1", 415),
        ] {
            assert_eq!(
                status(&format!("Host: localhost:8080\n{content_type}"), false),
                expected,
                "{content_type}"
            );
        }
    }

    #[test]
    fn browsers_may_only_come_from_this_origin() {
        for (fields, expected) in [
            ("Host: localhost:8080\nOrigin: http://localhost:8080", 200),
            ("Host: 127.0.0.1:8080\nOrigin: http://127.0.0.1:8080\nSec-Fetch-Site: same-origin", 200),
            ("Host: [::1]:8080\nOrigin: http://[::1]:8080", 200),
            ("Host: wamp.example.com\nOrigin: https://wamp.example.com", 200),
            ("Host: localhost:8080\nOrigin: http://localhost:8081", 403),
            ("Host: localhost:8080\nOrigin: https://evil.example", 403),
            ("Host: localhost:8080\nOrigin: null", 403),
            ("Host: localhost:8080\nOrigin: http://localhost:8080\nOrigin: https://evil.example", 403),
            ("Host: localhost:8080\nSec-Fetch-Site: cross-site", 403),
            ("Host: localhost:8080\nOrigin: http://localhost:8080\nSec-Fetch-Site: same-site", 403),
        ] {
            let fields = format!("{fields}\nContent-Type: application/json");
            assert_eq!(status(&fields, false), expected, "{fields}");
        }
    }

    #[test]
    fn a_foreign_name_that_points_here_is_another_origin() {
        let rebound =
            "Host: evil.example:8080\nOrigin: http://evil.example:8080\nContent-Type: application/json";
        assert_eq!(status(rebound, false), 403);
        assert_eq!(status("Host: router:8080\nContent-Type: application/json", false), 200, "no browser");
    }

    #[test]
    fn a_page_that_came_without_tls_is_another_origin_than_one_with() {
        let fields = "Host: localhost\nOrigin: http://localhost\nContent-Type: application/json";
        assert_eq!((status(fields, false), status(fields, true)), (200, 403));
    }
}
