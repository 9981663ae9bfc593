//! Containers with one type for all their values (`[$l#…`, `{$U#…`), and BJData's arrays of rows and columns, spelled out
//! as containers in which every value has its own marker.

use super::super::Malformed;
use super::scan;
use crate::limits::{DEPTH_MAX, UBJSON_DIMENSIONS_MAX};

/// `bytes` with every such container spelled out; nothing if there is none, or what they hold is malformed.
///
/// The output is at most twice as long as `bytes`: a value without bytes of its own (null, a boolean, an empty row) is paid
/// from a budget of as many as `bytes` are long.
#[cold]
pub(super) fn spelled_out<const BJDATA: bool>(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.contains(&b'$') || bytes.len() > crate::limits::MESSAGE_LEN_MAX {
        return None;
    }
    let mut copy = Copy::<BJDATA> { bytes, out: Vec::new(), budget: bytes.len(), has_typed: false };
    let end = copy.value(scan::noops_end(bytes, 0), 0).ok()?;
    copy.out.extend_from_slice(bytes.get(end..)?);
    copy.has_typed.then_some(copy.out)
}

struct Copy<'b, const BJDATA: bool> {
    bytes: &'b [u8],
    out: Vec<u8>,
    /// Values without bytes that may still be written.
    budget: usize,
    has_typed: bool,
}

impl<const BJDATA: bool> Copy<'_, BJDATA> {
    /// Copies the value at `at`, and says where it ends.
    fn value(&mut self, at: usize, depth: usize) -> Result<usize, Malformed> {
        let at = scan::noops_end(self.bytes, at);
        let marker = *self.bytes.get(at).ok_or(Malformed::truncated(at))?;
        self.body(marker, at + 1, depth)
    }

    /// Copies a value whose marker is known and whose rest is at `at`.
    fn body(&mut self, marker: u8, at: usize, depth: usize) -> Result<usize, Malformed> {
        match marker {
            b'[' | b'{' => return self.container(marker == b'{', at, depth),
            _ => self.out.push(marker),
        }
        match marker {
            b'Z' | b'T' | b'F' => Ok(at),
            b'C' => self.take(at, 1),
            b'S' | b'H' => self.content(at),
            _ => match scan::number_width::<BJDATA>(marker) {
                Some(width) => self.take(at, width),
                None => Err(Malformed::new(at, "unknown marker")),
            },
        }
    }

    fn take(&mut self, at: usize, len: usize) -> Result<usize, Malformed> {
        let taken = self.bytes.get(at..at + len).ok_or(Malformed::truncated(self.bytes.len()))?;
        self.out.extend_from_slice(taken);
        Ok(at + len)
    }

    /// Copies a length and the bytes behind it.
    fn content(&mut self, at: usize) -> Result<usize, Malformed> {
        let (_, end) = scan::content::<BJDATA>(self.bytes, at)?;
        self.take(at, end - at)
    }

    /// Copies the container whose opening byte is before `at`.
    fn container(&mut self, is_dict: bool, at: usize, depth: usize) -> Result<usize, Malformed> {
        if depth >= DEPTH_MAX {
            return Err(Malformed::new(at, "nested too deep"));
        }
        let (opening, closing) = if is_dict { (b'{', b'}') } else { (b'[', b']') };
        if !is_dict && let Some(content) = scan::binary::<BJDATA>(self.bytes, at - 1) {
            let (_, end) = content?;
            return self.take(at - 1, end + 1 - at);
        }
        let head = self.bytes.get(at..).unwrap_or_default();
        let (kind, mut at, left) = match head {
            [b'$', kind, b'#', b'[', ..] if BJDATA && !is_dict => return self.rows(*kind, at + 3, depth),
            [b'$', kind, b'#', ..] => {
                let (len, start) = scan::length::<BJDATA>(self.bytes, at + 3)?;
                self.has_typed = true;
                self.pay_for(*kind, len)?;
                (Some(*kind), start, len as u64)
            }
            [b'#', ..] => {
                let (len, start) = scan::length::<BJDATA>(self.bytes, at + 1)?;
                (None, start, len as u64)
            }
            _ => (None, at, scan::OPEN),
        };
        self.out.push(opening);
        let mut written = 0;
        while written < left {
            if kind.is_none() {
                at = scan::noops_end(self.bytes, at);
            }
            if left == scan::OPEN && self.bytes.get(at) == Some(&closing) {
                at += 1;
                break;
            }
            if is_dict {
                at = self.content(at)?;
            }
            at = match kind {
                Some(kind) => self.body(kind, at, depth + 1)?,
                None => self.value(at, depth + 1)?,
            };
            written += 1;
        }
        self.out.push(closing);
        Ok(at)
    }

    /// Values without bytes are not written for nothing.
    fn pay_for(&mut self, kind: u8, len: usize) -> Result<(), Malformed> {
        if matches!(kind, b'Z' | b'T' | b'F') {
            self.budget =
                self.budget.checked_sub(len).ok_or(Malformed::new(0, "too many values without bytes"))?;
        }
        Ok(())
    }

    /// Copies an array of rows and columns whose dimensions are the list at `at`: as lists of lists, row by row.
    fn rows(&mut self, kind: u8, at: usize, depth: usize) -> Result<usize, Malformed> {
        self.has_typed = true;
        if scan::number_width::<BJDATA>(kind).is_none() {
            return Err(Malformed::new(at, "an array of rows has numbers"));
        }
        let (dimensions, at) = self.dimensions(at)?;
        if depth + dimensions.len() > DEPTH_MAX {
            return Err(Malformed::new(at, "nested too deep"));
        }
        self.row(kind, &dimensions, at)
    }

    fn row(&mut self, kind: u8, dimensions: &[usize], mut at: usize) -> Result<usize, Malformed> {
        let Some((len, inner)) = dimensions.split_first() else { return self.body(kind, at, 0) };
        self.budget = self.budget.checked_sub(1).ok_or(Malformed::new(at, "too many rows"))?;
        self.out.push(b'[');
        for _ in 0..*len {
            at = self.row(kind, inner, at)?;
        }
        self.out.push(b']');
        Ok(at)
    }

    /// The list of integers at `at`, which may itself have one type, and its end.
    fn dimensions(&mut self, at: usize) -> Result<(Vec<usize>, usize), Malformed> {
        let mut list = Copy::<BJDATA> { bytes: self.bytes, out: Vec::new(), budget: 0, has_typed: false };
        // One level is all there may be: a list of numbers.
        let end = list.container(false, at + 1, DEPTH_MAX - 1)?;
        let mut dimensions = Vec::new();
        let mut at = 1;
        while at + 1 < list.out.len() {
            let (len, next) = scan::length::<BJDATA>(&list.out, at)?;
            if dimensions.len() == UBJSON_DIMENSIONS_MAX {
                return Err(Malformed::new(at, "too many dimensions"));
            }
            dimensions.push(len);
            at = next;
        }
        Ok((dimensions, end))
    }
}

