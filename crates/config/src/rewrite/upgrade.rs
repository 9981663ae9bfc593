//! From version 1 of the configuration to version 2.
//!
//! Version 1 had no `version`. Its permissions named their actions beside `uri`, and had no `disclose` and `cache`; a URI could end
//! with a star. Everything else is the same.

use crate::document::{Entry, Item, Value};

/// Why nothing was done.
pub(super) struct NotUpgraded {
    pub(super) message: String,
    pub(super) expected: Option<String>,
}

const ACTIONS: [&str; 4] = ["call", "register", "publish", "subscribe"];

/// Changes the tree, and says what was changed.
pub(super) fn upgrade(root: &mut Item) -> Result<Vec<String>, NotUpgraded> {
    let Value::Object(entries) = &mut root.value else {
        let message = format!("this is {} and no configuration", root.kind());
        return Err(NotUpgraded { message, expected: Some("an object".to_owned()) });
    };
    check_version(entries)?;
    entries.retain(|entry| entry.key != "version");
    entries.insert(0, new("version", Value::Integer(2)));
    let mut count = 0;
    for permission in permissions(entries) {
        if let Value::Object(permission) = &mut permission.value {
            upgrade_permission(permission);
            count += 1;
        }
    }
    let (noun, them) = if count == 1 { ("permission", "it") } else { ("permissions", "them") };
    Ok(vec!["`version` is 2 now".to_owned(), format!("{count} {noun} now written as version 2 has {them}")])
}

fn check_version(entries: &[Entry]) -> Result<(), NotUpgraded> {
    let version = entries.iter().find(|entry| entry.key == "version").map(|entry| &entry.item.value);
    let message = match version {
        None | Some(Value::Integer(1)) => return Ok(()),
        Some(Value::Integer(2)) => "the configuration is of version 2 already".to_owned(),
        Some(Value::Integer(other)) => format!("version {other} is not known"),
        Some(_) => "`version` is not a number".to_owned(),
    };
    Err(NotUpgraded { message, expected: Some("version 1, or no `version`".to_owned()) })
}

/// Every permission of every role of every realm.
fn permissions(root: &mut [Entry]) -> impl Iterator<Item = &mut Item> {
    elements(root, "workers")
        .flat_map(|worker| below(worker, "realms"))
        .flat_map(|realm| below(realm, "roles"))
        .flat_map(|role| below(role, "permissions"))
}

fn below<'i>(item: &'i mut Item, key: &'static str) -> Box<dyn Iterator<Item = &'i mut Item> + 'i> {
    match &mut item.value {
        Value::Object(entries) => elements(entries, key),
        _ => Box::new(std::iter::empty()),
    }
}

fn elements<'i>(entries: &'i mut [Entry], key: &'static str) -> Box<dyn Iterator<Item = &'i mut Item> + 'i> {
    let list = entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.item.value);
    match list {
        Some(Value::List(items)) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

fn upgrade_permission(permission: &mut Vec<Entry>) {
    let has = |permission: &[Entry], key: &str| permission.iter().any(|entry| entry.key == key);
    if !has(permission, "match") {
        split_star(permission);
    }
    if !has(permission, "allow") {
        let allow = take_actions(permission);
        permission.push(new("allow", Value::Object(allow)));
    }
    if !has(permission, "disclose") {
        let no = |key| new(key, Value::Bool(false));
        permission.push(new("disclose", Value::Object(vec![no("caller"), no("publisher")])));
    }
    if !has(permission, "cache") {
        permission.push(new("cache", Value::Bool(true)));
    }
}

/// A star says how a URI is compared; version 2 has `match` for that.
fn split_star(permission: &mut Vec<Entry>) {
    let Some(at) = permission.iter().position(|entry| entry.key == "uri") else { return };
    let Value::String(uri) = &mut permission[at].item.value else { return };
    let matching = match uri.strip_suffix('*') {
        Some(prefix) if !prefix.contains('*') => {
            *uri = prefix.to_owned();
            "prefix"
        }
        _ if uri.contains('*') => {
            *uri = uri.replace('*', "");
            "wildcard"
        }
        _ => "exact",
    };
    permission.insert(at + 1, new("match", Value::String(matching.to_owned())));
}

/// All four actions; those that are not there are not allowed.
fn take_actions(permission: &mut Vec<Entry>) -> Vec<Entry> {
    let mut allow = Vec::new();
    for action in ACTIONS {
        let given = permission.iter().position(|entry| entry.key == action);
        allow.push(given.map_or_else(|| new(action, Value::Bool(false)), |at| permission.remove(at)));
    }
    allow
}

fn new(key: &str, value: Value) -> Entry {
    Entry { key: key.to_owned(), key_range: 0..0, item: Item::new(value, 0..0) }
}
