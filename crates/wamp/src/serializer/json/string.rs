//! JSON strings: where they end, what they say, how they are written.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::serializer::{Malformed, Token};

/// A string that has been checked: grammar, surrogates, UTF-8.
#[derive(Clone, Copy)]
pub(super) struct Checked<'a> {
    /// What stands between the quotes.
    pub(super) inner: &'a [u8],
    /// The place after the closing quote.
    pub(super) end: usize,
    has_escapes: bool,
}

/// Checks the string whose opening quote is at `at`.
#[inline]
pub(super) fn check(bytes: &[u8], at: usize) -> Result<Checked<'_>, Malformed> {
    let start = at + 1;
    let (mut at, mut is_ascii) = find_special(bytes, start);
    let mut has_escapes = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => break,
            Some(b'\\') => {
                has_escapes = true;
                let (next, ascii) = find_special(bytes, escape_end(bytes, at)?);
                at = next;
                is_ascii &= ascii;
            }
            Some(_) => return Err(Malformed::new(at, "control character in a string")),
            None => return Err(Malformed::truncated(at)),
        }
    }
    let inner = bytes.get(start..at).unwrap_or_default();
    if !is_ascii && simdutf8::basic::from_utf8(inner).is_err() {
        return Err(Malformed::new(start, "text is not utf-8"));
    }
    Ok(Checked { inner, end: at + 1, has_escapes })
}

impl<'a> Checked<'a> {
    /// The text without its escapes.
    #[inline]
    pub(super) fn text(self) -> Cow<'a, str> {
        match std::str::from_utf8(self.inner) {
            Ok(text) if !self.has_escapes => Cow::Borrowed(text),
            Ok(text) => Cow::Owned(unescape(text)),
            // Only for bytes that were never checked.
            Err(_) => String::from_utf8_lossy(self.inner),
        }
    }

    /// The bytes, if it is `\0` and base64, else the text.
    pub(super) fn token(self) -> Token<'a> {
        let Some(encoded) = self.inner.strip_prefix(b"\\u0000") else { return Token::Str(self.text()) };
        // Some peers escape the slashes of base64.
        let decoded = match memchr::memchr(b'\\', encoded) {
            None => BASE64.decode(encoded),
            Some(_) => BASE64.decode(unescape(&String::from_utf8_lossy(encoded))),
        };
        decoded.map_or_else(|_| Token::Str(self.text()), |bytes| Token::Bin(Cow::Owned(bytes)))
    }
}

/// The first byte from `at` on that a string cannot hold as it is: a quote, a backslash or a control character; the end of
/// `bytes` if there is none. And whether all bytes looked at are ASCII. Eight bytes at a time.
#[inline]
pub(super) fn find_special(bytes: &[u8], mut at: usize) -> (usize, bool) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut seen = 0u64;
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        seen |= word;
        let quotes = zero_bytes(word ^ (ONES * 0x22));
        let backslashes = zero_bytes(word ^ (ONES * 0x5c));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quotes | backslashes | controls;
        if found != 0 {
            // Borrows can only make a false find above the lowest true one.
            return (at + (found.trailing_zeros() / 8) as usize, seen & HIGH == 0);
        }
        at += 8;
        rest = after;
    }
    let mut is_ascii = seen & HIGH == 0;
    for &byte in rest {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        is_ascii &= byte.is_ascii();
        at += 1;
    }
    (at, is_ascii)
}

/// The end of the escape at `at`. A surrogate must be half of a pair.
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex4(bytes, at + 2)? {
            0xd800..=0xdbff => match (bytes.get(at + 6), bytes.get(at + 7)) {
                (Some(b'\\'), Some(b'u')) if (0xdc00..=0xdfff).contains(&hex4(bytes, at + 8)?) => Ok(at + 12),
                _ => Err(Malformed::new(at, "lone surrogate in a string")),
            },
            0xdc00..=0xdfff => Err(Malformed::new(at, "lone surrogate in a string")),
            _ => Ok(at + 6),
        },
        Some(_) => Err(Malformed::new(at, "unknown escape in a string")),
        None => Err(Malformed::truncated(at)),
    }
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let digits = bytes.get(at..at + 4).ok_or(Malformed::truncated(bytes.len()))?;
    digits.iter().try_fold(0, |number, digit| {
        let value = (*digit as char).to_digit(16).ok_or(Malformed::new(at, "expected four hex digits"))?;
        Ok(number * 16 + value)
    })
}

/// The text without its escapes, which have been checked.
#[cold]
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = escape.chars();
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (character, len) = unicode_escape(escape.as_bytes());
                out.push(character);
                characters = escape.get(len..).unwrap_or_default().chars();
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out
}

/// The character of `uXXXX`, and the escape's length; a surrogate pair (`uXXXX\uXXXX`) is one character.
fn unicode_escape(escape: &[u8]) -> (char, usize) {
    let code = |at| hex4(escape, at).unwrap_or(0xfffd);
    let (code, len) = match code(1) {
        high @ 0xd800..=0xdbff => (0x10000 + ((high & 0x3ff) << 10) + (code(7) & 0x3ff), 11),
        code => (code, 5),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), len)
}

/// Writes `text` in quotes.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (len, _) = find_special(rest, 0);
        let (plain, special) = rest.split_at(len);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        escape(out, byte);
        rest = after;
    }
    out.push(b'"');
}

#[cold]
fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Writes bytes as a string of `\0` and base64.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"\\u0000");
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
    out.push(b'"');
}
