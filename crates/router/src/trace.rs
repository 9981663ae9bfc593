//! The log at level trace: a line for each message, to see what a client does.
//!
//! A line tells kind, ids, URIs and length. Payloads, details and what proves who somebody is are in none.

use std::fmt::{self, Display};

use crossweave_transport::PeerAddress;
use crossweave_wamp::Message;
use crossweave_wamp::message::Error;
use tracing::{Level, enabled, trace};

use crate::tap::{Direction, Turn};

/// Lines kept of one turn of a realm; how many more there were is told.
const LINES_MAX: usize = 4_096;
/// Characters of a URI that are shown.
const URI_CHARS_MAX: usize = 128;

/// Whether messages are traced. Asked once per batch, not once per message.
#[inline]
pub(crate) fn is_on() -> bool {
    enabled!(Level::TRACE)
}

/// Tells of a message that came from a session.
#[cold]
pub(crate) fn received(session: u64, message: &Message<'_>, len: usize) {
    trace!(session, len, "received {}", Line(message));
}

/// Tells of a message of a peer that has not joined.
#[cold]
pub(crate) fn received_from(peer: &PeerAddress, message: &Message<'_>, len: usize) {
    trace!(%peer, len, "received {}", Line(message));
}

/// Tells of a message to a peer that has not joined.
#[cold]
pub(crate) fn sent_to(peer: &PeerAddress, message: &Message<'_>, len: usize) {
    trace!(%peer, len, "sent {}", Line(message));
}

/// What a realm sent in one turn. Kept until its lock is released, as writing the log may block.
#[derive(Default)]
pub(crate) struct Sent {
    lines: Vec<(u64, usize, String)>,
    left_off: usize,
    /// What taps are to get of this turn.
    pub(crate) tapped: Option<Box<Turn>>,
}

impl Sent {
    /// Takes note of a message that was queued for a session, or was to be.
    #[cold]
    pub(crate) fn note(&mut self, session: u64, len: usize, message: &Message<'_>) {
        if let Some(tapped) = &mut self.tapped {
            tapped.note(Direction::Sent, session, len, message);
        }
        if is_on() {
            self.keep_line(session, len, message);
        }
    }

    fn keep_line(&mut self, session: u64, len: usize, message: &Message<'_>) {
        if self.lines.len() < LINES_MAX {
            self.lines.push((session, len, Line(message).to_string()));
        } else {
            self.left_off += 1;
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.tapped.is_none()
    }

    /// Tells the taps and writes the lines. Those of several sessions that send at the same time may change places.
    #[cold]
    pub(crate) fn write(&mut self) {
        if let Some(tapped) = self.tapped.take() {
            tapped.tell();
        }
        for (session, len, line) in self.lines.drain(..) {
            trace!(session, len, "sent {line}");
        }
        let left_off = std::mem::take(&mut self.left_off);
        if left_off > 0 {
            trace!(left_off, "sent more messages than are shown");
        }
    }
}

/// What is shown of a message.
struct Line<'m, 'b>(&'m Message<'b>);

impl Display for Line<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind().name())?;
        match self.0 {
            Message::Hello(it) => uri(f, "realm", it.realm.as_deref().unwrap_or_default()),
            Message::Welcome(it) => write!(f, " session={}", it.session),
            Message::Abort(it) => uri(f, "reason", &it.reason),
            Message::Goodbye(it) => uri(f, "reason", &it.reason),
            Message::Challenge(it) => uri(f, "method", &it.method),
            Message::Authenticate(_) => Ok(()),
            Message::Error(it) => error(f, it),
            _ => self.pubsub(f),
        }
    }
}

