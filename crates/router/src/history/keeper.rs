//! What is kept of a history at its place: the events for which the rules have room, and no others.

use std::collections::HashSet;

use crossweave_router_core::{HistoryRule, Record, Recorded};
use tracing::warn;

use super::file::{HistoryFile, explain};
use super::shelf::Shelved;
use super::shelves::{Entry, Shelves};

/// Events that are to be deleted and could not be, so far. If there are more, the oldest of them stay until the realm starts the
/// next time.
const UNWANTED_MAX: usize = 1 << 20;

/// Where events are kept.
pub(super) enum Place {
    File(HistoryFile),
    Shelf(Shelved),
}

/// The events of one realm at their place.
pub(super) struct Keeper {
    place: Place,
    shelves: Shelves,
    /// What no rule wants, and could not be deleted so far.
    unwanted: Vec<u64>,
}

impl Place {
    fn visit(&self, visit: &mut dyn FnMut(Entry<'_>)) -> Result<(), String> {
        match self {
            Place::File(file) => file.visit(visit).map_err(explain),
            Place::Shelf(shelf) => {
                shelf.visit(visit);
                Ok(())
            }
        }
    }

    fn read(&mut self) -> Result<(Vec<Record>, Vec<u64>), String> {
        match self {
            Place::File(file) => file.read().map_err(explain),
            Place::Shelf(shelf) => shelf.read(),
        }
    }

    fn insert(&mut self, events: &[&Recorded]) -> Result<(), String> {
        match self {
            Place::File(file) => file.insert(events).map_err(explain),
            Place::Shelf(shelf) => shelf.insert(events),
        }
    }

    fn delete(&mut self, numbers: &[u64]) -> Result<(), String> {
        match self {
            Place::File(file) => file.delete(numbers).map_err(explain),
            Place::Shelf(shelf) => shelf.delete(numbers),
        }
    }
}

impl Keeper {
    /// Takes over what is at a place, and deletes what the rules have no room for.
    pub(super) fn new(place: Place, rules: &[HistoryRule], unix_ms: u64) -> Result<Keeper, String> {
        let mut keeper = Keeper { place, shelves: Shelves::new(rules), unwanted: Vec::new() };
        let Keeper { place, shelves, unwanted } = &mut keeper;
        place.visit(&mut |entry| {
            if !shelves.take_older(entry, unix_ms) {
                unwanted.push(entry.number);
            }
        })?;
        keeper.delete_unwanted()?;
        Ok(keeper)
    }

    /// All events that are kept, oldest first. What cannot be read is left out, and deleted.
    pub(super) fn load(&mut self) -> Result<Vec<Record>, String> {
        let (mut records, unreadable) = self.place.read()?;
        records.retain(|record| self.shelves.hold(record.number));
        if !unreadable.is_empty() {
            warn!(events = unreadable.len(), "some events of the history cannot be read, and are left out");
            unreadable.iter().for_each(|number| self.shelves.remove(*number));
            self.unwanted.extend(unreadable);
            self.delete_unwanted()?;
        }
        Ok(records)
    }

    /// Writes events, all or none: those for which the rules have room with all the others there. What is to go instead is
    /// noted for [`Keeper::trim`].
    pub(super) fn write(&mut self, events: &[Recorded], unix_ms: u64) -> Result<(), String> {
        for event in events {
            self.shelves.take(Entry {
                number: event.number(),
                topic: event.topic(),
                bytes: event.bytes() as u64,
                unix_ms: event.unix_ms(),
            });
        }
        let new: HashSet<u64> = events.iter().map(Recorded::number).collect();
        let out = self.shelves.clear_out(unix_ms);
        self.unwanted.extend(out.into_iter().filter(|number| !new.contains(number)));
        let wanted: Vec<&Recorded> =
            events.iter().filter(|event| self.shelves.hold(event.number())).collect();
        let inserted = self.place.insert(&wanted);
        if inserted.is_err() {
            new.iter().for_each(|number| self.shelves.remove(*number));
        }
        inserted
    }

    /// Deletes what the rules have no room for any more, and what is too old.
    pub(super) fn trim(&mut self, unix_ms: u64) -> Result<(), String> {
        let out = self.shelves.clear_out(unix_ms);
        self.unwanted.extend(out);
        self.delete_unwanted()
    }

    /// How many events in a row are tried by themselves and fail before the others are not tried any more. A file fails quickly,
    /// and by the size of an event.
    pub(super) fn failures_max(&self) -> usize {
        match self.place {
            Place::File(_) => usize::MAX,
            Place::Shelf(_) => 4,
        }
    }

    fn delete_unwanted(&mut self) -> Result<(), String> {
        if self.unwanted.is_empty() {
            return Ok(());
        }
        let deleted = self.place.delete(&self.unwanted);
        match deleted {
            Ok(()) => self.unwanted = Vec::new(),
            Err(_) => drop(self.unwanted.drain(..self.unwanted.len().saturating_sub(UNWANTED_MAX))),
        }
        deleted
    }
}

#[cfg(test)]
impl Keeper {
    /// The keeper of an SQLite file.
    pub(super) fn of_file(
        path: &std::path::Path,
        realm: &str,
        rules: &[HistoryRule],
        unix_ms: u64,
    ) -> Result<Keeper, String> {
        Keeper::new(Place::File(HistoryFile::open(path, realm)?), rules, unix_ms)
    }

    /// Lets its file be no larger than so many pages, as a full disk would.
    pub(super) fn bound_pages(&self, max: i64) {
        let Place::File(file) = &self.place else { return };
        file.bound_pages(max);
    }
}
