//! The upgrade of a connection to WebSocket.

use std::sync::Arc;

use crossweave_transport::http::{Request, Response};
use crossweave_transport::tls::TlsFacts;
use crossweave_transport::websocket::handshake::{Upgrade, upgrade};
use crossweave_transport::{PeerAddress, Stream};
use crossweave_wamp::{Batching, Serializer};
use tokio::time::Instant;

use super::super::paths::Offer;
use super::super::{Acceptor, NotEstablished};
use crate::connection::{Established, PingOptions};
use crate::cookies::Visit;
use crate::methods::Authentication;
use crate::options::WebSocketOptions;
use crate::peer::Wire;

/// An upgrade that is not made.
pub(super) struct NotUpgraded {
    pub(super) response: Response,
    why: String,
}

impl From<NotUpgraded> for NotEstablished {
    fn from(refused: NotUpgraded) -> Self {
        NotEstablished::Refused(refused.why)
    }
}

/// An upgrade that both sides agree on: what a path offers to whom it has let in.
pub(super) struct Agreed {
    offer: Arc<Offer>,
    authentication: Authentication,
    upgrade: Upgrade,
    /// The cookie's holder.
    visit: Option<Visit>,
    /// The cookie, if it is to be set.
    set_cookie: Option<String>,
    spoken: (Serializer, Batching),
}

impl Acceptor {
    /// Agrees with a client that wants to upgrade.
    pub(super) fn negotiate(&self, request: &Request, is_tls: bool) -> Result<Agreed, NotUpgraded> {
        let Some(offer) = self.paths.at(&request.path) else {
            let shown: String = request.path.chars().take(64).collect();
            let response = Response::text(404, "no websocket endpoint at this path");
            return Err(NotUpgraded { response, why: format!("no websocket endpoint at path {shown:?}") });
        };
        let options = &offer.options;
        let upgrade = upgrade(request, &offer.server, is_tls)
            .map_err(|refused| NotUpgraded { response: refused.response(), why: refused.to_string() })?;
        let (serializer, batching) = spoken(options, upgrade.protocol.as_deref());
        let serializer = encoding_of_agent(serializer, request.headers.get("User-Agent"));
        // Only now: a page that may not connect gets no cookie.
        let greeting = offer.cookies.as_ref().map(|jar| jar.greet(request.headers.get("Cookie")));
        let (visit, set_cookie) = greeting.unzip();
        let authentication = options.authentication.as_ref().unwrap_or(&self.options.authentication).clone();
        Ok(Agreed {
            offer,
            authentication,
            upgrade,
            visit,
            set_cookie: set_cookie.flatten(),
            spoken: (serializer, batching),
        })
    }
}

impl Agreed {
    /// The header fields of the answer.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.upgrade.fields();
        fields.push(("Server", "Crossweave".to_owned()));
        fields.extend(self.set_cookie.clone().map(|cookie| ("Set-Cookie", cookie)));
        fields
    }

    /// The answer, for a connection that was not yet used for other requests.
    pub(super) fn response(&self) -> Vec<u8> {
        let mut further = vec![("Server", "Crossweave")];
        further.extend(self.set_cookie.as_deref().map(|cookie| ("Set-Cookie", cookie)));
        self.upgrade.response(&further)
    }

    /// The connection, once the client has the answer.
    pub(super) fn established(
        self,
        (stream, leftover): (Stream, Vec<u8>),
        (address, tls): (PeerAddress, Option<Arc<TlsFacts>>),
        deadline: Instant,
    ) -> Established {
        let Agreed { offer, authentication, upgrade, visit, spoken: (serializer, batching), .. } = self;
        let options = &offer.options;
        let codec = upgrade.codec(&offer.server);
        let ping = PingOptions::new(options.auto_ping_interval_ms, options.auto_ping_timeout_ms);
        Established {
            wire: Wire { serializer, framing: codec.encoder.framing(), batching },
            message_len_max: codec.encoder.len_max(),
            codec,
            stream,
            leftover,
            address,
            tls,
            authentication,
            visit,
            channel_framing: "websocket",
            ping,
            deadline,
        }
    }
}

/// What a subprotocol that was agreed on stands for; without one it is JSON.
fn spoken(options: &WebSocketOptions, protocol: Option<&str>) -> (Serializer, Batching) {
    let named = |name: &str| Some(name) == protocol;
    let single = options.serializers.iter().find(|it| named(it.subprotocol()));
    let batched = options.batched_serializers.iter().find(|it| named(it.batched_subprotocol()));
    match (single, batched) {
        (Some(serializer), _) => (*serializer, Batching::Single),
        (None, Some(serializer)) => (*serializer, Batching::of(*serializer)),
        (None, None) => (Serializer::Json, Batching::Single),
    }
}

/// The encoding to answer a peer in whose HELLO does not tell which of UBJSON's two it speaks.
///
/// Autobahn|Python spoke draft 12 until its release 26.6, which brought BJData. It says which one it is.
fn encoding_of_agent(serializer: Serializer, user_agent: Option<&str>) -> Serializer {
    const BJDATA_SINCE: (u32, u32) = (26, 6);
    let version = || {
        let mut numbers = user_agent?.strip_prefix("AutobahnPython/")?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    match serializer {
        Serializer::BjData if version().is_some_and(|version| version < BJDATA_SINCE) => Serializer::Ubjson,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subprotocol_is_of_one_serializer_with_or_without_batches() {
        let options = WebSocketOptions::default();
        assert_eq!(spoken(&options, Some("wamp.2.cbor")), (Serializer::Cbor, Batching::Single));
        assert_eq!(spoken(&options, Some("wamp.2.cbor.batched")), (Serializer::Cbor, Batching::Length));
        assert_eq!(
            spoken(&options, Some("wamp.2.json.batched")),
            (Serializer::Json, Batching::RecordSeparator)
        );
        assert_eq!(spoken(&options, None), (Serializer::Json, Batching::Single));
    }

    #[test]
    fn older_autobahn_is_answered_in_draft_12() {
        let encoding = |agent| encoding_of_agent(Serializer::BjData, agent);
        assert_eq!(encoding(Some("AutobahnPython/25.12.2")), Serializer::Ubjson);
        assert_eq!(encoding(Some("AutobahnPython/26.6.1")), Serializer::BjData);
        assert_eq!(encoding(Some("AutobahnPython")), Serializer::BjData);
        assert_eq!(encoding(None), Serializer::BjData);
        assert_eq!(encoding_of_agent(Serializer::Cbor, Some("AutobahnPython/25.12.2")), Serializer::Cbor);
    }
}
