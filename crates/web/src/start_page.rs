//! Which path is answered how.

use std::future::Future;
use std::pin::Pin;

use crossweave_router::{HttpService, Router};
use crossweave_transport::http::{Request, Response};

use crate::assets::{Assets, escape};
use crate::bridge::{BODY_LEN_MAX, Bridge, Endpoint};

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
///
/// Answers to HEAD carry the body of GET: the transport leaves it out when it writes them.
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

    async fn route(&self, request: &Request, body: Vec<u8>, is_tls: bool) -> Response {
        if let Some(endpoint) = Endpoint::at(&request.path) {
            return match request.method.as_str() {
                "POST" => self.bridge.respond(endpoint, request, &body, is_tls).await,
                other => without_method(other, "POST, OPTIONS"),
            };
        }
        if !self.assets.contains(&request.path) {
            return not_found(&request.path);
        }
        match request.method.as_str() {
            "GET" | "HEAD" => self.assets.respond(request).unwrap_or_else(|| not_found(&request.path)),
            other => without_method(other, "GET, HEAD, OPTIONS"),
        }
    }
}

impl HttpService for StartPage {
    fn respond<'a>(
        &'a self,
        request: &'a Request,
        body: Vec<u8>,
        is_tls: bool,
    ) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>> {
        Box::pin(async move { secured(self.route(request, body, is_tls).await) })
    }

    fn body_max(&self) -> usize {
        BODY_LEN_MAX
    }
}

/// OPTIONS is told what there is, anything else is refused. No answer allows requests of other origins.
fn without_method(method: &str, allowed: &str) -> Response {
    let response = match method {
        "OPTIONS" => Response::new(204),
        _ => Response::text(405, &format!("this path takes {allowed}")),
    };
    response.with_header("Allow", allowed)
}

fn not_found(path: &str) -> Response {
    let shown: String = path.chars().take(128).collect();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Not found</title><link rel=\"stylesheet\" href=\"/assets/style.css\"></head>\n\
         <body><main class=\"lost\"><h1>Nothing here.</h1><p>This router serves no <code>{}</code>.</p>\
         <p><a href=\"/\">To the start page</a></p></main></body></html>\n",
        escape(&shown)
    );
    Response::new(404).with_body("text/html; charset=utf-8", page).with_header("Cache-Control", "no-store")
}

fn secured(response: Response) -> Response {
    response
        .with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Referrer-Policy", "no-referrer")
        .with_header("Cross-Origin-Resource-Policy", "same-origin")
}