#[cfg(test)]
mod tests {
    use crate::serializer::Serializer;
    use crate::{Dict, Value};

    fn ints(numbers: &[i64]) -> Value {
        Value::List(numbers.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn containers_of_one_type_are_read() {
        let ubjson = |bytes: &[u8]| Serializer::Ubjson.decode_value(bytes).unwrap();
        assert_eq!(ubjson(b"[$I#U\x02\x00\x01\xff\xff"), ints(&[1, -1]));
        assert_eq!(ubjson(b"[$i#U\x03\x01\x02\xff"), ints(&[1, 2, -1]));
        assert_eq!(ubjson(b"[$T#U\x02"), Value::List(vec![true.into(), true.into()]));
        assert_eq!(ubjson(b"[$S#U\x02U\x01aU\x02bc"), Value::List(vec!["a".into(), "bc".into()]));
        assert_eq!(ubjson(b"[$[#U\x02U\x01]#U\x01U\x02"), Value::List(vec![ints(&[1]), ints(&[2])]));
        assert_eq!(ubjson(b"{$U#U\x02U\x01a\x05U\x01b\x06"), Dict::new().with("a", 5).with("b", 6).into());
        assert_eq!(
            ubjson(b"[[$l#U\x01\x00\x00\x00\x07[$U#U\x02$#]"),
            Value::List(vec![ints(&[7]), Value::Bin(b"$#".to_vec())])
        );
        let bjdata = |bytes: &[u8]| Serializer::BjData.decode_value(bytes).unwrap();
        assert_eq!(bjdata(b"[$U#U\x02\x01\xff"), ints(&[1, 255]));
        assert_eq!(bjdata(b"[$u#U\x01\x00\x01"), ints(&[256]));
    }

    #[test]
    fn rows_and_columns_become_lists_of_lists() {
        let expected = Value::List(vec![ints(&[1, 2, 3]), ints(&[4, 5, 6])]);
        for head in [&b"[$U#[U\x02U\x03]"[..], b"[$U#[$U#U\x02\x02\x03", b"[$U#[#U\x02U\x02U\x03"] {
            let bytes = [head, &[1, 2, 3, 4, 5, 6]].concat();
            assert_eq!(Serializer::BjData.decode_value(&bytes), Ok(expected.clone()));
        }
    }

    #[test]
    fn a_few_bytes_cannot_claim_many_values() {
        for lie in [
            &b"[$T#L\x00\x00\x00\x00\xff\xff\xff\xff"[..],
            b"[$Z#l\x00\xff\xff\xff",
            b"[[$Z#U\x0f[$Z#U\x0f[$Z#U\x0f]",
            b"[$I#l\x7f\xff\xff\xff\x00",
            b"[$S#l\x7f\xff\xff\xff",
            b"[$[#l\x7f\xff\xff\xff]]",
            b"[$N#U\x02",
            b"[$x#U\x02",
            b"{$T#l\x7f\xff\xff\xff",
        ] {
            assert!(Serializer::Ubjson.decode_value(lie).is_err(), "{lie:02x?}");
        }
        for lie in [
            &b"[$U#[m\xff\xff\xff\xffm\xff\xff\xff\xff]\x01"[..],
            b"[$U#[m\xff\xff\xff\xffU\x00]",
            b"[$U#[[U\x02]]\x01\x02",
            b"[$U#[i\xff]",
            b"[$U#[]",
            b"[$T#[U\x02]",
            b"[$U#[U\x01U\x01U\x01U\x01U\x01U\x01U\x01U\x01U\x01]\x01",
        ] {
            assert!(Serializer::BjData.decode_value(lie).is_err(), "{lie:02x?}");
        }
    }
}
