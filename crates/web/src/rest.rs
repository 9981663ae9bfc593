//! `"type": "publisher"`, `"caller"` and `"webhook"`: Crossbar.io's REST bridge.
//!
//! ```text
//! request ─▶ origin, address, TLS ─▶ content type ─▶ body ─▶ signature ─▶ not seen before ─▶ publish or call ─▶ answer
//!            403, 400               400          413, 400   400, 401      401, 503                             200, 202
//! ```
//!
//! Checks and statuses are Crossbar.io's; what it has no check for is a request that is sent again, and one that never ends.

mod options;
mod replay;
mod request;
mod signature;
mod webhook;

use std::time::{Duration, Instant, SystemTime};

use crossweave_router::Router;
use crossweave_router::http::{Answering, BodyError, RequestBody};
use crossweave_transport::PeerAddress;
use crossweave_wamp::uris;
use http::request::Parts;
use http::{Method, Request, header};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::info;

pub use self::options::{RestOptions, RestOptionsError, SigningKey};
pub use self::replay::{REMEMBERED_MAX, Remembered};
use self::request::{check_address, check_content_type, text_of};
pub use self::webhook::{Webhook, WebhookOptions};
use crate::bridge::{CALLS_MAX, CallOrder, LocalSession, PublishOrder, Refusal, published, result};
use crate::cors::{FOREIGN_ORIGIN, admits, allow_any_origin, preflight};
use crate::reply::{Fields as _, NO_STORE, Reply, takes_only};
use crate::service::{Exchange, WebService};

const METHODS: &str = "POST, PUT, OPTIONS";

/// What all services of the bridge have: who may use them, and the session by which they reach the realm.
struct Endpoint {
    session: LocalSession,
    options: RestOptions,
    under_way: Semaphore,
}

/// A request that may be carried out.
struct Admitted<'e> {
    head: Parts,
    body: String,
    /// Its place among those under way.
    _permit: SemaphorePermit<'e>,
}

impl Endpoint {
    fn new(router: Router, realm: &str, authrole: &str, options: RestOptions) -> Endpoint {
        if options.signed.is_some() {
            options.remembered.expect(Duration::from_secs(options.timestamp_delta_limit_s.into()));
        }
        Endpoint {
            session: LocalSession::new(router, realm.to_owned(), authrole.to_owned()),
            options,
            under_way: Semaphore::new(CALLS_MAX),
        }
    }

    /// Everything that is checked before anything is done.
    async fn admit(&self, exchange: Exchange<'_>, is_json: bool) -> Result<Admitted<'_>, Refusal> {
        let Exchange { request, peer, .. } = exchange;
        check_address(&self.options, peer)?;
        let (head, body): (Parts, RequestBody) = Request::into_parts(request);
        check_content_type(&head.headers, is_json)?;
        let body = body.read(self.options.body_max()).await.map_err(|error| {
            let uri = match error {
                BodyError::Busy => uris::RESOURCE_EXHAUSTED,
                _ => uris::INVALID_ARGUMENT,
            };
            Refusal::new(error.status().as_u16(), uri, error.to_string()).closing()
        })?;
        // Before the signature: a request that finds no place may be sent again as it is.
        let permit = self.under_way.try_acquire().map_err(|_| Refusal::too_many())?;
        self.options.check_webhook_signature(&head.headers, &body)?;
        let query = head.uri.query().unwrap_or_default();
        self.options.check_signature(query, &body, SystemTime::now()).await?;
        Ok(Admitted { body: text_of(body)?, head, _permit: permit })
    }
}

/// Publishes what is posted.
pub struct Publisher(Endpoint);

/// Calls what is posted.
pub struct Caller(Endpoint);

impl Publisher {
    /// Publishes to a realm, in this role.
    pub fn new(router: Router, realm: &str, authrole: &str, options: RestOptions) -> Publisher {
        Publisher(Endpoint::new(router, realm, authrole, options))
    }

    async fn publish(&self, exchange: Exchange<'_>) -> Result<Reply, Refusal> {
        let admitted = self.0.admit(exchange, true).await?;
        let order = PublishOrder::parse(admitted.body.as_bytes())?;
        Ok(published(self.0.session.publish(order).await?))
    }
}

impl Caller {
    /// Calls in a realm, in this role.
    pub fn new(router: Router, realm: &str, authrole: &str, options: RestOptions) -> Caller {
        Caller(Endpoint::new(router, realm, authrole, options))
    }

    async fn call(&self, exchange: Exchange<'_>) -> Result<Reply, Refusal> {
        let Admitted { body, _permit, .. } = self.0.admit(exchange, true).await?;
        let order = CallOrder::parse_with(body.as_bytes(), self.0.options.timeout)?;
        drop(body);
        let (args, kwargs) = self.0.session.call(order).await?;
        Ok(result(args, kwargs))
    }
}

impl WebService for Publisher {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(respond(&self.0.options, exchange, |exchange| self.publish(exchange)))
    }
}

impl WebService for Caller {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(respond(&self.0.options, exchange, |exchange| self.call(exchange)))
    }
}

/// A request that is told of in the log, because `debug` asks for it. Neither its query nor its body is.
struct Told {
    peer: PeerAddress,
    method: Method,
    mount: String,
    since: Instant,
}

impl Told {
    fn of(exchange: &Exchange<'_>) -> Told {
        let (peer, method) = (exchange.peer.address.clone(), exchange.request.method().clone());
        Told { peer, method, mount: exchange.mount.to_owned(), since: Instant::now() }
    }

    fn log(self, carried_out: &Result<Reply, Refusal>) {
        let Told { peer, method, mount, since } = self;
        let duration_us = since.elapsed().as_micros() as u64;
        match carried_out {
            Ok(reply) => {
                let status = reply.status().as_u16();
                info!(%peer, %method, mount, status, duration_us, "rest request");
            }
            Err(refusal) => {
                let (status, error, why) = (refusal.status, &refusal.error.uri, refusal.own_text());
                info!(%peer, %method, mount, status, error, why, duration_us, "rest request");
            }
        }
    }
}

/// Carries out a POST or PUT, and tells browsers that they may.
async fn respond<'a, F>(
    options: &RestOptions,
    exchange: Exchange<'a>,
    carry_out: impl FnOnce(Exchange<'a>) -> F,
) -> Reply
where
    F: Future<Output = Result<Reply, Refusal>>,
{
    if !admits(&options.origins, exchange.request.headers(), exchange.peer) {
        return Refusal::new(403, uris::NOT_AUTHORIZED, FOREIGN_ORIGIN).response();
    }
    // What the answer says of origins is all that is needed of the request's head.
    let mut headers = http::HeaderMap::new();
    for name in [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_HEADERS] {
        if let Some(value) = exchange.request.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let told = options.debug.then(|| Told::of(&exchange));
    let reply = match *exchange.request.method() {
        Method::POST | Method::PUT => {
            let carried_out =
                carry_out(exchange).await.map_err(|refusal| refusal.of_rest(options.http_errors));
            told.into_iter().for_each(|told| told.log(&carried_out));
            carried_out.unwrap_or_else(Refusal::response)
        }
        Method::OPTIONS => return preflight(&headers, METHODS),
        _ => Refusal::new(405, uris::INVALID_ARGUMENT, takes_only(METHODS))
            .response()
            .with(header::ALLOW, METHODS),
    };
    allow_any_origin(reply.with(header::CACHE_CONTROL, NO_STORE), &headers)
}
