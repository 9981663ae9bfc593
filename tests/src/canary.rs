//! Two healthy sessions beside the hostile ones.

use std::io;
use std::net::SocketAddr;

use serde_json::json;

use crate::peer::Peer;

const SUBSCRIBE: u64 = 32;
const SUBSCRIBED: u64 = 33;
const PUBLISH: u64 = 16;
const PUBLISHED: u64 = 17;
const EVENT: u64 = 36;
const REGISTER: u64 = 64;
const REGISTERED: u64 = 65;
const CALL: u64 = 48;
const INVOCATION: u64 = 68;
const YIELD: u64 = 70;
const RESULT: u64 = 50;

/// A callee and subscriber over RawSocket, a caller and publisher over WebSocket.
pub struct Canary {
    listener: Peer,
    speaker: Peer,
    /// A topic and a procedure of its own.
    uri: String,
    verse: u64,
}

impl Canary {
    /// Joins both sessions to `realm1`.
    pub fn join(address: SocketAddr) -> io::Result<Canary> {
        let mut listener = Peer::rawsocket(address)?;
        let mut speaker = Peer::websocket(address)?;
        let uri = format!("com.example.canary.c{}", listener.join("realm1")?);
        speaker.join("realm1")?;
        listener.request(SUBSCRIBE, &[json!({}), json!(uri)])?;
        listener.expect(SUBSCRIBED)?;
        listener.request(REGISTER, &[json!({}), json!(uri)])?;
        listener.expect(REGISTERED)?;
        Ok(Canary { listener, speaker, uri, verse: 0 })
    }

    /// One acknowledged publication and one call go through, each with the right content.
    pub fn sing(&mut self) -> io::Result<()> {
        self.verse += 1;
        let verse = json!([self.verse]);
        let acknowledge = json!({"acknowledge": true});
        self.speaker.request(PUBLISH, &[acknowledge, json!(self.uri), verse.clone()])?;
        self.speaker.expect(PUBLISHED)?;
        let event = self.listener.expect(EVENT)?;
        self.speaker.request(CALL, &[json!({}), json!(self.uri), verse.clone()])?;
        let invocation = self.listener.expect(INVOCATION)?;
        self.listener.send(&json!([YIELD, invocation[1], {}, invocation[4]]))?;
        let result = self.speaker.expect(RESULT)?;
        if event[4] == verse && result[3] == verse {
            return Ok(());
        }
        Err(io::Error::other(format!("verse {verse} came back as {event} and {result}")))
    }
}
