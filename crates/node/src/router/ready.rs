//! The addresses that clients can use now.

use std::net::SocketAddr;

use crossweave_router::TransportOptions;
use crossweave_transport::endpoint::BoundAddress;

use super::transport::Listen;

/// Where a transport listens.
#[derive(Debug)]
pub(super) enum Listening {
    /// Nowhere: not yet, or no more.
    Nowhere,
    /// There is the router.
    Router { urls: Vec<String>, reach: Option<&'static str> },
    /// There is what is a part of this program, of this name.
    Part { address: BoundAddress, name: String },
}

impl Listening {
    /// Where the router listens.
    pub(super) fn of(bound: &BoundAddress, listen: &Listen) -> Listening {
        let urls = urls(bound, &listen.options, listen.url.as_deref());
        Listening::Router { urls, reach: reach(bound) }
    }

    /// One line for each address that clients can use, with what they reach there: of a router, these realms.
    pub(super) fn lines(&self, realms: &[String]) -> Vec<String> {
        let (urls, reach) = match self {
            Listening::Nowhere => return Vec::new(),
            Listening::Part { address, name } => return vec![format!("{address} ({name})")],
            Listening::Router { urls, reach } => (urls, reach),
        };
        let mut remark = match realms {
            [] => "no realm".to_owned(),
            [one] => format!("realm {one}"),
            several => format!("realms {}", several.join(", ")),
        };
        if let Some(reach) = reach {
            remark = format!("{remark}, {reach}");
        }
        urls.iter().map(|url| format!("{url} ({remark})")).collect()
    }
}

/// The URLs of a transport, those of WebSocket first.
fn urls(bound: &BoundAddress, options: &TransportOptions, known_as: Option<&str>) -> Vec<String> {
    let mut urls = Vec::new();
    let s = if options.tls.is_some() { "s" } else { "" };
    let mut add = |name: &str, path: &str| {
        urls.push(match bound {
            BoundAddress::Tcp(address) => format!("{name}{s}://{}{path}", authority(*address)),
            BoundAddress::Unix(socket) if name == "ws" => {
                format!("unix+ws://{}?path={path}", socket.display())
            }
            BoundAddress::Unix(socket) if name == "rs" => format!("unix:{}", socket.display()),
            BoundAddress::Unix(socket) => format!("{name}+unix://{}", socket.display()),
        });
    };
    for path in options.websocket.keys() {
        add("ws", if path == "*" { "/" } else { path });
    }
    if options.rawsocket.is_some() {
        add("rs", "");
    }
    if options.http.is_some() {
        add("http", "/");
    }
    urls.extend(known_as.filter(|url| !urls.iter().any(|other| other == url)).map(str::to_owned));
    urls
}

/// Host and port that a client of this machine can use: "all interfaces" is no address to connect to.
pub(crate) fn authority(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr =
            if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}

/// Who can connect, in words, if it is not only this machine.
pub(crate) fn reach(bound: &BoundAddress) -> Option<&'static str> {
    match bound {
        BoundAddress::Tcp(address) if address.ip().is_unspecified() => Some("on all interfaces"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crossweave_router::{RawSocketOptions, WebSocketOptions};
    use crossweave_transport::ListenEndpoint;
    use crossweave_transport::url::RouterUrl;

    use super::*;

    fn options() -> TransportOptions {
        let mut options = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
        options.rawsocket = Some(RawSocketOptions::default());
        options.websocket.insert("/ws".to_owned(), WebSocketOptions::default());
        options
    }

    fn tcp(address: &str) -> BoundAddress {
        BoundAddress::Tcp(address.parse().unwrap())
    }

    #[test]
    fn each_protocol_has_its_url() {
        let urls = urls(&tcp("127.0.0.1:8080"), &options(), None);
        assert_eq!(urls, ["ws://127.0.0.1:8080/ws", "rs://127.0.0.1:8080"]);
    }

    #[test]
    fn all_interfaces_are_shown_by_the_address_of_this_machine() {
        assert_eq!(urls(&tcp("0.0.0.0:80"), &options(), None)[1], "rs://127.0.0.1:80");
        assert_eq!(urls(&tcp("[::]:80"), &options(), None)[1], "rs://[::1]:80");
        assert_eq!(reach(&tcp("[::]:80")), Some("on all interfaces"));
        assert_eq!(reach(&tcp("127.0.0.1:80")), None);
    }

    #[test]
    fn tls_and_the_known_url_are_shown() {
        let mut options = options();
        options.tls = Some(crossweave_transport::tls::TlsServerOptions::default());
        let urls = urls(&tcp("10.0.0.1:443"), &options, Some("wss://example.com/ws"));
        assert_eq!(urls, ["wss://10.0.0.1:443/ws", "rss://10.0.0.1:443", "wss://example.com/ws"]);
    }

    #[test]
    fn every_url_for_wamp_is_one_that_the_client_takes() {
        let unix = BoundAddress::Unix("/run/cw.sock".into());
        for url in urls(&unix, &options(), None).into_iter().chain(urls(&tcp("[::1]:1"), &options(), None)) {
            RouterUrl::parse(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
}
