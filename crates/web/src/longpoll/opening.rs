//! The request that opens a session.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crossweave_wamp::{Batching, Dict, Serializer, Value};

/// The longest body of a request to open, in octets.
pub(super) const OPEN_LEN_MAX: usize = 4096;

/// What was agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) serializer: Serializer,
    pub(super) batching: Batching,
    protocol: String,
}

/// A request that opens nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotOpened {
    #[error("the body must be JSON, such as {{\"protocols\": [\"wamp.2.json\"]}}")]
    NotJson,
    #[error("no common protocol: this endpoint speaks {0}")]
    NoProtocol(String),
}

impl Opened {
    /// Chooses the first protocol of the client that is spoken here.
    pub(super) fn choose(
        body: &[u8],
        serializers: &[Serializer],
        batched_serializers: &[Serializer],
    ) -> Result<Opened, NotOpened> {
        let Ok(Value::Dict(members)) = Serializer::Json.decode_value(body) else {
            return Err(NotOpened::NotJson);
        };
        let Some(Value::List(protocols)) = members.get("protocols") else { return Err(NotOpened::NotJson) };
        let chosen = protocols.iter().filter_map(Value::as_str).find_map(|protocol| {
            let single = serializers.iter().find(|it| it.subprotocol() == protocol);
            let batched = batched_serializers.iter().find(|it| it.batched_subprotocol() == protocol);
            let (serializer, batching) = match (single, batched) {
                (Some(serializer), _) => (*serializer, Batching::Single),
                (None, Some(serializer)) => (*serializer, Batching::of(*serializer)),
                (None, None) => return None,
            };
            Some(Opened { serializer, batching, protocol: protocol.to_owned() })
        });
        chosen.ok_or_else(|| {
            // Two serializers may have one name on the wire.
            let single = serializers.iter().map(|it| it.subprotocol());
            let only_batched = batched_serializers.iter().filter(|it| !serializers.contains(it));
            let mut spoken: Vec<&str> =
                single.chain(only_batched.map(|it| it.batched_subprotocol())).collect();
            let mut seen = HashSet::new();
            spoken.retain(|name| seen.insert(*name));
            NotOpened::NoProtocol(spoken.join(", "))
        })
    }

    /// The name of what is spoken.
    pub(super) fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The body of the answer.
    pub(super) fn answer(&self, id: &str) -> Vec<u8> {
        let members = Dict::new().with("protocol", self.protocol.as_str()).with("transport", id);
        let mut octets = Vec::new();
        Serializer::Json.encode_value(&members.into(), &mut octets);
        octets
    }
}

/// An id that nobody can guess: whoever knows it is the client.
pub(super) fn new_id() -> String {
    let mut random = [0; 24];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_protocol_of_the_client_that_is_spoken_is_chosen() {
        let all = Serializer::ALL;
        for (protocols, serializer, batching) in [
            (r#"["wamp.2.json"]"#, Serializer::Json, Batching::Single),
            (r#"["x", 1, "wamp.2.cbor.batched", "wamp.2.json"]"#, Serializer::Cbor, Batching::Length),
            (r#"["wamp.2.json.batched"]"#, Serializer::Json, Batching::RecordSeparator),
        ] {
            let opened =
                Opened::choose(format!("{{\"protocols\":{protocols}}}").as_bytes(), &all, &all).unwrap();
            assert_eq!((opened.serializer, opened.batching), (serializer, batching), "{protocols}");
        }
        let batched = [Serializer::Cbor, Serializer::Json];
        let choose = |body: &[u8]| Opened::choose(body, &[Serializer::Cbor], &batched);
        let refused = choose(br#"{"protocols":["wamp.2.json"]}"#).unwrap_err();
        let text = "no common protocol: this endpoint speaks wamp.2.cbor, wamp.2.json.batched";
        assert_eq!(refused.to_string(), text);
        let opened = choose(br#"{"protocols":["wamp.2.json", "wamp.2.json.batched"]}"#).unwrap();
        assert_eq!(opened.batching, Batching::RecordSeparator);
        for body in ["", "[]", "{}", r#"{"protocols":"wamp.2.json"}"#] {
            assert_eq!(Opened::choose(body.as_bytes(), &all, &all), Err(NotOpened::NotJson), "{body}");
        }
    }
}
