//! Which topics and procedures are used most, for an operator who looks.
//!
//! It is counted while somebody asks again and again: each question lets it go on for [`HOT_URIS_LEASE`], and answers for the time
//! since the one before. While nobody asks, a realm looks at the number that it looks at for taps (see `tap.rs`), and at nothing
//! else. While somebody does, a PUBLISH or CALL costs one or two look-ups in a table, and an allocation if its URI is not there yet.

mod table;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossweave_wamp::Message;
use crossweave_wamp::limits::URI_LEN_MAX;
use crossweave_wamp::message::Kind;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::tap::COUNTING;
use table::{ENTRIES_MAX, Table};

/// So long it is counted after each question.
pub const HOT_URIS_LEASE: Duration = Duration::from_secs(10);
/// Different URIs that are counted at a time, on all realms of a router. Where there are more, those that are used least are forgotten.
pub const HOT_URIS_MAX: usize = TABLES * ENTRIES_MAX;
/// URIs in one answer.
pub const HOT_URIS_TOLD_MAX: usize = 1_000;

/// Messages of several realms are counted at the same time: a lock for each table.
const TABLES: usize = 16;
/// Who asks earlier than this gets the answer that was given before.
const PERIOD_MIN: Duration = Duration::from_millis(100);

/// What a URI was used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HotUriKind {
    /// Events were published to it.
    Topic,
    /// It was called.
    Procedure,
}

/// How often a topic or procedure was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotUri {
    /// The realm.
    pub realm: Arc<str>,
    /// As what it was used.
    pub kind: HotUriKind,
    /// The topic that was published to or the procedure that was called, of which at most 1,024 octets.
    pub uri: Arc<str>,
    /// PUBLISH or CALL of sessions, those that were refused among them.
    pub received: u64,
    /// EVENT or INVOCATION that were queued for sessions because of them; not those of messages that had to wait for an authorizer
    /// or a callee.
    pub sent: u64,
}

impl HotUri {
    fn messages(&self) -> u64 {
        self.received.saturating_add(self.sent)
    }
}

/// The topics and procedures with most messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotUris {
    /// In how long; zero if counting has only begun.
    pub over: Duration,
    /// There were more than [`HOT_URIS_MAX`] URIs or so: numbers may be higher than told, and URIs that are used seldom missing.
    pub has_forgotten: bool,
    /// Those with most messages first.
    pub uris: Vec<HotUri>,
}

/// What is counted.
#[derive(Default)]
pub(crate) struct Heat {
    /// Of its own, so that nobody can tell which URIs get the same key.
    hasher: RandomState,
    tables: [Mutex<Table>; TABLES],
    counting: Mutex<Counting>,
}

/// Whether and since when it is counted. Messages have nothing to do with it.
#[derive(Default)]
struct Counting {
    /// None: nobody looks.
    since: Option<Instant>,
    until: Option<Instant>,
    /// What was answered last.
    last: HotUris,
}

/// A message whose URI was counted.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    key: u64,
    /// What sessions get because of it.
    pub(crate) leads_to: Kind,
}

impl Heat {
    /// What was counted since somebody asked last: the `limit` hottest, at most [`HOT_URIS_TOLD_MAX`]. Without a limit above 0 it is only
    /// counted on. True: counting has begun, and `watching` says so; somebody must look after its end.
    pub(crate) fn read(&self, watching: &AtomicUsize, now: Instant, limit: usize) -> (HotUris, bool) {
        let mut counting = self.counting.lock();
        let begins = counting.since.is_none();
        counting.until = Some(now + HOT_URIS_LEASE);
        match counting.since {
            None => {
                counting.since = Some(now);
                watching.fetch_or(COUNTING, Ordering::Relaxed);
            }
            Some(since) if limit > 0 && now - since >= PERIOD_MIN => {
                counting.since = Some(now);
                counting.last = self.hottest(now - since);
            }
            Some(_) => {}
        }
        let HotUris { over, has_forgotten, uris } = &counting.last;
        let uris = uris.iter().take(limit).cloned().collect();
        (HotUris { over: *over, has_forgotten: *has_forgotten, uris }, begins)
    }

    /// Ends the counting if nobody has asked for it any more; else says when that may be.
    pub(crate) fn end(&self, watching: &AtomicUsize, now: Instant) -> Option<Instant> {
        let mut counting = self.counting.lock();
        let until = counting.until.filter(|until| now < *until);
        if until.is_none() {
            watching.fetch_and(!COUNTING, Ordering::Relaxed);
            *counting = Counting::default();
            self.tables.iter().for_each(|table| drop(std::mem::take(&mut *table.lock())));
        }
        until
    }

    /// Takes the tables, each in a moment: what is done with them then nobody waits for.
    fn hottest(&self, over: Duration) -> HotUris {
        let tables: Vec<Table> = self.tables.iter().map(|table| std::mem::take(&mut *table.lock())).collect();
        let has_forgotten = tables.iter().any(|table| table.has_forgotten);
        let mut uris: Vec<HotUri> = tables.into_iter().flat_map(Table::into_uris).collect();
        uris.sort_unstable_by(|a, b| {
            let by_name = || (&a.realm, &a.uri, a.kind).cmp(&(&b.realm, &b.uri, b.kind));
            b.messages().cmp(&a.messages()).then_with(by_name)
        });
        uris.truncate(HOT_URIS_TOLD_MAX);
        HotUris { over, has_forgotten, uris }
    }

