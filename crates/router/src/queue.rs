//! What waits to be written to one session: bytes, bounded, in order.

pub(crate) mod backlog;
#[cfg(test)]
mod order;

use std::collections::VecDeque;
use std::mem;

use backlog::Backlog;
use bytes::Bytes;

use crate::resumption::{Kept, Resumption};

/// Bytes above the bound that messages other than EVENT may still use: replies, invocations and GOODBYE find room when
/// events have filled the queue. As much again is there for saying that something did not fit.
pub const RESERVED_LANE_BYTES: usize = 256 * 1024;

/// The longest EVENT, in octets as encoded for its receiver. Longer ones are dropped and counted.
pub const EVENT_LEN_MAX: usize = 16 << 20;

/// Messages that are longer than half of the bound and may wait beside what it holds: one is being written while the next one
/// comes. So a message of any length reaches a session that reads, whatever else is on its way, and what waits is at most the
/// bound and so many of the longest messages.
pub const LONG_MESSAGES_MAX: u8 = 2;

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
    /// Bytes of events that may wait. Default 4 MiB. Of messages with 64 KiB of payload and more, [`LONG_MESSAGES_MAX`] that are
    /// longer than half of that may wait besides, up to [`EVENT_LEN_MAX`] each.
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
    /// It was an event longer than the session takes.
    TooLong {
        /// Whether it is the session's first.
        is_first: bool,
    },
    /// There was no room, and the session cannot do without it, or its policy says so.
    Overflow,
    /// The session has no connection, and an earlier message fell out that it cannot do without.
    Unresumable,
}

impl Appended {
    /// Whether the message is in the queue, or will be.
    #[inline]
    pub(crate) fn is_queued(self) -> bool {
        matches!(self, Appended::FlushOwed | Appended::Queued)
    }
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
    /// Large frames, whose bytes other queues hold too, and what waited before them. Written before `bytes`.
    pieces: VecDeque<Piece>,
    pieces_len: usize,
    /// Those of the pieces that do not count against the bound, and the one of them that was taken out.
    long: Long,
    /// Bytes that were taken out and count as waiting.
    in_hand: usize,
    bytes: Vec<u8>,
    /// Bytes at the front that are written already: of the first piece, or of `bytes` if there is none.
    written: usize,
    /// Bytes written since the session's transport was made: a sign of life of its peer.
    pub(crate) written_in_all: u64,
    /// Events that wait beside the queue, by the contracts of their subscriptions. Empty if the queue is.
    backlog: Option<Box<Backlog>>,
    /// What they count for.
    backlog_bytes: usize,
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
    /// The session goes on with another connection.
    pub(crate) is_taken_over: bool,
    /// What makes the session resumable, if it is. Without it a message costs one look at this field.
    pub(crate) resumption: Option<Box<Resumption>>,
    /// Events dropped since the session joined.
    pub(crate) dropped: u64,
    /// Those of them since the queue was last empty for which there was no room.
    dropped_in_a_row: u64,
    /// Some of them were too long.
    has_missed_long_events: bool,
}

/// Bytes that end where a message ends.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// It is one of [`Long`].
    is_long: bool,
}

/// Long messages that wait beside what the bound holds, [`LONG_MESSAGES_MAX`] at most.
#[derive(Clone, Copy, Debug, Default)]
struct Long {
    messages: u8,
    /// Those of them that were taken out.
    messages_in_hand: u8,
    /// Bytes of the others.
    bytes: usize,
    bytes_in_hand: usize,
}

impl Long {
    fn add(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len;
    }

    fn is_written(&mut self, len: usize) {
        self.messages -= 1;
        self.bytes -= len;
    }

    fn take_out(&mut self, len: usize, unwritten: usize) {
        self.messages_in_hand += 1;
        self.bytes -= len;
        self.bytes_in_hand += unwritten;
    }

    /// Nothing is in hand any more.
    fn put_away(&mut self) {
        self.messages -= std::mem::take(&mut self.messages_in_hand);
        self.bytes_in_hand = 0;
    }
}

/// What of a resumable session's queue outlives its connection.
#[derive(Debug)]
pub(crate) struct Lasting {
    pub(crate) resumption: Box<Resumption>,
    backlog: Option<Box<Backlog>>,
    dropped: u64,
}

