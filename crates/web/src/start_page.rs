//! Which path is answered how.

use crossweave_router::http::{Answering, RequestBody, answer};
use crossweave_router::{HttpPeer, HttpService, Router};
use http::header::{self, HeaderName};
use http::{Method, Request, StatusCode};

use crate::assets::Assets;
use crate::bridge::{Bridge, Endpoint};
use crate::reply::{Fields as _, NO_STORE, Reply, escape, without_method};

/// Scripts, styles and pictures of this origin only; the page may connect to its own router.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; \
                                       form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// What the start page is told.
#[derive(Clone, Debug)]
pub struct StartPageOptions {
    /// The realm that page and bridge join. Default `realm1`.
    pub realm: String,
    /// Where on this transport WebSocket is served. Default `/ws`.
    pub websocket_path: String,
    /// The role of the bridge's session: that of clients which prove nothing. Default `anonymous`.
    pub authrole: String,
    /// Names under which browsers reach this node, without port, beside IP addresses and `localhost`. Pages under any other
    /// name may not use the bridge, as a name can be pointed at this machine by its owner. Default none.
    pub host_names: Vec<String>,
}

impl Default for StartPageOptions {
    fn default() -> Self {
        StartPageOptions {
            realm: "realm1".into(),
            websocket_path: "/ws".into(),
            authrole: "anonymous".into(),
            host_names: Vec::new(),
        }
    }
}

/// The start page at `/`, its files under `/assets/`, and the HTTP bridge at `/publish` and `/call`.
pub struct StartPage {
    assets: Assets,
    bridge: Bridge,
}

impl StartPage {
    /// A page for a realm of this router.
    pub fn new(router: Router, options: StartPageOptions) -> StartPage {
        let assets = Assets::new(&options.realm, &options.websocket_path);
        StartPage { assets, bridge: Bridge::new(router, options) }
    }

    async fn route(&self, request: Request<RequestBody>, is_tls: bool) -> Reply {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if let Some(endpoint) = Endpoint::at(path) {
            return match head.method {
                Method::POST => self.bridge.respond(endpoint, &head.headers, body, is_tls).await,
                other => without_method(&other, "POST, OPTIONS"),
            };
        }
        if !self.assets.contains(path) {
            return not_found(path);
        }
        match head.method {
            Method::GET | Method::HEAD => {
                self.assets.respond(path, &head.headers).unwrap_or_else(|| not_found(path))
            }
            other => without_method(&other, "GET, HEAD, OPTIONS"),
        }
    }
}

impl HttpService for StartPage {
    fn respond<'a>(&'a self, request: Request<RequestBody>, peer: &'a HttpPeer) -> Answering<'a> {
        Box::pin(async move { secured(self.route(request, peer.is_tls()).await) })
    }
}

fn not_found(path: &str) -> Reply {
    let shown: String = path.chars().take(128).collect();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Not found</title><link rel=\"stylesheet\" href=\"/assets/style.css\"></head>\n\
         <body><main class=\"lost\"><h1>Nothing here.</h1><p>This router serves no <code>{}</code>.</p>\
         <p><a href=\"/\">To the start page</a></p></main></body></html>\n",
        escape(&shown)
    );
    answer(StatusCode::NOT_FOUND, "text/html; charset=utf-8", page).with(header::CACHE_CONTROL, NO_STORE)
}

fn secured(reply: Reply) -> Reply {
    reply
        .with(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::REFERRER_POLICY, "no-referrer")
        .with(HeaderName::from_static("cross-origin-resource-policy"), "same-origin")
}
