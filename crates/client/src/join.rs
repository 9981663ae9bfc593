//! Opening a session on a connection: HELLO, CHALLENGE, WELCOME.

use std::time::Duration;

use crossweave_transport::item::Item;
use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::message::{Abort, Goodbye, Hello, Message};
use crossweave_wamp::serializer::ubjson::dialect;
use crossweave_wamp::session::joiner::{Joiner, Step};
use crossweave_wamp::{Dict, Serializer, uris};
use tokio::io::AsyncWriteExt as _;

use crate::auth::{ChallengeError, Login};
use crate::error::{ConnectError, JoinError, WampError};
use crate::limits::CLOSE_TIMEOUT;
use crate::options::Options;
use crate::resume::Claim;
use crate::session::Session;
use crate::wire::Wire;

/// What this client calls itself in HELLO.
const AGENT: &str = concat!("crossweave-client/", env!("CARGO_PKG_VERSION"));

/// Joins `realm`, or goes on with the claimed session if the router lets it; `url` is for the error.
pub(crate) async fn join(
    wire: &mut Wire,
    url: &str,
    realm: &str,
    options: &Options,
    claim: Option<&Claim>,
) -> Result<Session, ConnectError> {
    join_as(wire, url, realm, options, None, claim).await
}

/// The same, with `roles` of somebody else instead of this client's own.
pub(crate) async fn join_as(
    wire: &mut Wire,
    url: &str,
    realm: &str,
    options: &Options,
    roles: Option<Dict>,
    claim: Option<&Claim>,
) -> Result<Session, ConnectError> {
    let opening = open(wire, realm, options, roles, claim);
    let opened = match tokio::time::timeout(options.join_timeout, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(JoinError::Timeout(options.join_timeout.as_millis())),
    };
    match opened {
        Ok(session) => Ok(session),
        Err(cause) => {
            give_up(wire, &cause).await;
            Err(ConnectError::Join { url: url.to_owned(), realm: realm.to_owned(), cause })
        }
    }
}

async fn open(
    wire: &mut Wire,
    realm: &str,
    options: &Options,
    roles: Option<Dict>,
    claim: Option<&Claim>,
) -> Result<Session, JoinError> {
    let mut joiner = Joiner::default();
    let mut login = Login::new(&options.auth, channel(wire, options)?);
    send(wire, &hello(realm, options, roles, &login, claim)).await?;
    joiner.hello();
    loop {
        match joiner.receive(receive(wire).await?)? {
            Step::Welcome(welcome) => {
                login.verify(&welcome)?;
                return Ok(Session::new(welcome, realm, wire.serializer));
            }
            Step::Refused(abort) => return Err(JoinError::Refused(refusal(abort))),
            Step::Challenge(challenge) => {
                // Deriving a key may take a second of computing.
                let answered = tokio::task::spawn_blocking(move || (login.answer(&challenge), login)).await;
                let answer;
                (answer, login) = answered.map_err(|_| ChallengeError::Field("challenge"))?;
                send(wire, &answer?.into()).await?;
                joiner.authenticated();
            }
        }
    }
}

/// What the login is to be tied to.
fn channel(wire: &Wire, options: &Options) -> Result<Option<[u8; 32]>, ChallengeError> {
    match options.binds_channel {
        false => Ok(None),
        true => wire.tls_exporter.map(Some).ok_or(ChallengeError::NoChannel),
    }
}

fn hello(
    realm: &str,
    options: &Options,
    roles: Option<Dict>,
    login: &Login,
    claim: Option<&Claim>,
) -> Message<'static> {
    let roles = roles.unwrap_or_else(|| own_roles(options));
    let mut details = Dict::new().with("roles", roles).with("agent", AGENT);
    login.announce(&mut details, &options.authextra);
    if options.resume.is_some() {
        details.insert("resumable", true);
    }
    if let Some(claim) = claim {
        claim.announce(&mut details);
    }
    Hello { realm: Some(realm.to_owned()), details }.into()
}

fn own_roles(options: &Options) -> Dict {
    let mut roles = Roles::client();
    roles.subscriber = roles.subscriber.map(|subscriber| subscriber.and(Features::SUBSCRIPTION_REVOCATION));
    roles.callee = roles.callee.map(|callee| callee.and(Features::REGISTRATION_REVOCATION));
    if options.reroutes_calls {
        roles.callee = roles.callee.map(|callee| callee.and(Features::CALL_REROUTE));
    }
    roles.to_dict()
}

fn refusal(abort: Abort) -> WampError {
    let error = WampError::new(abort.reason);
    match abort.details.str("message") {
        Some(text) => error.arg(text),
        None => error,
    }
}

async fn send(wire: &mut Wire, message: &Message<'_>) -> Result<(), JoinError> {
    let mut framed = Vec::new();
    let bytes = message.to_bytes(wire.serializer);
    wire.encoder
        .append_message(&mut framed, wire.serializer.is_text(), &bytes)
        .map_err(|too_long| std::io::Error::new(std::io::ErrorKind::InvalidInput, too_long))?;
    write(wire, &framed).await
}

async fn write(wire: &mut Wire, octets: &[u8]) -> Result<(), JoinError> {
    wire.stream.write_all(octets).await?;
    Ok(wire.stream.flush().await?)
}

async fn receive(wire: &mut Wire) -> Result<Message<'static>, JoinError> {
    loop {
        match wire.input.next()? {
            Item::Message { data, .. } => {
                // The router's first message tells which encoding of UBJSON it speaks: WELCOME has a large number.
                if let Serializer::Ubjson | Serializer::BjData = wire.serializer {
                    wire.serializer = dialect::of(data).unwrap_or(wire.serializer);
                }
                return Ok(Message::decode(wire.serializer, data)?.into_owned());
            }
            Item::Close { .. } => return Err(JoinError::Closed),
            Item::Pong(_) => {}
            Item::Ping(payload) => {
                let mut framed = Vec::new();
                // A ping longer than what its sender receives cannot be answered.
                let _ = wire.encoder.append_pong(&mut framed, payload);
                write(wire, &framed).await?;
            }
            Item::Incomplete => {
                if wire.input.read(&mut wire.stream).await? == 0 {
                    return Err(JoinError::Closed);
                }
            }
        }
    }
}

/// Ends a session that was just opened, as it is of no use. The router may not be there any more.
pub(crate) async fn farewell(wire: &mut Wire) {
    let goodbye = Goodbye::new(uris::CLOSE_REALM).into();
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, send(wire, &goodbye)).await;
}

/// Tells the router why we close, if that is news to it.
async fn give_up(wire: &mut Wire, cause: &JoinError) {
    let abort = match cause {
        JoinError::Violation(violation) => Abort::new(violation.uri(), violation.message()),
        JoinError::Challenge(error) => Abort::new(uris::CANCELED, error.to_string()),
        JoinError::Timeout(_) => Abort::new(uris::TIMEOUT, cause.to_string()),
        _ => return,
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT.min(Duration::from_secs(1)), send(wire, &abort.into())).await;
}
