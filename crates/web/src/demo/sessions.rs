//! `crossweave.sessions`: who is joined, and what the router holds back or has dropped for each.
//!
//! The session meta API tells who; the router's queues tell the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{
    Arguments, CallError, Client, Dict, Invocation, Registration, RequestError, SessionId, Value, WampError,
};
use crossweave_router::{Router, SessionQueue};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Args: a list of dicts with `session`, `authid`, `authrole`, `serializer`, `channel_framing`, `peer`, `waiting_bytes` (octets)
/// and `dropped` (events); those with the most dropped events first, then those with the longest queues. Kwargs, as the list ends
/// after [`SESSIONS_LISTED_MAX`]: `total` (sessions), `dropped` (events since the realm was started, also of sessions that have
/// left) and `sessions_with_drops`.
pub const SESSIONS: &str = "crossweave.sessions";
/// Sessions listed at most.
pub const SESSIONS_LISTED_MAX: usize = 200;

/// An answer is given again for this long, so that callers cannot keep the realm busy with reading its sessions.
const FRESH_FOR: Duration = Duration::from_millis(250);

pub(crate) async fn register(
    client: &Client,
    router: Router,
    realm: &str,
) -> Result<Registration, RequestError> {
    let last = Mutex::new(None);
    let reader = Arc::new(Reader { router, realm: realm.to_owned(), client: client.clone(), last });
    let answer = move |_: Invocation| {
        let reader = reader.clone();
        async move { reader.answer().await }
    };
    client.register_dynamic(SESSIONS, answer).await
}

struct Reader {
    router: Router,
    realm: String,
    client: Client,
    last: Mutex<Option<(Instant, Arguments)>>,
}

impl Reader {
    async fn answer(&self) -> Result<Arguments, WampError> {
        let mut last = self.last.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(read, _)| read.elapsed() < FRESH_FOR) {
            return Ok(answer.clone());
        }
        let answer = self.read().await?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }

    async fn read(&self) -> Result<Arguments, CallError> {
        let mut ids: Vec<u64> = self.client.call("wamp.session.list").get().await?;
        let queues: HashMap<SessionId, SessionQueue> =
            self.router.session_queues(&self.realm).into_iter().map(|queue| (queue.session, queue)).collect();
        troubled_first(&mut ids, &queues);
        let mut listed = Vec::new();
        for id in ids.iter().take(SESSIONS_LISTED_MAX) {
            // One that has left meanwhile is no error.
            if let Ok(details) = self.client.call("wamp.session.get").arg(*id).await {
                let details = details.args().into_iter().next().unwrap_or_default();
                listed.push(row(*id, &details, queues.get(&SessionId(*id))));
            }
        }
        let stats = self.router.realm_stats(&self.realm).ok();
        Ok(Arguments::from(vec![Value::List(listed)])
            .kwarg("total", ids.len())
            .kwarg("dropped", stats.as_ref().map(|stats| stats.dropped))
            .kwarg("sessions_with_drops", stats.as_ref().map(|stats| stats.sessions_with_drops)))
    }
}

/// Those that miss events come first, then those for which much waits; the others stay in their order.
fn troubled_first(ids: &mut [u64], queues: &HashMap<SessionId, SessionQueue>) {
    let trouble =
        |id: &u64| queues.get(&SessionId(*id)).map_or((0, 0), |queue| (queue.dropped, queue.waiting_bytes));
    ids.sort_by_cached_key(|id| std::cmp::Reverse(trouble(id)));
}

/// What is told of one session. `details` are those of `wamp.session.get`.
fn row(id: u64, details: &Value, queue: Option<&SessionQueue>) -> Value {
    let of =
        |dict: Option<&Dict>, key: &str| dict.and_then(|dict| dict.get(key)).cloned().unwrap_or_default();
    let details = details.as_dict();
    let transport = details.and_then(|details| details.dict("transport"));
    Dict::new()
        .with("session", id)
        .with("authid", of(details, "authid"))
        .with("authrole", of(details, "authrole"))
        .with("serializer", of(transport, "channel_serializer"))
        .with("channel_framing", of(transport, "channel_framing"))
        .with("peer", of(transport, "peer"))
        .with("waiting_bytes", queue.map(|queue| queue.waiting_bytes))
        .with("dropped", queue.map(|queue| queue.dropped))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_joins_who_it_is_with_what_waits_for_it() {
        let transport = Dict::new()
            .with("peer", "tcp:127.0.0.1:5")
            .with("channel_serializer", "cbor")
            .with("channel_framing", "rawsocket");
        let details = Dict::new().with("authid", "joe").with("authrole", "user").with("transport", transport);
        let queue = SessionQueue { session: SessionId(7), waiting_bytes: 10, dropped: 3, is_parked: false };
        let row = row(7, &details.into(), Some(&queue));
        let row = row.as_dict().unwrap();
        let texts =
            ["authid", "authrole", "serializer", "channel_framing", "peer"].map(|key| row.str(key).unwrap());
        assert_eq!(texts, ["joe", "user", "cbor", "rawsocket", "tcp:127.0.0.1:5"]);
        let numbers =
            ["session", "waiting_bytes", "dropped"].map(|key| row.get(key).unwrap().as_u64().unwrap());
        assert_eq!(numbers, [7, 10, 3]);
    }

    #[test]
    fn sessions_that_miss_events_come_first_and_then_those_for_which_much_waits() {
        let queue = |session: u64, waiting_bytes, dropped| {
            let session = SessionId(session);
            (session, SessionQueue { session, waiting_bytes, dropped, is_parked: false })
        };
        let queues =
            [queue(1, 0, 0), queue(2, 10, 0), queue(3, 5, 1), queue(4, 0, 900), queue(5, 9, 1)].into();
        let mut ids = [1, 7, 2, 3, 4, 5, 6];
        troubled_first(&mut ids, &queues);
        assert_eq!(ids, [4, 5, 3, 2, 1, 7, 6]);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let row = row(7, &Value::Null, None);
        assert!(row.as_dict().unwrap().get("dropped").unwrap().is_null());
    }
}
