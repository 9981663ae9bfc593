//! Arguments for a type that decides itself whether it wants the list or what is in it.

use serde::de::{Deserialize, Deserializer, Visitor};

use super::EMPTY_LIST;
use crate::error::DecodeError;

/// How many elements a MessagePack list has, and the bytes of them.
pub(super) fn split(list: &[u8]) -> Result<(usize, &[u8]), DecodeError> {
    Ok(match list {
        [first @ 0x90..=0x9f, rest @ ..] => (usize::from(first & 0x0f), rest),
        [0xdc, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
        [0xdd, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(DecodeError("not a list".to_owned())),
    })
}

/// Reads a `T` from the MessagePack list `list`.
pub(super) fn decode<'de, T: Deserialize<'de>>(list: &'de [u8]) -> Result<T, DecodeError> {
    T::deserialize(Args { list })
}

struct Args<'de> {
    list: &'de [u8],
}

impl<'de> Args<'de> {
    fn whole(self) -> rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'de, [u8]>, Readable> {
        rmp_serde::Deserializer::from_read_ref(self.list).with_human_readable()
    }

    fn only(
        self,
    ) -> Result<rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'de, [u8]>, Readable>, DecodeError>
    {
        match split(self.list)? {
            (1, only) => Ok(rmp_serde::Deserializer::from_read_ref(only).with_human_readable()),
            (count, _) => Err(DecodeError(format!("{count} arguments where one was expected"))),
        }
    }
}

type Readable = rmp_serde::config::HumanReadableConfig<rmp_serde::config::DefaultConfig>;

fn unexpected(error: rmp_serde::decode::Error) -> DecodeError {
    DecodeError(error.to_string())
}

impl serde::de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        DecodeError(text.to_string())
    }
}

/// Types that are read from the list.
macro_rules! from_whole {
    ($($method:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, DecodeError> {
            self.whole().$method($($argument,)* visitor).map_err(unexpected)
        })+
    };
}

/// Types that are read from the only argument.
macro_rules! from_only {
    ($($method:ident($($argument:ident: $type:ty),*)),+ $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, DecodeError> {
            self.only()?.$method($($argument,)* visitor).map_err(unexpected)
        })+
    };
}

impl<'de> Deserializer<'de> for Args<'de> {
    type Error = DecodeError;

    from_whole! {
        deserialize_any(), deserialize_seq(), deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize), deserialize_ignored_any(),
    }

    from_only! {
        deserialize_bool(), deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(), deserialize_i128(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(), deserialize_u128(),
        deserialize_f32(), deserialize_f64(), deserialize_char(), deserialize_str(), deserialize_string(),
        deserialize_bytes(), deserialize_byte_buf(), deserialize_map(), deserialize_identifier(),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]),
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.list == [EMPTY_LIST] {
            visitor.visit_none()
        } else {
            self.only()?.deserialize_option(visitor).map_err(unexpected)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.list == [EMPTY_LIST] {
            visitor.visit_unit()
        } else {
            self.only()?.deserialize_unit(visitor).map_err(unexpected)
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
