//! What is written down of messages while a realm has its turn.

use std::sync::Arc;

use crossweave_wamp::message::Kind;
use crossweave_wamp::{Message, Payload, RegistrationId, SubscriptionId};
use parking_lot::Mutex;

use super::settling::Tracker;
use super::{Direction, Line, TAPPED_PAYLOAD_LEN_MAX};
use crate::history::unix_ms;

/// Notes of one turn of a realm; of the messages beyond it is counted how many there were.
const NOTES_MAX: usize = 4_096;
/// Octets of a URI that are noted; the realm takes no longer ones, but what a client sends is noted before the realm looks at it.
pub(super) const URI_LEN_MAX: usize = crossweave_wamp::limits::URI_LEN_MAX;
/// Octets of payloads in the notes of one turn.
const NOTES_PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// What a message is about, as far as it says so itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum About {
    Uri(Arc<str>),
    /// What this request of the session is about.
    Request(Kind),
    Subscription(SubscriptionId),
    Registration(RegistrationId),
    Nothing,
}

/// A message as it was seen.
pub(super) struct Note {
    pub(super) direction: Direction,
    pub(super) session: u64,
    pub(super) kind: Kind,
    pub(super) about: About,
    pub(super) request: Option<u64>,
    pub(super) error: Option<Box<str>>,
    pub(super) is_progress: bool,
    /// Whether something comes back for it.
    pub(super) is_answered: bool,
    pub(super) len: usize,
    pub(super) payload: Option<Payload<'static>>,
    pub(super) payload_len: usize,
}

/// The notes of one turn.
pub(crate) struct Turn {
    pub(super) realm: Arc<str>,
    pub(super) lines: Vec<Arc<Line>>,
    pub(super) tracker: Arc<Mutex<Tracker>>,
    pub(super) unix_ms: u64,
    pub(super) notes: Vec<Note>,
    pub(super) left_off: u64,
    has_payload: bool,
    payload_bytes: usize,
}

impl Turn {
    pub(super) fn new(realm: Arc<str>, lines: Vec<Arc<Line>>, tracker: Arc<Mutex<Tracker>>) -> Turn {
        let has_payload = lines.iter().any(|line| line.options.has_payload);
        let unix_ms = unix_ms();
        Turn { realm, lines, tracker, unix_ms, notes: Vec::new(), left_off: 0, has_payload, payload_bytes: 0 }
    }

    /// Takes note of a message, unless nobody wants it.
    #[cold]
    pub(crate) fn note(&mut self, direction: Direction, session: u64, len: usize, message: &Message<'_>) {
        let kind = message.kind();
        let mut about = about(message);
        if kind == Kind::Event {
            // There may be many of one publication.
            let topic = match about {
                About::Subscription(id) => self.tracker.lock().topic(id),
                _ => None,
            };
            about = topic.map_or(about, About::Uri);
            let uri = match &about {
                About::Uri(uri) => Some(&**uri),
                _ => None,
            };
            if !self.lines.iter().any(|line| line.may_want(session, kind, uri)) {
                return;
            }
        }
        if self.notes.len() >= NOTES_MAX {
            self.left_off += 1;
            return;
        }
        let payload = message.payload();
        let payload_len = payload.map_or(0, |payload| payload.bytes().len());
        let payload = payload.filter(|payload| self.keeps(payload)).map(|it| it.borrowed().into_owned());
        self.payload_bytes += payload.as_ref().map_or(0, |payload| payload.bytes().len());
        let (error, is_progress) = (error(message), is_progress(message));
        let is_answered = !matches!(message, Message::Publish(it) if !it.options.acknowledge);
        let request = request(message);
        self.notes.push(Note {
            direction,
            session,
            kind,
            about,
            request,
            error,
            is_progress,
            is_answered,
            len,
            payload,
            payload_len,
        });
    }

    fn keeps(&self, payload: &Payload<'_>) -> bool {
        let len = payload.bytes().len();
        self.has_payload
            && len <= TAPPED_PAYLOAD_LEN_MAX
            && self.payload_bytes + len <= NOTES_PAYLOAD_BYTES_MAX
    }

    /// Tells those who wait for messages. Not under the realm's lock.
    pub(crate) fn tell(&self) {
        self.lines.iter().for_each(|line| line.tell());
    }
}

/// A URI as far as it is noted.
fn noted(uri: &str) -> &str {
    &uri[..uri.floor_char_boundary(URI_LEN_MAX)]
}

fn about(message: &Message<'_>) -> About {
    let uri = |uri: &str| About::Uri(noted(uri).into());
    match message {
        Message::Publish(it) => uri(&it.topic),
        Message::Subscribe(it) => uri(&it.topic),
        Message::Call(it) => uri(&it.procedure),
        Message::Register(it) => uri(&it.procedure),
        Message::Event(it) => it.details.topic.as_deref().map_or(About::Subscription(it.subscription), uri),
        Message::Subscribed(it) => About::Subscription(it.subscription),
        Message::Unsubscribe(it) => About::Subscription(it.subscription),
        Message::Invocation(it) => {
            it.details.procedure.as_deref().map_or(About::Registration(it.registration), uri)
        }
        Message::Registered(it) => About::Registration(it.registration),
        Message::Unregister(it) => About::Registration(it.registration),
        Message::Published(_) => About::Request(Kind::Publish),
        Message::Unsubscribed(_) => About::Request(Kind::Unsubscribe),
        Message::Unregistered(_) => About::Request(Kind::Unregister),
        Message::Result(_) | Message::Cancel(_) => About::Request(Kind::Call),
        Message::Yield(_) | Message::Interrupt(_) => About::Request(Kind::Invocation),
        Message::Error(it) => About::Request(it.request_kind),
        _ => About::Nothing,
    }
}

fn request(message: &Message<'_>) -> Option<u64> {
    let request = match message {
        Message::Publish(it) => it.request,
        Message::Published(it) => it.request,
        Message::Subscribe(it) => it.request,
        Message::Subscribed(it) => it.request,
        Message::Unsubscribe(it) => it.request,
        Message::Unsubscribed(it) => it.request,
        Message::Call(it) => it.request,
        Message::Cancel(it) => it.request,
        Message::Result(it) => it.request,
        Message::Register(it) => it.request,
        Message::Registered(it) => it.request,
        Message::Unregister(it) => it.request,
        Message::Unregistered(it) => it.request,
        Message::Invocation(it) => it.request,
        Message::Interrupt(it) => it.request,
        Message::Yield(it) => it.request,
        Message::Error(it) => it.request,
        _ => return None,
    };
    Some(request.0)
}

fn error(message: &Message<'_>) -> Option<Box<str>> {
    let uri: &str = match message {
        Message::Error(it) => &it.error,
        Message::Abort(it) => &it.reason,
        Message::Goodbye(it) => &it.reason,
        _ => return None,
    };
    Some(noted(uri).into())
}

fn is_progress(message: &Message<'_>) -> bool {
    match message {
        Message::Call(it) => it.options.progress,
        Message::Result(it) => it.details.progress,
        Message::Yield(it) => it.options.progress,
        _ => false,
    }
}
