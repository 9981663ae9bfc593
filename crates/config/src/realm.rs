//! `realms[]`: the routing domains of a router.

mod inventory;
mod rlink;
mod stats;

pub use inventory::{Catalog, Inventory};
pub use rlink::RouterLink;
pub use stats::SessionStats;

use crate::activation::RealmActivation;
use crate::reading::{At, Fields, Finding, Reading, Unique, quoted};
use crate::role::Role;
use crate::store::Store;
use crate::template::Template;

/// A realm: sessions in it reach each other and nobody else.
#[derive(Debug, Clone, PartialEq)]
pub struct Realm {
    /// `id`: for management. Default: `realm001`, `realm002`, ...
    pub id: String,
    /// `name`: the name clients join by: 3 to 255 of letters, digits, `_`, `-`, `@` and `.`, a letter first.
    pub name: String,
    /// `template`: whether `name` is a regular expression, and a realm is started for each name that matches when somebody
    /// wants to join it. `{group}` in the URIs of its permissions stands for what a named group has matched. Default: false.
    pub template: Option<Template>,
    /// `activation`: who may start realms by the template, how many, and how long they stay.
    pub activation: RealmActivation,
    /// `options`.
    pub options: RealmOptions,
    /// `roles`: what sessions may do. Default: none, and then nobody can do anything.
    pub roles: Vec<Role>,
    /// `store`: what the realm keeps of events and calls. Default: nothing.
    pub store: Option<Store>,
    /// `stats`: when figures of sessions are published. Default: never.
    pub stats: Option<SessionStats>,
    /// `inventory`: the types of payloads. Default: none.
    pub inventory: Option<Inventory>,
    /// `rlinks`: links to other routers. Default: none.
    pub rlinks: Vec<RouterLink>,
}

/// `options` of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmOptions {
    /// `uri_check`: how strictly URIs of clients are checked. Default: `loose`.
    pub uri_check: UriCheck,
    /// `enable_meta_api`: whether the realm has the procedures and topics under `wamp.session`, `wamp.registration`
    /// and `wamp.subscription`. Default: true.
    pub enable_meta_api: bool,
    /// `event_dispatching_chunk_size`: how many receivers of one event are served before others get their turn,
    /// 1 to 100000. Default: 100.
    pub event_dispatching_chunk_size: u32,
    /// `bridge_meta_api`: whether the meta API is on the node's realm too. Default: false.
    pub bridge_meta_api: bool,
}

/// How strictly the URIs of clients are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriCheck {
    /// `loose`: anything but white space and `#` between the dots.
    Loose,
    /// `strict`: only a-z, 0-9 and `_` between the dots.
    Strict,
}

impl Default for RealmOptions {
    fn default() -> Self {
        Self {
            uri_check: UriCheck::Loose,
            enable_meta_api: true,
            event_dispatching_chunk_size: 100,
            bridge_meta_api: false,
        }
    }
}

impl Realm {
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        at: At<'_>,
        ids: &mut Unique,
        names: &mut Unique,
    ) -> Option<Self> {
        let mut fields = reading.object(at, "a realm")?;
        let id = fields.lenient_id(reading, "realm", ids);
        let is_template = fields.bool(reading, "template", false);
        let name = fields.required(reading, "name").and_then(|at| name(reading, &at, is_template, names));
        let template = fields.get("name").filter(|_| is_template).and_then(|at| Template::read(reading, &at));
        let groups = template.as_ref().map_or_else(Vec::new, |template| template.groups.clone());
        let outer = std::mem::replace(&mut reading.groups, groups);
        let options = fields.section(reading, "options", "the realm's options", |reading, fields| {
            RealmOptions::read(reading, fields)
        });
        let (mut role_ids, mut role_names) = (Unique::new("role id"), Unique::new("role"));
        let list = fields.list(reading, "roles", "a list of roles");
        let roles: Vec<_> = list
            .into_iter()
            .filter_map(|at| Role::read(reading, at, &mut role_ids, &mut role_names))
            .collect();
        let store = fields
            .object(reading, "store", "the store of a realm")
            .and_then(|fields| Store::read(reading, fields));
        reading.groups = outer;
        let activation = activation(reading, &mut fields, is_template, &roles);
        let (stats, inventory) = not_built_parts(reading, &mut fields);
        let rlinks = rlinks(reading, &mut fields);
        fields.finish_lenient(reading);
        let name = name.unwrap_or_default();
        Some(Self { id, name, template, activation, options, roles, store, stats, inventory, rlinks })
    }

    /// Whether sessions can join it by this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.template.as_ref().map_or(self.name == name, |template| template.is_match(name))
    }

    /// A realm that another router has, with nothing known of it but its name.
    pub(crate) fn routed(name: &str) -> Self {
        Self {
            id: String::new(),
            name: name.to_owned(),
            template: None,
            activation: RealmActivation::default(),
            options: RealmOptions::default(),
            roles: Vec::new(),
            store: None,
            stats: None,
            inventory: None,
            rlinks: Vec::new(),
        }
    }

    /// A role that such a realm has.
    pub(crate) fn add_routed_role(&mut self, name: &str) {
        self.roles.push(Role::routed(name));
    }
}

