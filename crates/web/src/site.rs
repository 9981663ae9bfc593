//! The services of a transport by path, and what holds for all their answers.

mod access_log;
mod routes;

use std::sync::Arc;

use crossweave_router::http::{Answered, Answering, RequestBody, text};
use crossweave_router::{HttpPeer, HttpService};
use http::{Method, Request, StatusCode, header};

use self::access_log::Entry;
use self::routes::{Routes, Split};
use crate::reply::{Fields as _, Reply, page};
use crate::service::{Exchange, WebService};

/// What holds for all paths. The names and defaults are those of Crossbar.io's `options` of a `web` transport.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// `access_log`: each request is a line in the log, those to upgrade to WebSocket as well. Default no.
    pub access_log: bool,
    /// `hsts` and `hsts_max_age`: for how many seconds browsers shall use nothing but TLS for this host. Said over TLS only.
    /// Default: not said; Crossbar.io's `hsts_max_age` is 31,536,000 if `hsts` is set.
    pub hsts_max_age_s: Option<u32>,
}

impl Default for SiteOptions {
    #[allow(clippy::derivable_impls)] // The defaults are to be seen.
    fn default() -> Self {
        SiteOptions { access_log: false, hsts_max_age_s: None }
    }
}

/// Why services cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Not a path from the root.
    #[error("{0:?} is no path: it begins with / and has no steps up")]
    Path(String),
    /// Two services have the same path.
    #[error("path {0:?} has two services")]
    Twice(String),
}

/// Services by path. The longest path that a request begins with has it; one that has none is answered 404.
pub struct Site {
    routes: Routes,
    options: SiteOptions,
    hsts: Option<String>,
}

impl Site {
    /// Services at paths such as `/` and `/api/files`.
    ///
    /// # Errors
    /// A path is none, or two services have the same.
    pub fn new(
        options: SiteOptions,
        services: impl IntoIterator<Item = (String, Arc<dyn WebService>)>,
    ) -> Result<Site, SiteError> {
        let hsts = options.hsts_max_age_s.map(|age| format!("max-age={age}"));
        Ok(Site { routes: Routes::new(services)?, options, hsts })
    }

    async fn answer(
        &self,
        request: Request<RequestBody>,
        peer: &HttpPeer,
        entry: Option<&mut Entry>,
    ) -> Reply {
        // `OPTIONS *` asks about the server as a whole, and nothing else does.
        if request.uri().path() == "*" {
            return match *request.method() {
                Method::OPTIONS => crossweave_router::http::empty(StatusCode::NO_CONTENT),
                _ => text(StatusCode::BAD_REQUEST, "* is no path"),
            };
        }
        let Split { mut components, is_folder } = match Split::of(request.uri().path()) {
            Ok(split) => split,
            Err(bad) => return text(StatusCode::BAD_REQUEST, &bad.to_string()),
        };
        let Some((mount, service, len)) = self.routes.find(&components) else { return not_found() };
        let below = components.split_off(len);
        if let Some((entry, path)) = entry.zip(service.logged_path(mount, &below)) {
            entry.show(path);
        }
        service.respond(Exchange { request, peer, mount, below, is_folder }).await
    }

    fn log_answered(&self, exchange: &Answered<'_>) {
        let mut entry = Entry::of_answered(exchange);
        // Its path may be one of a service, to which it was not handed on.
        if let Ok(Split { components, .. }) = Split::of(exchange.path)
            && let Some((mount, service, len)) = self.routes.find(&components)
            && let Some(path) = service.logged_path(mount, &components[len..])
        {
            entry.show(path);
        }
        entry.log_status(exchange.status.as_u16(), Some(exchange.octets));
    }
}

impl HttpService for Site {
    fn respond<'a>(&'a self, request: Request<RequestBody>, peer: &'a HttpPeer) -> Answering<'a> {
        Box::pin(async move {
            let mut entry = self.options.access_log.then(|| Entry::of(&request, peer));
            let mut reply = self.answer(request, peer, entry.as_mut()).await;
            if let Some(hsts) = self.hsts.as_ref().filter(|_| peer.is_tls()) {
                reply = reply.with(header::STRICT_TRANSPORT_SECURITY, hsts);
            }
            if let Some(entry) = entry {
                entry.log(&reply);
            }
            reply
        })
    }

    fn answered(&self, exchange: &Answered<'_>) {
        if self.options.access_log {
            self.log_answered(exchange);
        }
    }
}

/// The answer where nothing is served.
pub(crate) fn not_found() -> Reply {
    page(StatusCode::NOT_FOUND, "Not found", "Nothing is served at this path.")
}
