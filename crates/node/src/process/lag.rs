//! How late this process gets to what is due.

use std::sync::Arc;
use std::time::Duration;

use crossweave_api::process::Lag;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How often it is measured.
const EVERY: Duration = Duration::from_millis(50);
/// It is measured for so long after each question.
const LEASE: Duration = Duration::from_secs(60);
/// Measurements of one answer: of more, the newest count for the median.
const SAMPLES_MAX: usize = 2_048;

/// Measures, while somebody asks, how much later than it wanted to a task is woken.
#[derive(Default)]
pub(super) struct Lateness(Mutex<State>);

#[derive(Default)]
struct State {
    /// None: it is not measured.
    until: Option<Instant>,
    now: Period,
    /// What was answered last.
    last: Option<Lag>,
}

/// Since the last answer.
#[derive(Default)]
struct Period {
    samples: Vec<Duration>,
    count: u64,
    max: Duration,
}

impl Period {
    fn add(&mut self, late: Duration) {
        match self.samples.len() < SAMPLES_MAX {
            true => self.samples.push(late),
            false => self.samples[(self.count % SAMPLES_MAX as u64) as usize] = late,
        }
        self.count += 1;
        self.max = self.max.max(late);
    }

    /// None if there is nothing yet.
    fn lag(mut self) -> Option<Lag> {
        let ms = |late: Duration| late.as_secs_f64() * 1_000.0;
        let middle = self.samples.len() / 2;
        (self.count > 0).then(|| {
            let (_, median, _) = self.samples.select_nth_unstable(middle);
            Lag { p50: ms(*median), max: ms(self.max), samples: self.count }
        })
    }
}

impl Lateness {
    /// How late it got since the last question; the same again for who asks before it was measured, none at the first one. It is
    /// measured from now on for a while. Within a tokio runtime.
    pub(super) fn read(self: &Arc<Self>) -> Option<Lag> {
        let mut state = self.0.lock();
        if state.until.replace(Instant::now() + LEASE).is_none() {
            let lateness = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    let due = Instant::now() + EVERY;
                    sleep_until(due).await;
                    let now = Instant::now();
                    // It ends with the process, too.
                    let Some(lateness) = lateness.upgrade() else { return };
                    if lateness.note(now, now - due) {
                        return;
                    }
                }
            });
        }
        let measured = std::mem::take(&mut state.now);
        if let Some(lag) = measured.lag() {
            state.last = Some(lag);
        }
        state.last.clone()
    }

    /// True: nobody wants to know any more.
    fn note(&self, now: Instant, late: Duration) -> bool {
        let mut state = self.0.lock();
        if state.until.is_none_or(|until| until <= now) {
            *state = State::default();
            return true;
        }
        state.now.add(late);
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_does_not_yield_is_seen() {
        let lateness = Arc::<Lateness>::default();
        assert_eq!(lateness.read(), None);
        sleep(2 * EVERY).await;
        // It is due in here, and this is the only thread.
        std::thread::sleep(Duration::from_millis(300));
        sleep(EVERY).await;
        let lag = lateness.read().unwrap();
        assert!((200.0..5_000.0).contains(&lag.max) && lag.p50 <= lag.max && lag.samples >= 2, "{lag:?}");
        assert_eq!(lateness.read(), Some(lag), "nothing was measured since");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_measured_for_a_minute_after_each_question() {
        let lateness = Arc::<Lateness>::default();
        lateness.read();
        sleep(LEASE - EVERY).await;
        assert!(lateness.read().is_some());
        sleep(LEASE - EVERY).await;
        let lag = lateness.read().unwrap();
        assert!(lag.max <= 2.0 && lag.samples > 1_000, "{lag:?}");
        sleep(LEASE + 2 * EVERY).await;
        assert_eq!(Arc::weak_count(&lateness), 0, "the task has ended");
        assert_eq!(lateness.read(), None, "it begins anew");
    }

    #[test]
    fn the_newest_measurements_make_the_median_and_all_the_maximum() {
        let mut period = Period::default();
        let ms = Duration::from_millis;
        period.add(ms(900));
        (0..SAMPLES_MAX).for_each(|_| period.add(ms(5)));
        (0..SAMPLES_MAX * 2 / 3).for_each(|_| period.add(ms(7)));
        assert_eq!(period.samples.len(), SAMPLES_MAX);
        let samples = (1 + SAMPLES_MAX + SAMPLES_MAX * 2 / 3) as u64;
        assert_eq!(period.lag(), Some(Lag { p50: 7.0, max: 900.0, samples }));
    }
}
