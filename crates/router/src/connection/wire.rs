//! Writing a connection's queue, and reading its socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use crossweave_transport::Stream;
use crossweave_transport::codec::Encoder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{tcp, unix};
use tracing::debug;

use super::{Connection, Stage};
use crate::peer::{Direct, Peer};
use crate::queue::{Appended, Queue};

/// Bytes taken from the queue at a time, where they go through a buffer of the connection.
const PORTION_BYTES: usize = 64 * 1024;

/// Where a connection reads from.
pub(super) enum Reader {
    /// The reading half of a socket that others may write to.
    Tcp(tcp::OwnedReadHalf),
    /// The same of a Unix socket.
    Unix(unix::OwnedReadHalf),
    /// A stream that nobody else touches.
    Owned(Box<OwnedWire>),
}

impl Reader {
    /// Splits a socket that others may write to.
    pub(super) fn new(stream: Stream, is_private: bool) -> (Reader, Option<Direct>) {
        match stream {
            Stream::Tcp(stream) if !is_private => {
                let (reader, writer) = stream.into_split();
                (Reader::Tcp(reader), Some(Direct::Tcp(writer)))
            }
            Stream::Unix(stream) if !is_private => {
                let (reader, writer) = stream.into_split();
                (Reader::Unix(reader), Some(Direct::Unix(writer)))
            }
            stream => (Reader::Owned(Box::new(OwnedWire::new(stream, is_private))), None),
        }
    }
}

/// A stream that only its own task writes to, as encryption, compression or fragmentation has state.
pub(super) struct OwnedWire {
    stream: Stream,
    /// The queue holds messages that are still to be framed.
    is_private: bool,
    /// What was taken out of the queue and is still to be framed.
    in_hand: Bytes,
    out: Vec<u8>,
    written: usize,
    needs_flush: bool,
    /// The close frame, to be written when nothing else waits.
    close: Option<Vec<u8>>,
}

impl OwnedWire {
    fn new(stream: Stream, is_private: bool) -> Self {
        OwnedWire {
            stream,
            is_private,
            in_hand: Bytes::new(),
            out: Vec::new(),
            written: 0,
            needs_flush: false,
            close: None,
        }
    }

    /// Writes until the queue and the buffer are empty.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        peer: &Peer,
        encoder: &mut Encoder,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.out.len() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out[self.written..]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += written;
                self.needs_flush = true;
            }
            self.out.clear();
            self.written = 0;
            if !self.refill(peer, encoder) {
                match self.close.take() {
                    Some(close) => self.out = close,
                    None => break,
                }
            }
        }
        self.out = Vec::new();
        encoder.release_if_idle();
        if self.needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes a portion of the queue. False if there is nothing.
    fn refill(&mut self, peer: &Peer, encoder: &mut Encoder) -> bool {
        if self.is_private {
            return self.refill_framed(peer, encoder);
        }
        let mut queue = peer.queue.lock();
        if queue.len() == 0 {
            return false;
        }
        let dropped = queue.take_bytes(PORTION_BYTES, &mut self.out);
        drop(queue);
        peer.caught_up(dropped.unwrap_or(0));
        true
    }

    /// The same, for messages that are framed here: with the queue free, as compressing takes long.
    fn refill_framed(&mut self, peer: &Peer, encoder: &mut Encoder) -> bool {
        if self.in_hand.is_empty() {
            let mut queue = peer.queue.lock();
            if queue.len() == 0 {
                return false;
            }
            self.in_hand = queue.take_out();
        }
        let before = self.in_hand.len();
        while self.out.len() < PORTION_BYTES
            && let Some((len, _)) = self.in_hand.split_first_chunk()
        {
            let len = u32::from_be_bytes(*len) as usize;
            let message = self.in_hand.split_to(4 + len).slice(4..);
            if let Err(error) =
                encoder.append_message(&mut self.out, peer.wire.serializer.is_text(), &message)
            {
                debug!(%error, "message is not sent");
            }
        }
        let dropped = peer.queue.lock().put_away(before - self.in_hand.len());
        peer.caught_up(dropped.unwrap_or(0));
        true
    }
}

