//! `activation` of a template realm: who may start realms by it, how many, and how long they stay. Not in Crossbar.io.

use crate::document::Value;
use crate::reading::{Fields, Finding, Reading, nearest, one_of, quoted};
use crate::role::{Role, TRUSTED};

/// Bounds of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmActivation {
    /// `authroles`: the roles whose sessions may start a realm; others may join one that runs. Default: every role of the
    /// template.
    pub authroles: Option<Vec<String>>,
    /// `max_realms`: realms of this template that run at a time, 1 to 1000000. Default: 10000.
    pub max_realms: u32,
    /// `max_realms_per_principal`: the same for those that one client has started: one authid, or for clients that do not log
    /// in one peer address (of IPv6 one network of 64 bits, on a Unix socket one user); 1 to 1000000. Default: 1000.
    pub max_realms_per_principal: u32,
    /// `max_rate`: realms started per second, with as many at once, 1 to 10000. Default: 100.
    pub max_rate: u32,
    /// `idle_timeout`: seconds after which a realm is stopped that nobody is on, 1 to 31536000. Default: never.
    pub idle_timeout: Option<u32>,
    /// `background_authroles`: the roles of sessions that serve a realm, as those of workers that are started with it: they do
    /// not count when it is asked whether anybody is on it, and start none. Default: none.
    pub background_authroles: Vec<String>,
}

impl Default for RealmActivation {
    fn default() -> Self {
        Self {
            authroles: None,
            max_realms: 10_000,
            max_realms_per_principal: 1_000,
            max_rate: 100,
            idle_timeout: None,
            background_authroles: Vec::new(),
        }
    }
}

impl RealmActivation {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, roles: &[Role]) -> Self {
        const A_YEAR_S: i64 = 31_536_000;
        let default = Self::default();
        let authroles = fields
            .get("authroles")
            .is_some()
            .then(|| fields.texts(reading, "authroles", "a list of names of roles"));
        let mut bound = |key, max, default| fields.int(reading, key, 1..=max, "").unwrap_or(default);
        let activation = Self {
            authroles,
            max_realms: bound("max_realms", 1_000_000, default.max_realms),
            max_realms_per_principal: bound(
                "max_realms_per_principal",
                1_000_000,
                default.max_realms_per_principal,
            ),
            max_rate: bound("max_rate", 10_000, default.max_rate),
            idle_timeout: fields.int(reading, "idle_timeout", 1..=A_YEAR_S, "seconds"),
            background_authroles: fields.texts(reading, "background_authroles", "a list of names of roles"),
        };
        for key in ["authroles", "background_authroles"] {
            check_roles(reading, &mut fields, key, roles);
        }
        fields.finish(reading);
        activation
    }
}

/// Nobody has a role that the realm has not.
fn check_roles(reading: &mut Reading<'_>, fields: &mut Fields<'_>, key: &'static str, roles: &[Role]) {
    for at in fields.list(reading, key, "a list of names of roles") {
        let Value::String(name) = &at.item.value else { continue };
        if name.is_empty() || name == TRUSTED || roles.iter().any(|role| role.is_called(name)) {
            continue;
        }
        let no_role = format!("no role of this template is {}", quoted(name));
        if roles.is_empty() {
            reading.report(&at, Finding::error(format!("{no_role}: it has no roles")));
            continue;
        }
        let names = || roles.iter().map(|role| role.name.as_str());
        reading
            .report(&at, Finding::error(no_role).expected(one_of(names())).nearest(nearest(name, names())));
    }
}
