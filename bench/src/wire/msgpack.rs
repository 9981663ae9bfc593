//! Skimming and writing MessagePack.

use super::Malformed;
use super::message::Skim;
use super::value::Value;

/// A position in a MessagePack message.
pub(crate) struct Skimmer<'a> {
    bytes: &'a [u8],
    /// Elements left in the list opened last.
    left: u64,
}

impl<'a> Skimmer<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, left: 0 }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(Malformed("msgpack ends early"))?;
        self.bytes = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    /// A big-endian number of `width` octets.
    fn number(&mut self, width: usize) -> Result<u64, Malformed> {
        Ok(self.take(width)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn skip_octets(&mut self, length: u64) -> Result<(), Malformed> {
        self.take(usize::try_from(length).unwrap_or(usize::MAX)).map(drop)
    }

    /// Passes over one value; answers how many values are nested in it.
    fn skip_one(&mut self) -> Result<u64, Malformed> {
        let tag = self.byte()?;
        match tag {
            0x00..=0x7f | 0xe0..=0xff | 0xc0..=0xc3 => {}
            0x80..=0x8f => return Ok(2 * u64::from(tag & 0x0f)),
            0x90..=0x9f => return Ok(u64::from(tag & 0x0f)),
            0xa0..=0xbf => self.skip_octets(u64::from(tag & 0x1f))?,
            0xc4 | 0xd9 => self.number(1).and_then(|n| self.skip_octets(n))?,
            0xc5 | 0xda => self.number(2).and_then(|n| self.skip_octets(n))?,
            0xc6 | 0xdb => self.number(4).and_then(|n| self.skip_octets(n))?,
            0xc7..=0xc9 => self.number(1 << (tag - 0xc7)).and_then(|n| self.skip_octets(n + 1))?,
            0xca | 0xce | 0xd2 => self.skip_octets(4)?,
            0xcb | 0xcf | 0xd3 => self.skip_octets(8)?,
            0xcc | 0xd0 => self.skip_octets(1)?,
            0xcd | 0xd1 => self.skip_octets(2)?,
            0xd4..=0xd8 => self.skip_octets(1 + (1 << (tag - 0xd4)))?,
            0xdc => return self.number(2),
            0xdd => return self.number(4),
            0xde => return Ok(2 * self.number(2)?),
            0xdf => return Ok(2 * self.number(4)?),
        }
        Ok(0)
    }
}

impl<'a> Skim<'a> for Skimmer<'a> {
    fn open(&mut self) -> Result<(), Malformed> {
        self.left = match self.byte()? {
            tag @ 0x90..=0x9f => u64::from(tag & 0x0f),
            0xdc => self.number(2)?,
            0xdd => self.number(4)?,
            _ => return Err(Malformed("msgpack list expected")),
        };
        Ok(())
    }

    fn more(&mut self) -> Result<bool, Malformed> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Ok(more)
    }

    fn uint(&mut self) -> Result<u64, Malformed> {
        match self.byte()? {
            tag @ 0x00..=0x7f => Ok(u64::from(tag)),
            0xcc | 0xd0 => self.number(1),
            0xcd | 0xd1 => self.number(2),
            0xce | 0xd2 => self.number(4),
            0xcf | 0xd3 => self.number(8),
            _ => Err(Malformed("msgpack integer expected")),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let length = match self.byte()? {
            tag @ 0xa0..=0xbf => u64::from(tag & 0x1f),
            0xc4 | 0xd9 => self.number(1)?,
            0xc5 | 0xda => self.number(2)?,
            0xc6 | 0xdb => self.number(4)?,
            _ => return Err(Malformed("msgpack string expected")),
        };
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        let mut values = 1u64;
        while values > 0 {
            values = (values - 1).saturating_add(self.skip_one()?);
        }
        Ok(())
    }
}

/// Appends an unsigned integer in its shortest form.
pub(crate) fn uint(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// Appends the header of a string of `length` octets (below 64 KiB).
pub(crate) fn text_header(length: usize, out: &mut Vec<u8>) {
    match length {
        0..=31 => out.push(0xa0 | length as u8),
        32..=255 => out.extend_from_slice(&[0xd9, length as u8]),
        _ => {
            out.push(0xda);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
}

/// Appends `value`; lists and maps of the generator have at most 15 entries.
pub(crate) fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Uint(n) => uint(*n, out),
        Value::Text(text) => {
            text_header(text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(items) => {
            out.push(0x90 | items.len() as u8);
            items.iter().for_each(|item| write(item, out));
        }
        Value::Map(entries) => {
            out.push(0x80 | entries.len() as u8);
            for (key, value) in entries {
                write(&Value::Text(key), out);
                write(value, out);
            }
        }
    }
}
