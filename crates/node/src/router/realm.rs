//! Realms and roles of a configuration as the router wants them.

use crossweave_config as config;
use crossweave_router::{HistoryStore, NamedEventShelf, RealmDefinition, RealmOptions, Role};
use crossweave_router_core::TrustRule;
use crossweave_router_core::authorization::{
    Actions, Authorization, BadPermission, Disclose, Disclosure, Permission, Permissions,
};
use crossweave_router_core::limits::{CallQueueRule, HistoryRule, RealmLimits};
use crossweave_wamp::{AuthMethod, ConflationKey, Delivery, MatchPolicy, OnSlow, Strictness};

use super::Findings;

pub(super) fn definition(
    realm: &config::Realm,
    limits: &config::Limits,
    place: &str,
    findings: &mut Findings,
) -> RealmDefinition {
    let default = config::RealmOptions::default().event_dispatching_chunk_size;
    if realm.options.event_dispatching_chunk_size != default {
        let why = "the router chooses how many receivers it serves at a time";
        findings.no_effect(place, "event_dispatching_chunk_size", why);
    }
    let roles = realm.roles.iter().filter_map(|it| role(it, place, findings)).collect();
    if let Some(store) = &realm.store
        && !store.event_history.is_empty()
        && !realm.options.enable_meta_api
    {
        let why = "`enable_meta_api` is false, so that nobody can call `wamp.subscription.get_events`";
        findings.no_effect(place, "event-history", why);
    }
    let history = match realm.store.as_ref().map(|store| &store.kind) {
        None | Some(config::StoreKind::Memory) => HistoryStore::Memory,
        Some(config::StoreKind::Sqlite { path }) => HistoryStore::Sqlite { path: path.clone() },
        Some(config::StoreKind::Linked { name }) => {
            match findings.extensions.event_stores.find("event store", name) {
                Ok(shelf) => HistoryStore::Shelf(NamedEventShelf::new(name, shelf)),
                Err(what) => {
                    findings.obstacle(place, what);
                    HistoryStore::Memory
                }
            }
        }
    };
    RealmDefinition { options: options(realm, limits), roles, history, ..RealmDefinition::default() }
}

fn options(realm: &config::Realm, limits: &config::Limits) -> RealmOptions {
    let (options, store) = (&realm.options, realm.store.as_ref());
    RealmOptions {
        strictness: match options.uri_check {
            config::UriCheck::Loose => Strictness::Loose,
            config::UriCheck::Strict => Strictness::Strict,
        },
        enable_meta_api: options.enable_meta_api,
        limits: RealmLimits {
            subscriptions_per_session_max: limits.max_subscriptions_per_session as usize,
            registrations_per_session_max: limits.max_registrations_per_session as usize,
            uri_len_max: limits.max_uri_length as usize,
            queued_calls_per_registration_max: limits.max_queued_calls_per_registration as usize,
            retained_events_max: limits.max_retained_events as usize,
            retained_bytes_max: bytes(limits.max_retained_bytes),
            retained_age_max_ms: limits.max_retained_age.map(ms),
            history_result_max: limits.max_history_result as usize,
            history_result_bytes_max: limits.max_history_result_bytes as usize,
            decisions_max: limits.max_decisions as usize,
            decision_ttl_ms: ms(limits.max_decision_age),
            ..RealmLimits::default()
        },
        trust: realm.roles.iter().flat_map(trust).collect(),
        history: store.map_or_else(Vec::new, |it| it.event_history.iter().map(history_rule).collect()),
        call_queues: store.map_or_else(Vec::new, |it| it.call_queue.iter().map(call_queue_rule).collect()),
    }
}

fn history_rule(rule: &config::EventHistory) -> HistoryRule {
    HistoryRule {
        uri: rule.uri.clone(),
        match_policy: match_policy(rule.matching),
        events_max: rule.limit as usize,
        bytes_max: bytes(rule.bytes),
        age_max_ms: rule.age.map(ms),
    }
}

fn call_queue_rule(rule: &config::CallQueue) -> CallQueueRule {
    let match_policy = match_policy(rule.matching);
    CallQueueRule { uri: rule.uri.clone(), match_policy, calls_max: rule.limit as usize }
}

/// A number of bytes; on small machines no more than there can be.
fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}

