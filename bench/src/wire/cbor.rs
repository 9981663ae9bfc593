//! Skimming and writing CBOR.

use super::Malformed;
use super::message::Skim;
use super::value::Value;

const UINT: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// A position in a CBOR message.
pub(crate) struct Skimmer<'a> {
    bytes: &'a [u8],
    /// Elements left in the list opened last.
    left: u64,
}

impl<'a> Skimmer<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, left: 0 }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(Malformed("cbor ends early"))?;
        self.bytes = rest;
        Ok(head)
    }

    /// Major type and argument of the next item. No peer here sends indefinite lengths.
    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let first = self.take(1)?[0];
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            wide @ 24..=27 => {
                self.take(1 << (wide - 24))?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
            }
            _ => return Err(Malformed("cbor of indefinite length")),
        };
        Ok((first >> 5, argument))
    }
}

impl<'a> Skim<'a> for Skimmer<'a> {
    fn open(&mut self) -> Result<(), Malformed> {
        match self.head()? {
            (LIST, count) => self.left = count,
            _ => return Err(Malformed("cbor list expected")),
        }
        Ok(())
    }

    fn more(&mut self) -> Result<bool, Malformed> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Ok(more)
    }

    fn uint(&mut self) -> Result<u64, Malformed> {
        match self.head()? {
            (UINT, value) => Ok(value),
            _ => Err(Malformed("cbor integer expected")),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        match self.head()? {
            (TEXT | BYTES, length) => self.take(length),
            _ => Err(Malformed("cbor string expected")),
        }
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        let mut values = 1u64;
        while values > 0 {
            values -= 1;
            match self.head()? {
                (TEXT | BYTES, length) => self.take(length).map(drop)?,
                (LIST, count) => values = values.saturating_add(count),
                (MAP, count) => values = values.saturating_add(count.saturating_mul(2)),
                (TAG, _) => values += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// Appends an unsigned integer in its shortest form.
pub(crate) fn uint(value: u64, out: &mut Vec<u8>) {
    head(UINT, value, out);
}

/// Appends the header of a string of `length` octets.
pub(crate) fn text_header(length: usize, out: &mut Vec<u8>) {
    head(TEXT, length as u64, out);
}

/// Appends `value`.
pub(crate) fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Uint(n) => uint(*n, out),
        Value::Text(text) => {
            text_header(text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(items) => {
            head(LIST, items.len() as u64, out);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Map(entries) => {
            head(MAP, entries.len() as u64, out);
            for (key, value) in entries {
                write(&Value::Text(key), out);
                write(value, out);
            }
        }
    }
}
