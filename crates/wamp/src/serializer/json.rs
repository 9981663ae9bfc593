//! JSON (RFC 8259), strictly. Bytes travel as a string of `\0` and base64 ("Binary support in JSON").
//!
//! Numbers keep their kind: an integer that fits 64 bits is an integer, everything else a float; what is too large for a
//! float is infinity, as in Python and JavaScript.

mod string;

use super::{Cursor, Format, Malformed, Serializer, Shape, Token};
use crate::limits::DEPTH_MAX;

/// The JSON format.
#[derive(Debug)]
pub struct Json;

impl Format for Json {
    const SERIALIZER: Serializer = Serializer::Json;

    #[inline]
    fn skip(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        match bytes.get(at) {
            Some(b'"') => Ok(string::check(bytes, at)?.end),
            Some(b'[' | b'{') => container_end(bytes, at, depth),
            Some(_) => scalar_end(bytes, at),
            None => Err(Malformed::truncated(at)),
        }
    }

    fn token(bytes: &[u8], at: usize) -> Token<'_> {
        match bytes.get(at) {
            Some(b'"') => string::check(bytes, at).map_or(Token::Null, string::Checked::token),
            Some(b'[') => Token::List,
            Some(b'{') => Token::Dict,
            Some(b't') => Token::Bool(true),
            Some(b'f') => Token::Bool(false),
            Some(b'-' | b'0'..=b'9') => number_token(bytes, at),
            _ => Token::Null,
        }
    }

    #[inline]
    fn shape(bytes: &[u8], at: usize) -> Shape {
        match bytes.get(at) {
            Some(b'[') => Shape::List,
            Some(b'{') => Shape::Dict,
            Some(b'n') => Shape::Null,
            _ => Shape::Other,
        }
    }

    #[inline]
    fn uint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        const DIGITS_MAX: usize = 18;
        let mut end = at;
        let mut number = 0;
        while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
            number = number * 10 + u64::from(digit - b'0');
            end += 1;
            if end - at > DIGITS_MAX {
                return None;
            }
        }
        let has_leading_zero = bytes.get(at) == Some(&b'0') && end > at + 1;
        let goes_on = matches!(bytes.get(end), Some(b'.' | b'e' | b'E'));
        (end > at && !has_leading_zero && !goes_on).then_some((number, end))
    }

    #[inline]
    fn text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(std::borrow::Cow<'a, str>, usize), Malformed>> {
        (bytes.get(at) == Some(&b'"'))
            .then(|| string::check(bytes, at).map(|found| (found.text(), found.end)))
    }

    #[inline]
    fn plain_empty_dict(bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at..at + 2) == Some(b"{}")).then_some(at + 2)
    }

    #[inline]
    fn open_list(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, b'[', "expected a list")
    }

    #[inline]
    fn open_dict(bytes: &[u8], at: usize) -> Result<Cursor, Malformed> {
        open(bytes, at, b'{', "expected a dict")
    }

    #[inline]
    fn advance(bytes: &[u8], cursor: &mut Cursor, closing: u8) -> Result<bool, Malformed> {
        cursor.at = Self::skip_space(bytes, cursor.at);
        match bytes.get(cursor.at) {
            Some(b',') if !cursor.is_first => cursor.at = Self::skip_space(bytes, cursor.at + 1),
            Some(&byte) if byte == closing => {
                cursor.at += 1;
                return Ok(false);
            }
            Some(_) if cursor.is_first => {}
            Some(_) => return Err(Malformed::new(cursor.at, "expected a comma or the end of the container")),
            None => return Err(Malformed::truncated(cursor.at)),
        }
        cursor.is_first = false;
        Ok(true)
    }

    #[inline]
    fn to_value(bytes: &[u8], cursor: &mut Cursor) -> Result<(), Malformed> {
        cursor.at = colon(bytes, cursor.at)?;
        Ok(())
    }

    #[inline]
    fn skip_space(bytes: &[u8], mut at: usize) -> usize {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
            at += 1;
        }
        at
    }

    fn skip_comma(bytes: &[u8], at: usize) -> usize {
        let at = Self::skip_space(bytes, at);
        if bytes.get(at) == Some(&b',') { Self::skip_space(bytes, at + 1) } else { at }
    }

    #[inline]
    fn begin_message(out: &mut Vec<u8>, _len: usize) {
        out.push(b'[');
    }

    #[inline]
    fn end_message(out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn begin_list(out: &mut Vec<u8>, _len: usize) {
        Self::open_counted_list(out);
    }

    #[inline]
    fn begin_dict(out: &mut Vec<u8>, _len: usize) {
        Self::open_counted_dict(out);
    }

    fn end_list(out: &mut Vec<u8>) {
        out.push(b']');
    }

    #[inline]
    fn end_dict(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn open_counted_list(out: &mut Vec<u8>) -> usize {
        separate(out);
        out.push(b'[');
        0
    }

    #[inline]
    fn open_counted_dict(out: &mut Vec<u8>) -> usize {
        separate(out);
        out.push(b'{');
        0
    }

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
        Self::str(out, key);
        out.push(b':');
    }

    fn null(out: &mut Vec<u8>) {
        separate(out);
        out.extend_from_slice(b"null");
    }

    #[inline]
    fn bool(out: &mut Vec<u8>, value: bool) {
        separate(out);
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    #[inline]
    fn uint_value(out: &mut Vec<u8>, value: u64) {
        separate(out);
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn int(out: &mut Vec<u8>, value: i64) {
        separate(out);
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn float(out: &mut Vec<u8>, value: f64) {
        use std::io::Write as _;
        if !value.is_finite() {
            return Self::null(out);
        }
        separate(out);
        // `{:?}` prints the shortest text that reads back as the same number, always with a point or an exponent.
        write!(out, "{value:?}").unwrap_or_else(|_| unreachable!("a vector takes what is written"));
    }

    #[inline]
    fn str(out: &mut Vec<u8>, value: &str) {
        separate(out);
        string::write(out, value);
    }

    fn bin(out: &mut Vec<u8>, value: &[u8]) {
        separate(out);
        string::write_bytes(out, value);
    }

    #[inline]
    fn raw(out: &mut Vec<u8>, elements: &[u8]) {
        separate(out);
        out.extend_from_slice(elements);
    }
}

/// Writes the comma before a value unless it is the first of its container. No complete value ends in one of these bytes.
#[inline]
fn separate(out: &mut Vec<u8>) {
    if let Some(last) = out.last()
        && !matches!(last, b'[' | b'{' | b':' | b',')
    {
        out.push(b',');
    }
}

#[inline]
fn open(bytes: &[u8], at: usize, opening: u8, why: &'static str) -> Result<Cursor, Malformed> {
    match bytes.get(at) {
        Some(&byte) if byte == opening => Ok(Cursor { at: at + 1, left: u64::MAX, is_first: true }),
        Some(_) => Err(Malformed::new(at, why)),
        None => Err(Malformed::truncated(at)),
    }
}

#[inline]
fn colon(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let at = Json::skip_space(bytes, at);
    match bytes.get(at) {
        Some(b':') => Ok(Json::skip_space(bytes, at + 1)),
        Some(_) => Err(Malformed::new(at, "expected a colon")),
        None => Err(Malformed::truncated(at)),
    }
}

/// The end of a number or literal.
fn scalar_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let rest = bytes.get(at..).unwrap_or_default();
    let literal = |text: &[u8]| match rest.starts_with(text) {
        true => Ok(at + text.len()),
        false => Err(Malformed::new(at, "expected a value")),
    };
    match rest.first() {
        Some(b't') => literal(b"true"),
        Some(b'f') => literal(b"false"),
        Some(b'n') => literal(b"null"),
        Some(b'-' | b'0'..=b'9') => number_end(bytes, at),
        Some(_) => Err(Malformed::new(at, "expected a value")),
        None => Err(Malformed::truncated(at)),
    }
}

fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The end of the number at `at`.
pub(super) fn number_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let bad = Malformed::new(at, "bad number");
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = digits_end(bytes, start);
    if end == start || (bytes.get(start) == Some(&b'0') && end > start + 1) {
        return Err(bad);
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits_end(bytes, fraction);
        if end == fraction {
            return Err(bad);
        }
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits_end(bytes, exponent);
        if end == exponent {
            return Err(bad);
        }
    }
    Ok(end)
}

fn number_token(bytes: &[u8], at: usize) -> Token<'_> {
    if let Some((number, _)) = Json::uint(bytes, at) {
        return i64::try_from(number).map_or(Token::UInt(number), Token::Int);
    }
    let end = number_end(bytes, at).unwrap_or(at);
    let text = std::str::from_utf8(bytes.get(at..end).unwrap_or_default()).unwrap_or_default();
    if let Ok(number) = text.parse() {
        Token::Int(number)
    } else if let Ok(number) = text.parse() {
        Token::UInt(number)
    } else {
        text.parse().map_or(Token::Null, Token::Float)
    }
}

