//! `store` of a realm: which events it keeps for those who ask later, and which calls may wait.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::document::Value;
use crate::permission::{MATCHING, Matching, check, uri_text};
use crate::reading::{At, Fields, Finding, Reading, quoted};

/// Rules of one list.
const RULES_MAX: usize = 1_000;
/// Ten years.
const AGE_MAX_S: i64 = 315_360_000;

/// What a realm keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// `type`, and what belongs to it.
    pub kind: StoreKind,
    /// `event-history`: the events that are kept. Default: none.
    pub event_history: Vec<EventHistory>,
    /// `call-queue`: how many calls may wait. Default: as the controller's limits say.
    pub call_queue: Vec<CallQueue>,
}

/// Where the events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// `"type": "memory"`: forgotten when the node ends.
    Memory,
    /// `"type": "sqlite"`: also in a file, from which they are there again after a restart.
    Sqlite {
        /// `path`: the database, made if it is not there. Needed.
        path: PathBuf,
    },
    /// `"type": "rust"`: also in a store that is linked into the program. Not in Crossbar.io.
    Linked {
        /// `name`: by which it was registered. Needed.
        name: String,
    },
}

/// `event-history[]`: the events of one topic or pattern, up to whichever bound is met first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHistory {
    /// `uri`: the topic or pattern. Needed.
    pub uri: String,
    /// `match`: `exact`, `prefix` or `wildcard`. Default: `exact`.
    pub matching: Matching,
    /// `limit`: the newest so many, 1 to 1000000. Default: `limit` of the store, and that is 100.
    pub limit: u32,
    /// `bytes`: bytes of the events, 1024 to 68719476736. Default: 16777216. Not in Crossbar.io.
    pub bytes: u64,
    /// `age`: how long they are kept, 1 to 315360000 seconds. Default: as long as there is room. Not in Crossbar.io.
    pub age: Option<u32>,
}

/// `call-queue[]`: how many calls wait for the callees of one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallQueue {
    /// `uri`: the procedure or pattern. Needed.
    pub uri: String,
    /// `match`: `exact`, `prefix` or `wildcard`. Default: `exact`.
    pub matching: Matching,
    /// `limit`: so many, 0 to 1000000. Default: `limit` of the store, and that is 100.
    pub limit: u32,
}

#[derive(Clone, Copy)]
enum Word {
    Memory,
    Sqlite,
    Linked,
}

impl Store {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let kind = kind(reading, &mut fields)?;
        let limit = fields.int(reading, "limit", 1..=1_000_000, "events").unwrap_or(100);
        let list = rules(reading, &mut fields, "event-history");
        let mut seen = Seen::default();
        let event_history: Vec<_> =
            list.into_iter().filter_map(|at| EventHistory::read(reading, at, limit, &mut seen)).collect();
        let list = rules(reading, &mut fields, "call-queue");
        let mut seen = Seen::default();
        let call_queue =
            list.into_iter().filter_map(|at| CallQueue::read(reading, at, limit, &mut seen)).collect();
        if kind != StoreKind::Memory && event_history.is_empty() {
            let message = "this store keeps nothing, as it has no rules";
            reading.report(&fields.at.start(), Finding::warning(message).expected("`event-history`"));
        }
        fields.finish(reading);
        Some(Self { kind, event_history, call_queue })
    }
}

