//! The thread that writes a realm's events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crossweave_router_core::Recorded;
use tracing::warn;

use super::keeper::Keeper;
use super::queue::{EVENTS_MAX, Order, Queue};
use super::unix_ms;

/// Bytes of the events that are looked at together, of which those with room are one transaction. The last event may exceed it.
///
/// The more they are, the fewer of them are written: if events come so quickly that the writer falls behind, most of what
/// waits has had to give way to later ones by the time it is looked at.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Look this often for events that are too old, and for losses to be told.
const IDLE: Duration = Duration::from_secs(10);
/// Losses are told at most this often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Writes events until it is told to end.
pub(super) struct Writer {
    realm: String,
    path: PathBuf,
    keeper: Keeper,
    queue: Arc<Queue>,
    /// Losses that the log knows of, and since when.
    told: u64,
    told_at: Option<Instant>,
    /// Why the last transaction failed, until that is told.
    failure: Option<String>,
}

impl Writer {
    pub(super) fn new(realm: &str, path: &Path, keeper: Keeper, queue: Arc<Queue>) -> Writer {
        let (realm, path) = (realm.to_owned(), path.to_owned());
        Writer { realm, path, keeper, queue, told: 0, told_at: None, failure: None }
    }

    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(IDLE) {
                Ok(order) => {
                    if self.obey(order, orders) == Next::End {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.trim(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.tell_losses();
        }
    }

    /// Does what is ordered; writes as many of the events that wait as make a transaction.
    fn obey(&mut self, first: Order, orders: &Receiver<Order>) -> Next {
        let (mut events, mut bytes) = (Vec::new(), 0);
        let mut order = Some(first);
        loop {
            match order.take() {
                Some(Order::Write(event)) => {
                    bytes += event.bytes();
                    events.push(event);
                }
                Some(Order::Load(answer)) => {
                    self.write(&mut events);
                    let records = self.keeper.load().map_err(|why| self.failure = Some(why));
                    // Nobody may be there to take it any more.
                    let _ = answer.send(records.unwrap_or_default());
                    return Next::Order;
                }
                Some(Order::End) => {
                    self.write(&mut events);
                    self.told_at = None;
                    self.tell_losses();
                    return Next::End;
                }
                None => {
                    self.write(&mut events);
                    return Next::Order;
                }
            }
            if events.len() < EVENTS_MAX && bytes < BATCH_BYTES_MAX {
                order = orders.try_recv().ok();
            }
        }
    }

    fn write(&mut self, events: &mut Vec<Recorded>) {
        if events.is_empty() {
            return;
        }
        // One event that finds no room must not cost the others.
        if let Err(why) = self.keeper.write(events, unix_ms()) {
            self.write_one_by_one(events, why);
        }
        events.drain(..).for_each(|event| self.queue.taken(event.bytes()));
        self.trim();
    }

    /// Writes what can be written of events that cannot be written together.
    #[cold]
    fn write_one_by_one(&mut self, events: &[Recorded], mut why: String) {
        let mut failures = 0;
        for event in events {
            if failures < self.keeper.failures_max() {
                match self.keeper.write(std::slice::from_ref(event), unix_ms()) {
                    Ok(()) => {
                        failures = 0;
                        continue;
                    }
                    Err(error) => why = error,
                }
            }
            failures += 1;
            self.queue.lose(1);
            self.failure = Some(why.clone());
        }
    }

    fn trim(&mut self) {
        if let Err(why) = self.keeper.trim(unix_ms()) {
            self.failure = Some(why);
        }
    }

    /// Tells what was not written since the last time.
    fn tell_losses(&mut self) {
        let lost = self.queue.lost();
        let is_due = self.told_at.is_none_or(|at| at.elapsed() >= WARN_EVERY);
        if !is_due || (lost == self.told && self.failure.is_none()) {
            return;
        }
        let (events, path) = (lost - self.told, self.path.display());
        let why =
            self.failure.take().unwrap_or_else(|| "they come faster than the disk takes them".to_owned());
        warn!(realm = self.realm, %path, events, why, "events of the history are not written, and are lost by a restart");
        (self.told, self.told_at) = (lost, Some(Instant::now()));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Order,
    End,
}
