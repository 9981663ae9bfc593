//! The options of a trace, checked.

use crossweave_api::tracing::TraceOptions;
use crossweave_api::{Error, error};
use crossweave_router::{TAPPED_MAX, TAPPED_PAYLOAD_LEN_MAX, TapOptions};
use crossweave_wamp::message::Kind;
use crossweave_wamp::{MatchPolicy, SessionId};

/// Seconds that a trace may last, or be left alone.
const SECONDS_MAX: u64 = 86_400;
/// Milliseconds between two events of a trace.
const BATCHING_PERIOD_MS: std::ops::RangeInclusive<u64> = 10..=10_000;

/// What the router is to take down.
///
/// # Errors
/// An option is wrong, or not built.
pub(super) fn wanted(options: &TraceOptions) -> Result<TapOptions, Error> {
    check(options)?;
    let policy = options.matching.as_deref().map_or(Some(MatchPolicy::Exact), MatchPolicy::parse);
    let Some(policy) = policy else {
        let given = options.matching.as_deref().unwrap_or_default();
        return invalid(format!("unknown match policy {given:?}: expected exact, prefix or wildcard"));
    };
    let mut kinds = Vec::new();
    for name in &options.types {
        match Kind::from_name(name) {
            Some(kind) => kinds.push(kind),
            None => return invalid(format!("unknown message type {name:?}")),
        }
    }
    Ok(TapOptions {
        realm: options.realm.clone(),
        uri: options.uri.clone().map(|uri| (policy, uri)),
        session: options.session.map(SessionId),
        authid: options.authid.clone(),
        kinds,
        has_payload: options.trace_app_payload,
        kept_max: options.limit as usize,
    })
}

fn check(options: &TraceOptions) -> Result<(), Error> {
    if let Some(key) = options.others.keys().next() {
        return invalid(format!("unknown trace option `{key}`"));
    }
    match options.trace_level.as_deref() {
        None | Some("message") => {}
        Some("action") => {
            let what = "trace option `trace_level`: \"action\" is not built, messages are told one by one: their \
                        `session_id` and `request` tell which of them ask and answer";
            return Err(Error::new(error::FEATURE_UNAVAILABLE, what));
        }
        Some(other) => return invalid(format!("unknown trace level {other:?}: expected message")),
    }
    let period = Some(u64::from(options.batching_period)).filter(|period| *period > 0);
    let bounds = [
        ("limit", Some(u64::from(options.limit)), 1..=TAPPED_MAX as u64),
        ("payload_max", Some(u64::from(options.payload_max)), 0..=TAPPED_PAYLOAD_LEN_MAX as u64),
        ("batching_period", period, BATCHING_PERIOD_MS),
        ("duration", options.duration, 1..=SECONDS_MAX),
        ("idle_timeout", options.idle_timeout, 1..=SECONDS_MAX),
    ];
    for (name, given, bounds) in bounds {
        if let Some(given) = given.filter(|given| !bounds.contains(given)) {
            let (from, to) = bounds.into_inner();
            return invalid(format!("trace option `{name}` is {given}, and must be {from} to {to}"));
        }
    }
    Ok(())
}

fn invalid<T>(what: String) -> Result<T, Error> {
    Err(Error::new(error::INVALID_CONFIGURATION, what))
}
