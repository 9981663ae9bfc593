//! Sessions that outlive their connection.
//!
//! ```text
//!             connection lost                  HELLO with its token
//!  connected ────────────────▶ parked ──────────────────────────────▶ connected, by another connection
//!      │                         │
//!      │ GOODBYE, ABORT, closed  │ window over, closed, a message that it needs does not fit
//!      ▼                         ▼
//!    left                       left
//! ```
//!
//! A client asks for it in HELLO (`resumable`). What it is sent is numbered from then on, the first message behind WELCOME
//! being 1, and kept in a bounded [`Ring`]. While the session is parked it stays in its realm as it is, and what
//! is sent to it goes to the ring alone. A client that comes back says how many messages it has received; it is told how
//! many the router has, and gets those that it misses, or the number of events among them that are no longer kept.
//!
//! Its token is good for one time, which is over with its first message on the new connection: a client whose WELCOME was lost
//! comes back by the token that it came by.
//!
//! Specification: `session-state-machine.md` has the names `resumable`, `resume_session`, `resume_token` and `resumed`;
//! `resume_received`, `received`, `recovered`, `missed` and `resume_window` are this router's.

mod request;
mod ring;
mod seat;
mod token;

pub(crate) use request::{Request, wants};
pub(crate) use ring::{Replay, Ring};
pub(crate) use seat::{Owner, Seat, Seats};
pub(crate) use token::{Keys, Token};

use std::time::Duration;

use bytes::Bytes;
use crossweave_wamp::AuthMethod;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::Welcome;
use tokio::sync::oneshot;

use crate::queue::Lane;

/// Whether and how sessions of a transport may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumptionOptions {
    /// How long a session is kept without a connection, in seconds. Default 30.
    pub window_s: u64,
    /// Bytes of messages kept for each session, with [`FRAME_COST_BYTES`] for each message. Default 256 KiB.
    pub buffer_bytes_max: usize,
    /// Sessions of one realm that may be resumable at a time, connected or not; further ones are ordinary. Default 1,000.
    pub sessions_max: usize,
    /// How many of them one client may have: one authid, or of those who have proven nothing one address, or
    /// one user of a Unix socket. Default 32.
    pub sessions_per_client_max: usize,
}

/// What keeping a message costs beside its bytes.
pub const FRAME_COST_BYTES: usize = 64;

impl Default for ResumptionOptions {
    fn default() -> Self {
        ResumptionOptions {
            window_s: 30,
            buffer_bytes_max: 256 * 1024,
            sessions_max: 1_000,
            sessions_per_client_max: 32,
        }
    }
}

/// What a session has lost with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Messages of the session that the router has handled.
    pub(crate) received: u64,
    /// One of them awaits authorization.
    pub(crate) is_paused: bool,
    /// Messages that it had been sent. None of the later ones has been received.
    sent: u64,
}

/// What became of a message for a resumable session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It goes to the connection, too.
    Connected,
    /// There is no connection.
    Parked,
    /// There is none, and a message fell out that the session cannot do without: it cannot be resumed any more.
    Unresumable,
}

/// What makes a session resumable. It stands in the session's queue, and moves from one to the next.
#[derive(Debug)]
pub(crate) struct Resumption {
    ring: Ring,
    keys: Keys,
    pub(crate) window: Duration,
    /// How its client has proven who it is: who goes on with it proves that in the same way.
    pub(crate) proof: Option<AuthMethod>,
    parked: Option<Parked>,
    /// Events that were dropped and never numbered, since the client has last caught up: a connection may be dead long before that
    /// is noticed.
    dropped: u64,
    /// Events that the next WELCOME tells the client it has missed, beside those that fell out of the ring.
    untold: u64,
    /// Those that the last one told of, until the client is known to have it.
    told: u64,
    /// Who waits until the session is parked, as its connection is to be taken over.
    pub(crate) takeover: Option<oneshot::Sender<()>>,
    _seat: Seat,
}

impl Resumption {
    pub(crate) fn new(
        options: &ResumptionOptions,
        seat: Seat,
        token: &Token,
        proof: Option<AuthMethod>,
    ) -> Box<Resumption> {
        Box::new(Resumption {
            ring: Ring::new(options.buffer_bytes_max),
            keys: Keys::new(token),
            window: Duration::from_secs(options.window_s),
            proof,
            parked: None,
            dropped: 0,
            untold: 0,
            told: 0,
            takeover: None,
            _seat: seat,
        })
    }

