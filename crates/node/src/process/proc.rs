//! What the system tells of this process, in `/proc/self`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use crossweave_api::process::{ProcessInfo, ProcessMonitor, ProcessStats};
use rustix::param::{clock_ticks_per_second, page_size};

use crate::clock::{since_1970, utc};

/// `key: value` lines.
fn table(path: &str) -> io::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path)?;
    let entry = |line: &str| {
        line.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    Ok(text.lines().filter_map(entry).collect())
}

fn number(table: &BTreeMap<String, String>, key: &str) -> u64 {
    let text = table.get(key).map(String::as_str).unwrap_or_default();
    text.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(0)
}

pub(super) fn cpu_count(is_logical: bool) -> io::Result<u32> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let values = |key: &'static str| {
        text.lines()
            .filter_map(move |line| line.split_once(':').filter(|(name, _)| name.trim() == key))
            .map(|it| it.1.trim())
    };
    let logical = values("processor").count();
    let cores: BTreeSet<(&str, &str)> = values("physical id").zip(values("core id")).collect();
    let count = if is_logical || cores.is_empty() { logical } else { cores.len() };
    Ok(u32::try_from(count).unwrap_or(u32::MAX).max(1))
}

/// The fields of `/proc/self/stat` behind the name, from the state on.
fn stat() -> io::Result<Vec<String>> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The name may have blanks and parentheses.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

pub(super) fn info() -> io::Result<ProcessInfo> {
    let (mut files, mut sockets, mut descriptors) = (Vec::new(), Vec::new(), 0);
    for entry in fs::read_dir("/proc/self/fd")? {
        descriptors += 1;
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        match target.to_string_lossy() {
            text if text.starts_with("socket:") => sockets.push(text.into_owned()),
            text if text.starts_with('/') => files.push(text.into_owned()),
            _ => {}
        }
    }
    let threads = number(&table("/proc/self/status")?, "Threads");
    Ok(ProcessInfo { descriptors, threads, files, sockets })
}

pub(super) fn stats(uptime: Duration) -> io::Result<ProcessStats> {
    let (stat, status, io) =
        (stat()?, table("/proc/self/status")?, table("/proc/self/io").unwrap_or_default());
    let field = |index: usize| stat.get(index).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
    // Numbers as in proc(5), less the two before the state and one as they count from 1.
    let (user, system) = (seconds(field(11)), seconds(field(12)));
    let resident = field(21) * page_size() as u64;
    let memory = number(&table("/proc/meminfo")?, "MemTotal") * 1024;
    let now = SystemTime::now();
    Ok(ProcessStats {
        ts: utc(now),
        time: u64::try_from(since_1970(now).as_nanos()).unwrap_or(u64::MAX),
        pid: std::process::id(),
        status: state(stat.first().map(String::as_str)).to_owned(),
        voluntary: number(&status, "voluntary_ctxt_switches"),
        nonvoluntary: number(&status, "nonvoluntary_ctxt_switches"),
        user,
        system,
        cpu_percent: 100.0 * (user + system) / uptime.as_secs_f64().max(0.01),
        resident,
        virtual_: field(20),
        mem_percent: 100.0 * resident as f64 / memory.max(1) as f64,
        reads: number(&io, "syscr"),
        writes: number(&io, "syscw"),
        lag: None,
        seq: None,
    })
}

fn state(letter: Option<&str>) -> &'static str {
    match letter {
        Some("R") => "running",
        Some("S") => "sleeping",
        Some("D") => "disk-sleep",
        Some("T" | "t") => "stopped",
        _ => "unknown",
    }
}

/// A sample without what depends on the one before it.
pub(super) fn monitor(kind: &str, stats: &ProcessStats, created: Duration) -> io::Result<ProcessMonitor> {
    let (status, io) = (table("/proc/self/status")?, table("/proc/self/io").unwrap_or_default());
    let cmdline = fs::read("/proc/self/cmdline")?;
    let cmdline = String::from_utf8_lossy(&cmdline).trim_end_matches('\0').replace('\0', " ");
    Ok(ProcessMonitor {
        tick: 0,
        timestamp: stats.time,
        last_period: None,
        elapsed: 0.0,
        kind: kind.to_owned(),
        pid: stats.pid,
        status: stats.status.clone(),
        exe: fs::read_link("/proc/self/exe").map(|it| it.display().to_string()).unwrap_or_default(),
        user: number(&status, "Uid").to_string(),
        name: status.get("Name").cloned().unwrap_or_default(),
        cmdline,
        created: created.as_secs_f64(),
        num_fds: fs::read_dir("/proc/self/fd")?.count() as u64,
        num_threads: number(&status, "Threads"),
        num_ctx_switches_voluntary: stats.voluntary,
        num_ctx_switches_involuntary: stats.nonvoluntary,
        read_ios: stats.reads,
        write_ios: stats.writes,
        read_bytes: number(&io, "read_bytes"),
        write_bytes: number(&io, "write_bytes"),
        cpu_user: stats.user,
        cpu_system: stats.system,
        per_second: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let stats = stats(Duration::from_secs(1)).unwrap();
        assert_eq!(stats.pid, std::process::id());
        assert!(stats.resident > 1 << 20 && stats.virtual_ >= stats.resident, "{stats:?}");
        assert!(stats.status == "running" || stats.status == "sleeping", "{stats:?}");
        let info = info().unwrap();
        assert!(info.threads >= 1 && info.descriptors >= 3, "{info:?}");
        assert!(cpu_count(true).unwrap() >= cpu_count(false).unwrap());
        let sample = monitor("router", &stats, Duration::from_secs(5)).unwrap();
        assert!(sample.exe.starts_with('/') && !sample.cmdline.contains('\0'), "{sample:?}");
    }
}
