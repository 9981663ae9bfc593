//! A jar in a file: one JSON object per line, the last one for a cookie counts.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crossweave_wamp::{AuthMethod, Dict, Serializer, Value};
use tracing::warn;

use super::super::now_s;
use super::{Change, CookieId, Remembered, Stored, json};

/// Lines that a file may have beside two for each cookie in it: then it is written anew.
const SPARE_LINES: usize = 64;

/// A file that is appended to, and written anew when most of it is out of date.
pub(super) struct CookieFile {
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
    pub(super) fn open(path: &Path, stored: &Stored, max_age_s: u64) -> io::Result<CookieFile> {
        let file = rewrite(path, stored)?;
        let (cookies, lines) = (stored.keys().copied().collect(), stored.len());
        Ok(CookieFile { path: path.to_owned(), file, cookies, lines, max_age_s, is_torn: false })
    }

    pub(super) fn write(&mut self, change: &Change) -> io::Result<()> {
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

/// What the file holds that is not older than this; nothing if there is no file.
pub(super) fn read_fresh(path: &Path, max_age_s: u64) -> io::Result<Stored> {
    let mut stored = read_file(path)?;
    stored.retain(|_, it| is_fresh(it, max_age_s));
    Ok(stored)
}

fn is_fresh(it: &Remembered, max_age_s: u64) -> bool {
    now_s() < it.created_s.saturating_add(max_age_s)
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

#[cfg(test)]
mod tests {
    use super::super::tests::joe;
    use super::super::{CookieStore, Storage};
    use super::*;

    #[test]
    fn a_line_of_an_earlier_version_is_read_and_nothing_is_known_of_its_method() {
        let by_ticket = Remembered { authmethod: Some(AuthMethod::Ticket), ..joe() };
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
