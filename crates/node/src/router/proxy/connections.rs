//! The connections of a proxy, as the management API tells of them, with the routers that they lead to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossweave_api::proxy::ProxyConnection;
use parking_lot::Mutex;

use super::backend::Backend;
use super::backends::Backends;

/// Connections by id. A router is there for clients for as long as its connection is started.
pub(super) struct Connections {
    backends: Arc<Backends>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: BTreeMap<String, Connection>,
    /// The number of the last start.
    last: u64,
}

struct Connection {
    told: ProxyConnection,
    start: Start,
}

/// One start of a connection. A connection that is stopped meanwhile and started again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start(u64);

impl Connections {
    pub(super) fn new(backends: Arc<Backends>) -> Connections {
        Connections { backends, state: Mutex::default() }
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.state.lock().by_id.keys().cloned().collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<ProxyConnection> {
        self.state.lock().by_id.get(id).map(|it| it.told.clone())
    }

    /// A connection starts. Nothing if there is one of this id.
    pub(super) fn begin(&self, told: ProxyConnection) -> Option<Start> {
        let mut state = self.state.lock();
        if state.by_id.contains_key(&told.id) {
            return None;
        }
        state.last += 1;
        let start = Start(state.last);
        state.by_id.insert(told.id.clone(), Connection { told, start });
        Some(start)
    }

    /// It has started, and leads to this router. False if it was stopped meanwhile: then it stays so.
    pub(super) fn has_begun(&self, start: Start, told: ProxyConnection, backend: Backend) -> bool {
        let mut state = self.state.lock();
        let Some(connection) = state.by_id.get_mut(&told.id).filter(|it| it.start == start) else {
            return false;
        };
        self.backends.add(told.id.clone(), backend);
        connection.told = told;
        true
    }

    /// It leads nowhere any more. Nothing if there is none of this id.
    pub(super) fn remove(&self, id: &str) -> Option<ProxyConnection> {
        let mut state = self.state.lock();
        let connection = state.by_id.remove(id)?;
        self.backends.remove(id);
        Some(connection.told)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(state: &str) -> ProxyConnection {
        let (id, state) = ("one".to_owned(), state.to_owned());
        ProxyConnection { id, config: json!({}), started: None, stopped: None, state }
    }

    #[test]
    fn a_connection_that_is_stopped_as_it_starts_does_not_come_back() {
        let connections = Connections::new(Arc::default());
        let has_router = || connections.backends.has("one");
        let first = connections.begin(told("starting")).expect("it is the only one");
        assert_eq!(connections.begin(told("starting")), None);
        assert!(connections.remove("one").is_some());
        assert!(!connections.has_begun(first, told("started"), Backend::nowhere()));
        assert!(connections.ids().is_empty() && !has_router());

        // Nor in the place of one that was started meanwhile.
        let second = connections.begin(told("starting")).expect("there is none");
        assert!(!connections.has_begun(first, told("started"), Backend::nowhere()) && !has_router());
        assert!(connections.has_begun(second, told("started"), Backend::nowhere()) && has_router());
        assert_eq!(connections.get("one").map(|it| it.state), Some("started".to_owned()));
        assert!(connections.remove("one").is_some() && !has_router());
        assert!(connections.remove("one").is_none());
    }
}
