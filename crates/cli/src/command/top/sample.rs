//! What a node has done between two moments.

use std::time::Instant;

use crossweave_api::node::{GetStatus, GetWorker, GetWorkers, NodeStatus};
use crossweave_api::process::{GetProcessStats, Lag, ProcessStats, Uptime};
use crossweave_api::router::{GetRouterHotUris, GetRouterRealm, GetRouterRealmStats, HotUri};
use serde_json::{Value, json};

use crate::command::status::{count, time};
use crate::exit::{Code, Failure};
use crate::node::Management;
use crate::terminal::printable;

/// What a node had done at one moment.
pub(super) struct Sample {
    at: Instant,
    node: NodeStatus,
    uptime: f64,
    processes: Vec<Process>,
    realms: Vec<Realm>,
    /// The hottest URIs since the sample before, and the workers on which they are.
    hot_uris: Vec<(String, HotUri)>,
    /// The ids of workers that do not answer.
    silent: Vec<String>,
}

/// Characters of a URI on a screen.
const URI_CHARS_MAX: usize = 80;

struct Process {
    /// The controller, and the workers that are in this process.
    names: Vec<String>,
    stats: ProcessStats,
}

struct Realm {
    worker: String,
    id: String,
    name: String,
    sessions: u64,
    received: u64,
    sent: u64,
    dropped: u64,
    longest_queue: u64,
}

impl Sample {
    /// Asks the node, and each router for so many URIs.
    pub(super) async fn take(management: &Management, uris: u32) -> Result<Sample, Failure> {
        let node = management.ask(None, &GetStatus {}).await?;
        let uptime = management.ask(None, &Uptime {}).await?;
        let stats = management.ask(None, &GetProcessStats {}).await?;
        let processes = vec![Process { names: vec!["controller".to_owned()], stats }];
        let (at, realms, hot_uris, silent) = (Instant::now(), Vec::new(), Vec::new(), Vec::new());
        let mut sample = Sample { at, node, uptime, processes, realms, hot_uris, silent };
        for worker in management.ask(None, &GetWorkers { filter_types: Vec::new() }).await? {
            match sample.add_worker(management, &worker, uris).await {
                // A worker that ends, or is being started again, does nothing.
                Err(failure) if failure.code != Code::Wamp => return Err(failure),
                Ok(None) => sample.silent.push(worker),
                _ => {}
            }
        }
        let messages = |it: &HotUri| it.received_per_second + it.sent_per_second;
        sample.hot_uris.sort_by(|(_, a), (_, b)| messages(b).total_cmp(&messages(a)));
        sample.hot_uris.truncate(uris as usize);
        Ok(sample)
    }

    /// Lets routers go on counting how often URIs are used, which they do only while they are asked.
    pub(super) async fn count_on(&self, management: &Management) -> Result<(), Failure> {
        let mut workers: Vec<&str> = self.realms.iter().map(|it| it.worker.as_str()).collect();
        workers.dedup();
        for worker in workers {
            match management.ask_soon(Some(worker), &GetRouterHotUris { limit: 0 }).await {
                Err(failure) if failure.code != Code::Wamp => return Err(failure),
                _ => {}
            }
        }
        Ok(())
    }

    /// None: it does not answer.
    async fn add_worker(
        &mut self,
        management: &Management,
        worker: &str,
        uris: u32,
    ) -> Result<Option<()>, Failure> {
        let asked = GetWorker { worker_id: worker.to_owned(), include_stats: false };
        let info = management.ask(None, &asked).await?;
        let who = Some(worker);
        let Some(stats) = management.ask_soon(who, &GetProcessStats {}).await? else { return Ok(None) };
        match self.processes.iter_mut().find(|it| it.stats.pid == stats.pid) {
            Some(process) => process.names.push(worker.to_owned()),
            None => self.processes.push(Process { names: vec![worker.to_owned()], stats }),
        }
        if info.kind != "router" {
            return Ok(Some(()));
        }
        let Some(realms) = management.ask_soon(who, &GetRouterRealmStats { realm_id: None }).await? else {
            return Ok(None);
        };
        for (id, stats) in realms {
            let asked = GetRouterRealm { realm_id: id.clone() };
            let Some(realm) = management.ask_soon(who, &asked).await? else { return Ok(None) };
            self.realms.push(Realm {
                worker: worker.to_owned(),
                name: realm.config["name"].as_str().unwrap_or(&id).to_owned(),
                id,
                sessions: stats.sessions,
                received: count(&stats, "received"),
                sent: count(&stats, "sent"),
                dropped: stats.dropped,
                longest_queue: stats.longest_queue,
            });
        }
        if uris > 0 {
            let Some(hot) = management.ask_soon(who, &GetRouterHotUris { limit: uris }).await? else {
                return Ok(None);
            };
            self.hot_uris.extend(hot.uris.into_iter().map(|it| (worker.to_owned(), it)));
        }
        Ok(Some(()))
    }
}

