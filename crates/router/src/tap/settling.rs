//! From notes to messages of taps: what each is about and whose it is, and who wants it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crossweave_router_core::Realm;
use crossweave_router_core::boundary::Session;
use crossweave_wamp::message::Kind;
use crossweave_wamp::{SessionId, SubscriptionId};

use super::notes::{About, Note};
use super::{Direction, Line, TapOptions, Tapped, Turn};
use crate::internal::asks_about_clients;

/// Requests, topics, sessions that are remembered of a realm. Where there is no room, all of them are forgotten: messages about
/// earlier ones are then without URI.
const REMEMBERED_MAX: usize = 16_384;
/// Procedures that the router itself calls, or a proxy. Beyond it, payloads of calls are shown no more.
const SECRET_MAX: usize = 1_024;

/// What is known of the messages of a realm since it is tapped.
#[derive(Default)]
pub(crate) struct Tracker {
    /// What requests are about that wait for an answer.
    requests: HashMap<(u64, Kind, u64), Arc<str>>,
    /// Topics and patterns of subscriptions.
    topics: HashMap<SubscriptionId, Arc<str>>,
    sessions: HashMap<u64, Who>,
    /// Procedures whose payloads are not shown: the router calls them, or a proxy, to let clients in for one.
    secret: HashSet<Arc<str>>,
}

#[derive(Clone)]
struct Who {
    authid: Arc<str>,
    authrole: Arc<str>,
    asks_about_clients: bool,
}

impl From<&Session> for Who {
    fn from(session: &Session) -> Who {
        let Session { authid, authrole, .. } = session;
        let asks_about_clients = asks_about_clients(session);
        Who { authid: authid.clone(), authrole: authrole.clone(), asks_about_clients }
    }
}

impl Turn {
    /// Gives the notes to the taps that want them. Under the realm's lock, as only the realm knows what an id stands for.
    #[cold]
    pub(crate) fn settle(&mut self, realm: Option<&Realm>) {
        let mut tracker = self.tracker.lock();
        for note in self.notes.drain(..) {
            let uri = tracker.uri(&note, realm);
            let who = tracker.who(note.session, realm);
            tracker.learn(&note, uri.as_ref(), who.as_ref());
            let is_secret = tracker.is_secret(note.kind, uri.as_deref());
            for line in &self.lines {
                if line.options.takes(&note, uri.as_deref(), who.as_ref()) {
                    let payload = note.payload.clone().filter(|_| line.options.has_payload && !is_secret);
                    let tapped = Tapped {
                        seq: 0,
                        unix_ms: self.unix_ms,
                        realm: self.realm.clone(),
                        direction: note.direction,
                        session: SessionId(note.session),
                        authid: who.as_ref().map(|who| who.authid.clone()),
                        authrole: who.as_ref().map(|who| who.authrole.clone()),
                        kind: note.kind,
                        uri: uri.clone(),
                        request: note.request,
                        error: note.error.clone(),
                        is_progress: note.is_progress,
                        len: note.len,
                        payload,
                        payload_len: note.payload_len,
                    };
                    line.ring.lock().push(tapped, line.options.kept_max);
                }
            }
        }
        let left_off = std::mem::take(&mut self.left_off);
        if left_off > 0 {
            self.lines.iter().for_each(|line| line.ring.lock().next_seq += left_off);
        }
    }
}

impl Line {
    /// Whether an EVENT may be wanted, as far as is known before its turn is over.
    pub(super) fn may_want(&self, session: u64, kind: Kind, uri: Option<&str>) -> bool {
        let TapOptions { uri: wanted, session: of, kinds, .. } = &self.options;
        of.is_none_or(|of| of.0 == session)
            && (kinds.is_empty() || kinds.contains(&kind))
            && match (wanted, uri) {
                (Some((policy, pattern)), Some(uri)) => policy.matches(pattern, uri),
                _ => true,
            }
    }
}

impl TapOptions {
    fn takes(&self, note: &Note, uri: Option<&str>, who: Option<&Who>) -> bool {
        self.session.is_none_or(|session| session.0 == note.session)
            && (self.kinds.is_empty() || self.kinds.contains(&note.kind))
            && self.authid.as_ref().is_none_or(|authid| who.is_some_and(|who| *who.authid == **authid))
            && self
                .uri
                .as_ref()
                .is_none_or(|(policy, pattern)| uri.is_some_and(|uri| policy.matches(pattern, uri)))
    }
}

impl Tracker {
    /// The topic of a subscription, if an event of it was seen.
    pub(super) fn topic(&self, id: SubscriptionId) -> Option<Arc<str>> {
        self.topics.get(&id).cloned()
    }

    fn uri(&mut self, note: &Note, realm: Option<&Realm>) -> Option<Arc<str>> {
        match &note.about {
            About::Uri(uri) => Some(uri.clone()),
            About::Request(kind) => self.requests.get(&(note.session, *kind, note.request?)).cloned(),
            About::Subscription(id) => {
                if let Some(uri) = self.topics.get(id) {
                    return Some(uri.clone());
                }
                let uri: Arc<str> = realm?.subscription_uri(*id)?.into();
                make_room(&mut self.topics);
                self.topics.insert(*id, uri.clone());
                Some(uri)
            }
            About::Registration(id) => Some(realm?.registration_uri(*id)?.into()),
            About::Nothing => None,
        }
    }

    fn who(&mut self, session: u64, realm: Option<&Realm>) -> Option<Who> {
        if let Some(who) = self.sessions.get(&session) {
            return Some(who.clone());
        }
        let who = Who::from(realm?.session(SessionId(session))?.1);
        make_room(&mut self.sessions);
        self.sessions.insert(session, who.clone());
        Some(who)
    }

    /// Remembers what a request is about, until it is answered.
    fn learn(&mut self, note: &Note, uri: Option<&Arc<str>>, who: Option<&Who>) {
        let Some(request) = note.request else {
            if matches!(note.kind, Kind::Goodbye | Kind::Abort) {
                self.sessions.remove(&note.session);
            }
            return;
        };
        let is_call = note.kind == Kind::Call && note.direction == Direction::Received;
        if let Some(uri) = uri
            && is_call
            && who.is_none_or(|who| who.asks_about_clients)
            && self.secret.len() < SECRET_MAX
        {
            self.secret.insert(uri.clone());
        }
        match (&note.about, uri) {
            (About::Request(kind), _) => {
                let is_last = !note.is_progress && !matches!(note.kind, Kind::Cancel | Kind::Interrupt);
                if is_last {
                    self.requests.remove(&(note.session, *kind, request));
                }
            }
            (_, Some(uri)) if note.kind.is_request() && note.is_answered => {
                make_room(&mut self.requests);
                self.requests.insert((note.session, note.kind, request), uri.clone());
            }
            _ => {
                let asked = match note.kind {
                    Kind::Subscribed => Kind::Subscribe,
                    Kind::Registered => Kind::Register,
                    _ => return,
                };
                self.requests.remove(&(note.session, asked, request));
            }
        }
    }

    /// Whether a payload must not be shown: of the router's own calls and a proxy's, and of calls of which it is not known whose they are.
    fn is_secret(&self, kind: Kind, uri: Option<&str>) -> bool {
        let is_of_call =
            matches!(kind, Kind::Call | Kind::Invocation | Kind::Yield | Kind::Result | Kind::Error);
        is_of_call && (self.secret.len() >= SECRET_MAX || uri.is_none_or(|uri| self.secret.contains(uri)))
    }
}

fn make_room<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>) {
    if map.len() >= REMEMBERED_MAX {
        map.clear();
    }
}
