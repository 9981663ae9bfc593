//! Connections that are being opened take turns, so that a storm of them does not delay those that have joined.
//!
//! A connection that is being opened has no task of its own: a few tasks, the *lines*, have all of them, each future in its
//! place. One that can go on is appended to its line. A line gives turns for a short while, then it lets the runtime do
//! everything else that can be done: a message of a session waits for a few turns of openings, not for as many as there are.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::yield_now;

/// So long a line gives turns before it lets others go first. A turn takes some 10 µs, with a signature 100. (To let others go
/// first after every turn makes calls during a storm a little quicker still, and every join a tenth dearer.)
const SLICE: Duration = Duration::from_micros(40);

/// An opening, from its first octet until it needs no more turns.
type Opening = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The lines of one transport. They end when this has been dropped and their openings are done.
pub(super) struct Turns {
    lines: Vec<UnboundedSender<Order>>,
    /// Openings so far: they are dealt out to the lines.
    begun: AtomicUsize,
}

/// What a line is told. There is at most one order of each kind for an opening, so they need no other bound than that of
/// connections that have not joined.
enum Order {
    Begin(Opening),
    /// The opening with this key can go on.
    GoOn(u64),
}

impl Turns {
    /// Starts a line for each of the runtime's threads. (With half as many, calls during a storm were a third quicker still, and
    /// every join a sixth dearer: threads that have nothing else to do wake each other up more often.) Must be called within a
    /// tokio runtime.
    pub(super) fn start() -> Turns {
        let lines = Handle::current().metrics().num_workers();
        let line = |_| {
            let (sender, orders) = mpsc::unbounded_channel();
            tokio::spawn(work(sender.downgrade(), orders));
            sender
        };
        Turns { lines: (0..lines).map(line).collect(), begun: AtomicUsize::new(0) }
    }

    /// Gives turns to an opening until it is done.
    pub(super) fn begin(&self, opening: impl Future<Output = ()> + Send + 'static) {
        let line = self.begun.fetch_add(1, Ordering::Relaxed) % self.lines.len();
        // A line ends before this only with the runtime.
        let _ = self.lines[line].send(Order::Begin(Box::pin(opening)));
    }
}

/// Asks for a turn, once, whenever its opening can go on.
struct Bell {
    key: u64,
    has_rung: AtomicBool,
    line: UnboundedSender<Order>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            let _ = self.line.send(Order::GoOn(self.key));
        }
    }
}

/// An opening in its line.
struct Place {
    opening: Opening,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Place {
    fn new(opening: Opening, key: u64, line: UnboundedSender<Order>) -> Self {
        let bell = Arc::new(Bell { key, has_rung: AtomicBool::new(false), line });
        let waker = bell.clone().into();
        Place { opening, bell, waker }
    }

    /// Polls the opening. True if it is done; one that panics is.
    fn turn(&mut self) -> bool {
        // Read as well as written: this poll sees what those have done whose ringing came too late to ask for another turn.
        self.bell.has_rung.swap(false, Ordering::AcqRel);
        let mut cx = Context::from_waker(&self.waker);
        catch_unwind(AssertUnwindSafe(|| self.opening.as_mut().poll(&mut cx).is_ready())).unwrap_or(true)
    }
}

/// A line: one turn after the other, for as long as anybody may want one.
async fn work(line: mpsc::WeakUnboundedSender<Order>, mut orders: UnboundedReceiver<Order>) {
    let mut places = Places::default();
    while let Some(order) = orders.recv().await {
        let slice = Instant::now();
        let mut next = Some(order);
        while let Some(order) = next {
            places.heed(order, &line);
            next = if slice.elapsed() < SLICE { orders.try_recv().ok() } else { None };
        }
        // Not before the runtime has run out of tasks that can go on, and has looked for what has come meanwhile.
        yield_now().await;
    }
}

/// The openings in a line.
#[derive(Default)]
struct Places {
    by_key: HashMap<u64, Place>,
    /// The key of the last one.
    last: u64,
}

impl Places {
    fn heed(&mut self, order: Order, line: &mpsc::WeakUnboundedSender<Order>) {
        let key = match order {
            Order::Begin(opening) => {
                // Who dropped the last sender gives no more turns.
                let Some(line) = line.upgrade() else { return };
                self.last += 1;
                self.by_key.insert(self.last, Place::new(opening, self.last, line));
                self.last
            }
            Order::GoOn(key) => key,
        };
        if self.by_key.get_mut(&key).is_some_and(Place::turn) {
            self.by_key.remove(&key);
            if self.by_key.is_empty() {
                // The room that a storm took.
                self.by_key = HashMap::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use tokio::runtime::Builder;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn others_go_first_after_each_slice_of_a_storm() {
        let turns = Turns::start();
        let given = Arc::new(AtomicUsize::new(0));
        for _ in 0..200 {
            let given = given.clone();
            turns.begin(async move {
                for _ in 0..3 {
                    sleep(SLICE);
                    given.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            });
        }
        while given.load(Ordering::Relaxed) < 600 {
            let before = given.load(Ordering::Relaxed);
            yield_now().await;
            let meanwhile = given.load(Ordering::Relaxed) - before;
            assert!(meanwhile <= 1, "{meanwhile} turns went first");
        }
    }

    #[tokio::test]
    async fn an_opening_that_panics_takes_no_turn_from_others() {
        let turns = Turns::start();
        let (done, is_done) = oneshot::channel();
        turns.begin(async { panic!("as a test") });
        turns.begin(async move {
            yield_now().await;
            let _ = done.send(());
        });
        is_done.await.expect("the second one is done");
    }

    #[tokio::test]
    async fn lines_end_when_their_transport_has_and_their_openings_are_done() {
        let turns = Turns::start();
        let (end, ended) = oneshot::channel::<()>();
        let (began, has_begun) = oneshot::channel();
        turns.begin(async move {
            let _ = began.send(());
            let _ = ended.await;
        });
        has_begun.await.expect("it begins");
        drop(turns);
        let alive = || Handle::current().metrics().num_alive_tasks();
        assert_eq!(alive(), 1, "the line of an opening that is not done");
        drop(end);
        while alive() > 0 {
            yield_now().await;
        }
    }

    #[test]
    fn an_opening_ends_with_the_runtime() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let held = Arc::new(());
        let (holds, waker) = (held.clone(), Arc::new(std::sync::Mutex::new(None)));
        let keeps = waker.clone();
        runtime.block_on(async {
            let turns = Turns::start();
            turns.begin(std::future::poll_fn(move |cx| {
                let _ = &holds;
                // As a queue does that is read later.
                *keeps.lock().unwrap() = Some(cx.waker().clone());
                std::task::Poll::Pending
            }));
            while waker.lock().unwrap().is_none() {
                yield_now().await;
            }
        });
        assert_eq!(Arc::strong_count(&held), 2);
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1, "though somebody still has its waker");
        waker.lock().unwrap().take().map(Waker::wake).expect("a waker that wakes nobody");
    }
}
