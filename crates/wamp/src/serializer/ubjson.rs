//! UBJSON in both encodings that peers speak under this name: draft 12 of UBJSON, and BJData.
//!
//! Both are one marker byte and then the value. They differ where a number has more than one byte (BJData is
//! little-endian, and has unsigned integers) and in how bytes are written: `[$U#` in UBJSON, `[$B#` in BJData. A peer speaks
//! one of them; `dialect::of` finds out which from its first message.
//!
//! Containers whose values share one type and lack their markers (`[$l#…`) are rare: nothing but bytes is written so by
//! those who speak WAMP. They are spelled out, see `typed`, when a message cannot be read otherwise.

pub mod dialect;
mod scan;
mod typed;

use std::borrow::Cow;

use super::{Cursor, Format, Malformed, Serializer, Shape, Token};

/// The UBJSON format: `Ubjson<false>` is UBJSON draft 12, `Ubjson<true>` is BJData with its little-endian numbers.
#[derive(Debug)]
pub struct Ubjson<const BJDATA: bool>;

impl<const BJDATA: bool> Format for Ubjson<BJDATA> {
    const SERIALIZER: Serializer = if BJDATA { Serializer::BjData } else { Serializer::Ubjson };

    fn skip(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        scan::value_end::<BJDATA>(bytes, at, depth)
    }

