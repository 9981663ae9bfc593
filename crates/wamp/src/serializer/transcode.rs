//! From one serializer to another, value by value, without a tree in between.

use super::heads::LongHeads;
use super::read::key_text;
use super::{Cursor, Format, Malformed, Serializer, Token, with_format};

/// Appends to `out` the `count` checked values that stand one after the other in `bytes`, as a payload's do.
///
/// JSON has no NaN and no infinities: they become null. MessagePack's extension types become their bytes and CBOR's tags
/// are left out. Keys that are not text become the text of their value.
pub(crate) fn elements(
    from: Serializer,
    to: Serializer,
    count: usize,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> usize {
    with_format!(from, From => with_format!(to, To => copy_elements::<From, To>(count, bytes, out)))
}

/// How many of the values were copied: all of them, if they are checked.
fn copy_elements<From: Format, To: Format>(count: usize, bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let mut heads = LongHeads::default();
    let mut at = From::skip_space(bytes, 0);
    let mut copied = 0;
    while copied < count
        && let Ok(end) = copy::<From, To>(bytes, at, out, &mut heads)
    {
        at = From::skip_comma(bytes, end);
        copied += 1;
    }
    heads.put::<To>(out);
    copied
}

/// Copies the value at `at` and says where it ends. Recursion is as deep as checked values are.
fn copy<From: Format, To: Format>(
    bytes: &[u8],
    at: usize,
    out: &mut Vec<u8>,
    heads: &mut LongHeads,
) -> Result<usize, Malformed> {
    match From::token(bytes, at) {
        Token::List => return copy_list::<From, To>(bytes, From::open_list(bytes, at)?, out, heads),
        Token::Dict => return copy_dict::<From, To>(bytes, From::open_dict(bytes, at)?, out, heads),
        Token::Null => To::null(out),
        Token::Bool(fact) => To::bool(out, fact),
        Token::Int(number) => To::int(out, number),
        Token::UInt(number) => To::uint_value(out, number),
        Token::Float(number) => To::float(out, number),
        Token::Str(text) => To::str(out, &text),
        Token::Bin(content) => To::bin(out, &content),
    }
    From::skip(bytes, at, 0)
}

fn copy_list<From: Format, To: Format>(
    bytes: &[u8],
    mut cursor: Cursor,
    out: &mut Vec<u8>,
    heads: &mut LongHeads,
) -> Result<usize, Malformed> {
    let mark = To::open_counted_list(out);
    let mut len = 0;
    while From::advance(bytes, &mut cursor, b']')? {
        cursor.at = copy::<From, To>(bytes, cursor.at, out, heads)?;
        len += 1;
    }
    if !To::close_counted_list(out, mark, len) {
        heads.push_list(mark, len);
    }
    Ok(cursor.at)
}

fn copy_dict<From: Format, To: Format>(
    bytes: &[u8],
    mut cursor: Cursor,
    out: &mut Vec<u8>,
    heads: &mut LongHeads,
) -> Result<usize, Malformed> {
    let mark = To::open_counted_dict(out);
    let mut len = 0;
    while From::advance(bytes, &mut cursor, b'}')? {
        let (key, end) = key_text::<From>(bytes, cursor.at)?;
        To::key(out, &key);
        cursor.at = end;
        From::to_value(bytes, &mut cursor)?;
        cursor.at = copy::<From, To>(bytes, cursor.at, out, heads)?;
        len += 1;
    }
    if !To::close_counted_dict(out, mark, len) {
        heads.push_dict(mark, len);
    }
    Ok(cursor.at)
}