impl Line<'_, '_> {
    fn pubsub(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Message::Publish(it) => request_uri(f, it.request.0, "topic", &it.topic),
            Message::Published(it) => {
                write!(f, " request={} publication={}", it.request, it.publication)
            }
            Message::Subscribe(it) => request_uri(f, it.request.0, "topic", &it.topic),
            Message::Subscribed(it) => write!(f, " request={} subscription={}", it.request, it.subscription),
            Message::Unsubscribe(it) => write!(f, " request={} subscription={}", it.request, it.subscription),
            Message::Unsubscribed(it) => write!(f, " request={}", it.request),
            Message::Event(it) => {
                write!(f, " subscription={} publication={}", it.subscription, it.publication)?;
                it.details.topic.as_deref().map_or(Ok(()), |topic| uri(f, "topic", topic))
            }
            Message::EventReceived(it) => write!(f, " publication={}", it.publication),
            _ => self.rpc(f),
        }
    }

    fn rpc(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Message::Call(it) => request_uri(f, it.request.0, "procedure", &it.procedure),
            Message::Cancel(it) => write!(f, " request={}", it.request),
            Message::Result(it) => write!(f, " request={} progress={}", it.request, it.details.progress),
            Message::Register(it) => request_uri(f, it.request.0, "procedure", &it.procedure),
            Message::Registered(it) => write!(f, " request={} registration={}", it.request, it.registration),
            Message::Unregister(it) => write!(f, " request={} registration={}", it.request, it.registration),
            Message::Unregistered(it) => write!(f, " request={}", it.request),
            Message::Invocation(it) => {
                write!(f, " request={} registration={}", it.request, it.registration)?;
                it.details.procedure.as_deref().map_or(Ok(()), |procedure| uri(f, "procedure", procedure))
            }
            Message::Interrupt(it) => write!(f, " request={}", it.request),
            Message::Yield(it) => write!(f, " request={} progress={}", it.request, it.options.progress),
            _ => Ok(()),
        }
    }
}

fn error(f: &mut fmt::Formatter<'_>, it: &Error<'_>) -> fmt::Result {
    write!(f, " of={} request={}", it.request_kind.name(), it.request)?;
    uri(f, "error", &it.error)
}

fn request_uri(f: &mut fmt::Formatter<'_>, request: u64, name: &str, text: &str) -> fmt::Result {
    write!(f, " request={request}")?;
    uri(f, name, text)
}

/// The beginning of a URI, in quotes and escaped: it is the peer's.
fn uri(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    match text.char_indices().nth(URI_CHARS_MAX) {
        Some((at, _)) => write!(f, " {name}={:?}…", &text[..at]),
        None => write!(f, " {name}={text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::{Serializer, uris};

    use super::*;

    fn line(json: &str) -> String {
        Line(&Message::decode(Serializer::Json, json.as_bytes()).unwrap()).to_string()
    }

    #[test]
    fn lines_tell_kind_ids_and_uris() {
        for (json, shown) in [
            (r#"[1,"realm1",{"roles":{"caller":{}}}]"#, r#"HELLO realm="realm1""#),
            (r#"[16,7,{},"com.a",[1]]"#, r#"PUBLISH request=7 topic="com.a""#),
            (r#"[48,8,{},"com.b"]"#, r#"CALL request=8 procedure="com.b""#),
            (r#"[36,1,2,{"topic":"com.c"}]"#, r#"EVENT subscription=1 publication=2 topic="com.c""#),
            (r#"[70,9,{"progress":true}]"#, "YIELD request=9 progress=true"),
            (r#"[8,48,3,{},"a.b",["why"]]"#, r#"ERROR of=CALL request=3 error="a.b""#),
            (r#"[6,{},"wamp.close.normal"]"#, r#"GOODBYE reason="wamp.close.normal""#),
        ] {
            assert_eq!(line(json), shown);
        }
    }

    #[test]
    fn payloads_and_secrets_are_in_no_line() {
        for json in [
            r#"[5,"SECRET",{"k":"SECRET"}]"#,
            r#"[1,"realm1",{"roles":{"caller":{}},"authid":"SECRET","authextra":{"t":"SECRET"}}]"#,
            r#"[4,"wampcra",{"challenge":"SECRET"}]"#,
            r#"[48,8,{},"com.b",["SECRET"],{"k":"SECRET"}]"#,
            r#"[50,8,{},["SECRET"],{"k":"SECRET"}]"#,
            r#"[8,48,3,{"d":"SECRET"},"a.b",["SECRET"],{"k":"SECRET"}]"#,
        ] {
            assert!(!line(json).contains("SECRET"), "{}", line(json));
        }
    }

    #[test]
    fn uris_are_escaped_and_cut_and_lines_bounded() {
        let long = line(&format!(r#"[16,7,{{}},"a\u001b\n{}"]"#, "é".repeat(1_000)));
        assert!(long.len() < 400 && long.ends_with("\"…") && !long.chars().any(char::is_control), "{long}");
        let mut sent = Sent::default();
        let goodbye = crossweave_wamp::message::Goodbye::new(uris::CLOSE_NORMAL).into();
        for _ in 0..LINES_MAX + 5 {
            sent.keep_line(1, 2, &goodbye);
        }
        assert_eq!((sent.lines.len(), sent.left_off), (LINES_MAX, 5));
        sent.write();
        assert!(sent.is_empty() && sent.left_off == 0);
    }
}
