//! Where UBJSON values end, and what they are.

use std::borrow::Cow;

use super::super::{Malformed, Token, is_utf8, json};
use crate::limits::DEPTH_MAX;

/// In the place of a number of elements: only the closing byte tells.
pub(super) const OPEN: u64 = u64::MAX;

/// The answer to a value that has to be spelled out first.
const TYPED: &str = "a container with one type for all its values";

/// Bytes after the marker of a number; nothing for other markers.
#[inline]
pub(super) fn number_width<const BJDATA: bool>(marker: u8) -> Option<usize> {
    Some(match marker {
        b'U' | b'i' => 1,
        b'I' => 2,
        b'l' | b'd' => 4,
        b'L' | b'D' => 8,
        b'B' if BJDATA => 1,
        b'u' | b'h' if BJDATA => 2,
        b'm' if BJDATA => 4,
        b'M' if BJDATA => 8,
        _ => return None,
    })
}

/// The `N` bytes behind the marker at `at`, the most significant one first.
#[inline]
fn field<const N: usize, const BJDATA: bool>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    let mut field: [u8; N] = *bytes.get(at + 1..)?.first_chunk()?;
    if BJDATA {
        field.reverse();
    }
    Some(field)
}

/// The integer at `at` and its end; nothing for other values and where bytes are missing.
#[inline]
pub(super) fn integer<const BJDATA: bool>(bytes: &[u8], at: usize) -> Option<(i128, usize)> {
    let marker = *bytes.get(at)?;
    let number = match marker {
        b'U' => u8::from_be_bytes(field::<1, BJDATA>(bytes, at)?).into(),
        b'i' => i8::from_be_bytes(field::<1, BJDATA>(bytes, at)?).into(),
        b'I' => i16::from_be_bytes(field::<2, BJDATA>(bytes, at)?).into(),
        b'l' => i32::from_be_bytes(field::<4, BJDATA>(bytes, at)?).into(),
        b'L' => i64::from_be_bytes(field::<8, BJDATA>(bytes, at)?).into(),
        b'B' if BJDATA => u8::from_be_bytes(field::<1, BJDATA>(bytes, at)?).into(),
        b'u' if BJDATA => u16::from_be_bytes(field::<2, BJDATA>(bytes, at)?).into(),
        b'm' if BJDATA => u32::from_be_bytes(field::<4, BJDATA>(bytes, at)?).into(),
        b'M' if BJDATA => u64::from_be_bytes(field::<8, BJDATA>(bytes, at)?).into(),
        _ => return None,
    };
    Some((number, at + 1 + number_width::<BJDATA>(marker)?))
}

/// The floating point number at `at`.
pub(super) fn float<const BJDATA: bool>(bytes: &[u8], at: usize) -> Option<f64> {
    Some(match *bytes.get(at)? {
        b'd' => f32::from_be_bytes(field::<4, BJDATA>(bytes, at)?).into(),
        b'D' => f64::from_be_bytes(field::<8, BJDATA>(bytes, at)?),
        _ => super::super::cbor::half(u16::from_be_bytes(field::<2, BJDATA>(bytes, at)?)),
    })
}

/// A number of bytes or elements at `at`, and its end.
#[inline]
pub(super) fn length<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<(usize, usize), Malformed> {
    match integer::<BJDATA>(bytes, at) {
        Some((len, end)) => match usize::try_from(len) {
            Ok(len) => Ok((len, end)),
            Err(_) => Err(Malformed::new(at, "length out of range")),
        },
        None => match bytes.get(at) {
            Some(marker) if number_width::<BJDATA>(*marker).is_none() => {
                Err(Malformed::new(at, "expected a length"))
            }
            _ => Err(Malformed::truncated(bytes.len())),
        },
    }
}

/// The bytes behind the length at `at`: where they start and end.
#[inline]
pub(super) fn content<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<(usize, usize), Malformed> {
    let (len, start) = length::<BJDATA>(bytes, at)?;
    match len <= bytes.len() - start {
        true => Ok((start, start + len)),
        false => Err(Malformed::truncated(bytes.len())),
    }
}

/// The text behind the length at `at`, and its end.
#[inline]
pub(super) fn text<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<(Cow<'_, str>, usize), Malformed> {
    let (start, end) = content::<BJDATA>(bytes, at)?;
    match std::str::from_utf8(bytes.get(start..end).unwrap_or_default()) {
        Ok(text) => Ok((Cow::Borrowed(text), end)),
        Err(_) => Err(Malformed::new(start, "text is not utf-8")),
    }
}

/// The one ASCII character of the text at `at`.
pub(super) fn character(bytes: &[u8], at: usize) -> Result<(Cow<'_, str>, usize), Malformed> {
    let character = bytes.get(at + 1..at + 2).ok_or(Malformed::truncated(bytes.len()))?;
    match std::str::from_utf8(character) {
        Ok(text) => Ok((Cow::Borrowed(text), at + 2)),
        Err(_) => Err(Malformed::new(at + 1, "character is not ascii")),
    }
}

/// The number in decimal digits at `at`: an integer if it fits, else the nearest float.
pub(super) fn high_precision<const BJDATA: bool>(bytes: &[u8], at: usize) -> Token<'_> {
    let Ok((text, _)) = text::<BJDATA>(bytes, at + 1) else { return Token::Null };
    if let Ok(number) = text.parse() {
        Token::Int(number)
    } else if let Ok(number) = text.parse() {
        Token::UInt(number)
    } else {
        text.parse().map_or(Token::Null, Token::Float)
    }
}

