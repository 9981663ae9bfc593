//! Transports of a configuration as the router wants them.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crossweave_config as config;
use crossweave_router::{
    Authentication, OnSlow, QueueOptions, RawSocketOptions, ResumptionOptions, TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::tls::TlsServerOptions;
use crossweave_wamp::Serializer;

use super::certificates::tls_options;
use super::site::{Served, WebPart};
use super::speaking::{Protocol, Speaking};
use super::{Findings, authentication, websocket};
use crate::component::guarded_call;
use crate::extension::MakeProtocol;

/// Stands for "no limit" where the router wants a time: ten years.
pub(super) const UNLIMITED_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// The path that stands for every path.
const ANY_PATH: &str = "*";

/// A transport to be opened.
pub(super) struct Listen {
    /// The ports to try, one after the other; for a Unix socket only one, which means nothing.
    pub(super) ports: RangeInclusive<u16>,
    /// The transport; its endpoint has the first port.
    pub(super) options: TransportOptions,
    /// The realms that can be joined here.
    pub(super) realms: Vec<String>,
    /// The URL that the configuration says clients know it by.
    pub(super) url: Option<String>,
    /// What it speaks, if that is a part of this program.
    pub(super) speaking: Option<Speaking>,
    /// The web services, if the transport has any.
    pub(super) web: Option<WebPart>,
    /// They, once they are made.
    pub(super) served: Served,
}

impl Listen {
    /// Whether clients may ask the node to prove itself.
    pub(super) fn needs_key(&self) -> bool {
        let has_cryptosign = |authentication: &Authentication| match authentication {
            Authentication::Methods(methods) => methods.cryptosign.is_some(),
            _ => false,
        };
        self.authentications().any(has_cryptosign)
    }

    /// Of all parts of the transport.
    fn authentications(&self) -> impl Iterator<Item = &Authentication> {
        let rawsocket = self.options.rawsocket.iter().map(|part| &part.authentication);
        let websocket = self.options.websocket.values().map(|part| &part.authentication);
        rawsocket
            .chain(websocket)
            .flatten()
            .chain(self.web.iter().flat_map(|web| web.authentications.values()))
    }
}

/// Whether the router speaks what the transport is to speak.
pub(super) fn is_built(transport: &config::Transport) -> bool {
    use config::Protocol::{Linked, RawSocket, Universal, Web, WebSocket};
    matches!(transport.protocol, WebSocket(_) | RawSocket(_) | Universal(_) | Web(_) | Linked(_))
}

pub(super) fn listen(
    transport: &config::Transport,
    realms: Vec<String>,
    place: &str,
    findings: &mut Findings,
) -> Listen {
    let mut parts =
        Parts { place, findings, url: None, web: None, authentications: HashMap::new(), speaking: None };
    let mut options = TransportOptions::new(endpoint(&transport.endpoint));
    options.tls = tls(&transport.endpoint);
    options.queue = queue(&transport.connection);
    options.resumption = transport.connection.resumption.as_ref().map(resumption);
    options.handshake_timeout_ms = or_unlimited(transport.connection.handshake_timeout);
    parts.protocol(&transport.protocol, &mut options);
    let Parts { url, web, authentications, speaking, .. } = parts;
    let web = web.map(|web| WebPart {
        web: web.clone(),
        is_loopback: transport.endpoint.is_loopback(),
        handshake_timeout_ms: options.handshake_timeout_ms,
        authentications,
    });
    Listen {
        ports: ports(&transport.endpoint),
        options,
        realms,
        url,
        speaking,
        web,
        served: Served::default(),
    }
}

/// A protocol of the program's own.
fn made(make: &MakeProtocol, extra: Option<&serde_json::Value>) -> Result<Arc<dyn Protocol>, String> {
    guarded_call(|| make(extra.unwrap_or_default())).and_then(|made| made)
}

/// Walks over what a transport speaks.
struct Parts<'a> {
    place: &'a str,
    findings: &'a mut Findings,
    url: Option<String>,
    web: Option<&'a config::Web>,
    /// Of long-poll services, by path.
    authentications: HashMap<String, Authentication>,
    speaking: Option<Speaking>,
}

impl<'a> Parts<'a> {
    fn protocol(&mut self, protocol: &'a config::Protocol, options: &mut TransportOptions) {
        match protocol {
            config::Protocol::WebSocket(part) => self.websocket(ANY_PATH, part, options),
            config::Protocol::RawSocket(part) => self.rawsocket(part, options),
            config::Protocol::Web(web) => self.web(web, options),
            config::Protocol::Universal(universal) => {
                if let Some(part) = &universal.rawsocket {
                    self.rawsocket(part, options);
                }
                // A path in `websocket` hides the same one in `web`.
                if let Some(web) = &universal.web {
                    self.web(web, options);
                }
                for service in &universal.websocket {
                    self.websocket(&service.path, &service.websocket, options);
                }
            }
            config::Protocol::Linked(it) => self.linked(it),
            // Not built, which the configuration says: such a node is not started.
            config::Protocol::Mqtt(_)
            | config::Protocol::FlashPolicy(_)
            | config::Protocol::WebSocketTestee(_)
            | config::Protocol::StreamTestee => {}
        }
    }

    fn web(&mut self, web: &'a config::Web, options: &mut TransportOptions) {
        for path in &web.paths {
            if let config::WebService::Linked(linked) = &path.service
                && let Err(what) = self.findings.extensions.web_services.find("web service", &linked.name)
            {
                self.findings.obstacle(&format!("{}, path {:?}", self.place, path.path), what);
            }
            if let config::WebService::WebSocket(part) = &path.service {
                self.websocket(&path.path, part, options);
            }
            if let config::WebService::LongPoll(part) = &path.service {
                let authentication = self.authentication(&part.auth, Some(&path.path));
                self.authentications.extend(authentication.map(|it| (path.path.clone(), it)));
            }
        }
        if let Some(seconds) = web.options.client_timeout {
            options.http_idle_timeout_ms = u64::from(seconds) * 1_000;
        }
        self.web = Some(web);
    }

