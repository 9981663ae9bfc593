//! CBOR (RFC 8949), definite and indefinite lengths.

use std::borrow::Cow;

use super::{Cursor, Format, Malformed, Serializer, Shape, Token, is_utf8};
use crate::limits::DEPTH_MAX;

/// The CBOR format. Tags are carried through and, as a value, ignored, but for those of numbers in bytes.
#[derive(Debug)]
pub struct Cbor;

const BREAK: u8 = 0xff;
/// An argument of "indefinite length".
const INDEFINITE: u64 = u64::MAX;

mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const DICT: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// The first byte of an item with its argument.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// Number, length or count; [`INDEFINITE`] where only a break tells.
    argument: u64,
    /// Bytes of head.
    len: usize,
}

impl Format for Cbor {
    const SERIALIZER: Serializer = Serializer::Cbor;

    #[inline]
    fn skip(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        let first = head(bytes, at)?;
        match first.major {
            major::LIST | major::DICT | major::TAG => nested_end::<SHALLOW>(bytes, at, depth),
            _ => leaf_end(bytes, at, first),
        }
    }

    fn token(bytes: &[u8], at: usize) -> Token<'_> {
        if let Some(number) = bignum(bytes, at) {
            return number;
        }
        let at = untagged(bytes, at);
        let Ok(first) = head(bytes, at) else { return Token::Null };
        match first.major {
            major::UNSIGNED => i64::try_from(first.argument).map_or(Token::UInt(first.argument), Token::Int),
            major::NEGATIVE => match i64::try_from(first.argument) {
                Ok(number) => Token::Int(-1 - number),
                Err(_) => Token::Float(-1.0 - first.argument as f64),
            },
            major::BYTES => Token::Bin(content(bytes, at, first)),
            major::TEXT => text_of(content(bytes, at, first)).map_or(Token::Null, Token::Str),
            major::LIST => Token::List,
            major::DICT => Token::Dict,
            _ => simple_token(bytes, at, first),
        }
    }

    #[inline]
    fn shape(bytes: &[u8], at: usize) -> Shape {
        match bytes.get(at) {
            Some(0x80..=0x9f) => Shape::List,
            Some(0xa0..=0xbf) => Shape::Dict,
            Some(0xf6 | 0xf7) => Shape::Null,
            Some(0xc0..=0xdb) => match Self::token(bytes, at) {
                Token::List => Shape::List,
                Token::Dict => Shape::Dict,
                Token::Null => Shape::Null,
                _ => Shape::Other,
            },
            _ => Shape::Other,
        }
    }

    #[inline]
    fn uint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        let first = head(bytes, at).ok()?;
        (first.major == major::UNSIGNED).then_some((first.argument, at + first.len))
    }

    #[inline]
    fn text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>> {
        // Tagged text (a URI may have tag 32) is rare and takes the way over skip and token.
        if !matches!(bytes.get(at)?, 0x60..=0x7f) {
            return None;
        }
        Some(text_at(bytes, at))
    }

    #[inline]
    fn plain_empty_dict(bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at) == Some(&0xa0)).then_some(at + 1)
    }

    #[inline]
    fn open_list(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, major::LIST, "expected a list")
    }

    #[inline]
    fn open_dict(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, major::DICT, "expected a dict")
    }

    #[inline]
    fn advance(bytes: &[u8], cursor: &mut Cursor, _closing: u8) -> Result<bool, Malformed> {
        if cursor.left == INDEFINITE {
            let has_more = *bytes.get(cursor.at).ok_or(Malformed::truncated(cursor.at))? != BREAK;
            cursor.at += usize::from(!has_more);
            return Ok(has_more);
        }
        let has_more = cursor.left > 0;
        cursor.left = cursor.left.saturating_sub(1);
        Ok(has_more)
    }

    #[inline]
    fn to_value(_bytes: &[u8], _cursor: &mut Cursor) -> Result<(), Malformed> {
        Ok(())
    }

    #[inline]
    fn skip_space(_bytes: &[u8], at: usize) -> usize {
        at
    }

    #[inline]
    fn skip_comma(_bytes: &[u8], at: usize) -> usize {
        at
    }

    #[inline]
    fn begin_message(out: &mut Vec<u8>, len: usize) {
        Self::begin_list(out, len);
    }

    #[inline]
    fn end_message(_out: &mut Vec<u8>) {}

    #[inline]
    fn begin_list(out: &mut Vec<u8>, len: usize) {
        write_head(out, major::LIST, len as u64);
    }

    #[inline]
    fn begin_dict(out: &mut Vec<u8>, len: usize) {
        write_head(out, major::DICT, len as u64);
    }

    #[inline]
    fn end_list(_out: &mut Vec<u8>) {}

    #[inline]
    fn end_dict(_out: &mut Vec<u8>) {}

    fn open_counted_list(out: &mut Vec<u8>) -> usize {
        out.push(major::LIST << 5);
        out.len() - 1
    }

    #[inline]
    fn open_counted_dict(out: &mut Vec<u8>) -> usize {
        out.push(major::DICT << 5);
        out.len() - 1
    }

    fn close_counted_list(out: &mut Vec<u8>, mark: usize, len: usize) -> bool {
        let fits = len <= 23;
        if fits {
            out[mark] = major::LIST << 5 | len as u8;
        }
        fits
    }

    #[inline]
    fn close_counted_dict(out: &mut Vec<u8>, mark: usize, len: usize) -> bool {
        let fits = len <= 23;
        if fits {
            out[mark] = major::DICT << 5 | len as u8;
        }
        fits
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: &str) {
        Self::str(out, key);
    }

    #[inline]
    fn null(out: &mut Vec<u8>) {
        out.push(0xf6);
    }

    #[inline]
    fn bool(out: &mut Vec<u8>, value: bool) {
        out.push(0xf4 | u8::from(value));
    }

    #[inline]
    fn uint_value(out: &mut Vec<u8>, value: u64) {
        write_head(out, major::UNSIGNED, value);
    }

    fn int(out: &mut Vec<u8>, value: i64) {
        match u64::try_from(value) {
            Ok(value) => write_head(out, major::UNSIGNED, value),
            Err(_) => write_head(out, major::NEGATIVE, !value as u64),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        with_field(out, 0xfb, value.to_be_bytes());
    }

    #[inline]
    fn str(out: &mut Vec<u8>, value: &str) {
        write_head(out, major::TEXT, value.len() as u64);
        out.extend_from_slice(value.as_bytes());
    }

    fn bin(out: &mut Vec<u8>, value: &[u8]) {
        write_head(out, major::BYTES, value.len() as u64);
        out.extend_from_slice(value);
    }

    #[inline]
    fn raw(out: &mut Vec<u8>, elements: &[u8]) {
        out.extend_from_slice(elements);
    }
}

