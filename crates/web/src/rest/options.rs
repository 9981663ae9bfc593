//! What a service of the bridge is told.

use std::net::IpAddr;
use std::time::Duration;

use crossweave_transport::websocket::origin::OriginPolicy;
use ipnet::IpNet;

use super::replay::Remembered;
use crate::bridge::{BODY_LEN_MAX, CALL_TIMEOUT_DEFAULT};

/// What a [`Publisher`](super::Publisher), [`Caller`](super::Caller) or [`Webhook`](super::Webhook) is told. Names and
/// defaults are those of Crossbar.io's `options`, where it has them.
#[derive(Clone)]
pub struct RestOptions {
    /// `key` and `secret`: requests must be signed with this secret, and name this key. Default: they need not be.
    pub signed: Option<SigningKey>,
    /// Which signed requests were carried out (an extension). Default: a memory of its own for as long as the process lasts; after
    /// a restart, or by another service with the same key, a request could be carried out again.
    pub remembered: Remembered,
    /// `timestamp_delta_limit`: by how many seconds the time of a signed request may be off; 0 for any. Default 300.
    ///
    /// With 0 the service remembers the last requests only, whatever their time: an old one may be sent again.
    pub timestamp_delta_limit_s: u32,
    /// `post_body_limit`: the most octets of a body; 0, the default, for as many as any request may have,
    /// [`BODY_LEN_MAX`].
    pub post_body_limit: usize,
    /// `require_ip`: the networks that requests must come from. Default: any.
    pub require_ip: Vec<IpNet>,
    /// `require_tls`: requests must come over TLS. Default no.
    pub require_tls: bool,
    /// Which web pages may use it (an extension). Default: any, as at Crossbar.io.
    pub origins: OriginPolicy,
    /// How long a call may take whose `options` do not say (an extension). Default 30 s.
    pub timeout: Duration,
    /// Whether an error that a router or callee answers has the status that says who is at fault (an extension), as on the
    /// start page's bridge. Default no: as at Crossbar.io, it is a body with `error`, and the status is 200.
    pub http_errors: bool,
    /// `debug`: each request is a line in the log, with what it asks for and what comes of it. Default no.
    pub debug: bool,
    /// `github_secret` of a webhook: requests must be signed as GitHub does. Default: they need not be.
    pub github_secret: Option<String>,
}

/// The key of signed requests.
#[derive(Clone)]
pub struct SigningKey {
    /// Its name, which is no secret.
    pub key: String,
    /// The secret.
    pub secret: String,
}

/// An option that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestOptionsError {
    /// Not a network.
    #[error("{0:?} in require_ip is no network: write it like 192.168.0.0/24")]
    Network(String),
    /// One without the other.
    #[error("key and secret belong together: one of them is missing")]
    HalfAKey,
}

impl Default for RestOptions {
    fn default() -> Self {
        RestOptions {
            signed: None,
            remembered: Remembered::in_memory(),
            timestamp_delta_limit_s: 300,
            post_body_limit: 0,
            require_ip: Vec::new(),
            require_tls: false,
            origins: OriginPolicy::any(),
            timeout: CALL_TIMEOUT_DEFAULT,
            http_errors: false,
            debug: false,
            github_secret: None,
        }
    }
}

impl RestOptions {
    /// Reads `require_ip`: networks, or single addresses.
    ///
    /// # Errors
    /// A text is neither.
    pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, RestOptionsError> {
        let network = |text: &String| {
            let single = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| single()).map_err(|_| RestOptionsError::Network(text.clone()))
        };
        texts.iter().map(network).collect()
    }

    /// Reads `key` and `secret`.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn signing_key(
        key: Option<String>,
        secret: Option<String>,
    ) -> Result<Option<SigningKey>, RestOptionsError> {
        match (key, secret) {
            (Some(key), Some(secret)) => Ok(Some(SigningKey { key, secret })),
            (None, None) => Ok(None),
            _ => Err(RestOptionsError::HalfAKey),
        }
    }

    /// The most octets of a body.
    pub(super) fn body_max(&self) -> usize {
        match self.post_body_limit {
            0 => BODY_LEN_MAX,
            limit => limit.min(BODY_LEN_MAX),
        }
    }
}
