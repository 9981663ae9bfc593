//! A line in the log for each request.

use std::time::Instant;

use crossweave_router::HttpPeer;
use crossweave_router::http::{Answered, RequestBody};
use crossweave_transport::PeerAddress;
use http::{Request, header};
use http_body::Body as _;
use tracing::info;

use crate::reply::{Reply, single};

/// The most characters of a method, a path or a user agent.
const TEXT_LEN_MAX: usize = 256;

/// The status of a request whose client closed the connection before the answer, as other servers log it.
const GIVEN_UP: u16 = 499;

/// A request that will be logged when it is answered, or when its client does not wait for that.
///
/// The query is left out: it holds the signatures and keys of signed requests.
pub(super) struct Entry {
    peer: PeerAddress,
    method: String,
    path: String,
    agent: String,
    since: Instant,
    is_logged: bool,
}

impl Entry {
    pub(super) fn of(request: &Request<RequestBody>, peer: &HttpPeer) -> Entry {
        let agent = single(request.headers(), header::USER_AGENT);
        Entry {
            peer: peer.address.clone(),
            method: short(request.method().as_str()),
            path: short(request.uri().path()),
            agent: short(agent.unwrap_or_default()),
            since: Instant::now(),
            is_logged: false,
        }
    }

    /// Of a request that the transport has answered.
    pub(super) fn of_answered(exchange: &Answered<'_>) -> Entry {
        Entry {
            peer: exchange.peer.clone(),
            method: short(exchange.method),
            path: short(exchange.path),
            agent: short(exchange.user_agent.unwrap_or_default()),
            since: exchange.since,
            is_logged: false,
        }
    }

    /// Shows this instead of the path, which holds a secret.
    pub(super) fn show(&mut self, path: String) {
        self.path = path;
    }

    pub(super) fn log(self, reply: &Reply) {
        self.log_status(reply.status().as_u16(), octets(reply));
    }

    pub(super) fn log_status(mut self, status: u16, octets: Option<u64>) {
        self.write(status, octets);
    }

    fn write(&mut self, status: u16, octets: Option<u64>) {
        self.is_logged = true;
        let Entry { peer, method, path, agent, since, .. } = self;
        let duration_us = since.elapsed().as_micros() as u64;
        info!(%peer, %method, path, status, octets, duration_us, agent, "http request");
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_logged {
            self.write(GIVEN_UP, None);
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_LEN_MAX).collect()
}

/// The length of the body, as far as it is known.
fn octets(reply: &Reply) -> Option<u64> {
    let said = || single(reply.headers(), header::CONTENT_LENGTH)?.parse().ok();
    reply.body().size_hint().exact().or_else(said)
}
