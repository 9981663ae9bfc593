//! Reading: from the socket to batches of messages.

use std::cell::RefCell;
use std::task::{Context, Poll};

use crossweave_router_core::boundary::Flow;
use crossweave_transport::codec::Decoder;
use crossweave_transport::{CodecError, Item};
use crossweave_wamp::message::Abort;
use crossweave_wamp::payload::Prepared;
use crossweave_wamp::{Batching, Message, ProtocolViolation, Serializer, uris};
use tracing::debug;

use super::{Connection, READS_PER_TURN, Stage};
use crate::peer::Peer;
use crate::realm::{Decoded, RealmCell};

/// Bytes read at a time.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// The longest beginning of a frame that a decoder leaves with its caller.
const CARRY_BYTES_MAX: usize = crossweave_transport::websocket::RETAIN_LEN_MAX;
/// Messages routed under one lock.
pub(super) const BATCH_MESSAGES_MAX: usize = 64;

/// Messages of this length on are transcoded before the realm is locked, for whichever serializers its sessions have.
const PREPARED_LEN_MIN: usize = 256 * 1024;

thread_local! {
    /// One buffer per thread: a connection needs it only while it is polled.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CARRY_BYTES_MAX + READ_BYTES]);
}

/// What ended a batch.
enum Stop {
    /// There is room for no more messages.
    Full,
    /// More bytes are needed.
    Incomplete,
    /// A message that the decoder had to put together, so that it is not in the buffer.
    Assembled {
        data: Vec<u8>,
        is_text: bool,
    },
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    /// A WebSocket message in a frame of the kind that the serializer does not use.
    WrongKind,
    Failed(CodecError),
}

/// Where a message stands in the buffer.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
    is_text: bool,
}