/// Where the content of the bytes at `at` starts and ends; nothing for another value.
#[inline]
pub(super) fn binary<const BJDATA: bool>(
    bytes: &[u8],
    at: usize,
) -> Option<Result<(usize, usize), Malformed>> {
    let is_binary = match bytes.get(at..at + 4) {
        Some(b"[$U#") => !BJDATA,
        // A dimension in the place of the length is an array of bytes in rows and columns.
        Some(b"[$B#") => BJDATA && bytes.get(at + 4) != Some(&b'['),
        _ => false,
    };
    is_binary.then(|| content::<BJDATA>(bytes, at + 4))
}

/// Passes the values that mean nothing.
#[inline]
pub(super) fn noops_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b'N') {
        at += 1;
    }
    at
}

/// Where the first element of the container at `at` is looked for, and how many there are.
#[inline]
pub(super) fn container_start<const BJDATA: bool>(
    bytes: &[u8],
    at: usize,
) -> Result<(usize, u64), Malformed> {
    match bytes.get(at + 1) {
        Some(b'#') => {
            let (len, start) = length::<BJDATA>(bytes, at + 2)?;
            // Every element takes a byte at least.
            match len <= bytes.len() - start {
                true => Ok((start, len as u64)),
                false => Err(Malformed::truncated(bytes.len())),
            }
        }
        Some(b'$') => Err(Malformed::new(at, TYPED)),
        _ => Ok((at + 1, OPEN)),
    }
}

/// Containers that are followed without a look at the limit; deeper ones take a second, slower walk.
const SHALLOW: usize = 4;

/// The end of the value at `at`, all of it checked; `depth` containers are open around it.
#[inline]
pub(super) fn value_end<const BJDATA: bool>(
    bytes: &[u8],
    at: usize,
    depth: usize,
) -> Result<usize, Malformed> {
    match bytes.get(at) {
        Some(b'[' | b'{') => container_end::<SHALLOW, BJDATA>(bytes, at, depth),
        _ => scalar_end::<BJDATA>(bytes, at),
    }
}

#[inline]
fn scalar_end<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let marker = *bytes.get(at).ok_or(Malformed::truncated(at))?;
    match marker {
        b'S' => {
            let (start, end) = content::<BJDATA>(bytes, at + 1)?;
            match is_utf8(bytes.get(start..end).unwrap_or_default()) {
                true => Ok(end),
                false => Err(Malformed::new(start, "text is not utf-8")),
            }
        }
        b'T' | b'F' | b'Z' => Ok(at + 1),
        b'C' => character(bytes, at).map(|(_, end)| end),
        b'H' => {
            let (start, end) = content::<BJDATA>(bytes, at + 1)?;
            match json::number_end(bytes.get(..end).unwrap_or_default(), start) {
                Ok(number) if number == end => Ok(end),
                _ => Err(Malformed::new(start, "bad number")),
            }
        }
        _ => match number_width::<BJDATA>(marker) {
            Some(width) if width < bytes.len() - at => Ok(at + 1 + width),
            Some(_) => Err(Malformed::truncated(bytes.len())),
            None => Err(Malformed::new(at, "unknown marker")),
        },
    }
}

fn key_end<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let (start, end) = content::<BJDATA>(bytes, at)?;
    match is_utf8(bytes.get(start..end).unwrap_or_default()) {
        true => Ok(end),
        false => Err(Malformed::new(start, "key is not utf-8")),
    }
}

/// The end of the container at `start`: how many elements each open container still lacks, innermost last. Which of them
/// are dicts are bits of one word.
fn container_end<const LEVELS: usize, const BJDATA: bool>(
    bytes: &[u8],
    start: usize,
    depth: usize,
) -> Result<usize, Malformed> {
    let mut lacking = [0u64; LEVELS];
    let mut dicts: u128 = 0;
    let mut level = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at) {
            Some(byte @ (b'[' | b'{')) => match binary::<BJDATA>(bytes, at) {
                Some(content) => at = content?.1,
                None => {
                    if depth + level >= DEPTH_MAX {
                        return Err(Malformed::new(at, "nested too deep"));
                    }
                    let Some(innermost) = lacking.get_mut(level) else {
                        return container_end::<DEPTH_MAX, BJDATA>(bytes, start, depth);
                    };
                    (at, *innermost) = container_start::<BJDATA>(bytes, at)?;
                    dicts = dicts << 1 | u128::from(*byte == b'{');
                    level += 1;
                }
            },
            _ => at = scalar_end::<BJDATA>(bytes, at)?,
        }
        // To the next element, out of every container that has no more.
        loop {
            let Some(innermost) = level.checked_sub(1).and_then(|level| lacking.get_mut(level)) else {
                return Ok(at);
            };
            let is_dict = dicts & 1 == 1;
            let has_more = match *innermost {
                0 => false,
                OPEN => {
                    at = noops_end(bytes, at);
                    let closing = if is_dict { b'}' } else { b']' };
                    let is_closed = bytes.get(at) == Some(&closing);
                    at += usize::from(is_closed);
                    !is_closed
                }
                _ => {
                    *innermost -= 1;
                    true
                }
            };
            if has_more {
                at = noops_end(bytes, at);
                if is_dict {
                    at = noops_end(bytes, key_end::<BJDATA>(bytes, at)?);
                }
                break;
            }
            dicts >>= 1;
            level -= 1;
        }
    }
}
