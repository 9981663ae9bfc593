//! What moves on a node that nobody has configured: a clock, a procedure to call, the list of sessions.

mod clock;
mod sessions;
mod sum;

use std::time::Duration;

use crossweave_client::{Client, ConnectError, Options, RequestError};
use crossweave_router::Router;
use crossweave_wamp::Serializer;
use tracing::warn;

pub use self::clock::CLOCK;
pub use self::sessions::{SESSIONS, SESSIONS_LISTED_MAX};
pub use self::sum::ADD2;

/// The authid of the component.
const AUTHID: &str = "demo";
/// From losing the session to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The realm does not let it in.
    #[error("demo component: {0}")]
    Join(#[from] ConnectError),
    /// The role may not register or publish what it should, or the procedures are taken.
    #[error("demo component: {0}")]
    Refused(RequestError),
}

/// Runs the demo component on a realm of this router until it is dropped.
///
/// It joins as `authrole`, which must be allowed to register [`ADD2`] and [`SESSIONS`], to publish [`CLOCK`] and to call
/// `wamp.session.list` and `wamp.session.get`. When it loses its session, as the realm was started afresh, it joins again.
///
/// # Errors
/// It is not let in, or not allowed to do what it does.
pub async fn run_demo(router: &Router, realm: &str, authrole: &str) -> Result<(), DemoError> {
    loop {
        run_once(router, realm, authrole).await?;
        warn!(realm, "demo component lost its session");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs until the session ends.
async fn run_once(router: &Router, realm: &str, authrole: &str) -> Result<(), DemoError> {
    let stream = router.connect_local(Serializer::MsgPack, authrole, AUTHID);
    let client = Client::join_stream(stream, Serializer::MsgPack, realm, Options::default()).await?;
    match work(&client, router, realm).await {
        Err(RequestError::Disconnected(_)) | Ok(()) => Ok(()),
        Err(refused) => Err(DemoError::Refused(refused)),
    }
}

/// Registers its procedures and publishes the clock.
async fn work(client: &Client, router: &Router, realm: &str) -> Result<(), RequestError> {
    let _add2 = sum::register(client).await?;
    let _sessions = sessions::register(client, router.clone(), realm).await?;
    clock::run(client).await
}
