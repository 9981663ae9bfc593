//! MessagePack.

use std::borrow::Cow;

use super::{Cursor, Format, Malformed, Serializer, Shape, Token, is_utf8};
use crate::limits::DEPTH_MAX;

/// The MessagePack format. Extension types are carried through; as a value they are their bytes.
#[derive(Debug)]
pub struct MsgPack;

/// What a first byte announces: its own length in bytes with the length field, and what follows.
#[derive(Clone, Copy)]
enum Head {
    /// Complete after `len` bytes.
    Scalar { len: usize },
    /// `head` bytes, then `len` bytes of content.
    Content { head: usize, len: usize, is_text: bool },
    /// `head` bytes, then so many values (a dict's keys count too).
    Container { head: usize, values: usize },
}

impl Format for MsgPack {
    const SERIALIZER: Serializer = Serializer::MsgPack;

    #[inline]
    fn skip(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        match head(bytes, at)? {
            Head::Container { .. } => container_end::<SHALLOW>(bytes, at, depth),
            Head::Scalar { len } => end_of(bytes, at, len),
            Head::Content { head, len, is_text } => content_end(bytes, at + head, len, is_text),
        }
    }

    fn token(bytes: &[u8], at: usize) -> Token<'_> {
        let int = |number: i64| Token::Int(number);
        match bytes.get(at).copied().unwrap_or(0xc0) {
            small @ 0x00..=0x7f => int(small.into()),
            0x80..=0x8f | 0xde | 0xdf => Token::Dict,
            0x90..=0x9f | 0xdc | 0xdd => Token::List,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xca => Token::Float(f32::from_be_bytes(field(bytes, at)).into()),
            0xcb => Token::Float(f64::from_be_bytes(field(bytes, at))),
            0xcc => int(u8::from_be_bytes(field(bytes, at)).into()),
            0xcd => int(u16::from_be_bytes(field(bytes, at)).into()),
            0xce => int(u32::from_be_bytes(field(bytes, at)).into()),
            0xcf => {
                let number = u64::from_be_bytes(field(bytes, at));
                i64::try_from(number).map_or(Token::UInt(number), Token::Int)
            }
            0xd0 => int(i8::from_be_bytes(field(bytes, at)).into()),
            0xd1 => int(i16::from_be_bytes(field(bytes, at)).into()),
            0xd2 => int(i32::from_be_bytes(field(bytes, at)).into()),
            0xd3 => int(i64::from_be_bytes(field(bytes, at))),
            negative @ 0xe0..=0xff => int((negative as i8).into()),
            0xd4 if is_undefined(bytes, at) => Token::Null,
            _ => content_token(bytes, at),
        }
    }

    #[inline]
    fn shape(bytes: &[u8], at: usize) -> Shape {
        match bytes.get(at) {
            Some(0x90..=0x9f | 0xdc | 0xdd) => Shape::List,
            Some(0x80..=0x8f | 0xde | 0xdf) => Shape::Dict,
            Some(0xc0) => Shape::Null,
            Some(0xd4) if is_undefined(bytes, at) => Shape::Null,
            _ => Shape::Other,
        }
    }

    #[inline]
    fn uint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        let rest = bytes.get(at + 1..)?;
        Some(match *bytes.get(at)? {
            small @ 0x00..=0x7f => (small.into(), at + 1),
            0xcc => (u8::from_be_bytes(*rest.first_chunk()?).into(), at + 2),
            0xcd => (u16::from_be_bytes(*rest.first_chunk()?).into(), at + 3),
            0xce => (u32::from_be_bytes(*rest.first_chunk()?).into(), at + 5),
            0xcf => (u64::from_be_bytes(*rest.first_chunk()?), at + 9),
            _ => return None,
        })
    }

    #[inline]
    fn text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>> {
        let (head, len) = match head(bytes, at) {
            Ok(Head::Content { head, len, is_text: true }) => (head, len),
            Ok(_) => return None,
            Err(bad) => return Some(Err(bad)),
        };
        let start = at + head;
        let Some(content) = slice(bytes, start, len) else {
            return Some(Err(Malformed::truncated(bytes.len())));
        };
        Some(match std::str::from_utf8(content) {
            Ok(text) => Ok((Cow::Borrowed(text), start + len)),
            Err(_) => Err(Malformed::new(start, "text is not utf-8")),
        })
    }

    #[inline]
    fn plain_empty_dict(bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at) == Some(&0x80)).then_some(at + 1)
    }

    #[inline]
    fn open_list(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, Shape::List, 1, "expected a list")
    }

    #[inline]
    fn open_dict(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, Shape::Dict, 2, "expected a dict")
    }

    #[inline]
    fn advance(_bytes: &[u8], cursor: &mut Cursor, _closing: u8) -> Result<bool, Malformed> {
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
        match len {
            0..=15 => out.push(0x90 | len as u8),
            16..=0xffff => with_field(out, 0xdc, (len as u16).to_be_bytes()),
            _ => with_field(out, 0xdd, (len as u32).to_be_bytes()),
        }
    }

    #[inline]
    fn begin_dict(out: &mut Vec<u8>, len: usize) {
        match len {
            0..=15 => out.push(0x80 | len as u8),
            16..=0xffff => with_field(out, 0xde, (len as u16).to_be_bytes()),
            _ => with_field(out, 0xdf, (len as u32).to_be_bytes()),
        }
    }

    #[inline]
    fn end_list(_out: &mut Vec<u8>) {}

    #[inline]
    fn end_dict(_out: &mut Vec<u8>) {}

    fn open_counted_list(out: &mut Vec<u8>) -> usize {
        out.push(0x90);
        out.len() - 1
    }

    #[inline]
    fn open_counted_dict(out: &mut Vec<u8>) -> usize {
        out.push(0x80);
        out.len() - 1
    }

    fn close_counted_list(out: &mut Vec<u8>, mark: usize, len: usize) -> bool {
        let fits = len <= 15;
        if fits {
            out[mark] = 0x90 | len as u8;
        }
        fits
    }

    #[inline]
    fn close_counted_dict(out: &mut Vec<u8>, mark: usize, len: usize) -> bool {
        let fits = len <= 15;
        if fits {
            out[mark] = 0x80 | len as u8;
        }
        fits
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: &str) {
        Self::str(out, key);
    }

    #[inline]
    fn null(out: &mut Vec<u8>) {
        out.push(0xc0);
    }

    #[inline]
    fn bool(out: &mut Vec<u8>, value: bool) {
        out.push(0xc2 | u8::from(value));
    }

    #[inline]
    fn uint_value(out: &mut Vec<u8>, value: u64) {
        match value {
            0..=0x7f => out.push(value as u8),
            0x80..=0xff => with_field(out, 0xcc, [value as u8]),
            0x100..=0xffff => with_field(out, 0xcd, (value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => with_field(out, 0xce, (value as u32).to_be_bytes()),
            _ => with_field(out, 0xcf, value.to_be_bytes()),
        }
    }

    fn int(out: &mut Vec<u8>, value: i64) {
        match value {
            0.. => Self::uint_value(out, value as u64),
            -32..=-1 => out.push(value as u8),
            -128..=-33 => with_field(out, 0xd0, (value as i8).to_be_bytes()),
            -32768..=-129 => with_field(out, 0xd1, (value as i16).to_be_bytes()),
            -2_147_483_648..=-32769 => with_field(out, 0xd2, (value as i32).to_be_bytes()),
            _ => with_field(out, 0xd3, value.to_be_bytes()),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        with_field(out, 0xcb, value.to_be_bytes());
    }

    #[inline]
    fn str(out: &mut Vec<u8>, value: &str) {
        let len = value.len();
        match len {
            0..=31 => out.push(0xa0 | len as u8),
            32..=0xff => with_field(out, 0xd9, [len as u8]),
            0x100..=0xffff => with_field(out, 0xda, (len as u16).to_be_bytes()),
            _ => with_field(out, 0xdb, (len as u32).to_be_bytes()),
        }
        out.extend_from_slice(value.as_bytes());
    }

    fn bin(out: &mut Vec<u8>, value: &[u8]) {
        let len = value.len();
        match len {
            0..=0xff => with_field(out, 0xc4, [len as u8]),
            0x100..=0xffff => with_field(out, 0xc5, (len as u16).to_be_bytes()),
            _ => with_field(out, 0xc6, (len as u32).to_be_bytes()),
        }
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

/// The `N` bytes after the first; zeros where there are none, which a checked value always has.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    slice(bytes, at + 1, N).and_then(|field| field.try_into().ok()).unwrap_or([0; N])
}

#[inline]
fn slice(bytes: &[u8], start: usize, len: usize) -> Option<&[u8]> {
    bytes.get(start..)?.get(..len)
}

/// The big-endian number of `width` bytes (1, 2 or 4) after the first byte.
#[inline]
fn length(bytes: &[u8], at: usize, width: usize) -> Result<usize, Malformed> {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let len = match width {
        1 => rest.first().map(|len| u32::from(*len)),
        2 => rest.first_chunk().map(|len| u16::from_be_bytes(*len).into()),
        _ => rest.first_chunk().map(|len| u32::from_be_bytes(*len)),
    };
    len.and_then(|len| usize::try_from(len).ok()).ok_or(Malformed::truncated(bytes.len()))
}

#[inline]
fn head(bytes: &[u8], at: usize) -> Result<Head, Malformed> {
    let first = *bytes.get(at).ok_or(Malformed::truncated(at))?;
    Ok(match first {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Head::Scalar { len: 1 },
        0xa0..=0xbf => Head::Content { head: 1, len: usize::from(first & 0x1f), is_text: true },
        0x80..=0x8f => Head::Container { head: 1, values: usize::from(first & 15) * 2 },
        0x90..=0x9f => Head::Container { head: 1, values: usize::from(first & 15) },
        0xd9 => Head::Content { head: 2, len: length(bytes, at, 1)?, is_text: true },
        _ => return wide_head(bytes, at, first),
    })
}

fn wide_head(bytes: &[u8], at: usize, first: u8) -> Result<Head, Malformed> {
    let content = |width, extra, is_text| {
        let len = length(bytes, at, width)?;
        Ok(Head::Content { head: 1 + width + extra, len, is_text })
    };
    let container = |width, per_entry| {
        let values = length(bytes, at, width)?.saturating_mul(per_entry);
        Ok(Head::Container { head: 1 + width, values })
    };
    match first {
        0xcc | 0xd0 => Ok(Head::Scalar { len: 2 }),
        0xcd | 0xd1 => Ok(Head::Scalar { len: 3 }),
        0xca | 0xce | 0xd2 => Ok(Head::Scalar { len: 5 }),
        0xcb | 0xcf | 0xd3 => Ok(Head::Scalar { len: 9 }),
        0xd4..=0xd8 => Ok(Head::Scalar { len: 2 + (1 << (first - 0xd4)) }),
        0xda | 0xdb => content(1 << (first - 0xd9), 0, true),
        0xc4..=0xc6 => content(1 << (first - 0xc4), 0, false),
        0xc7..=0xc9 => content(1 << (first - 0xc7), 1, false),
        0xdc | 0xdd => container(2 << (first - 0xdc), 1),
        0xde | 0xdf => container(2 << (first - 0xde), 2),
        _ => Err(Malformed::new(at, "byte 0xc1 is never used")),
    }
}

#[inline]
fn end_of(bytes: &[u8], at: usize, len: usize) -> Result<usize, Malformed> {
    slice(bytes, at, len).map(|_| at + len).ok_or(Malformed::truncated(bytes.len()))
}

#[inline]
fn content_end(bytes: &[u8], start: usize, len: usize, is_text: bool) -> Result<usize, Malformed> {
    let content = slice(bytes, start, len).ok_or(Malformed::truncated(bytes.len()))?;
    if is_text && !is_utf8(content) {
        return Err(Malformed::new(start, "text is not utf-8"));
    }
    Ok(start + len)
}

/// The end of the container at `start`: how many values each open container still lacks, innermost last.
fn container_end<const LEVELS: usize>(bytes: &[u8], start: usize, depth: usize) -> Result<usize, Malformed> {
    let mut lacking = [0usize; LEVELS];
    let mut level = 0usize;
    let mut at = start;
    loop {
        match head(bytes, at)? {
            Head::Container { head, values } => {
                if depth + level >= DEPTH_MAX {
                    return Err(Malformed::new(at, "nested too deep"));
                }
                at += head;
                // Every value takes a byte at least.
                if values > bytes.len() - at {
                    return Err(Malformed::truncated(bytes.len()));
                }
                if values > 0 {
                    let Some(innermost) = lacking.get_mut(level) else {
                        return container_end::<DEPTH_MAX>(bytes, start, depth);
                    };
                    *innermost = values;
                    level += 1;
                    continue;
                }
            }
            Head::Scalar { len } => at = end_of(bytes, at, len)?,
            Head::Content { head, len, is_text } => at = content_end(bytes, at + head, len, is_text)?,
        }
        // A value has ended: count it, and every container that it completes.
        loop {
            let Some(innermost) = level.checked_sub(1).and_then(|level| lacking.get_mut(level)) else {
                return Ok(at);
            };
            *innermost -= 1;
            if *innermost > 0 {
                break;
            }
            level -= 1;
        }
    }
}

#[inline]
fn open(
    bytes: &[u8],
    at: usize,
    shape: Shape,
    per_entry: usize,
    why: &'static str,
) -> Result<Cursor, Malformed> {
    match head(bytes, at)? {
        Head::Container { head, values } if MsgPack::shape(bytes, at) == shape => {
            Ok(Cursor { at: at + head, left: (values / per_entry) as u64, is_first: true })
        }
        _ => Err(Malformed::new(at, why)),
    }
}

/// How JavaScript encoders write `undefined`: an extension of type 0 with one zero byte.
fn is_undefined(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 3) == Some(&[0xd4, 0, 0])
}

fn content_token(bytes: &[u8], at: usize) -> Token<'_> {
    let (start, len, is_text) = match head(bytes, at) {
        Ok(Head::Content { head, len, is_text }) => (at + head, len, is_text),
        // Fixed-size extension types: a type byte, then their bytes.
        Ok(Head::Scalar { len }) if len > 2 => (at + 2, len - 2, false),
        _ => return Token::Null,
    };
    let content = slice(bytes, start, len).unwrap_or_default();
    match is_text.then(|| simdutf8::basic::from_utf8(content)) {
        Some(text) => text.map_or(Token::Null, |text| Token::Str(Cow::Borrowed(text))),
        None => Token::Bin(Cow::Borrowed(content)),
    }
}
