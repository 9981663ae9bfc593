//! One session: a socket, what is still to be written, what has arrived of an unfinished message.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;

use super::Target;
use crate::login::Login;
use crate::trouble::Result;
use crate::wire::template::Template;
use crate::wire::value::{self, Match, Value};
use crate::wire::{Incoming, Key, Malformed, Wire, nats, rawsocket, websocket};

/// How long a TCP connection to loopback may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A session with a peer.
///
/// ```text
/// connected --(handshake accepted)--> open --(WELCOME / PONG)--> joined --(end of stream)--> closed
/// ```
pub(crate) struct Connection {
    id: usize,
    stream: TcpStream,
    wire: Wire,
    realm: Arc<str>,
    login: Login,
    is_open: bool,
    is_joined: bool,
    is_closed: bool,
    is_paused: bool,
    is_blocked: bool,
    out: Vec<u8>,
    written: usize,
    rest: Vec<u8>,
    request: u64,
    awaited: u64,
    refusal: Option<String>,
}

impl Connection {
    pub(super) fn open(id: usize, target: &Target) -> Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&target.address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let out = match target.wire {
            Wire::RawSocket(codec) => rawsocket::handshake(codec).to_vec(),
            Wire::WebSocket(codec) => websocket::handshake(codec, &target.address.to_string(), target.path),
            Wire::Nats => Vec::new(),
        };
        Ok(Self {
            id,
            stream: TcpStream::from_std(stream),
            wire: target.wire,
            realm: target.realm.clone(),
            login: target.login,
            is_open: false,
            is_joined: false,
            is_closed: false,
            is_paused: false,
            is_blocked: false,
            out,
            written: 0,
            rest: Vec::new(),
            request: 0,
            awaited: 0,
            refusal: None,
        })
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(super) fn mark_closed(&mut self) {
        self.is_closed = true;
    }

    /// The socket was full at the last attempt to write.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Stops reading (or allows it again; use `Reactor::resume` for that).
    pub(crate) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Requests that have not been acknowledged.
    pub(super) fn awaited(&self) -> u64 {
        self.awaited
    }

    /// What the peer refused last, if anything.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Whether `incoming`, just read, made the session joined.
    pub(crate) fn is_welcome(&self, incoming: &Incoming<'_>) -> bool {
        match self.wire {
            Wire::Nats => *incoming == Incoming::Pong && self.awaited == 0 && self.request == 0,
            _ => *incoming == Incoming::Joined,
        }
    }

    fn next_request(&mut self) -> u64 {
        self.request += 1;
        self.request
    }

    fn send(&mut self, value: &Value<'_>) {
        if let Some(codec) = self.wire.codec() {
            self.wire.frame(&mut self.out, |out| codec.write(value, out));
        }
    }

    /// Subscribes to `topic` (of NATS: a subject, wildcards included). Call [`Self::fence`] after the last.
    pub(crate) fn subscribe(&mut self, policy: Match, topic: &str) {
        let request = self.next_request();
        if self.wire == Wire::Nats {
            let sid = request + nats::INBOX_SID;
            self.out.extend_from_slice(format!("SUB {topic} {sid}\r\n").as_bytes());
        } else {
            self.awaited += 1;
            self.send(&value::subscribe(request, policy, topic));
        }
    }

    /// Registers `procedure`; on NATS, subscribes to the subject of that name.
    pub(crate) fn register(&mut self, procedure: &str) {
        if self.wire == Wire::Nats {
            return self.subscribe(Match::Exact, procedure);
        }
        let request = self.next_request();
        self.awaited += 1;
        self.send(&value::register(request, procedure));
    }

    /// The subject of this session's replies on NATS.
    pub(crate) fn inbox(&self) -> String {
        format!("_INBOX.{}", self.id)
    }

    /// Makes replies arrive on NATS; WAMP needs nothing.
    pub(crate) fn open_inbox(&mut self) {
        if self.wire == Wire::Nats {
            let line = format!("SUB {} {}\r\n", self.inbox(), nats::INBOX_SID);
            self.out.extend_from_slice(line.as_bytes());
            self.request += 1;
        }
    }

