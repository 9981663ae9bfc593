//! The file in which remembered requests outlive the process.
//!
//! One record of 24 octets for each: the mark, and the time of the request in milliseconds since 1970, big-endian. Records are
//! appended; when most of them are forgotten, the file is written anew beside itself and put in its place. The latest time of those
//! that are forgotten is a record as well, without a mark.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{FOR_EVER, Mark, REMEMBERED_MAX};

const RECORD_LEN: usize = 24;
/// Records that a file may have beyond twice as many as count: small ones are not worth writing anew.
const SPARE_RECORDS: usize = 4096;
/// What is read of a file. It has no more unless somebody else writes to it.
const FILE_LEN_MAX: u64 = (RECORD_LEN * (2 * REMEMBERED_MAX + SPARE_RECORDS + 1)) as u64;

/// The mark of no request: whatever has this time may be forgotten.
const FORGOTTEN: Mark = [0; 16];

/// The time of a request, and its mark.
pub(super) type Entry = (SystemTime, Mark);

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// None if it has to be written anew: the last record may be there in part.
    file: Option<File>,
    records: usize,
}

impl Journal {
    /// Opens a file, or makes it, and gives the requests that it has, and the latest time of those that are forgotten. What one has
    /// that cannot be written counts; that is tried again with the next request.
    pub(super) fn open(
        path: &Path,
        now: SystemTime,
    ) -> io::Result<(Journal, Vec<Entry>, Option<SystemTime>)> {
        let read = read(path)?;
        let is_there = read.is_some();
        let (over, mut entries): (Vec<Entry>, Vec<Entry>) =
            read.into_iter().flatten().partition(|(_, mark)| *mark == FORGOTTEN);
        entries.sort_unstable();
        entries.dedup();
        let too_many = entries.drain(..entries.len().saturating_sub(REMEMBERED_MAX));
        // What was remembered for ever has no time of its own.
        let too_many = too_many.map(|(time, _)| time).filter(|time| *time < now + FOR_EVER / 2);
        let forgotten = over.into_iter().map(|(time, _)| time).chain(too_many).max();
        let file = match write_anew(path, entries.iter().copied().chain(over_at(forgotten))) {
            Err(error) if !is_there => return Err(error),
            written => written.ok(),
        };
        let records = entries.len() + usize::from(forgotten.is_some());
        let journal = Journal { path: path.to_owned(), file, records };
        Ok((journal, entries, forgotten))
    }

    /// Adds a record. It is there when the process ends, however it ends; it need not be if the machine does.
    ///
    /// `all` are those that count, this one included; `forgotten` is the latest time of those that do not.
    pub(super) fn add<'e>(
        &mut self,
        entry: &Entry,
        all: impl ExactSizeIterator<Item = &'e Entry>,
        forgotten: Option<SystemTime>,
    ) -> io::Result<()> {
        let is_long = self.records > 2 * all.len() + SPARE_RECORDS;
        // It is put back once the record is there as a whole.
        let Some(mut file) = self.file.take().filter(|_| !is_long) else {
            self.records = all.len() + usize::from(forgotten.is_some());
            self.file = Some(write_anew(&self.path, all.copied().chain(over_at(forgotten)))?);
            return Ok(());
        };
        file.write_all(&record(*entry))?;
        (self.file, self.records) = (Some(file), self.records + 1);
        Ok(())
    }
}

#[cfg(test)]
impl Journal {
    pub(super) fn tear(&mut self) {
        self.file = None;
    }

    pub(super) fn write_to(&mut self, file: File) {
        self.file = Some(file);
    }
}

/// What says up to which time requests are forgotten.
fn over_at(forgotten: Option<SystemTime>) -> Option<Entry> {
    forgotten.map(|time| (time, FORGOTTEN))
}

fn record((time, mark): Entry) -> [u8; RECORD_LEN] {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Rounded up: too long is harmless.
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let mut record = [0; RECORD_LEN];
    record[..16].copy_from_slice(&mark);
    record[16..].copy_from_slice(&millis.to_be_bytes());
    record
}

fn entry(record: &[u8; RECORD_LEN]) -> Option<Entry> {
    let (mark, time) = (record.first_chunk()?, record.last_chunk()?);
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::from_be_bytes(*time)))?;
    Some((time, *mark))
}

/// Nothing if there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<Entry>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut octets = Vec::new();
    file.take(FILE_LEN_MAX).read_to_end(&mut octets)?;
    // What is behind the last whole record was being written when the process was killed: that request was not carried out.
    let (records, _torn) = octets.as_chunks::<RECORD_LEN>();
    Ok(Some(records.iter().filter_map(entry).collect()))
}

/// Writes a file with these, for nobody else to read, and opens it at its end.
fn write_anew(path: &Path, entries: impl Iterator<Item = Entry>) -> io::Result<File> {
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
        let (mut journal, entries, forgotten) = Journal::open(&path, at(0)).unwrap();
        assert_eq!((entries, forgotten), (Vec::new(), None));
        let all = [(at(10), [1; 16]), (at(20), [2; 16]), (at(30), [3; 16])];
        for (index, entry) in all.iter().enumerate() {
            journal.add(entry, all[..=index].iter(), None).unwrap();
        }
        let written = fs::read(&path).unwrap();
        assert_eq!(written.len(), 3 * RECORD_LEN);
        fs::write(&path, &written[..written.len() - 1]).unwrap();
        let (mut journal, entries, _) = Journal::open(&path, at(15)).unwrap();
        let marks: Vec<Mark> = entries.iter().map(|(_, mark)| *mark).collect();
        assert_eq!(marks, [[1; 16], [2; 16]]);
        assert!(entries[1].0 >= at(20), "not forgotten too early");
        assert_eq!(fs::read(&path).unwrap().len(), 2 * RECORD_LEN);
        journal.tear();
        journal.add(&all[2], all[2..].iter(), Some(at(20))).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 2 * RECORD_LEN, "what does not count is left out");
        for _ in 0..2 {
            let (_, entries, forgotten) = Journal::open(&path, at(40)).unwrap();
            assert_eq!(entries.len(), 1);
            assert!(forgotten.is_some_and(|time| time >= at(20) && time < at(21)));
        }
    }

    #[test]
    fn a_file_of_forgotten_requests_does_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.seen");
        let (mut journal, ..) = Journal::open(&path, at(0)).unwrap();
        for n in 0..3 * SPARE_RECORDS as u64 {
            let entry = (at(n), [7; 16]);
            journal.add(&entry, [entry].iter(), Some(at(n))).unwrap();
        }
        let len = fs::metadata(&path).unwrap().len() as usize;
        assert!(len <= (SPARE_RECORDS + 3) * RECORD_LEN, "{len}");
    }
}
