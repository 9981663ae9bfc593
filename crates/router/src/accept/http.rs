//! HTTP requests: upgrades to WebSocket, and whatever the transport's HTTP service answers.

use std::time::Duration;

use crossweave_transport::http::{HttpError, Request, Response, read_body, read_request};
use crossweave_transport::websocket::Limits;
use crossweave_transport::websocket::handshake::{ServerOptions, Upgrade, is_upgrade, upgrade};
use crossweave_wamp::{Batching, Serializer};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout_at};

use super::{Acceptor, Handshake, NotEstablished};
use crate::connection::{Established, PingOptions};
use crate::cookies::Visit;
use crate::methods::Authentication;
use crate::options::WebSocketOptions;
use crate::peer::Wire;

/// A connection without a request is closed after this time.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A connection is not kept for further requests after this time: it has a place that others need.
const LIFETIME: Duration = Duration::from_secs(120);
/// The client's time to take an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

impl Acceptor {
    /// Serves requests until one of them upgrades the connection or the client has no more.
    pub(super) async fn http(&self, mut handshake: Handshake) -> Result<Option<Established>, NotEstablished> {
        let end = Instant::now() + LIFETIME;
        loop {
            let Handshake { stream, buffer, deadline, .. } = &mut handshake;
            let request = match timeout_at(*deadline, read_request(stream, buffer)).await {
                Ok(Ok(Some(request))) => request,
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return self.refuse(handshake, error).await,
                Err(_) if buffer.is_empty() => return Err(NotEstablished::Silent),
                Err(_) => return late(handshake).await,
            };
            if is_upgrade(&request) {
                return self.upgrade(handshake, &request).await;
            }
            let body = match timeout_at(*deadline, read_body(stream, buffer, &request, self.body_max())).await
            {
                Ok(Ok(body)) => body,
                Ok(Err(error)) => return self.refuse(handshake, error).await,
                Err(_) => return late(handshake).await,
            };
            let keeps_alive = request.keeps_alive() && Instant::now() < end;
            let response =
                self.respond(&request, body, handshake.tls.is_some()).await.keep_alive(keeps_alive);
            match request.method.as_str() {
                "HEAD" => write(&mut handshake, &response.encode_head()).await?,
                _ => answer(&mut handshake, response).await?,
            }
            if !keeps_alive {
                return Ok(None);
            }
            handshake.deadline = Instant::now() + KEEP_ALIVE;
        }
    }

    fn body_max(&self) -> usize {
        self.options.http.as_ref().map_or(0, |service| service.body_max())
    }

    async fn respond(&self, request: &Request, body: Vec<u8>, is_tls: bool) -> Response {
        if self.options.websocket.contains_key(&request.path) {
            return Response::text(426, "this is a websocket endpoint: connect with ws:// or wss://")
                .with_header("Upgrade", "websocket");
        }
        match &self.options.http {
            Some(service) => service.respond(request, body, is_tls).await,
            None if self.options.websocket.is_empty() => Response::text(404, "no http is served here"),
            None => Response::text(404, "nothing is served at this path"),
        }
    }

    async fn refuse(
        &self,
        mut handshake: Handshake,
        error: HttpError,
    ) -> Result<Option<Established>, NotEstablished> {
        match error.response() {
            Some(response) => {
                answer(&mut handshake, response).await?;
                Err(NotEstablished::Refused(error.to_string()))
            }
            None => Err(NotEstablished::Closed),
        }
    }

