//! Skimming and writing JSON.

use super::Malformed;
use super::message::Skim;
use super::value::Value;

/// A position in a JSON text.
pub(crate) struct Skimmer<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Skimmer<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next octet that is not white space.
    fn peek(&mut self) -> Result<u8, Malformed> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Malformed("json ends early")),
            }
        }
    }

    /// Passes over a list or map, counting brackets outside strings.
    fn skip_nested(&mut self) -> Result<(), Malformed> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b'"' => {
                    self.text()?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

impl<'a> Skim<'a> for Skimmer<'a> {
    fn open(&mut self) -> Result<(), Malformed> {
        if self.peek()? != b'[' {
            return Err(Malformed("json list expected"));
        }
        self.at += 1;
        Ok(())
    }

    fn more(&mut self) -> Result<bool, Malformed> {
        match self.peek()? {
            b']' => Ok(false),
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    fn uint(&mut self) -> Result<u64, Malformed> {
        self.peek()?;
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start { Err(Malformed("json integer expected")) } else { Ok(value) }
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        if self.peek()? != b'"' {
            return Err(Malformed("json string expected"));
        }
        self.at += 1;
        let start = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(step) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(Malformed("json string without an end"));
            };
            self.at += step;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Ok(&self.text[start..self.at - 1]);
            }
            self.at += 2;
        }
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'[' | b'{' => self.skip_nested(),
            _ => {
                while let Some(byte) = self.text.get(self.at)
                    && !matches!(byte, b',' | b']' | b'}')
                {
                    self.at += 1;
                }
                Ok(())
            }
        }
    }
}

/// Appends the digits of `value`.
pub(crate) fn digits(mut value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

/// Appends `value`. Strings of the generator hold nothing that JSON escapes.
pub(crate) fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Uint(n) => digits(*n, out),
        Value::Text(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            out.push(b'{');
            for (i, (key, value)) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(&Value::Text(key), out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}
