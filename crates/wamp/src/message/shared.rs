//! ERROR, and the parts of options and details that several messages share.

use std::borrow::Cow;

use super::Kind;
use crate::id::{RequestId, SessionId};
use crate::payload::Payload;

/// `[ERROR, REQUEST.Type, REQUEST.Request|id, Details|dict, Error|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Error<'a> {
    /// Which kind of request failed.
    pub request_kind: Kind,
    /// Its id.
    pub request: RequestId,
    /// Details.
    pub details: ErrorDetails,
    /// The error URI.
    pub error: Cow<'a, str>,
    /// What the application says about it.
    pub payload: Payload<'a>,
}

impl<'a> Error<'a> {
    /// An error without details and payload.
    pub fn new(request_kind: Kind, request: RequestId, error: impl Into<Cow<'a, str>>) -> Self {
        let details = ErrorDetails::default();
        Error { request_kind, request, details, error: error.into(), payload: Payload::empty() }
    }

    pub(super) fn into_owned(self) -> Error<'static> {
        Error {
            request_kind: self.request_kind,
            request: self.request,
            details: self.details,
            error: Cow::Owned(self.error.into_owned()),
            payload: self.payload.into_owned(),
        }
    }
}

/// `ERROR.Details`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorDetails {
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// Payload passthru: the payload is one binary that the router does not look into.
///
/// The specification's `ppt_*` and the older `enc_*` options of Autobahn; each is passed on in the form it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passthru {
    /// `ppt_scheme`.
    pub ppt_scheme: Option<String>,
    /// `ppt_serializer`.
    pub ppt_serializer: Option<String>,
    /// `ppt_cipher`.
    pub ppt_cipher: Option<String>,
    /// `ppt_keyid`.
    pub ppt_keyid: Option<String>,
    /// `enc_algo`: `cryptobox`, `mqtt`, `xbr` or `x_…`.
    pub enc_algo: Option<String>,
    /// `enc_serializer`: `json`, `msgpack`, `cbor`, `ubjson`, `opaque`, `flatbuffers` or `x_…`.
    pub enc_serializer: Option<String>,
    /// `enc_key`, text or bytes.
    pub enc_key: Option<crate::Value>,
}

impl Passthru {
    /// Whether the payload is opaque.
    pub fn is_active(&self) -> bool {
        self.has_scheme() || self.enc_algo.is_some()
    }

    /// Whether it is so in the specification's form, which peers announce as `payload_passthru_mode`.
    pub fn has_scheme(&self) -> bool {
        self.ppt_scheme.as_deref().is_some_and(|scheme| !scheme.is_empty())
    }
}

/// One router that a message came through: an entry of `forward_for`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardFor {
    /// The session there.
    pub session: SessionId,
    /// Its authid.
    pub authid: Option<String>,
    /// Its authrole.
    pub authrole: String,
}

/// Details of an UNSUBSCRIBED or UNREGISTERED that the router sends of its own accord.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoked {
    /// The subscription or registration.
    pub id: u64,
    /// Why, a URI.
    pub reason: Option<String>,
}
