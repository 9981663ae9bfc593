//! `roles[]`: what the sessions of a role may do.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::authmethod::{self, AuthMethod};
use crate::delivery::Delivery;
use crate::permission::{self, Matching, Permission};
use crate::reading::{At, Fields, Finding, Reading, Unique};
use crate::template::{Template, check_placeholders};

/// The role that Crossbar.io gives its own sessions: everything is allowed.
pub const TRUSTED: &str = "trusted";

/// The role of the router's own sessions, by which it calls authorizers.
const INTERNAL: &str = "crossweave.internal";

/// A role of a realm.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// `id`: for management. Default: `role001`, `role002`, ...
    pub id: String,
    /// `name`: the authrole that sessions have. Not `trusted`, which is the router's own.
    pub name: String,
    /// `template`: whether `name` is a regular expression, and the role is there for each name that matches. Default: false.
    pub template: Option<Template>,
    /// `authorizer`: the procedure of the realm that decides instead of `permissions`. It is called with the session (a dict),
    /// the URI, the action and its options, and answers true or false, or a dict of `allow`, `disclose` and `cache`.
    pub authorizer: Option<String>,
    /// `authmethods`: the methods by which clients come to this role; one that proves itself by another is refused. A cookie counts
    /// as the method by which it was got. Default: any.
    pub authmethods: Option<Vec<AuthMethod>>,
    /// `permissions`: rules for URIs; the most specific one that matches decides. Default: none.
    pub permissions: Vec<Permission>,
    /// `allow-by-default`: whether everything that no rule matches is allowed. Default: false.
    pub allow_by_default: bool,
    /// `trustlevel`: how far what its sessions publish and call is trusted, told to the receivers as `trustlevel`. 0 is lowest;
    /// what the others mean is the application's. A permission may say otherwise for its URIs. Default: nothing is told.
    pub trustlevel: Option<u64>,
    /// `delivery`: what becomes of events that sessions of the role read too slowly, where the subscription does not say.
    /// Default: what the transport's `on_slow` says.
    pub delivery: Option<Delivery>,
    /// The JSON path of the role in the file.
    pub path: String,
}

impl Role {
    /// Whether clients that prove themselves by this method get the role.
    pub fn is_given_by(&self, method: &AuthMethod) -> bool {
        self.authmethods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    pub(crate) fn read(
        reading: &mut Reading<'_>,
        at: At<'_>,
        ids: &mut Unique,
        names: &mut Unique,
    ) -> Option<Self> {
        let path = reading.mark(&at);
        let mut fields = reading.object(at, "a role")?;
        let id = fields.lenient_id(reading, "role", ids);
        let name = fields.required(reading, "name").and_then(|at| name(reading, &at, names));
        let is_template = fields.bool(reading, "template", false);
        let template = fields.get("name").filter(|_| is_template).and_then(|at| Template::read(reading, &at));
        let of_realm = reading.groups.len();
        reading.groups.extend(template.iter().flat_map(|template| template.groups.clone()));
        let authmethods = authmethod::read(reading, &mut fields);
        let authorizer = authorizer(reading, &mut fields);
        let list = fields.list(reading, "permissions", "a list of permissions");
        let permissions = permissions(reading, list);
        reading.groups.truncate(of_realm);
        let allow_by_default = fields.bool(reading, "allow-by-default", false);
        let trustlevel = fields.trustlevel(reading);
        let delivery = fields.object(reading, "delivery", "`delivery`");
        let delivery = delivery.and_then(|fields| Delivery::read(reading, fields));
        if permissions.is_empty() && !allow_by_default && authorizer.is_none() {
            let message = "this role may do nothing: it has no permissions";
            reading.report(&fields.at.start(), Finding::warning(message).expected("`permissions`"));
        }
        fields.finish_lenient(reading);
        Some(Self {
            id,
            name: name.unwrap_or_default(),
            template,
            authmethods,
            authorizer,
            permissions,
            allow_by_default,
            trustlevel,
            delivery,
            path,
        })
    }

    /// Whether sessions can have it under this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.template.as_ref().map_or(self.name == name, |template| template.is_match(name))
    }

    /// A role of which nothing is known but its name.
    pub(crate) fn routed(name: &str) -> Self {
        Self {
            id: String::new(),
            name: name.to_owned(),
            template: None,
            authmethods: None,
            authorizer: None,
            permissions: Vec::new(),
            allow_by_default: false,
            trustlevel: None,
            delivery: None,
            path: String::new(),
        }
    }
}

fn authorizer(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let at = fields.get("authorizer")?;
    reading.mark(&at);
    let procedure = reading.text(&at)?;
    permission::check(reading, &at, &procedure, Matching::Exact);
    check_placeholders(reading, &at, &procedure);
    if fields.get("permissions").is_some() {
        let message = "a role has either `permissions` or an `authorizer`, not both";
        reading.report(&at, Finding::error(message));
    }
    fields.no_effect(reading, "allow-by-default", "the authorizer decides on everything");
    Some(procedure)
}

fn name(reading: &mut Reading<'_>, at: &At<'_>, names: &mut Unique) -> Option<String> {
    let name = reading.text(at)?;
    if name == TRUSTED {
        let message = "role `trusted` is the router's own and may do everything";
        reading.report(at, Finding::error(message).expected("another name"));
    }
    if name == INTERNAL {
        let message = format!("role `{INTERNAL}` is the router's own, for calls that it makes itself");
        reading.report(at, Finding::error(message).expected("another name"));
    }
    names.check(reading, at, &name);
    Some(name)
}

/// Of two rules for the same URIs the later one counts, as in Crossbar.io.
fn permissions(reading: &mut Reading<'_>, list: Vec<At<'_>>) -> Vec<Permission> {
    let mut permissions: Vec<Permission> = Vec::new();
    let mut positions = HashMap::new();
    for at in list {
        let Some(permission) = Permission::read(reading, at.clone()) else { continue };
        match positions.entry((permission.uri.clone(), permission.matching)) {
            Entry::Vacant(position) => {
                position.insert(permissions.len());
                permissions.push(permission);
            }
            Entry::Occupied(position) => {
                let message = "this permission replaces an earlier one of this role for the same URIs";
                reading.report(&at.start(), Finding::warning(message));
                permissions[*position.get()] = permission;
            }
        }
    }
    permissions
}