impl Connection {
    /// Reads for one turn. True if there may be more to read.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> bool {
        BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..READS_PER_TURN {
                if !self.may_read() {
                    return false;
                }
                if self.has_leftover {
                    self.receive_leftover();
                    if self.flush() {
                        break;
                    }
                    continue;
                }
                let carried = self.carry.len().min(buffer.len() - READ_BYTES);
                buffer[..carried].copy_from_slice(&self.carry[..carried]);
                let read = match self.poll_read(cx, &mut buffer[carried..]) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok(0)) => {
                        self.peer_has_finished();
                        return false;
                    }
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(error)) => {
                        debug!(session = self.peer.session(), %error, "cannot read from the connection");
                        self.lose();
                        return false;
                    }
                };
                if let Some(ping) = &mut self.ping {
                    ping.heard();
                }
                self.stall.heard();
                if matches!(self.stage, Stage::Closing(_)) {
                    // What it still sends is of no interest any more.
                    self.discard(read);
                    continue;
                }
                self.receive(&mut buffer[..carried + read]);
                if self.flush() {
                    break;
                }
            }
            true
        })
    }

    /// Whether the peer may be read now.
    pub(super) fn may_read(&self) -> bool {
        match &self.stage {
            Stage::Detached | Stage::Ended => false,
            Stage::Opening(opening) => !opening.is_deciding(),
            Stage::Closing(_) => !self.has_peer_finished(),
            Stage::Forwarded(forwarded) => forwarded.has_room() && self.effects.dirty.is_empty(),
            Stage::Joined { is_paused, .. } => {
                !is_paused && self.effects.dirty.is_empty() && self.reads_its_replies()
            }
        }
    }

    /// What a session sends makes replies; if it does not read those, it must wait until this task has written them.
    pub(super) fn reads_its_replies(&self) -> bool {
        let mut queue = self.peer.queue.lock();
        let may_go_on = queue.len() <= self.options.queue.bytes_max;
        if !may_go_on {
            queue.give_to_owner();
        }
        may_go_on
    }

    /// Takes every message out of `buffer` and keeps the beginning of one that is not complete; also what is behind a batch
    /// that is longer than a portion.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) {
        let mut at = 0;
        while self.takes_messages() && !self.has_leftover {
            let mut spans = [Span::default(); BATCH_MESSAGES_MAX];
            let (len, consumed, stop) = self.take_batch(&mut buffer[at..], &mut spans);
            let batch = &buffer[at..];
            let frame = |index: usize| {
                let Span { start, end, is_text } = spans[index];
                (&batch[start as usize..end as usize], is_text)
            };
            match (self.peer.wire.batching, len) {
                (Batching::Single, _) => self.route(len, frame),
                (_, 0) => {}
                (_, _) => {
                    let (bytes, is_text) = frame(0);
                    self.receive_batch(bytes.into(), is_text);
                }
            }
            at += consumed;
            if !self.takes_messages() || self.has_leftover {
                break;
            }
            match stop {
                Stop::Full | Stop::Pong => {}
                Stop::Incomplete => break,
                Stop::Assembled { data, is_text } => self.receive_assembled(data, is_text),
                Stop::Ping(payload) => self.append_control(|encoder, out| {
                    // A ping longer than what the peer receives itself cannot be answered.
                    let _ = encoder.append_pong(out, &payload);
                }),
                Stop::Close(code) => {
                    self.peer_closes(code);
                    break;
                }
                Stop::WrongKind => {
                    self.fail_wrong_kind();
                    break;
                }
                Stop::Failed(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        self.keep(if self.takes_messages() { &buffer[at..] } else { &[] });
    }

    /// Whether the peer has, or may open, a session.
    pub(super) fn takes_messages(&self) -> bool {
        matches!(self.stage, Stage::Opening(_) | Stage::Joined { .. } | Stage::Forwarded(_))
    }

    fn keep(&mut self, rest: &[u8]) {
        self.carry.clear();
        if rest.is_empty() {
            self.carry = Vec::new();
        } else {
            self.carry.extend_from_slice(rest);
        }
    }

    /// Finds the next messages in `buffer`: how many, the bytes consumed, and why there are no more.
    #[inline]
    fn take_batch(
        &mut self,
        buffer: &mut [u8],
        spans: &mut [Span; BATCH_MESSAGES_MAX],
    ) -> (usize, usize, Stop) {
        let base = buffer.as_ptr() as usize;
        let room = base..base + buffer.len();
        // Of batches one at a time: it may have to be left in the middle.
        let len_max = if self.peer.wire.batching == Batching::Single { BATCH_MESSAGES_MAX } else { 1 };
        // RawSocket's frames are of one kind.
        let goes_as_text =
            matches!(self.decoder, Decoder::WebSocket(_)) && self.peer.wire.serializer.is_text();
        let (mut len, mut at) = (0, 0);
        while len < len_max {
            let decoded = match self.decoder.decode(&mut buffer[at..]) {
                Ok(decoded) => decoded,
                Err(error) => return (len, at, Stop::Failed(error)),
            };
            at += decoded.consumed;
            let stop = match decoded.item {
                Item::Message { text, .. } if text != goes_as_text => Stop::WrongKind,
                Item::Message { text, data } => {
                    let address = data.as_ptr() as usize;
                    if room.contains(&address) && address + data.len() <= room.end {
                        let start = (address - base) as u32;
                        spans[len] = Span { start, end: start + data.len() as u32, is_text: text };
                        len += 1;
                        continue;
                    }
                    Stop::Assembled { data: data.to_vec(), is_text: text }
                }
                Item::Incomplete => Stop::Incomplete,
                Item::Ping(payload) => Stop::Ping(payload.to_vec()),
                Item::Pong(_) => Stop::Pong,
                Item::Close { code, .. } => Stop::Close(code),
            };
            return (len, at, stop);
        }
        (len, at, Stop::Full)
    }

    /// What the decoder had to put together.
    fn receive_assembled(&mut self, data: Vec<u8>, is_text: bool) {
        if self.peer.wire.batching == Batching::Single {
            return self.route(1, |_| (&data, is_text));
        }
        self.receive_batch(data.into(), is_text);
        // The batch may be kept for long: the decoder gives back its own copy.
        let _ = self.decoder.decode(&mut []);
    }

    /// What came is no message.
    pub(super) fn violated(&mut self, violation: ProtocolViolation) {
        match &mut self.stage {
            Stage::Opening(_) | Stage::Forwarded(_) => {
                self.refuse(&Abort::new(violation.uri(), violation.message()));
            }
            Stage::Joined { realm, slot, .. } => {
                let _ = realm.messages(*slot, [Err(violation)].iter_mut(), &mut self.effects);
                self.heed_notes();
            }
            Stage::Detached | Stage::Closing(_) | Stage::Ended => {}
        }
    }

    /// Hands `len` messages to whoever they are for, in order.
    #[inline]
    pub(super) fn route<'b>(&mut self, len: usize, frame: impl Fn(usize) -> (&'b [u8], bool)) {
        let mut next = 0;
        while next < len {
            match &self.stage {
                Stage::Opening(_) => {
                    self.receive_opening(frame(next).0);
                    next += 1;
                }
                Stage::Forwarded(_) => {
                    self.route_forwarded(frame(next).0);
                    next += 1;
                }
                Stage::Joined { .. } => next += self.route_joined(len - next, |index| frame(next + index)),
                Stage::Detached | Stage::Closing(_) | Stage::Ended => return,
            }
        }
    }

    /// Hands frames to the realm; says how many it took.
    #[inline]
    fn route_joined<'b>(&mut self, len: usize, frame: impl Fn(usize) -> (&'b [u8], bool)) -> usize {
        let Stage::Joined { realm, slot, is_paused, received, is_unconfirmed } = &mut self.stage else {
            return len;
        };
        if *is_unconfirmed {
            *is_unconfirmed = false;
            confirm(&self.peer);
        }
        let mut batch = decode(self.peer.wire.serializer, len, &frame);
        let _prepared = prepare(realm, &mut batch, &frame);
        if let Some(visit) = &self.visit {
            let is_logout = |message: &Message<'_>| matches!(message, Message::Goodbye(bye) if bye.reason == uris::CLOSE_LOGOUT);
            if batch.iter().map_while(|it| it.as_ref().ok()).any(is_logout) {
                visit.log_out(&self.peer);
            }
        }
        let mut messages = batch.iter_mut();
        let flow = if realm.is_watched() {
            let lens = (0..).map(|index| frame(index).0.len());
            realm.watched_messages((self.peer.session(), *slot), &mut messages, lens, &mut self.effects)
        } else {
            realm.messages(*slot, messages.by_ref(), &mut self.effects)
        };
        let taken = len - messages.len();
        *received += taken as u64;
        match flow {
            Ok(Flow::Continue) => len,
            Ok(Flow::Pause) => {
                *is_paused = true;
                len
            }
            Ok(Flow::Gone) => {
                self.heed_notes();
                // What it sent behind its GOODBYE belongs to the next session, even if it is no message.
                taken
            }
            Err(_) => {
                self.heed_notes();
                len
            }
        }
    }
}

/// The peer of a resumed session has its WELCOME: the token by which it came is of no use any more.
#[cold]
fn confirm(peer: &Peer) {
    if let Some(resumption) = &mut peer.queue.lock().resumption {
        resumption.confirm();
    }
}

/// What is in the frames.
#[inline]
fn decode<'b>(
    serializer: Serializer,
    len: usize,
    frame: impl Fn(usize) -> (&'b [u8], bool),
) -> Vec<Decoded<'b>> {
    // Collected so that each is written where it stays.
    (0..len)
        .map(|index| match frame(index) {
            (bytes, true) => Message::decode_checked_utf8(serializer, bytes),
            (bytes, false) => Message::decode(serializer, bytes),
        })
        .collect()
}

/// Prepares the large ones among the messages.
#[inline]
fn prepare<'b>(
    realm: &RealmCell,
    batch: &mut [Decoded<'b>],
    frame: impl Fn(usize) -> (&'b [u8], bool),
) -> Vec<Prepared> {
    let mut prepared = Vec::new();
    for (index, message) in batch.iter_mut().enumerate() {
        if frame(index).0.len() >= PREPARED_LEN_MIN
            && let Ok(message) = message
        {
            prepared.extend(realm.prepare(message));
        }
    }
    prepared
}
