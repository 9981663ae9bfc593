//! The log in a file, a new one every day.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Zoned;
use jiff::civil::Date;
use parking_lot::Mutex;

/// The name of the file.
const NAME: &str = "node.log";

/// `node.log`. At the first line of a day it is renamed, to `node.log.2026-01-31` for the day before, and begun anew.
pub(crate) struct LogFile {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: File,
    day: Date,
    /// That it cannot be written is told once.
    is_broken: bool,
}

impl LogFile {
    /// Opens the file in this directory, and goes on at its end.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn open(directory: &Path) -> Result<LogFile, String> {
        let path = directory.join(NAME);
        let unwritable = |error: io::Error| {
            let why = match directory.is_dir() {
                true => error.to_string(),
                false => format!("there is no directory {}", directory.display()),
            };
            format!("cannot write the log {}: {why}", path.display())
        };
        let file = append(&path).map_err(unwritable)?;
        let written = file.metadata().and_then(|it| it.modified()).map_err(unwritable)?;
        let is_empty = file.metadata().is_ok_and(|it| it.len() == 0);
        let today = Zoned::now().date();
        let day = if is_empty { today } else { day_of(written).unwrap_or(today) };
        Ok(LogFile { path, state: Mutex::new(State { file, day, is_broken: false }) })
    }

    /// Adds a line.
    pub(super) fn write(&self, line: &str) {
        self.write_at(line, Zoned::now().date());
    }

    fn write_at(&self, line: &str, today: Date) {
        let mut state = self.state.lock();
        let written = state.turn(&self.path, today).and_then(|()| writeln!(state.file, "{line}"));
        match written {
            Ok(()) => state.is_broken = false,
            Err(error) if !state.is_broken => {
                state.is_broken = true;
                // The log goes on with what the disk takes.
                let _ = writeln!(io::stderr(), "cannot write the log {}: {error}", self.path.display());
            }
            Err(_) => {}
        }
    }
}

impl State {
    /// Begins a new file if what is in this one is of another day.
    fn turn(&mut self, path: &Path, today: Date) -> io::Result<()> {
        if self.day == today {
            return Ok(());
        }
        let aside = path.with_file_name(format!("{NAME}.{}", self.day));
        // A log that was put aside is never written over.
        if !aside.exists() {
            fs::rename(path, aside)?;
            self.file = append(path)?;
        }
        self.day = today;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn day_of(time: std::time::SystemTime) -> Option<Date> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::system()).date())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn each_day_has_a_file_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let today = Zoned::now().date();
        let (tomorrow, later) = (today + 1.day(), today + 2.days());
        let log = LogFile::open(folder.path()).unwrap();
        log.write_at("one", today);
        log.write_at("two", tomorrow);
        assert_eq!((text(&format!("node.log.{today}")), text("node.log")), ("one\n".into(), "two\n".into()));
        fs::write(folder.path().join(format!("node.log.{tomorrow}")), "mine").unwrap();
        log.write_at("three", later);
        assert_eq!(text("node.log"), "two\nthree\n", "nothing is written over");
        drop(log);
        LogFile::open(folder.path()).unwrap().write("four");
        assert!(text("node.log").ends_with("three\nfour\n"), "it goes on at the end");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let Err(error) = LogFile::open(Path::new("/nonexistent")) else { panic!("it was opened") };
        assert!(error.contains("/nonexistent/node.log"), "{error}");
    }
}
