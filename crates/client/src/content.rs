//! What came along: `args` and `kwargs` of an event, a result, an invocation.

use serde::de::DeserializeOwned;

use crossweave_wamp::message::Passthru;
use crossweave_wamp::{Dict, Payload, Value};

use crate::error::DecodeError;
use crate::limits::ITEM_BYTES;
use crate::typed;

/// The payload of a message as it came, decoded only when asked for.
#[derive(Clone, Debug)]
pub struct Content {
    payload: Payload<'static>,
    passthru: Option<Box<Passthru>>,
}

impl Content {
    pub(crate) fn new(payload: Payload<'_>, passthru: Option<Box<Passthru>>) -> Content {
        Content { payload: payload.into_owned(), passthru }
    }

    pub(crate) fn into_parts(self) -> (Payload<'static>, Option<Box<Passthru>>) {
        (self.payload, self.passthru)
    }

    /// What it costs to keep it, in octets.
    pub(crate) fn cost(&self) -> usize {
        ITEM_BYTES + self.payload.bytes().len()
    }

    /// `args`.
    pub fn args(&self) -> Vec<Value> {
        self.payload.args()
    }

    /// `kwargs`.
    pub fn kwargs(&self) -> Dict {
        self.payload.kwargs()
    }

    /// The arguments as `T`: a tuple or list takes them all, `()` none, any other type the only one.
    ///
    /// # Errors
    /// They are not what `T` takes.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        typed::decode_args(&self.payload)
    }

    /// The arguments as a result: one argument is `T` itself, several are a tuple or list, none is `()` or `None`.
    ///
    /// # Errors
    /// They are not what `T` takes.
    pub fn parse_result<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        typed::decode_result(&self.payload)
    }

    /// The keyword arguments as a struct or map.
    ///
    /// # Errors
    /// They are not what `T` takes.
    pub fn parse_kwargs<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        typed::decode_kwargs(&self.payload)
    }

    /// How an opaque payload is packed (payload passthru); nothing for ordinary ones.
    pub fn passthru(&self) -> Option<&Passthru> {
        self.passthru.as_deref()
    }

    /// The bytes of an opaque payload.
    pub fn opaque_bytes(&self) -> Option<Vec<u8>> {
        self.passthru.as_ref().filter(|passthru| passthru.is_active())?;
        self.payload.opaque_bytes()
    }

    /// The payload itself, in the serializer of the session.
    pub fn payload(&self) -> &Payload<'static> {
        &self.payload
    }
}

/// The everyday part of [`Content`] on the types that have one.
macro_rules! has_content {
    ($type:ty) => {
        impl $type {
            /// `args`.
            pub fn args(&self) -> Vec<crossweave_wamp::Value> {
                self.content.args()
            }

            /// `kwargs`.
            pub fn kwargs(&self) -> crossweave_wamp::Dict {
                self.content.kwargs()
            }

            /// The arguments as `T`: a tuple or list takes them all, `()` none, any other type the only one.
            ///
            /// # Errors
            /// They are not what `T` takes.
            pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, $crate::error::DecodeError> {
                self.content.parse()
            }

            /// The keyword arguments as a struct or map.
            ///
            /// # Errors
            /// They are not what `T` takes.
            pub fn parse_kwargs<T: serde::de::DeserializeOwned>(
                &self,
            ) -> Result<T, $crate::error::DecodeError> {
                self.content.parse_kwargs()
            }
        }
    };
}
pub(crate) use has_content;
