//! Who may use the bridge from a browser.
//!
//! A page of any site can make a browser post to this machine. Three things keep it from reaching the realm: the body must be
//! declared as JSON, which a page of another origin may not do without asking, and is never told yes; a request that names an
//! origin must name this one; and the name of this host must be one that nobody else can point here (DNS rebinding).

use std::net::{Ipv4Addr, Ipv6Addr};

use crossweave_transport::http::Request;
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::uris;

use super::answer::Refusal;

/// Checks the head of a POST. Programs that are no browsers send no origin; they only have to name the type of their body.
pub(crate) fn check(request: &Request, is_tls: bool, host_names: &[String]) -> Result<(), Refusal> {
    if !is_json(request.headers.single("Content-Type")) {
        let text = "the body must be JSON: send \"Content-Type: application/json\"";
        return Err(Refusal::new(415, uris::INVALID_ARGUMENT, text));
    }
    if is_from_browser(request) && !is_same_origin(request, is_tls, host_names) {
        let text = "pages of another origin may not use this bridge";
        return Err(Refusal::new(403, uris::NOT_AUTHORIZED, text));
    }
    Ok(())
}

/// `application/json`, in UTF-8 if a charset is given.
fn is_json(content_type: Option<&str>) -> bool {
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

fn is_from_browser(request: &Request) -> bool {
    request.headers.get("Origin").is_some() || request.headers.get("Sec-Fetch-Site").is_some()
}

fn is_same_origin(request: &Request, is_tls: bool, host_names: &[String]) -> bool {
    let headers = &request.headers;
    let Some(host) = headers.single("Host") else { return false };
    let same_site = match headers.get("Sec-Fetch-Site") {
        Some(_) => matches!(headers.single("Sec-Fetch-Site"), Some("same-origin" | "none")),
        None => true,
    };
    let same_origin = match headers.get("Origin") {
        Some(_) => headers
            .single("Origin")
            .is_some_and(|origin| OriginPolicy::SameOrigin.admits(origin, Some(host), is_tls)),
        None => true,
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
    use crossweave_transport::http::parse_request;

    /// The status of a POST with these header fields; 200 where it may go on.
    fn status(fields: &str, is_tls: bool) -> u16 {
        let head = format!("POST /call HTTP/1.1\r\n{}\r\n\r\n", fields.replace('\n', "\r\n"));
        let (request, _) = parse_request(head.as_bytes()).unwrap().unwrap();
        check(&request, is_tls, &["wamp.example.com".to_owned()])
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
