//! Events on their way to the writer, bounded in number and in bytes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crossweave_router_core::{Record, Recorded};

/// Events that may wait to be written.
pub(super) const EVENTS_MAX: usize = 16_384;
/// Bytes of the events that may wait. One event may be larger.
pub(super) const BYTES_MAX: usize = 64 << 20;

/// Something for the writer to do.
pub(super) enum Order {
    /// Write an event.
    Write(Recorded),
    /// Read what was written.
    Load(SyncSender<Vec<Record>>),
    /// Close the file.
    End,
}

/// The near end of the queue.
pub(super) struct Queue {
    orders: SyncSender<Order>,
    /// Bytes of the events in it.
    waiting: AtomicUsize,
    /// Events that were not written.
    lost: AtomicU64,
}

impl Queue {
    pub(super) fn new() -> (Queue, Receiver<Order>) {
        let (orders, received) = sync_channel(EVENTS_MAX);
        (Queue { orders, waiting: AtomicUsize::new(0), lost: AtomicU64::new(0) }, received)
    }

    /// Puts an event in, or counts it as lost. Never waits.
    pub(super) fn push(&self, event: Recorded) {
        let bytes = event.bytes();
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before == 0 || before + bytes <= BYTES_MAX;
        if !has_room || self.orders.try_send(Order::Write(event)).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.lose(1);
        }
    }

    /// Puts an order in that must not be lost: waits for room.
    pub(super) fn order(&self, order: Order) {
        // Without a writer there is nobody to do it, and whoever waits for an answer learns that.
        let _ = self.orders.send(order);
    }

    /// The same, for so long. Whether there was room by then.
    pub(super) fn order_until(&self, mut order: Order, until: Instant) -> bool {
        while let Err(error) = self.orders.try_send(order) {
            let TrySendError::Full(back) = error else { return false };
            if Instant::now() >= until {
                return false;
            }
            order = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// An event was taken out, and written or not.
    pub(super) fn taken(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
