//! What a running node tells of itself.

use std::time::Duration;

use crossweave_api::node::{GetStatus, GetWorker, GetWorkers, NodeStatus, WorkerInfo};
use crossweave_api::process::Uptime;
use crossweave_api::proxy::GetProxyTransports;
use crossweave_api::router::{
    GetRouterRealm, GetRouterRealmStats, GetRouterTransports, RealmStats, RouterTransport,
};
use crossweave_api::testee::{GetTesteeTransport, TesteeTransport};
use serde_json::{Value, json};

use crate::exit::{Code, Failure};
use crate::node::Management;

/// What a node runs.
pub(super) struct Report {
    node: NodeStatus,
    uptime: f64,
    workers: Vec<WorkerReport>,
}

struct WorkerReport {
    info: WorkerInfo,
    /// Whether it says what it runs.
    answers: bool,
    realms: Vec<RealmReport>,
    transports: Vec<TransportReport>,
}

struct RealmReport {
    id: String,
    name: String,
    stats: RealmStats,
}

/// A transport of a router, a proxy or a testee.
struct TransportReport {
    id: String,
    kind: String,
    since: Option<String>,
    listening: Vec<String>,
}

impl From<RouterTransport> for TransportReport {
    fn from(it: RouterTransport) -> Self {
        TransportReport { id: it.id, kind: it.kind, since: it.listening_since, listening: it.listening }
    }
}

impl From<TesteeTransport> for TransportReport {
    fn from(it: TesteeTransport) -> Self {
        let kind = it.config["type"].as_str().unwrap_or_default().to_owned();
        TransportReport { id: it.id, kind, since: Some(it.created_at), listening: it.listening }
    }
}

