//! The addresses that people write: where a router is and how to speak to it.
//!
//! | URL | Framing | Runs on |
//! |---|---|---|
//! | `ws://host[:port][/path]`, `wss://…` | WebSocket | TCP, TLS |
//! | `rs://host[:port]`, `rss://…` | RawSocket | TCP, TLS |
//! | `unix:path`, `unix+rs:///path` | RawSocket | Unix domain socket |
//! | `unix+ws:///path[?path=/ws]` | WebSocket, at that HTTP path | Unix domain socket |
//!
//! The default port is 80 for `ws`, 443 for `wss` and `rss`, and 8080 for `rs`.

use std::fmt;
use std::path::PathBuf;

/// A parsed address of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterUrl {
    /// How to frame messages.
    pub framing: UrlFraming,
    /// What to connect to.
    pub target: Target,
}

/// How messages are framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlFraming {
    /// WebSocket.
    WebSocket {
        /// The request target, path and query; at least `/`.
        target: String,
    },
    /// RawSocket.
    RawSocket,
}

/// What a URL points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port.
    Tcp {
        /// A host name or address, IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS runs on it.
        is_tls: bool,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
}

/// A URL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none of those that we speak.
    #[error("unknown scheme {0:?}; use ws, wss, rs, rss, unix, unix+rs or unix+ws")]
    Scheme(String),
    /// There is no host.
    #[error("no host")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("invalid port {0:?}")]
    Port(String),
    /// The host holds characters that no host has, or an unclosed bracket.
    #[error("invalid host {0:?}")]
    Host(String),
    /// User names and passwords do not belong into URLs: they end up in logs.
    #[error("user name or password in the url; authentication is configured apart from it")]
    UserInfo,
    /// A RawSocket has no path.
    #[error("rawsocket has no path, but the url has {0:?}")]
    Path(String),
    /// A Unix socket needs a path, and an absolute one after `//`.
    #[error("no path of a unix socket, which is absolute after `//`")]
    UnixPath,
    /// The HTTP path of `unix+ws` does not start with a slash.
    #[error("the http path behind ?path= must start with a slash")]
    HttpPath,
    /// Spaces and control characters must be percent-encoded.
    #[error("space or control character in the url")]
    Character,
}

impl RouterUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says which part cannot be used.
    pub fn parse(url: &str) -> Result<RouterUrl, UrlError> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| UrlError::Scheme(first_chars(url)))?;
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => network(rest, true, false, 80),
            "wss" => network(rest, true, true, 443),
            "rs" => network(rest, false, false, 8080),
            "rss" => network(rest, false, true, 443),
            "unix" | "unix+rs" => unix_rawsocket(rest),
            "unix+ws" => unix_websocket(rest),
            _ => Err(UrlError::Scheme(first_chars(scheme))),
        }
    }

    /// The `Host` header for this URL.
    pub fn host_header(&self) -> String {
        match &self.target {
            Target::Unix(_) => "localhost".to_owned(),
            Target::Tcp { host, port, is_tls } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let is_default = *port == if *is_tls { 443 } else { 80 };
                if is_default { host } else { format!("{host}:{port}") }
            }
        }
    }
}

/// Writes the URL in full, but for the query, which may hold a secret.
impl fmt::Display for RouterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, path) = match &self.framing {
            UrlFraming::WebSocket { target } => ("ws", target.split('?').next().unwrap_or("/")),
            UrlFraming::RawSocket => ("rs", ""),
        };
        match &self.target {
            Target::Unix(socket) => {
                // What stands after `//` is absolute.
                let slashes = if socket.is_absolute() { "//" } else { "" };
                let query = if path.is_empty() { String::new() } else { format!("?path={path}") };
                write!(f, "unix+{name}:{slashes}{}{query}", socket.display())
            }
            Target::Tcp { host, port, is_tls } => {
                let tls = if *is_tls { "s" } else { "" };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "{name}{tls}://{open}{host}{close}:{port}{path}")
            }
        }
    }
}

/// The beginning of a text that may be anything, for an error message.
fn first_chars(text: &str) -> String {
    text.chars().take(20).collect()
}

fn network(rest: &str, is_websocket: bool, is_tls: bool, default_port: u16) -> Result<RouterUrl, UrlError> {
    let rest = rest.strip_prefix("//").ok_or(UrlError::NoHost)?;
    if rest.chars().any(|c| c.is_control() || c == ' ') {
        return Err(UrlError::Character);
    }
    let rest = rest.split('#').next().unwrap_or("");
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = split_authority(authority, default_port)?;
    let framing = match (is_websocket, path) {
        (true, "") => UrlFraming::WebSocket { target: "/".to_owned() },
        (true, path) if path.starts_with('?') => UrlFraming::WebSocket { target: format!("/{path}") },
        (true, path) => UrlFraming::WebSocket { target: path.to_owned() },
        (false, "" | "/") => UrlFraming::RawSocket,
        (false, path) => return Err(UrlError::Path(first_chars(path))),
    };
    Ok(RouterUrl { framing, target: Target::Tcp { host, port, is_tls } })
}

