//! Where a jar of cookies is kept: memory, a file of JSON lines, or an SQLite database.

mod backlog;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossweave_wamp::{AuthMethod, Dict, Serializer, Value};
use rusqlite::{Connection, params};
use tracing::{error, warn};

use super::shelf::NamedShelf;
use super::{CookieId, Remembered, now_s};
use backlog::{Backlog, write_all};

/// Lines that a file may have beside two for each cookie in it: then it is written anew.
const SPARE_LINES: usize = 64;

/// Where a jar is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CookieStore {
    /// In memory: forgotten when the router ends (default).
    #[default]
    Memory,
    /// In a file, one JSON object per line.
    File {
        /// The file; made if it is not there.
        path: PathBuf,
        /// Whether to forget what it holds.
        purge_on_startup: bool,
    },
    /// In an SQLite database.
    Database {
        /// The file; made if it is not there.
        path: PathBuf,
        /// Whether to forget what it holds.
        purge_on_startup: bool,
    },
    /// At a place of the program's own.
    Shelf(NamedShelf),
}

impl CookieStore {
    /// The file, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            CookieStore::Memory => None,
            CookieStore::Shelf(shelf) => Some(shelf.place()),
            CookieStore::File { path, .. } | CookieStore::Database { path, .. } => Some(path),
        }
    }
}

/// A jar cannot be kept there.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep cookies in {path}: {cause}", path = path.display())]
pub struct CookieStoreError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// Something to be written.
pub(super) enum Change {
    Remember(CookieId, Remembered),
    Forget(CookieId),
}

pub(super) type Stored = HashMap<CookieId, Remembered>;

/// Hands changes to the thread that writes them. Dropped, it waits until they are.
#[derive(Default)]
pub(super) struct Storage {
    backlog: Option<Arc<Backlog>>,
    writer: Option<JoinHandle<()>>,
}

impl Storage {
    /// Opens a store, with what it holds that is not older than this.
    pub(super) fn open(store: &CookieStore, max_age_s: u64) -> Result<(Storage, Stored), CookieStoreError> {
        match store {
            CookieStore::Memory => Ok((Storage::default(), Stored::new())),
            CookieStore::Shelf(shelf) => {
                let path = shelf.place().to_owned();
                let failed = |cause| CookieStoreError { path: path.clone(), cause };
                let stored = shelf.load(max_age_s).map_err(failed)?;
                let shelf = shelf.clone();
                Ok((Storage::start(&path, move |change| shelf.write(change)), stored))
            }
            CookieStore::File { path, purge_on_startup } => {
                let failed =
                    |error: io::Error| CookieStoreError { path: path.clone(), cause: error.to_string() };
                let stored = match purge_on_startup {
                    true => Stored::new(),
                    false => read_fresh(path, max_age_s).map_err(failed)?,
                };
                let mut file = CookieFile::open(path, &stored, max_age_s).map_err(failed)?;
                let write = move |change: &Change| file.write(change).map_err(|it| it.to_string());
                Ok((Storage::start(path, write), stored))
            }
            CookieStore::Database { path, purge_on_startup } => {
                let failed = |cause: String| CookieStoreError { path: path.clone(), cause };
                // SQLite would make it readable by everybody.
                let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                made.map_err(|error| failed(error.to_string()))?;
                tighten(path);
                let explain = |error: rusqlite::Error| failed(error.to_string());
                let database = open_database(path, *purge_on_startup).map_err(explain)?;
                delete_old(&database, max_age_s).map_err(explain)?;
                let stored = read_database(&database).map_err(explain)?;
                let write =
                    move |change: &Change| write_database(&database, change).map_err(|it| it.to_string());
                Ok((Storage::start(path, write), stored))
            }
        }
    }

    fn start(path: &Path, write: impl FnMut(&Change) -> Result<(), String> + Send + 'static) -> Storage {
        let backlog = Arc::<Backlog>::default();
        let (path, taken) = (path.to_owned(), backlog.clone());
        let writer = std::thread::Builder::new()
            .name("cookies".to_owned())
            .spawn(move || write_all(&path, &taken, write))
            .map_err(|error| error!(%error, "cannot start the thread that writes cookies"))
            .ok();
        Storage { backlog: Some(backlog), writer }
    }

