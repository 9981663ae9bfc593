//! Going on with a session whose connection was lost.

use std::collections::VecDeque;
use std::time::Duration;

use crossweave_wamp::{Dict, SessionId, Value};
use tokio::time::Instant;

use crate::limits::{RESUME_BYTES_MAX, RESUME_WINDOW_MAX};
use crate::session::Session;

/// How a client goes on with its session when the connection was lost and the router lets it: nothing that is pending fails,
/// and no event is missed that the router still has. Otherwise it joins anew, subscribes and registers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Octets of messages that are kept so that those which the router has not received can be sent again. If it lacks one
    /// that is no longer kept, the client joins anew. Default 8 MiB.
    pub buffer_bytes_max: usize,
}

impl Default for Resume {
    fn default() -> Self {
        Resume { buffer_bytes_max: RESUME_BYTES_MAX }
    }
}

/// What the router wants to see from whoever goes on with a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    token: Token,
    window: Duration,
}

/// Good for one time; no log shows it.
#[derive(Clone, PartialEq)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Offer {
    /// Takes the offer out of WELCOME's details, which are shown to the application.
    pub(crate) fn take_from(details: &mut Dict) -> Option<Offer> {
        let token = details.remove("resume_token")?.as_str()?.to_owned();
        let is_resumable = details.get("resumable").and_then(Value::as_bool).unwrap_or(false);
        let window = details.get("resume_window").and_then(Value::as_u64).map(Duration::from_secs);
        let window = window.unwrap_or(RESUME_WINDOW_MAX).min(RESUME_WINDOW_MAX);
        is_resumable.then_some(Offer { token: Token(token), window })
    }
}

/// A session that has lost its connection.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) session: SessionId,
    token: Token,
    /// Messages received in the session, WELCOME not counted.
    received: u64,
    /// Until when the router keeps it at most.
    pub(crate) until: Instant,
}

impl Claim {
    /// The claim on a session in which so many messages were received, if the router offered that.
    pub(crate) fn new(session: &Session, received: u64) -> Option<Claim> {
        let offer = session.offer.as_ref()?;
        let until = Instant::now() + offer.window;
        Some(Claim { session: session.id, token: offer.token.clone(), received, until })
    }

    /// Says in HELLO which session is wanted.
    pub(crate) fn announce(&self, details: &mut Dict) {
        details.insert("resume_session", self.session.0);
        details.insert("resume_token", self.token.0.as_str());
        details.insert("resume_received", self.received);
    }
}

/// The newest messages to the router, serialized and not framed.
#[derive(Debug)]
pub(crate) struct Sent {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    bytes_max: usize,
    /// The number of the newest; the session's first was 1.
    last: u64,
}

impl Sent {
    pub(crate) fn new(resume: Resume) -> Sent {
        Sent { messages: VecDeque::new(), bytes: 0, bytes_max: resume.buffer_bytes_max, last: 0 }
    }

    pub(crate) fn push(&mut self, message: &[u8]) {
        self.last += 1;
        self.bytes += message.len();
        self.messages.push_back(message.to_vec());
        while self.bytes > self.bytes_max {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.len();
        }
    }

    /// The number of the newest message that is no longer kept.
    fn last_lost(&self) -> u64 {
        self.last - self.messages.len() as u64
    }

    /// The messages behind the one of this number, which the router has received. Nothing if they are not all kept, or the
    /// router has received more than was sent.
    pub(crate) fn behind(&self, received: u64) -> Option<impl Iterator<Item = &[u8]>> {
        if received > self.last {
            return None;
        }
        // No more than there are messages.
        let known = received.checked_sub(self.last_lost())? as usize;
        Some(self.messages.range(known..).map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(sent: &Sent, received: u64) -> Option<String> {
        Some(sent.behind(received)?.map(|message| str::from_utf8(message).unwrap()).collect())
    }

    #[test]
    fn what_the_router_has_not_received_is_sent_again_if_it_is_kept() {
        let mut sent = Sent::new(Resume { buffer_bytes_max: 3 });
        assert_eq!(behind(&sent, 0), Some(String::new()));
        ["a", "b", "c"].into_iter().for_each(|message| sent.push(message.as_bytes()));
        assert_eq!(behind(&sent, 0).as_deref(), Some("abc"));
        assert_eq!(behind(&sent, 2).as_deref(), Some("c"));
        sent.push(b"d");
        assert_eq!(behind(&sent, 0), None, "the first one is no longer kept");
        assert_eq!(behind(&sent, 1).as_deref(), Some("bcd"));
        assert_eq!(behind(&sent, 4).as_deref(), Some(""));
        assert_eq!(behind(&sent, 5), None, "it was not sent");
        sent.push(b"too long");
        assert_eq!((behind(&sent, 4), behind(&sent, 5).as_deref()), (None, Some("")));
    }

    #[test]
    fn an_offer_needs_a_token_and_is_not_shown() {
        let offered = |details: Dict| Offer::take_from(&mut details.clone()).is_some();
        assert!(offered(Dict::new().with("resumable", true).with("resume_token", "secret")));
        assert!(!offered(Dict::new().with("resumable", true)));
        assert!(!offered(Dict::new().with("resumable", false).with("resume_token", "secret")));
        let mut details = Dict::new().with("resumable", true).with("resume_token", "secret");
        let offer = Offer::take_from(&mut details).unwrap();
        assert!(details.get("resume_token").is_none() && !format!("{offer:?}").contains("secret"));
        assert_eq!(offer.window, RESUME_WINDOW_MAX);
    }
}
