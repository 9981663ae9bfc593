//! The seeded simulation of the testkit. A failure prints its seed: play it alone with `SEED=n`.

use crossweave_testkit::simulation::{Counts, run};

const STEPS: usize = 250;

#[test]
fn no_order_of_inputs_breaks_an_invariant() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        run(seed, STEPS);
        return;
    }
    let mut counts = Counts::default();
    for seed in 0..2000 {
        counts += run(seed, STEPS);
    }
    let all = [
        counts.events,
        counts.scans,
        counts.results,
        counts.call_errors,
        counts.progress,
        counts.interrupts,
        counts.full,
        counts.questions,
        counts.aborts,
        counts.late_frees,
        counts.queued,
        counts.behind,
        counts.parts,
        counts.late_parts,
        counts.undelivered,
        counts.powers,
        counts.revoked,
        counts.recorded,
    ];
    let reaches_all = all.iter().all(|count| *count > 1000) && counts.rerouted > 100;
    assert!(reaches_all, "the simulation does not reach everything: {counts:?}");
}
