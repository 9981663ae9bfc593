//! What the machine tells, in `/proc` and `/sys`. Counters are as the system has them: since it was started.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use rustix::fs::statvfs;
use rustix::param::{clock_ticks_per_second, page_size};
use serde_json::{Map, Value as Json, json};

/// Processes in one sample.
const PROCESSES_MAX: usize = 1_000;
/// Octets of a sector, as the system counts them.
const SECTOR_LEN: u64 = 512;

/// Something that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sensor {
    Cpu,
    DiskIo,
    Hardware,
    Memory,
    Network,
    Process,
    Own,
    Storage,
    System,
}

impl Sensor {
    pub(super) fn parse(name: &str) -> Option<Sensor> {
        Some(match name {
            "cpu" => Sensor::Cpu,
            "disk" | "diskio" => Sensor::DiskIo,
            "hardware" => Sensor::Hardware,
            "memory" => Sensor::Memory,
            "network" => Sensor::Network,
            "process" => Sensor::Process,
            "self" => Sensor::Own,
            "storage" => Sensor::Storage,
            "system" => Sensor::System,
            _ => return None,
        })
    }

    /// What there is now: an object.
    ///
    /// # Errors
    /// The system does not tell.
    pub(super) fn sample(self, options: &Json) -> io::Result<Json> {
        let proc = Path::new("/proc");
        match self {
            Sensor::Cpu => Ok(cpu(&fs::read_to_string(proc.join("stat"))?)),
            Sensor::DiskIo => Ok(diskio(&fs::read_to_string(proc.join("diskstats"))?)),
            Sensor::Hardware => hardware(Path::new("/sys/class/thermal")),
            Sensor::Memory => Ok(memory(&fs::read_to_string(proc.join("meminfo"))?)),
            Sensor::Network => Ok(network(&fs::read_to_string(proc.join("net/dev"))?)),
            Sensor::Process => processes(proc, options),
            Sensor::Own => Ok(process(&proc.join("self")).unwrap_or_default()),
            Sensor::Storage => Ok(storage(&fs::read_to_string(proc.join("self/mounts"))?)),
            Sensor::System => {
                let read = |name: &str| fs::read_to_string(proc.join(name));
                Ok(system(&read("loadavg")?, &read("uptime")?, &read("meminfo")?, &read("stat")?))
            }
        }
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

/// Seconds of each CPU, and of all.
fn cpu(stat: &str) -> Json {
    const KINDS: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let mut cpus = Map::new();
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().and_then(|it| it.strip_prefix("cpu")) else { continue };
        let ticks: Vec<u64> = words.filter_map(|it| it.parse().ok()).collect();
        let mut times: Map<String, Json> = KINDS
            .iter()
            .zip(&ticks)
            .map(|(kind, ticks)| ((*kind).to_owned(), json!(seconds(*ticks))))
            .collect();
        times.insert("total".to_owned(), json!(seconds(ticks.iter().take(KINDS.len()).sum())));
        cpus.insert(if name.is_empty() { "all".to_owned() } else { name.to_owned() }, Json::Object(times));
    }
    let all = cpus.remove("all").unwrap_or_default();
    json!({"total": all, "cpus": cpus})
}

/// Octets, by the names of `/proc/meminfo` in lower case.
fn memory(meminfo: &str) -> Json {
    let entry = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let mut words = value.split_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        let unit = if words.next() == Some("kB") { 1024 } else { 1 };
        Some((name.to_lowercase(), json!(number.saturating_mul(unit))))
    };
    Json::Object(meminfo.lines().filter_map(entry).collect())
}

/// Octets, packets, errors and drops of each interface but those of this machine with itself.
fn network(dev: &str) -> Json {
    let entry = |line: &str| {
        let (name, counters) = line.split_once(':')?;
        let name = name.trim();
        if ["lo", "virbr", "docker"].iter().any(|own| name.starts_with(own)) {
            return None;
        }
        let numbers: Vec<u64> = counters.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let of = |at: usize| numbers.get(at).copied().unwrap_or_default();
        let counters = json!({"bytes_recv": of(0), "packets_recv": of(1), "errin": of(2), "dropin": of(3),
            "bytes_sent": of(8), "packets_sent": of(9), "errout": of(10), "dropout": of(11)});
        Some((name.to_owned(), counters))
    };
    json!({"interfaces": dev.lines().filter_map(entry).collect::<Map<_, _>>()})
}