    /// False if there is no room for it: then the cookie is forgotten there, whomever it stood for before.
    pub(super) fn write(&self, change: Change) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.push(change))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Some(backlog) = self.backlog.take() {
            backlog.end();
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Change {
    fn cookie(&self) -> CookieId {
        match self {
            Change::Remember(id, _) | Change::Forget(id) => *id,
        }
    }
}

/// Lets nobody else read a database that was made with other rights, nor what SQLite has left beside it.
fn tighten(path: &Path) {
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

fn is_fresh(it: &Remembered, max_age_s: u64) -> bool {
    now_s() < it.created_s.saturating_add(max_age_s)
}

/// A file that is appended to, and written anew when most of it is out of date.
struct CookieFile {
    path: PathBuf,
    file: File,
    /// The cookies in it.
    cookies: HashSet<CookieId>,
    lines: usize,
    max_age_s: u64,
    /// A line may have been written in part: what comes next must not go on with it.
    is_torn: bool,
}

impl CookieFile {
    fn open(path: &Path, stored: &Stored, max_age_s: u64) -> io::Result<CookieFile> {
        let file = rewrite(path, stored)?;
        let (cookies, lines) = (stored.keys().copied().collect(), stored.len());
        Ok(CookieFile { path: path.to_owned(), file, cookies, lines, max_age_s, is_torn: false })
    }

    fn write(&mut self, change: &Change) -> io::Result<()> {
        let end_of_torn = if self.is_torn { "\n" } else { "" };
        self.is_torn = true;
        self.file.write_all(format!("{end_of_torn}{}", line(change)).as_bytes())?;
        self.is_torn = false;
        self.file.sync_data()?;
        self.lines += 1;
        match change {
            Change::Remember(id, _) => self.cookies.insert(*id),
            Change::Forget(id) => self.cookies.remove(id),
        };
        if self.lines > 2 * self.cookies.len() + SPARE_LINES {
            let stored = read_fresh(&self.path, self.max_age_s)?;
            *self = CookieFile::open(&self.path, &stored, self.max_age_s)?;
        }
        Ok(())
    }
}

fn read_fresh(path: &Path, max_age_s: u64) -> io::Result<Stored> {
    let mut stored = read_file(path)?;
    stored.retain(|_, it| is_fresh(it, max_age_s));
    Ok(stored)
}

fn read_file(path: &Path) -> io::Result<Stored> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::new()),
        Err(error) => return Err(error),
    };
    let mut stored = Stored::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        match parse(&line?) {
            Some(Change::Remember(id, remembered)) => drop(stored.insert(id, remembered)),
            Some(Change::Forget(id)) => drop(stored.remove(&id)),
            // The last line may be half written.
            None => warn!(path = %path.display(), line = number + 1, "not a cookie"),
        }
    }
    Ok(stored)
}

/// Writes what is left into a new file that takes the place of the old one, to be appended to.
fn rewrite(path: &Path, stored: &Stored) -> io::Result<File> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&new)?;
    for (id, remembered) in stored {
        file.write_all(line(&Change::Remember(*id, remembered.clone())).as_bytes())?;
    }
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(file)
}

fn line(change: &Change) -> String {
    let (id, dict) = match change {
        Change::Forget(id) => (id, Dict::new().with("status", "deleted")),
        Change::Remember(id, it) => (
            id,
            Dict::new()
                .with("status", "created")
                .with("created", it.created_s)
                .with("authid", it.authid.as_str())
                .with("authrole", it.authrole.as_str())
                .with("authmethod", it.authmethod.map(AuthMethod::name))
                .with("authrealm", it.realm.as_str())
                .with("authextra", it.authextra.clone()),
        ),
    };
    let mut json = json(&dict.with("id", id.0.to_vec()).into());
    json.push('\n');
    json
}

fn parse(line: &str) -> Option<Change> {
    let Value::Dict(dict) = Serializer::Json.decode_value(line.as_bytes()).ok()? else { return None };
    let Some(Value::Bin(id)) = dict.get("id") else { return None };
    let id = CookieId(id.as_slice().try_into().ok()?);
    let text = |key: &str| dict.str(key).map(str::to_owned);
    match dict.str("status")? {
        "deleted" => Some(Change::Forget(id)),
        "created" => Some(Change::Remember(
            id,
            Remembered {
                created_s: dict.get("created")?.as_u64()?,
                authid: text("authid")?,
                authrole: text("authrole")?,
                authmethod: dict.str("authmethod").and_then(|name| AuthMethod::declare(name).ok()),
                realm: text("authrealm")?,
                authextra: dict.dict("authextra").cloned().unwrap_or_default(),
            },
        )),
        _ => None,
    }
}

fn json(value: &Value) -> String {
    let mut json = Vec::new();
    Serializer::Json.encode_value(value, &mut json);
    String::from_utf8(json).expect("json is utf-8")
}

