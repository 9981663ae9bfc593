//! Following the messages of realms while they run, for an operator who looks.
//!
//! ```text
//!  connection: messages read ──┐
//!  dispatch: messages queued ──┴─▶ Turn: notes ──settle, under the realm's lock──▶ Tap: ring ──▶ whoever reads
//! ```
//!
//! Nobody waits for a tap. Notes and rings are bounded, and what finds no room is missed, which shows as a gap in the numbers.
//! While no tap is open a realm looks at one number per turn; the same one says whether URIs are counted (`hot.rs`).

mod notes;
mod settling;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_wamp::message::Kind;
use crossweave_wamp::{MatchPolicy, Payload, SessionId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::hot::{Heat, HotUris};
pub(crate) use notes::Turn;
use settling::Tracker;

/// Taps that may be open at a time.
pub const TAPS_MAX: usize = 16;
/// Messages that a tap keeps at most, whatever its options say.
pub const TAPPED_MAX: usize = 100_000;
/// Octets of payloads that a tap keeps.
pub const TAPPED_PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Octets of a payload that a tap keeps; of a longer one it tells the length alone.
pub const TAPPED_PAYLOAD_LEN_MAX: usize = 64 * 1024;

/// Which messages a tap takes. What is not set means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapOptions {
    /// Those of this realm.
    pub realm: Option<String>,
    /// Those about a URI that this matches. RESULT, YIELD, ERROR and the like are about the URI of their request.
    pub uri: Option<(MatchPolicy, String)>,
    /// Those from and to this session.
    pub session: Option<SessionId>,
    /// Those from and to sessions of this authid.
    pub authid: Option<String>,
    /// Those of these types; empty means any.
    pub kinds: Vec<Kind>,
    /// Whether payloads are kept. Not those of calls that the router itself makes, as they may hold what clients log in with.
    pub has_payload: bool,
    /// How many messages are kept for who reads, 1 to [`TAPPED_MAX`].
    pub kept_max: usize,
}

/// From or to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The router received it.
    Received,
    /// The router queued it for the client.
    Sent,
}

/// A message that a tap took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tapped {
    /// Its number. Numbers that are not there were missed.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The realm.
    pub realm: Arc<str>,
    /// Which way it went.
    pub direction: Direction,
    /// The session that sent or gets it.
    pub session: SessionId,
    /// The session's authid, if it is known.
    pub authid: Option<Arc<str>>,
    /// The session's authrole, if it is known.
    pub authrole: Option<Arc<str>>,
    /// Its type.
    pub kind: Kind,
    /// The topic, procedure or pattern that it is about, if it is known.
    pub uri: Option<Arc<str>>,
    /// The request that it is, or answers.
    pub request: Option<u64>,
    /// The error or reason in ERROR, ABORT and GOODBYE.
    pub error: Option<Box<str>>,
    /// Whether more of the same request follow.
    pub is_progress: bool,
    /// Its length in octets, as it came or goes over the wire.
    pub len: usize,
    /// The payload, if payloads are kept and it is no longer than [`TAPPED_PAYLOAD_LEN_MAX`].
    pub payload: Option<Payload<'static>>,
    /// The payload's length in octets.
    pub payload_len: usize,
}

/// There is no room for another tap: [`TAPS_MAX`] are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{TAPS_MAX} taps are open, which is as many as there may be")]
pub struct TooManyTaps;

/// An open tap. It closes when it is dropped.
pub struct Tap {
    line: Arc<Line>,
    taps: Arc<Taps>,
}

impl Tap {
    /// Messages from this number on that are still kept, in order, at most `limit`.
    pub fn read(&self, from_seq: u64, limit: usize) -> Vec<Arc<Tapped>> {
        let ring = self.line.ring.lock();
        let start = ring.kept.partition_point(|message| message.seq < from_seq);
        ring.kept.range(start..).take(limit).cloned().collect()
    }

    /// The number that the next message gets.
    pub fn next_seq(&self) -> u64 {
        self.line.ring.lock().next_seq
    }

    /// Waits until a message with this number or a later one is there. Cancel safe.
    pub async fn wait(&self, seq: u64) {
        let mut told = self.line.told.subscribe();
        // It is told as long as the tap is there.
        let _ = told.wait_for(|next| *next > seq).await;
    }

