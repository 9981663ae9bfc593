//! `permissions[]`: what a role may do with some URIs.

use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};
use crate::template::check_placeholders;

/// A rule of a role for the URIs that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// `uri`: the URI or pattern, without stars: `com.example.` for `com.example.*`, `com..get` for `com.*.get`.
    pub uri: String,
    /// `match`. Default: read from the stars in `uri`: one at the end is `prefix`, one as a component is `wildcard`,
    /// none is `exact`.
    pub matching: Matching,
    /// `allow`.
    pub allow: Allow,
    /// `disclose`.
    pub disclose: Disclose,
    /// `cache`: whether the decision may be remembered. Static rules need no cache. Default: false.
    pub cache: bool,
    /// `trustlevel`: how far what the role publishes and calls with these URIs is trusted, told to the receivers. 0 is lowest.
    /// Default: that of a less specific rule that has one, or of the role.
    pub trustlevel: Option<u64>,
    /// `validate`: the types of payloads. Default: they are not checked.
    pub validate: Option<Validate>,
    /// The JSON path of the permission in the file.
    pub path: String,
}

/// `validate` of a permission: the type, in the realm's inventory, of each kind of payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validate {
    /// The keys that are given, with the type of each: `call`, `call_progress`, `call_result`, `call_result_progress`,
    /// `call_error`, `event` and `event_result`.
    pub types: Vec<(&'static str, String)>,
}

/// How the `uri` of a permission is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matching {
    /// `exact`: the same.
    Exact,
    /// `prefix`: begins with it, character by character.
    Prefix,
    /// `wildcard`: the same in all components that are not empty.
    Wildcard,
}

/// `allow` of a permission: the actions. Default: none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// `call` a procedure.
    pub call: bool,
    /// `register` a procedure.
    pub register: bool,
    /// `publish` to a topic.
    pub publish: bool,
    /// `subscribe` to a topic.
    pub subscribe: bool,
}

/// `disclose` of a permission: who learns who did it. True: always; false: never; default: if the session asks for it, with
/// `disclose_me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disclose {
    /// `caller`: callees learn the caller.
    pub caller: Option<bool>,
    /// `publisher`: subscribers learn the publisher.
    pub publisher: Option<bool>,
}

pub(crate) const MATCHING: &[(&str, Matching)] =
    &[("exact", Matching::Exact), ("prefix", Matching::Prefix), ("wildcard", Matching::Wildcard)];

impl Permission {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let path = reading.mark(&at);
        let mut fields = reading.object(at, "a permission")?;
        let matching = fields.word(reading, "match", MATCHING);
        let is_matching_given = fields.get("match").is_some();
        // A wrong `match` is a problem of its own: the URI is then checked by the rule that refuses least.
        // `uri` may be empty: as a prefix it matches everything.
        let (uri, matching) = match fields.get("uri") {
            Some(at) if is_matching_given => given(reading, &at, matching.unwrap_or(Matching::Wildcard))?,
            Some(at) => starred(reading, &at)?,
            None => {
                fields.missing(reading, "uri");
                (String::new(), Matching::Exact)
            }
        };
        let allow = fields.object(reading, "allow", "`allow`").map(|fields| Allow::read(reading, fields));
        let disclose =
            fields.object(reading, "disclose", "`disclose`").map(|fields| Disclose::read(reading, fields));
        let cache = fields.bool(reading, "cache", false);
        let trustlevel = fields.trustlevel(reading);
        let validate =
            fields.object(reading, "validate", "`validate`").map(|fields| Validate::read(reading, fields));
        fields.not_built(reading, "validate", "validation of payloads");
        for action in ["call", "register", "publish", "subscribe"] {
            fields.elsewhere(action, "it under `allow`");
        }
        for discloses in ["caller", "publisher"] {
            fields.elsewhere(discloses, "it under `disclose`");
        }
        fields.finish(reading);
        Some(Self {
            uri,
            matching,
            allow: allow.unwrap_or_default(),
            disclose: disclose.unwrap_or_default(),
            cache,
            trustlevel,
            validate,
            path,
        })
    }
}

