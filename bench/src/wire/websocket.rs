//! The client's side of WebSocket: upgrade request, masked frames out, unmasked frames in.

use super::{Codec, Incoming, Malformed, message};

/// Opcode of a text message.
pub(crate) const TEXT: u8 = 1;
/// Opcode of a binary message.
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// Opcode of the answer to a ping.
pub(crate) const PONG: u8 = 10;

/// A fixed masking key. It is not zero, so the router has to unmask for real.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Room for the largest header written here: two octets, a 16-bit length and the masking key.
const HEADER_MAX: usize = 8;

fn subprotocol(codec: Codec) -> &'static str {
    match codec {
        Codec::Json => "wamp.2.json",
        Codec::Msgpack => "wamp.2.msgpack",
        Codec::Cbor => "wamp.2.cbor",
    }
}

/// The upgrade request for `path` (without its leading slash) at `host`.
pub(crate) fn handshake(codec: Codec, host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        subprotocol(codec)
    )
    .into_bytes()
}

/// Reads the answer to the upgrade request. Only its status matters; a wrong subprotocol shows in the first message.
pub(crate) fn handshake_answer(
    _codec: Codec,
    bytes: &[u8],
) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    if !bytes.starts_with(b"HTTP/1.1 101") {
        return Err(Malformed("websocket upgrade refused"));
    }
    Ok(Some((Incoming::Upgraded, end + 4)))
}

/// Reads the next frame; a message must be one frame, which is what every peer here sends.
pub(crate) fn next(codec: Codec, bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    let Some(&[first, second]) = bytes.first_chunk::<2>() else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(Malformed("masked frame from a server"));
    }
    let (start, length): (usize, usize) = match second {
        126 => match bytes.get(2..4).and_then(<[u8]>::first_chunk) {
            Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(<[u8]>::first_chunk) {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX)),
            None => return Ok(None),
        },
        length => (2, usize::from(length)),
    };
    let end = start.saturating_add(length);
    let Some(body) = bytes.get(start..end) else { return Ok(None) };
    let incoming = match (first & 0x80 != 0, first & 0x0f) {
        (true, TEXT | BINARY) => message::read(codec, body)?,
        (true, CLOSE) => Incoming::Refused(body.get(2..).unwrap_or_default()),
        (true, PING) => Incoming::Ping(body),
        (true, PONG) => Incoming::Ignored,
        _ => return Err(Malformed("fragmented or unknown websocket frame")),
    };
    Ok(Some((incoming, end)))
}

/// Appends a masked frame whose body `write` appends; bodies go up to 65,535 octets.
pub(crate) fn frame(out: &mut Vec<u8>, opcode: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_MAX]);
    write(out);
    let length = out.len() - start - HEADER_MAX;
    mask(&mut out[start + HEADER_MAX..]);
    out[start] = 0x80 | opcode;
    if length < 126 {
        out[start + 1] = 0x80 | length as u8;
        out[start + 2..start + 6].copy_from_slice(&MASK);
        out.copy_within(start + HEADER_MAX.., start + 6);
        out.truncate(start + 6 + length);
    } else {
        let length = u16::try_from(length).expect("messages of the generator are below 64 KiB");
        out[start + 1] = 0x80 | 126;
        out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
        out[start + 4..start + 8].copy_from_slice(&MASK);
    }
}

fn mask(body: &mut [u8]) {
    let [a, b, c, d] = MASK;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = body.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(*chunk.first_chunk().expect("a chunk has eight octets")) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= key;
    }
}
