//! The web services of a configuration as crate `web` wants them.

use std::sync::Arc;

use crossweave_config as config;
use crossweave_router::{HttpService, Router};
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_web::{
    Caller, Files, FilesOptions, Json, JsonOptions, LongPoll, LongPollOptions, NodeInfo, NotBuilt, Nothing,
    Publisher, Redirect, RestOptions, SigningKey, Site, SiteOptions, WebService, Webhook, WebhookOptions,
};
use ipnet::IpNet;

use super::facts::Facts;
use crate::component::guarded_call;
use crate::extension::Extensions;

/// The web part of a transport.
#[derive(Clone)]
pub(crate) struct WebPart {
    pub(super) web: config::Web,
    /// Whether only this machine can connect.
    pub(super) is_loopback: bool,
    /// From opening a session to WELCOME.
    pub(super) handshake_timeout_ms: u64,
}

impl WebPart {
    /// Any page, as at Crossbar.io. On loopback only those of this machine, as on WebSocket: pages of any site reach it from
    /// the browser of whoever sits at it.
    fn origins(&self) -> OriginPolicy {
        if self.is_loopback { OriginPolicy::Local } else { OriginPolicy::any() }
    }
}

/// Services, each with what it is made of.
pub(super) type Served = Vec<(config::WebPath, Arc<dyn WebService>)>;

/// The services of a transport, for a router. One that is already served as it is to be goes on, with its sessions and with the
/// requests that it remembers.
///
/// # Errors
/// A service cannot be served: its path, and why.
pub(super) fn site(
    router: &Router,
    part: &WebPart,
    facts: &Facts,
    extensions: &Extensions,
    before: &Served,
) -> Result<(Arc<dyn HttpService>, Served), (String, String)> {
    let mut served = Served::new();
    for at in &part.web.paths {
        let same = before.iter().find(|(was, _)| was == at).map(|(_, service)| service.clone());
        let made = match same {
            Some(service) => Some(service),
            None => web_service(router, part, facts, extensions, &at.service)
                .map_err(|why| (at.path.clone(), why))?,
        };
        served.extend(made.map(|service| (at.clone(), service)));
    }
    let services = served.iter().map(|(at, service)| (at.path.clone(), service.clone()));
    let options = &part.web.options;
    let options = SiteOptions {
        access_log: options.access_log,
        hsts_max_age_s: options.hsts.then_some(options.hsts_max_age),
    };
    let site = Site::new(options, services).map_err(|error| (String::new(), error.to_string()))?;
    Ok((Arc::new(site), served))
}

/// A service; nothing for WebSocket, which the transport itself speaks.
fn web_service(
    router: &Router,
    part: &WebPart,
    facts: &Facts,
    extensions: &Extensions,
    service: &config::WebService,
) -> Result<Option<Arc<dyn WebService>>, String> {
    use config::WebService as Configured;
    let router = router.clone();
    let service: Arc<dyn WebService> = match service {
        Configured::WebSocket(_) => return Ok(None),
        Configured::Static(files) => return static_files(files).map(Some),
        Configured::Json(json) => Arc::new(json_value(json)),
        Configured::Redirect(redirect) => {
            Arc::new(Redirect::new(&redirect.url).map_err(|error| error.to_string())?)
        }
        Configured::NodeInfo => Arc::new(node_info(facts.clone())),
        // They call and publish on realms, which are elsewhere.
        Configured::Publisher(_) if facts.is_proxy => Arc::new(NotBuilt::new("publisher, on a proxy,")),
        Configured::Caller(_) if facts.is_proxy => Arc::new(NotBuilt::new("caller, on a proxy,")),
        Configured::Webhook(_) if facts.is_proxy => Arc::new(NotBuilt::new("webhook, on a proxy,")),
        Configured::Publisher(it) => {
            Arc::new(Publisher::new(router, &it.realm, &it.role, rest(&it.options, part)))
        }
        Configured::Caller(it) => Arc::new(Caller::new(router, &it.realm, &it.role, rest(&it.options, part))),
        Configured::Webhook(hook) => Arc::new(webhook(router, hook, part)),
        Configured::LongPoll(longpoll) => Arc::new(LongPoll::new(router, polling(longpoll, part))),
        Configured::Linked(config::Linked { name, extra }) => {
            let make = extensions.web_services.find("web service", name)?;
            let made = guarded_call(|| make(&router, extra.as_ref().unwrap_or_default()));
            made.and_then(|made| made).map_err(|why| format!("web service {name:?}: {why}"))?
        }
        Configured::Nothing => Arc::new(Nothing),
        other => Arc::new(NotBuilt::new(other.type_name())),
    };
    Ok(Some(service))
}

fn static_files(files: &config::StaticFiles) -> Result<Arc<dyn WebService>, String> {
    let config::StaticSource::Directory(folder) = &files.source else {
        return Ok(Arc::new(NotBuilt::new("static, of a Python package,")));
    };
    let options = FilesOptions {
        enable_directory_listing: files.enable_directory_listing,
        mime_types: files.mime_types.iter().cloned().collect(),
        cache_timeout_s: files.cache_timeout,
        default_file: files.default_file.clone(),
        allow_cross_origin: files.allow_cross_origin,
    };
    Ok(Arc::new(Files::new(folder, options).map_err(|error| error.to_string())?))
}

fn json_value(json: &config::JsonValue) -> Json {
    let options = JsonOptions {
        prettify: json.prettify,
        allow_cross_origin: json.allow_cross_origin,
        discourage_caching: json.discourage_caching,
    };
    Json::new(&json.value, options)
}

fn node_info(facts: Facts) -> NodeInfo {
    NodeInfo::new(move || {
        let facts = facts.clone();
        async move { facts.status().await }
    })
}

fn rest(options: &config::RestOptions, part: &WebPart) -> RestOptions {
    let signed = options.signature.as_ref();
    let network = |it: &config::IpNetwork| IpNet::new(it.address, it.bits).ok();
    RestOptions {
        signed: signed
            .map(|(key, secret)| SigningKey { key: key.clone(), secret: secret.reveal().to_owned() }),
        timestamp_delta_limit_s: options.timestamp_delta_limit,
        post_body_limit: options.post_body_limit as usize,
        require_ip: options.require_ip.iter().filter_map(network).collect(),
        require_tls: options.require_tls,
        origins: part.origins(),
        ..RestOptions::default()
    }
}

fn webhook(router: Router, hook: &config::Webhook, part: &WebPart) -> Webhook {
    let rest = RestOptions {
        post_body_limit: hook.post_body_limit as usize,
        origins: part.origins(),
        github_secret: hook.github_secret.as_ref().map(|secret| secret.reveal().to_owned()),
        ..RestOptions::default()
    };
    let options = WebhookOptions {
        topic: hook.topic.clone(),
        success_response: hook.success_response.clone(),
        error_response: hook.error_response.clone(),
    };
    Webhook::new(router, &hook.realm, &hook.role, rest, options)
}

fn polling(longpoll: &config::LongPoll, part: &WebPart) -> LongPollOptions {
    LongPollOptions {
        request_timeout_s: longpoll.request_timeout,
        session_timeout_s: longpoll.session_timeout,
        queue_limit_bytes: longpoll.queue_limit_bytes as usize,
        queue_limit_messages: longpoll.queue_limit_messages as usize,
        origins: part.origins(),
        handshake_timeout_ms: part.handshake_timeout_ms,
        ..LongPollOptions::default()
    }
}