    /// Numbers a message for the session and keeps it.
    pub(crate) fn keep(&mut self, framed: Bytes, lane: Lane) -> Kept {
        self.ring.push(framed, lane == Lane::Event);
        match &self.parked {
            None => Kept::Connected,
            Some(parked) if self.ring.last_needed_lost() > parked.sent => Kept::Unresumable,
            Some(_) => Kept::Parked,
        }
    }

    /// The connection is lost.
    pub(crate) fn park(&mut self, received: u64, is_paused: bool) {
        self.parked = Some(Parked { received, is_paused, sent: self.ring.sent() });
        self.untold += std::mem::take(&mut self.dropped);
    }

    /// Events are not delivered, and nothing else tells the client.
    #[cold]
    pub(crate) fn lose(&mut self, events: u64) {
        match self.parked {
            Some(_) => self.untold += events,
            None => self.dropped += events,
        }
    }

    /// The client has taken all that waited for it: what was dropped meanwhile has nothing to do with losing the connection.
    pub(crate) fn has_caught_up(&mut self) {
        self.dropped = 0;
    }

    /// What it has lost, while it is parked.
    pub(crate) fn parked(&self) -> Option<Parked> {
        self.parked
    }

    /// While it is parked: bytes of events that may wait beside the ring, by the contracts of their subscriptions.
    pub(crate) fn parked_room(&self) -> Option<usize> {
        self.parked.map(|_| self.ring.bytes_max())
    }

    /// What a client needs that has received so many messages.
    pub(crate) fn replay(&self, received: u64) -> Result<Replay, &'static str> {
        let Replay { missed, frames } = self.ring.replay(received)?;
        Ok(Replay { missed: missed + self.untold, frames })
    }

    /// Somebody claims the session with this token, which is good: it tells whether the last WELCOME has arrived.
    pub(crate) fn heed_token(&mut self, shown: &Token) {
        let told = std::mem::take(&mut self.told);
        if self.keys.is_previous(shown) {
            self.untold += told;
        }
    }

    /// Whether the token is good now.
    pub(crate) fn is_good(&self, token: &Token) -> bool {
        self.keys.is_good(token)
    }

    /// Its connection is to give it up for who has shown this token; it is claimed by another one when that has happened.
    pub(crate) fn take_over(&mut self, shown: &Token) -> (Token, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        self.takeover = Some(sender);
        (self.keys.lend(shown), receiver)
    }

    /// Another connection has it, by this token, whose peer has received so many messages. The token for the next time.
    pub(crate) fn unpark(&mut self, received: u64, shown: &Token) -> Token {
        self.told = self.ring.go_on_from(received) + std::mem::take(&mut self.untold);
        self.parked = None;
        self.keys.renew(shown)
    }

    /// The peer has shown by a message that it has its last WELCOME.
    pub(crate) fn confirm(&mut self) {
        self.told = 0;
        self.keys.confirm();
    }
}

/// Says in WELCOME that the transport lets sessions be resumed.
pub(crate) fn announce(welcome: &mut Welcome) {
    let mut roles = Roles::from_details(&welcome.details);
    for role in [&mut roles.broker, &mut roles.dealer] {
        *role = role.map(|features| features.and(Features::SESSION_RESUMPTION));
    }
    welcome.details.insert("roles", roles.to_dict());
}

/// Says in WELCOME how the session may be resumed the next time.
pub(crate) fn offer(welcome: &mut Welcome, token: &Token, window: Duration) {
    welcome.details.insert("resumable", true);
    welcome.details.insert("resume_token", token.text());
    welcome.details.insert("resume_window", window.as_secs());
}

#[cfg(test)]
mod exactness;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::queue::{Queue, QueueOptions};

    fn append(queue: &mut Queue, events: usize) {
        let bounds = QueueOptions { bytes_max: 10, ..QueueOptions::default() };
        for _ in 0..events {
            queue.append(b"0123456789", Lane::Event, &bounds);
        }
    }

    #[test]
    fn what_was_dropped_since_the_client_had_last_caught_up_is_missed() {
        let options = ResumptionOptions::default();
        let seat = Seat::take(&Arc::default(), Owner::Memory, &options).unwrap();
        let mut queue = Queue::default();
        queue.resumption = Some(Resumption::new(&options, seat, &Token::random(), None));
        // It is slow, loses three events, and catches up.
        append(&mut queue, 4);
        queue.begin_flush();
        assert_eq!(queue.advance(10), Some(3));
        // The connection is dead, and nobody knows: two events are dropped.
        append(&mut queue, 3);
        let resumption = queue.resumption.as_mut().unwrap();
        resumption.park(0, false);
        let Replay { missed, frames } = resumption.replay(1).unwrap();
        assert_eq!((missed, frames.len()), (2, 1));
    }
}
