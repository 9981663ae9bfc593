//! What goes between a worker and its controller, counted at the worker's end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use crossweave_api::worker::{ControllerTraffic, Traffic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose octets are counted.
pub(super) struct Counted<S> {
    stream: S,
    counts: Arc<Counts>,
}

/// What has gone through a stream.
#[derive(Default)]
pub(super) struct Counts {
    read: Count,
    written: Count,
}

#[derive(Default)]
struct Count {
    times: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, len: usize) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(len as u64, Ordering::Relaxed);
    }

    fn told(&self) -> Traffic {
        Traffic { count: self.times.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

impl Counts {
    /// As the controller sees it.
    pub(super) fn told(&self) -> ControllerTraffic {
        ControllerTraffic { received: self.written.told(), sent: self.read.told() }
    }
}

impl<S> Counted<S> {
    pub(super) fn of(stream: S) -> (Self, Arc<Counts>) {
        let counts = Arc::<Counts>::default();
        (Counted { stream, counts: counts.clone() }, counts)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.counts.read.add(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.counts.written.add(len);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.counts.written.add(len);
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn both_directions_are_counted_as_the_controller_sees_them() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut near, counts) = Counted::of(near);
        near.write_all(b"hello").await.unwrap();
        far.write_all(b"hi").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(near.read(&mut buffer).await.unwrap(), 2);
        let ControllerTraffic { received, sent } = counts.told();
        assert_eq!((received.count, received.bytes, sent.count, sent.bytes), (1, 5, 1, 2));
    }
}
