//! What waits for a client to receive it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use crossweave_wamp::Batching;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The most octets that one answer carries beyond its first message.
const BATCH_LEN_MAX: usize = 1 << 20;

/// Messages from the router, in order.
pub(super) struct Inbox {
    octets_max: usize,
    messages_max: usize,
    waiting: Mutex<Waiting>,
    /// Something has come, another request wants it, or nothing will come.
    changed: Notify,
    /// Something was taken out.
    has_room: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Bytes>,
    octets: usize,
    is_closed: bool,
    /// The client has closed it: what is there is not wanted any more.
    is_given_up: bool,
    /// Counts the requests to receive: only the newest gets anything.
    receiver: u64,
}

/// What a request to receive comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// One message, or a batch.
    Messages(Vec<u8>),
    /// Nothing in time, or to another request.
    Nothing,
    /// Nothing any more.
    Closed,
}

impl Inbox {
    pub(super) fn new(octets_max: usize, messages_max: usize) -> Inbox {
        let (waiting, changed, has_room) = Default::default();
        Inbox { octets_max, messages_max, waiting, changed, has_room }
    }

    /// Waits until there is room. One message always finds room in an empty inbox.
    pub(super) async fn until_room(&self) {
        loop {
            let taken = self.has_room.notified();
            {
                let waiting = self.waiting.lock();
                let has_room = waiting.octets < self.octets_max && waiting.messages.len() < self.messages_max;
                if has_room || waiting.messages.is_empty() {
                    return;
                }
            }
            taken.await;
        }
    }

    pub(super) fn put(&self, message: Bytes) {
        let mut waiting = self.waiting.lock();
        waiting.octets += message.len();
        waiting.messages.push_back(message);
        drop(waiting);
        self.changed.notify_waiters();
    }

    /// Nothing comes any more. What is there can still be received.
    pub(super) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    /// The client wants nothing any more. A request that waits ends as if its time were over: its client knows why.
    pub(super) fn give_up(&self) {
        self.waiting.lock().is_given_up = true;
        self.changed.notify_waiters();
    }

    /// Waits until something is taken out.
    pub(super) async fn until_taken(&self) {
        self.has_room.notified().await;
    }

    /// Whether nothing comes any more, and everything was received.
    pub(super) fn is_over(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.is_closed && waiting.messages.is_empty()
    }

    /// Waits for messages. A request that waits already gets nothing.
    pub(super) async fn receive(&self, batching: Batching, longest: Option<Duration>) -> Received {
        let deadline = longest.map(|longest| Instant::now() + longest);
        let receiver = {
            let mut waiting = self.waiting.lock();
            waiting.receiver += 1;
            waiting.receiver
        };
        self.changed.notify_waiters();
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(received) = self.take(batching, receiver) {
                return received;
            }
            match deadline {
                None => changed.await,
                Some(deadline) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(deadline) => return Received::Nothing,
                },
            }
        }
    }

    /// What a request gets now; nothing if it has to wait.
    fn take(&self, batching: Batching, receiver: u64) -> Option<Received> {
        let mut waiting = self.waiting.lock();
        if waiting.receiver != receiver || waiting.is_given_up {
            return Some(Received::Nothing);
        }
        let Some(first) = waiting.messages.pop_front() else {
            return waiting.is_closed.then_some(Received::Closed);
        };
        waiting.octets -= first.len();
        let mut batch = Vec::with_capacity(first.len() + 4);
        append(&mut batch, batching, &first);
        while batching != Batching::Single
            && batch.len() < BATCH_LEN_MAX
            && let Some(message) = waiting.messages.pop_front()
        {
            waiting.octets -= message.len();
            append(&mut batch, batching, &message);
        }
        drop(waiting);
        self.has_room.notify_one();
        Some(Received::Messages(batch))
    }
}

fn append(batch: &mut Vec<u8>, batching: Batching, message: &[u8]) {
    let start = batch.len();
    batching.begin(batch);
    batch.extend_from_slice(message);
    batching.end(batch, start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Received {
        Received::Messages(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn messages_are_received_one_by_one_or_in_a_batch() {
        let inbox = Inbox::new(100, 100);
        for text in ["[1]", "[2]", "[3]", "[4]"] {
            inbox.put(Bytes::from_static(text.as_bytes()));
        }
        assert_eq!(inbox.receive(Batching::Single, None).await, messages("[1]"));
        assert_eq!(inbox.receive(Batching::RecordSeparator, None).await, messages("[2]\x1e[3]\x1e[4]\x1e"));
        inbox.put(Bytes::from_static(b"ab"));
        inbox.close();
        assert_eq!(inbox.receive(Batching::Length, None).await, messages("\0\0\0\x02ab"));
        assert_eq!(inbox.receive(Batching::Length, None).await, Received::Closed);
        assert!(inbox.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_a_message_and_no_longer_than_it_may() {
        let inbox = Inbox::new(100, 100);
        let (received, ()) = tokio::join!(inbox.receive(Batching::Single, None), async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            inbox.put(Bytes::from_static(b"[1]"));
        });
        assert_eq!(received, messages("[1]"));
        let before = Instant::now();
        let nothing = inbox.receive(Batching::Single, Some(Duration::from_secs(10))).await;
        assert_eq!((nothing, before.elapsed().as_secs()), (Received::Nothing, 10));
    }

    #[tokio::test]
    async fn a_newer_request_takes_the_place_of_one_that_waits() {
        let inbox = Inbox::new(100, 100);
        let (older, newer, ()) = tokio::join!(
            inbox.receive(Batching::Single, None),
            inbox.receive(Batching::Single, None),
            async { inbox.put(Bytes::from_static(b"[1]")) },
        );
        assert_eq!((older, newer), (Received::Nothing, messages("[1]")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_inbox_waits_for_room() {
        for inbox in [Inbox::new(6, 100), Inbox::new(100, 2)] {
            let is_full =
                async || tokio::time::timeout(Duration::from_secs(1), inbox.until_room()).await.is_err();
            for _ in 0..2 {
                assert!(!is_full().await);
                inbox.put(Bytes::from_static(b"[1]"));
            }
            assert!(is_full().await);
            inbox.receive(Batching::Single, None).await;
            assert!(!is_full().await);
        }
        let inbox = Inbox::new(1, 1);
        inbox.until_room().await;
    }
}