    /// Takes no messages any more. What it has can still be read.
    pub fn close(&self) {
        self.taps.close(&self.line);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the realms know of a tap.
pub(crate) struct Line {
    options: TapOptions,
    ring: Mutex<Ring>,
    /// The number that the next message gets, for those who wait.
    told: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    kept: VecDeque<Arc<Tapped>>,
    next_seq: u64,
    payload_bytes: usize,
}

impl Ring {
    fn push(&mut self, message: Tapped, kept_max: usize) {
        self.payload_bytes += kept_bytes(&message);
        self.kept.push_back(Arc::new(Tapped { seq: self.next_seq, ..message }));
        self.next_seq += 1;
        while self.kept.len() > kept_max || self.payload_bytes > TAPPED_PAYLOAD_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.payload_bytes -= kept_bytes(&oldest);
        }
    }
}

fn kept_bytes(message: &Tapped) -> usize {
    message.payload.as_ref().map_or(0, |payload| payload.bytes().len())
}

impl Line {
    /// Tells those who wait. Not under a realm's lock.
    fn tell(&self) {
        let next = self.ring.lock().next_seq;
        self.told.send_if_modified(|told| std::mem::replace(told, next) != next);
    }
}

/// Set in the number that realms look at while URIs are counted.
pub(crate) const COUNTING: usize = 1 << (usize::BITS - 1);

/// The taps of a router, and what is counted for an operator.
#[derive(Default)]
pub(crate) struct Taps {
    /// How many there are, and [`COUNTING`]: what realms look at.
    watching: AtomicUsize,
    /// How often URIs are used.
    pub(crate) heat: Heat,
    lines: RwLock<Vec<Arc<Line>>>,
    /// What is known of the messages of each realm that is tapped.
    trackers: Mutex<HashMap<Arc<str>, Arc<Mutex<Tracker>>>>,
}

impl Taps {
    /// Whether any tap is open, or URIs are counted.
    #[inline]
    pub(crate) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed) > 0
    }

    /// Whether any tap is open.
    pub(crate) fn is_open(&self) -> bool {
        self.watching.load(Ordering::Relaxed) & !COUNTING > 0
    }

    /// Whether URIs are counted.
    pub(crate) fn is_counting(&self) -> bool {
        self.watching.load(Ordering::Relaxed) & COUNTING > 0
    }

    /// The URIs with most messages since somebody asked last, and counts on for a while. Within a tokio runtime.
    pub(crate) fn hot_uris(self: &Arc<Self>, limit: usize) -> HotUris {
        let (uris, begins) = self.heat.read(&self.watching, Instant::now(), limit);
        if begins {
            let taps = Arc::downgrade(self);
            tokio::spawn(async move {
                while let Some(taps) = taps.upgrade() {
                    let Some(until) = taps.heat.end(&taps.watching, Instant::now()) else { return };
                    drop(taps);
                    sleep_until(until).await;
                }
            });
        }
        uris
    }

    /// Opens one.
    pub(crate) fn open(self: &Arc<Self>, options: TapOptions) -> Result<Tap, TooManyTaps> {
        let kept_max = options.kept_max.clamp(1, TAPPED_MAX);
        let mut lines = self.lines.write();
        if lines.len() >= TAPS_MAX {
            return Err(TooManyTaps);
        }
        let line = Line {
            options: TapOptions { kept_max, ..options },
            ring: Mutex::default(),
            told: watch::Sender::new(0),
        };
        let line = Arc::new(line);
        lines.push(line.clone());
        self.watching.fetch_add(1, Ordering::Relaxed);
        Ok(Tap { line, taps: self.clone() })
    }

    fn close(&self, line: &Arc<Line>) {
        let mut lines = self.lines.write();
        let before = lines.len();
        lines.retain(|other| !Arc::ptr_eq(other, line));
        // One that was closed before is not there any more.
        self.watching.fetch_sub(before - lines.len(), Ordering::Relaxed);
        if lines.is_empty() {
            *self.trackers.lock() = HashMap::new();
        }
    }

    /// One turn of a realm, for the taps that it concerns; nothing if there are none.
    #[cold]
    pub(crate) fn turn(&self, realm: &Arc<str>) -> Option<Box<Turn>> {
        let is_of = |line: &&Arc<Line>| line.options.realm.as_ref().is_none_or(|name| **name == **realm);
        let lines: Vec<Arc<Line>> = self.lines.read().iter().filter(is_of).cloned().collect();
        if lines.is_empty() {
            return None;
        }
        let tracker = self.trackers.lock().entry(realm.clone()).or_default().clone();
        Some(Box::new(Turn::new(realm.clone(), lines, tracker)))
    }

    /// A realm has ended: nothing of it is known any more.
    pub(crate) fn forget(&self, realm: &str) {
        if self.is_open() {
            self.trackers.lock().remove(realm);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::hot::HOT_URIS_LEASE;

    #[tokio::test(start_paused = true)]
    async fn counting_ends_by_itself_and_leaves_taps_open() {
        let taps = Arc::<Taps>::default();
        assert!(!taps.is_watching());
        taps.hot_uris(5);
        assert!(taps.is_watching() && taps.is_counting() && !taps.is_open());
        sleep(HOT_URIS_LEASE / 2).await;
        taps.hot_uris(5);
        let tap = taps.open(TapOptions::default()).unwrap();
        sleep(HOT_URIS_LEASE - Duration::from_millis(10)).await;
        assert!(taps.is_counting() && taps.is_open(), "each question lets it go on");
        sleep(Duration::from_millis(20)).await;
        assert!(!taps.is_counting() && taps.is_open());
        tap.close();
        drop(tap);
        assert!(!taps.is_watching());
        taps.hot_uris(5);
        assert!(taps.is_counting(), "it can begin again");
    }
}
