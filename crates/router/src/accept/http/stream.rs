//! A connection's stream as hyper gets it: with what was read already, and with an end to waiting.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crossweave_transport::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use crate::http::limits::{LINGER, LINGER_LEN_MAX, STALL};

/// Gives back first what is in `ahead`. Writing fails once the peer has taken nothing for [`STALL`].
pub(super) struct HttpStream {
    stream: Stream,
    ahead: Vec<u8>,
    /// How much of it was given back.
    given: usize,
    /// Runs while a write waits.
    stall: Option<Pin<Box<Sleep>>>,
}

impl HttpStream {
    pub(super) fn new(stream: Stream, ahead: Vec<u8>) -> HttpStream {
        HttpStream { stream, ahead, given: 0, stall: None }
    }

    /// The stream, and what was not given back.
    pub(super) fn into_parts(mut self) -> (Stream, Vec<u8>) {
        self.ahead.drain(..self.given);
        (self.stream, self.ahead)
    }

    /// Ends the connection so that the peer reads the answer: closing while it still sends would take that away from it.
    pub(super) async fn linger(mut self) -> io::Result<()> {
        let deadline = Instant::now() + LINGER;
        timeout_at(deadline, self.stream.shutdown()).await??;
        let (mut rest, mut buffer) = (LINGER_LEN_MAX, [0; 4096]);
        while rest > 0 {
            let len = buffer.len().min(rest);
            match timeout_at(deadline, self.stream.read(&mut buffer[..len])).await {
                Ok(Ok(read)) if read > 0 => rest -= read,
                _ => break,
            }
        }
        Ok(())
    }

    /// Passes on what a write came to, and watches the time while it waits.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        ready!(self.stall.get_or_insert_with(|| Box::pin(sleep(STALL))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.ahead.len() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let len = buf.remaining().min(self.ahead.len() - self.given);
        buf.put_slice(&self.ahead[self.given..self.given + len]);
        self.given += len;
        if self.given == self.ahead.len() {
            (self.ahead, self.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watched(cx, closed)
    }
}
