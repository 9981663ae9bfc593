//! One attack: what is sent, what must come back, and by when.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use e2e::{Canary, Node, wire};

/// How long an answer to bad bytes may take. They are refused at once; the rest is patience with a busy machine.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What a connection does before the bad bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing: the bytes are the first ones.
    Tcp,
    /// The RawSocket handshake with this serializer (1 JSON, 2 MessagePack, 3 CBOR).
    RawSocket(u8),
    /// RawSocket in JSON, and a session on `realm1`.
    RawSocketSession,
    /// The WebSocket handshake with this subprotocol.
    WebSocket(&'static str),
    /// WebSocket in JSON, and a session on `realm1`.
    WebSocketSession,
}

/// What must come back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// The connection is closed.
    Closed,
    /// An HTTP response with one of these status codes, then the connection is closed.
    Http(&'static [u16]),
    /// An HTTP response from 400 to 505 (a version we do not speak), or just the connection closed.
    HttpRefusalOrClosed,
    /// The RawSocket refusal with this error code, then the connection is closed.
    RawSocketRefusal(u8),
    /// A WebSocket close frame with one of these codes, then the connection is closed.
    WebSocketClose(&'static [u16]),
    /// ABORT with this reason, then the connection is closed.
    Abort(&'static str),
    /// ABORT with `wamp.error.protocol_violation`, or on WebSocket a close frame that says what was wrong; then the
    /// connection is closed.
    Violation,
    /// ERROR with this reason; or as `Violation`.
    ErrorOrViolation(&'static str),
}

/// One line of a table.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) opening: Opening,
    pub(crate) bytes: Vec<u8>,
    pub(crate) answer: Answer,
}

/// Close codes that tell a WebSocket peer that it was at fault.
const WS_FAULTS: &[u16] = &[1002, 1003, 1007, 1008, 1009];

/// Runs a table against one node, with the canary after each attack, and fails with all that went wrong.
pub(crate) fn run(attacks: Vec<Attack>) {
    let node = Node::start();
    let mut canary = Canary::join(node.address()).expect("two healthy sessions can join");
    let mut wrong = Vec::new();
    for attack in &attacks {
        if let Err(why) = attack.run(node.address()) {
            wrong.push(format!("{}: {why}", attack.name));
        }
        if let Err(e) = canary.sing() {
            panic!("after {:?} healthy sessions fail: {e}; so far: {wrong:#?}\n{}", attack.name, node.log());
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
    node.stop_and_expect_success();
}

impl Attack {
    fn run(&self, address: SocketAddr) -> Result<(), String> {
        let mut stream =
            open(address, self.opening).map_err(|e| format!("opening {:?}: {e}", self.opening))?;
        // The peer may close while we still write: then its answer counts, not our error.
        let _ = stream.write_all(&self.bytes);
        let reply = Reply::read(stream, ANSWER_WITHIN, self.enough());
        self.judge(&reply).map_err(|expected| format!("expected {expected}, received {reply}"))
    }

    /// Text after which nothing more is awaited: an ERROR leaves the session open.
    fn enough(&self) -> &'static [u8] {
        match self.answer {
            Answer::ErrorOrViolation(uri) => uri.as_bytes(),
            _ => b"",
        }
    }

    fn judge(&self, reply: &Reply) -> Result<(), String> {
        let is_right = match self.answer {
            Answer::Closed => true,
            Answer::Http(codes) => reply.http_status().is_some_and(|status| codes.contains(&status)),
            Answer::HttpRefusalOrClosed => {
                reply.bytes.is_empty()
                    || reply.http_status().is_some_and(|status| (400..=505).contains(&status))
            }
            Answer::RawSocketRefusal(code) => reply.bytes == [0x7f, code << 4, 0, 0],
            Answer::WebSocketClose(codes) => reply.close_code().is_some_and(|code| codes.contains(&code)),
            Answer::Abort(reason) => reply.has_abort(reason),
            Answer::Violation => self.is_violation(reply),
            Answer::ErrorOrViolation(uri) => {
                if reply.contains(uri.as_bytes()) && !reply.contains(b"[3,") {
                    return Ok(());
                }
                self.is_violation(reply)
            }
        };
        if is_right && reply.is_closed { Ok(()) } else { Err(format!("{:?} and the end", self.answer)) }
    }

    fn is_violation(&self, reply: &Reply) -> bool {
        let is_websocket = matches!(self.opening, Opening::WebSocket(_) | Opening::WebSocketSession);
        reply.has_abort("wamp.error.protocol_violation")
            || is_websocket && reply.close_code().is_some_and(|code| WS_FAULTS.contains(&code))
    }
}

/// Everything that came back until the connection was closed or time was up.
pub(crate) struct Reply {
    bytes: Vec<u8>,
    pub(crate) is_closed: bool,
    pub(crate) took: Duration,
}

impl Reply {
    /// Reads for at most `within`, or until `enough` (unless empty) has come.
    pub(crate) fn read(mut stream: TcpStream, within: Duration, enough: &[u8]) -> Reply {
        let start = Instant::now();
        let mut reply = Reply { bytes: Vec::new(), is_closed: false, took: Duration::ZERO };
        let mut buffer = [0; 4096];
        while let Some(left) = within.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            stream.set_read_timeout(Some(left)).expect("a positive timeout can be set");
            match stream.read(&mut buffer) {
                Ok(0) => reply.is_closed = true,
                Ok(n) => reply.bytes.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => reply.is_closed = true,
            }
            if reply.is_closed || !enough.is_empty() && reply.contains(enough) {
                break;
            }
        }
        reply.took = start.elapsed();
        let _ = stream.shutdown(Shutdown::Both);
        reply
    }

    fn contains(&self, part: &[u8]) -> bool {
        self.bytes.windows(part.len()).any(|window| window == part)
    }

    fn http_status(&self) -> Option<u16> {
        let line = String::from_utf8_lossy(&self.bytes);
        line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
    }

    /// ABORT in any serializer: its array header and type, and the reason as text.
    fn has_abort(&self, reason: &str) -> bool {
        let is_abort = [&b"[3,"[..], b"\x93\x03", b"\x83\x03"].iter().any(|start| self.contains(start));
        is_abort && self.contains(reason.as_bytes())
    }

    /// The code of the first WebSocket close frame.
    fn close_code(&self) -> Option<u16> {
        let mut rest = self.bytes.as_slice();
        while let [head, length, ..] = *rest {
            let (skip, length) = match length & 0x7f {
                126 => (4, usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]))),
                127 => return None,
                short => (2, usize::from(short)),
            };
            let payload = rest.get(skip..skip + length)?;
            if head & 0x0f == 8 {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
            rest = &rest[skip + length..];
        }
        None
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(160)];
        let end = if self.is_closed { "closed" } else { "still open" };
        write!(f, "{} bytes \"{}\", {end} after {:.1?}", self.bytes.len(), shown.escape_ascii(), self.took)
    }
}

