//! Who used how much CPU and memory, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Length of a clock tick in `/proc`; Linux reports 100 a second to user space whatever the kernel uses.
const TICK_S: f64 = 0.01;

/// The fields of `/proc/<pid>/stat` used here.
struct Stat {
    parent: u32,
    cpu_s: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may hold anything, so fields are counted from the last parenthesis.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu_s: (ticks(11)? + ticks(12)?) as f64 * TICK_S })
}

/// CPU time of `pid` over all its threads, in seconds.
///
/// `schedstat` counts nanoseconds but forgets threads that have ended; `stat` remembers them, in ticks.
fn cpu_s(pid: u32) -> f64 {
    let coarse = stat(pid).map_or(0.0, |stat| stat.cpu_s);
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let fine: f64 = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .map(|ns| ns as f64 / 1e9)
        .sum();
    if coarse - fine > 2.0 * TICK_S { coarse } else { fine }
}

/// `root` and everything started by it, directly or not.
pub(crate) fn process_tree(root: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: BTreeMap<u32, u32> = pids
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let is_below = |mut pid: u32| loop {
        match parents.get(&pid) {
            _ if pid == root => return true,
            Some(&parent) if parent != pid => pid = parent,
            _ => return false,
        }
    };
    parents.keys().copied().filter(|&pid| is_below(pid)).collect()
}

/// Memory of a set of processes, in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
}

/// Memory of `root` and everything started by it.
pub(crate) fn memory(root: u32) -> Memory {
    let rollups = process_tree(root)
        .into_iter()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok());
    rollups
        .map(|text| parse_rollup(&text))
        .fold(Memory::default(), |sum, one| Memory { rss: sum.rss + one.rss, pss: sum.pss + one.pss })
}

fn parse_rollup(text: &str) -> Memory {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Memory { rss: field("Rss:").unwrap_or(0), pss: field("Pss:").unwrap_or(0) }
}

/// Busy time since the machine started, in CPU seconds: of all cores, or of the only one this thread may use.
fn machine_busy_s() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = only_core().map_or_else(|| "cpu ".to_owned(), |core| format!("cpu{core} "));
    parse_busy(&text, &line).unwrap_or(0.0)
}

/// The core this thread is bound to, if it is bound to one.
fn only_core() -> Option<usize> {
    let set = sched_getaffinity(None).ok()?;
    let is_single = set.count() == 1;
    (0..CpuSet::MAX_CPU).find(|&core| is_single && set.is_set(core))
}

/// The lines are `cpu user nice system idle iowait irq softirq steal …`, for all cores and for each.
fn parse_busy(text: &str, line: &str) -> Option<f64> {
    let fields = text.lines().find_map(|text| text.strip_prefix(line))?;
    let ticks: Vec<u64> =
        fields.split_ascii_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((ticks.iter().sum::<u64>() - idle) as f64 * TICK_S)
}

/// CPU used between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall_s: f64,
    pub(crate) server_s: f64,
    pub(crate) generator_s: f64,
    /// CPU used by neither (on the core used, if it is only one), in cores. Above some 0.1 the run is not to be trusted.
    pub(crate) other_cores: f64,
}

/// Reads the CPU clocks at the beginning and the end of a measurement.
pub(crate) struct Meter {
    pids: Vec<u32>,
    began: Instant,
    server_s: f64,
    generator_s: f64,
    busy_s: f64,
}

impl Meter {
    /// Begins to measure `root`, everything started by it, and this process.
    pub(crate) fn start(root: u32) -> Self {
        let pids = process_tree(root);
        let busy_s = machine_busy_s();
        let (server_s, generator_s) = (pids.iter().map(|&pid| cpu_s(pid)).sum(), cpu_s(std::process::id()));
        Self { pids, began: Instant::now(), server_s, generator_s, busy_s }
    }

    /// What was used since.
    pub(crate) fn stop(&self) -> Usage {
        let wall_s = self.began.elapsed().as_secs_f64();
        let server_s = self.pids.iter().map(|&pid| cpu_s(pid)).sum::<f64>() - self.server_s;
        let generator_s = cpu_s(std::process::id()) - self.generator_s;
        let busy_s = machine_busy_s() - self.busy_s;
        let other_cores = ((busy_s - server_s - generator_s) / wall_s).max(0.0);
        Usage { wall_s, server_s: server_s.max(1e-9), generator_s, other_cores }
    }
}

/// Waits until `root` and everything started by it uses next to no CPU, a few seconds at most: sessions of the last
/// measurement have then been cleaned up.
pub(crate) fn wait_until_quiet(root: u32) {
    const SAMPLE: Duration = Duration::from_millis(100);
    const SAMPLES_MAX: usize = 40;
    let pids = process_tree(root);
    let cpu = || pids.iter().map(|&pid| cpu_s(pid)).sum::<f64>();
    for _ in 0..SAMPLES_MAX {
        let before = cpu();
        std::thread::sleep(SAMPLE);
        if cpu() - before < 0.02 * SAMPLE.as_secs_f64() {
            return;
        }
    }
}

/// Raises the number of files this process may open to what the system allows; answers it.
///
/// # Errors
/// If the system refuses.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
    Ok(hard.unwrap_or(u64::MAX))
}

/// Binds this thread, every thread of the processes in the tree of `root`, and what they start from now on, to core 0.
///
/// A server is bound after it has started, so that it has as many threads as on the whole machine.
///
/// # Errors
/// If the system refuses.
pub(crate) fn bind_to_one_core(root: u32) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(0);
    sched_setaffinity(None, &set)?;
    for pid in process_tree(root) {
        for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let task = task.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            sched_setaffinity(task, &set)?;
        }
    }
    Ok(())
}

/// Lets this thread, and what it starts from now on, use every core again.
///
/// # Errors
/// If the system refuses.
pub(crate) fn unbind() -> io::Result<()> {
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| set.set(core));
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_name_with_parentheses_and_spaces() {
        let text = "42 (a) b (c)) S 7 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 1000 10 18446744073709551615";
        let stat = parse_stat(text).expect("the text is well formed");
        assert_eq!((stat.parent, stat.cpu_s), (7, 3.0));
        assert!(parse_stat("42 (cut) S").is_none());
    }

    #[test]
    fn rollup_gives_octets() {
        let text =
            "5581-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    1024 kB\nPss:     512 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(parse_rollup(text), Memory { rss: 1 << 20, pss: 1 << 19 });
    }

    #[test]
    fn busy_time_leaves_out_idle_and_io_wait() {
        let text = "cpu  100 20 30 900 50 1 2 7 99 99\ncpu0 60 0 0 400 0 0 0 0\ncpu1 100 0 0 1 0 0 0 0\n";
        assert_eq!(parse_busy(text, "cpu "), Some(1.6));
        assert_eq!(parse_busy(text, "cpu0 "), Some(0.6));
        assert_eq!(parse_busy(text, "cpu7 "), None);
    }

    #[test]
    fn this_process_is_in_its_own_tree_and_uses_memory() {
        let pid = std::process::id();
        assert!(process_tree(pid).contains(&pid));
        assert!(memory(pid).rss > 100_000);
    }

    #[test]
    fn work_of_this_process_is_accounted() {
        let before = cpu_s(std::process::id());
        let end = Instant::now() + Duration::from_millis(60);
        while Instant::now() < end {}
        assert!(cpu_s(std::process::id()) - before > 0.02);
    }
}
