//! Sessions that do anything, drawn from a seed, with the invariants checked after every output and every step.
//!
//! [`run`] plays one seed: sessions join with static and dynamic roles, subscribe, publish, register, call with every option,
//! cancel, send parts of calls in time and too late, answer in time, late or twice, break the protocol, leave in all ways, take
//! subscriptions, registrations and sessions from each other; INVOCATIONs do not reach their callee, connections come and go;
//! events are retained and recorded; authorizers answer when they like; the clock moves. `peer` is what a session may conclude from what it was sent, and complains when the realm contradicts itself.
//!
//! Checked:
//!
//! - every CALL gets exactly one final answer, unless its caller left; progress only if asked for, and never after the end;
//! - no part of a call reaches a callee that does not take parts, or behind the end, and none begins a call anew; no opaque call
//!   reaches one that does not take it;
//! - the calls of one caller through one registration start in the order in which it made them;
//! - no message goes to a session that has left;
//! - no EVENT before SUBSCRIBED or after UNSUBSCRIBED, none that the subscription does not match, and where no authorizer is in
//!   between, exactly the receivers that a scan of all subscriptions finds;
//! - the events of one publisher come in its order;
//! - INVOCATION ids count up; no callee has more calls at once than it takes, and a place that became free is used again;
//! - a message that waits holds back all later ones;
//! - a slot is free once, after everything of its session is gone, and not used before;
//! - when all have left, nothing remains.

mod dice;
mod peer;
mod world;

/// Plays `steps` steps of the game of `seed`; two plays are the same. What happened is in the returned counts.
///
/// # Panics
///
/// If the realm breaks an invariant, with the seed and the step.
pub fn run(seed: u64, steps: usize) -> Counts {
    play(&mut world::World::new(seed, false), steps).unwrap_or_else(|_| {
        // Once more, to tell how it came to that.
        let mut world = world::World::new(seed, true);
        let why = play(&mut world, steps).expect_err("a seed always plays the same");
        panic!("seed {seed}, {why}\n{}", world.history())
    })
}

fn play(world: &mut world::World, steps: usize) -> Result<Counts, String> {
    for step in 0..steps {
        world.step().map_err(|why| format!("step {step}: {why}"))?;
    }
    world.end().map_err(|why| format!("at the end: {why}"))
}

/// What happened in a game: zeros would mean that it tests less than it claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// EVENTs delivered.
    pub events: u64,
    /// Publications whose receivers were compared with a scan.
    pub scans: u64,
    /// Final results.
    pub results: u64,
    /// Errors to calls.
    pub call_errors: u64,
    /// Progressive results.
    pub progress: u64,
    /// INTERRUPTs.
    pub interrupts: u64,
    /// Calls refused as all callees were full.
    pub full: u64,
    /// Questions to authorizers.
    pub questions: u64,
    /// Sessions aborted.
    pub aborts: u64,
    /// Calls that went on to another callee.
    pub rerouted: u64,
    /// Calls that had to wait for a callee with room.
    pub queued: u64,
    /// Inputs behind which calls that need not wait any more were left for the next tick.
    pub behind: u64,
    /// Parts of progressive calls behind the first.
    pub parts: u64,
    /// Parts of calls that had been answered.
    pub late_parts: u64,
    /// INVOCATIONs that did not reach their callee.
    pub undelivered: u64,
    /// Calls of procedures of the realm's own.
    pub powers: u64,
    /// Subscriptions and registrations that were revoked.
    pub revoked: u64,
    /// Events that the history took.
    pub recorded: u64,
    /// Sessions of which something remained for a later turn when they left.
    pub late_frees: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.events += other.events;
        self.scans += other.scans;
        self.results += other.results;
        self.call_errors += other.call_errors;
        self.progress += other.progress;
        self.interrupts += other.interrupts;
        self.full += other.full;
        self.questions += other.questions;
        self.aborts += other.aborts;
        self.late_frees += other.late_frees;
        self.rerouted += other.rerouted;
        self.queued += other.queued;
        self.behind += other.behind;
        self.parts += other.parts;
        self.late_parts += other.late_parts;
        self.undelivered += other.undelivered;
        self.powers += other.powers;
        self.revoked += other.revoked;
        self.recorded += other.recorded;
    }
}
