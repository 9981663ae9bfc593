//! A jar in an SQLite database.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crossweave_wamp::{AuthMethod, Dict, Serializer, Value};
use rusqlite::{Connection, params};
use tracing::warn;

use super::super::now_s;
use super::{Change, CookieId, Remembered, Stored, json};

pub(super) fn open_database(path: &Path, purge: bool) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS cookies (id BLOB PRIMARY KEY, created INTEGER NOT NULL, authid TEXT NOT NULL,
         authrole TEXT NOT NULL, authrealm TEXT NOT NULL, authextra TEXT NOT NULL) WITHOUT ROWID",
    )?;
    add_authmethod(&database)?;
    if purge {
        database.execute("DELETE FROM cookies", ())?;
    }
    Ok(database)
}

/// Databases of earlier versions do not have the column.
fn add_authmethod(database: &Connection) -> rusqlite::Result<()> {
    match database.prepare("SELECT authmethod FROM cookies") {
        Ok(_) => Ok(()),
        Err(_) => database.execute("ALTER TABLE cookies ADD COLUMN authmethod TEXT", ()).map(drop),
    }
}

pub(super) fn delete_old(database: &Connection, max_age_s: u64) -> rusqlite::Result<()> {
    let oldest = i64::try_from(now_s().saturating_sub(max_age_s)).unwrap_or(i64::MAX);
    database.execute("DELETE FROM cookies WHERE created <= ?1", [oldest]).map(drop)
}

pub(super) fn read_database(database: &Connection) -> rusqlite::Result<Stored> {
    let mut query = database
        .prepare("SELECT id, created, authid, authrole, authrealm, authextra, authmethod FROM cookies")?;
    let rows = query.query_map((), |row| {
        let (created, authextra): (i64, String) = (row.get(1)?, row.get(5)?);
        let authextra = match Serializer::Json.decode_value(authextra.as_bytes()) {
            Ok(Value::Dict(authextra)) => authextra,
            _ => Dict::new(),
        };
        let created_s = u64::try_from(created).unwrap_or(0);
        let (authid, authrole, realm) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let authmethod =
            row.get::<_, Option<String>>(6)?.as_deref().and_then(|name| AuthMethod::declare(name).ok());
        let remembered = Remembered { created_s, authid, authrole, authmethod, realm, authextra };
        Ok((CookieId(row.get(0)?), remembered))
    })?;
    rows.collect()
}

pub(super) fn write_database(database: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Forget(id) => database.execute("DELETE FROM cookies WHERE id = ?1", params![id.0]),
        Change::Remember(id, it) => database.execute(
            "INSERT OR REPLACE INTO cookies (id, created, authid, authrole, authrealm, authextra, authmethod)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.0,
                i64::try_from(it.created_s).unwrap_or(i64::MAX),
                it.authid,
                it.authrole,
                it.realm,
                json(&it.authextra.clone().into()),
                it.authmethod.map(AuthMethod::name)
            ],
        ),
    }
    .map(drop)
}

/// Lets nobody else read a database that was made with other rights, nor what SQLite has left beside it.
pub(super) fn tighten(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let file = Path::new(&name);
        let is_open = fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0);
        if is_open && let Err(error) = fs::set_permissions(file, Permissions::from_mode(0o600)) {
            warn!(path = %file.display(), %error, "others may read a database of cookies, which cannot be changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_of_earlier_versions_are_read_and_nothing_is_known_of_their_method() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookies.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE cookies (id BLOB PRIMARY KEY, created INTEGER NOT NULL, authid TEXT NOT NULL,
             authrole TEXT NOT NULL, authrealm TEXT NOT NULL, authextra TEXT NOT NULL) WITHOUT ROWID",
        )
        .unwrap();
        old.execute("INSERT INTO cookies VALUES (?1, 5, 'joe', 'user', 'realm1', '{}')", [[1; 32]]).unwrap();
        drop(old);
        let database = open_database(&path, false).unwrap();
        let joe = read_database(&database).unwrap().remove(&CookieId([1; 32])).unwrap();
        assert_eq!((joe.authid.as_str(), joe.authmethod), ("joe", None));
        let by_ticket = Remembered { authmethod: Some(AuthMethod::Ticket), ..joe };
        write_database(&database, &Change::Remember(CookieId([2; 32]), by_ticket.clone())).unwrap();
        drop(database);
        let database = open_database(&path, false).unwrap();
        assert_eq!(read_database(&database).unwrap().remove(&CookieId([2; 32])), Some(by_ticket.clone()));
    }
}
