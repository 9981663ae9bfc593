//! What waits for the application: bounded in number and in octets, filled by the connection's task, which never waits.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::limits::LONG_ITEMS_MAX;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) len_max: usize,
    pub(crate) bytes_max: usize,
}

impl Bounds {
    /// Whether an item is long: [`LONG_ITEMS_MAX`] of those may wait beside the octets that the bound allows.
    fn is_long(&self, cost: usize) -> bool {
        cost > self.bytes_max / 2
    }
}

/// A queue with one reader. The mutex is held for a push or a pop only.
pub(crate) struct Queue<T> {
    bounds: Bounds,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    items: VecDeque<(T, usize)>,
    waiting: Waiting,
    missed: u64,
    is_closed: bool,
    reader: Option<Waker>,
}

/// What waits in a queue.
#[derive(Clone, Copy, Default)]
struct Waiting {
    items: usize,
    /// Octets of all items.
    bytes: usize,
    long_items: usize,
    long_bytes: usize,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<T> {
    Item(T),
    /// So many were dropped before the next item.
    Missed(u64),
    End,
}

impl<T> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Queue<T> {
        let inner = Inner {
            items: VecDeque::new(),
            waiting: Waiting::default(),
            missed: 0,
            is_closed: false,
            reader: None,
        };
        Queue { bounds, inner: Mutex::new(inner) }
    }

    /// Appends; what no longer fits is dropped from the front and counted. Returns whom to wake, once no lock is held.
    #[must_use]
    pub(crate) fn push_dropping_oldest(&self, item: T, cost: usize) -> Option<Waker> {
        let mut dropped = Vec::new();
        let mut inner = self.inner.lock();
        if inner.is_closed {
            return None;
        }
        inner.push(item, cost, &self.bounds);
        while !inner.waiting.is_within(&self.bounds) {
            dropped.extend(inner.pop(&self.bounds));
            inner.missed += 1;
        }
        inner.reader.take()
    }

    /// Appends if it fits.
    pub(crate) fn try_push(&self, item: T, cost: usize) -> Result<Option<Waker>, T> {
        let mut inner = self.inner.lock();
        let mut waiting = inner.waiting;
        waiting.add(cost, &self.bounds);
        if !waiting.is_within(&self.bounds) {
            return Err(item);
        }
        inner.push(item, cost, &self.bounds);
        Ok(inner.reader.take())
    }

    /// Appends the last item, whatever waits.
    #[must_use]
    pub(crate) fn push_last(&self, item: T) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.push(item, 0, &self.bounds);
        inner.is_closed = true;
        inner.reader.take()
    }

    /// Nothing more comes; what waits can still be read.
    #[must_use]
    pub(crate) fn close(&self) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        inner.reader.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().items.len()
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next<T>> {
        let mut inner = self.inner.lock();
        if inner.missed > 0 {
            return Poll::Ready(Next::Missed(std::mem::take(&mut inner.missed)));
        }
        if let Some(item) = inner.pop(&self.bounds) {
            return Poll::Ready(Next::Item(item));
        }
        if inner.is_closed {
            return Poll::Ready(Next::End);
        }
        let replaced = inner.reader.replace(cx.waker().clone());
        drop(inner);
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Inner<T> {
    fn push(&mut self, item: T, cost: usize, bounds: &Bounds) {
        self.items.push_back((item, cost));
        self.waiting.add(cost, bounds);
    }

    fn pop(&mut self, bounds: &Bounds) -> Option<T> {
        let (item, cost) = self.items.pop_front()?;
        self.waiting.remove(cost, bounds);
        Some(item)
    }
}

impl Waiting {
    fn add(&mut self, cost: usize, bounds: &Bounds) {
        self.items += 1;
        self.bytes += cost;
        if bounds.is_long(cost) {
            self.long_items += 1;
            self.long_bytes += cost;
        }
    }

    fn remove(&mut self, cost: usize, bounds: &Bounds) {
        self.items -= 1;
        self.bytes -= cost;
        if bounds.is_long(cost) {
            self.long_items -= 1;
            self.long_bytes -= cost;
        }
    }

    /// Whether so much may wait. A single item always may.
    fn is_within(&self, bounds: &Bounds) -> bool {
        let are_short_within =
            || self.long_items <= LONG_ITEMS_MAX && self.bytes - self.long_bytes <= bounds.bytes_max;
        self.items <= 1
            || (self.items <= bounds.len_max && (self.bytes <= bounds.bytes_max || are_short_within()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(len_max: usize, bytes_max: usize) -> Queue<u32> {
        Queue::new(Bounds { len_max, bytes_max })
    }

    fn drain(queue: &Queue<u32>) -> Vec<Next<u32>> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut read = Vec::new();
        while let Poll::Ready(next) = queue.poll_next(&mut cx) {
            let is_end = next == Next::End;
            read.push(next);
            if is_end {
                break;
            }
        }
        read
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let queue = queue(2, 1000);
        (0..5).for_each(|item| drop(queue.push_dropping_oldest(item, 1)));
        assert_eq!(drain(&queue), [Next::Missed(3), Next::Item(3), Next::Item(4)]);
    }

    #[test]
    fn two_long_items_wait_beside_the_others() {
        let queue = queue(100, 10);
        for (item, cost) in [(0, 4), (1, 5000), (2, 4), (3, 6000), (4, 2)] {
            drop(queue.push_dropping_oldest(item, cost));
        }
        assert_eq!(drain(&queue), (0..5).map(Next::Item).collect::<Vec<_>>());
        (0..3).for_each(|item| drop(queue.push_dropping_oldest(item, 5000)));
        assert_eq!(queue.try_push(3, 5000).err(), Some(3));
        assert_eq!(drain(&queue), [Next::Missed(1), Next::Item(1), Next::Item(2)]);
    }

    #[test]
    fn octets_are_bounded_too() {
        let queue = queue(100, 10);
        (0..4).for_each(|item| drop(queue.push_dropping_oldest(item, 4)));
        assert_eq!(drain(&queue), [Next::Missed(2), Next::Item(2), Next::Item(3)]);
        assert!(queue.try_push(6, 5).is_ok());
        assert!(queue.try_push(7, 5).is_ok());
        assert_eq!(queue.try_push(8, 5).err(), Some(8));
    }

    #[test]
    fn one_item_always_fits() {
        let queue = queue(1, 10);
        drop(queue.push_dropping_oldest(1, 5000));
        assert_eq!(drain(&queue), [Next::Item(1)]);
    }

    #[test]
    fn what_waits_is_read_before_the_end() {
        let queue = queue(10, 1000);
        drop(queue.push_dropping_oldest(1, 1));
        drop(queue.push_last(2));
        assert!(queue.push_dropping_oldest(3, 1).is_none());
        assert_eq!(drain(&queue), [Next::Item(1), Next::Item(2), Next::End]);
    }
}
