//! `auth.anonymous`: clients that do not say who they are.

use super::{By, warn_of_method};
use crate::reading::{Fields, Reading};

/// Clients that do not say who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// `realm`: the realm they join, whichever they ask for. Default: the one they ask for.
    pub realm: Option<String>,
    /// `role`: the authrole they get. Default: `anonymous`.
    pub role: String,
    /// `authid`: the authid they get. Default: a random one for each session.
    pub authid: Option<String>,
}

impl Default for Anonymous {
    fn default() -> Self {
        Self { realm: None, role: "anonymous".to_owned(), authid: None }
    }
}

pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Anonymous {
    let realm = fields.text(reading, "realm");
    let role = fields.text(reading, "role").unwrap_or_else(|| Anonymous::default().role);
    let authid = fields.text(reading, "authid");
    fields.elsewhere("authrole", "the key `role`");
    if let (Some(at), Some(name)) = (fields.get("realm"), &realm) {
        by.look_for_realm(reading, &at, name);
    }
    let at = fields.get("role").unwrap_or_else(|| fields.at.start());
    by.look_for_role(reading, &at, &role, realm.as_deref());
    warn_of_method(reading, &at, &role, realm.as_deref(), by);
    Anonymous { realm, role, authid }
}