/// The end of the list or dict at `at`. Open containers are bits of one word: a one is a dict.
fn container_end(bytes: &[u8], mut at: usize, depth: usize) -> Result<usize, Malformed> {
    let mut open: u128 = 0;
    let mut level = 0;
    loop {
        at = match bytes.get(at) {
            Some(b'"') => string::check(bytes, at)?.end,
            Some(&byte @ (b'[' | b'{')) => {
                if depth + level >= DEPTH_MAX {
                    return Err(Malformed::new(at, "nested too deep"));
                }
                let inner = Json::skip_space(bytes, at + 1);
                if bytes.get(inner) == Some(&(byte + 2)) {
                    inner + 1
                } else {
                    let is_dict = byte == b'{';
                    open = open << 1 | u128::from(is_dict);
                    level += 1;
                    at = if is_dict { key_end(bytes, inner)? } else { inner };
                    continue;
                }
            }
            _ => scalar_end(bytes, at)?,
        };
        // A value has ended: close what it closes, or go on to the next one.
        loop {
            if level == 0 {
                return Ok(at);
            }
            let is_dict = open & 1 == 1;
            at = Json::skip_space(bytes, at);
            match bytes.get(at) {
                Some(b',') => {
                    at = Json::skip_space(bytes, at + 1);
                    if is_dict {
                        at = key_end(bytes, at)?;
                    }
                    break;
                }
                Some(b'}') if is_dict => at += 1,
                Some(b']') if !is_dict => at += 1,
                Some(_) => return Err(Malformed::new(at, "expected a comma or the end of the container")),
                None => return Err(Malformed::truncated(at)),
            }
            open >>= 1;
            level -= 1;
        }
    }
}

/// From a key to its value.
fn key_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at) {
        Some(b'"') => colon(bytes, string::check(bytes, at)?.end),
        Some(_) => Err(Malformed::new(at, "expected a key")),
        None => Err(Malformed::truncated(at)),
    }
}
