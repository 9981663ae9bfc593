//! `"type": "dynamic"` and `"type": "function"`: who is asked at run time.

use super::{By, warn_of_method};
use crate::reading::{Fields, Finding, Reading};
use crate::role::TRUSTED;

/// A procedure is called: `authenticator(realm, authid, details)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dynamic {
    /// `authenticator`: the procedure's URI. Needed.
    pub authenticator: String,
    /// `authenticator-realm`: the realm it is registered on. Default: the one that the client asks for; an
    /// answer that names another `realm` lets nobody in then.
    pub realm: Option<String>,
    /// `authenticator-role`: the role in which it is called. Default: `trusted`, the router's own, which may call everything. Of a
    /// proxy, where nobody is that, it is needed.
    pub role: Option<String>,
    /// `default-role`: the role of clients for which it names none. Default: such clients are refused.
    pub default_role: Option<String>,
    /// `pass-errors`: whether its errors reach the client, unless their URIs begin with `wamp.`. Default: false.
    pub pass_errors: bool,
}

/// A part of this program is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// `create`: its name in the registry of the program. Needed.
    pub create: String,
}

impl Dynamic {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Self {
        let at = fields.required(reading, "authenticator");
        let authenticator = at.and_then(|at| {
            let uri = reading.text(&at)?;
            if uri.split('.').any(str::is_empty) || uri.contains(|c: char| c.is_whitespace() || c == '#') {
                reading.report(&at, Finding::error("`authenticator` is not the URI of a procedure"));
            }
            Some(uri)
        });
        let (realm, role) =
            (fields.text(reading, "authenticator-realm"), fields.text(reading, "authenticator-role"));
        if let (Some(at), Some(name)) = (fields.get("authenticator-realm"), &realm) {
            by.look_for_realm(reading, &at, name);
        }
        if let (Some(at), Some(name)) = (fields.get("authenticator-role"), &role)
            && name != TRUSTED
        {
            by.look_for_role(reading, &at, name, realm.as_deref());
        }
        if reading.is_proxy {
            needs_own_role(reading, fields, role.as_deref());
        }
        let default_role = fields.text(reading, "default-role");
        if let (Some(at), Some(name)) = (fields.get("default-role"), &default_role) {
            by.look_for_role(reading, &at, name, None);
            warn_of_method(reading, &at, name, None, by);
        }
        let pass_errors = fields.bool(reading, "pass-errors", false);
        Self { authenticator: authenticator.unwrap_or_default(), realm, role, default_role, pass_errors }
    }
}

/// The router behind a proxy lets nobody in as `trusted`, who comes from outside.
fn needs_own_role(reading: &mut Reading<'_>, fields: &mut Fields<'_>, role: Option<&str>) {
    const EXPECTED: &str = "a role of the router behind this proxy in which the procedure may be called";
    match (fields.get("authenticator-role"), role) {
        (Some(at), Some(TRUSTED)) => {
            let message =
                "a proxy cannot call a procedure as `trusted`, which nobody is who comes from outside";
            reading.report(&at, Finding::error(message).expected(EXPECTED));
        }
        (None, _) => {
            let message = "a procedure that a proxy calls needs an `authenticator-role`";
            reading.report(&fields.at.start(), Finding::error(message).expected(EXPECTED));
        }
        _ => {}
    }
}

impl Function {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let create = fields.required(reading, "create").and_then(|at| reading.text(&at));
        fields.no_effect(reading, "config", "the program that registers the function configures it");
        fields.no_effect(reading, "expose_controller", "there is no controller object");
        Self { create: create.unwrap_or_default() }
    }
}