    /// A message of a session has come; none if it is about no URI.
    pub(crate) fn received(&self, realm: &Arc<str>, message: &Message<'_>) -> Option<Counted> {
        let (kind, uri, leads_to) = match message {
            Message::Publish(it) => (HotUriKind::Topic, &*it.topic, Kind::Event),
            Message::Call(it) => (HotUriKind::Procedure, &*it.procedure, Kind::Invocation),
            _ => return None,
        };
        // The realm has not looked at it yet.
        let uri = &uri[..uri.floor_char_boundary(URI_LEN_MAX)];
        let key = self.hasher.hash_one((&**realm, kind, uri));
        self.table(key).lock().received(key, kind, realm, uri);
        Some(Counted { key, leads_to })
    }

    /// So many messages were queued because of it.
    pub(crate) fn sent(&self, counted: Counted, messages: u64) {
        if messages > 0 {
            self.table(counted.key).lock().sent(counted.key, messages);
        }
    }

    fn table(&self, key: u64) -> &Mutex<Table> {
        // Neither of the ends, by which the table itself goes.
        &self.tables[(key >> 32) as usize % TABLES]
    }
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::Serializer;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn publish(heat: &Heat, topic: &str) -> Counted {
        let json = format!(r#"[16,1,{{}},"{topic}"]"#);
        let message = Message::decode(Serializer::Json, json.as_bytes()).unwrap();
        heat.received(&"realm1".into(), &message).unwrap()
    }

    fn shown(uris: &HotUris) -> Vec<(&str, u64, u64)> {
        uris.uris.iter().map(|it| (&*it.uri, it.received, it.sent)).collect()
    }

    #[test]
    fn each_answer_is_about_the_time_since_the_one_before() {
        let (heat, watching, start) = (Heat::default(), AtomicUsize::new(0), Instant::now());
        assert_eq!(heat.read(&watching, start, 5), (HotUris::default(), true));
        assert_eq!(watching.load(Ordering::Relaxed), COUNTING);
        publish(&heat, "com.a");
        let counted = publish(&heat, "com.b");
        heat.sent(counted, 9);
        publish(&heat, "com.a");
        let (told, begins) = heat.read(&watching, start + SECOND, 5);
        assert_eq!(
            (shown(&told), told.over, begins),
            (vec![("com.b", 1, 9), ("com.a", 2, 0)], SECOND, false)
        );
        let soon = start + SECOND + PERIOD_MIN / 2;
        assert_eq!(
            shown(&heat.read(&watching, soon, 1).0),
            [("com.b", 1, 9)],
            "the same for who asks too soon"
        );
        publish(&heat, "com.c");
        assert_eq!(shown(&heat.read(&watching, start + 2 * SECOND, 0).0), []);
        let (told, _) = heat.read(&watching, start + 3 * SECOND, 5);
        assert_eq!((shown(&told), told.over), (vec![("com.c", 1, 0)], 2 * SECOND), "0 ends no time");
    }

    #[test]
    fn it_ends_when_nobody_asks_any_more() {
        let (heat, watching, start) = (Heat::default(), AtomicUsize::new(3), Instant::now());
        heat.read(&watching, start, 5);
        publish(&heat, "com.a");
        let renewed = start + SECOND;
        heat.read(&watching, renewed, 0);
        assert_eq!(heat.end(&watching, start + HOT_URIS_LEASE), Some(renewed + HOT_URIS_LEASE));
        assert_eq!(heat.end(&watching, renewed + HOT_URIS_LEASE), None);
        assert_eq!(watching.load(Ordering::Relaxed), 3, "taps are left alone");
        let again = start + 100 * SECOND;
        assert_eq!(heat.read(&watching, again, 5), (HotUris::default(), true), "it begins anew");
        assert_eq!(
            shown(&heat.read(&watching, again + SECOND, 5).0),
            [],
            "of what was before nothing is left"
        );
    }

    #[test]
    fn room_and_answers_are_bounded_whatever_uris_there_are() {
        let (heat, watching, start) = (Heat::default(), AtomicUsize::new(0), Instant::now());
        heat.read(&watching, start, 5);
        let long = "é".repeat(URI_LEN_MAX);
        publish(&heat, &long);
        for number in 0..3 * HOT_URIS_MAX {
            publish(&heat, &format!("com.{number}"));
            if number % 20 == 0 {
                publish(&heat, "com.hot");
            }
        }
        let tables = heat.tables.iter().map(|table| std::mem::take(&mut *table.lock()));
        let uris: Vec<HotUri> = tables.flat_map(Table::into_uris).collect();
        assert!(uris.len() <= HOT_URIS_MAX, "{}", uris.len());
        assert!(uris.iter().all(|it| it.uri.len() <= URI_LEN_MAX));
        for number in 0..2 * HOT_URIS_TOLD_MAX {
            publish(&heat, &format!("com.{number}"));
        }
        let (told, _) = heat.read(&watching, start + SECOND, usize::MAX);
        assert_eq!((told.uris.len(), told.has_forgotten), (HOT_URIS_TOLD_MAX, false));
    }

    #[test]
    fn what_is_about_no_uri_is_not_counted() {
        let heat = Heat::default();
        for json in [r#"[70,1,{}]"#, r#"[32,1,{},"com.a"]"#, r#"[49,1,{}]"#] {
            let message = Message::decode(Serializer::Json, json.as_bytes()).unwrap();
            assert!(heat.received(&"realm1".into(), &message).is_none(), "{json}");
        }
    }
}