/// Connects and does what the opening says; everything received for it is consumed.
pub(crate) fn open(address: SocketAddr, opening: Opening) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    match opening {
        Opening::Tcp => {}
        Opening::RawSocket(serializer) => rawsocket(&mut stream, serializer)?,
        Opening::RawSocketSession => {
            rawsocket(&mut stream, 1)?;
            stream.write_all(&wire::frame(HELLO.as_bytes()))?;
            let mut header = [0; 4];
            stream.read_exact(&mut header)?;
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]);
            read_welcome(&mut stream, length as usize)?;
        }
        Opening::WebSocket(subprotocol) => websocket(&mut stream, subprotocol)?,
        Opening::WebSocketSession => {
            websocket(&mut stream, "wamp.2.json")?;
            stream.write_all(&wire::ws_frame(0x81, HELLO.as_bytes()))?;
            let mut header = [0; 4];
            stream.read_exact(&mut header)?;
            // A WELCOME is longer than 125 and shorter than 65,536 bytes.
            read_welcome(&mut stream, usize::from(u16::from_be_bytes([header[2], header[3]])))?;
        }
    }
    Ok(stream)
}

const HELLO: &str = r#"[1,"realm1",{"roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}]"#;

fn rawsocket(stream: &mut TcpStream, serializer: u8) -> std::io::Result<()> {
    stream.write_all(&[0x7f, 0xf0 | serializer, 0, 0])?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer[0] == 0x7f && answer[1] & 0x0f == serializer {
        return Ok(());
    }
    Err(std::io::Error::other(format!("RawSocket handshake answered with {answer:02x?}")))
}

fn websocket(stream: &mut TcpStream, subprotocol: &str) -> std::io::Result<()> {
    stream.write_all(wire::ws_request("/ws", subprotocol).as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101") {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&head).into_owned()))
}

fn read_welcome(stream: &mut TcpStream, length: usize) -> std::io::Result<()> {
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    if message.starts_with(b"[2,") {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&message).into_owned()))
}
