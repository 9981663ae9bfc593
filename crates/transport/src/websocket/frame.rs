//! Frame headers, close frames, and building frames (RFC 6455 sections 5 and 7).

use super::error::WsError;
use super::mask;

/// The longest payload of a ping, pong or close frame, in octets (RFC 6455 section 5.5).
pub const CONTROL_LEN_MAX: usize = 125;

/// The longest frame header: two octets, eight of extended length, four of masking key.
pub const HEADER_LEN_MAX: usize = 14;

/// Which end of the connection we are. A server receives masked frames and sends unmasked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We accepted the connection.
    Server,
    /// We opened the connection.
    Client,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the open message.
    Continuation = 0,
    /// The first or only fragment of a UTF-8 message.
    Text = 1,
    /// The first or only fragment of a binary message.
    Binary = 2,
    /// The closing handshake.
    Close = 8,
    /// A request for a pong.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl Opcode {
    #[inline]
    fn from_octet(octet: u8) -> Result<Opcode, WsError> {
        match octet & 0x0f {
            0 => Ok(Opcode::Continuation),
            1 => Ok(Opcode::Text),
            2 => Ok(Opcode::Binary),
            8 => Ok(Opcode::Close),
            9 => Ok(Opcode::Ping),
            10 => Ok(Opcode::Pong),
            reserved => Err(WsError::ReservedOpcode(reserved)),
        }
    }

    /// The opcode of a whole message.
    #[inline]
    pub fn of_message(text: bool) -> Opcode {
        if text { Opcode::Text } else { Opcode::Binary }
    }

    #[inline]
    pub(crate) fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// A frame header that keeps RFC 6455, apart from what depends on the state of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: Opcode,
    /// The masking key; all zero for frames of a server, which leaves a payload as it is.
    pub(crate) key: [u8; 4],
    pub(crate) is_masked: bool,
    /// The header's own length in octets.
    pub(crate) size: usize,
    /// The payload's length in octets.
    pub(crate) len: usize,
}

impl Header {
    /// Reads the header at the front of `buf`; `None` asks for more bytes.
    #[inline]
    pub(crate) fn parse(buf: &[u8], role: Role) -> Result<Option<Header>, WsError> {
        let [first, second, rest @ ..] = buf else { return Ok(None) };
        let opcode = check_first(*first)?;
        let is_masked = check_mask_bit(*second, role)?;
        let short_len = second & 0x7f;
        if opcode.is_control() {
            check_control(*first, short_len)?;
        }
        let Some((len, len_size)) = parse_len(short_len, rest)? else { return Ok(None) };
        let mut key = [0; 4];
        let mut size = 2 + len_size;
        if is_masked {
            let Some(octets) = rest.get(len_size..len_size + 4) else { return Ok(None) };
            key.copy_from_slice(octets);
            size += 4;
        }
        Ok(Some(Header {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            opcode,
            key,
            is_masked,
            size,
            len,
        }))
    }
}

#[inline]
fn check_first(first: u8) -> Result<Opcode, WsError> {
    if first & 0x30 != 0 {
        return Err(WsError::ReservedBits(first));
    }
    Opcode::from_octet(first)
}

#[inline]
fn check_mask_bit(second: u8, role: Role) -> Result<bool, WsError> {
    match (second & 0x80 != 0, role) {
        (true, Role::Server) => Ok(true),
        (false, Role::Client) => Ok(false),
        (false, Role::Server) => Err(WsError::MaskMissing),
        (true, Role::Client) => Err(WsError::MaskUnexpected),
    }
}

fn check_control(first: u8, short_len: u8) -> Result<(), WsError> {
    if first & 0x80 == 0 {
        return Err(WsError::ControlFragmented);
    }
    if first & 0x40 != 0 {
        return Err(WsError::ReservedBits(first));
    }
    if usize::from(short_len) > CONTROL_LEN_MAX {
        return Err(WsError::ControlTooLong);
    }
    Ok(())
}

/// The payload length and how many octets of extended length it took.
#[inline]
fn parse_len(short_len: u8, rest: &[u8]) -> Result<Option<(usize, usize)>, WsError> {
    match short_len {
        127 => {
            let Some(octets) = rest.first_chunk::<8>() else { return Ok(None) };
            let len = u64::from_be_bytes(*octets);
            if len <= 0xffff || len > i64::MAX as u64 {
                return Err(WsError::LengthForm(len));
            }
            // Where usize is narrower than the wire's 63 bits, every limit is exceeded anyway.
            Ok(Some((usize::try_from(len).unwrap_or(usize::MAX), 8)))
        }
        126 => {
            let Some(octets) = rest.first_chunk::<2>() else { return Ok(None) };
            let len = u16::from_be_bytes(*octets);
            if len < 126 {
                return Err(WsError::LengthForm(len.into()));
            }
            Ok(Some((len.into(), 2)))
        }
        len => Ok(Some((len.into(), 0))),
    }
}