    /// Asks NATS, which acknowledges nothing, for a sign that it has seen everything so far.
    pub(crate) fn fence(&mut self) {
        if self.wire == Wire::Nats {
            self.awaited += 1;
            self.out.extend_from_slice(b"PING\r\n");
        }
    }

    /// Appends a PUBLISH.
    #[inline]
    pub(crate) fn publish(&mut self, template: &Template, payload: &[u8]) {
        let key = Key::Id(self.next_request());
        template.write(self.wire, key, payload, &mut self.out);
    }

    /// Appends a CALL.
    #[inline]
    pub(crate) fn call(&mut self, template: &Template, payload: &[u8]) {
        let key = Key::Id(self.next_request());
        template.write(self.wire, key, payload, &mut self.out);
    }

    /// Appends the answer to an invocation.
    #[inline]
    pub(crate) fn yield_(&mut self, template: &Template, key: Key<'_>, payload: &[u8]) {
        template.write(self.wire, key, payload, &mut self.out);
    }

    /// Octets not yet given to the socket.
    pub(crate) fn backlog(&self) -> usize {
        self.out.len() - self.written
    }

    /// Writes as much as the socket takes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while self.written < self.out.len() && !self.is_closed {
            match self.stream.write(&self.out[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_closed = true,
            }
        }
        self.is_blocked = false;
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Moves what is left of an unfinished message to the front of `buffer`; answers its length.
    pub(super) fn take_rest(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.rest.len();
        buffer[..length].copy_from_slice(&self.rest);
        self.rest.clear();
        length
    }

    pub(super) fn keep_rest(&mut self, rest: &[u8]) {
        self.rest.extend_from_slice(rest);
    }

    /// Hands every whole message at the start of `bytes` to `scenario`; answers how many octets they took.
    pub(super) fn consume<F>(
        &mut self,
        bytes: &[u8],
        now_ns: u64,
        scenario: &mut F,
    ) -> Result<usize, Malformed>
    where
        F: FnMut(&mut Self, Incoming<'_>, u64),
    {
        let mut used = 0;
        while let Some((incoming, length)) = self.wire.next(self.is_open, &bytes[used..])? {
            used += length;
            if !matches!(incoming, Incoming::Event(_) | Incoming::Invocation(..) | Incoming::Result(_)) {
                self.note(incoming);
            }
            scenario(self, incoming, now_ns);
        }
        Ok(used)
    }

    /// Follows the session's own life.
    fn note(&mut self, incoming: Incoming<'_>) {
        let text = |reason: &[u8]| Some(String::from_utf8_lossy(reason).into_owned());
        match incoming {
            Incoming::Upgraded => self.introduce(),
            Incoming::Challenged(challenge) => self.prove(challenge),
            Incoming::Joined => self.is_joined = true,
            Incoming::Pong if !self.is_joined => self.is_joined = true,
            Incoming::Acknowledged | Incoming::Pong => self.awaited = self.awaited.saturating_sub(1),
            Incoming::Failed(uri) => self.refusal = text(uri),
            Incoming::Refused(reason) => self.refusal = text(reason),
            Incoming::Ping(body) => self.pong(body),
            _ => {}
        }
    }

    fn introduce(&mut self) {
        self.is_open = true;
        match self.wire {
            Wire::Nats => self.out.extend_from_slice(nats::CONNECT),
            _ => self.send(&value::hello(&self.realm.clone(), self.login)),
        }
    }

    fn prove(&mut self, challenge: &[u8]) {
        match self.login.answer(challenge) {
            Some(signature) => self.send(&value::authenticate(&signature)),
            None => self.refusal = Some("a CHALLENGE that cannot be answered".to_owned()),
        }
    }

    fn pong(&mut self, body: &[u8]) {
        let append = |out: &mut Vec<u8>| out.extend_from_slice(body);
        match self.wire {
            Wire::Nats => self.out.extend_from_slice(b"PONG\r\n"),
            Wire::RawSocket(_) => rawsocket::frame(&mut self.out, rawsocket::PONG, append),
            Wire::WebSocket(_) => websocket::frame(&mut self.out, websocket::PONG, append),
        }
    }
}
