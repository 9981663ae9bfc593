//! `cookie` of WebSocket: how browsers are known again.

use std::path::PathBuf;

use crate::reading::{At, Fields, Finding, Reading, quoted};

/// Cookies that WebSocket handshakes set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// `name`: 2 or more of a-z, 0-9 and `_`, a letter first. Default: `cbtid`.
    pub name: String,
    /// `length`: characters of the value, 6 to 64. Default: 24.
    pub length: u8,
    /// `max_age`: how long it is remembered, 1 to 315360000 seconds. Default: 604800, a week.
    pub max_age: u32,
    /// `secure`: whether browsers send it over TLS only. Default: false.
    pub secure: bool,
    /// `http_strict`: whether it is hidden from scripts. Default: false.
    pub http_strict: bool,
    /// `same_site`: `Strict`, `Lax` or `None`. Default: not said.
    pub same_site: Option<&'static str>,
    /// `store`: where they are kept. Default: in memory.
    pub store: CookieStore,
}

/// `store` of cookies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CookieStore {
    /// `"type": "memory"`.
    #[default]
    Memory,
    /// `"type": "file"`.
    File {
        /// `filename`: a file of JSON lines. Needed.
        filename: PathBuf,
        /// `purge_on_startup`: forget what it holds. Default: false.
        purge_on_startup: bool,
    },
    /// `"type": "database"`: SQLite.
    Database {
        /// `path`: the database. Needed.
        path: PathBuf,
        /// `purge_on_startup`: forget what it holds. Default: false.
        purge_on_startup: bool,
    },
    /// `"type": "rust"`: a store that is linked into the program. Not in Crossbar.io.
    Linked {
        /// `name`: by which it was registered. Needed.
        name: String,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    File,
    Database,
    Linked,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "cbtid".to_owned(),
            length: 24,
            max_age: 604_800,
            secure: false,
            http_strict: false,
            same_site: None,
            store: CookieStore::Memory,
        }
    }
}

impl Cookie {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let words = &[("Strict", "Strict"), ("Lax", "Lax"), ("None", "None")];
        let name = fields.text(reading, "name");
        if let (Some(at), Some(name)) = (fields.get("name"), &name) {
            check_name(reading, &at, name);
        }
        let cookie = Self {
            name: name.unwrap_or(default.name),
            length: fields.int(reading, "length", 6..=64, "characters").unwrap_or(default.length),
            max_age: fields.int(reading, "max_age", 1..=315_360_000, "seconds").unwrap_or(default.max_age),
            secure: fields.bool(reading, "secure", default.secure),
            http_strict: fields.bool(reading, "http_strict", default.http_strict),
            same_site: fields.word(reading, "same_site", words),
            store: fields
                .object(reading, "store", "the store of cookies")
                .and_then(|fields| CookieStore::read(reading, fields))
                .unwrap_or_default(),
        };
        if cookie.length < 16
            && let Some(at) = fields.get("length")
        {
            let message = "a cookie this short can be guessed";
            reading.report(&at, Finding::warning(message).expected("16 characters or more"));
        }
        fields.finish(reading);
        cookie
    }
}

fn check_name(reading: &mut Reading<'_>, at: &At<'_>, name: &str) {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_inner);
    if !is_name {
        let finding = Finding::error(format!("{} cannot be the name of a cookie", quoted(name)));
        reading.report(at, finding.expected("2 or more of a-z, 0-9 and `_`, a letter first"));
    }
}

impl CookieStore {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let words = &[
            ("memory", Kind::Memory),
            ("file", Kind::File),
            ("database", Kind::Database),
            ("rust", Kind::Linked),
        ];
        let kind = fields.required(reading, "type").and_then(|at| reading.word(&at, words))?;
        let file = |reading: &mut Reading<'_>, fields: &mut Fields<'_>, key| {
            let path = fields.required(reading, key).and_then(|at| {
                let path = reading.text(&at).map(|name| reading.path(&name))?;
                reading.existing_parent(&at, &path);
                Some(path)
            });
            (path.unwrap_or_else(|| reading.path("")), fields.bool(reading, "purge_on_startup", false))
        };
        let store = match kind {
            Kind::Memory => Self::Memory,
            Kind::Linked => {
                let name = fields.required(reading, "name").and_then(|at| reading.text(&at));
                Self::Linked { name: name? }
            }
            Kind::File => {
                let (filename, purge_on_startup) = file(reading, &mut fields, "filename");
                Self::File { filename, purge_on_startup }
            }
            Kind::Database => {
                let (path, purge_on_startup) = file(reading, &mut fields, "path");
                fields.no_effect(reading, "maxsize", "an SQLite database grows as it has to");
                fields.no_effect(reading, "readonly", "cookies that cannot be written are of no use");
                fields.fixed(reading, "sync", true, "cookies are always written through");
                Self::Database { path, purge_on_startup }
            }
        };
        fields.finish(reading);
        Some(store)
    }
}