/// Whether a close code may appear on the wire (RFC 6455 section 7.4 and the IANA registry).
pub fn is_close_code_valid(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Splits the payload of a close frame into code and reason.
pub(crate) fn parse_close(payload: &[u8]) -> Result<(Option<u16>, &str), WsError> {
    match payload {
        [] => Ok((None, "")),
        [_] => Err(WsError::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_close_code_valid(code) {
                return Err(WsError::CloseCode(code));
            }
            let reason = simdutf8::basic::from_utf8(reason).map_err(|_| WsError::InvalidUtf8)?;
            Ok((Some(code), reason))
        }
    }
}

/// Builds a frame header; the second value says how many octets of the first are used.
///
/// For a message that is framed in place: `frame_header(Opcode::of_message(text), len, true, false, None)` is the header of
/// an unmasked, unfragmented one. It is inlined, so that constant arguments cost nothing.
#[inline]
pub fn frame_header(
    opcode: Opcode,
    len: usize,
    fin: bool,
    rsv1: bool,
    mask: Option<[u8; 4]>,
) -> ([u8; HEADER_LEN_MAX], usize) {
    let mut header = [0; HEADER_LEN_MAX];
    header[0] = opcode as u8 | if fin { 0x80 } else { 0 } | if rsv1 { 0x40 } else { 0 };
    let mut size = match len {
        0..=125 => {
            header[1] = len as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    };
    if let Some(key) = mask {
        header[1] |= 0x80;
        header[size..size + 4].copy_from_slice(&key);
        size += 4;
    }
    (header, size)
}

/// Appends a whole unmasked frame, as servers send it. These octets may be shared by many receivers.
///
/// A control frame's payload must not exceed [`CONTROL_LEN_MAX`].
#[inline]
pub fn append_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    append_frame_with(out, opcode, payload, true, false, None);
}

/// Appends a whole masked frame, as clients send it. `key` must be unpredictable and used once.
///
/// A control frame's payload must not exceed [`CONTROL_LEN_MAX`].
pub fn append_masked_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    append_frame_with(out, opcode, payload, true, false, Some(key));
}

/// Appends a frame with every bit chosen by the caller.
#[inline]
pub fn append_frame_with(
    out: &mut Vec<u8>,
    opcode: Opcode,
    payload: &[u8],
    fin: bool,
    rsv1: bool,
    mask: Option<[u8; 4]>,
) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_LEN_MAX);
    let (header, size) = frame_header(opcode, payload.len(), fin, rsv1, mask);
    out.reserve(size + payload.len());
    out.extend_from_slice(&header[..size]);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        mask::apply(&mut out[start..], key);
    }
}

/// Appends a close frame. The reason is cut at a character boundary to the 123 octets that fit.
///
/// Without a code the payload is empty and the reason is left out, as there is no place for it.
pub fn append_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str, mask: Option<[u8; 4]>) {
    let mut payload = [0; CONTROL_LEN_MAX];
    let mut len = 0;
    if let Some(code) = code {
        let reason = &reason[..reason.floor_char_boundary(CONTROL_LEN_MAX - 2)];
        len = 2 + reason.len();
        payload[..2].copy_from_slice(&code.to_be_bytes());
        payload[2..len].copy_from_slice(reason.as_bytes());
    }
    append_frame_with(out, Opcode::Close, &payload[..len], true, false, mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_header_is_read_back() {
        for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x1234_5678_9abc] {
            for key in [None, Some([1, 2, 3, 4])] {
                let (octets, size) = frame_header(Opcode::Binary, len, false, true, key);
                let role = if key.is_some() { Role::Server } else { Role::Client };
                let header = Header::parse(&octets[..size], role).unwrap().unwrap();
                assert_eq!((header.len, header.size), (len, size));
                assert_eq!((header.fin, header.rsv1, header.opcode), (false, true, Opcode::Binary));
                assert_eq!(header.key, key.unwrap_or_default());
                for cut in 0..size {
                    assert!(Header::parse(&octets[..cut], role).unwrap().is_none(), "{len} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn close_reason_is_cut_at_a_character_boundary() {
        let mut out = Vec::new();
        append_close(&mut out, Some(1000), &"ü".repeat(100), None);
        assert_eq!(out.len(), 2 + 2 + 122);
        assert_eq!(parse_close(&out[2..]).unwrap(), (Some(1000), "ü".repeat(61).as_str()));
    }
}
