//! The SQLite file: one row for each event that is kept, under the event's number.
//!
//! An event is kept as a PUBLISH message in the serializer of its payload, so that the payload stays the bytes it was and what
//! is read back is checked like anything that comes from outside.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use crossweave_router_core::boundary::Publisher;
use crossweave_router_core::{Record, Recorded};
use crossweave_wamp::{Message, PublicationId, Serializer, SessionId};
use rusqlite::{Connection, OpenFlags, Row, params};

use super::shelves::Entry;

/// Marks a database as one of these: "CWEH".
const APPLICATION_ID: i32 = 0x4357_4548;
/// The version of its tables. Those of version 1 have no `trustlevel`, and get it when they are opened.
const VERSION: i32 = 2;
/// How long another process that is about to end is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

const TABLES: &str = "
    CREATE TABLE about (realm TEXT NOT NULL);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        publication INTEGER NOT NULL,
        unix_ms INTEGER NOT NULL,
        topic TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        publisher INTEGER,
        publisher_authid TEXT,
        publisher_authrole TEXT,
        trustlevel INTEGER,
        serializer TEXT NOT NULL,
        publish BLOB NOT NULL
    );";

/// An open file with the events of one realm.
pub(super) struct HistoryFile {
    database: Connection,
}

impl HistoryFile {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path, realm: &str) -> Result<HistoryFile, String> {
        // SQLite would make it readable by everybody.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        file.map_err(|why| why.to_string())?;
        let database = open(path).map_err(explain)?;
        check(&database, realm)?;
        Ok(HistoryFile { database })
    }

    /// Looks at what is there, from the newest on.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(Entry<'_>)) -> rusqlite::Result<()> {
        let mut query =
            self.database.prepare("SELECT number, topic, bytes, unix_ms FROM events ORDER BY number DESC")?;
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            let topic: String = row.get(1)?;
            let (number, bytes, unix_ms) = (number(row, 0)?, number(row, 2)?, number(row, 3)?);
            visit(Entry { number, topic: &topic, bytes, unix_ms });
        }
        Ok(())
    }

    /// All events in it, oldest first, and the numbers of those that cannot be read.
    pub(super) fn read(&self) -> rusqlite::Result<(Vec<Record>, Vec<u64>)> {
        let mut query = self.database.prepare(
            "SELECT number, publication, unix_ms, publisher, publisher_authid, publisher_authrole, serializer, publish,
                trustlevel FROM events ORDER BY number",
        )?;
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            match record(row)? {
                Some(record) => records.push(record),
                None => unreadable.push(number(row, 0)?),
            }
        }
        Ok((records, unreadable))
    }

    /// Writes events, all or none.
    pub(super) fn insert(&mut self, events: &[&Recorded]) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO events (number, publication, unix_ms, topic, bytes, publisher, publisher_authid,
                    publisher_authrole, trustlevel, serializer, publish)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            for event in events {
                let Record { number, publication, unix_ms, publisher, trustlevel, publish } =
                    event.to_record();
                let serializer = publish.payload.serializer();
                let publisher = publisher.as_ref();
                insert.execute(params![
                    signed(number),
                    signed(publication.0),
                    signed(unix_ms),
                    event.topic(),
                    signed(event.bytes() as u64),
                    publisher.map(|it| signed(it.session.0)),
                    publisher.map(|it| &*it.authid),
                    publisher.map(|it| &*it.authrole),
                    trustlevel.map(signed),
                    name(serializer),
                    Message::Publish(publish).to_bytes(serializer),
                ])?;
            }
        }
        transaction.commit()
    }

    /// Deletes events, all or none.
    pub(super) fn delete(&mut self, numbers: &[u64]) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        {
            let mut delete = transaction.prepare_cached("DELETE FROM events WHERE number = ?1")?;
            for number in numbers {
                delete.execute([signed(*number)])?;
            }
        }
        transaction.commit()
    }
}

#[cfg(test)]
impl HistoryFile {
    /// Lets the file be no larger than so many pages, as a full disk would.
    pub(super) fn bound_pages(&self, max: i64) {
        self.database.pragma_update(None, "max_page_count", max).unwrap();
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(BUSY_TIMEOUT)?;
    // Two routers that write one history would each delete the other's events.
    database.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the system may cost the last events, never the file.
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(database)
}

/// Makes the tables in an empty file; otherwise it must be one of this realm, and whole.
fn check(database: &Connection, realm: &str) -> Result<(), String> {
    let pragma = |name| database.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(explain);
    let tables: i64 =
        database.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(explain)?;
    if tables == 0 {
        return make(database, realm).map_err(explain);
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err("it is another program's database".to_owned());
    }
    let version = pragma("user_version")?;
    if !(1..=VERSION).contains(&version) {
        return Err(format!("it is of version {version}, and this program knows versions up to {VERSION}"));
    }
    let whole: String = database.query_row("PRAGMA quick_check(1)", (), |row| row.get(0)).map_err(explain)?;
    if whole != "ok" {
        return Err(format!("the file is damaged ({whole}); move it away, and the history begins anew"));
    }
    let owner: String =
        database.query_row("SELECT realm FROM about", (), |row| row.get(0)).map_err(explain)?;
    match owner == realm {
        true if version < VERSION => renew(database).map_err(explain),
        true => Ok(()),
        false => Err(format!("it has the events of realm {owner:?}")),
    }
}

fn make(database: &Connection, realm: &str) -> rusqlite::Result<()> {
    database.execute_batch("BEGIN")?;
    database.execute_batch(TABLES)?;
    database.execute("INSERT INTO about VALUES (?1)", [realm])?;
    database.pragma_update(None, "application_id", APPLICATION_ID)?;
    database.pragma_update(None, "user_version", VERSION)?;
    database.execute_batch("COMMIT")
}

/// Gives a file of an earlier version what it lacks, whole or not at all.
fn renew(database: &Connection) -> rusqlite::Result<()> {
    let transaction = database.unchecked_transaction()?;
    transaction.execute("ALTER TABLE events ADD COLUMN trustlevel INTEGER", ())?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What SQLite says, and what to do about it.
pub(super) fn explain(error: rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("{error}; move the file away, and the history begins anew")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{error}: another program has it open, perhaps another Crossweave")
        }
        _ => error.to_string(),
    }
}

/// An event; nothing if the row makes none.
fn record(row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
    let (serializer, publish): (String, Vec<u8>) = (row.get(6)?, row.get(7)?);
    let Some(serializer) = parse(&serializer) else { return Ok(None) };
    let Ok(Message::Publish(publish)) = Message::decode(serializer, &publish).map(Message::into_owned) else {
        return Ok(None);
    };
    let publisher = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(session) => Some(Publisher {
            session: SessionId(session.unsigned_abs()),
            authid: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            authrole: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        }),
    };
    let publication = PublicationId(number(row, 1)?);
    let trustlevel = row.get::<_, Option<i64>>(8)?.and_then(|level| u64::try_from(level).ok());
    let (number, unix_ms) = (number(row, 0)?, number(row, 2)?);
    Ok(Some(Record { number, publication, unix_ms, publisher, trustlevel, publish }))
}

/// A number that is not negative.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// SQLite's integers have a sign; ids and times are far from it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The serializer's name in the file. UBJSON has two encodings under one name elsewhere.
pub(super) fn name(serializer: Serializer) -> &'static str {
    match serializer {
        Serializer::BjData => "bjdata",
        other => other.name(),
    }
}

pub(super) fn parse(name: &str) -> Option<Serializer> {
    Serializer::ALL.into_iter().find(|serializer| self::name(*serializer) == name)
}
