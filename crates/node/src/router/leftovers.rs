//! Memory that realms leave behind when they end: it goes back to the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossweave_router::give_back_memory;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// So long after a realm has ended memory is given back: for all that have ended until then at once.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether realms have left something.
#[derive(Clone, Default)]
pub(super) struct Leftovers(Arc<AtomicBool>);

impl Leftovers {
    /// A realm has ended.
    pub(super) fn of_realm(&self) {
        if self.0.swap(true, Ordering::AcqRel) {
            return;
        }
        let leftovers = self.clone();
        tokio::spawn(async move {
            sleep(PAUSE).await;
            leftovers.0.store(false, Ordering::Release);
            let _ = spawn_blocking(give_back_memory).await;
        });
    }
}