fn not_built_parts(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
) -> (Option<SessionStats>, Option<Inventory>) {
    let stats = fields
        .object(reading, "stats", "statistics of sessions")
        .map(|fields| SessionStats::read(reading, fields));
    // Clients can do without.
    if let (Some(at), true) = (fields.key("stats"), stats.is_some() && !reading.is_disabled) {
        reading.warn(&at, "publishing statistics of sessions is not built yet: nobody gets any".to_owned());
    }
    let inventory = fields
        .object(reading, "inventory", "the types of payloads")
        .map(|fields| Inventory::read(reading, fields));
    fields.not_built(reading, "inventory", "validation of payloads");
    (stats, inventory)
}

fn rlinks(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<RouterLink> {
    let mut ids = Unique::new("rlink id");
    let list = fields.list(reading, "rlinks", "a list of links to other routers");
    list.into_iter().filter_map(|at| RouterLink::read(reading, at, &mut ids)).collect()
}

fn activation(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    is_template: bool,
    roles: &[Role],
) -> RealmActivation {
    if !is_template {
        fields.no_effect(reading, "activation", "the realm is no template");
        return RealmActivation::default();
    }
    let fields = fields.object(reading, "activation", "the bounds of a template");
    fields.map(|fields| RealmActivation::read(reading, fields, roles)).unwrap_or_default()
}

fn name(reading: &mut Reading<'_>, at: &At<'_>, is_template: bool, names: &mut Unique) -> Option<String> {
    let name = reading.text(at)?;
    if !is_template && !is_realm_name(&name) {
        let finding = Finding::error(format!("{} cannot be the name of a realm", quoted(&name)));
        reading.report(
            at,
            finding.expected("3 to 255 of letters, digits, `_`, `-`, `@` and `.`, a letter first"),
        );
    }
    names.check(reading, at, &name);
    Some(name)
}

/// The names Crossbar.io takes: names, and the addresses of Ethereum accounts, which begin with a digit.
fn is_realm_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-@.".contains(&byte);
    let starts_with_letter = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_address = name
        .strip_prefix("0x")
        .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_ens = name.strip_suffix(".eth").is_some_and(|name| name.len() >= 2);
    (3..=255).contains(&name.len())
        && name.bytes().all(is_inner)
        && (starts_with_letter || is_address || is_ens)
}

/// What Crossbar.io calls the kind of name that a realm has: `standalone`, or by whose name it is in Ethereum: `eth`, the address of
/// an account; `ens` and `reverse_ens`, a name and its reverse.
pub fn category_of_realm(name: &str) -> &'static str {
    let is_ens = |name: &str| {
        let is_inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-@.".contains(&byte);
        (2..=250).contains(&name.len()) && name.bytes().all(is_inner)
    };
    let is_address = |hex: &str| hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if name.strip_prefix("0x").is_some_and(is_address) {
        "eth"
    } else if name.strip_suffix(".eth").is_some_and(is_ens) {
        "ens"
    } else if name.strip_prefix("eth.").is_some_and(is_ens) {
        "reverse_ens"
    } else {
        "standalone"
    }
}

impl RealmOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let words = &[("loose", UriCheck::Loose), ("strict", UriCheck::Strict)];
        let options = Self {
            uri_check: fields.word(reading, "uri_check", words).unwrap_or(default.uri_check),
            enable_meta_api: fields.bool(reading, "enable_meta_api", default.enable_meta_api),
            event_dispatching_chunk_size: fields
                .int(reading, "event_dispatching_chunk_size", 1..=100_000, "receivers")
                .unwrap_or(default.event_dispatching_chunk_size),
            bridge_meta_api: fields.bool(reading, "bridge_meta_api", default.bridge_meta_api),
        };
        fields.finish(reading);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::{category_of_realm, is_realm_name};

    #[test]
    fn realm_names_are_those_of_crossbar() {
        for (name, category) in [
            ("realm1", "standalone"),
            ("eth.", "standalone"),
            ("0x0123456789abcdefABCDEF0123456789abcdef01", "eth"),
            ("1ab.eth", "ens"),
            ("eth.crossbar", "reverse_ens"),
        ] {
            assert_eq!(category_of_realm(name), category, "{name}");
        }
        for name in ["realm1", "com.example@x-1_", "1ab.eth", "0x0123456789abcdefABCDEF0123456789abcdef01"] {
            assert!(is_realm_name(name), "{name}");
        }
        for name in ["ab", "1realm", "realm one", "réalm", "0x0123", "^realm$"] {
            assert!(!is_realm_name(name), "{name}");
        }
        assert!(!is_realm_name(&"a".repeat(256)));
    }
}
