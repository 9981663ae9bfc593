//! A session whose messages somebody else makes: for programs that pass sessions on.

use std::io;

use crossweave_transport::codec::Encoder;
use crossweave_transport::item::Item;
use crossweave_transport::rawsocket::TooLong;
use crossweave_wamp::{Dict, Serializer};
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf, split};

use crate::error::ConnectError;
use crate::join::join_as;
use crate::life::shown;
use crate::limits::KEEP_BYTES;
use crate::options::Options;
use crate::session::Session;
use crate::wire::{ByteStream, Input, Wire};

/// An open session, message by message, as they are on the wire. Dropped, its connection is closed.
pub struct Pipe {
    wire: Wire,
}

/// The receiving half of a [`Pipe`].
#[allow(missing_debug_implementations, reason = "there is nothing to show")]
pub struct PipeReader {
    stream: ReadHalf<Box<dyn ByteStream>>,
    input: Input,
}

/// The sending half of a [`Pipe`].
#[allow(missing_debug_implementations, reason = "there is nothing to show")]
pub struct PipeWriter {
    stream: WriteHalf<Box<dyn ByteStream>>,
    encoder: Encoder,
    is_text: bool,
    framed: Vec<u8>,
}

/// What comes in.
#[derive(Debug)]
pub enum Piped {
    /// A message in the session's serializer.
    Message(Vec<u8>),
    /// A ping, to be answered by [`PipeWriter::append_pong`] with these octets.
    Ping(Vec<u8>),
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe").field("serializer", &self.wire.serializer).finish_non_exhaustive()
    }
}

impl Pipe {
    /// Connects and joins, with the roles of somebody else's HELLO (`HELLO.Details.roles`). What belongs to the life of a
    /// client, as [`Options::reconnect`], has no effect.
    ///
    /// # Errors
    /// The session could not be opened.
    pub async fn open(
        url: &str,
        realm: &str,
        roles: Dict,
        options: &Options,
    ) -> Result<(Pipe, Session), ConnectError> {
        let mut wire = Wire::connect(url, options).await?;
        let session = join_as(&mut wire, shown(url), realm, options, Some(roles), None).await?;
        Ok((Pipe { wire }, session))
    }

    /// What is spoken.
    pub fn serializer(&self) -> Serializer {
        self.wire.serializer
    }

    /// Both directions by themselves.
    pub fn split(self) -> (PipeReader, PipeWriter) {
        let Wire { stream, input, encoder, serializer, .. } = self.wire;
        let (reader, writer) = split(stream);
        let writer =
            PipeWriter { stream: writer, encoder, is_text: serializer.is_text(), framed: Vec::new() };
        (PipeReader { stream: reader, input }, writer)
    }
}

impl PipeReader {
    /// What comes next; nothing at the end of the connection. Loses nothing when dropped.
    ///
    /// # Errors
    /// The connection is lost, or what comes is not framed as it has to be.
    pub async fn next(&mut self) -> io::Result<Option<Piped>> {
        loop {
            match self.input.next().map_err(io::Error::other)? {
                Item::Message { data, .. } => return Ok(Some(Piped::Message(data.to_vec()))),
                Item::Ping(payload) => return Ok(Some(Piped::Ping(payload.to_vec()))),
                Item::Pong(_) => {}
                Item::Close { .. } => return Ok(None),
                Item::Incomplete => {
                    if self.input.read(&mut self.stream).await? == 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

impl PipeWriter {
    /// Appends a message in the session's serializer to what is to be written.
    ///
    /// # Errors
    /// The router does not take messages that long.
    pub fn append(&mut self, message: &[u8]) -> Result<(), TooLong> {
        self.encoder.append_message(&mut self.framed, self.is_text, message)
    }

    /// Appends the answer to a ping; one that is longer than what its sender receives cannot be answered.
    pub fn append_pong(&mut self, payload: &[u8]) {
        let _ = self.encoder.append_pong(&mut self.framed, payload);
    }

    /// Octets that are to be written.
    pub fn waiting(&self) -> usize {
        self.framed.len()
    }

    /// Writes what was appended.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.framed).await?;
        self.framed.clear();
        if self.framed.capacity() > KEEP_BYTES {
            self.framed = Vec::new();
        }
        self.stream.flush().await
    }
}