fn open_database(path: &Path, purge: bool) -> rusqlite::Result<Connection> {
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

fn delete_old(database: &Connection, max_age_s: u64) -> rusqlite::Result<()> {
    let oldest = i64::try_from(now_s().saturating_sub(max_age_s)).unwrap_or(i64::MAX);
    database.execute("DELETE FROM cookies WHERE created <= ?1", [oldest]).map(drop)
}

fn read_database(database: &Connection) -> rusqlite::Result<Stored> {
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

fn write_database(database: &Connection, change: &Change) -> rusqlite::Result<()> {
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
        let new = line(&Change::Remember(CookieId([1; 32]), by_ticket));
        let old = new.replace(r#""authmethod":"ticket","#, "");
        assert!(old.len() < new.len());
        let Some(Change::Remember(_, joe)) = parse(&old) else { panic!("not a cookie: {old}") };
        assert_eq!(joe.authmethod, None);
    }

    #[test]
    fn a_half_written_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookies.dat");
        let good = line(&Change::Remember(
            CookieId([1; 32]),
            Remembered {
                created_s: 5,
                authid: "joe".into(),
                authrole: "user".into(),
                authmethod: None,
                realm: "realm1".into(),
                authextra: Dict::new(),
            },
        ));
        fs::write(&path, format!("{good}{}", &good[..good.len() / 2])).unwrap();
        assert_eq!(read_file(&path).unwrap().len(), 1);
        let store = CookieStore::File { path: folder.path().join("no/such/folder"), purge_on_startup: false };
        assert!(Storage::open(&store, 60).is_err_and(|error| error.to_string().contains("no/such/folder")));
    }

    fn joe() -> Remembered {
        let authextra = Dict::new();
        let (authid, authrole, realm) = ("joe".into(), "user".into(), "realm1".into());
        Remembered { created_s: now_s(), authid, authrole, authmethod: None, realm, authextra }
    }

    fn stores(folder: &Path) -> [CookieStore; 2] {
        let path = |name: &str| folder.join(name);
        [
            CookieStore::File { path: path("cookies.dat"), purge_on_startup: false },
            CookieStore::Database { path: path("cookies.db"), purge_on_startup: false },
        ]
    }

    #[test]
    fn nobody_else_may_read_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let (storage, _) = Storage::open(&store, 60).unwrap();
            storage.write(Change::Remember(CookieId([1; 32]), joe()));
            for entry in fs::read_dir(folder.path()).unwrap() {
                let entry = entry.unwrap();
                let mode = entry.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
            }
        }
    }

    #[test]
    fn a_file_does_not_grow_with_logins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookies.dat");
        let mut file = CookieFile::open(&path, &Stored::new(), 60).unwrap();
        for _ in 0..200 {
            file.write(&Change::Remember(CookieId([1; 32]), joe())).unwrap();
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SPARE_LINES + 2, "{lines} lines for one cookie");
        assert_eq!(read_file(&path).unwrap().len(), 1);
    }

    #[test]
    fn what_is_too_old_is_deleted_when_a_store_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let (storage, _) = Storage::open(&store, 60).unwrap();
            let old = Remembered { created_s: now_s() - 61, ..joe() };
            assert!(storage.write(Change::Remember(CookieId([1; 32]), old)));
            drop(storage);
            assert!(Storage::open(&store, 60).unwrap().1.is_empty());
            assert!(Storage::open(&store, u64::MAX).unwrap().1.is_empty(), "{store:?}");
        }
    }

    #[test]
    fn nobody_else_may_read_a_database_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = &stores(folder.path())[1];
        drop(Storage::open(store, 60).unwrap());
        let path = store.path().unwrap();
        let wal = folder.path().join("cookies.db-wal");
        fs::write(&wal, "").unwrap();
        for file in [path, &wal] {
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        let (storage, _) = Storage::open(store, 60).unwrap();
        storage.write(Change::Remember(CookieId([1; 32]), joe()));
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
        }
    }

    #[test]
    fn a_line_after_one_that_was_written_in_part_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookies.dat");
        let mut file = CookieFile::open(&path, &Stored::new(), 60).unwrap();
        file.write(&Change::Remember(CookieId([1; 32]), joe())).unwrap();
        // A disk that is full takes a part, or nothing.
        let good = std::mem::replace(&mut file.file, File::options().write(true).open("/dev/full").unwrap());
        assert!(file.write(&Change::Forget(CookieId([1; 32]))).is_err());
        file.file = good;
        file.file.write_all(b"{\"stat").unwrap();
        file.write(&Change::Forget(CookieId([1; 32]))).unwrap();
        assert!(read_file(&path).unwrap().is_empty());
    }
}
