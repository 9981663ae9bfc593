//! What the whole machine uses, as `get_system_stats` tells it: counters since it was started, and per second since the last call.
//!
//! Names are those that psutil has for the same numbers, as Crossbar.io takes them from there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::time::{Instant, SystemTime};

use crossweave_api::node::SystemStats;
use serde_json::{Map, Value as Json, json};

use crate::clock::since_1970;

/// Octets of a sector, as the system counts them.
const SECTOR_LEN: u64 = 512;

/// Octets, packets, errors and drops: the column of each in `/proc/net/dev`.
const NETWORK: [(&str, usize); 8] = [
    ("bytes_recv", 0),
    ("packets_recv", 1),
    ("errin", 2),
    ("dropin", 3),
    ("bytes_sent", 8),
    ("packets_sent", 9),
    ("errout", 10),
    ("dropout", 11),
];
/// Operations, octets and milliseconds: the column of each in `/proc/diskstats`, and what one of it stands for.
const DISK: [(&str, usize, u64); 9] = [
    ("read_count", 3, 1),
    ("read_merged_count", 4, 1),
    ("read_bytes", 5, SECTOR_LEN),
    ("read_time", 6, 1),
    ("write_count", 7, 1),
    ("write_merged_count", 8, 1),
    ("write_bytes", 9, SECTOR_LEN),
    ("write_time", 10, 1),
    ("busy_time", 12, 1),
];
/// What the CPUs do, in the order of `/proc/stat`.
const CPU: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];
/// Counters of `/proc/stat`, and what they are called there.
const SWITCHES: [(&str, &str); 3] =
    [("ctx_switches", "ctxt"), ("interrupts", "intr"), ("soft_interrupts", "softirq")];
/// Octets, and what they are called in `/proc/meminfo`.
const MEMORY: [(&str, &str); 9] = [
    ("total", "MemTotal"),
    ("available", "MemAvailable"),
    ("free", "MemFree"),
    ("active", "Active"),
    ("inactive", "Inactive"),
    ("buffers", "Buffers"),
    ("cached", "Cached"),
    ("shared", "Shmem"),
    ("slab", "Slab"),
];

/// Counters by their names.
type Counters = BTreeMap<&'static str, u64>;

/// What was told last, so that the next one can tell differences.
#[derive(Default)]
pub(super) struct Machine {
    tick: u64,
    first: Option<Instant>,
    last: Option<(Instant, Sample)>,
}

/// What the machine has counted.
struct Sample {
    network: Counters,
    disk: Counters,
    /// Ticks, in the order of [`CPU`].
    cpu: [u64; CPU.len()],
    switches: Counters,
}