/// Operations, octets and milliseconds of each disk and partition.
fn diskio(diskstats: &str) -> Json {
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.get(2)?;
        if name.starts_with("loop") || name.starts_with("ram") {
            return None;
        }
        let of = |at: usize| words.get(at).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
        let counters = json!({"read_ios": of(3), "read_bytes": of(5) * SECTOR_LEN, "read_ms": of(6),
            "write_ios": of(7), "write_bytes": of(9) * SECTOR_LEN, "write_ms": of(10),
            "in_flight": of(11), "active_ms": of(12), "wait_ms": of(13)});
        Some((name.to_owned(), counters))
    };
    json!({"devices": diskstats.lines().filter_map(entry).collect::<Map<_, _>>()})
}

/// Octets and files of each file system on a device.
fn storage(mounts: &str) -> Json {
    let mut devices = BTreeMap::new();
    for line in mounts.lines() {
        let mut words = line.split_whitespace();
        let (Some(device), Some(path), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if !device.starts_with("/dev/") || device.starts_with("/dev/loop") || devices.contains_key(device) {
            continue;
        }
        // Blanks are written as numbers.
        let path = path.replace("\\040", " ");
        let Ok(of) = statvfs(Path::new(&path)) else { continue };
        let total = of.f_blocks.saturating_mul(of.f_frsize);
        let free = of.f_bavail.saturating_mul(of.f_frsize);
        let used = of.f_blocks.saturating_sub(of.f_bfree).saturating_mul(of.f_frsize);
        let percent = 100.0 * used as f64 / (used + free).max(1) as f64;
        let usage = json!({"mountpoint": path, "fstype": kind, "total": total, "used": used, "free": free,
            "percent": percent, "files": of.f_files, "files_free": of.f_favail});
        devices.insert(device.to_owned(), usage);
    }
    json!({"devices": devices})
}

/// Load, uptime, memory and CPU in few numbers.
fn system(loadavg: &str, uptime: &str, meminfo: &str, stat: &str) -> Json {
    let load: Vec<f64> = loadavg.split_whitespace().take(3).filter_map(|it| it.parse().ok()).collect();
    let uptime: f64 = uptime.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or_default();
    let memory = memory(meminfo);
    let (total, available) = (memory["memtotal"].clone(), memory["memavailable"].clone());
    let percent = match (total.as_u64(), available.as_u64()) {
        (Some(total), Some(available)) if total > 0 => {
            100.0 * (total.saturating_sub(available)) as f64 / total as f64
        }
        _ => 0.0,
    };
    json!({"loadavg": load, "uptime": uptime, "cpu": cpu(stat)["total"],
        "memory": {"total": total, "available": available, "percent": percent}})
}

/// Temperatures in degrees Celsius, by sensor; a virtual machine has none.
fn hardware(thermal: &Path) -> io::Result<Json> {
    let mut temperatures = Map::new();
    let Ok(zones) = fs::read_dir(thermal) else { return Ok(json!({"temperatures": {}})) };
    for zone in zones {
        let path = zone?.path();
        let read = |name: &str| fs::read_to_string(path.join(name)).ok().map(|it| it.trim().to_owned());
        let (Some(kind), Some(millidegrees)) =
            (read("type"), read("temp").and_then(|it| it.parse::<f64>().ok()))
        else {
            continue;
        };
        let name = path.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        temperatures.insert(name, json!({"type": kind, "current": millidegrees / 1000.0}));
    }
    Ok(json!({"temperatures": temperatures}))
}

/// Processes by their number. With `process_types`, a type for each executable, only those; with `process_type_unassigned`,
/// the others too, as of this type.
fn processes(proc: &Path, options: &Json) -> io::Result<Json> {
    let types = options.get("process_types").and_then(Json::as_object);
    let unassigned = options.get("process_type_unassigned").and_then(Json::as_str);
    let (mut processes, mut count) = (Map::new(), 0_u64);
    for entry in fs::read_dir(proc)? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        count += 1;
        if processes.len() == PROCESSES_MAX {
            continue;
        }
        let exe = fs::read_link(entry.path().join("exe")).ok().map(|it| it.to_string_lossy().into_owned());
        let kind = exe.as_ref().and_then(|exe| types?.get(exe)?.as_str()).or(unassigned);
        if types.is_some() && kind.is_none() {
            continue;
        }
        // One that has ended meanwhile is left out.
        let Some(Json::Object(mut found)) = process(&entry.path()) else { continue };
        found.insert("exe".to_owned(), json!(exe));
        found.insert("type".to_owned(), json!(kind));
        processes.insert(name, Json::Object(found));
    }
    Ok(json!({"count": count, "processes": processes}))
}

