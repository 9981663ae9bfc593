//! Realms and roles of a configuration as the router wants them.

use crossweave_config as config;
use crossweave_router::{RealmDefinition, RealmOptions, Role};
use crossweave_router_core::authorization::{
    Actions, Authorization, BadPermission, Disclose, Disclosure, Permission, Permissions,
};
use crossweave_router_core::limits::RealmLimits;
use crossweave_wamp::{MatchPolicy, Strictness};

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

fn role(role: &config::Role, place: &str, findings: &mut Findings) -> Option<Role> {
    if let Some(procedure) = &role.authorizer {
        let permissions = Authorization::Procedure(procedure.as_str().into());
        return Some(Role::new(role.name.as_str(), permissions));
    }
    match permissions(role) {
        Ok(permissions) => Some(Role::fixed(role.name.as_str(), permissions)),
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
