//! Numbers of tests, read from what the runners print.

use std::fmt;

/// Tests that passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …` and `3 passed, 0 failed, 1 skipped`.
    pub(super) fn from_line(line: &str) -> Option<Counts> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            let (_, numbers) = rest.split_once(". ")?;
            return Counts::from_parts(numbers.split(';'), "ignored");
        }
        Counts::from_parts(line.split(','), "skipped").filter(|_| line.ends_with(" skipped"))
    }

    fn from_parts<'a>(parts: impl Iterator<Item = &'a str>, skipped: &str) -> Option<Counts> {
        let mut counts = Counts::default();
        for part in parts {
            let (number, what) = part.trim().split_once(' ')?;
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                _ if what == skipped => counts.skipped = number,
                _ => {}
            }
        }
        Some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_result_is_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.5s";
        assert_eq!(Counts::from_line(line), Some(Counts { passed: 12, failed: 1, skipped: 2 }));
    }

    #[test]
    fn an_interop_result_is_read() {
        let line = "4211 passed, 0 failed, 89 skipped";
        assert_eq!(Counts::from_line(line), Some(Counts { passed: 4211, failed: 0, skipped: 89 }));
    }

    #[test]
    fn other_lines_are_not_results() {
        assert_eq!(Counts::from_line("test message::hello ... ok"), None);
        assert_eq!(Counts::from_line("running 3 tests"), None);
        assert_eq!(Counts::from_line(""), None);
    }
}
