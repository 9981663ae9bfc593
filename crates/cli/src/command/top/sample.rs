//! What a node has done between two moments.

use std::time::Instant;

use crossweave_api::node::{GetStatus, GetWorker, GetWorkers, NodeStatus};
use crossweave_api::process::{GetProcessStats, ProcessStats, Uptime};
use crossweave_api::router::{GetRouterRealm, GetRouterRealmStats};
use serde_json::{Value, json};

use crate::command::status::{count, time};
use crate::exit::{Code, Failure};
use crate::node::Management;

/// What a node had done at one moment.
pub(super) struct Sample {
    at: Instant,
    node: NodeStatus,
    uptime: f64,
    processes: Vec<Process>,
    realms: Vec<Realm>,
    /// The ids of workers that do not answer.
    silent: Vec<String>,
}

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
}

impl Sample {
    /// Asks the node.
    pub(super) async fn take(management: &Management) -> Result<Sample, Failure> {
        let node = management.ask(None, &GetStatus {}).await?;
        let uptime = management.ask(None, &Uptime {}).await?;
        let stats = management.ask(None, &GetProcessStats {}).await?;
        let processes = vec![Process { names: vec!["controller".to_owned()], stats }];
        let (at, realms, silent) = (Instant::now(), Vec::new(), Vec::new());
        let mut sample = Sample { at, node, uptime, processes, realms, silent };
        for worker in management.ask(None, &GetWorkers { filter_types: Vec::new() }).await? {
            match sample.add_worker(management, &worker).await {
                // A worker that ends, or is being started again, does nothing.
                Err(failure) if failure.code != Code::Wamp => return Err(failure),
                Ok(None) => sample.silent.push(worker),
                _ => {}
            }
        }
        Ok(sample)
    }

    /// None: it does not answer.
    async fn add_worker(&mut self, management: &Management, worker: &str) -> Result<Option<()>, Failure> {
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
            });
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
    silent: Vec<String>,
}

struct ProcessView {
    name: String,
    pid: u32,
    /// Of one CPU.
    cpu_percent: f64,
    resident: u64,
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
            silent: now.silent.clone(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let process = |it: &ProcessView| json!({"name": it.name, "pid": it.pid, "cpu_percent": it.cpu_percent, "resident": it.resident});
        let realm = |it: &RealmView| {
            json!({"worker": it.worker, "id": it.id, "name": it.name, "sessions": it.sessions,
                "received_per_second": it.received_per_second, "sent_per_second": it.sent_per_second, "dropped": it.dropped})
        };
        json!({
            "node": self.node_id,
            "uptime": self.uptime,
            "seconds": self.seconds,
            "processes": self.processes.iter().map(process).collect::<Value>(),
            "realms": self.realms.iter().map(realm).collect::<Value>(),
            "silent": self.silent,
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        const MIB: f64 = 1_048_576.0;
        let View { node_id, uptime, seconds, .. } = self;
        let mut lines = vec![
            format!("node {node_id}, for {}; over {seconds:.1} s", time(*uptime)),
            String::new(),
            format!("{:<30} {:>8} {:>8} {:>12}", "PROCESS", "PID", "CPU %", "MEMORY MiB"),
        ];
        for ProcessView { name, pid, cpu_percent, resident } in &self.processes {
            let mib = *resident as f64 / MIB;
            lines.push(format!("{name:<30} {pid:>8} {cpu_percent:>8.1} {mib:>12.1}"));
        }
        lines.extend(self.silent.iter().map(|worker| format!("{worker:<30} does not answer")));
        lines.push(String::new());
        lines.push(format!(
            "{:<30} {:<16} {:>8} {:>10} {:>10} {:>10}",
            "REALM", "WORKER", "SESSIONS", "IN/s", "OUT/s", "DROPPED"
        ));
        for RealmView { worker, name, sessions, received_per_second, sent_per_second, dropped, .. } in
            &self.realms
        {
            lines.push(format!(
                "{name:<30} {worker:<16} {sessions:>8} {received_per_second:>10.0} {sent_per_second:>10.0} {dropped:>10}"
            ));
        }
        lines
    }
}
