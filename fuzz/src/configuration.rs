//! Node configurations.

use crossweave_config::{Environment, Format, parse};

/// A configuration as JSON and as YAML: whatever is wrong with it has a place inside it.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for format in [Format::Json, Format::Yaml] {
        if let Err(problems) = parse(text, format, "config", Environment::empty()) {
            assert!(!problems.is_empty());
            for problem in problems.iter() {
                assert!(problem.place.is_some(), "{problem:?}");
            }
            assert!(!problems.to_string().is_empty());
        }
    }
}
