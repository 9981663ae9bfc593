//! A WAMP client that owes nothing to the program: RawSocket and JSON by hand.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::background::PATIENCE;

pub(crate) struct Peer {
    stream: TcpStream,
}

impl Peer {
    /// Joins a realm.
    pub(crate) fn join(address: SocketAddr, realm: &str) -> Peer {
        let (peer, answer) = Peer::hello(address, realm);
        assert_eq!(answer[0], 2, "WELCOME");
        peer
    }

    /// Wants to join a realm; what it is answered.
    pub(crate) fn hello(address: SocketAddr, realm: &str) -> (Peer, Value) {
        let mut stream = TcpStream::connect(address).expect("the node accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[0x7f, 0xf1, 0, 0]).unwrap();
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!((reply[0], reply[1] & 0x0f), (0x7f, 1), "JSON is spoken");
        let mut peer = Peer { stream };
        peer.send(&json!([1, realm, {"roles": {"caller": {}, "subscriber": {}}}]));
        let answer = peer.receive();
        (peer, answer)
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let len = u32::try_from(text.len()).unwrap();
        self.stream.write_all(&len.to_be_bytes()).unwrap();
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Value {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).expect("a message comes");
        let mut text = vec![0; u32::from_be_bytes(header) as usize];
        self.stream.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).expect("messages are JSON")
    }
}

/// Joins a realm over a stream on which then nothing more is said.
pub(crate) fn join_silently(mut stream: impl std::io::Read + std::io::Write, realm: &str) {
    stream.write_all(&[0x7f, 0xf1, 0, 0]).unwrap();
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).unwrap();
    let hello = json!([1, realm, {"roles": {"caller": {}}}]).to_string();
    stream.write_all(&u32::try_from(hello.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(hello.as_bytes()).unwrap();
    stream.read_exact(&mut reply).unwrap();
    let mut welcome = vec![0; u32::from_be_bytes(reply) as usize];
    stream.read_exact(&mut welcome).unwrap();
    assert!(welcome.starts_with(b"[2,"), "WELCOME");
}
