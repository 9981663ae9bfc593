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
    /// `auto_ping_interval`: milliseconds between pings, 0 for none. Default: 0, as Autobahn|Python takes a ping for an error
    /// (Crossbar.io has no such key).
    pub auto_ping_interval: u32,
    /// `auto_ping_timeout`: milliseconds until a ping must be answered, 0 for off. Default: 5000.
    pub auto_ping_timeout: u32,
}

impl Default for RawSocketOptions {
    fn default() -> Self {
        Self { max_message_size: 1 << 24, auto_ping_interval: 0, auto_ping_timeout: 5_000 }
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
        let options = fields.section(reading, "options", "the RawSocket options", |reading, fields| {
            RawSocketOptions::read(reading, fields, connection)
        });
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
        let mut options = Self::default();
        if let Some(given) = fields.int(reading, "max_message_size", 1 << 9..=1 << 24, "bytes") {
            options.max_message_size = given;
        }
        if let Some(given) = fields.millis(reading, "auto_ping_interval") {
            options.auto_ping_interval = given;
        }
        if let Some(given) = fields.millis(reading, "auto_ping_timeout") {
            options.auto_ping_timeout = given;
        }
        connection::read_or_refuse(reading, &mut fields, connection);
        fields.finish(reading);
        options
    }
}
