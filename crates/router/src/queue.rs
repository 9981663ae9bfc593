//! What waits to be written to one session: bytes, bounded, in order.

use std::mem;

/// Bytes above the bound that messages other than EVENT may still use: replies, invocations and GOODBYE find room when
/// events have filled the queue. As much again is there for saying that something did not fit.
pub const RESERVED_LANE_BYTES: usize = 256 * 1024;

/// The longest EVENT, in octets as encoded for its receiver. Longer ones are dropped and counted: each receiver's queue holds
/// its own copy.
pub const EVENT_LEN_MAX: usize = 16 << 20;

/// A drained buffer up to this size stays with its session; a larger one is given back.
const KEEP_BYTES: usize = 512;

/// What becomes of an EVENT for a session whose queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSlow {
    /// The new event is dropped for this session, counted and logged (default).
    #[default]
    DropNew,
    /// The session is closed.
    Disconnect,
}

/// Bounds on what waits for one session.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// Bytes of events that may wait. Default 4 MiB. A larger event is still delivered to an empty queue, up to
    /// [`EVENT_LEN_MAX`].
    pub bytes_max: usize,
    /// What happens beyond.
    pub on_slow: OnSlow,
}

impl Default for QueueOptions {
    fn default() -> Self {
        QueueOptions { bytes_max: 4 << 20, on_slow: OnSlow::DropNew }
    }
}

/// Which part of the queue a message may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Up to the bound.
    Event,
    /// Up to the bound and [`RESERVED_LANE_BYTES`].
    Control,
    /// Up to the bound and twice that: a refusal of what did not fit, and the last message of a session.
    Last,
}

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is the first since the last flush: whoever appended it owes the flush.
    FlushOwed,
    /// Somebody else owes the flush.
    Queued,
    /// It was an event, and there was no room.
    Dropped {
        /// Whether it is the first of a series.
        is_first: bool,
    },
    /// There was no room, and the session cannot do without it, or its policy says so.
    Overflow,
}

/// Why a session's transport is to be closed, or that it may open another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detached {
    /// The session said GOODBYE: the transport may open another one.
    Reusable,
    /// Close after writing what is queued.
    Close(&'static str),
}

/// The queue of one session. It lives behind the session's mutex.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    /// Bytes at the front that are written already.
    written: usize,
    /// Bytes written since the session's transport was made: a sign of life of its peer.
    pub(crate) written_in_all: u64,
    /// Somebody owes a flush.
    is_dirty: bool,
    /// The session's own task writes, as the socket took no more or is not for others to write to.
    is_owned: bool,
    /// The session has left its realm.
    pub(crate) detached: Option<Detached>,
    /// The realm reads the session again.
    pub(crate) is_resumed: bool,
    /// Another session of the same cookie has logged out.
    pub(crate) is_logged_out: bool,
    /// Events dropped since the session joined.
    pub(crate) dropped: u64,
    /// Events dropped since the queue was last empty.
    dropped_in_a_row: u64,
}

impl Queue {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Appends a framed message, if there is room.
    #[inline]
    pub(crate) fn append(&mut self, framed: &[u8], lane: Lane, options: &QueueOptions) -> Appended {
        let waiting = self.len();
        let is_full = match lane {
            Lane::Event if waiting == 0 => framed.len() > EVENT_LEN_MAX,
            Lane::Event => waiting + framed.len() > options.bytes_max,
            Lane::Control => waiting > options.bytes_max + RESERVED_LANE_BYTES,
            Lane::Last => waiting > options.bytes_max + 2 * RESERVED_LANE_BYTES,
        };
        if is_full {
            return self.refuse(lane, options);
        }
        self.bytes.extend_from_slice(framed);
        if self.is_dirty || self.is_owned {
            return Appended::Queued;
        }
        self.is_dirty = true;
        Appended::FlushOwed
    }

    #[cold]
    fn refuse(&mut self, lane: Lane, options: &QueueOptions) -> Appended {
        if lane != Lane::Event || options.on_slow == OnSlow::Disconnect {
            return Appended::Overflow;
        }
        self.count_dropped()
    }

    /// An event is not delivered.
    pub(crate) fn count_dropped(&mut self) -> Appended {
        self.dropped += 1;
        self.dropped_in_a_row += 1;
        Appended::Dropped { is_first: self.dropped_in_a_row == 1 }
    }

    /// The owed flush begins: true if the caller is to write, false if the session's own task does.
    pub(crate) fn begin_flush(&mut self) -> bool {
        self.is_dirty = false;
        !self.is_owned && self.len() > 0
    }

    /// Leaves writing to the session's own task.
    pub(crate) fn give_to_owner(&mut self) {
        self.is_owned = true;
    }

    /// Whether the session's own task is to write.
    pub(crate) fn is_owned(&self) -> bool {
        self.is_owned
    }