fn kind(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<StoreKind> {
    let at = fields.required(reading, "type")?;
    if matches!(&at.item.value, Value::String(word) if word == "cfxdb") {
        let message = "the database of Crossbar.io, `cfxdb`, cannot be read";
        reading.report(&at, Finding::error(message).expected("`sqlite`, which begins empty, or `memory`"));
        return None;
    }
    let words = &[("memory", Word::Memory), ("sqlite", Word::Sqlite), ("rust", Word::Linked)];
    match reading.word(&at, words)? {
        Word::Memory => Some(StoreKind::Memory),
        Word::Sqlite => Some(sqlite(reading, fields)),
        Word::Linked => {
            let name = fields.required(reading, "name").and_then(|at| reading.text(&at));
            Some(StoreKind::Linked { name: name? })
        }
    }
}

fn sqlite(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> StoreKind {
    let path = fields.required(reading, "path").and_then(|at| {
        let path = reading.text(&at).map(|name| reading.path(&name))?;
        check_is_new(reading, &at, &path);
        reading.existing_parent(&at, &path);
        Some(path)
    });
    fields.no_effect(reading, "maxsize", "the file is as large as the bounds of `event-history` make it");
    fields.no_effect(reading, "readonly", "a history that cannot be written is of no use");
    fields.no_effect(reading, "sync", "events are written at once, and by the system to the disk soon after");
    fields.no_effect(reading, "max-buffer", "the router chooses how many events wait to be written");
    fields.no_effect(reading, "buffer-flush", "events are written at once");
    StoreKind::Sqlite { path: path.unwrap_or_default() }
}

/// Each realm has a file of its own.
fn check_is_new(reading: &mut Reading<'_>, at: &At<'_>, path: &std::path::Path) {
    let line = reading.line(at.range.start);
    match reading.stores.get(path) {
        Some(first) => {
            let message = format!("another realm keeps its events in this file, on line {first}");
            reading.report(at, Finding::error(message).expected("a file for each realm"));
        }
        None => drop(reading.stores.insert(path.to_owned(), line)),
    }
}

fn rules<'d>(reading: &mut Reading<'_>, fields: &mut Fields<'d>, key: &'static str) -> Vec<At<'d>> {
    let mut list = fields.list(reading, key, "a list of rules");
    if let Some(one_too_many) = list.get(RULES_MAX) {
        let message = format!("`{key}` has {} rules", list.len());
        reading.report(one_too_many, Finding::error(message).expected(format!("at most {RULES_MAX}")));
        list.truncate(RULES_MAX);
    }
    list
}

/// The topics and patterns that have a rule, with the line.
#[derive(Default)]
struct Seen(HashMap<(String, Matching), usize>);

/// `uri` and `match` of a rule.
fn pattern(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    seen: &mut Seen,
) -> Option<(String, Matching)> {
    let matching = fields.word(reading, "match", MATCHING).unwrap_or(Matching::Exact);
    let at = fields.required(reading, "uri")?;
    let uri = uri_text(reading, &at)?;
    if uri.contains('*') {
        let message = format!("a star in {} means nothing here", quoted(&uri));
        reading.report(&at, Finding::warning(message).expected("no star, and `match`"));
    }
    check(reading, &at, &uri, matching);
    let line = reading.line(at.range.start);
    if let Some(first) = seen.0.insert((uri.clone(), matching), line) {
        let message =
            format!("there is a rule for {} with this `match` already, on line {first}", quoted(&uri));
        reading.report(&at, Finding::error(message).expected("one rule for each"));
    }
    Some((uri, matching))
}

impl EventHistory {
    fn read(reading: &mut Reading<'_>, at: At<'_>, limit: u32, seen: &mut Seen) -> Option<Self> {
        let mut fields = reading.object(at, "a rule of the event history")?;
        let pattern = pattern(reading, &mut fields, seen);
        let limit = fields.int(reading, "limit", 1..=1_000_000, "events").unwrap_or(limit);
        let bytes = fields.int(reading, "bytes", 1_024..=64 << 30, "bytes").unwrap_or(16 << 20);
        let age = fields.int(reading, "age", 1..=AGE_MAX_S, "seconds");
        fields.finish(reading);
        let (uri, matching) = pattern?;
        Some(Self { uri, matching, limit, bytes, age })
    }
}

impl CallQueue {
    fn read(reading: &mut Reading<'_>, at: At<'_>, limit: u32, seen: &mut Seen) -> Option<Self> {
        let mut fields = reading.object(at, "a rule of the call queue")?;
        let pattern = pattern(reading, &mut fields, seen);
        let limit = fields.int(reading, "limit", 0..=1_000_000, "calls").unwrap_or(limit);
        fields.finish(reading);
        let (uri, matching) = pattern?;
        Some(Self { uri, matching, limit })
    }
}