    fn linked(&mut self, part: &config::LinkedTransport) {
        let authentication = self.authentication(&part.auth, None);
        match self.findings.extensions.transports.find("transport type", &part.linked.name) {
            Ok(make) => match made(&*make, part.linked.extra.as_ref()) {
                Ok(protocol) => {
                    let name = part.linked.name.clone();
                    self.speaking =
                        authentication.map(|authentication| Speaking { name, protocol, authentication });
                }
                Err(what) => self.findings.obstacle(self.place, what),
            },
            Err(what) => self.findings.obstacle(self.place, what),
        }
    }

    fn rawsocket(&mut self, part: &'a config::RawSocket, options: &mut TransportOptions) {
        let authentication = self.authentication(&part.auth, None);
        // RawSocket announces powers of two; the smaller one keeps the bound that was asked for.
        let max_message_size = 1 << part.options.max_message_size.max(1).ilog2();
        options.rawsocket = Some(RawSocketOptions {
            max_message_size,
            serializers: serializers(&part.serializers),
            authentication,
            auto_ping_interval_ms: part.options.auto_ping_interval.into(),
            auto_ping_timeout_ms: or_unlimited(part.options.auto_ping_timeout),
        });
    }

    fn websocket(&mut self, path: &str, service: &'a config::WebSocket, options: &mut TransportOptions) {
        let authentication = self.authentication(&service.auth, (path != ANY_PATH).then_some(path));
        self.url = self.url.take().or_else(|| service.url.clone());
        let handshake_timeout_ms = options.handshake_timeout_ms;
        let place =
            if path == ANY_PATH { self.place.to_owned() } else { format!("{}, path {path:?}", self.place) };
        let cookies = service.cookie.as_ref();
        let cookies = cookies.map(|cookie| authentication::cookies(cookie, &place, self.findings));
        websocket::check(&service.options, handshake_timeout_ms, &place, self.findings);
        let mut part = websocket::options(
            &service.options,
            serializers(&service.serializers),
            serializers(&service.batched_serializers),
        );
        part.authentication = authentication;
        part.cookies = cookies;
        options.websocket.insert(path.to_owned(), part);
    }

    fn authentication(&mut self, auth: &config::Auth, path: Option<&str>) -> Option<Authentication> {
        let place =
            path.map_or_else(|| self.place.to_owned(), |path| format!("{}, path {path:?}", self.place));
        Some(authentication::methods(auth, &place, self.findings).into())
    }
}

fn endpoint(endpoint: &config::Endpoint) -> ListenEndpoint {
    match endpoint {
        config::Endpoint::Tcp(tcp) => ListenEndpoint::Tcp {
            host: match (tcp.interface, tcp.version) {
                (Some(address), _) => address.to_string(),
                (None, config::IpVersion::V4) => String::new(),
                (None, config::IpVersion::V6) => "::".to_owned(),
            },
            port: *ports(endpoint).start(),
            backlog: tcp.backlog,
            shared: tcp.shared,
            user_timeout_ms: (tcp.user_timeout > 0).then_some(tcp.user_timeout),
        },
        config::Endpoint::Unix(unix) => {
            ListenEndpoint::Unix { path: unix.path.clone(), mode: unix.mode, backlog: unix.backlog }
        }
    }
}

fn ports(endpoint: &config::Endpoint) -> RangeInclusive<u16> {
    match endpoint {
        config::Endpoint::Tcp(config::TcpEndpoint { ports: config::Ports::One(port), .. }) => *port..=*port,
        config::Endpoint::Tcp(config::TcpEndpoint { ports: config::Ports::Range(first, last), .. }) => {
            *first..=*last
        }
        config::Endpoint::Unix(_) => 0..=0,
    }
}

fn tls(endpoint: &config::Endpoint) -> Option<TlsServerOptions> {
    let config::Endpoint::Tcp(config::TcpEndpoint { tls: Some(tls), .. }) = endpoint else { return None };
    Some(tls_options(tls))
}

fn queue(connection: &config::ConnectionOptions) -> QueueOptions {
    QueueOptions {
        bytes_max: connection.max_queue_bytes as usize,
        on_slow: match connection.on_slow {
            config::OnSlow::DropNew => OnSlow::DropNew,
            config::OnSlow::Disconnect => OnSlow::Disconnect,
        },
    }
}

fn resumption(options: &config::ResumptionOptions) -> ResumptionOptions {
    ResumptionOptions {
        window_s: options.window.into(),
        buffer_bytes_max: options.buffer as usize,
        sessions_max: options.max_sessions as usize,
        sessions_per_client_max: options.max_sessions_per_client as usize,
    }
}

fn or_unlimited(milliseconds: u32) -> u64 {
    if milliseconds == 0 { UNLIMITED_MS } else { milliseconds.into() }
}

pub(super) fn serializers(serializers: &[config::Serializer]) -> Vec<Serializer> {
    let serializer = |it: &config::Serializer| match it {
        config::Serializer::Json => Serializer::Json,
        config::Serializer::MsgPack => Serializer::MsgPack,
        config::Serializer::Cbor => Serializer::Cbor,
        // The encoding of current peers; others are recognized by their HELLO.
        config::Serializer::Ubjson => Serializer::BjData,
        config::Serializer::FlatBuffers => Serializer::FlatBuffers,
    };
    serializers.iter().map(serializer).collect()
}
