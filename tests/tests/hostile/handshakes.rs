//! The first bytes of a connection: RawSocket, HTTP, and what does not belong on this port.

use e2e::wire;

use crate::attack::{Answer, Attack, Opening, run};

fn tcp(name: &'static str, bytes: impl Into<Vec<u8>>, answer: Answer) -> Attack {
    Attack { name, opening: Opening::Tcp, bytes: bytes.into(), answer }
}

/// A WebSocket request with one part replaced.
fn request(from: &str, to: &str) -> Vec<u8> {
    let good = wire::ws_request("/ws", "wamp.2.json");
    assert!(good.contains(from), "{from:?} is not in the request");
    good.replace(from, to).into_bytes()
}

#[test]
fn rawsocket_handshakes_that_break_the_rules_are_refused() {
    run(vec![
        tcp("first reserved octet set", [0x7f, 0xf1, 1, 0], Answer::RawSocketRefusal(3)),
        tcp("second reserved octet set", [0x7f, 0xf1, 0, 1], Answer::RawSocketRefusal(3)),
        // The specification calls it illegal and has the router close without an answer.
        tcp("serializer 0", [0x7f, 0xf0, 0, 0], Answer::Closed),
        tcp("serializer 15", [0x7f, 0xff, 0, 0], Answer::RawSocketRefusal(1)),
    ]);
}

#[test]
fn what_is_not_wamp_is_turned_away() {
    const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03\
        0123456789abcdef0123456789abcdef\x00\x00\x04\x13\x01\x13\x02\x01\x00";
    run(vec![
        tcp("zeros", vec![0; 64], Answer::Closed),
        tcp("random binary", b"\xde\xad\xbe\xef\x00\x01\x02\x03".repeat(64), Answer::Closed),
        tcp("TLS client hello", CLIENT_HELLO, Answer::Closed),
        tcp("MQTT 3.1.1 CONNECT", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", Answer::Closed),
        tcp("MQTT 5 CONNECT", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a", Answer::Closed),
        tcp("SSH banner", "SSH-2.0-OpenSSH_9.2\r\n", Answer::HttpRefusalOrClosed),
        tcp("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp("Redis", "*1\r\n$4\r\nPING\r\n\r\n", Answer::HttpRefusalOrClosed),
    ]);
}

#[test]
fn http_that_breaks_the_rules_is_refused() {
    let big = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Big: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: b\r\n".repeat(10_000));
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20));
    run(vec![
        tcp("words", "GARBAGE IN GARBAGE OUT\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp("method only", "GET\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp("HTTP/9.9", "GET /ws HTTP/9.9\r\nHost: localhost\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp("NUL in a header", "GET /ws HTTP/1.1\r\nHost: a\0b\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp(
            "header without a colon",
            "GET /ws HTTP/1.1\r\nHost localhost\r\n\r\n",
            Answer::HttpRefusalOrClosed,
        ),
        tcp("folded header", "GET /ws HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Answer::HttpRefusalOrClosed),
        tcp(
            "invalid UTF-8 in the path",
            b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
            Answer::HttpRefusalOrClosed,
        ),
        tcp("1 MiB header", big, Answer::HttpRefusalOrClosed),
        tcp("10,000 headers", many, Answer::HttpRefusalOrClosed),
        tcp("1 MiB path", long, Answer::HttpRefusalOrClosed),
    ]);
}

#[test]
fn websocket_requests_that_break_the_rules_are_refused() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13";
    run(vec![
        tcp("no key", request(key, ""), Answer::Http(&[400])),
        tcp("key that is not base64", request("dGhlIHNhbXBsZSBub25jZQ==", "!!!!"), Answer::Http(&[400])),
        tcp("two keys", request(key, &key.repeat(2)), Answer::Http(&[400])),
        tcp("version 12", request(version, "Sec-WebSocket-Version: 12"), Answer::Http(&[400, 426])),
        tcp("no version", request(&format!("{version}\r\n"), ""), Answer::Http(&[400, 426])),
        tcp("POST", request("GET ", "POST "), Answer::Http(&[400, 405])),
        tcp("HTTP/1.0", request("HTTP/1.1", "HTTP/1.0"), Answer::Http(&[400, 426, 505])),
        tcp("no host", request("Host: localhost\r\n", ""), Answer::Http(&[400])),
        tcp("unknown subprotocol", request("wamp.2.json", "wamp.9.morse"), Answer::Http(&[400])),
        tcp("no subprotocol", request("Sec-WebSocket-Protocol: wamp.2.json\r\n", ""), Answer::Http(&[400])),
        tcp("unknown path", request("/ws", "/nowhere"), Answer::Http(&[400, 404])),
    ]);
}
