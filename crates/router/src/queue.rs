//! What waits to be written to one session: bytes, bounded, in order.

pub(crate) mod backlog;
mod long;
mod options;
#[cfg(test)]
mod order;
mod pool;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem;

use backlog::Backlog;
use bytes::Bytes;
use long::Long;

use crate::resumption::{Kept, Resumption};

pub use options::{EVENT_LEN_MAX, LONG_MESSAGES_MAX, OnSlow, QueueOptions, RESERVED_LANE_BYTES};

/// A drained buffer up to this size stays with its session; a larger one is given back.
const KEEP_BYTES: usize = 512;

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
