//! `"type": "nodeinfo"`: what runs here.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use crossweave_router::http::{Answering, answer};
use http::{Method, StatusCode, header};
use serde_json::json;

use crate::plain;
use crate::reply::{Fields as _, NO_STORE, Reply, elements, escape, without_method};
use crate::service::{Exchange, WebService};

/// The state of a node: what Crossbar.io's `crossbar.get_status` tells, without what only its operator needs.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// What runs, such as `crossweave 0.1.0`.
    pub title: String,
    /// When the node was started.
    pub started: SystemTime,
    /// The process.
    pub controller_pid: u32,
    /// Its workers, by type such as `router`.
    pub workers_by_type: BTreeMap<String, usize>,
    /// The public key of the node, in hexadecimal, if it has one.
    pub pubkey: Option<String>,
}

/// An answer of the node.
type Asked = Pin<Box<dyn Future<Output = NodeStatus> + Send>>;

/// Shows the state of the node: a page, or JSON to those that prefer it.
pub struct NodeInfo {
    status: Box<dyn Fn() -> Asked + Send + Sync>,
}

impl NodeInfo {
    /// Asks for the state at each request.
    pub fn new<F>(status: impl Fn() -> F + Send + Sync + 'static) -> NodeInfo
    where
        F: Future<Output = NodeStatus> + Send + 'static,
    {
        NodeInfo { status: Box::new(move || Box::pin(status())) }
    }

    async fn reply(&self, exchange: &Exchange<'_>) -> Reply {
        let request = &exchange.request;
        match *request.method() {
            Method::GET | Method::HEAD => {}
            ref other => return without_method(other, "GET, HEAD, OPTIONS"),
        }
        let status = (self.status)().await;
        let accepted = elements(request.headers(), header::ACCEPT).next().unwrap_or_default();
        let reply = match accepted.starts_with("application/json") {
            true => answer(StatusCode::OK, "application/json", status.json()),
            false => answer(StatusCode::OK, "text/html; charset=utf-8", status.page()),
        };
        reply
            .with(header::CACHE_CONTROL, NO_STORE)
            .with(header::VARY, "Accept")
            .with(header::CONTENT_SECURITY_POLICY, plain::policy())
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }
}

impl WebService for NodeInfo {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(async move { self.reply(&exchange).await })
    }
}

impl NodeStatus {
    fn started(&self) -> String {
        humantime::format_rfc3339_seconds(self.started).to_string()
    }

    /// Since it was started, in whole seconds.
    fn uptime(&self) -> Duration {
        Duration::from_secs(self.started.elapsed().unwrap_or_default().as_secs())
    }

    fn json(&self) -> String {
        let status = json!({
            "title": self.title,
            "started": self.started(),
            "uptime": self.uptime().as_secs(),
            "controller_pid": self.controller_pid,
            "running_workers": self.workers_by_type.values().sum::<usize>(),
            "workers_by_type": self.workers_by_type,
            "pubkey": self.pubkey,
        });
        format!("{status}\n")
    }

    fn page(&self) -> String {
        let workers: Vec<String> =
            self.workers_by_type.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let rows = [
            ("Started", self.started()),
            ("Up for", humantime::format_duration(self.uptime()).to_string()),
            ("Process", self.controller_pid.to_string()),
            ("Workers", workers.join(", ")),
            ("Public key", self.pubkey.clone().unwrap_or_else(|| "none".to_owned())),
        ];
        let rows: String =
            rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value))).collect();
        plain::page(&self.title, &format!("<dl>\n{rows}</dl>"))
    }
}
