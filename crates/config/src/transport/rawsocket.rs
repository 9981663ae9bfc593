//! RawSocket.

use super::{ConnectionOptions, Surroundings, connection};
use crate::auth::{self, Auth};
use crate::reading::{Fields, Finding, Reading};
use crate::serializer::{self, Batches, Serializer};

/// A RawSocket transport, or the RawSocket part of a universal one.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSocket {
    /// `serializers`. Default: all.
    pub serializers: Vec<Serializer>,
    /// `options`.
    pub options: RawSocketOptions,
    /// `auth`. Default: anonymous, in role `anonymous`.
    pub auth: Auth,
}

/// `options` of RawSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSocketOptions {
    /// `max_message_size`: bytes of the largest message taken, 512 to 16777216. RawSocket can only say powers of two:
    /// the next smaller one is announced. Default: 16777216 (16 MiB).
    pub max_message_size: u32,
}

impl Default for RawSocketOptions {
    fn default() -> Self {
        Self { max_message_size: 1 << 24 }
    }
}

impl Default for RawSocket {
    fn default() -> Self {
        Self { serializers: Serializer::ALL.to_vec(), options: Default::default(), auth: Default::default() }
    }
}

impl RawSocket {
    /// Reads the keys of RawSocket; the caller finishes the fields.
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        connection: Option<&mut ConnectionOptions>,
    ) -> Self {
        fields.elsewhere("serializer", "a list `serializers`: only a client has one `serializer`");
        let serializers = serializer::read(reading, fields, Batches::Unknown).single;
        let auth = auth::read(reading, fields, &around.reach);
        if auth.cookie {
            let message = "RawSocket has no cookies: nobody can join by `auth.cookie`";
            reading.report(&fields.at.start(), Finding::error(message).expected("another method"));
        }
        let options = fields
            .object(reading, "options", "the RawSocket options")
            .map(|fields| RawSocketOptions::read(reading, fields, connection))
            .unwrap_or_default();
        fields.no_effect(reading, "debug", "messages are logged with `--loglevel trace`");
        Self { serializers, options, auth }
    }
}

impl RawSocketOptions {
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
        connection: Option<&mut ConnectionOptions>,
    ) -> Self {
        let default = Self::default();
        let max_message_size = fields.int(reading, "max_message_size", 1 << 9..=1 << 24, "bytes");
        connection::read_or_refuse(reading, &mut fields, connection);
        fields.finish(reading);
        Self { max_message_size: max_message_size.unwrap_or(default.max_message_size) }
    }
}