    async fn upgrade(
        &self,
        mut handshake: Handshake,
        request: &Request,
    ) -> Result<Option<Established>, NotEstablished> {
        let paths = &self.options.websocket;
        let Some((path, options)) = paths.get_key_value(&request.path).or_else(|| paths.get_key_value("*"))
        else {
            let shown: String = request.path.chars().take(64).collect();
            answer(&mut handshake, Response::text(404, "no websocket endpoint at this path")).await?;
            return Err(NotEstablished::Refused(format!("no websocket endpoint at path {shown:?}")));
        };
        let Some(server) = self.handshakes.get(path) else { return Ok(None) };
        let authentication = options.authentication.as_ref().unwrap_or(&self.options.authentication).clone();
        match upgrade(request, server, handshake.tls.is_some()) {
            Ok(upgrade) => {
                let (serializer, batching) = spoken(options, upgrade.protocol.as_deref());
                let serializer = encoding_of_agent(serializer, request.headers.get("User-Agent"));
                let spoken = (serializer, batching);
                // Only now: a page that may not connect gets no cookie.
                let greeting = self.jars.get(path).map(|jar| jar.greet(request.headers.get("Cookie")));
                let opened = Opened { options, authentication, greeting, spoken };
                established(handshake, opened, server, &upgrade).await.map(Some)
            }
            Err(refused) => {
                answer(&mut handshake, refused.response()).await?;
                Err(NotEstablished::Refused(refused.to_string()))
            }
        }
    }
}

/// The deadline has passed with a head or a body still on its way.
async fn late(mut handshake: Handshake) -> Result<Option<Established>, NotEstablished> {
    answer(&mut handshake, Response::text(408, "the request did not arrive in time")).await?;
    Err(NotEstablished::Deadline)
}

/// What a handshake is told, the same for each.
pub(crate) fn server_options(options: &WebSocketOptions) -> ServerOptions {
    let single = options.serializers.iter().map(|it| it.subprotocol());
    let batched = options.batched_serializers.iter().map(|it| it.batched_subprotocol());
    ServerOptions {
        protocols: single.chain(batched).map(str::to_owned).collect(),
        allows_no_protocol: options.allows_no_subprotocol,
        origins: options.origins.clone(),
        deflate: options.deflate.clone(),
        limits: Limits { max_frame_size: options.max_frame_size, max_message_size: options.max_message_size },
        fragment_len: options.auto_fragment_size,
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

/// What a path offers to whom it has let in.
struct Opened<'o> {
    options: &'o WebSocketOptions,
    authentication: Authentication,
    /// The cookie's holder, and the cookie if it is to be set.
    greeting: Option<(Visit, Option<String>)>,
    spoken: (Serializer, Batching),
}

async fn established(
    mut handshake: Handshake,
    opened: Opened<'_>,
    server: &ServerOptions,
    upgrade: &Upgrade,
) -> Result<Established, NotEstablished> {
    let Opened { options, authentication, greeting, spoken: (serializer, batching) } = opened;
    let (visit, set_cookie) = greeting.unzip();
    let set_cookie = set_cookie.flatten();
    let mut headers = vec![("Server", "Crossweave")];
    headers.extend(set_cookie.as_deref().map(|cookie| ("Set-Cookie", cookie)));
    write(&mut handshake, &upgrade.response(&headers)).await?;
    let codec = upgrade.codec(server);
    let ping = PingOptions::new(options.auto_ping_interval_ms, options.auto_ping_timeout_ms);
    Ok(Established {
        wire: Wire { serializer, framing: codec.encoder.framing(), batching },
        message_len_max: codec.encoder.len_max(),
        codec,
        stream: handshake.stream,
        leftover: handshake.buffer,
        address: handshake.address,
        tls: handshake.tls,
        authentication,
        visit,
        is_websocket: true,
        ping,
        deadline: handshake.deadline,
    })
}

async fn answer(handshake: &mut Handshake, response: Response) -> Result<(), NotEstablished> {
    write(handshake, &response.encode()).await
}

async fn write(handshake: &mut Handshake, octets: &[u8]) -> Result<(), NotEstablished> {
    let deadline = Instant::now() + ANSWER_DEADLINE;
    match timeout_at(deadline, handshake.stream.write_all(octets)).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(NotEstablished::Deadline),
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
