//! On which CPUs this process may run.

use std::fs;
use std::io;

use crossweave_api::{Error, error};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The machine's CPUs that are there to be used.
pub(crate) fn possible() -> io::Result<Vec<u32>> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online")?;
    Ok(parse_ranges(text.trim()))
}

/// Those on which this process may run.
pub(crate) fn current() -> io::Result<Vec<u32>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).map(|cpu| cpu as u32).collect())
}

/// Says on which ones it may run: every thread that it has, and those that they start.
pub(crate) fn set(cpus: &[u32], relative: bool) -> Result<Vec<u32>, Error> {
    let failed = |failure: io::Error| Error::new(error::RUNTIME_ERROR, failure);
    let possible = possible().map_err(failed)?;
    let mut set = CpuSet::new();
    for cpu in cpus {
        let found = match relative {
            true => possible.get(*cpu as usize),
            false => possible.iter().find(|it| *it == cpu),
        };
        let Some(found) = found else {
            let message = format!("there is no CPU {cpu}; this machine has {}", shown(&possible));
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        };
        set.set(*found as usize);
    }
    if cpus.is_empty() {
        return Err(Error::new(error::INVALID_ARGUMENT, "no CPU is given"));
    }
    for thread in fs::read_dir("/proc/self/task").map_err(failed)? {
        let name = thread.map_err(failed)?.file_name();
        let id = name.to_str().and_then(|it| it.parse().ok()).and_then(Pid::from_raw);
        // A thread that has just ended needs none.
        let _ = sched_setaffinity(id, &set);
    }
    current().map_err(failed)
}

/// As the system writes them: `0-3,8`.
pub(crate) fn shown(cpus: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*cpu) => *last = *cpu,
            _ => ranges.push((*cpu, *cpu)),
        }
    }
    let shown = |(first, last): (u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.into_iter().map(shown).collect::<Vec<_>>().join(",")
}

/// `0-3,8`.
fn parse_ranges(text: &str) -> Vec<u32> {
    let numbers = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse().ok()?)
    };
    text.split(',').filter_map(numbers).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_cpus_are_read() {
        assert_eq!(parse_ranges("0-3,8"), [0, 1, 2, 3, 8]);
        assert_eq!(parse_ranges("0"), [0]);
        assert_eq!(parse_ranges(""), [0; 0]);
        for text in ["0-3,8", "0", "1,3,5-6", ""] {
            assert_eq!(shown(&parse_ranges(text)), text);
        }
    }

    #[test]
    fn a_cpu_that_is_not_there_is_named() {
        let failure = set(&[100_000], false).unwrap_err();
        assert!(failure.message.contains("100000"), "{failure}");
        assert_eq!(set(&[], true).unwrap_err().uri, error::INVALID_ARGUMENT);
    }

    #[test]
    fn what_is_set_is_what_is() {
        let before = current().unwrap();
        assert_eq!(set(&before, false).unwrap(), before);
    }
}
