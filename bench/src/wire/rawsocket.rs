//! WAMP RawSocket: the four-octet handshake and the length-prefixed frames.

use super::{Codec, Incoming, Malformed, message};

/// Frame type of a WAMP message.
pub(crate) const MESSAGE: u8 = 0;
/// Frame type of a ping.
const PING: u8 = 1;
/// Frame type of the answer to a ping.
pub(crate) const PONG: u8 = 2;

fn serializer(codec: Codec) -> u8 {
    match codec {
        Codec::Json => 1,
        Codec::Msgpack => 2,
        Codec::Cbor => 3,
    }
}

/// The client's handshake, announcing that messages of up to 16 MiB are received.
pub(crate) fn handshake(codec: Codec) -> [u8; 4] {
    [0x7f, 0xf0 | serializer(codec), 0, 0]
}

/// Reads the router's answer to the handshake.
pub(crate) fn handshake_answer(
    codec: Codec,
    bytes: &[u8],
) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    let Some(answer) = bytes.get(..4) else { return Ok(None) };
    if answer[0] != 0x7f || answer[1] & 0x0f != serializer(codec) {
        return Err(Malformed("rawsocket handshake refused"));
    }
    Ok(Some((Incoming::Upgraded, 4)))
}

/// Reads the next frame.
pub(crate) fn next(codec: Codec, bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    let Some(header) = bytes.first_chunk::<4>() else { return Ok(None) };
    let end = 4 + (u32::from_be_bytes(*header) & 0x00ff_ffff) as usize;
    let Some(body) = bytes.get(4..end) else { return Ok(None) };
    let incoming = match header[0] & 0x07 {
        MESSAGE => message::read(codec, body)?,
        PING => Incoming::Ping(body),
        PONG => Incoming::Ignored,
        _ => return Err(Malformed("unknown rawsocket frame type")),
    };
    Ok(Some((incoming, end)))
}

/// Appends a frame of type `kind` whose body `write` appends.
pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = out.len() - start - 4;
    debug_assert!(length < 1 << 24, "a frame of the generator is below 16 MiB");
    let mut header = (length as u32).to_be_bytes();
    header[0] = kind;
    out[start..start + 4].copy_from_slice(&header);
}
