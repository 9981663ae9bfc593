//! `authmethods` of a role: by which methods clients come to it.

use std::ops::Range;

use crate::auth::Auth;
use crate::document::Value;
use crate::reading::{At, Fields, Finding, Reading, Shape, Words, is_method_name, one_of};

/// A method by which clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// `anonymous`.
    Anonymous,
    /// `ticket`.
    Ticket,
    /// `wampcra`.
    WampCra,
    /// `scram`.
    Scram,
    /// `cryptosign`.
    Cryptosign,
    /// `tls`.
    Tls,
    /// One of the program's own, by the name that it has in `auth`.
    Own(String),
}

const METHODS: &Words<AuthMethod> = &[
    ("anonymous", AuthMethod::Anonymous),
    ("ticket", AuthMethod::Ticket),
    ("wampcra", AuthMethod::WampCra),
    ("scram", AuthMethod::Scram),
    ("cryptosign", AuthMethod::Cryptosign),
    ("tls", AuthMethod::Tls),
];

impl AuthMethod {
    /// As it is written in `auth`.
    pub fn name(&self) -> &str {
        match self {
            Self::Own(name) => name,
            known => known.key(),
        }
    }

    /// The same, of a method of WAMP.
    pub(crate) fn key(&self) -> &'static str {
        METHODS.iter().find(|(_, method)| method == self).map_or("", |(name, _)| name)
    }

    /// Whether a transport has it.
    fn is_offered(&self, auth: &Auth) -> bool {
        match self {
            Self::Own(name) => auth.own.iter().any(|own| own.name == *name),
            Self::Anonymous => auth.anonymous.is_some(),
            Self::Ticket => auth.ticket.is_some(),
            Self::WampCra => auth.wampcra.is_some(),
            Self::Scram => auth.scram.is_some(),
            Self::Cryptosign => auth.cryptosign.is_some(),
            Self::Tls => auth.tls.is_some(),
        }
    }
}

/// A method that stands in a role. Whether it is of any use shows once the transports have been read.
pub(crate) struct Wanted {
    method: AuthMethod,
    path: String,
    range: Range<usize>,
}

/// Reads `authmethods`, if it is set.
pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Vec<AuthMethod>> {
    let at = fields.set("authmethods")?;
    let list = reading.elements(&at, "a list of authentication methods");
    if list.is_empty() && matches!(at.item.value, Value::List(_)) {
        let message = "`authmethods` is empty, so that nobody gets this role";
        reading.report(&at, Finding::error(message).expected("one method or more, or no `authmethods`"));
    }
    let mut methods = Vec::new();
    for at in list {
        let Some(method) = method(reading, &at) else { continue };
        if methods.contains(&method) {
            reading.report(&at, Finding::warning("this method is in the list already"));
            continue;
        }
        methods.push(method.clone());
        reading.wanted.push(Wanted { method, path: at.path, range: at.range });
    }
    Some(methods)
}

fn method(reading: &mut Reading<'_>, at: &At<'_>) -> Option<AuthMethod> {
    if matches!(&at.item.value, Value::String(text) if text == "cookie") {
        let message = "a cookie counts as the method by which it was got";
        reading.report(at, Finding::error(message).expected("that method"));
        return None;
    }
    let Value::String(word) = &at.item.value else {
        reading.wrong_type(at, &one_of(METHODS.iter().map(|(word, _)| *word)));
        return None;
    };
    reading.note(&at.path, || Shape::words(METHODS));
    reading.note(&at.path, || Shape::Pattern("^[a-z][a-z0-9_.-]{0,63}$"));
    let known = METHODS.iter().find(|(name, _)| name == word).map(|(_, method)| method.clone());
    let has_own = reading.host.is_none_or(|host| !host.login_methods().is_empty());
    match known {
        Some(method) => Some(method),
        None if has_own && is_method_name(word) => {
            reading.is_text(at);
            Some(AuthMethod::Own(word.clone()))
        }
        None => {
            let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
            reading.report(at, Finding::unknown(at.key, word, &names));
            None
        }
    }
}

/// Tells of methods in the roles of a worker that none of its transports has.
pub(crate) fn warn_of_missing(reading: &mut Reading<'_>, auths: &[&Auth]) {
    // Their clients have proven themselves elsewhere, by whatever method.
    let has_proxies = auths.iter().any(|auth| auth.anonymous_proxy || auth.cryptosign_proxy.is_some());
    for Wanted { method, path, range } in std::mem::take(&mut reading.wanted) {
        let is_offered = auths.iter().any(|auth| method.is_offered(auth));
        if let AuthMethod::Own(name) = &method
            && !is_offered
            && !has_proxies
        {
            let own = auths.iter().flat_map(|auth| &auth.own).map(|own| own.name.as_str());
            let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).chain(own).collect();
            reading.add(range, &path, Finding::unknown("authmethod", name, &names));
            continue;
        }
        if !auths.is_empty() && !is_offered {
            let message = format!("no transport of this worker has `{}` in its `auth`", method.name());
            reading.add(range, &path, Finding::warning(message));
        }
    }
}
