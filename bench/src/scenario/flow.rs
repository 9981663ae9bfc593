//! The engine of all publish/subscribe scenarios.
//!
//! A flow is one publisher with its topics and subscribers. A publisher keeps at most `window` publications that have not
//! reached all its subscribers, or sends at a fixed rate. Every subscriber follows the publisher's sequence numbers: a
//! gap is a loss (WAMP orders the events of one publisher for one subscriber), a step back a repetition.

use std::time::{Duration, Instant};

use super::Pace;
use crate::latency::Latencies;
use crate::payload::{self, Payload};
use crate::reactor::Reactor;
use crate::trouble::{Result, Trouble};
use crate::wire::Incoming;
use crate::wire::template::Template;

/// Without any delivery for so long, what is under way is given up as lost.
const STALL: Duration = Duration::from_secs(1);
/// A publisher with so much unwritten pauses: the peer does not read.
const BACKLOG_MAX: usize = 4 << 20;
/// Most publications one late tick may catch up with.
const CATCH_UP_MAX: u64 = 256;

/// One publisher and the subscribers of its topics.
pub(crate) struct Flow {
    pub(crate) publisher: usize,
    /// One PUBLISH for each topic; they are used in turn.
    pub(crate) templates: Vec<Template>,
    pub(crate) subscribers: u64,
    pub(crate) payload: Payload,
    published: u64,
    /// Deliveries that need no longer be waited for, counting losses.
    settled: u64,
}

impl Flow {
    pub(crate) fn new(
        publisher: usize,
        templates: Vec<Template>,
        subscribers: u64,
        payload: Payload,
    ) -> Self {
        Self { publisher, templates, subscribers, payload, published: 0, settled: 0 }
    }

    /// Publications that may be sent now.
    fn allowance(&self, pace: Pace, ticks: u64) -> u64 {
        match pace {
            Pace::Window(window) => {
                (window + self.settled / self.subscribers.max(1)).saturating_sub(self.published)
            }
            Pace::PerSecond(_) => ticks.min(CATCH_UP_MAX),
        }
    }

    fn publish(&mut self, reactor: &mut Reactor, count: u64, now_ns: u64) -> Result<()> {
        let connection = reactor.connection(self.publisher);
        if connection.is_closed() {
            return Err(Trouble::Closed);
        }
        if connection.backlog() > BACKLOG_MAX {
            return Ok(());
        }
        for _ in 0..count {
            let template = &self.templates[self.published as usize % self.templates.len()];
            connection.publish(template, self.payload.stamped(self.published, now_ns));
            self.published += 1;
        }
        if !connection.is_blocked() { connection.flush() } else { Ok(()) }
    }

    /// Publications sent so far.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }
}

/// What a subscriber has seen.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) flow: usize,
    /// The sequence number it should see next.
    expected: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) is_closed: bool,
    /// Left out of the latencies, the losses and the windows: the slow one.
    pub(crate) is_excluded: bool,
}

impl Subscriber {
    pub(crate) fn of(flow: usize) -> Self {
        Self { flow, expected: 0, delivered: 0, lost: 0, is_closed: false, is_excluded: false }
    }

    /// Takes note of event `sequence`: how many deliveries it settles, or `None` if it was a repetition.
    fn see(&mut self, sequence: u64) -> Option<u64> {
        let missed = sequence.checked_sub(self.expected)?;
        self.expected = sequence + 1;
        self.lost += missed;
        self.delivered += 1;
        Some(missed + 1)
    }

    /// Counts everything up to `published` as lost that has not arrived.
    pub(crate) fn give_up(&mut self, published: u64) {
        self.lost += published.saturating_sub(self.expected);
        self.expected = self.expected.max(published);
    }
}

/// All flows of a scenario, with what has been counted.
pub(crate) struct Flows {
    pub(crate) flows: Vec<Flow>,
    /// Index by connection id, less the first one's.
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) first_subscriber: usize,
    pub(crate) latencies: Latencies,
    pub(crate) delivered: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
}

impl Flows {
    pub(crate) fn new(flows: Vec<Flow>, subscribers: Vec<Subscriber>, first_subscriber: usize) -> Self {
        let latencies = Latencies::new();
        Self { flows, subscribers, first_subscriber, latencies, delivered: 0, repeated: 0, refused: 0 }
    }

