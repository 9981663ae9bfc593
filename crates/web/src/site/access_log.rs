//! A line in the log for each request.

use std::time::Instant;

use crossweave_router::HttpPeer;
use crossweave_router::http::RequestBody;
use http::{Method, Request, header};
use http_body::Body as _;
use tracing::info;

use crate::reply::{Reply, single};

/// The most characters of a path or a user agent.
const TEXT_LEN_MAX: usize = 256;

/// Put on an answer by a service whose paths hold secrets: what is logged instead.
#[derive(Clone, Debug)]
pub(crate) struct LoggedPath(pub(crate) String);

/// A request that will be logged when it is answered.
///
/// The query is left out: it holds the signatures and keys of signed requests.
pub(super) struct Entry {
    method: Method,
    path: String,
    agent: String,
    since: Instant,
}

impl Entry {
    pub(super) fn of(request: &Request<RequestBody>) -> Entry {
        let short = |text: &str| text.chars().take(TEXT_LEN_MAX).collect();
        Entry {
            method: request.method().clone(),
            path: short(request.uri().path()),
            agent: short(single(request.headers(), header::USER_AGENT).unwrap_or_default()),
            since: Instant::now(),
        }
    }

    pub(super) fn log(self, peer: &HttpPeer, reply: &Reply) {
        let Entry { method, path, agent, since } = self;
        let path = reply.extensions().get::<LoggedPath>().map_or(path, |logged| logged.0.clone());
        let (status, octets) = (reply.status().as_u16(), octets(reply));
        let duration_us = since.elapsed().as_micros() as u64;
        info!(peer = %peer.address, %method, path, status, octets, duration_us, agent, "http request");
    }
}

/// The length of the body, as far as it is known.
fn octets(reply: &Reply) -> Option<u64> {
    let said = || single(reply.headers(), header::CONTENT_LENGTH)?.parse().ok();
    reply.body().size_hint().exact().or_else(said)
}
