//! Telling a handler that nobody waits for its answer any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Says that the caller has cancelled, or that the connection is lost. Clones tell the same.
#[derive(Clone, Debug)]
pub struct CancelToken {
    is_canceled: Arc<AtomicBool>,
    waiting: Arc<Notify>,
}

impl CancelToken {
    pub(crate) fn new() -> CancelToken {
        CancelToken { is_canceled: Arc::default(), waiting: Arc::default() }
    }

    /// Sets it; who waits is to be told through the returned `notify_waiters`, once no lock is held.
    pub(crate) fn cancel(&self) -> Arc<Notify> {
        self.is_canceled.store(true, Ordering::Release);
        self.waiting.clone()
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_canceled(&self) -> bool {
        self.is_canceled.load(Ordering::Acquire)
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn canceled(&self) {
        let notified = self.waiting.notified();
        tokio::pin!(notified);
        // In the list before looking: what is set afterwards wakes us.
        notified.as_mut().enable();
        if !self.is_canceled() {
            notified.await;
        }
    }
}