/// The trust levels of a role's permissions and, for all other URIs, its own.
fn trust(role: &config::Role) -> impl Iterator<Item = TrustRule> {
    let rule = |uri: &str, match_policy, level: Option<u64>| {
        let level = level?;
        Some(TrustRule { role: role.name.as_str().into(), uri: uri.to_owned(), match_policy, level })
    };
    let of_permissions =
        role.permissions.iter().map(move |it| rule(&it.uri, match_policy(it.matching), it.trustlevel));
    of_permissions.chain([rule("", MatchPolicy::Prefix, role.trustlevel)]).flatten()
}

/// The contract of a role for subscriptions that do not say otherwise.
fn delivery(delivery: &config::Delivery) -> Delivery {
    let on_slow = match delivery.on_slow {
        config::DeliveryPolicy::DropOldest => OnSlow::DropOldest,
        config::DeliveryPolicy::DropNew => OnSlow::DropNew,
        config::DeliveryPolicy::Conflate => OnSlow::Conflate,
        config::DeliveryPolicy::Disconnect => OnSlow::Disconnect,
    };
    let key = match &delivery.key {
        config::DeliveryKey::Topic => ConflationKey::Topic,
        config::DeliveryKey::Argument(index) => ConflationKey::Argument(*index as usize),
        config::DeliveryKey::Keyword(name) => ConflationKey::Keyword(name.as_str().into()),
    };
    Delivery { on_slow, key, queue_len_max: delivery.queue.into() }
}

pub(super) fn role(role: &config::Role, place: &str, findings: &mut Findings) -> Option<Role> {
    let delivery = role.delivery.as_ref().map(delivery);
    let authmethods = role.authmethods.as_ref().map(|list| authmethods(list, &role.name, place, findings));
    if let Some(procedure) = &role.authorizer {
        let permissions = Authorization::Procedure(procedure.as_str().into());
        let made = Role::new(role.name.as_str(), permissions).with_delivery(delivery);
        return Some(made.with_authmethods(authmethods.as_deref()));
    }
    match permissions(role) {
        Ok(permissions) => {
            let made = Role::fixed(role.name.as_str(), permissions).with_delivery(delivery);
            Some(made.with_authmethods(authmethods.as_deref()))
        }
        Err(bad) => {
            findings.obstacle(&format!("{place}, role {:?}", role.name), bad);
            None
        }
    }
}

/// The permissions of a role that has no authorizer, in the same order.
pub(crate) fn permissions(role: &config::Role) -> Result<Permissions, BadPermission> {
    let permissions = Permissions::new(role.permissions.iter().map(permission))?;
    Ok(permissions.allow_by_default(role.allow_by_default))
}

fn permission(permission: &config::Permission) -> Permission {
    let config::Allow { call, register, publish, subscribe } = permission.allow;
    let config::Disclose { caller, publisher } = permission.disclose;
    Permission {
        uri: permission.uri.clone(),
        match_policy: match_policy(permission.matching),
        allow: Actions { call, register, publish, subscribe },
        disclose: Disclosure { caller: disclose(caller), publisher: disclose(publisher) },
    }
}

fn match_policy(matching: config::Matching) -> MatchPolicy {
    match matching {
        config::Matching::Exact => MatchPolicy::Exact,
        config::Matching::Prefix => MatchPolicy::Prefix,
        config::Matching::Wildcard => MatchPolicy::Wildcard,
    }
}

/// The methods of a role. One that cannot be is in the way, and lets nobody in.
fn authmethods(
    list: &[config::AuthMethod],
    role: &str,
    place: &str,
    findings: &mut Findings,
) -> Vec<AuthMethod> {
    let mut methods = Vec::new();
    for method in list {
        let declared = match method {
            config::AuthMethod::Own(name) if findings.extensions.login_methods.is_empty() => {
                Err(format!("unknown authmethod `{name}`"))
            }
            method => AuthMethod::declare(method.name()),
        };
        match declared {
            Ok(method) => methods.push(method),
            Err(what) => findings.obstacle(&format!("{place}, role {role:?}"), what),
        }
    }
    methods
}

/// Whether a client that has proven itself so gets the role; none: it is not known how.
pub(super) fn admits(role: &config::Role, proof: Option<AuthMethod>) -> bool {
    let accepted = role.authmethods.as_ref();
    accepted.is_none_or(|list| proof.is_some_and(|proof| list.iter().any(|it| it.name() == proof.name())))
}

fn disclose(disclose: Option<bool>) -> Disclose {
    match disclose {
        None => Disclose::AsAsked,
        Some(true) => Disclose::Always,
        Some(false) => Disclose::Never,
    }
}
