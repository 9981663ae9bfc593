//! Latencies of one run.

use hdrhistogram::Histogram;

/// Longest latency told apart: one minute.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// A histogram of nanoseconds with three significant digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are constants in range");
        Self { histogram }
    }

    /// Notes one latency; what is longer than a minute counts as a minute.
    #[inline]
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
    }

    /// How many were noted.
    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency in microseconds that `percent` of all do not exceed; `None` without any.
    pub(crate) fn percentile_us(&self, percent: f64) -> Option<f64> {
        (self.count() > 0).then(|| self.histogram.value_at_percentile(percent) as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut latencies = Latencies::new();
        (1..=100_000).for_each(|n| latencies.record(n * 1000));
        for (percent, expected) in [(50.0, 50_000.0), (99.0, 99_000.0), (99.9, 99_900.0), (100.0, 100_000.0)]
        {
            let measured = latencies.percentile_us(percent).expect("there are latencies");
            assert!((measured - expected).abs() <= expected / 900.0, "p{percent}: {measured}");
        }
    }

    #[test]
    fn none_noted_means_no_percentile() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile_us(50.0), None);
        latencies.record(5);
        latencies.clear();
        assert_eq!((latencies.count(), latencies.percentile_us(99.0)), (0, None));
    }

    #[test]
    fn a_latency_beyond_the_range_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(u64::MAX);
        assert!(latencies.percentile_us(100.0).is_some_and(|longest| longest > 59e6));
    }
}
