//! One connected session as others see it: where to queue for it, and how to write to it.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use crossweave_router_core::boundary::Contract;
use crossweave_transport::codec::Framing;
use crossweave_transport::websocket::frame::{HEADER_LEN_MAX, Opcode, frame_header};
use crossweave_wamp::{Batching, Message, Serializer, SubscriptionId};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::{tcp, unix};
use tracing::warn;

use crate::queue::backlog::{Offer, Shape};
use crate::queue::{Appended, EVENT_LEN_MAX, Lane, Queue, QueueOptions};
use crate::quota::{Kind, LogQuota};

/// How messages look on a session's wire. Sessions of one wire share the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) serializer: Serializer,
    pub(crate) framing: Framing,
    pub(crate) batching: Batching,
}

impl Wire {
    /// Number of different wires.
    pub(crate) const COUNT: usize = Wire::FORMS * Serializer::ALL.len() + 2;

    /// Framings of one serializer, with and without batches.
    const FORMS: usize = 5;

    /// A number below [`Wire::COUNT`].
    #[inline]
    pub(crate) fn index(self) -> usize {
        let form = match (self.framing, self.batching) {
            (Framing::RawSocket, _) => 0,
            (Framing::WebSocket, Batching::Single) => 1,
            (Framing::Private, Batching::Single) => 2,
            // JSON has a second separator.
            (Framing::WebSocket, Batching::Cancel) => return Wire::COUNT - 1,
            (Framing::Private, Batching::Cancel) => return Wire::COUNT - 2,
            (Framing::WebSocket, Batching::RecordSeparator | Batching::Length) => 3,
            (Framing::Private, Batching::RecordSeparator | Batching::Length) => 4,
        };
        self.serializer as usize * Wire::FORMS + form
    }

    /// Appends `message` to `out` as it goes into the queue.
    ///
    /// A private wire's queue holds messages behind their length in four octets: its own task frames them. Where the peer
    /// takes batches, each message is a batch of its own: what is flushed goes out in one write anyway, and a frame's header
    /// is no longer than what parts the messages of a batch.
    #[inline]
    pub(crate) fn append(self, message: &Message<'_>, out: &mut Vec<u8>) -> Framed {
        const ROOM: usize = HEADER_LEN_MAX;
        let start = out.len() + ROOM;
        out.extend_from_slice(&[0; ROOM]);
        self.batching.begin(out);
        message.encode(self.serializer, out);
        self.batching.end(out, start);
        let len = out.len() - start;
        let header_len = match self.framing {
            Framing::RawSocket | Framing::Private => {
                out[start - 4..start].copy_from_slice(&(len as u32).to_be_bytes());
                4
            }
            Framing::WebSocket => {
                let opcode = Opcode::of_message(self.serializer.is_text());
                let (header, header_len) = frame_header(opcode, len, true, false, None);
                out[start - header_len..start].copy_from_slice(&header[..header_len]);
                header_len
            }
        };
        Framed { start: (start - header_len) as u32, body: start as u32, end: out.len() as u32 }
    }
}

/// Where a framed message stands in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framed {
    start: u32,
    body: u32,
    end: u32,
}

impl Framed {
    /// Its bytes out of the buffer it was written to, which holds nothing else.
    pub(crate) fn shared(self, mut buffer: Vec<u8>) -> Bytes {
        buffer.shrink_to_fit();
        Bytes::from(buffer).slice(self.start as usize..self.end as usize)
    }

    /// Its bytes in the buffer it was written to.
    #[inline]
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    /// The message's own length in octets.
    #[inline]
    pub(crate) fn body_len(self) -> usize {
        (self.end - self.body) as usize
    }
}

/// Bytes given to the socket in one flush; the session's own task writes the rest. Others wait meanwhile to append.
const FLUSH_BYTES_MAX: usize = 512 * 1024;