/// What became of a portion.
enum Written {
    /// There is more to write.
    Some,
    /// Nothing is left, or it is not this task's; so many events were dropped while something was.
    All(u64),
    /// The socket takes no more.
    Blocked,
}

/// Writes a portion of the queue, if that is the task's to do. The queue is locked only so long.
fn write_portion(direct: &Direct, queue: &mut Queue) -> io::Result<Written> {
    if !queue.is_owned() {
        return Ok(Written::All(0));
    }
    let waiting = queue.unwritten();
    let portion = waiting.len().min(PORTION_BYTES);
    match direct.try_write(&waiting[..portion]) {
        Ok(0) if portion > 0 => Err(io::ErrorKind::WriteZero.into()),
        Ok(written) => Ok(queue.advance(written).map_or(Written::Some, Written::All)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Written::Some),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Written::Blocked),
        Err(error) => Err(error),
    }
}

impl Connection {
    /// Writes what the queue holds, if that is this task's to do.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) {
        if matches!(self.stage, Stage::Ended) {
            return;
        }
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            debug!(session = self.peer.session(), %error, "cannot write to the connection");
            self.lose();
        }
    }

    /// Ready once nothing waits.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Reader::Owned(wire) = &mut self.reader {
            return wire.poll_drain(cx, &self.peer, &mut self.encoder);
        }
        let Some(direct) = &self.peer.direct else { return Poll::Ready(Ok(())) };
        loop {
            let written = write_portion(direct, &mut self.peer.queue.lock())?;
            match written {
                Written::Some => continue,
                Written::All(dropped) => {
                    self.peer.caught_up(dropped);
                    return Poll::Ready(Ok(()));
                }
                Written::Blocked => {}
            }
            ready!(direct.poll_write_ready(cx))?;
        }
    }

    /// Whether everything queued has been written.
    pub(super) fn is_drained(&self) -> bool {
        let is_written = match &self.reader {
            Reader::Owned(wire) => wire.out.is_empty() && wire.close.is_none() && !wire.needs_flush,
            Reader::Tcp(_) | Reader::Unix(_) => true,
        };
        is_written && self.peer.queue.lock().len() == 0
    }

    /// Reads into `buffer`; 0 is the end.
    ///
    /// After a read that does not fill the buffer tokio knows that the socket is empty: the next call is pending without a
    /// system call.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match &mut self.reader {
            Reader::Tcp(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Reader::Unix(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Reader::Owned(wire) => Pin::new(&mut wire.stream).poll_read(cx, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Says that nothing more is written (FIN).
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (&mut self.reader, &self.peer.direct) {
            (Reader::Owned(wire), _) => Pin::new(&mut wire.stream).poll_shutdown(cx),
            (_, Some(direct)) => Poll::Ready(direct.finish()),
            (_, None) => Poll::Ready(Ok(())),
        }
    }

    /// Queues the WebSocket close frame behind everything else.
    pub(super) fn append_close(&mut self, code: u16, reason: &str) {
        if let Reader::Owned(wire) = &mut self.reader
            && wire.is_private
        {
            let mut close = Vec::new();
            self.encoder.append_close(&mut close, Some(code), reason);
            wire.close = Some(close);
        } else {
            self.append_control(|encoder, out| encoder.append_close(out, Some(code), reason));
        }
    }

    /// Queues a frame that is no message: ping or pong. On a private wire it overtakes the messages that wait.
    pub(super) fn append_control(&mut self, append: impl FnOnce(&mut Encoder, &mut Vec<u8>)) {
        if let Reader::Owned(wire) = &mut self.reader
            && wire.is_private
        {
            // Pings that are not read must not pile up.
            if wire.out.len() - wire.written <= 2 * PORTION_BYTES {
                append(&mut self.encoder, &mut wire.out);
            }
            return;
        }
        let mut frame = Vec::new();
        append(&mut self.encoder, &mut frame);
        if !frame.is_empty() && self.peer.append_frame(&frame) == Appended::FlushOwed {
            self.effects.dirty.push(self.peer.clone());
        }
    }
}
