//! The server's side: checking a request and answering it.

use super::accept_key;
use crate::codec::Codec;
use crate::http::response::append_field;
use crate::http::{Request, Response};
use crate::websocket::deflate::{Deflate, DeflateOptions, DeflateParams, Inflate};
use crate::websocket::origin::OriginPolicy;
use crate::websocket::{Decoder, Encoder, Limits, Role};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a WebSocket endpoint accepts.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// The subprotocols we speak. The first one in the *client's* order that is among them is chosen.
    pub protocols: Vec<String>,
    /// Whether a client without subprotocol is taken, with [`Upgrade::protocol`] `None`. Default `false`.
    pub allows_no_protocol: bool,
    /// Which web pages may connect. Default: those of the same origin.
    pub origins: OriginPolicy,
    /// Compression, if any. Default none.
    pub deflate: Option<DeflateOptions>,
    /// What clients may send.
    pub limits: Limits,
    /// Messages are sent in fragments of at most this many octets; zero, the default, for whole ones.
    pub fragment_len: usize,
}

/// An upgrade that both sides agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    accept_key: String,
    /// The subprotocol, such as `wamp.2.json`.
    pub protocol: Option<String>,
    /// The compression parameters, if there is compression.
    pub deflate: Option<DeflateParams>,
}

/// A request to upgrade that is refused. [`UpgradeRefused::response`] is the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeRefused {
    /// Not a GET.
    #[error("method {0} cannot be upgraded; use GET")]
    Method(String),
    /// Not an HTTP/1.1 request with `Connection: Upgrade` and `Upgrade: websocket`.
    #[error("this is a websocket endpoint; {0} is missing")]
    NotAnUpgrade(&'static str),
    /// A version other than 13.
    #[error("unsupported websocket version {0:?}; use 13")]
    Version(String),
    /// `Sec-WebSocket-Key` is missing, repeated or not 16 octets in base64.
    #[error("invalid sec-websocket-key")]
    Key,
    /// The page's origin is not allowed.
    #[error("origin {0:?} is not allowed")]
    Origin(String),
    /// None of the client's subprotocols is spoken here.
    #[error("no common subprotocol: client offers [{offered}], server speaks [{supported}]")]
    Protocol {
        /// The client's subprotocols.
        offered: String,
        /// Ours.
        supported: String,
    },
}

impl UpgradeRefused {
    /// The answer to send before closing.
    pub fn response(&self) -> Response {
        let answer = |status| Response::text(status, &self.to_string());
        match self {
            UpgradeRefused::Method(_) => answer(405).with_header("Allow", "GET"),
            UpgradeRefused::NotAnUpgrade(_) => answer(426).with_header("Upgrade", "websocket"),
            UpgradeRefused::Version(_) => answer(426).with_header("Sec-WebSocket-Version", "13"),
            UpgradeRefused::Origin(_) => answer(403),
            UpgradeRefused::Key | UpgradeRefused::Protocol { .. } => answer(400),
        }
    }
}

/// Whether a request asks for a WebSocket, as opposed to a page at the same path.
pub fn is_upgrade(request: &Request) -> bool {
    request.headers.has_token("Upgrade", "websocket")
}

/// Checks a request against RFC 6455 section 4.2.1 and the options. `is_tls` is the connection's own state.
///
/// # Errors
/// The request is refused; the error is the answer.
pub fn upgrade(request: &Request, options: &ServerOptions, is_tls: bool) -> Result<Upgrade, UpgradeRefused> {
    let headers = &request.headers;
    if request.method != "GET" {
        return Err(UpgradeRefused::Method(request.method.clone()));
    }
    if !request.is_http11 {
        return Err(UpgradeRefused::NotAnUpgrade("http/1.1"));
    }
    if !is_upgrade(request) {
        return Err(UpgradeRefused::NotAnUpgrade("upgrade: websocket"));
    }
    if !headers.has_token("Connection", "upgrade") {
        return Err(UpgradeRefused::NotAnUpgrade("connection: upgrade"));
    }
    match headers.single("Sec-WebSocket-Version") {
        Some("13") => {}
        other => return Err(UpgradeRefused::Version(other.unwrap_or_default().to_owned())),
    }
    let key = headers.single("Sec-WebSocket-Key").filter(|key| is_key(key)).ok_or(UpgradeRefused::Key)?;
    if let Some(origin) =
        headers.all("Origin").find(|o| !options.origins.admits(o, headers.get("Host"), is_tls))
    {
        return Err(UpgradeRefused::Origin(origin.to_owned()));
    }
    let offers: Vec<&str> = headers.all("Sec-WebSocket-Extensions").collect();
    Ok(Upgrade {
        accept_key: accept_key(key),
        protocol: choose_protocol(request, options)?,
        deflate: options.deflate.as_ref().and_then(|deflate| deflate.accept(&offers.join(","))),
    })
}

