//! A connection's two-way stream of bytes, whatever it runs on.

use crate::tls::TlsFacts;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A stream that keeps state of its own, such as TLS, and so cannot be written to by shared reference.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// What TLS knows of the peer, if this is TLS.
    fn tls(&self) -> Option<TlsFacts> {
        None
    }

    /// The stream that this was put around for a while, such as for a handshake.
    fn below(self: Box<Self>) -> Option<Stream> {
        None
    }
}

/// Bytes both ways.
///
/// The first two kinds are *direct*: any task that holds a reference may [`Stream::try_write`] to them. A boxed
/// stream belongs to one task.
pub enum Stream {
    /// TCP, with `TCP_NODELAY` set.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
    /// TLS, or memory.
    Boxed(Box<dyn Duplex>),
}

impl Stream {
    /// Whether `try_read`, `try_write` and the readiness polls work.
    #[inline]
    pub fn is_direct(&self) -> bool {
        !matches!(self, Stream::Boxed(_))
    }

    /// What TLS knows of the peer; `None` without TLS.
    pub fn tls(&self) -> Option<TlsFacts> {
        match self {
            Stream::Tcp(_) | Stream::Unix(_) => None,
            Stream::Boxed(stream) => stream.tls(),
        }
    }

    /// Reads without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there; `Unsupported` if the stream is not direct.
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buf),
            Stream::Unix(stream) => stream.try_read(buf),
            Stream::Boxed(_) => Err(not_direct()),
        }
    }

    /// Writes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; `Unsupported` if the stream is not direct.
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(buf),
            Stream::Unix(stream) => stream.try_write(buf),
            Stream::Boxed(_) => Err(not_direct()),
        }
    }

    /// Writes several buffers without waiting.
    ///
    /// # Errors
    /// As [`Stream::try_write`].
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write_vectored(bufs),
            Stream::Unix(stream) => stream.try_write_vectored(bufs),
            Stream::Boxed(_) => Err(not_direct()),
        }
    }

    /// Waits until [`Stream::try_read`] is worth trying.
    ///
    /// # Errors
    /// `Unsupported` if the stream is not direct; otherwise the runtime is shutting down.
    #[inline]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            Stream::Unix(stream) => stream.poll_read_ready(cx),
            Stream::Boxed(_) => Poll::Ready(Err(not_direct())),
        }
    }

    /// Waits until [`Stream::try_write`] is worth trying.
    ///
    /// # Errors
    /// As [`Stream::poll_read_ready`].
    #[inline]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_write_ready(cx),
            Stream::Unix(stream) => stream.poll_write_ready(cx),
            Stream::Boxed(_) => Poll::Ready(Err(not_direct())),
        }
    }
}

fn not_direct() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "stream is not direct: only its own task may read and write it",
    )
}

/// Passes a poll on to whichever stream there is.
macro_rules! delegate {
    ($self:ident, $method:ident, $($argument:expr),*) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Unix(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Boxed(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_read, cx, buf)
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Boxed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown, cx)
    }
}