/// What a process has used.
fn process(folder: &Path) -> Option<Json> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(').map_or("", |it| it.1);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let of = |at: usize| words.get(at).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
    // Numbers as in proc(5), less three, as they count from the state on.
    Some(
        json!({"name": name, "status": words.first(), "cpu_user": seconds(of(11)), "cpu_system": seconds(of(12)),
        "num_threads": of(17), "virtual": of(20), "resident": of(21).saturating_mul(page_size() as u64)}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_cpus_are_told_in_seconds() {
        let per_second = clock_ticks_per_second();
        let stat = format!(
            "cpu  {0} 0 {0} {1} 0 0 0 0 0 0\ncpu0 {0} 0 0 0 0 0 0 0\nintr 5\n",
            per_second,
            2 * per_second
        );
        let cpu = cpu(&stat);
        assert_eq!((&cpu["total"]["user"], &cpu["total"]["total"]), (&json!(1.0), &json!(4.0)));
        assert_eq!(cpu["cpus"]["0"]["user"], json!(1.0));
    }

    #[test]
    fn memory_is_told_in_octets() {
        let memory = memory("MemTotal:       2 kB\nHugePages_Total:   3\nnothing\n");
        assert_eq!(memory, json!({"memtotal": 2048, "hugepages_total": 3}));
    }

    #[test]
    fn interfaces_and_disks_are_told_by_name() {
        let dev = "Inter-|   Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 7 1 0 0 0 0 0 0 9 2 0 0 0 0 0 0\n";
        let network = network(dev);
        assert_eq!(network["interfaces"]["eth0"]["bytes_recv"], 7);
        assert_eq!(network["interfaces"]["eth0"]["bytes_sent"], 9);
        assert!(network["interfaces"].get("lo").is_none());
        let disks = diskio("   8  0 sda 3 0 2 5 4 0 6 7 0 8 9\n   7  0 loop0 1 0 1 1 1 1 1 1 1 1 1\n");
        assert_eq!(disks["devices"]["sda"]["read_bytes"], 1024);
        assert_eq!(disks["devices"]["sda"]["write_ios"], 4);
        assert!(disks["devices"].get("loop0").is_none());
    }

    #[test]
    fn every_sensor_finds_something_on_this_machine() {
        for name in
            ["cpu", "disk", "diskio", "hardware", "memory", "network", "process", "self", "storage", "system"]
        {
            let sample = Sensor::parse(name).unwrap().sample(&Json::Null).unwrap();
            assert!(sample.is_object(), "{name}: {sample}");
        }
        let own = Sensor::Own.sample(&Json::Null).unwrap();
        assert!(own["resident"].as_u64().unwrap() > 0, "{own}");
    }

    #[test]
    fn processes_are_found_by_their_executable() {
        let exe = std::env::current_exe().unwrap();
        let options = json!({"process_types": {exe.to_str().unwrap(): "test"}});
        let found = Sensor::Process.sample(&options).unwrap();
        assert_eq!(found["processes"][std::process::id().to_string()]["type"], "test", "{found}");
        assert!(found["count"].as_u64().unwrap() >= found["processes"].as_object().unwrap().len() as u64);
    }
}
