//! The NATS client protocol: lines, and payloads whose length the line before them tells.

use super::{Incoming, Key, Malformed};

/// Subscription id under which a caller receives its replies; all others are events or requests.
pub(crate) const INBOX_SID: u64 = 1;

/// What a client says once the server has greeted it; the PONG shows that it was accepted.
pub(crate) const CONNECT: &[u8] =
    b"CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"bench\",\"lang\":\"rust\",\"version\":\"1\",\"protocol\":1}\r\nPING\r\n";

/// Splits the first line off `bytes`: the line without its end, and where the next one starts.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', bytes)?;
    let text = &bytes[..end];
    Some((text.strip_suffix(b"\r").unwrap_or(text), end + 1))
}

/// Reads the server's INFO.
pub(crate) fn greeting(bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    match line(bytes) {
        Some((text, next)) if text.starts_with(b"INFO ") => Ok(Some((Incoming::Upgraded, next))),
        Some(_) => Err(Malformed("nats server did not begin with INFO")),
        None => Ok(None),
    }
}

/// Reads the next line, with the payload that belongs to it.
pub(crate) fn next(bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Malformed> {
    let Some((text, next)) = line(bytes) else { return Ok(None) };
    let incoming = match text {
        _ if text.starts_with(b"MSG ") => return message(&bytes[next..], &text[4..], next),
        b"PONG" => Incoming::Pong,
        b"PING" => Incoming::Ping(&[]),
        b"+OK" => Incoming::Ignored,
        _ if text.starts_with(b"INFO ") => Incoming::Ignored,
        _ if text.starts_with(b"-ERR") => Incoming::Refused(&text[4..]),
        _ => return Err(Malformed("unknown nats line")),
    };
    Ok(Some((incoming, next)))
}

/// `MSG <subject> <sid> [reply] <length>`: `rest` begins with the payload, `next` octets into the buffer.
fn message<'a>(
    rest: &'a [u8],
    header: &'a [u8],
    next: usize,
) -> Result<Option<(Incoming<'a>, usize)>, Malformed> {
    const BAD: Malformed = Malformed("bad nats MSG line");
    let mut words = header.split(|&byte| byte == b' ').skip(1);
    let sid = words.next().and_then(number).ok_or(BAD)?;
    let third = words.next().ok_or(BAD)?;
    let (reply, length) = match words.next() {
        Some(fourth) => (Some(third), fourth),
        None => (None, third),
    };
    let length = usize::try_from(number(length).ok_or(BAD)?).unwrap_or(usize::MAX);
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    if rest.len() < length + 2 {
        return Ok(None);
    }
    let incoming = match reply {
        Some(subject) => Incoming::Invocation(Key::Subject(subject), payload),
        None if sid == INBOX_SID => Incoming::Result(payload),
        None => Incoming::Event(payload),
    };
    Ok(Some((incoming, next + length + 2)))
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