impl Machine {
    /// What there is now. Reads files of the system.
    ///
    /// # Errors
    /// The system does not tell.
    pub(super) fn tell(&mut self) -> io::Result<SystemStats> {
        let (sample, now) = (Sample::take()?, Instant::now());
        let memory = memory(&read("meminfo")?);
        self.tick += 1;
        let elapsed = (now - *self.first.get_or_insert(now)).as_secs_f64();
        let last = self.last.take();
        let last_period = last.as_ref().map(|(at, _)| (now - *at).as_secs_f64());
        let last = last.map(|(_, sample)| sample).zip(last_period);
        let mut network = told(&sample.network, last.as_ref().map(|(last, period)| (&last.network, *period)));
        network.insert("connection".to_owned(), connections());
        let disk = told(&sample.disk, last.as_ref().map(|(last, period)| (&last.disk, *period)));
        let mut cpu = shares(&sample.cpu, last.as_ref().map(|(last, _)| &last.cpu));
        cpu.insert("freq".to_owned(), json!(frequency(&read("cpuinfo")?)));
        cpu.extend(sample.switches.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
        self.last = Some((now, sample));
        let uptime = read("uptime")?.split_whitespace().next().and_then(|it| it.parse().ok());
        Ok(SystemStats {
            tick: self.tick,
            timestamp: u64::try_from(since_1970(SystemTime::now()).as_nanos()).unwrap_or(u64::MAX),
            last_period,
            elapsed,
            uptime: uptime.unwrap_or_default(),
            network: Json::Object(network),
            disk: Json::Object(disk),
            cpu: Json::Object(cpu),
            memory: Json::Object(memory),
        })
    }
}

impl Sample {
    fn take() -> io::Result<Sample> {
        let is_disk = |name: &str| Path::new("/sys/block").join(name).exists();
        let (cpu, switches) = processors(&read("stat")?);
        Ok(Sample {
            network: network(&read("net/dev")?),
            disk: disks(&read("diskstats")?, is_disk),
            cpu,
            switches,
        })
    }
}

fn read(name: &str) -> io::Result<String> {
    fs::read_to_string(Path::new("/proc").join(name))
}

/// Counters, and per second since the last call as `NAME_per_sec`.
fn told(now: &Counters, last: Option<(&Counters, f64)>) -> Map<String, Json> {
    let mut told: Map<String, Json> =
        now.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    if let Some((last, period)) = last {
        let period = period.max(f64::MIN_POSITIVE);
        told.extend(now.iter().map(|(name, count)| {
            // An interface may have gone, with what it had counted.
            let more = count.saturating_sub(last.get(name).copied().unwrap_or_default());
            (format!("{name}_per_sec"), json!(more as f64 / period))
        }));
    }
    told
}

/// Of all interfaces together.
fn network(dev: &str) -> Counters {
    let mut counters = Counters::from_iter(NETWORK.map(|(name, _)| (name, 0)));
    for (_, columns) in dev.lines().filter_map(|line| line.split_once(':')) {
        let numbers: Vec<u64> = columns.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        for (name, at) in NETWORK {
            *counters.entry(name).or_default() += numbers.get(at).copied().unwrap_or_default();
        }
    }
    counters
}

/// Of all disks together; partitions are parts of them.
fn disks(diskstats: &str, is_disk: impl Fn(&str) -> bool) -> Counters {
    let mut counters = Counters::from_iter(DISK.map(|(name, ..)| (name, 0)));
    for line in diskstats.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        if !columns.get(2).is_some_and(|name| is_disk(name)) {
            continue;
        }
        for (name, at, unit) in DISK {
            let number = columns.get(at).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
            *counters.entry(name).or_default() += number.saturating_mul(unit);
        }
    }
    counters
}

/// What the CPUs have done, and how often they were interrupted.
fn processors(stat: &str) -> ([u64; CPU.len()], Counters) {
    let line = |start: &str| {
        let words = |line: &'_ str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        stat.lines().map(words).find(|words| words.first().is_some_and(|it| it == start)).unwrap_or_default()
    };
    let number =
        |words: &[String], at: usize| words.get(at).and_then(|it| it.parse().ok()).unwrap_or_default();
    let cpu = line("cpu");
    let ticks = std::array::from_fn(|at| number(&cpu, at + 1));
    (ticks, SWITCHES.iter().map(|(name, theirs)| (*name, number(&line(theirs), 1))).collect())
}

/// What the CPUs have done since the last call, or since the machine was started, in percent.
fn shares(now: &[u64; CPU.len()], last: Option<&[u64; CPU.len()]>) -> Map<String, Json> {
    let ticks: Vec<u64> =
        now.iter().enumerate().map(|(at, now)| now.saturating_sub(last.map_or(0, |last| last[at]))).collect();
    // The time of guests is part of what their hosts are said to have used.
    let all: u64 = ticks[..CPU.len() - 2].iter().sum();
    let percent = |ticks: &u64| json!(100.0 * *ticks as f64 / all.max(1) as f64);
    CPU.iter().zip(&ticks).map(|(name, ticks)| ((*name).to_owned(), percent(ticks))).collect()
}

/// MHz, the mean of all CPUs that tell.
fn frequency(cpuinfo: &str) -> Option<f64> {
    let told: Vec<f64> = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == "cpu MHz"))
        .filter_map(|(_, value)| value.trim().parse().ok())
        .collect();
    (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64)
}

/// Octets, and how much is in use in percent.
fn memory(meminfo: &str) -> Map<String, Json> {
    let of = |wanted: &str| -> u64 {
        let line = meminfo.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| *name == wanted);
        let kib = line.and_then(|(_, value)| value.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default().saturating_mul(1024)
    };
    let mut told: Map<String, Json> =
        MEMORY.iter().map(|(name, theirs)| ((*name).to_owned(), json!(of(theirs)))).collect();
    let (total, available) = (of("MemTotal"), of("MemAvailable"));
    let used = total.saturating_sub(available);
    told.insert("used".to_owned(), json!(used));
    told.insert("percent".to_owned(), json!(100.0 * used as f64 / total.max(1) as f64));
    told
}

