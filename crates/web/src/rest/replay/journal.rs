//! The file in which remembered requests outlive the process.
//!
//! One record of 24 octets for each: the mark, and by when it is forgotten in milliseconds since 1970, big-endian. Records are
//! appended; when most of them are forgotten, the file is written anew beside itself and put in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Mark, REMEMBERED_MAX};

const RECORD_LEN: usize = 24;
/// Records that a file may have beyond twice as many as count: small ones are not worth writing anew.
const SPARE_RECORDS: usize = 4096;
/// What is read of a file. It has no more unless somebody else writes to it.
const FILE_LEN_MAX: u64 = (RECORD_LEN * (2 * REMEMBERED_MAX + SPARE_RECORDS)) as u64;

/// A request and by when it is forgotten.
pub(super) type Entry = (SystemTime, Mark);

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    records: usize,
    /// The last record may be there in part.
    is_torn: bool,
}

impl Journal {
    /// Opens a file, or makes it, and gives what it has: what does not count any more is there for the last time.
    pub(super) fn open(path: &Path, now: SystemTime) -> io::Result<(Journal, Vec<Entry>)> {
        let mut entries = read(path)?;
        entries.sort_unstable();
        entries.dedup();
        entries.drain(..entries.len().saturating_sub(REMEMBERED_MAX));
        let counting = &entries[entries.partition_point(|(end, _)| *end < now)..];
        let file = write_anew(path, counting.iter())?;
        let journal = Journal { path: path.to_owned(), file, records: counting.len(), is_torn: false };
        Ok((journal, entries))
    }

    /// Adds a record. It is there when the process ends, however it ends; it need not be if the machine does.
    ///
    /// `all` are those that count, this one included.
    pub(super) fn add<'e>(
        &mut self,
        entry: &Entry,
        all: impl ExactSizeIterator<Item = &'e Entry>,
    ) -> io::Result<()> {
        if self.is_torn || self.records > 2 * all.len() + SPARE_RECORDS {
            self.records = all.len();
            self.file = write_anew(&self.path, all)?;
            self.is_torn = false;
            return Ok(());
        }
        self.is_torn = true;
        self.file.write_all(&record(entry))?;
        (self.is_torn, self.records) = (false, self.records + 1);
        Ok(())
    }
}

#[cfg(test)]
impl Journal {
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
    }

    pub(super) fn write_to(&mut self, file: File) {
        self.file = file;
    }
}

fn record((end, mark): &Entry) -> [u8; RECORD_LEN] {
    let since = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Rounded up: too long is harmless.
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let mut record = [0; RECORD_LEN];
    record[..16].copy_from_slice(mark);
    record[16..].copy_from_slice(&millis.to_be_bytes());
    record
}

fn entry(record: &[u8; RECORD_LEN]) -> Option<Entry> {
    let (mark, end) = (record.first_chunk()?, record.last_chunk()?);
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::from_be_bytes(*end)))?;
    Some((end, *mark))
}

/// Nothing if there is no file.
fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut octets = Vec::new();
    file.take(FILE_LEN_MAX).read_to_end(&mut octets)?;
    // What is behind the last whole record was being written when the process was killed: that request was not carried out.
    let (records, _torn) = octets.as_chunks::<RECORD_LEN>();
    Ok(records.iter().filter_map(entry).collect())
}

/// Writes a file with these, for nobody else to read, and opens it at its end.
fn write_anew<'e>(path: &Path, entries: impl Iterator<Item = &'e Entry>) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let octets: Vec<u8> = entries.flat_map(record).collect();
    file.write_all(&octets)?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_counts_is_read_again_and_a_torn_record_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.seen");
        let (mut journal, entries) = Journal::open(&path, at(0)).unwrap();
        assert_eq!(entries, []);
        let all = [(at(10), [1; 16]), (at(20), [2; 16]), (at(30), [3; 16])];
        for (index, entry) in all.iter().enumerate() {
            journal.add(entry, all[..=index].iter()).unwrap();
        }
        let written = fs::read(&path).unwrap();
        assert_eq!(written.len(), 3 * RECORD_LEN);
        fs::write(&path, &written[..written.len() - 1]).unwrap();
        let (_, entries) = Journal::open(&path, at(15)).unwrap();
        let marks: Vec<Mark> = entries.iter().map(|(_, mark)| *mark).collect();
        assert_eq!(marks, [[1; 16], [2; 16]]);
        assert!(entries[1].0 >= at(20), "not forgotten too early");
        assert_eq!(fs::read(&path).unwrap().len(), RECORD_LEN, "what does not count is left out");
    }

    #[test]
    fn a_file_of_forgotten_requests_does_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.seen");
        let (mut journal, _) = Journal::open(&path, at(0)).unwrap();
        for n in 0..3 * SPARE_RECORDS as u64 {
            let entry = (at(n), [7; 16]);
            journal.add(&entry, [entry].iter()).unwrap();
        }
        let len = fs::metadata(&path).unwrap().len() as usize;
        assert!(len <= (SPARE_RECORDS + 3) * RECORD_LEN, "{len}");
    }
}
