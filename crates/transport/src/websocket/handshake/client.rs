//! The client's side: asking for the upgrade and checking the answer.

use super::accept_key;
use super::server::codec;
use crate::codec::Codec;
use crate::http::Headers;
use crate::http::request::{HEADERS_MAX, complete_head, syntax_error};
use crate::http::response::append_field;
use crate::websocket::deflate::{DeflateOptions, DeflateParams, NegotiationError};
use crate::websocket::{Limits, Role};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Why a server's answer does not give us a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The server answered another status than 101.
    #[error("server answered {status} {phrase}{colon}{detail}", colon = if detail.is_empty() { "" } else { ": " })]
    Status {
        /// The status code.
        status: u16,
        /// The server's words for it.
        phrase: String,
        /// The first line of the answer's text, if it is plain text and came along.
        detail: String,
    },
    /// The answer is not an HTTP/1.1 response, or its head is too long.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    /// A required header field is missing or wrong.
    #[error("wrong or missing {0} in the answer")]
    Header(&'static str),
    /// The server chose a subprotocol that was not offered, or none.
    #[error("server chose subprotocol {0:?}, which was not offered")]
    Protocol(String),
    /// The server chose unacceptable extensions.
    #[error(transparent)]
    Extensions(#[from] NegotiationError),
}

/// One attempt to open a WebSocket.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    key: String,
    /// The `Host` header: host, and port unless it is the scheme's default.
    pub host: String,
    /// The request target: path and query.
    pub target: String,
    /// The subprotocols we speak, best first. With none, the server must choose none.
    pub protocols: Vec<String>,
    /// The compression to offer, if any.
    pub deflate: Option<DeflateOptions>,
    /// Further header fields, such as `Origin`, `Cookie` or `User-Agent`.
    pub headers: Vec<(String, String)>,
}

/// What the server agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol; `None` only if none was offered.
    pub protocol: Option<String>,
    /// The compression parameters, if there is compression.
    pub deflate: Option<DeflateParams>,
    /// The header fields of the answer, such as `Set-Cookie`.
    pub headers: Headers,
    /// How many octets the answer's head had.
    pub head_len: usize,
}

impl ClientHandshake {
    /// An attempt with a fresh random key.
    pub fn new(host: &str, target: &str) -> ClientHandshake {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).expect("the operating system provides randomness");
        ClientHandshake {
            key: STANDARD.encode(nonce),
            host: host.to_owned(),
            target: target.to_owned(),
            protocols: Vec::new(),
            deflate: None,
            headers: Vec::new(),
        }
    }

    /// The request to send.
    pub fn request(&self) -> Vec<u8> {
        let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
        let mut head =
            format!("GET {} HTTP/1.1\r\n", self.target.replace(|c: char| c.is_control() || c == ' ', "%20"));
        append_field(&mut head, "Host", &clean(&self.host));
        append_field(&mut head, "Upgrade", "websocket");
        append_field(&mut head, "Connection", "Upgrade");
        append_field(&mut head, "Sec-WebSocket-Key", &self.key);
        append_field(&mut head, "Sec-WebSocket-Version", "13");
        if !self.protocols.is_empty() {
            append_field(&mut head, "Sec-WebSocket-Protocol", &clean(&self.protocols.join(", ")));
        }
        if let Some(deflate) = &self.deflate {
            append_field(&mut head, "Sec-WebSocket-Extensions", &deflate.offer());
        }
        for (name, value) in &self.headers {
            append_field(&mut head, &clean(name), &clean(value));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Checks the answer at the front of `buf`; `None` asks for more bytes.
    ///
    /// # Errors
    /// The server refused, or its answer breaks RFC 6455 section 4.1. The connection must be closed.
    pub fn verify(&self, buf: &[u8]) -> Result<Option<Agreed>, UpgradeError> {
        let Some(head) = complete_head(buf).ok_or(UpgradeError::Malformed("head too long"))? else {
            return Ok(None);
        };
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(UpgradeError::Malformed("incomplete head")),
            Err(error) => return Err(UpgradeError::Malformed(syntax_error(error))),
        }
        let headers = Headers::from_parsed(parsed.headers);
        match parsed.code {
            Some(101) => {}
            status => {
                let status = status.unwrap_or_default();
                let phrase = printable(parsed.reason.unwrap_or_default().as_bytes());
                let is_text = headers.get("Content-Type").is_some_and(|kind| kind.starts_with("text/plain"));
                let detail = if is_text { printable(&buf[head.len()..]) } else { String::new() };
                return Err(UpgradeError::Status { status, phrase, detail });
            }
        }
        self.check_upgrade(&headers)?;
        let protocol = self.check_protocol(&headers)?;
        let deflate = self.check_extensions(&headers)?;
        Ok(Some(Agreed { protocol, deflate, headers, head_len: head.len() }))
    }

    fn check_upgrade(&self, headers: &Headers) -> Result<(), UpgradeError> {
        if !headers.has_token("Upgrade", "websocket") {
            return Err(UpgradeError::Header("upgrade"));
        }
        if !headers.has_token("Connection", "upgrade") {
            return Err(UpgradeError::Header("connection"));
        }
        if headers.single("Sec-WebSocket-Accept") != Some(accept_key(&self.key).as_str()) {
            return Err(UpgradeError::Header("sec-websocket-accept"));
        }
        Ok(())
    }

    fn check_protocol(&self, headers: &Headers) -> Result<Option<String>, UpgradeError> {
        let chosen: Vec<&str> = headers.all("Sec-WebSocket-Protocol").collect();
        match chosen[..] {
            [] if self.protocols.is_empty() => Ok(None),
            [one] if self.protocols.iter().any(|offered| offered == one) => Ok(Some(one.to_owned())),
            _ => Err(UpgradeError::Protocol(chosen.join(", "))),
        }
    }

    fn check_extensions(&self, headers: &Headers) -> Result<Option<DeflateParams>, UpgradeError> {
        let chosen = headers.all("Sec-WebSocket-Extensions").collect::<Vec<_>>().join(",");
        match &self.deflate {
            Some(deflate) => Ok(deflate.verify(&chosen)?),
            None if chosen.is_empty() => Ok(None),
            None => Err(NegotiationError::NotOffered(chosen).into()),
        }
    }

    /// The framing that follows the handshake on the client's side.
    pub fn codec(&self, agreed: &Agreed, limits: Limits) -> Codec {
        codec(Role::Client, agreed.deflate, self.deflate.as_ref(), limits, 0)
    }
}