/// Writes until the queue is empty: then how many events were dropped while it was not. Nothing if the socket takes no more
/// or fails (the session's own task finds out which), or if there is too much.
fn write(direct: &Direct, queue: &mut Queue) -> Option<u64> {
    let mut room = FLUSH_BYTES_MAX;
    while room > 0 {
        let waiting = queue.unwritten();
        let portion = waiting.len().min(room);
        match direct.try_write(&waiting[..portion]) {
            Ok(0) => return None,
            Ok(written) => {
                room -= written;
                if let Some(dropped) = queue.advance(written) {
                    return Some(dropped);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    None
}

/// The writing half of a socket that any task may write to.
pub(crate) enum Direct {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl Direct {
    #[inline]
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Direct::Tcp(half) => half.try_write(bytes),
            Direct::Unix(half) => half.try_write(bytes),
        }
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Direct::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Direct::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }

    /// Says that nothing more is written (FIN).
    pub(crate) fn finish(&self) -> io::Result<()> {
        match self {
            Direct::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            Direct::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
        }
    }
}

/// A session's queue and socket.
pub(crate) struct Peer {
    pub(crate) wire: Wire,
    /// The longest message the peer takes, in octets.
    pub(crate) message_len_max: usize,
    /// The socket, if tasks of others may write to it: not with TLS, compression or fragmentation, which have state.
    pub(crate) direct: Option<Direct>,
    pub(crate) queue: Mutex<Queue>,
    /// Wakes the session's own task.
    pub(crate) waker: AtomicWaker,
    pub(crate) options: Arc<QueueOptions>,
    quota: Arc<LogQuota>,
    /// The WAMP session id once it has joined, for logs.
    session: AtomicU64,
}

impl Peer {
    pub(crate) fn new(
        wire: Wire,
        message_len_max: usize,
        direct: Option<Direct>,
        options: Arc<QueueOptions>,
        quota: Arc<LogQuota>,
    ) -> Arc<Peer> {
        Arc::new(Peer {
            wire,
            message_len_max,
            direct,
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            options,
            quota,
            session: AtomicU64::new(0),
        })
    }

    pub(crate) fn set_session(&self, id: u64) {
        self.session.store(id, Ordering::Relaxed);
    }

    pub(crate) fn session(&self) -> u64 {
        self.session.load(Ordering::Relaxed)
    }

    /// Queues a framed message.
    #[inline]
    pub(crate) fn append(&self, framed: &[u8], lane: Lane) -> Appended {
        let mut queue = self.queue.lock();
        queue.ensure_buffer();
        queue.append(framed, lane, &self.options)
    }

    /// Queues a frame that is no message.
    pub(crate) fn append_frame(&self, frame: &[u8]) -> Appended {
        let mut queue = self.queue.lock();
        queue.ensure_buffer();
        queue.append_frame(frame, &self.options)
    }

    /// Takes the place of a peer whose connection is lost; nothing is written.
    pub(crate) fn without_connection(&self) -> Arc<Peer> {
        let (options, quota) = (self.options.clone(), self.quota.clone());
        let peer = Peer::new(self.wire, self.message_len_max, None, options, quota);
        peer.set_session(self.session());
        peer
    }

    /// Queues a large framed message by reference.
    pub(crate) fn append_shared(&self, framed: Bytes, lane: Lane) -> Appended {
        self.queue.lock().append_shared(framed, lane, &self.options)
    }

    /// Queues an event by the contract of its subscription.
    #[cold]
    pub(crate) fn offer(&self, offer: &Offer<'_>) -> Appended {
        self.queue.lock().offer(offer, self.shape(), &self.options)
    }

    /// How events look on its wire.
    fn shape(&self) -> Shape {
        Shape { wire: self.wire, message_len_max: self.message_len_max.min(EVENT_LEN_MAX) }
    }

    /// Whether the peer may be sent many events at once.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.lock().has_room(&self.options)
    }

    /// Events are not even encoded, as the peer has no room for so many.
    #[cold]
    pub(crate) fn drop_events(&self, contract: Option<(SubscriptionId, &Contract)>, events: u64) -> Appended {
        let shape = self.shape();
        self.queue.lock().drop_events(contract, events, shape, &self.options)
    }

    /// An event is longer than the peer takes.
    pub(crate) fn count_too_long(&self) -> Appended {
        self.queue.lock().count_too_long()
    }

    /// Tells the operator that events are too long for the session.
    pub(crate) fn misses_long_events(&self) {
        self.quota.log(Kind::Slow, || {
            let session = self.session();
            warn!(
                session,
                len_max = self.message_len_max.min(EVENT_LEN_MAX),
                "session takes no events that long: dropping them"
            );
        });
    }

    /// Tells the operator that the session is closed.
    pub(crate) fn overflows(&self) {
        self.quota.log(Kind::Slow, || {
            warn!(session = self.session(), "session reads too slowly what it must be told, or what a delivery contract may not drop: closing it");
        });
    }

    /// Tells the operator that events are dropped for the session.
    pub(crate) fn falls_behind(&self) {
        let waiting_bytes = self.queue.lock().waiting_bytes();
        self.quota.log(Kind::Slow, || {
            warn!(session = self.session(), waiting_bytes, "session does not take its events: dropping them");
        });
    }

    /// Pays the flush that is owed: writes as much as the socket takes, once, and leaves the rest to the session's own task.
    pub(crate) fn flush(&self) {
        let mut queue = self.queue.lock();
        if !queue.begin_flush() {
            return;
        }
        let drained = self.direct.as_ref().and_then(|direct| write(direct, &mut queue));
        if drained.is_none() {
            queue.give_to_owner();
        }
        drop(queue);
        match drained {
            Some(dropped) => self.caught_up(dropped),
            None => self.waker.wake(),
        }
    }

    /// Tells the operator that a slow session has caught up.
    pub(crate) fn caught_up(&self, dropped: u64) {
        if dropped > 0 {
            self.quota.log(Kind::Slow, || {
                warn!(session = self.session(), dropped, "session has caught up; it missed events");
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_flush_writes_a_bounded_portion_and_leaves_the_rest_to_the_session() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        // Somebody reads all the time, so that the socket alone does not end the flush.
        let mut far = far.into_std().unwrap();
        far.set_nonblocking(false).unwrap();
        std::thread::spawn(move || io::copy(&mut far, &mut io::sink()));
        let (_reader, writer) = near.into_split();
        writer.writable().await.unwrap();
        let wire =
            Wire { serializer: Serializer::Json, framing: Framing::RawSocket, batching: Batching::Single };
        let options = Arc::new(QueueOptions::default());
        let peer = Peer::new(wire, usize::MAX, Some(Direct::Tcp(writer)), options, Arc::default());
        assert_eq!(peer.append(&vec![7; 4 << 20], Lane::Event), Appended::FlushOwed);
        peer.flush();
        let queue = peer.queue.lock();
        assert!((1..=FLUSH_BYTES_MAX as u64).contains(&queue.written_in_all), "{}", queue.written_in_all);
        assert!(queue.is_owned());
    }
}