/// Containers that are followed without a look at the limit; deeper ones take a second, slower walk.
const SHALLOW: usize = 4;

#[inline]
fn with_field<const N: usize>(out: &mut Vec<u8>, first: u8, field: [u8; N]) {
    out.reserve(1 + N);
    out.push(first);
    out.extend_from_slice(&field);
}

#[inline]
fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => with_field(out, major | 24, [argument as u8]),
        0x100..=0xffff => with_field(out, major | 25, (argument as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => with_field(out, major | 26, (argument as u32).to_be_bytes()),
        _ => with_field(out, major | 27, argument.to_be_bytes()),
    }
}

#[inline]
fn slice(bytes: &[u8], start: usize, len: usize) -> Option<&[u8]> {
    bytes.get(start..)?.get(..len)
}

#[inline]
fn head(bytes: &[u8], at: usize) -> Result<Head, Malformed> {
    let first = *bytes.get(at).ok_or(Malformed::truncated(at))?;
    match first & 0x1f {
        small @ 0..=23 => Ok(Head { major: first >> 5, argument: small.into(), len: 1 }),
        _ => wide_head(bytes, at, first),
    }
}

#[inline]
fn wide_head(bytes: &[u8], at: usize, first: u8) -> Result<Head, Malformed> {
    let major = first >> 5;
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let (argument, width) = match first & 0x1f {
        24 => (rest.first_chunk().map(|field| u8::from_be_bytes(*field).into()), 1),
        25 => (rest.first_chunk().map(|field| u16::from_be_bytes(*field).into()), 2),
        26 => (rest.first_chunk().map(|field| u32::from_be_bytes(*field).into()), 4),
        27 => (rest.first_chunk().map(|field| u64::from_be_bytes(*field)), 8),
        31 if matches!(major, major::BYTES..=major::DICT) => (Some(INDEFINITE), 0),
        31 => return Err(Malformed::new(at, "unexpected break")),
        _ => return Err(Malformed::new(at, "reserved additional information")),
    };
    let argument = argument.ok_or(Malformed::truncated(bytes.len()))?;
    if argument == INDEFINITE && width > 0 && (major::BYTES..=major::DICT).contains(&major) {
        return Err(Malformed::truncated(bytes.len()));
    }
    if major == major::SIMPLE && width == 1 && argument < 32 {
        return Err(Malformed::new(at, "simple value below 32 in two bytes"));
    }
    Ok(Head { major, argument, len: 1 + width })
}

