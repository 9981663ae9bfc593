//! `POST /publish` and `POST /call`: WAMP for programs that speak only HTTP.
//!
//! ```text
//! request ─▶ origin::check ─▶ order::parse ─▶ LocalSession ─▶ answer
//!              403, 415          400            (router)       200, or the status of the error
//! ```

mod answer;
mod order;
mod origin;
mod session;

use std::time::Duration;

use crossweave_router::Router;
use crossweave_router::http::RequestBody;
use http::HeaderMap;
use tokio::sync::Semaphore;

pub(crate) use self::answer::{Refusal, published, result};
pub(crate) use self::order::{CallOrder, PublishOrder};
pub(crate) use self::session::LocalSession;
use crate::reply::Reply;
use crate::start_page::StartPageOptions;

/// The longest body of a request, in octets.
pub const BODY_LEN_MAX: usize = 1 << 20;
/// The most keyword arguments of one request.
pub const KWARGS_MAX: usize = 1024;
/// Calls and publications of the bridge under way at a time; one more is answered 503.
pub const CALLS_MAX: usize = 512;
/// How long a call may take if `options.timeout` does not say.
pub const CALL_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// The longest `options.timeout`.
pub const CALL_TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// A path of the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Publish,
    Call,
}

impl Endpoint {
    pub(crate) fn at(path: &str) -> Option<Endpoint> {
        match path {
            "/publish" => Some(Endpoint::Publish),
            "/call" => Some(Endpoint::Call),
            _ => None,
        }
    }
}

/// Publishes and calls for HTTP clients, all over one session of the role that anybody may have.
pub(crate) struct Bridge {
    host_names: Vec<String>,
    session: LocalSession,
    under_way: Semaphore,
}

impl Bridge {
    pub(crate) fn new(router: Router, options: StartPageOptions) -> Bridge {
        let StartPageOptions { realm, authrole, host_names, .. } = options;
        let session = LocalSession::new(router, realm, authrole);
        Bridge { host_names, session, under_way: Semaphore::new(CALLS_MAX) }
    }

    /// Answers a POST.
    pub(crate) async fn respond(
        &self,
        endpoint: Endpoint,
        headers: &HeaderMap,
        body: RequestBody,
        is_tls: bool,
    ) -> Reply {
        if let Err(refusal) = origin::check(headers, is_tls, &self.host_names) {
            return refusal.response();
        }
        match body.read(BODY_LEN_MAX).await {
            Ok(body) => self.carry_out(endpoint, &body).await.unwrap_or_else(|refusal| refusal.response()),
            Err(error) => error.response(),
        }
    }

    async fn carry_out(&self, endpoint: Endpoint, body: &[u8]) -> Result<Reply, Refusal> {
        let _permit = self.under_way.try_acquire().map_err(|_| Refusal::too_many())?;
        match endpoint {
            Endpoint::Publish => {
                let publication = self.session.publish(PublishOrder::parse(body)?).await?;
                Ok(answer::published(publication))
            }
            Endpoint::Call => {
                let (args, kwargs) = self.session.call(CallOrder::parse(body)?).await?;
                Ok(answer::result(args, kwargs))
            }
        }
    }
}