/// A URI with its own `match`: stars have no meaning in it.
fn given(reading: &mut Reading<'_>, at: &At<'_>, matching: Matching) -> Option<(String, Matching)> {
    let uri = uri_text(reading, at)?;
    if uri.contains('*') {
        let message = format!("a star in {} means nothing when `match` is given", quoted(&uri));
        reading.report(at, Finding::warning(message).expected("no star, or no `match`"));
    }
    check(reading, at, &uri, matching);
    check_placeholders(reading, at, &uri);
    Some((uri, matching))
}

/// A URI without `match`: its stars say how it is meant.
fn starred(reading: &mut Reading<'_>, at: &At<'_>) -> Option<(String, Matching)> {
    let uri = uri_text(reading, at)?;
    let (pattern, matching) = match uri.matches('*').count() {
        0 => (uri.clone(), Matching::Exact),
        1 if uri.ends_with('*') => (uri[..uri.len() - 1].to_owned(), Matching::Prefix),
        _ => {
            if uri.split('.').any(|component| component.contains('*') && component != "*") {
                let message = format!("a star in {} stands for a part of a component", quoted(&uri));
                reading.report(
                    at,
                    Finding::error(message).expected("stars for whole components, or one at the end"),
                );
            }
            (uri.replace('*', ""), Matching::Wildcard)
        }
    };
    check(reading, at, &pattern, matching);
    check_placeholders(reading, at, &pattern);
    Some((pattern, matching))
}

/// The URI or pattern at this place; it may be empty.
pub(crate) fn uri_text(reading: &mut Reading<'_>, at: &At<'_>) -> Option<String> {
    reading.note(&at.path, || Shape::Text);
    match &at.item.value {
        crate::document::Value::String(uri) => {
            reading.is_text(at);
            Some(uri.clone())
        }
        _ => {
            reading.wrong_type(at, "a URI");
            None
        }
    }
}

/// Reports a URI or pattern that is none.
pub(crate) fn check(reading: &mut Reading<'_>, at: &At<'_>, uri: &str, matching: Matching) {
    let has_bad_character = uri.chars().any(|character| character.is_whitespace() || character == '#');
    let empty = uri.split('.').filter(|component| component.is_empty()).count();
    let is_complete = match matching {
        Matching::Exact => empty == 0,
        // The last component of a prefix may be cut off anywhere.
        Matching::Prefix => empty == usize::from(uri.is_empty() || uri.ends_with('.')),
        Matching::Wildcard => true,
    };
    if has_bad_character || !is_complete {
        let message = format!("{} is not a URI", quoted(uri));
        let expected = "components without white space and `#`, with dots between them";
        reading.report(at, Finding::error(message).expected(expected));
    }
}

impl Validate {
    /// Crossbar.io checks one name and looks for another one: both are taken.
    const KEYS: &[(&'static str, &'static str)] = &[
        ("call", "call"),
        ("call_progress", "call_progress"),
        ("call_result", "call_result"),
        ("call_result_progress", "call_result_progress"),
        ("call_error", "call_error"),
        ("event", "event"),
        ("event_result", "event_result"),
        ("event_confirmation", "event_result"),
    ];

    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let mut types = Vec::new();
        for (key, meaning) in Self::KEYS {
            types.extend(fields.text(reading, key).map(|name| (*meaning, name)));
        }
        fields.any(reading, "extra");
        fields.finish(reading);
        Self { types }
    }
}

impl Allow {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let allow = Self {
            call: fields.bool(reading, "call", false),
            register: fields.bool(reading, "register", false),
            publish: fields.bool(reading, "publish", false),
            subscribe: fields.bool(reading, "subscribe", false),
        };
        fields.finish(reading);
        allow
    }
}

impl Disclose {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let disclose = Self {
            caller: fields.bool_if_set(reading, "caller"),
            publisher: fields.bool_if_set(reading, "publisher"),
        };
        fields.finish(reading);
        disclose
    }
}
