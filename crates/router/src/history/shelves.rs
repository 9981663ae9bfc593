//! Which events of the file the rules still want: the bounds of the history once more, by number, size and time alone.

use std::collections::BTreeMap;

use crossweave_router_core::HistoryRule;

/// What is to be known of an event to decide whether it stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'t> {
    pub(super) number: u64,
    pub(super) topic: &'t str,
    pub(super) bytes: u64,
    pub(super) unix_ms: u64,
}

/// The events of all rules.
#[derive(Debug)]
pub(super) struct Shelves(Vec<Shelf>);

/// The events of one rule, by their number.
#[derive(Debug)]
struct Shelf {
    rule: HistoryRule,
    events: BTreeMap<u64, Size>,
    bytes: u64,
    /// While events are looked at from the newest to the oldest: one of them found no room.
    is_full: bool,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    bytes: u64,
    unix_ms: u64,
}

impl Shelves {
    pub(super) fn new(rules: &[HistoryRule]) -> Shelves {
        let shelf = |rule: &HistoryRule| Shelf {
            rule: rule.clone(),
            events: BTreeMap::new(),
            bytes: 0,
            is_full: false,
        };
        Shelves(rules.iter().map(shelf).collect())
    }

    /// Whether any rule wants an event that is older than all before; then it is taken.
    pub(super) fn take_older(&mut self, entry: Entry<'_>, now_ms: u64) -> bool {
        let mut is_taken = false;
        for shelf in self.0.iter_mut().filter(|shelf| shelf.wants(&entry)) {
            is_taken |= shelf.take_older(entry, now_ms);
        }
        is_taken
    }

    /// Takes a new event.
    pub(super) fn take(&mut self, entry: Entry<'_>) {
        self.0.iter_mut().filter(|shelf| shelf.wants(&entry)).for_each(|shelf| shelf.insert(entry));
    }

    /// Takes out what no rule has room for, or what is too old, and returns what is on no shelf any more.
    pub(super) fn clear_out(&mut self, now_ms: u64) -> Vec<u64> {
        let mut out: Vec<u64> = self.0.iter_mut().flat_map(|shelf| shelf.clear_out(now_ms)).collect();
        out.retain(|number| !self.hold(*number));
        out
    }

    /// An event that turned out to be unreadable.
    pub(super) fn remove(&mut self, number: u64) {
        for shelf in &mut self.0 {
            if let Some(size) = shelf.events.remove(&number) {
                shelf.bytes -= size.bytes;
            }
        }
    }

    /// Whether an event is on any shelf.
    pub(super) fn hold(&self, number: u64) -> bool {
        self.0.iter().any(|shelf| shelf.events.contains_key(&number))
    }
}

impl Shelf {
    fn wants(&self, entry: &Entry<'_>) -> bool {
        entry.bytes <= self.rule.bytes_max as u64
            && self.rule.events_max > 0
            && self.rule.match_policy.matches(&self.rule.uri, entry.topic)
    }

    fn take_older(&mut self, entry: Entry<'_>, now_ms: u64) -> bool {
        self.is_full |= self.events.len() >= self.rule.events_max
            || self.bytes + entry.bytes > self.rule.bytes_max as u64
            || entry.unix_ms < self.oldest_ms(now_ms);
        if !self.is_full {
            self.insert(entry);
        }
        !self.is_full
    }

    fn insert(&mut self, entry: Entry<'_>) {
        let Entry { number, bytes, unix_ms, .. } = entry;
        self.bytes += bytes;
        if let Some(before) = self.events.insert(number, Size { bytes, unix_ms }) {
            self.bytes -= before.bytes;
        }
    }

    fn clear_out(&mut self, now_ms: u64) -> Vec<u64> {
        let oldest_ms = self.oldest_ms(now_ms);
        let mut out = Vec::new();
        while let Some((number, first)) =
            self.events.first_key_value().map(|(number, first)| (*number, *first))
            && (self.events.len() > self.rule.events_max
                || self.bytes > self.rule.bytes_max as u64
                || first.unix_ms < oldest_ms)
        {
            self.bytes -= first.bytes;
            self.events.remove(&number);
            out.push(number);
        }
        out
    }

    fn oldest_ms(&self, now_ms: u64) -> u64 {
        self.rule.age_max_ms.map_or(0, |age| now_ms.saturating_sub(age))
    }
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::MatchPolicy;

    use super::*;

    fn rule(uri: &str, events_max: usize, bytes_max: usize, age_max_ms: Option<u64>) -> HistoryRule {
        HistoryRule { uri: uri.into(), match_policy: MatchPolicy::Prefix, events_max, bytes_max, age_max_ms }
    }

    fn entry(number: u64) -> Entry<'static> {
        Entry { number, topic: "com.a", bytes: 10, unix_ms: number * 100 }
    }

    #[test]
    fn an_event_goes_when_the_last_rule_has_no_room_for_it() {
        let mut shelves = Shelves::new(&[rule("com.", 2, 1_000, None), rule("", 3, 1_000, None)]);
        (1..=3).for_each(|number| shelves.take(entry(number)));
        assert!(shelves.clear_out(0).is_empty(), "the second rule has room for three");
        shelves.take(entry(4));
        assert_eq!(shelves.clear_out(0), [1]);
        assert!(!shelves.hold(1) && shelves.hold(2));
    }

    #[test]
    fn bytes_and_age_are_bounds_too() {
        let mut shelves = Shelves::new(&[rule("com.", 100, 25, None)]);
        (1..=3).for_each(|number| shelves.take(entry(number)));
        assert_eq!(shelves.clear_out(0), [1]);
        let mut shelves = Shelves::new(&[rule("com.", 100, 1_000, Some(150))]);
        (1..=3).for_each(|number| shelves.take(entry(number)));
        assert_eq!(shelves.clear_out(300), [1]);
        assert_eq!(shelves.clear_out(10_000), [2, 3]);
        shelves.take(Entry { bytes: 1_001, ..entry(4) });
        assert!(!shelves.hold(4), "too large by itself");
    }

    #[test]
    fn from_the_newest_on_what_has_room_is_taken_and_nothing_beyond() {
        let mut shelves = Shelves::new(&[rule("com.", 100, 25, Some(1_000))]);
        let taken = |shelves: &mut Shelves, number, bytes| {
            shelves.take_older(Entry { bytes, ..entry(number) }, 1_000)
        };
        assert!(taken(&mut shelves, 9, 10));
        assert!(!taken(&mut shelves, 8, 26), "too large by itself, and in nobody's way");
        assert!(taken(&mut shelves, 7, 10));
        assert!(!taken(&mut shelves, 6, 10));
        assert!(!taken(&mut shelves, 5, 1), "there would be a gap");
    }

    #[test]
    fn events_may_come_out_of_order() {
        let mut shelves = Shelves::new(&[rule("com.", 2, 1_000, None)]);
        [2, 3, 1].into_iter().for_each(|number| shelves.take(entry(number)));
        assert_eq!(shelves.clear_out(0), [1]);
    }
}
