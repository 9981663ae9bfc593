//! How often URIs are used, as far as a fixed number of entries tells.

use std::sync::Arc;

use hashbrown::HashTable;

use super::{HotUri, HotUriKind};

/// Entries of one table.
pub(super) const ENTRIES_MAX: usize = 1_024;

/// The URIs that were used most. Who uses very many of them makes room for others and never more of it: when the table is full,
/// the half that was used least goes, and what is left weighs less by as much as that. So an entry stays that gets a good part of
/// all messages, whatever others do, and a new one costs little on average.
#[derive(Default)]
pub(super) struct Table {
    entries: HashTable<Entry>,
    /// Entries had to go.
    pub(super) has_forgotten: bool,
}

struct Entry {
    key: u64,
    uri: HotUri,
    /// Its messages, less what making room took away.
    weight: u64,
}

impl Table {
    /// A message about a URI has come. Its key stands for the realm, the kind and the URI.
    pub(super) fn received(&mut self, key: u64, kind: HotUriKind, realm: &Arc<str>, uri: &str) {
        if let Some(entry) = self.entries.find_mut(key, |it| it.key == key) {
            entry.uri.received += 1;
            entry.weight += 1;
            return;
        }
        if self.entries.len() >= ENTRIES_MAX {
            self.make_room();
        }
        let uri = HotUri { realm: realm.clone(), kind, uri: uri.into(), received: 1, sent: 0 };
        self.entries.insert_unique(key, Entry { key, uri, weight: 1 }, |it| it.key);
    }

    /// So many messages were queued for it.
    pub(super) fn sent(&mut self, key: u64, messages: u64) {
        if let Some(entry) = self.entries.find_mut(key, |it| it.key == key) {
            entry.uri.sent += messages;
            entry.weight += messages;
        }
    }

    #[cold]
    fn make_room(&mut self) {
        self.has_forgotten = true;
        let mut weights: Vec<u64> = self.entries.iter().map(|it| it.weight).collect();
        let middle = weights.len() / 2;
        let (_, median, _) = weights.select_nth_unstable(middle);
        self.entries.retain(|it| {
            it.weight = it.weight.saturating_sub(*median);
            it.weight > 0
        });
    }

    /// What it has.
    pub(super) fn into_uris(self) -> impl Iterator<Item = HotUri> {
        self.entries.into_iter().map(|it| it.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(table: &mut Table, key: u64) {
        let realm: Arc<str> = "realm1".into();
        // Spread over the table, as hashes are.
        table.received(
            key.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            HotUriKind::Topic,
            &realm,
            &format!("u{key}"),
        );
    }

    #[test]
    fn as_many_uris_as_there_are_entries_are_counted_exactly() {
        let mut table = Table::default();
        for key in (0..ENTRIES_MAX as u64).flat_map(|key| vec![key; 1 + key as usize % 3]) {
            received(&mut table, key);
        }
        assert!(!table.has_forgotten);
        let mut uris: Vec<HotUri> = table.into_uris().collect();
        assert_eq!(uris.len(), ENTRIES_MAX);
        uris.retain(|it| it.received != 1 + it.uri[1..].parse::<u64>().unwrap() % 3);
        assert_eq!(uris, []);
    }

    #[test]
    fn any_number_of_uris_takes_the_same_room_and_hides_no_hot_one() {
        let mut table = Table::default();
        for other in 0..200_000 {
            received(&mut table, 1_000 + other);
            if other % 100 == 0 {
                received(&mut table, 7);
            }
            assert!(table.entries.len() <= ENTRIES_MAX);
        }
        assert!(table.has_forgotten);
        let hottest = table.into_uris().max_by_key(|it| it.received).unwrap();
        // One message in a hundred among URIs that are never used again: it was never forgotten.
        assert_eq!((&*hottest.uri, hottest.received), ("u7", 2_000));
    }

    #[test]
    fn what_is_sent_counts_as_well_and_for_known_uris_alone() {
        let mut table = Table::default();
        let realm: Arc<str> = "realm1".into();
        table.received(1, HotUriKind::Topic, &realm, "com.a");
        table.sent(1, 500);
        table.sent(2, 500);
        let uris: Vec<_> = table.into_uris().map(|it| (it.uri.to_string(), it.received, it.sent)).collect();
        assert_eq!(uris, [("com.a".to_owned(), 1, 500)]);
    }
}
