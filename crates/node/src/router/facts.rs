//! What web services tell of the node: its controller knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossweave_client::Client;
use crossweave_web::NodeStatus;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::service::to_json;

/// Anybody may ask for a page; the controller is asked no more often than this.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// And has so long to answer.
const DEADLINE: Duration = Duration::from_secs(1);

/// What web services tell of the node.
#[derive(Clone)]
pub(super) struct Facts {
    client: Client,
    started: SystemTime,
    /// Whether there are no realms here, but routers behind.
    is_proxy: bool,
    known: Arc<Mutex<Option<(Instant, NodeStatus)>>>,
}

impl Facts {
    /// Of a router that was started at this time, with its session on the management realm.
    pub(super) fn new(client: Client, started: SystemTime, is_proxy: bool) -> Facts {
        Facts { client, started, is_proxy, known: Arc::default() }
    }

    /// The node as it is, or was a moment ago. If the controller does not say, as much as this process knows.
    pub(super) async fn status(&self) -> NodeStatus {
        let mut known = self.known.lock().await;
        if let Some((at, status)) = known.as_ref()
            && at.elapsed() < KNOWN_FOR
        {
            return status.clone();
        }
        let status = self.ask().await.unwrap_or_else(|| NodeStatus {
            title: title(),
            started: self.started,
            controller_pid: std::process::id(),
            workers_by_type: BTreeMap::from([(self.own_type().to_owned(), 1)]),
            pubkey: None,
        });
        *known = Some((Instant::now(), status.clone()));
        status
    }

    fn own_type(&self) -> &'static str {
        if self.is_proxy { "proxy" } else { "router" }
    }

    async fn ask(&self) -> Option<NodeStatus> {
        let reply = timeout(DEADLINE, self.client.call("crossbar.get_status")).await.ok()?.ok()?;
        let answer = to_json(reply.args().first()?);
        let status: crossweave_api::node::NodeStatus = serde_json::from_value(answer).ok()?;
        let started: jiff::Timestamp = status.started.parse().ok()?;
        let workers = status.workers_by_type.into_iter();
        Some(NodeStatus {
            title: title(),
            started: started.into(),
            controller_pid: status.controller_pid,
            workers_by_type: workers
                .filter_map(|(kind, count)| Some((kind, count.try_into().ok()?)))
                .collect(),
            pubkey: status.pubkey,
        })
    }
}

fn title() -> String {
    concat!("crossweave ", env!("CARGO_PKG_VERSION")).to_owned()
}