/// How many sockets there are of each address family. What the system does not tell of is 0.
fn connections() -> Json {
    let in_use = |file: &str| -> u64 {
        let text = read(file).unwrap_or_default();
        let number = |line: &str| line.split_once("inuse ")?.1.split_whitespace().next()?.parse::<u64>().ok();
        text.lines()
            .filter(|line| line.starts_with("TCP") || line.starts_with("UDP"))
            .filter_map(number)
            .sum()
    };
    // One line each, behind one of titles. There may be many: they are counted, not kept.
    let unix =
        File::open("/proc/net/unix").map_or(0, |file| BufReader::new(file).lines().count().saturating_sub(1));
    json!({"AF_INET": in_use("net/sockstat"), "AF_INET6": in_use("net/sockstat6"), "AF_UNIX": unix})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_disks_are_summed_and_partitions_are_not_counted_twice() {
        let dev = "Inter-|   Receive\n face |bytes\n    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n  eth0: 7 1 5 6 0 0 0 0 9 2 0 8 0 0 0 0\n";
        let network = network(dev);
        let of = |name| network[name];
        assert_eq!((of("bytes_recv"), of("packets_recv"), of("errin"), of("dropin")), (8, 3, 5, 6));
        assert_eq!((of("bytes_sent"), of("packets_sent"), of("errout"), of("dropout")), (12, 6, 0, 8));
        let stats = "   8  0 sda 3 1 2 5 4 2 6 7 0 8 9\n   8  1 sda1 3 1 2 5 4 2 6 7 0 8 9\n   8 16 sdb 1 0 1 1 1 0 1 1 0 1 1\n";
        let disks = disks(stats, |name| !name.ends_with('1'));
        assert_eq!((disks["read_count"], disks["read_bytes"], disks["write_merged_count"]), (4, 3 * 512, 2));
        assert_eq!((disks["write_bytes"], disks["busy_time"]), (7 * 512, 9));
    }

    #[test]
    fn what_cpus_do_is_told_in_percent_of_the_time_since_the_last_call() {
        let stat = "cpu  10 0 20 60 10 0 0 0 5 0\ncpu0 1 1 1 1\nintr 12 3 4\nctxt 99\nsoftirq 7 1 1\n";
        let (ticks, switches) = processors(stat);
        assert_eq!(
            (switches["ctx_switches"], switches["interrupts"], switches["soft_interrupts"]),
            (99, 12, 7)
        );
        let first = shares(&ticks, None);
        assert_eq!(
            (&first["user"], &first["idle"], &first["guest"]),
            (&json!(10.0), &json!(60.0), &json!(5.0))
        );
        let mut later = ticks;
        later[0] += 30;
        later[3] += 10;
        let second = shares(&later, Some(&ticks));
        assert_eq!(
            (&second["user"], &second["idle"], &second["iowait"]),
            (&json!(75.0), &json!(25.0), &json!(0.0))
        );
    }

    #[test]
    fn counters_are_told_per_second_from_the_second_call_on() {
        let counters = |count| Counters::from([("errin", count)]);
        assert_eq!(Json::Object(told(&counters(5), None)), json!({"errin": 5}));
        let told = |now| Json::Object(told(&counters(now), Some((&counters(5), 2.0))));
        assert_eq!(told(9), json!({"errin": 9, "errin_per_sec": 2.0}));
        assert_eq!(told(1), json!({"errin": 1, "errin_per_sec": 0.0}), "what is gone is no negative rate");
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let told = memory(
            "MemTotal: 100 kB\nMemFree: 5 kB\nMemAvailable: 25 kB\nActive: 3 kB\nActive(anon): 1 kB\n",
        );
        assert_eq!(
            (&told["total"], &told["used"], &told["percent"]),
            (&json!(102_400), &json!(76_800), &json!(75.0))
        );
        assert_eq!((&told["active"], &told["slab"]), (&json!(3072), &json!(0)));
    }
}
