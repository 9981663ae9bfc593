//! A stream that is listened to while a handshake goes through it.

use super::transcript::{Side, Transcript};
use crate::stream::{Duplex, Stream};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of a stream's recorder beside the stream. The lock is the recorder's alone until it is taken off.
#[derive(Clone, Default)]
pub(in crate::tls) struct Recorder(Arc<Mutex<Transcript>>);

impl Recorder {
    /// Puts a recorder around a stream.
    pub(in crate::tls) fn put_around(&self, stream: Stream) -> Stream {
        Stream::Boxed(Box::new(Recording { stream, recorder: self.clone() }))
    }

    /// Takes the recorder off again: what is in `place` is the stream itself from now on.
    pub(in crate::tls) fn take_off(&self, place: &mut Stream) -> MutexGuard<'_, Transcript> {
        let nothing = Stream::Boxed(Box::new(tokio::io::empty()));
        *place = match std::mem::replace(place, nothing) {
            Stream::Boxed(recording) => recording.below().expect("a recorder is around the stream"),
            direct => direct,
        };
        self.transcript()
    }

    fn transcript(&self) -> MutexGuard<'_, Transcript> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream with a recorder around it; the peer is the client.
struct Recording {
    stream: Stream,
    recorder: Recorder,
}

impl Duplex for Recording {
    fn below(self: Box<Self>) -> Option<Stream> {
        Some(self.stream)
    }
}

/// The place of a stream while it is taken out.
impl Duplex for tokio::io::Empty {}

impl AsyncRead for Recording {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.recorder.transcript().record(Side::Client, buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recording {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        let mut transcript = this.recorder.transcript();
        let mut left = written;
        for buf in bufs {
            let part = buf.get(..left).unwrap_or(buf);
            transcript.record(Side::Server, part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
