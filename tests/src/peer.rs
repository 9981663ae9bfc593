//! A WAMP session over blocking sockets, in JSON, that can also be made to misbehave.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

use crate::wire;

/// How long one read or write may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The largest message a peer accepts, in bytes.
const MESSAGE_SIZE_MAX: u32 = 1 << 24;

/// One connection that speaks WAMP in JSON.
pub struct Peer {
    link: Link,
    next_request: u64,
}

enum Link {
    RawSocket(TcpStream),
    WebSocket(Box<WebSocket<TcpStream>>),
}

impl Peer {
    /// Connects and does the RawSocket handshake for JSON.
    pub fn rawsocket(address: SocketAddr) -> io::Result<Peer> {
        let mut stream = connect(address)?;
        stream.write_all(&[0x7f, 0xf1, 0, 0])?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        if answer[0] != 0x7f || answer[1] & 0x0f != 1 {
            return Err(io::Error::other(format!("RawSocket handshake answered with {answer:02x?}")));
        }
        Ok(Peer { link: Link::RawSocket(stream), next_request: 1 })
    }

    /// Connects and does the WebSocket handshake for `wamp.2.json` at `/ws`.
    pub fn websocket(address: SocketAddr) -> io::Result<Peer> {
        let mut request = format!("ws://{address}/ws").into_client_request().map_err(io::Error::other)?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("wamp.2.json"));
        let (socket, _) = tungstenite::client(request, connect(address)?).map_err(io::Error::other)?;
        Ok(Peer { link: Link::WebSocket(Box::new(socket)), next_request: 1 })
    }

    /// Joins a realm as anonymous and returns the session id.
    pub fn join(&mut self, realm: &str) -> io::Result<u64> {
        let roles = json!({"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}});
        self.send(&json!([1, realm, {"roles": roles, "authmethods": ["anonymous"]}]))?;
        let welcome = self.receive()?;
        match (welcome[0].as_u64(), welcome[1].as_u64()) {
            (Some(2), Some(session)) => Ok(session),
            _ => Err(io::Error::other(format!("HELLO answered with {welcome}"))),
        }
    }

    /// Sends a message as it is.
    pub fn send(&mut self, message: &Value) -> io::Result<()> {
        let text = message.to_string();
        match &mut self.link {
            Link::RawSocket(stream) => stream.write_all(&wire::frame(text.as_bytes())),
            Link::WebSocket(socket) => socket.send(Message::text(text)).map_err(io::Error::other),
        }
    }

    /// Sends `[kind, request id, rest…]` with the next request id and returns that id.
    pub fn request(&mut self, kind: u64, rest: &[Value]) -> io::Result<u64> {
        let request = self.next_request;
        self.next_request += 1;
        let mut message = vec![json!(kind), json!(request)];
        message.extend_from_slice(rest);
        self.send(&Value::Array(message))?;
        Ok(request)
    }

    /// The next message. Pings are passed over.
    pub fn receive(&mut self) -> io::Result<Value> {
        let payload = match &mut self.link {
            Link::RawSocket(stream) => read_frame(stream)?,
            Link::WebSocket(socket) => read_message(socket)?,
        };
        serde_json::from_slice(&payload).map_err(io::Error::other)
    }

    /// The next message, which must be of this kind.
    pub fn expect(&mut self, kind: u64) -> io::Result<Value> {
        let message = self.receive()?;
        if message[0] == kind {
            return Ok(message);
        }
        Err(io::Error::other(format!("expected a message of type {kind}, received {message}")))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    loop {
        let mut header = [0; 4];
        stream.read_exact(&mut header)?;
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        if length > MESSAGE_SIZE_MAX {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload)?;
        if header[0] == 0 {
            return Ok(payload);
        }
    }
}

fn read_message(socket: &mut WebSocket<TcpStream>) -> io::Result<Vec<u8>> {
    loop {
        match socket.read().map_err(io::Error::other)? {
            Message::Text(text) => return Ok(text.as_bytes().to_vec()),
            Message::Binary(data) => return Ok(data.to_vec()),
            Message::Close(frame) => {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, format!("closed: {frame:?}")));
            }
            _ => {}
        }
    }
}
