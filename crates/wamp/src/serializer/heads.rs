//! Heads of lists and dicts whose length was not known when they began.
//!
//! One byte stands for such a head while its elements are written. Where that is too short for the length, the longer head
//! is put in when everything is written, all of them in one walk from the end of the output to its front. Every byte so moves
//! once, however deep the containers nest.

use super::Format;

/// The heads that are longer than the byte which stands for them.
#[derive(Debug, Default)]
pub(crate) struct LongHeads(Vec<LongHead>);

#[derive(Debug)]
struct LongHead {
    /// Where the byte is that stands for it.
    mark: usize,
    len: usize,
    is_dict: bool,
}

impl LongHead {
    fn write<F: Format>(&self, out: &mut Vec<u8>) {
        out.clear();
        if self.is_dict {
            F::begin_dict(out, self.len);
        } else {
            F::begin_list(out, self.len);
        }
    }
}

impl LongHeads {
    /// Remembers a list of `len` elements whose byte is at `mark`.
    #[cold]
    pub(crate) fn push_list(&mut self, mark: usize, len: usize) {
        self.0.push(LongHead { mark, len, is_dict: false });
    }

    /// Remembers a dict of `len` entries whose byte is at `mark`.
    #[cold]
    pub(crate) fn push_dict(&mut self, mark: usize, len: usize) {
        self.0.push(LongHead { mark, len, is_dict: true });
    }

    /// Puts the heads in. `out` must not have changed before the marks.
    #[inline]
    pub(crate) fn put<F: Format>(self, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            self.put_all::<F>(out);
        }
    }

    #[cold]
    fn put_all<F: Format>(mut self, out: &mut Vec<u8>) {
        self.0.sort_unstable_by_key(|head| head.mark);
        let mut written = Vec::new();
        let mut from = out.len();
        let mut to = from;
        for head in &self.0 {
            head.write::<F>(&mut written);
            to += written.len() - 1;
        }
        out.resize(to, 0);
        for head in self.0.iter().rev() {
            let body = head.mark + 1..from;
            to -= body.len();
            out.copy_within(body, to);
            head.write::<F>(&mut written);
            to -= written.len();
            out[to..to + written.len()].copy_from_slice(&written);
            from = head.mark;
        }
        debug_assert_eq!(from, to, "what stands before the first head stays");
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::DEPTH_MAX;
    use crate::serializer::Serializer;
    use crate::{Dict, Value};

    /// Lists and dicts in turn, each of `len` elements of which the middle one holds the next.
    fn nested(depth: usize, len: usize) -> Value {
        let mut value = Value::Int(1);
        for level in 0..depth {
            let inner = std::mem::replace(&mut value, Value::Null);
            let mut elements: Vec<Value> = (0..len as i64).map(Value::Int).collect();
            elements[len / 2] = inner;
            value = if level % 2 == 0 {
                Value::List(elements)
            } else {
                let mut dict = Dict::new();
                for (key, element) in elements.into_iter().enumerate() {
                    dict = dict.with(format!("k{key}"), element);
                }
                Value::Dict(dict)
            };
        }
        value
    }

    fn assert_same_from_every_serializer(value: &Value) {
        for to in Serializer::ALL {
            let mut expected = Vec::new();
            to.encode_value(value, &mut expected);
            for from in Serializer::ALL {
                let mut bytes = Vec::new();
                from.encode_value(value, &mut bytes);
                assert!(from.transcode_value(to, &bytes).unwrap() == expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn lists_and_dicts_of_any_length_get_the_shortest_head() {
        for len in [1, 15, 16, 23, 24, 255, 256, 65_535, 65_536] {
            assert_same_from_every_serializer(&nested(1, len));
        }
        for len in [15, 16, 23, 24, 255, 256] {
            assert_same_from_every_serializer(&nested(2, len));
            assert_same_from_every_serializer(&Value::List(vec![nested(2, len), nested(3, len)]));
        }
    }

    #[test]
    fn long_lists_nested_to_the_limit_are_transcoded_whole() {
        let value = nested(DEPTH_MAX, 800);
        let mut json = Vec::new();
        Serializer::Json.encode_value(&value, &mut json);
        assert!(json.len() > 500_000, "{}", json.len());
        for to in Serializer::ALL {
            let mut expected = Vec::new();
            to.encode_value(&value, &mut expected);
            assert!(Serializer::Json.transcode_value(to, &json).unwrap() == expected, "json to {to}");
        }
    }

    #[test]
    fn cbor_of_indefinite_length_gets_the_heads_of_its_lengths() {
        let ones = [1u8; 300];
        let inner = [&[0x9f], &ones[..], &[0xff]].concat();
        let outer = [&[0x9f], &ones[..20], &inner, &ones[..20], &[0xff]].concat();
        let one = |count| vec![Value::Int(1); count];
        let mut elements = one(20);
        elements.push(Value::List(one(300)));
        elements.extend(one(20));
        let mut expected = Vec::new();
        Serializer::MsgPack.encode_value(&Value::List(elements), &mut expected);
        assert_eq!(Serializer::Cbor.transcode_value(Serializer::MsgPack, &outer).unwrap(), expected);
    }
}