    /// What is to be written next.
    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// So many bytes were written. True if nothing is left, and then how many events were dropped meanwhile.
    pub(crate) fn advance(&mut self, written: usize) -> Option<u64> {
        self.written += written;
        self.written_in_all += written as u64;
        if self.written < self.bytes.len() {
            self.compact();
            return None;
        }
        self.is_owned = false;
        self.written = 0;
        if self.bytes.capacity() > KEEP_BYTES {
            pool::give(mem::take(&mut self.bytes));
        } else {
            self.bytes.clear();
        }
        Some(mem::take(&mut self.dropped_in_a_row))
    }

    /// Moves pieces, each behind its length in four octets, through `frame` to `out` until that holds `enough` bytes.
    /// Says as [`Queue::advance`] when nothing is left.
    pub(crate) fn take_pieces(
        &mut self,
        enough: usize,
        out: &mut Vec<u8>,
        mut frame: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Option<u64> {
        let mut dropped = None;
        while dropped.is_none()
            && out.len() < enough
            && let Some((len, rest)) = self.unwritten().split_first_chunk()
        {
            let len = u32::from_be_bytes(*len) as usize;
            frame(&rest[..len], out);
            dropped = self.advance(4 + len);
        }
        dropped
    }

    /// Moves bytes to `out` until it holds `enough`.
    pub(crate) fn take_bytes(&mut self, enough: usize, out: &mut Vec<u8>) -> Option<u64> {
        let len = self.len().min(enough.saturating_sub(out.len()));
        out.extend_from_slice(&self.unwritten()[..len]);
        self.advance(len)
    }

    /// Moves what is left to the front once the written part outweighs it, so that the buffer stays within its bound.
    fn compact(&mut self) {
        if self.written > 64 * 1024 && self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    /// Takes a buffer from the pool if it has none.
    #[inline]
    pub(crate) fn ensure_buffer(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = pool::take();
        }
    }
}

/// Buffers that go from session to session, so that an idle one holds none and a busy one need not allocate.
mod pool {
    use std::cell::RefCell;

    const BUFFERS_MAX: usize = 64;
    const BUFFER_BYTES_MAX: usize = 128 * 1024;

    thread_local! {
        static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn take() -> Vec<u8> {
        POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    pub(super) fn give(mut buffer: Vec<u8>) {
        if buffer.capacity() <= BUFFER_BYTES_MAX {
            buffer.clear();
            POOL.with_borrow_mut(|pool| {
                if pool.len() < BUFFERS_MAX {
                    pool.push(buffer);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: QueueOptions = QueueOptions { bytes_max: 100, on_slow: OnSlow::DropNew };

    #[test]
    fn events_beyond_the_bound_are_dropped_and_counted() {
        let mut queue = Queue::default();
        assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::FlushOwed);
        assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Dropped { is_first: true });
        assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Dropped { is_first: false });
        assert_eq!(queue.append(&[0; 40], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!((queue.len(), queue.dropped), (100, 2));
        assert_eq!(queue.advance(100), Some(2));
    }

    #[test]
    fn replies_find_room_where_events_do_not() {
        let mut queue = Queue::default();
        queue.append(&[0; 100], Lane::Event, &OPTIONS);
        assert_eq!(queue.append(&[0; 60], Lane::Control, &OPTIONS), Appended::Queued);
        queue.append(&vec![0; RESERVED_LANE_BYTES], Lane::Control, &OPTIONS);
        assert_eq!(queue.append(&[0], Lane::Control, &OPTIONS), Appended::Overflow);
    }

    #[test]
    fn a_large_event_passes_through_an_empty_queue() {
        let mut queue = Queue::default();
        assert_eq!(queue.append(&[0; 500], Lane::Event, &OPTIONS), Appended::FlushOwed);
    }

    #[test]
    fn a_policy_of_disconnecting_does_not_drop() {
        let options = QueueOptions { on_slow: OnSlow::Disconnect, ..OPTIONS };
        let mut queue = Queue::default();
        queue.append(&[0; 60], Lane::Event, &options);
        assert_eq!(queue.append(&[0; 60], Lane::Event, &options), Appended::Overflow);
    }

    #[test]
    fn what_the_owner_writes_needs_no_flush_by_others() {
        let mut queue = Queue::default();
        queue.append(b"ab", Lane::Event, &OPTIONS);
        assert!(queue.begin_flush());
        queue.advance(1);
        queue.give_to_owner();
        assert_eq!(queue.append(b"cd", Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.unwritten(), b"bcd");
        assert_eq!(queue.advance(3), Some(0));
        assert_eq!(queue.append(b"e", Lane::Event, &OPTIONS), Appended::FlushOwed);
    }

    #[test]
    fn a_slow_writer_does_not_let_the_buffer_grow() {
        let options = QueueOptions { bytes_max: 1 << 20, on_slow: OnSlow::DropNew };
        let mut queue = Queue::default();
        for _ in 0..10_000 {
            queue.append(&[0; 1000], Lane::Event, &options);
            queue.advance(990);
        }
        assert!(queue.bytes.capacity() < 4 << 20, "{}", queue.bytes.capacity());
    }
}
