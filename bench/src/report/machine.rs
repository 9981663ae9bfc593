//! The machine that was measured on.

use std::fs;
use std::process::Command;

/// Processor, cores, kernel, system and date, one line each.
pub(crate) fn describe() -> Vec<String> {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gib = memory.trim_end_matches(" kB").parse::<f64>().map_or(0.0, |kib| kib / f64::from(1 << 20));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("unknown")
        .trim_matches('"');
    vec![
        format!("{processor}, {cores} cores, {gib:.0} GiB"),
        format!("{system}, Linux {}", kernel.trim()),
        date(),
    ]
}

/// The value of `name: value` in a file of `/proc`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn date() -> String {
    let output = Command::new("date").args(["--utc", "+%-d %B %Y, %H:%M UTC"]).env("LC_ALL", "C").output();
    output.map_or_else(
        |_| "date unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
