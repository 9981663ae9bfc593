//! What the clients of all methods have in common.

use super::{By, warn_of_method};
use crate::reading::{At, Fields, Finding, Reading};

/// Reads the clients of a method by authid. `read` is told the authid, the role and the realm.
pub(super) fn read<T>(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    by: &By<'_>,
    read: fn(&mut Reading<'_>, &mut Fields<'_>, Who) -> Option<T>,
) -> Vec<T> {
    let Some(at) = fields.required(reading, key) else { return Vec::new() };
    let Some(named) = reading.object(at, "clients by authid") else { return Vec::new() };
    if named.is_empty() {
        reading.report(&named.at.start(), Finding::warning("nobody can join by this method"));
    }
    let mut principals = Vec::new();
    for (entry, at) in named.named(reading) {
        let Some(mut fields) = reading.object(at, "a client") else { continue };
        let who = who(reading, &mut fields, &entry.key, by);
        principals.extend(read(reading, &mut fields, who));
        fields.finish(reading);
    }
    principals
}

/// Who a client is.
pub(super) struct Who {
    pub(super) authid: String,
    pub(super) role: String,
    pub(super) realm: Option<String>,
}

fn who(reading: &mut Reading<'_>, fields: &mut Fields<'_>, authid: &str, by: &By<'_>) -> Who {
    if authid.is_empty() || authid.len() > AUTHID_LEN_MAX {
        let message = format!("an authid has 1 to {AUTHID_LEN_MAX} bytes");
        reading.report(&fields.at.start(), Finding::error(message));
    }
    let realm = fields.text(reading, "realm");
    if let (Some(at), Some(name)) = (fields.get("realm"), &realm) {
        by.look_for_realm(reading, &at, name);
    }
    fields.elsewhere("authrole", "the key `role`");
    let role = fields.required(reading, "role").and_then(|at| {
        let role = reading.text(&at)?;
        by.look_for_role(reading, &at, &role, realm.as_deref());
        warn_of_method(reading, &at, &role, realm.as_deref(), by);
        Some(role)
    });
    Who { authid: authid.to_owned(), role: role.unwrap_or_default(), realm }
}

/// The longest authid, in bytes.
const AUTHID_LEN_MAX: usize = 1024;

/// So many bytes from a text of hexadecimal digits, in which colons may stand; any number of bytes from 1 if `len` is 0.
pub(super) fn hexadecimal(reading: &mut Reading<'_>, at: &At<'_>, len: usize) -> Option<Vec<u8>> {
    let text = reading.text(at)?.replace(':', "");
    let bytes: Option<Vec<u8>> = (text.is_ascii() && text.len() % 2 == 0)
        .then(|| (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect())
        .flatten()
        .filter(|bytes: &Vec<u8>| {
            text.bytes().all(|b| b.is_ascii_hexdigit()) && (len == 0 || bytes.len() == len)
        });
    if bytes.is_none() {
        let expected = match len {
            0 => "an even number of hexadecimal digits".to_owned(),
            len => format!("{} hexadecimal digits", 2 * len),
        };
        let message = format!("{} is not what it has to be", at.name());
        reading.report(at, Finding::error(message).expected(expected));
    }
    bytes
}
