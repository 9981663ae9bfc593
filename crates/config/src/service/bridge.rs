//! `publisher`, `caller` and `webhook`: WAMP for programs that speak HTTP only.

use super::rules::{IpNetwork, acts_as, post_body_limit, require_ip};
use crate::permission::{self, Matching};
use crate::reading::{Fields, Finding, Reading};
use crate::secrets::Secret;
use crate::transport::{AllowedOrigins, Surroundings, allowed_origins};

/// `"type": "publisher"` and `"type": "caller"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestBridge {
    /// `realm`: the realm it acts in. Needed.
    pub realm: String,
    /// `role`: the role it acts in. Needed.
    pub role: String,
    /// `options`.
    pub options: RestOptions,
}

/// `options` of `publisher` and `caller`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestOptions {
    /// `key` and `secret`: requests must be signed with them. Default: none need be.
    pub signature: Option<(String, Secret)>,
    /// `timestamp_delta_limit`: seconds by which the time of a signed request may differ, 0 to 86400; 0 for any. Default: 300.
    pub timestamp_delta_limit: u32,
    /// `post_body_limit`: bytes of a body, 0 to 1048576; 0 for the most. Default: 1048576 (Crossbar.io: no limit).
    pub post_body_limit: u32,
    /// `require_tls`: refuse requests without TLS. Default: false.
    pub require_tls: bool,
    /// `require_ip`: networks from which requests may come. Default: all.
    pub require_ip: Vec<IpNetwork>,
    /// `timeout`, of a `caller`: milliseconds that a call may take whose own options do not say, 1 to 600000. Default: 30000.
    /// Not in Crossbar.io, as are the next two.
    pub timeout: u32,
    /// `http_errors`: whether errors of the router and of callees have the HTTP status that says who is at fault. Default:
    /// false, they have 200.
    pub http_errors: bool,
    /// `allowed_origins`: web pages from where may use it. Default: from everywhere; on loopback those of this machine.
    pub allowed_origins: Option<AllowedOrigins>,
    /// `debug`: log each request. Default: false.
    pub debug: bool,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self {
            signature: None,
            timestamp_delta_limit: 300,
            post_body_limit: 1 << 20,
            require_tls: false,
            require_ip: Vec::new(),
            timeout: 30_000,
            http_errors: false,
            allowed_origins: None,
            debug: false,
        }
    }
}

impl RestBridge {
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
        calls: bool,
    ) -> Option<Self> {
        let as_whom = acts_as(reading, fields, around, "role");
        let options =
            fields.section(reading, "options", "the options of the REST bridge", |reading, fields| {
                RestOptions::read(reading, fields, calls)
            });
        let (realm, role) = as_whom?;
        Some(Self { realm, role, options })
    }
}

impl RestOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, calls: bool) -> Self {
        let default = Self::default();
        let signature = signature(reading, &mut fields);
        let timeout = match calls {
            true => fields.int(reading, "timeout", 1..=600_000, "milliseconds"),
            false => None,
        };
        let options = Self {
            signature,
            timestamp_delta_limit: fields
                .int(reading, "timestamp_delta_limit", 0..=86_400, "seconds")
                .unwrap_or(default.timestamp_delta_limit),
            timeout: timeout.unwrap_or(default.timeout),
            http_errors: fields.bool(reading, "http_errors", false),
            ..Self::of_all(reading, &mut fields)
        };
        fields.finish(reading);
        options
    }

    /// What webhooks have, too.
    fn of_all(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        Self {
            post_body_limit: post_body_limit(reading, fields),
            require_tls: fields.bool(reading, "require_tls", false),
            require_ip: require_ip(reading, fields),
            allowed_origins: allowed_origins(reading, fields),
            debug: fields.bool(reading, "debug", false),
            ..Self::default()
        }
    }
}

/// Both or none: with one of them alone, requests would not be checked as they were meant to be.
fn signature(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<(String, Secret)> {
    let key = fields.text(reading, "key");
    let secret = fields.get("secret").and_then(|at| reading.secret(&at));
    match (key, secret) {
        (Some(key), Some(secret)) => Some((key, secret)),
        (None, None) => None,
        (key, _) => {
            let missing = if key.is_some() { "secret" } else { "key" };
            let message = format!("requests are signed with `key` and `secret`, and there is no `{missing}`");
            reading.report(&fields.at.start(), Finding::error(message).expected("both, or none of them"));
            None
        }
    }
}

/// `"type": "webhook"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `realm`: the realm it publishes in. Needed.
    pub realm: String,
    /// `role`: the role it publishes in. Needed.
    pub role: String,
    /// `options.topic`: the topic. Needed.
    pub topic: String,
    /// `options.success_response`: the body of the answer. Default: `OK`.
    pub success_response: String,
    /// `options.error_response`: the body of the answer if it failed. Default: `NOT OK`.
    pub error_response: String,
    /// `options.github_secret`: requests must be signed with it as GitHub does. Default: they need not be.
    pub github_secret: Option<Secret>,
    /// What else `options` has: `post_body_limit` and `debug`, and, not in Crossbar.io, `require_tls`, `require_ip` and
    /// `allowed_origins`, as above.
    pub rest: RestOptions,
}

impl Webhook {
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let as_whom = acts_as(reading, fields, around, "role");
        let at = fields.required(reading, "options")?;
        let mut options = reading.object(at, "the options of a webhook")?;
        let topic = options.required(reading, "topic").and_then(|at| {
            let topic = reading.text(&at)?;
            permission::check(reading, &at, &topic, Matching::Exact);
            Some(topic)
        });
        let text = |options: &mut Fields<'_>, reading: &mut Reading<'_>, key, default: &str| {
            options.text(reading, key).unwrap_or_else(|| default.to_owned())
        };
        let success_response = text(&mut options, reading, "success_response", "OK");
        let error_response = text(&mut options, reading, "error_response", "NOT OK");
        let github_secret = options.get("github_secret").and_then(|at| reading.secret(&at));
        let rest = RestOptions::of_all(reading, &mut options);
        options.finish(reading);
        let (realm, role) = as_whom?;
        Some(Self { realm, role, topic: topic?, success_response, error_response, github_secret, rest })
    }
}
