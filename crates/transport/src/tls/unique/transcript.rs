//! The handshake messages that go over a connection in the clear.
//!
//! Each direction is kept for itself: in which order messages of different directions are hashed is the protocol's to say, not
//! the network's.

use hello::is_bindable;
use records::Records;
use rustls::HandshakeKind;

mod hello;
mod records;

/// Who has sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What was said so far; nothing any more once it is clear that there will be no binding.
pub(in crate::tls) struct Transcript(Option<Kept>);

impl Default for Transcript {
    fn default() -> Transcript {
        Transcript(Some(Kept::default()))
    }
}

#[derive(Default)]
struct Kept {
    client: Records,
    server: Records,
    is_bindable: bool,
}

/// What the first Finished message is computed from, besides the master secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirstFinished<'a> {
    pub(super) label: &'static [u8],
    pub(super) client_random: &'a [u8],
    /// To be hashed one behind the other.
    pub(super) messages: [&'a [u8]; 3],
}

/// One handshake message.
struct Message<'a> {
    kind: u8,
    body: &'a [u8],
    /// With its header.
    whole: &'a [u8],
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const NEW_SESSION_TICKET: u8 = 4;
const SERVER_HELLO_DONE: u8 = 14;

impl Transcript {
    /// Takes bytes as they were read or written.
    pub(super) fn record(&mut self, side: Side, bytes: &[u8]) {
        let Some(kept) = &mut self.0 else { return };
        if kept.record(side, bytes).is_none() {
            self.0 = None;
        }
    }

    /// What a handshake of this kind has as its first Finished; none if it is not one that we understand completely.
    pub(super) fn first_finished(&self, kind: HandshakeKind) -> Option<FirstFinished<'_>> {
        let kept = self.0.as_ref().filter(|kept| kept.is_bindable)?;
        let (client, server) = (kept.client.sealed()?, kept.server.sealed()?);
        let (hello, answers) = next(client)?;
        let client_random = hello.body.get(2..34).filter(|_| hello.kind == CLIENT_HELLO)?;
        match kind {
            HandshakeKind::Full => {
                let flight = server.get(..flight_len(server)?)?;
                let label = b"client finished";
                let is_whole =
                    !answers.is_empty() && kinds(answers)?.iter().all(|kind| *kind != CLIENT_HELLO);
                let messages = [hello.whole, flight, answers];
                is_whole.then_some(FirstFinished { label, client_random, messages })
            }
            HandshakeKind::Resumed => {
                let is_short = matches!(*kinds(server)?, [SERVER_HELLO] | [SERVER_HELLO, NEW_SESSION_TICKET]);
                let label = b"server finished";
                let messages = [hello.whole, server, &[]];
                (is_short && answers.is_empty()).then_some(FirstFinished { label, client_random, messages })
            }
            HandshakeKind::FullWithHelloRetryRequest => None,
        }
    }
}

impl Kept {
    fn record(&mut self, side: Side, bytes: &[u8]) -> Option<()> {
        match side {
            Side::Client => self.client.take(bytes),
            Side::Server => {
                self.server.take(bytes)?;
                if !self.is_bindable
                    && let Some((hello, _)) = next(self.server.messages())
                {
                    self.is_bindable = hello.kind == SERVER_HELLO && is_bindable(hello.body)?;
                    return self.is_bindable.then_some(());
                }
                Some(())
            }
        }
    }
}

/// The message that `bytes` begin with, if all of it is there, and what comes behind it.
fn next(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let [kind, high, middle, low, ..] = *bytes else { return None };
    let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    let (whole, rest) = bytes.split_at_checked(4 + len)?;
    Some((Message { kind, body: &whole[4..], whole }, rest))
}

/// The kinds of messages that `bytes` are; none if the last is cut off.
fn kinds(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kinds = Vec::new();
    while !bytes.is_empty() {
        let (message, rest) = next(bytes)?;
        kinds.push(message.kind);
        bytes = rest;
    }
    Some(kinds)
}

/// The length of the server's first flight in a full handshake. Behind it there is a ticket at most, which comes after the
/// client's Finished.
fn flight_len(server: &[u8]) -> Option<usize> {
    let mut rest = server;
    loop {
        let (message, behind) = next(rest)?;
        rest = behind;
        if message.kind == SERVER_HELLO_DONE {
            break;
        }
    }
    let is_over = matches!(*kinds(rest)?, [] | [NEW_SESSION_TICKET]);
    is_over.then_some(server.len() - rest.len())
}