impl Queue {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.in_hand + self.pieces_len + self.bytes.len() - self.written
    }

    /// Appends a framed message, if there is room.
    #[inline]
    pub(crate) fn append(&mut self, framed: &[u8], lane: Lane, options: &QueueOptions) -> Appended {
        if self.is_full(framed.len(), lane, options) {
            return self.refuse(lane, options);
        }
        if self.resumption.is_some()
            && let Some(kept) = self.keep(|| Bytes::copy_from_slice(framed), lane)
        {
            return kept;
        }
        self.bytes.extend_from_slice(framed);
        self.appended()
    }

    /// Appends a frame that is no message, if there is room: it is not numbered and not kept for a resumption.
    pub(crate) fn append_frame(&mut self, frame: &[u8], options: &QueueOptions) -> Appended {
        if self.is_full(frame.len(), Lane::Control, options) {
            return Appended::Overflow;
        }
        self.bytes.extend_from_slice(frame);
        self.appended()
    }

    /// Appends a framed message again that was numbered before, whatever waits: the ring that it comes from is bounded.
    pub(crate) fn append_replayed(&mut self, framed: Bytes) -> Appended {
        /// Shorter ones are copied, so that many of them go out in one write.
        const SHARED_LEN_MIN: usize = 16 * 1024;
        match framed.len() < SHARED_LEN_MIN {
            true => self.bytes.extend_from_slice(&framed),
            false => self.push_shared(framed, false),
        }
        self.appended()
    }

    /// Keeps a message for a resumption. Nothing if it is to be written as well.
    #[cold]
    fn keep(&mut self, framed: impl FnOnce() -> Bytes, lane: Lane) -> Option<Appended> {
        match self.resumption.as_mut()?.keep(framed(), lane) {
            Kept::Connected => None,
            Kept::Parked => Some(Appended::Queued),
            Kept::Unresumable => Some(Appended::Unresumable),
        }
    }

    /// Appends a large framed message by reference, if there is room.
    pub(crate) fn append_shared(&mut self, framed: Bytes, lane: Lane, options: &QueueOptions) -> Appended {
        let is_long = self.takes_long(framed.len(), lane, options);
        if !is_long && self.is_full(framed.len(), lane, options) {
            return self.refuse(lane, options);
        }
        if self.resumption.is_some()
            && let Some(kept) = self.keep(|| framed.clone(), lane)
        {
            return kept;
        }
        self.push_shared(framed, is_long);
        self.appended()
    }

    fn push_shared(&mut self, framed: Bytes, is_long: bool) {
        if !self.bytes.is_empty() {
            let before = match self.bytes.len() < self.bytes.capacity() / 2 {
                true => Bytes::copy_from_slice(&self.bytes),
                false => Bytes::from(mem::take(&mut self.bytes)),
            };
            self.bytes.clear();
            self.push_piece(before, false);
        }
        self.push_piece(framed, is_long);
    }

    fn push_piece(&mut self, bytes: Bytes, is_long: bool) {
        self.pieces_len += bytes.len();
        if is_long {
            self.long.add(bytes.len());
        }
        self.pieces.push_back(Piece { bytes, is_long });
    }

    #[inline]
    fn is_full(&self, len: usize, lane: Lane, options: &QueueOptions) -> bool {
        let waiting = self.len();
        let is_over = match lane {
            Lane::Event if waiting == 0 => return len > EVENT_LEN_MAX,
            Lane::Event => waiting + self.backlog_bytes + len > options.bytes_max,
            Lane::Control => waiting > options.bytes_max + RESERVED_LANE_BYTES,
            Lane::Last => waiting > options.bytes_max + 2 * RESERVED_LANE_BYTES,
        };
        is_over && self.is_full_beside_long(len, lane, options)
    }

    /// Whether the bound is used up by other messages than long ones.
    #[cold]
    fn is_full_beside_long(&self, len: usize, lane: Lane, options: &QueueOptions) -> bool {
        let waiting = self.len_beside_long();
        match lane {
            Lane::Event => waiting + self.backlog_bytes + len > options.bytes_max,
            Lane::Control => waiting > options.bytes_max + RESERVED_LANE_BYTES,
            Lane::Last => waiting > options.bytes_max + 2 * RESERVED_LANE_BYTES,
        }
    }

    /// Whether a message with a large payload is one of the long ones that may wait beside what the bound holds.
    fn takes_long(&self, len: usize, lane: Lane, options: &QueueOptions) -> bool {
        len > options.bytes_max / 2
            && self.long.messages < LONG_MESSAGES_MAX
            && (lane != Lane::Event || len <= EVENT_LEN_MAX)
            && !self.is_full_beside_long(0, lane, options)
    }

    /// Bytes that wait and count against the bound. Long messages do not, until the last byte of each is written.
    fn len_beside_long(&self) -> usize {
        let is_long_at_front = self.pieces.front().is_some_and(|piece| piece.is_long);
        let written = if is_long_at_front { 0 } else { self.written };
        let in_hand = self.in_hand.saturating_sub(self.long.bytes_in_hand);
        in_hand + self.pieces_len + self.bytes.len() - self.long.bytes - written
    }

    #[inline]
    fn appended(&mut self) -> Appended {
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
        self.dropped += 1;
        self.dropped_in_a_row += 1;
        self.lose_untold(1);
        Appended::Dropped { is_first: self.dropped_in_a_row == 1 }
    }

    /// An event is not delivered, as the session takes none that long.
    pub(crate) fn count_too_long(&mut self) -> Appended {
        self.dropped += 1;
        let is_first = !std::mem::replace(&mut self.has_missed_long_events, true);
        Appended::TooLong { is_first }
    }

    /// Events were dropped of which the session is told nothing, unless it is resumed.
    #[cold]
    fn lose_untold(&mut self, events: u64) {
        if let Some(resumption) = &mut self.resumption {
            resumption.lose(events);
        }
    }

    /// Nothing waits any more. How many events were dropped meanwhile.
    #[inline]
    fn catch_up(&mut self) -> u64 {
        if let Some(resumption) = &mut self.resumption {
            resumption.has_caught_up();
        }
        mem::take(&mut self.dropped_in_a_row)
    }

    /// Takes out what outlives the connection. None if the session is not resumable.
    pub(crate) fn take_lasting(&mut self) -> Option<Lasting> {
        let resumption = self.resumption.take()?;
        Some(Lasting { resumption, backlog: self.take_backlog(), dropped: self.dropped })
    }

    /// Goes on from where the session's last queue was.
    pub(crate) fn put_lasting(&mut self, lasting: Lasting) {
        self.resumption = Some(lasting.resumption);
        self.put_backlog(lasting.backlog);
        self.dropped = lasting.dropped;
    }

    /// The session has left its realm.
    pub(crate) fn detach(&mut self, detached: Detached) {
        self.forget_all();
        self.detached = Some(detached);
    }

    /// Bytes that wait, here and beside it.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.len() + self.backlog_bytes
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

    /// What is to be written next, or its beginning. Empty only if nothing waits; ends where a message ends.
    #[inline]
    pub(crate) fn unwritten(&self) -> &[u8] {
        match self.pieces.front() {
            None => &self.bytes[self.written..],
            Some(piece) => &piece.bytes[self.written..],
        }
    }

    /// So many bytes of [`Queue::unwritten`] were written. If nothing is left: how many events were dropped meanwhile.
    #[inline]
    pub(crate) fn advance(&mut self, written: usize) -> Option<u64> {
        self.written += written;
        self.written_in_all += written as u64;
        if !self.pieces.is_empty() {
            self.drop_written_pieces();
        }
        if !self.pieces.is_empty() {
            return None;
        }
        if self.written < self.bytes.len() {
            self.compact();
            return None;
        }
        self.written = 0;
        if self.bytes.capacity() > KEEP_BYTES {
            pool::give(mem::take(&mut self.bytes));
        } else {
            self.bytes.clear();
        }
        if self.backlog.is_some() && self.refill() {
            return None;
        }
        self.is_owned = false;
        Some(self.catch_up())
    }

    #[cold]
    fn drop_written_pieces(&mut self) {
        while let Some(piece) = self.pieces.pop_front_if(|piece| self.written >= piece.bytes.len()) {
            self.written -= piece.bytes.len();
            self.pieces_len -= piece.bytes.len();
            if piece.is_long {
                self.long.is_written(piece.bytes.len());
            }
        }
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }

    /// Takes out what waits, or its beginning, for a task that works on it while the queue is not locked. It counts as waiting
    /// until [`Queue::put_away`]. It ends where a message ends.
    pub(crate) fn take_out(&mut self) -> Bytes {
        let piece = match self.pieces.pop_front() {
            Some(Piece { bytes, is_long }) => {
                self.pieces_len -= bytes.len();
                if is_long {
                    self.long.take_out(bytes.len(), bytes.len() - self.written);
                }
                bytes
            }
            None => Bytes::from(mem::take(&mut self.bytes)),
        };
        let piece = piece.slice(mem::take(&mut self.written)..);
        self.in_hand += piece.len();
        piece
    }

    /// So many bytes of what was taken out are dealt with. Says as [`Queue::advance`] when nothing is left.
    pub(crate) fn put_away(&mut self, len: usize) -> Option<u64> {
        self.in_hand -= len;
        self.written_in_all += len as u64;
        if self.in_hand == 0 {
            self.long.put_away();
        }
        if self.len() > 0 || (self.backlog.is_some() && self.refill()) {
            return None;
        }
        self.is_owned = false;
        Some(self.catch_up())
    }

    /// Moves bytes to `out` until it holds `enough`.
    pub(crate) fn take_bytes(&mut self, enough: usize, out: &mut Vec<u8>) -> Option<u64> {
        let waiting = self.unwritten();
        let len = waiting.len().min(enough.saturating_sub(out.len()));
        out.extend_from_slice(&waiting[..len]);
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
    fn events_too_long_for_the_session_are_told_once() {
        let mut queue = Queue::default();
        assert_eq!(queue.count_too_long(), Appended::TooLong { is_first: true });
        queue.append(&[0; 60], Lane::Event, &OPTIONS);
        assert_eq!(queue.advance(60), Some(0), "it has not fallen behind");
        assert_eq!(queue.count_too_long(), Appended::TooLong { is_first: false });
        assert_eq!(queue.dropped, 2);
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
    fn an_event_has_a_longest_length_even_for_an_empty_queue() {
        let mut queue = Queue::default();
        let event = vec![0; EVENT_LEN_MAX + 1];
        assert_eq!(queue.append(&event, Lane::Event, &OPTIONS), Appended::Dropped { is_first: true });
        assert_eq!((queue.len(), queue.dropped), (0, 1));
        assert_eq!(queue.append(&event[1..], Lane::Event, &OPTIONS), Appended::FlushOwed);
    }

    #[test]
    fn a_refusal_and_the_last_message_find_room_where_replies_do_not() {
        let mut queue = Queue::default();
        queue.append(&vec![0; 101 + RESERVED_LANE_BYTES], Lane::Control, &OPTIONS);
        assert_eq!(queue.append(&[0], Lane::Control, &OPTIONS), Appended::Overflow);
        assert_eq!(queue.append(&vec![0; RESERVED_LANE_BYTES], Lane::Last, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append(&[0], Lane::Last, &OPTIONS), Appended::Overflow);
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
    fn a_large_message_is_shared_and_keeps_its_place() {
        let mut queue = Queue::default();
        let large = Bytes::from(vec![b'x'; 50]);
        queue.append(b"ab", Lane::Event, &OPTIONS);
        queue.advance(1);
        assert_eq!(queue.append_shared(large.clone(), Lane::Event, &OPTIONS), Appended::Queued);
        queue.append(b"cd", Lane::Event, &OPTIONS);
        assert_eq!(queue.len(), 53);
        assert!(matches!(
            queue.append_shared(large.clone(), Lane::Event, &OPTIONS),
            Appended::Dropped { .. }
        ));
        assert_eq!(queue.unwritten(), b"b");
        assert_eq!(queue.advance(1), None);
        assert_eq!(queue.unwritten().as_ptr(), large.as_ptr());
        assert_eq!(queue.advance(20), None);
        assert_eq!((queue.unwritten(), queue.len()), (&large[20..], 32));
        assert_eq!(queue.advance(30), None);
        assert_eq!(queue.unwritten(), b"cd");
        assert_eq!(queue.advance(2), Some(1));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_is_taken_out_counts_until_it_is_put_away() {
        let mut queue = Queue::default();
        queue.append(&[1; 60], Lane::Event, &OPTIONS);
        queue.give_to_owner();
        assert_eq!(queue.take_out(), [1; 60].as_slice());
        assert!(matches!(queue.append(&[2; 60], Lane::Event, &OPTIONS), Appended::Dropped { .. }));
        assert_eq!(queue.append(&[2; 40], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!((queue.put_away(50), queue.len()), (None, 50));
        assert_eq!(queue.append(&[3; 50], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.put_away(10), None);
        assert_eq!(queue.take_out().len(), 90);
        assert_eq!(queue.put_away(90), Some(1));
    }

    fn shared(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[test]
    fn two_long_messages_wait_beside_what_the_bound_holds() {
        let mut queue = Queue::default();
        queue.append(&[0; 24], Lane::Control, &OPTIONS);
        assert_eq!(queue.append_shared(shared(5000), Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append(&[0; 40], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append_shared(shared(6000), Lane::Event, &OPTIONS), Appended::Queued);
        let third = queue.append_shared(shared(51), Lane::Event, &OPTIONS);
        assert_eq!(third, Appended::Dropped { is_first: true });
        assert_eq!(queue.append(&[0; 36], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append(&[0; 1], Lane::Event, &OPTIONS), Appended::Dropped { is_first: false });
        assert_eq!(queue.len(), 11_000 + 100);
        // The first of them is written but for one byte: it still waits.
        queue.advance(24);
        queue.advance(4999);
        assert!(matches!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Dropped { .. }));
        queue.advance(1);
        assert_eq!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Queued);
        while queue.advance(queue.unwritten().len()).is_none() {}
        assert_eq!((queue.long.messages, queue.long.bytes, queue.len_beside_long()), (0, 0, 0));
    }

    #[test]
    fn replies_and_events_find_room_behind_a_long_event() {
        let mut queue = Queue::default();
        queue.append_shared(shared(1 << 20), Lane::Event, &OPTIONS);
        assert_eq!(queue.append(&[0; 24], Lane::Control, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append(&[0; 24], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.append(&[0; 24], Lane::Last, &OPTIONS), Appended::Queued);
        queue.append(&vec![0; RESERVED_LANE_BYTES + 100], Lane::Control, &OPTIONS);
        assert_eq!(queue.append_shared(shared(51), Lane::Control, &OPTIONS), Appended::Overflow);
    }

    #[test]
    fn a_long_message_that_is_taken_out_is_long_until_it_is_put_away() {
        let mut queue = Queue::default();
        queue.append_shared(shared(1000), Lane::Event, &OPTIONS);
        queue.append_shared(shared(1000), Lane::Event, &OPTIONS);
        assert_eq!(queue.take_out().len(), 1000);
        assert_eq!(queue.append(&[0; 60], Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.put_away(999), None);
        assert!(matches!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Dropped { .. }));
        assert_eq!(queue.put_away(1), None);
        assert_eq!(queue.append_shared(shared(51), Lane::Event, &OPTIONS), Appended::Queued);
        assert_eq!(queue.len_beside_long(), 60);
    }

    #[test]
    fn small_messages_between_large_ones_take_no_more_than_they_are() {
        let options = QueueOptions { bytes_max: 4 << 20, on_slow: OnSlow::DropNew };
        let mut queue = Queue { bytes: Vec::with_capacity(128 * 1024), ..Queue::default() };
        let large = Bytes::from(vec![0; 64 * 1024]);
        for _ in 0..50 {
            queue.append(b"small", Lane::Event, &options);
            queue.append_shared(large.clone(), Lane::Event, &options);
        }
        assert_eq!(queue.pieces.len(), 100);
        assert_eq!(queue.bytes.capacity(), 128 * 1024, "the buffer is kept");
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