    /// Publishes and receives for `duration`.
    pub(crate) fn drive(&mut self, reactor: &mut Reactor, pace: Pace, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        let mut progress = (self.delivered, Instant::now());
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            self.publish(reactor, pace)?;
            self.turn(reactor, (end - now).min(Duration::from_millis(50)))?;
            if self.delivered > progress.0 {
                progress = (self.delivered, now);
            } else if progress.1.elapsed() > STALL {
                self.give_up();
                progress.1 = now;
            }
        }
    }

    fn publish(&mut self, reactor: &mut Reactor, pace: Pace) -> Result<()> {
        let ticks = reactor.take_ticks();
        let now_ns = reactor.now_ns();
        for flow in &mut self.flows {
            let count = flow.allowance(pace, ticks);
            if count > 0 {
                flow.publish(reactor, count, now_ns)?;
            }
        }
        Ok(())
    }

    /// One turn of the loop. The timeout is rounded up to whole milliseconds by epoll.
    fn turn(&mut self, reactor: &mut Reactor, timeout: Duration) -> Result<()> {
        reactor.turn(Some(timeout), |connection, incoming, now_ns| match incoming {
            Incoming::Event(payload) => self.event(connection.id(), payload, now_ns),
            Incoming::Closed => {
                if let Some(at) = connection.id().checked_sub(self.first_subscriber)
                    && let Some(subscriber) = self.subscribers.get_mut(at)
                {
                    subscriber.is_closed = true;
                }
            }
            Incoming::Failed(_) | Incoming::Refused(_) => self.refused += 1,
            _ => {}
        })
    }

    #[inline]
    fn event(&mut self, connection: usize, payload: &[u8], now_ns: u64) {
        let Some((sequence, sent_ns)) = payload::read(payload) else { return };
        let Some(subscriber) = self.subscribers.get_mut(connection.wrapping_sub(self.first_subscriber))
        else {
            return;
        };
        match subscriber.see(sequence) {
            _ if subscriber.is_excluded => {}
            Some(settled) => {
                self.flows[subscriber.flow].settled += settled;
                self.delivered += 1;
                self.latencies.record(now_ns.saturating_sub(sent_ns));
            }
            None => self.repeated += 1,
        }
    }

    fn give_up(&mut self) {
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| !subscriber.is_excluded) {
            subscriber.give_up(self.flows[subscriber.flow].published);
        }
        for flow in &mut self.flows {
            flow.settled = flow.published * flow.subscribers;
        }
    }

    /// Waits for what is still under way; what does not come within a second of silence is lost.
    pub(crate) fn drain(&mut self, reactor: &mut Reactor) -> Result<()> {
        let mut progress = Instant::now();
        while self.flows.iter().any(|flow| flow.settled < flow.published * flow.subscribers) {
            let before = self.delivered;
            reactor.flush()?;
            self.turn(reactor, Duration::from_millis(20))?;
            if self.delivered > before {
                progress = Instant::now();
            } else if progress.elapsed() > STALL {
                break;
            }
        }
        self.give_up();
        Ok(())
    }

    /// Begins the measured part: forgets latencies and deliveries of the warm-up, but no losses.
    pub(crate) fn begin(&mut self) {
        self.latencies.clear();
        self.delivered = 0;
    }

    /// Events that healthy subscribers never got.
    pub(crate) fn lost(&self) -> u64 {
        self.subscribers
            .iter()
            .filter(|subscriber| !subscriber.is_excluded)
            .map(|subscriber| subscriber.lost)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_loss_and_a_step_back_a_repetition() {
        let mut subscriber = Subscriber::of(0);
        assert_eq!(subscriber.see(0), Some(1));
        assert_eq!(subscriber.see(3), Some(3));
        assert_eq!(subscriber.see(1), None);
        assert_eq!((subscriber.lost, subscriber.delivered), (2, 2));
        subscriber.give_up(10);
        assert_eq!(subscriber.lost, 8);
        assert_eq!(subscriber.see(9), None, "what comes after it was given up is not counted twice");
    }

    #[test]
    fn the_window_counts_publications_not_deliveries() {
        let mut flow = Flow::new(0, vec![], 100, Payload::new(64));
        assert_eq!(flow.allowance(Pace::Window(4), 0), 4);
        flow.published = 4;
        flow.settled = 399;
        assert_eq!(flow.allowance(Pace::Window(4), 0), 3);
        assert_eq!(flow.allowance(Pace::PerSecond(1), 2), 2);
    }
}