fn is_key(key: &str) -> bool {
    STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

fn choose_protocol(request: &Request, options: &ServerOptions) -> Result<Option<String>, UpgradeRefused> {
    let offered: Vec<&str> = request.headers.elements("Sec-WebSocket-Protocol").collect();
    let chosen = offered.iter().find(|offer| options.protocols.iter().any(|ours| ours == *offer));
    match chosen {
        Some(protocol) => Ok(Some((*protocol).to_owned())),
        None if offered.is_empty() && options.allows_no_protocol => Ok(None),
        None => Err(UpgradeRefused::Protocol {
            offered: offered.join(", "),
            supported: options.protocols.join(", "),
        }),
    }
}

impl Upgrade {
    /// The `101 Switching Protocols` answer, with further header fields such as `Server` or `Set-Cookie`.
    ///
    /// The extra fields are ours and must not hold a peer's text: they are written as they are.
    pub fn response(&self, extra: &[(&str, &str)]) -> Vec<u8> {
        let mut head = String::from("HTTP/1.1 101 Switching Protocols\r\n");
        for (name, value) in self.fields() {
            append_field(&mut head, name, &value);
        }
        for (name, value) in extra {
            append_field(&mut head, name, value);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The header fields of that answer, for whoever writes it by other means.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Accept", self.accept_key.clone()),
        ];
        fields.extend(self.protocol.clone().map(|protocol| ("Sec-WebSocket-Protocol", protocol)));
        fields.extend(self.deflate.map(|deflate| ("Sec-WebSocket-Extensions", deflate.response())));
        fields
    }

    /// The framing that follows the handshake on the server's side.
    pub fn codec(&self, options: &ServerOptions) -> Codec {
        codec(Role::Server, self.deflate, options.deflate.as_ref(), options.limits, options.fragment_len)
    }
}

/// The codec of either side for what was negotiated.
pub(super) fn codec(
    role: Role,
    params: Option<DeflateParams>,
    options: Option<&DeflateOptions>,
    limits: Limits,
    fragment_len: usize,
) -> Codec {
    let inflate = params.map(|params| Inflate::new(role, &params));
    let deflate = params.zip(options).map(|(params, options)| Deflate::new(role, &params, options));
    let mut encoder = Encoder::new(role, deflate);
    encoder.set_fragment_len(fragment_len);
    Codec::websocket(Decoder::new(role, limits, inflate), encoder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_request;

    const GOOD: &str = "GET /ws HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: x, wamp.2.cbor\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

    fn options() -> ServerOptions {
        ServerOptions { protocols: vec!["wamp.2.json".into(), "wamp.2.cbor".into()], ..Default::default() }
    }

    fn try_upgrade(text: &str, options: &ServerOptions) -> Result<Upgrade, UpgradeRefused> {
        upgrade(&parse_request(text.as_bytes()).unwrap().unwrap().0, options, false)
    }

    #[test]
    fn clients_order_of_subprotocols_wins() {
        let upgrade = try_upgrade(GOOD, &options()).unwrap();
        assert_eq!(upgrade.protocol.as_deref(), Some("wamp.2.cbor"));
        assert_eq!(upgrade.deflate, None);
        let answer = String::from_utf8(upgrade.response(&[("Server", "Crossweave")])).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "));
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(answer.contains("\r\nSec-WebSocket-Protocol: wamp.2.cbor\r\n"));
        assert!(!answer.contains("Extensions"));
        assert!(answer.ends_with("\r\nServer: Crossweave\r\n\r\n"));
    }

    #[test]
    fn compression_is_agreed_only_if_configured() {
        let options = ServerOptions { deflate: Some(DeflateOptions::default()), ..options() };
        let upgrade = try_upgrade(GOOD, &options).unwrap();
        assert_eq!(upgrade.deflate.unwrap().server_max_window_bits, 12);
        assert!(String::from_utf8(upgrade.response(&[])).unwrap().contains("permessage-deflate;"));
    }

    #[test]
    fn bad_upgrades_get_their_status() {
        for (from, to, status) in [
            ("GET", "POST", 405),
            ("HTTP/1.1", "HTTP/1.0", 426),
            ("Upgrade: WebSocket", "Upgrade: h2c", 426),
            ("keep-alive, Upgrade", "keep-alive", 426),
            ("Version: 13", "Version: 8", 426),
            ("Sec-WebSocket-Version: 13\r\n", "", 426),
            ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400),
            ("dGhlIHNhbXBsZSBub25jZQ==", "not base64", 400),
            ("Sec-WebSocket-Key:", "X-Key:", 400),
            ("Host: h:1", "Host: h:1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
            ("x, wamp.2.cbor", "x", 101),
            ("Host: h:1", "Host: h:1\r\nOrigin: http://h:1", 101),
            ("Host: h:1", "Host: h:1\r\nOrigin: http://evil", 403),
            ("Host: h:1", "Host: h:1\r\nOrigin: http://h:1\r\nOrigin: http://evil", 403),
        ] {
            let answered = match try_upgrade(&GOOD.replacen(from, to, 1), &options()) {
                Ok(_) => 101,
                Err(refused) => refused.response().status(),
            };
            assert_eq!(answered, status, "{from:?} -> {to:?}");
        }
    }

    #[test]
    fn missing_subprotocol_is_taken_only_if_configured() {
        let none = GOOD.replace("Sec-WebSocket-Protocol", "X-Protocol");
        assert!(matches!(try_upgrade(&none, &options()), Err(UpgradeRefused::Protocol { .. })));
        let lenient = ServerOptions { allows_no_protocol: true, ..options() };
        assert_eq!(try_upgrade(&none, &lenient).unwrap().protocol, None);
        let unknown = none.replace("X-Protocol", "Sec-WebSocket-Protocol").replace("wamp.2", "wamp.3");
        assert!(matches!(try_upgrade(&unknown, &lenient), Err(UpgradeRefused::Protocol { .. })));
    }
}