/// The first line of a stranger's text, fit for an error message.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(400)]);
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ServerOptions, upgrade};
    use super::*;
    use crate::http::{HEAD_LEN_MAX, parse_request};

    fn handshake() -> ClientHandshake {
        let mut handshake = ClientHandshake::new("h", "/ws?x=1");
        handshake.protocols = vec!["wamp.2.cbor".into(), "wamp.2.json".into()];
        handshake.deflate = Some(DeflateOptions::default());
        handshake
    }

    fn answer(handshake: &ClientHandshake) -> String {
        let (request, _) = parse_request(&handshake.request()).unwrap().unwrap();
        let options = ServerOptions {
            protocols: vec!["wamp.2.json".into()],
            deflate: Some(DeflateOptions::default()),
            ..Default::default()
        };
        String::from_utf8(upgrade(&request, &options, false).unwrap().response(&[])).unwrap()
    }

    #[test]
    fn both_sides_of_the_handshake_agree() {
        let handshake = handshake();
        let text = answer(&handshake) + "frames";
        let agreed = handshake.verify(text.as_bytes()).unwrap().unwrap();
        assert_eq!(agreed.protocol.as_deref(), Some("wamp.2.json"));
        assert_eq!(agreed.deflate.unwrap().client_max_window_bits, 12);
        assert_eq!(&text[agreed.head_len..], "frames");
        assert_eq!(handshake.verify(&text.as_bytes()[..50]).unwrap(), None);
    }

    #[test]
    fn wrong_answers_are_refused() {
        let handshake = handshake();
        let good = answer(&handshake);
        for (from, to) in [
            ("101", "200"),
            ("HTTP/1.1", "SSH-2.0"),
            ("Upgrade: websocket\r\n", ""),
            ("Connection: Upgrade\r\n", ""),
            ("Accept: ", "Accept: x"),
            ("wamp.2.json", "wamp.2.msgpack"),
            ("Sec-WebSocket-Protocol", "X-Protocol"),
            ("permessage-deflate", "permessage-bzip2"),
        ] {
            assert!(handshake.verify(good.replacen(from, to, 1).as_bytes()).is_err(), "{from:?} -> {to:?}");
        }
        let plain = ClientHandshake { deflate: None, ..handshake.clone() };
        assert!(matches!(plain.verify(good.as_bytes()), Err(UpgradeError::Extensions(_))));
        let endless = vec![b'H'; HEAD_LEN_MAX];
        assert!(handshake.verify(&endless).is_err());
    }
}