impl Report {
    /// Asks a node.
    pub(super) async fn of(management: &Management) -> Result<Report, Failure> {
        let node = management.ask(None, &GetStatus {}).await?;
        let uptime = management.ask(None, &Uptime {}).await?;
        let mut workers = Vec::new();
        for worker_id in management.ask(None, &GetWorkers { filter_types: Vec::new() }).await? {
            let asked = GetWorker { worker_id, include_stats: false };
            match management.ask(None, &asked).await {
                Ok(info) => workers.push(WorkerReport::of(management, info).await?),
                // It has ended meanwhile.
                Err(failure) if failure.code == Code::Wamp => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(Report { node, uptime, workers })
    }

    pub(super) fn json(&self) -> Value {
        let workers: Vec<Value> = self.workers.iter().map(WorkerReport::json).collect();
        json!({"node": self.node, "uptime": self.uptime, "workers": workers})
    }

    pub(super) fn lines(&self, directory: &str) -> Vec<String> {
        let NodeStatus { node_id, controller_pid, version, .. } = &self.node;
        let mut lines = vec![
            format!("running: node {node_id}, process {controller_pid}, for {}", time(self.uptime)),
            format!("  version {version}, directory {directory}"),
        ];
        for worker in &self.workers {
            worker.add_lines(&mut lines);
        }
        lines
    }
}

impl WorkerReport {
    async fn of(management: &Management, info: WorkerInfo) -> Result<WorkerReport, Failure> {
        let mut report = WorkerReport { info, answers: true, realms: Vec::new(), transports: Vec::new() };
        if report.info.kind == "guest" || report.info.status != "started" {
            return Ok(report);
        }
        match report.ask_worker(management).await {
            Ok(answer) => report.answers = answer.is_some(),
            // One that ends just now has nothing to tell.
            Err(failure) if failure.code == Code::Wamp => {}
            Err(failure) => return Err(failure),
        }
        Ok(report)
    }

    /// Asks a worker what it runs. None: it does not answer.
    async fn ask_worker(&mut self, management: &Management) -> Result<Option<()>, Failure> {
        let worker = self.info.id.clone();
        let worker = Some(worker.as_str());
        let transports = match &*self.info.kind {
            "router" => return self.ask_router(management, worker).await,
            "proxy" => management.ask_soon(worker, &GetProxyTransports {}).await?.map(all),
            "websocket-testee" => management.ask_soon(worker, &GetTesteeTransport {}).await?.map(all),
            _ => return Ok(management.ask_soon(worker, &Uptime {}).await?.map(drop)),
        };
        Ok(transports.map(|transports| self.transports = transports))
    }

    async fn ask_router(
        &mut self,
        management: &Management,
        worker: Option<&str>,
    ) -> Result<Option<()>, Failure> {
        let Some(stats) = management.ask_soon(worker, &GetRouterRealmStats { realm_id: None }).await? else {
            return Ok(None);
        };
        for (id, stats) in stats {
            let asked = GetRouterRealm { realm_id: id.clone() };
            let Some(realm) = management.ask_soon(worker, &asked).await? else { return Ok(None) };
            let name = realm.config["name"].as_str().unwrap_or(&id).to_owned();
            self.realms.push(RealmReport { id, name, stats });
        }
        let Some(transports) = management.ask_soon(worker, &GetRouterTransports {}).await? else {
            return Ok(None);
        };
        self.transports = all(transports);
        Ok(Some(()))
    }

    fn json(&self) -> Value {
        let realm = |it: &RealmReport| {
            json!({"id": it.id, "name": it.name, "roles": it.stats.roles, "sessions": it.stats.sessions,
                "received": count(&it.stats, "received"), "sent": count(&it.stats, "sent"),
                "dropped": it.stats.dropped, "sessions_with_drops": it.stats.sessions_with_drops})
        };
        let transport = |it: &TransportReport| json!({"id": it.id, "type": it.kind, "since": it.since, "listening": it.listening});
        let mut object = json!(self.info);
        object["answers"] = self.answers.into();
        object["realms"] = self.realms.iter().map(realm).collect();
        object["transports"] = self.transports.iter().map(transport).collect();
        object
    }

    fn add_lines(&self, lines: &mut Vec<String>) {
        let WorkerInfo { id, kind, pid, status, uptime, restarts, .. } = &self.info;
        let pid = pid.map_or(String::new(), |pid| format!(", process {pid}"));
        let uptime = uptime.map_or(String::new(), |uptime| format!(" for {}", time(uptime)));
        let restarts = match restarts {
            0 => String::new(),
            1 => ", started again once after it had failed".to_owned(),
            times => format!(", started again {times} times after it had failed"),
        };
        let silence = if self.answers { "" } else { ", does not answer" };
        lines.push(format!("worker {id}: {kind}{pid}, {status}{uptime}{restarts}{silence}"));
        for RealmReport { name, stats, .. } in &self.realms {
            let (received, sent) = (count(stats, "received"), count(stats, "sent"));
            let sessions = stats.sessions;
            let noun = if sessions == 1 { "session" } else { "sessions" };
            let messages = if received == 1 { "message" } else { "messages" };
            let drops = drops(stats);
            lines.push(format!(
                "  realm {name}: {sessions} {noun}, {received} {messages} received, {sent} sent{drops}"
            ));
        }
        let urls = self.transports.iter().flat_map(|transport| &transport.listening);
        lines.extend(urls.map(|url| format!("  listening on {url}")));
    }
}

/// The transports of a worker.
fn all<T: Into<TransportReport>>(transports: impl IntoIterator<Item = T>) -> Vec<TransportReport> {
    transports.into_iter().map(Into::into).collect()
}

/// What is told of dropped events, if there are any.
fn drops(stats: &RealmStats) -> String {
    let sessions = match stats.sessions_with_drops {
        0 => String::new(),
        1 => " (1 session misses some)".to_owned(),
        many => format!(" ({many} sessions miss some)"),
    };
    match stats.dropped {
        0 => String::new(),
        1 => format!(", 1 event dropped{sessions}"),
        many => format!(", {many} events dropped{sessions}"),
    }
}

/// Messages of all types in one direction.
pub(in crate::command) fn count(stats: &RealmStats, way: &str) -> u64 {
    stats.messages.get(way).map_or(0, |by_type| by_type.values().sum())
}

/// Seconds as people say them: `3 d 4 h`, `5 min 6 s`.
pub(in crate::command) fn time(seconds: f64) -> String {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_events_are_told_if_there_are_any() {
        let stats = |dropped, sessions_with_drops| RealmStats {
            dropped,
            sessions_with_drops,
            roles: 0,
            sessions: 5,
            messages: Default::default(),
            longest_queue: 0,
        };
        assert_eq!(drops(&stats(0, 0)), "");
        assert_eq!(drops(&stats(1, 0)), ", 1 event dropped");
        assert_eq!(drops(&stats(7, 1)), ", 7 events dropped (1 session misses some)");
        assert_eq!(drops(&stats(7, 2)), ", 7 events dropped (2 sessions miss some)");
    }

    #[test]
    fn times_have_the_two_units_that_matter() {
        for (seconds, shown) in [
            (0.4, "0 s"),
            (59.9, "59 s"),
            (306.0, "5 min 6 s"),
            (7_265.0, "2 h 1 min"),
            (273_600.0, "3 d 4 h"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(time(seconds), shown);
        }
    }
}
