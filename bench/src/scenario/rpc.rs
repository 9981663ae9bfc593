//! Callers, each with some calls outstanding, and callees that echo.
//!
//! Every callee registers a procedure of its own; the callers are dealt to them in turn. On NATS a procedure is a subject
//! and a call a request with its own reply subject.

use std::time::{Duration, Instant};

use super::{Pace, Timing};
use crate::accounting::{self, Meter};
use crate::latency::Latencies;
use crate::outcome::{self, Metric, Outcome};
use crate::payload::{self, Payload};
use crate::reactor::{Connection, Reactor, Target};
use crate::trouble::Result;
use crate::wire::template::Template;
use crate::wire::{Incoming, Key};

/// How long is waited for the last answers.
const DRAIN: Duration = Duration::from_secs(2);

/// Parameters of the scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) callers: usize,
    pub(crate) callees: usize,
    /// Calls outstanding for each caller, or calls a second of each.
    pub(crate) pace: Pace,
    /// Octets of the one argument, and of the result.
    pub(crate) payload: usize,
}

/// Prepared callers and callees, with what has been counted.
pub(crate) struct Calls {
    pace: Pace,
    /// The CALL of every caller.
    templates: Vec<Template>,
    yield_: Template,
    first_caller: usize,
    payload: Payload,
    called: u64,
    pub(crate) answered: u64,
    pub(crate) latencies: Latencies,
    errors: u64,
    total_answered: u64,
    is_stopping: bool,
}

pub(crate) fn run(plan: &Plan, target: &Target, pid: u32, timing: Timing) -> Result<Outcome> {
    let mut reactor = Reactor::new()?;
    let mut calls = Calls::prepare(plan, target, &mut reactor)?;
    calls.drive(&mut reactor, timing.warm_up)?;
    calls.begin();
    let meter = Meter::start(pid);
    calls.drive(&mut reactor, timing.measure)?;
    let usage = meter.stop();
    let mut outcome = outcome::of_usage(&usage, calls.answered);
    outcome::add_latencies(&mut outcome, &calls.latencies);
    outcome.insert(Metric::Lost, calls.drain(&mut reactor)? as f64);
    outcome.insert(Metric::Errors, calls.errors as f64);
    outcome.insert(Metric::RssMib, accounting::memory(pid).rss as f64 / f64::from(1 << 20));
    Ok(outcome)
}

impl Calls {
    /// Joins all sessions, registers, and makes the first calls.
    pub(crate) fn prepare(plan: &Plan, target: &Target, reactor: &mut Reactor) -> Result<Self> {
        let procedure = |callee: usize| format!("com.example.bench.echo{callee}");
        for (callee, id) in reactor.join(target, plan.callees)?.enumerate() {
            let connection = reactor.connection(id);
            connection.register(&procedure(callee));
            connection.fence();
        }
        let callers = reactor.join(target, plan.callers)?;
        let payload = Payload::new(plan.payload);
        let mut templates = Vec::new();
        for (caller, id) in callers.clone().enumerate() {
            let connection = reactor.connection(id);
            connection.open_inbox();
            connection.fence();
            let procedure = procedure(caller % plan.callees);
            templates.push(Template::call(target.wire, &procedure, &connection.inbox(), payload.len()));
        }
        reactor.settle()?;
        let mut calls = Self {
            pace: plan.pace,
            templates,
            yield_: Template::yield_(target.wire, payload.len()),
            first_caller: callers.start,
            payload,
            called: 0,
            answered: 0,
            latencies: Latencies::new(),
            errors: 0,
            total_answered: 0,
            is_stopping: false,
        };
        calls.begin_calling(reactor)?;
        Ok(calls)
    }

    fn begin_calling(&mut self, reactor: &mut Reactor) -> Result<()> {
        match self.pace {
            Pace::PerSecond(rate) => reactor.tick(rate),
            Pace::Window(outstanding) => {
                self.call_from_all(reactor, outstanding);
                reactor.flush()
            }
        }
    }

    fn call_from_all(&mut self, reactor: &mut Reactor, count: u64) {
        let now_ns = reactor.now_ns();
        for caller in 0..self.templates.len() {
            for _ in 0..count {
                self.call(reactor.connection(self.first_caller + caller), now_ns);
            }
        }
    }

    #[inline]
    fn call(&mut self, connection: &mut Connection, now_ns: u64) {
        let template = &self.templates[connection.id() - self.first_caller];
        connection.call(template, self.payload.stamped(self.called, now_ns));
        self.called += 1;
    }

    /// Calls and answers for `duration`.
    pub(crate) fn drive(&mut self, reactor: &mut Reactor, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let ticks = reactor.take_ticks();
            if ticks > 0 && !self.is_stopping {
                self.call_from_all(reactor, ticks);
                reactor.flush()?;
            }
            self.turn(reactor, (end - now).min(Duration::from_millis(50)))?;
        }
    }

    fn turn(&mut self, reactor: &mut Reactor, timeout: Duration) -> Result<()> {
        reactor.turn(Some(timeout), |connection, incoming, now_ns| match incoming {
            Incoming::Invocation(key, payload) => self.answer(connection, key, payload),
            Incoming::Result(payload) => {
                if let Some((_, sent_ns)) = payload::read(payload) {
                    self.latencies.record(now_ns.saturating_sub(sent_ns));
                    self.answered += 1;
                }
                self.next(connection, now_ns);
            }
            Incoming::Failed(_) => {
                self.errors += 1;
                self.next(connection, now_ns);
            }
            _ => {}
        })
    }

    #[inline]
    fn answer(&mut self, connection: &mut Connection, key: Key<'_>, payload: &[u8]) {
        connection.yield_(&self.yield_, key, payload);
    }

    #[inline]
    fn next(&mut self, connection: &mut Connection, now_ns: u64) {
        self.total_answered += 1;
        if matches!(self.pace, Pace::Window(_)) && !self.is_stopping && connection.id() >= self.first_caller {
            self.call(connection, now_ns);
        }
    }

    /// Begins the measured part.
    pub(crate) fn begin(&mut self) {
        self.latencies.clear();
        self.answered = 0;
    }

    /// Waits for the calls still outstanding; answers how many never were answered.
    pub(crate) fn drain(&mut self, reactor: &mut Reactor) -> Result<u64> {
        self.is_stopping = true;
        let end = Instant::now() + DRAIN;
        while self.total_answered < self.called && Instant::now() < end {
            self.turn(reactor, Duration::from_millis(20))?;
        }
        Ok(self.called.saturating_sub(self.total_answered))
    }

    /// Calls answered with an error.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }
}
