//! UBJSON draft 12 and BJData, read by recursion into a tree: every value takes a reader and returns what it found.
//!
//! Arrays of rows and columns are left out; our own tests have them.

use crossweave_wamp::{Dict, Value};

/// A reader of one of the two encodings.
struct Reader<'b> {
    rest: &'b [u8],
    bjdata: bool,
    depth: usize,
    /// Values without bytes that may still be made.
    budget: usize,
}

/// The first value in `bytes` and its length.
pub(crate) fn decode(bytes: &[u8], bjdata: bool) -> Option<(Value, usize)> {
    let mut reader = Reader { rest: bytes, bjdata, depth: 0, budget: bytes.len() };
    let value = reader.value()?;
    // No-ops may follow.
    while let [b'N', rest @ ..] = reader.rest {
        reader.rest = rest;
    }
    Some((value, bytes.len() - reader.rest.len()))
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self, len: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// An unsigned number of `len` bytes.
    fn number(&mut self, len: usize) -> Option<u64> {
        let bjdata = self.bjdata;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let bytes = self.bytes(len)?;
        Some(if bjdata { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    fn marker(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b'N' => {}
                marker => return Some(marker),
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        let marker = self.marker()?;
        self.of_type(marker)
    }

    fn of_type(&mut self, marker: u8) -> Option<Value> {
        Some(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'd' => Value::Float(f32::from_bits(self.number(4)? as u32).into()),
            b'D' => Value::Float(f64::from_bits(self.number(8)?)),
            b'h' if self.bjdata => {
                let bits = self.number(2)? as u16;
                let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
                let size = match exponent {
                    0 => fraction * 2f64.powi(-24),
                    31 if fraction == 0.0 => f64::INFINITY,
                    31 => f64::NAN,
                    _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
                };
                Value::Float(if bits >> 15 == 1 { -size } else { size })
            }
            b'C' => {
                let byte = self.byte().filter(u8::is_ascii)?;
                char::from(byte).to_string().into()
            }
            b'S' => self.text()?.into(),
            b'H' => {
                let text = self.text()?;
                let json: serde_json::Value =
                    serde_json::from_str(&text).ok().filter(|it: &serde_json::Value| it.is_number())?;
                // Spaces are fine for JSON, not here.
                (text.trim() == text).then(|| super::from_json(&json))?
            }
            b'[' => self.list()?,
            b'{' => self.dict()?,
            other => self.integer(other)?.into_value()?,
        })
    }

    fn integer(&mut self, marker: u8) -> Option<i128> {
        Some(match marker {
            b'U' => self.number(1)?.into(),
            b'i' => (self.number(1)? as u8 as i8).into(),
            b'I' => (self.number(2)? as u16 as i16).into(),
            b'l' => (self.number(4)? as u32 as i32).into(),
            b'L' => (self.number(8)? as i64).into(),
            b'B' if self.bjdata => self.number(1)?.into(),
            b'u' if self.bjdata => self.number(2)?.into(),
            b'm' if self.bjdata => self.number(4)?.into(),
            b'M' if self.bjdata => self.number(8)?.into(),
            _ => return None,
        })
    }

    fn len(&mut self) -> Option<usize> {
        let marker = self.byte()?;
        self.integer(marker)?.try_into().ok()
    }

    fn text(&mut self) -> Option<String> {
        let len = self.len()?;
        String::from_utf8(self.bytes(len)?.to_vec()).ok()
    }

    /// The type and number of a container's values, where they are told.
    fn head(&mut self) -> Option<(Option<u8>, Option<usize>)> {
        let kind = match self.rest {
            [b'$', kind, b'#', ..] => {
                self.bytes(2)?;
                Some(*kind)
            }
            [b'$', ..] => return None,
            _ => None,
        };
        let mut len = None;
        if let [b'#', ..] = self.rest {
            self.byte()?;
            len = Some(self.len()?);
        }
        if let (Some(b'Z' | b'T' | b'F'), Some(len)) = (kind, len) {
            self.budget = self.budget.checked_sub(len)?;
        }
        Some((kind, len))
    }

    fn list(&mut self) -> Option<Value> {
        let (kind, len) = self.head()?;
        if kind == Some(if self.bjdata { b'B' } else { b'U' }) {
            return Some(Value::Bin(self.bytes(len?)?.to_vec()));
        }
        self.depth += 1;
        if self.depth > crossweave_wamp::limits::DEPTH_MAX {
            return None;
        }
        let mut list = Vec::new();
        while self.has_more(list.len(), len, b']')? {
            list.push(match kind {
                Some(kind) => self.of_type(kind)?,
                None => self.value()?,
            });
        }
        self.depth -= 1;
        Some(Value::List(list))
    }

    fn dict(&mut self) -> Option<Value> {
        let (kind, len) = self.head()?;
        self.depth += 1;
        if self.depth > crossweave_wamp::limits::DEPTH_MAX {
            return None;
        }
        let mut dict = Dict::new();
        let mut read = 0;
        while self.has_more(read, len, b'}')? {
            if kind.is_none() {
                self.skip_noops();
            }
            let key = self.text()?;
            let value = match kind {
                Some(kind) => self.of_type(kind)?,
                None => self.value()?,
            };
            dict.insert(key, value);
            read += 1;
        }
        self.depth -= 1;
        Some(dict.into())
    }

    fn has_more(&mut self, read: usize, len: Option<usize>, closing: u8) -> Option<bool> {
        if let Some(len) = len {
            return Some(read < len);
        }
        self.skip_noops();
        if self.rest.first() == Some(&closing) {
            self.byte()?;
            return Some(false);
        }
        Some(true)
    }

    fn skip_noops(&mut self) {
        while self.rest.first() == Some(&b'N') {
            self.byte();
        }
    }
}

trait IntoValue {
    fn into_value(self) -> Option<Value>;
}

impl IntoValue for i128 {
    fn into_value(self) -> Option<Value> {
        match i64::try_from(self) {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => u64::try_from(self).ok().map(Value::UInt),
        }
    }
}

/// Writes a JSON value with every number in its longest type.
pub(crate) fn encode(value: &serde_json::Value, bjdata: bool, out: &mut Vec<u8>) {
    use serde_json::Value as Json;
    let number = |marker: u8, bits: u64, out: &mut Vec<u8>| {
        out.push(marker);
        out.extend(if bjdata { bits.to_le_bytes() } else { bits.to_be_bytes() });
    };
    let text = |text: &str, out: &mut Vec<u8>| {
        number(b'L', text.len() as u64, out);
        out.extend_from_slice(text.as_bytes());
    };
    match value {
        Json::Null => out.push(b'Z'),
        Json::Bool(fact) => out.push(if *fact { b'T' } else { b'F' }),
        Json::Number(it) => match it.as_i64() {
            Some(it) => number(b'L', it as u64, out),
            None => number(b'D', it.as_f64().unwrap().to_bits(), out),
        },
        Json::String(it) => {
            out.push(b'S');
            text(it, out);
        }
        Json::Array(list) => {
            out.push(b'[');
            list.iter().for_each(|it| encode(it, bjdata, out));
            out.push(b']');
        }
        Json::Object(dict) => {
            out.push(b'{');
            for (key, it) in dict {
                text(key, out);
                encode(it, bjdata, out);
            }
            out.push(b'}');
        }
    }
}
