//! Feeding a decoder, and saying what should come out of it.

use crossweave_transport::item::Item;
use crossweave_transport::websocket::frame::append_frame_with;
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Opcode, RETAIN_LEN_MAX, Role};

/// What a decoder reported, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    /// The connection must be failed with this close code.
    Fail(u16),
}

pub(crate) fn text(payload: &str) -> Event {
    Event::Text(payload.to_owned())
}

pub(crate) fn closed(code: u16) -> Event {
    Event::Close(Some(code), String::new())
}

/// A stream of masked client frames under construction.
#[derive(Default)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

impl Wire {
    pub(crate) fn frame(self, opcode: u8, fin: bool, payload: &[u8]) -> Wire {
        self.raw(opcode | if fin { 0x80 } else { 0 }, payload)
    }

    /// A masked frame with the given first octet, whatever its bits.
    pub(crate) fn raw(mut self, first: u8, payload: &[u8]) -> Wire {
        let start = self.0.len();
        let key = [0x37, 0xfa, 0x21, start as u8];
        append_frame_with(&mut self.0, Opcode::Binary, payload, true, false, Some(key));
        self.0[start] = first;
        self
    }

    pub(crate) fn text(self, payload: &str) -> Wire {
        self.frame(1, true, payload.as_bytes())
    }

    pub(crate) fn ping(self, payload: &[u8]) -> Wire {
        self.raw(0x89, payload)
    }

    pub(crate) fn close(self, code: u16, reason: &[u8]) -> Wire {
        self.raw(0x88, &[&code.to_be_bytes()[..], reason].concat())
    }
}

/// How a stream arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feeding {
    Whole,
    Chunks(usize),
}

/// Everything a decoder makes of a stream, and how many octets it had been offered by then.
pub(crate) fn feed(decoder: &mut Decoder, wire: &[u8], feeding: Feeding) -> (Vec<Event>, usize) {
    let mut events = Vec::new();
    let mut buffer = Vec::new();
    let mut offered = 0;
    let chunk_len = match feeding {
        Feeding::Whole => wire.len().max(1),
        Feeding::Chunks(len) => len,
    };
    for chunk in wire.chunks(chunk_len) {
        buffer.extend_from_slice(chunk);
        offered += chunk.len();
        let mut at = 0;
        loop {
            let decoded = match decoder.decode(&mut buffer[at..]) {
                Ok(decoded) => decoded,
                Err(error) => {
                    events.push(Event::Fail(error.close_code()));
                    return (events, offered);
                }
            };
            at += decoded.consumed;
            match decoded.item {
                Item::Incomplete => break,
                item => events.push(own(item)),
            }
        }
        buffer.drain(..at);
        assert!(buffer.len() <= RETAIN_LEN_MAX, "decoder left {} octets with its caller", buffer.len());
    }
    if !decoder.is_mid_message() {
        assert_eq!(decoder.buffered_len(), 0, "an idle decoder holds memory");
    }
    (events, offered)
}

fn own(item: Item<'_>) -> Event {
    match item {
        Item::Message { text: true, data } => {
            Event::Text(String::from_utf8(data.to_vec()).expect("text is utf-8"))
        }
        Item::Message { text: false, data } => Event::Binary(data.to_vec()),
        Item::Ping(payload) => Event::Ping(payload.to_vec()),
        Item::Pong(payload) => Event::Pong(payload.to_vec()),
        Item::Close { code, reason } => Event::Close(code, reason.to_owned()),
        Item::Incomplete => unreachable!("ends the loop"),
    }
}

/// Runs one case with every feeding and echoes what was received.
pub(crate) fn check(id: &str, wire: Wire, expected: &[Event]) {
    check_octets(id, &wire.0, expected);
}

pub(crate) fn check_octets(id: &str, wire: &[u8], expected: &[Event]) {
    let mut feedings = vec![Feeding::Whole, Feeding::Chunks(997), Feeding::Chunks(65_521)];
    if wire.len() <= 70_000 {
        feedings.extend([Feeding::Chunks(1), Feeding::Chunks(3), Feeding::Chunks(61)]);
    }
    for feeding in feedings {
        let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
        let (events, _) = feed(&mut decoder, wire, feeding);
        assert!(events == expected, "case {id} fed {feeding:?}: {}", difference(&events, expected));
    }
    check_echo(id, expected);
}

fn difference(events: &[Event], expected: &[Event]) -> String {
    let short = |events: &[Event]| format!("{events:?}").chars().take(300).collect::<String>();
    format!("got {} where {} was expected", short(events), short(expected))
}

/// What a server sends back for the events must be read as the same messages by a client.
fn check_echo(id: &str, events: &[Event]) {
    let mut encoder = Encoder::new(Role::Server, None);
    let mut wire = Vec::new();
    let mut expected = Vec::new();
    for event in events {
        match event {
            Event::Text(payload) => encoder.append_message(&mut wire, true, payload.as_bytes()),
            Event::Binary(payload) => encoder.append_message(&mut wire, false, payload),
            Event::Ping(payload) => {
                encoder.append_pong(&mut wire, payload);
                expected.push(Event::Pong(payload.clone()));
                continue;
            }
            Event::Close(code, reason) => encoder.append_close(&mut wire, *code, reason),
            Event::Pong(_) | Event::Fail(_) => continue,
        }
        expected.push(event.clone());
    }
    let mut decoder = Decoder::new(Role::Client, Limits::default(), None);
    let (echoed, _) = feed(&mut decoder, &wire, Feeding::Chunks(1021));
    assert!(echoed == expected, "case {id} echoed: {}", difference(&echoed, &expected));
}