fn split_authority(authority: &str, default_port: u16) -> Result<(String, u16), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let invalid = || UrlError::Host(first_chars(authority));
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, behind) = bracketed.split_once(']').ok_or_else(invalid)?;
            let address: std::net::Ipv6Addr = host.parse().map_err(|_| invalid())?;
            (
                address.to_string(),
                behind.strip_prefix(':').or(behind.is_empty().then_some("")).ok_or_else(invalid)?,
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_owned(), port),
            None => (authority.to_owned(), ""),
        },
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    let port = match port {
        "" => default_port,
        port => {
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| UrlError::Port(first_chars(port)))?
        }
    };
    Ok((host, port))
}

fn unix_path(path: &str) -> Result<PathBuf, UrlError> {
    let absolute = path.strip_prefix("//");
    let path = absolute.unwrap_or(path);
    let is_wrong = absolute.is_some_and(|path| !path.starts_with('/'));
    if is_wrong || path.trim_matches('/').is_empty() || path.contains('\0') {
        return Err(UrlError::UnixPath);
    }
    Ok(PathBuf::from(path))
}

fn unix_rawsocket(rest: &str) -> Result<RouterUrl, UrlError> {
    Ok(RouterUrl { framing: UrlFraming::RawSocket, target: Target::Unix(unix_path(rest)?) })
}

fn unix_websocket(rest: &str) -> Result<RouterUrl, UrlError> {
    let (path, target) = match rest.split_once("?path=") {
        Some((path, target)) if target.starts_with('/') => (path, target),
        Some(_) => return Err(UrlError::HttpPath),
        None => (rest, "/"),
    };
    let framing = UrlFraming::WebSocket { target: target.to_owned() };
    Ok(RouterUrl { framing, target: Target::Unix(unix_path(path)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for (url, written) in [
            ("ws://localhost:8080/ws", "ws://localhost:8080/ws"),
            ("WS://h", "ws://h:80/"),
            ("wss://h/a?token=secret#x", "wss://h:443/a"),
            ("ws://h?x", "ws://h:80/"),
            ("rs://[::1]:9000", "rs://[::1]:9000"),
            ("rss://h/", "rss://h:443"),
            ("rs://h", "rs://h:8080"),
            ("unix:/run/x.sock", "unix+rs:///run/x.sock"),
            ("unix:.crossbar/node.sock", "unix+rs:.crossbar/node.sock"),
            ("unix+ws:x.sock?path=/ws", "unix+ws:x.sock?path=/ws"),
            ("unix+rs:///run/x.sock", "unix+rs:///run/x.sock"),
            ("unix+ws:///run/x.sock", "unix+ws:///run/x.sock?path=/"),
            ("unix+ws:///run/x.sock?path=/ws", "unix+ws:///run/x.sock?path=/ws"),
        ] {
            assert_eq!(RouterUrl::parse(url).unwrap().to_string(), written, "{url}");
        }
    }

    #[test]
    fn host_header_leaves_default_ports_out() {
        for (url, host) in [
            ("ws://h:80/", "h"),
            ("ws://h:443/", "h:443"),
            ("wss://[::1]", "[::1]"),
            ("wss://[::1]:1", "[::1]:1"),
            ("unix+ws:///a", "localhost"),
        ] {
            assert_eq!(RouterUrl::parse(url).unwrap().host_header(), host, "{url}");
        }
    }

    #[test]
    fn unusable_urls_say_why() {
        for (url, message) in [
            ("localhost:8080", "unknown scheme \"localhost\""),
            ("http://h", "unknown scheme \"http\""),
            ("nothing", "unknown scheme \"nothing\""),
            ("ws:h", "no host"),
            ("ws://", "no host"),
            ("ws://:80", "no host"),
            ("ws://h:0", "invalid port \"0\""),
            ("ws://h:65536", "invalid port \"65536\""),
            ("ws://h:8a", "invalid port \"8a\""),
            ("ws://[::1", "invalid host"),
            ("ws://[::1]x", "invalid host"),
            ("ws://[h]", "invalid host"),
            ("ws://u:p@h", "user name or password"),
            ("rs://h/ws", "rawsocket has no path"),
            ("ws://h/a b", "space or control"),
            ("unix://relative", "no path of a unix socket"),
            ("unix:///", "no path of a unix socket"),
            ("unix:", "no path of a unix socket"),
            ("unix+ws:///a?path=b", "the http path"),
        ] {
            let error = RouterUrl::parse(url).expect_err(url).to_string();
            assert!(error.starts_with(message), "{url}: {error}");
        }
    }
}
