//! Writing a message, element by element.

use std::marker::PhantomData;

use super::heads::LongHeads;
use super::{Format, Serializer};
use crate::value::Value;

/// Writes values in one format at the end of a buffer.
#[derive(Debug)]
pub struct Writer<'o, F> {
    out: &'o mut Vec<u8>,
    format: PhantomData<F>,
}

impl<'o, F: Format> Writer<'o, F> {
    /// A writer that appends to `out`. A message may follow anything; single values separate themselves from a value that
    /// `out` ends in.
    #[inline]
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Writer { out, format: PhantomData }
    }

    /// Begins a message of `len` elements.
    #[inline]
    pub fn message(&mut self, len: usize) {
        F::begin_message(self.out, len);
    }

    /// Ends a message.
    #[inline]
    pub fn end_message(&mut self) {
        F::end_message(self.out);
    }

    /// An unsigned integer.
    #[inline]
    pub fn uint(&mut self, value: u64) {
        F::uint_value(self.out, value);
    }

    /// Text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        F::str(self.out, value);
    }

    /// Elements that are in this format already; none is fine.
    #[inline]
    pub fn raw(&mut self, elements: &[u8]) {
        if !elements.is_empty() {
            F::raw(self.out, elements);
        }
    }

    /// `count` checked elements in another serializer.
    #[cold]
    pub(crate) fn transcoded(&mut self, from: Serializer, count: usize, elements: &[u8]) {
        super::transcode::elements(from, F::SERIALIZER, count, elements, self.out);
    }

    /// An empty dict.
    #[inline]
    pub fn empty_dict(&mut self) {
        F::begin_dict(self.out, 0);
        F::end_dict(self.out);
    }

    /// A dict of options or details: `fill` adds its entries.
    #[inline]
    pub fn details(&mut self, fill: impl FnOnce(&mut Details<'_, F>)) {
        let mark = F::open_counted_dict(self.out);
        let mut details = Details { out: self.out, len: 0, format: PhantomData };
        fill(&mut details);
        let len = details.len;
        if !F::close_counted_dict(self.out, mark, len) {
            let mut heads = LongHeads::default();
            heads.push_dict(mark, len);
            heads.put::<F>(self.out);
        }
    }

    /// Any value. Recursion is as deep as the value is.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => F::null(self.out),
            Value::Bool(fact) => F::bool(self.out, *fact),
            Value::Int(number) => F::int(self.out, *number),
            Value::UInt(number) => F::uint_value(self.out, *number),
            Value::Float(number) => F::float(self.out, *number),
            Value::Str(text) => F::str(self.out, text),
            Value::Bin(bytes) => F::bin(self.out, bytes),
            Value::List(list) => self.list(list),
            Value::Dict(dict) => self.dict(dict),
        }
    }

    /// A list of values.
    pub fn list(&mut self, list: &[Value]) {
        F::begin_list(self.out, list.len());
        list.iter().for_each(|value| self.value(value));
        F::end_list(self.out);
    }

    /// A dict of values.
    pub fn dict(&mut self, dict: &crate::Dict) {
        F::begin_dict(self.out, dict.len());
        for (key, value) in dict.iter() {
            F::key(self.out, key);
            self.value(value);
        }
        F::end_dict(self.out);
    }
}

/// The entries of an options or details dict. What is absent or at its default is left out.
#[derive(Debug)]
pub struct Details<'o, F> {
    out: &'o mut Vec<u8>,
    len: usize,
    format: PhantomData<F>,
}

impl<F: Format> Details<'_, F> {
    #[inline]
    fn key(&mut self, key: &str) {
        self.len += 1;
        F::key(self.out, key);
    }

    /// `key: true`, if `fact`.
    #[inline]
    pub fn flag(&mut self, key: &str, fact: bool) {
        if fact {
            self.bool(key, true);
        }
    }

    /// A boolean.
    #[inline]
    pub fn bool(&mut self, key: &str, fact: bool) {
        self.key(key);
        F::bool(self.out, fact);
    }

    /// An unsigned integer, if there is one.
    #[inline]
    pub fn uint(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.key(key);
            F::uint_value(self.out, value);
        }
    }

    /// Text, if there is some.
    #[inline]
    pub fn str(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key);
            F::str(self.out, value);
        }
    }

    /// Any value, if there is one.
    pub fn value(&mut self, key: &str, value: Option<&Value>) {
        if let Some(value) = value {
            self.key(key);
            Writer::<F>::new(self.out).value(value);
        }
    }

    /// A list of ids, if there is one.
    pub fn ids(&mut self, key: &str, ids: Option<impl ExactSizeIterator<Item = u64>>) {
        if let Some(ids) = ids {
            self.key(key);
            F::begin_list(self.out, ids.len());
            ids.for_each(|id| F::uint_value(self.out, id));
            F::end_list(self.out);
        }
    }

    /// A list of texts, if there is one.
    pub fn strs(&mut self, key: &str, texts: Option<&[String]>) {
        if let Some(texts) = texts {
            self.key(key);
            F::begin_list(self.out, texts.len());
            texts.iter().for_each(|text| F::str(self.out, text));
            F::end_list(self.out);
        }
    }
}
