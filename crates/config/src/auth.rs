//! `auth`: how clients of a transport prove who they are.

use crate::reading::{At, Fields, Finding, Reading, nearest, quoted};
use crate::realm::Realm;
use crate::role::TRUSTED;

/// The ways to authenticate that a transport offers. Default: anonymous, in role `anonymous`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `anonymous`.
    pub anonymous: Option<Anonymous>,
}

/// `auth.anonymous`: clients that do not say who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// `realm`: the realm they join, whichever they ask for. Default: the one they ask for.
    pub realm: Option<String>,
    /// `role`: the authrole they get. Default: `anonymous`.
    pub role: String,
    /// `authid`: the authid they get. Default: a random one for each session.
    pub authid: Option<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Self { anonymous: Some(Anonymous::default()) }
    }
}

impl Default for Anonymous {
    fn default() -> Self {
        Self { realm: None, role: "anonymous".to_owned(), authid: None }
    }
}

/// The methods Crossbar.io has besides. Asking for one is refused: to run without it would let others in.
const NOT_BUILT: &[&str] =
    &["ticket", "wampcra", "scram", "cryptosign", "tls", "cookie", "anonymous-proxy", "cryptosign-proxy"];

/// Reads `auth` of a transport. Not having it means anonymous.
pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, realms: &[Realm]) -> Auth {
    let Some(at) = fields.get("auth") else {
        warn_without_role(reading, fields, realms);
        return Auth::default();
    };
    let Some(mut fields) = reading.object(at, "`auth`") else { return Auth { anonymous: None } };
    if fields.is_empty() {
        let message = "`auth` names no method, so nobody could join";
        let expected = "a method such as `anonymous`, or no `auth` at all, which means `anonymous`";
        reading.report(&fields.at.start(), Finding::error(message).expected(expected));
    }
    let anonymous = fields
        .part(reading, "anonymous", "anonymous authentication")
        .and_then(|fields| Anonymous::read(reading, fields, realms));
    for method in NOT_BUILT {
        if let Some(at) = fields.key(method) {
            reading.not_built(&at, &format!("authentication by `{method}`"));
        }
    }
    fields.finish(reading);
    Auth { anonymous }
}

#[derive(Clone, Copy)]
enum Kind {
    Static,
    Dynamic,
}

impl Anonymous {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, realms: &[Realm]) -> Option<Self> {
        let words = &[("static", Kind::Static), ("dynamic", Kind::Dynamic)];
        let at = fields.required(reading, "type")?;
        if let Kind::Dynamic = reading.word(&at, words)? {
            reading.not_built(&at, "dynamic authentication by an authenticator");
            return None;
        }
        let realm = fields.text(reading, "realm");
        let role = fields.text(reading, "role").unwrap_or_else(|| Self::default().role);
        let authid = fields.text(reading, "authid");
        fields.elsewhere("authrole", "the key `role`");
        if let (Some(at), Some(name)) = (fields.get("realm"), &realm) {
            check_realm(reading, &at, name, realms);
        }
        let is_given = fields.get("role");
        let at = is_given.clone().unwrap_or_else(|| fields.at.start());
        check_role(reading, &at, &role, realm.as_deref(), realms);
        fields.finish(reading);
        Some(Self { realm, role, authid })
    }
}

fn check_realm(reading: &mut Reading<'_>, at: &At<'_>, name: &str, realms: &[Realm]) {
    if realms.iter().any(|realm| realm.name == name) {
        return;
    }
    let names = || realms.iter().map(|realm| realm.name.as_str());
    let finding = Finding::error(format!("this worker has no realm {}", quoted(name)));
    reading
        .report(at, finding.expected("the name of a realm of this worker").nearest(nearest(name, names())));
}

fn check_role(reading: &mut Reading<'_>, at: &At<'_>, name: &str, realm: Option<&str>, realms: &[Realm]) {
    if name == TRUSTED {
        let message = "anonymous clients would get role `trusted`, which may do everything";
        reading.report(at, Finding::error(message).expected("a role of the realm"));
        return;
    }
    let reachable = || realms.iter().filter(|candidate| realm.is_none_or(|realm| candidate.name == realm));
    let names = || reachable().flat_map(|realm| &realm.roles).map(|role| role.name.as_str());
    if names().any(|role| role == name) || (realm.is_some() && reachable().next().is_none()) {
        return;
    }
    let finding = match realm {
        Some(realm) => Finding::error(format!("realm {} has no role {}", quoted(realm), quoted(name))),
        None => Finding::error(format!("no realm of this worker has role {}", quoted(name))),
    };
    reading.report(at, finding.expected("the name of a role of the realm").nearest(nearest(name, names())));
}

/// Without `auth`, clients get role `anonymous`; if there is no such role they can join and do nothing.
fn warn_without_role(reading: &mut Reading<'_>, fields: &Fields<'_>, realms: &[Realm]) {
    let role = Anonymous::default().role;
    let exists = realms.iter().flat_map(|realm| &realm.roles).any(|candidate| candidate.name == role);
    if !exists && !realms.is_empty() {
        let message = "without `auth` clients get role `anonymous`, which no realm of this worker has";
        reading
            .report(&fields.at.start(), Finding::warning(message).expected("a role `anonymous`, or `auth`"));
    }
}