/// What is shown.
pub(super) struct View {
    node_id: String,
    uptime: f64,
    seconds: f64,
    processes: Vec<ProcessView>,
    realms: Vec<RealmView>,
    hot_uris: Vec<(String, HotUri)>,
    silent: Vec<String>,
}

struct ProcessView {
    name: String,
    pid: u32,
    /// Of one CPU.
    cpu_percent: f64,
    resident: u64,
    lag: Option<Lag>,
}

struct RealmView {
    worker: String,
    id: String,
    name: String,
    sessions: u64,
    received_per_second: f64,
    sent_per_second: f64,
    /// Since the realm was started.
    dropped: u64,
    /// In octets, now.
    longest_queue: u64,
}

impl View {
    pub(super) fn between(before: &Sample, now: &Sample) -> View {
        let seconds = (now.at - before.at).as_secs_f64().max(f64::MIN_POSITIVE);
        // A process or realm that was not there has done all it has done since; one that was started anew, too.
        let per_second = |before: u64, now: u64| now.checked_sub(before).unwrap_or(now) as f64 / seconds;
        let process = |it: &Process| {
            let used = |it: &Process| it.stats.user + it.stats.system;
            let earlier = before.processes.iter().find(|other| other.stats.pid == it.stats.pid);
            ProcessView {
                name: it.names.join(", "),
                pid: it.stats.pid,
                cpu_percent: (used(it) - earlier.map_or(0.0, used)).max(0.0) / seconds * 100.0,
                resident: it.stats.resident,
                lag: it.stats.lag.clone(),
            }
        };
        let realm = |it: &Realm| {
            let is_it = |other: &&Realm| (&other.worker, &other.id) == (&it.worker, &it.id);
            let earlier = before.realms.iter().find(is_it);
            RealmView {
                worker: it.worker.clone(),
                id: it.id.clone(),
                name: it.name.clone(),
                sessions: it.sessions,
                received_per_second: per_second(earlier.map_or(0, |it| it.received), it.received),
                sent_per_second: per_second(earlier.map_or(0, |it| it.sent), it.sent),
                dropped: it.dropped,
                longest_queue: it.longest_queue,
            }
        };
        let mut realms: Vec<RealmView> = now.realms.iter().map(realm).collect();
        // The busiest first.
        let traffic = |it: &RealmView| it.received_per_second + it.sent_per_second;
        realms.sort_by(|a, b| traffic(b).total_cmp(&traffic(a)));
        View {
            node_id: now.node.node_id.clone(),
            uptime: now.uptime,
            seconds,
            processes: now.processes.iter().map(process).collect(),
            realms,
            hot_uris: now.hot_uris.clone(),
            silent: now.silent.clone(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let process = |it: &ProcessView| {
            let (p50, max) = (it.lag.as_ref().map(|lag| lag.p50), it.lag.as_ref().map(|lag| lag.max));
            json!({"name": it.name, "pid": it.pid, "cpu_percent": it.cpu_percent, "resident": it.resident,
                "lag_p50_ms": p50, "lag_max_ms": max})
        };
        let realm = |it: &RealmView| {
            json!({"worker": it.worker, "id": it.id, "name": it.name, "sessions": it.sessions,
                "received_per_second": it.received_per_second, "sent_per_second": it.sent_per_second, "dropped": it.dropped,
                "longest_queue": it.longest_queue})
        };
        let hot_uri = |(worker, it): &(String, HotUri)| {
            json!({"worker": worker, "realm": it.realm, "type": it.kind, "uri": it.uri,
                "received_per_second": it.received_per_second, "sent_per_second": it.sent_per_second})
        };
        json!({
            "node": self.node_id,
            "uptime": self.uptime,
            "seconds": self.seconds,
            "processes": self.processes.iter().map(process).collect::<Value>(),
            "realms": self.realms.iter().map(realm).collect::<Value>(),
            "hot_uris": self.hot_uris.iter().map(hot_uri).collect::<Value>(),
            "silent": self.silent,
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let View { node_id, uptime, seconds, .. } = self;
        let mut lines = vec![
            format!("node {node_id}, for {}; over {seconds:.1} s", time(*uptime)),
            String::new(),
            format!(
                "{:<30} {:>8} {:>8} {:>12} {:>8} {:>8}",
                "PROCESS", "PID", "CPU %", "MEMORY MiB", "LAG ms", "MAX ms"
            ),
        ];
        lines.extend(self.processes.iter().map(ProcessView::line));
        lines.extend(self.silent.iter().map(|worker| format!("{worker:<30} does not answer")));
        lines.push(String::new());
        lines.push(format!(
            "{:<30} {:<16} {:>8} {:>10} {:>10} {:>10} {:>10}",
            "REALM", "WORKER", "SESSIONS", "IN/s", "OUT/s", "DROPPED", "QUEUE KiB"
        ));
        lines.extend(self.realms.iter().map(RealmView::line));
        if !self.hot_uris.is_empty() {
            lines.push(String::new());
            lines.push(format!(
                "{:<30} {:<16} {:<10} {:>8} {:>10}  URI",
                "REALM", "WORKER", "TYPE", "IN/s", "OUT/s"
            ));
        }
        lines.extend(self.hot_uris.iter().map(|(worker, it)| hot_uri_line(worker, it)));
        lines
    }
}

impl ProcessView {
    fn line(&self) -> String {
        const MIB: f64 = 1_048_576.0;
        let ProcessView { name, pid, cpu_percent, resident, lag } = self;
        let mib = *resident as f64 / MIB;
        let ms = |of: fn(&Lag) -> f64| lag.as_ref().map_or("-".to_owned(), |lag| format!("{:.1}", of(lag)));
        let (p50, max) = (ms(|lag| lag.p50), ms(|lag| lag.max));
        format!("{name:<30} {pid:>8} {cpu_percent:>8.1} {mib:>12.1} {p50:>8} {max:>8}")
    }
}

impl RealmView {
    fn line(&self) -> String {
        let RealmView { worker, name, sessions, dropped, longest_queue, .. } = self;
        let (received, sent) = (self.received_per_second, self.sent_per_second);
        let kib = longest_queue.div_ceil(1_024);
        format!("{name:<30} {worker:<16} {sessions:>8} {received:>10.0} {sent:>10.0} {dropped:>10} {kib:>10}")
    }
}

/// The URI is a client's, and may be anything: it stays on its line.
fn hot_uri_line(worker: &str, it: &HotUri) -> String {
    let HotUri { realm, kind, uri, received_per_second, sent_per_second } = it;
    let uri = printable(uri).replace('\n', "\\n");
    let uri = match uri.char_indices().nth(URI_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &uri[..at]),
        None => uri,
    };
    format!("{realm:<30} {worker:<16} {kind:<10} {received_per_second:>8.0} {sent_per_second:>10.0}  {uri}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_stays_on_its_line_whatever_is_in_it() {
        let line = |uri: &str| {
            let uri = HotUri {
                realm: "realm1".to_owned(),
                kind: "topic".to_owned(),
                uri: uri.to_owned(),
                received_per_second: 3.4,
                sent_per_second: 1_000.0,
            };
            hot_uri_line("worker001", &uri)
        };
        let start = format!("{:<30} {:<16} topic      {:>8} {:>10}  ", "realm1", "worker001", 3, 1_000);
        assert_eq!(line("com.a"), format!("{start}com.a"));
        let hostile = line("com.a\nrealm2\u{1b}[2J");
        assert!(!hostile.contains(char::is_control) && hostile.starts_with(&start), "{hostile:?}");
        assert_eq!(line(&"é".repeat(1_000)), format!("{start}{}…", "é".repeat(80)));
    }
}