    fn token(bytes: &[u8], at: usize) -> Token<'_> {
        match bytes.get(at) {
            Some(b'T') => Token::Bool(true),
            Some(b'F') => Token::Bool(false),
            Some(b'[') => match scan::binary::<BJDATA>(bytes, at) {
                Some(Ok((start, end))) => {
                    Token::Bin(Cow::Borrowed(bytes.get(start..end).unwrap_or_default()))
                }
                _ => Token::List,
            },
            Some(b'{') => Token::Dict,
            Some(b'S' | b'C') => match Self::text(bytes, at) {
                Some(Ok((text, _))) => Token::Str(text),
                _ => Token::Null,
            },
            Some(b'H') => scan::high_precision::<BJDATA>(bytes, at),
            Some(b'd' | b'D' | b'h') => scan::float::<BJDATA>(bytes, at).map_or(Token::Null, Token::Float),
            _ => match scan::integer::<BJDATA>(bytes, at) {
                Some((number, _)) => match (i64::try_from(number), u64::try_from(number)) {
                    (Ok(number), _) => Token::Int(number),
                    (_, Ok(number)) => Token::UInt(number),
                    _ => Token::Null,
                },
                None => Token::Null,
            },
        }
    }

    #[inline]
    fn shape(bytes: &[u8], at: usize) -> Shape {
        match bytes.get(at) {
            Some(b'[') if scan::binary::<BJDATA>(bytes, at).is_none() => Shape::List,
            Some(b'{') => Shape::Dict,
            Some(b'Z') => Shape::Null,
            _ => Shape::Other,
        }
    }

    #[inline]
    fn uint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        let (number, end) = scan::integer::<BJDATA>(bytes, at)?;
        Some((number.try_into().ok()?, end))
    }

    #[inline]
    fn text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>> {
        match bytes.get(at) {
            Some(b'S') => Some(scan::text::<BJDATA>(bytes, at + 1)),
            Some(b'C') => Some(scan::character(bytes, at)),
            _ => None,
        }
    }

    #[inline]
    fn key_text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>> {
        Some(scan::text::<BJDATA>(bytes, at))
    }

    #[inline]
    fn plain_empty_dict(bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at..at + 2) == Some(b"{}")).then_some(at + 2)
    }

    #[inline]
    fn open_list(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        match bytes.get(at) {
            Some(b'[') => open::<BJDATA>(bytes, at),
            Some(_) => Err(Malformed::new(at, "expected a list")),
            None => Err(Malformed::truncated(at)),
        }
    }

    #[inline]
    fn open_dict(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        match bytes.get(at) {
            Some(b'{') => open::<BJDATA>(bytes, at),
            Some(_) => Err(Malformed::new(at, "expected a dict")),
            None => Err(Malformed::truncated(at)),
        }
    }

    #[inline]
    fn advance(bytes: &[u8], cursor: &mut Cursor, closing: u8) -> Result<bool, Malformed> {
        match cursor.left {
            0 => return Ok(false),
            scan::OPEN => {
                cursor.at = scan::noops_end(bytes, cursor.at);
                match bytes.get(cursor.at) {
                    Some(byte) if *byte == closing => {
                        cursor.at += 1;
                        return Ok(false);
                    }
                    Some(_) => {}
                    None => return Err(Malformed::truncated(cursor.at)),
                }
            }
            _ => {
                cursor.left -= 1;
                cursor.at = scan::noops_end(bytes, cursor.at);
            }
        }
        Ok(true)
    }

    #[inline]
    fn to_value(bytes: &[u8], cursor: &mut Cursor) -> Result<(), Malformed> {
        cursor.at = scan::noops_end(bytes, cursor.at);
        Ok(())
    }

    #[inline]
    fn skip_space(bytes: &[u8], at: usize) -> usize {
        scan::noops_end(bytes, at)
    }

    #[inline]
    fn skip_comma(bytes: &[u8], at: usize) -> usize {
        scan::noops_end(bytes, at)
    }

    fn spelled_out(bytes: &[u8]) -> Option<Vec<u8>> {
        typed::spelled_out::<BJDATA>(bytes)
    }

    #[inline]
    fn begin_message(out: &mut Vec<u8>, _len: usize) {
        out.push(b'[');
    }

    #[inline]
    fn end_message(out: &mut Vec<u8>) {
        out.push(b']');
    }

    #[inline]
    fn begin_list(out: &mut Vec<u8>, _len: usize) {
        out.push(b'[');
    }

    #[inline]
    fn end_list(out: &mut Vec<u8>) {
        out.push(b']');
    }

    #[inline]
    fn begin_dict(out: &mut Vec<u8>, _len: usize) {
        out.push(b'{');
    }

    #[inline]
    fn end_dict(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    #[inline]
    fn open_counted_list(out: &mut Vec<u8>) -> usize {
        out.push(b'[');
        0
    }

    #[inline]
    fn open_counted_dict(out: &mut Vec<u8>) -> usize {
        out.push(b'{');
        0
    }

    #[inline]
    fn close_counted_list(out: &mut Vec<u8>, _mark: usize, _len: usize) -> bool {
        out.push(b']');
        true
    }

    #[inline]
    fn close_counted_dict(out: &mut Vec<u8>, _mark: usize, _len: usize) -> bool {
        out.push(b'}');
        true
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: &str) {
        Self::uint_value(out, key.len() as u64);
        out.extend_from_slice(key.as_bytes());
    }

    #[inline]
    fn null(out: &mut Vec<u8>) {
        out.push(b'Z');
    }

    #[inline]
    fn bool(out: &mut Vec<u8>, value: bool) {
        out.push(if value { b'T' } else { b'F' });
    }

    fn uint_value(out: &mut Vec<u8>, value: u64) {
        match (value, BJDATA) {
            (0..=0xff, _) => with_field::<1, BJDATA>(out, b'U', [value as u8]),
            (0x100..=0xffff, true) => with_field::<2, BJDATA>(out, b'u', (value as u16).to_be_bytes()),
            (0x1_0000..=0xffff_ffff, true) => {
                with_field::<4, BJDATA>(out, b'm', (value as u32).to_be_bytes());
            }
            (_, true) => with_field::<8, BJDATA>(out, b'M', value.to_be_bytes()),
            (0x100..=0x7fff, false) => with_field::<2, BJDATA>(out, b'I', (value as u16).to_be_bytes()),
            (0x8000..=0x7fff_ffff, false) => {
                with_field::<4, BJDATA>(out, b'l', (value as u32).to_be_bytes());
            }
            (0x8000_0000..=0x7fff_ffff_ffff_ffff, false) => {
                with_field::<8, BJDATA>(out, b'L', value.to_be_bytes());
            }
            // No integer of draft 12 is as large: it becomes a number in decimal digits.
            (_, false) => {
                out.push(b'H');
                Self::key(out, itoa::Buffer::new().format(value));
            }
        }
    }

    fn int(out: &mut Vec<u8>, value: i64) {
        match value {
            0.. => Self::uint_value(out, value as u64),
            -128..=-1 => with_field::<1, BJDATA>(out, b'i', [value as u8]),
            -32_768..=-129 => with_field::<2, BJDATA>(out, b'I', (value as i16).to_be_bytes()),
            -2_147_483_648..=-32_769 => with_field::<4, BJDATA>(out, b'l', (value as i32).to_be_bytes()),
            _ => with_field::<8, BJDATA>(out, b'L', value.to_be_bytes()),
        }
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        match BJDATA || value.is_finite() {
            true => with_field::<8, BJDATA>(out, b'D', value.to_be_bytes()),
            // Draft 12 has no notation of NaN and the infinities: as in JSON they are null.
            false => Self::null(out),
        }
    }

    #[inline]
    fn str(out: &mut Vec<u8>, value: &str) {
        out.push(b'S');
        Self::key(out, value);
    }

    fn bin(out: &mut Vec<u8>, value: &[u8]) {
        out.extend_from_slice(if BJDATA { b"[$B#" } else { b"[$U#" });
        Self::uint_value(out, value.len() as u64);
        out.extend_from_slice(value);
    }

    #[inline]
    fn raw(out: &mut Vec<u8>, elements: &[u8]) {
        out.extend_from_slice(elements);
    }
}

/// Writes a marker and a number whose bytes are given from the most significant one on.
#[inline]
fn with_field<const N: usize, const BJDATA: bool>(out: &mut Vec<u8>, marker: u8, mut field: [u8; N]) {
    if BJDATA {
        field.reverse();
    }
    out.reserve(1 + N);
    out.push(marker);
    out.extend_from_slice(&field);
}

#[inline]
fn open<const BJDATA: bool>(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
    let (at, left) = scan::container_start::<BJDATA>(bytes, at)?;
    Ok(Cursor { at, left, is_first: true })
}
