//! The *universal* transport: which protocol a peer speaks, told by the first octet it sends.

/// What a connection turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// WAMP RawSocket: 0x7F, which no HTTP request starts with.
    RawSocket,
    /// HTTP/1.1, and so possibly WebSocket: a token character.
    Http,
    /// MQTT: the CONNECT packet, 0x10.
    Mqtt,
    /// A TLS ClientHello, 0x16, on a port that does not speak TLS.
    Tls,
    /// Nothing known.
    Unknown,
}

impl Protocol {
    /// The protocol's name as users know it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::RawSocket => "rawsocket",
            Protocol::Http => "http",
            Protocol::Mqtt => "mqtt",
            Protocol::Tls => "tls",
            Protocol::Unknown => "unknown",
        }
    }

    /// Why this connection cannot be served here, for the log; `None` for protocols that a port may serve.
    pub fn complaint(self) -> Option<&'static str> {
        match self {
            Protocol::Tls => {
                Some("peer speaks tls on a plain port: use ws:// or rs://, or configure tls here")
            }
            Protocol::Unknown => Some("first octet is none of rawsocket, http, mqtt or tls"),
            Protocol::RawSocket | Protocol::Http | Protocol::Mqtt => None,
        }
    }
}

/// Tells the protocol from the first octets; `None` while there are none.
pub fn sniff(octets: &[u8]) -> Option<Protocol> {
    Some(match octets.first()? {
        0x7f => Protocol::RawSocket,
        0x10 => Protocol::Mqtt,
        0x16 => Protocol::Tls,
        octet if is_token(*octet) => Protocol::Http,
        _ => Protocol::Unknown,
    })
}

/// RFC 9110 section 5.6.2: the characters of an HTTP method.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octet_decides() {
        for (octets, expected) in [
            (&b"\x7f\xf1\0\0"[..], Protocol::RawSocket),
            (b"\x7f", Protocol::RawSocket),
            (b"GET / HTTP/1.1\r\n", Protocol::Http),
            (b"OPTIONS", Protocol::Http),
            (b"\x10\x0c\0\x04MQTT", Protocol::Mqtt),
            (b"\x16\x03\x01", Protocol::Tls),
            (b"\0", Protocol::Unknown),
            (b" GET", Protocol::Unknown),
            (b"\xff", Protocol::Unknown),
        ] {
            assert_eq!(sniff(octets), Some(expected), "{octets:?}");
        }
        assert_eq!(sniff(b""), None);
    }
}
