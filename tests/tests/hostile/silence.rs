//! Connections that say nothing, or not enough, or too slowly: each ends by the handshake deadline.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use e2e::wire::{frame_header, ws_frame, ws_request};
use e2e::{Canary, Node};

use crate::attack::{Opening, Reply, open};

/// From accept to WELCOME, unless the configuration says otherwise.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(2500);

/// One connection that does not get on with it.
struct Loiterer {
    name: &'static str,
    opening: Opening,
    bytes: Vec<u8>,
    /// Whether the bytes are sent one by one, four a second, over and over.
    is_slow: bool,
}

fn loiterer(name: &'static str, opening: Opening, bytes: impl Into<Vec<u8>>) -> Loiterer {
    Loiterer { name, opening, bytes: bytes.into(), is_slow: false }
}

#[test]
fn silent_and_slow_connections_end_by_the_handshake_deadline() {
    let request = ws_request("/ws", "wamp.2.json");
    let loiterers = [
        loiterer("silence", Opening::Tcp, ""),
        loiterer("half a RawSocket handshake", Opening::Tcp, [0x7f, 0xf1]),
        loiterer("RawSocket without HELLO", Opening::RawSocket(1), ""),
        loiterer("half a RawSocket frame header", Opening::RawSocket(1), [0, 0]),
        loiterer("RawSocket frame that never comes", Opening::RawSocket(1), frame_header(0, 60_000)),
        loiterer("half a request line", Opening::Tcp, "GET /w"),
        loiterer("half a header", Opening::Tcp, &request[..request.len() / 2]),
        loiterer("header without its empty line", Opening::Tcp, &request[..request.len() - 2]),
        loiterer("WebSocket without HELLO", Opening::WebSocket("wamp.2.json"), ""),
        loiterer("half a WebSocket frame header", Opening::WebSocket("wamp.2.json"), [0x81]),
        loiterer("first fragment only", Opening::WebSocket("wamp.2.json"), ws_frame(0x01, b"[1,")),
        Loiterer { is_slow: true, ..loiterer("one byte at a time", Opening::Tcp, request.clone()) },
        Loiterer { is_slow: true, ..loiterer("pings only", Opening::RawSocket(1), frame_header(1, 0)) },
    ];
    let node = Node::start();
    let mut canary = Canary::join(node.address()).expect("two healthy sessions can join");
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = loiterers.iter().map(|l| scope.spawn(|| l.loiter(node.address()))).collect();
        canary.sing().expect("healthy sessions work beside them");
        running
            .into_iter()
            .filter_map(|thread| thread.join().expect("a loiterer does not panic").err())
            .collect()
    });
    canary.sing().expect("healthy sessions work after them");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), loiterers.len(), wrong.join("\n"));
    node.stop_and_expect_success();
}

impl Loiterer {
    fn loiter(&self, address: SocketAddr) -> Result<(), String> {
        let start = Instant::now();
        let stream = open(address, self.opening).map_err(|e| format!("{}: {e}", self.name))?;
        let pacer = self.is_slow.then(|| self.pace(stream.try_clone().expect("a socket can be cloned")));
        if pacer.is_none() {
            (&stream).write_all(&self.bytes).map_err(|e| format!("{}: {e}", self.name))?;
        }
        let reply = Reply::read(stream, HANDSHAKE_DEADLINE + SLACK, b"");
        pacer.map(thread::JoinHandle::join);
        if reply.is_closed && start.elapsed() <= HANDSHAKE_DEADLINE + SLACK {
            return Ok(());
        }
        Err(format!("{}: received {reply}", self.name))
    }

    fn pace(&self, mut stream: TcpStream) -> thread::JoinHandle<()> {
        let bytes = self.bytes.clone();
        let until = Instant::now() + HANDSHAKE_DEADLINE + SLACK;
        thread::spawn(move || {
            for byte in bytes.into_iter().cycle() {
                if Instant::now() > until || stream.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(250));
            }
        })
    }
}