/// A number in bytes (tags 2 and 3), as JavaScript encoders write integers from 2^53 on. What does not fit 64 bits is a float,
/// as it is when it comes in JSON; beyond the floats it is its bytes.
fn bignum(bytes: &[u8], at: usize) -> Option<Token<'_>> {
    let is_negative = match bytes.get(at)? {
        0xc2 => false,
        0xc3 => true,
        _ => return None,
    };
    let first = head(bytes, at + 1).ok().filter(|first| first.major == major::BYTES)?;
    let content = content(bytes, at + 1, first);
    let digits = &content[content.iter().take_while(|byte| **byte == 0).count()..];
    if digits.len() > 8 {
        let number = float(digits)?;
        return Some(Token::Float(if is_negative { -number } else { number }));
    }
    let number = digits.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    Some(match (is_negative, i64::try_from(number)) {
        (false, Ok(number)) => Token::Int(number),
        (false, Err(_)) => Token::UInt(number),
        (true, Ok(number)) => Token::Int(-1 - number),
        (true, Err(_)) => Token::Float(-1.0 - number as f64),
    })
}

/// The float next to a number of more than eight bytes, the first of them not 0; `None` beyond 2^1016.
#[cold]
fn float(digits: &[u8]) -> Option<f64> {
    const BYTES_MAX: usize = 127;
    let (high, low) = digits.split_first_chunk::<8>()?;
    if digits.len() > BYTES_MAX {
        return None;
    }
    // The lowest of 64 bits is beyond what a float keeps, and stands for all that is left out when it is rounded.
    let has_more = low.iter().any(|byte| *byte != 0);
    let high = u64::from_be_bytes(*high) | u64::from(has_more);
    let scale = i32::try_from(8 * low.len()).ok()?;
    Some(high as f64 * 2f64.powi(scale))
}

/// The place of the item that the tags at `at` stand before; at most [`DEPTH_MAX`] tags.
#[inline]
fn untagged(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..DEPTH_MAX {
        match head(bytes, at) {
            Ok(Head { major: major::TAG, len, .. }) => at += len,
            _ => break,
        }
    }
    at
}

/// The end of an item that holds no other item.
#[inline]
fn leaf_end(bytes: &[u8], at: usize, first: Head) -> Result<usize, Malformed> {
    let start = at + first.len;
    match first.major {
        major::BYTES | major::TEXT if first.argument == INDEFINITE => chunks_end(bytes, start, first.major),
        major::BYTES | major::TEXT => content_end(bytes, start, first),
        _ => Ok(start),
    }
}

#[inline]
fn content_end(bytes: &[u8], start: usize, first: Head) -> Result<usize, Malformed> {
    let len = usize::try_from(first.argument).unwrap_or(usize::MAX);
    let content = slice(bytes, start, len).ok_or(Malformed::truncated(bytes.len()))?;
    if first.major == major::TEXT && !is_utf8(content) {
        return Err(Malformed::new(start, "text is not utf-8"));
    }
    Ok(start + len)
}

/// The end of a string in chunks, each of them a definite string of the same kind.
fn chunks_end(bytes: &[u8], mut at: usize, major: u8) -> Result<usize, Malformed> {
    while *bytes.get(at).ok_or(Malformed::truncated(at))? != BREAK {
        let chunk = head(bytes, at)?;
        if chunk.major != major || chunk.argument == INDEFINITE {
            return Err(Malformed::new(at, "wrong chunk in a string of indefinite length"));
        }
        at = content_end(bytes, at + chunk.len, chunk)?;
    }
    Ok(at + 1)
}

/// What an open list, dict or tag still lacks.
#[derive(Clone, Copy)]
enum Lacking {
    Items(usize),
    /// A break ends it.
    Break,
    /// A break ends it, but not now: a dict's key waits for its value.
    Value,
    /// A key or a break.
    KeyOrBreak,
}

