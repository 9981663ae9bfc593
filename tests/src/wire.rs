//! The bytes of WAMP's transports, made by hand: right ones, and whatever else a test wants to send.

/// A RawSocket frame header: type (0 message, 1 ping, 2 pong, others reserved) and claimed length.
pub fn frame_header(kind: u8, length: u32) -> [u8; 4] {
    let [_, a, b, c] = length.to_be_bytes();
    [kind, a, b, c]
}

/// A RawSocket message frame.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a test message is smaller than 4 GiB");
    [&frame_header(0, length)[..], payload].concat()
}

/// What a client's WebSocket frame looks like: `head` is FIN, RSV and opcode. Masked with zeros, which is legal.
pub fn ws_frame(head: u8, payload: &[u8]) -> Vec<u8> {
    [ws_header(head, payload.len() as u64, true), vec![0; 4], payload.to_vec()].concat()
}

/// A WebSocket frame header with a claimed length, without the masking key.
pub fn ws_header(head: u8, length: u64, is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    match (u16::try_from(length), length) {
        (_, 0..=125) => vec![head, mask | length as u8],
        (Ok(length), _) => [&[head, mask | 126][..], &length.to_be_bytes()].concat(),
        (Err(_), _) => [&[head, mask | 127][..], &length.to_be_bytes()].concat(),
    }
}

/// A WebSocket opening request for `path` and one subprotocol, complete with its empty line.
pub fn ws_request(path: &str, subprotocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
}
