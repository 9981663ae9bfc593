//! Realms and roles of a configuration as the router wants them.

use crossweave_config as config;
use crossweave_router::{RealmDefinition, RealmOptions, Role};
use crossweave_router_core::authorization::{
    Actions, Authorization, BadPermission, Disclose, Disclosure, Permission, Permissions,
};
use crossweave_router_core::limits::RealmLimits;
use crossweave_wamp::{ConflationKey, Delivery, MatchPolicy, OnSlow, Strictness};

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
    RealmDefinition { options: options(&realm.options, limits), roles, authorizer: None }
}

fn options(options: &config::RealmOptions, limits: &config::Limits) -> RealmOptions {
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
            ..RealmLimits::default()
        },
        // `store` is not built yet, and refused.
        history: Vec::new(),
    }
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

fn role(role: &config::Role, place: &str, findings: &mut Findings) -> Option<Role> {
    let delivery = role.delivery.as_ref().map(delivery);
    if let Some(procedure) = &role.authorizer {
        let permissions = Authorization::Procedure(procedure.as_str().into());
        return Some(Role::new(role.name.as_str(), permissions).with_delivery(delivery));
    }
    match permissions(role) {
        Ok(permissions) => Some(Role::fixed(role.name.as_str(), permissions).with_delivery(delivery)),
        Err(bad) => {
            findings.obstacle(&format!("{place}, role {:?}", role.name), bad);
            None
        }
    }
}

/// The permissions of a role that has no authorizer, in the same order.
pub(super) fn permissions(role: &config::Role) -> Result<Permissions, BadPermission> {
    let permissions = Permissions::new(role.permissions.iter().map(permission))?;
    Ok(permissions.allow_by_default(role.allow_by_default))
}

fn permission(permission: &config::Permission) -> Permission {
    let config::Allow { call, register, publish, subscribe } = permission.allow;
    let config::Disclose { caller, publisher } = permission.disclose;
    Permission {
        uri: permission.uri.clone(),
        match_policy: match permission.matching {
            config::Matching::Exact => MatchPolicy::Exact,
            config::Matching::Prefix => MatchPolicy::Prefix,
            config::Matching::Wildcard => MatchPolicy::Wildcard,
        },
        allow: Actions { call, register, publish, subscribe },
        disclose: Disclosure { caller: disclose(caller), publisher: disclose(publisher) },
    }
}

fn disclose(disclose: Option<bool>) -> Disclose {
    match disclose {
        None => Disclose::AsAsked,
        Some(true) => Disclose::Always,
        Some(false) => Disclose::Never,
    }
}