/// The end of the list, dict or tag at `start`.
fn nested_end<const LEVELS: usize>(bytes: &[u8], start: usize, depth: usize) -> Result<usize, Malformed> {
    let mut open = [Lacking::Items(0); LEVELS];
    let mut level = 0usize;
    let mut at = start;
    loop {
        if bytes.get(at) == Some(&BREAK) {
            // The one place where a break is not malformed: at an item's place in an indefinite list or dict.
            match level.checked_sub(1).and_then(|innermost| open.get(innermost)) {
                Some(Lacking::Break | Lacking::KeyOrBreak) => (at, level) = (at + 1, level - 1),
                Some(Lacking::Value) => return Err(Malformed::new(at, "dict ends after a key")),
                _ => return Err(Malformed::new(at, "unexpected break")),
            }
        } else {
            let first = head(bytes, at)?;
            if let Some(lacking) = opened(first) {
                if depth + level >= DEPTH_MAX {
                    return Err(Malformed::new(at, "nested too deep"));
                }
                at += first.len;
                if !matches!(lacking, Lacking::Items(0)) {
                    // Every item takes a byte at least.
                    if matches!(lacking, Lacking::Items(items) if items > bytes.len() - at) {
                        return Err(Malformed::truncated(bytes.len()));
                    }
                    let Some(innermost) = open.get_mut(level) else {
                        return nested_end::<DEPTH_MAX>(bytes, start, depth);
                    };
                    *innermost = lacking;
                    level += 1;
                    continue;
                }
            } else {
                at = leaf_end(bytes, at, first)?;
            }
        }
        // An item has ended: count it, and every container that it completes.
        loop {
            let Some(innermost) = level.checked_sub(1).and_then(|level| open.get_mut(level)) else {
                return Ok(at);
            };
            *innermost = match *innermost {
                Lacking::Items(0 | 1) => {
                    level -= 1;
                    continue;
                }
                Lacking::Items(items) => Lacking::Items(items - 1),
                Lacking::Break => Lacking::Break,
                Lacking::Value => Lacking::KeyOrBreak,
                Lacking::KeyOrBreak => Lacking::Value,
            };
            break;
        }
    }
}

/// What a list, dict or tag lacks right after its head; nothing for other items.
#[inline]
fn opened(first: Head) -> Option<Lacking> {
    let items = |per_entry| {
        Lacking::Items(usize::try_from(first.argument).unwrap_or(usize::MAX).saturating_mul(per_entry))
    };
    match first.major {
        major::LIST if first.argument == INDEFINITE => Some(Lacking::Break),
        major::DICT if first.argument == INDEFINITE => Some(Lacking::KeyOrBreak),
        major::LIST => Some(items(1)),
        major::DICT => Some(items(2)),
        major::TAG => Some(Lacking::Items(1)),
        _ => None,
    }
}

#[inline]
fn open(bytes: &[u8], at: usize, major: u8, why: &'static str) -> Result<Cursor, Malformed> {
    let at = untagged(bytes, at);
    let first = head(bytes, at)?;
    if first.major != major {
        return Err(Malformed::new(at, why));
    }
    Ok(Cursor { at: at + first.len, left: first.argument, is_first: true })
}

/// The content of the string at `at`, its chunks joined.
fn content(bytes: &[u8], at: usize, first: Head) -> Cow<'_, [u8]> {
    let len_of = |head: Head| usize::try_from(head.argument).unwrap_or(usize::MAX);
    let mut at = at + first.len;
    if first.argument != INDEFINITE {
        return Cow::Borrowed(slice(bytes, at, len_of(first)).unwrap_or_default());
    }
    let mut joined = Vec::new();
    while let Some(&byte) = bytes.get(at)
        && byte != BREAK
        && let Ok(chunk) = head(bytes, at)
        && let Some(part) = slice(bytes, at + chunk.len, len_of(chunk))
    {
        joined.extend_from_slice(part);
        at += chunk.len + part.len();
    }
    Cow::Owned(joined)
}

fn text_of(content: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match content {
        Cow::Borrowed(bytes) => simdutf8::basic::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

#[inline]
fn text_at(bytes: &[u8], at: usize) -> Result<(Cow<'_, str>, usize), Malformed> {
    let first = head(bytes, at)?;
    let not_utf8 = Malformed::new(at, "text is not utf-8");
    if first.argument == INDEFINITE {
        let end = leaf_end(bytes, at, first)?;
        return Ok((text_of(content(bytes, at, first)).ok_or(not_utf8)?, end));
    }
    let start = at + first.len;
    let len = usize::try_from(first.argument).unwrap_or(usize::MAX);
    let content = slice(bytes, start, len).ok_or(Malformed::truncated(bytes.len()))?;
    let text = std::str::from_utf8(content).map_err(|_| not_utf8)?;
    Ok((Cow::Borrowed(text), start + len))
}

fn simple_token(bytes: &[u8], at: usize, first: Head) -> Token<'_> {
    match bytes.get(at).copied().unwrap_or_default() & 0x1f {
        20 => Token::Bool(false),
        21 => Token::Bool(true),
        25 => Token::Float(half(first.argument as u16)),
        26 => Token::Float(f32::from_bits(first.argument as u32).into()),
        27 => Token::Float(f64::from_bits(first.argument)),
        _ => Token::Null,
    }
}

/// The value of a half-precision number (RFC 8949, appendix D).
pub(super) fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}
