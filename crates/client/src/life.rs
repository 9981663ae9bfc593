//! A client's life: one connection after the other.

use std::sync::Arc;

use tokio::time::Instant;

use crate::driver::{Driver, End};
use crate::error::{ConnectError, Disconnected};
use crate::join::join;
use crate::limits::STABLE_AFTER;
use crate::options::Options;
use crate::session::Session;
use crate::shared::Shared;
use crate::state::State;
use crate::wire::Wire;

/// Where to connect again; nothing for a stream that was handed over.
pub(crate) struct Home {
    pub(crate) url: String,
    pub(crate) realm: String,
}

/// A URL without its query, which may be secret.
pub(crate) fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Connects and joins.
pub(crate) async fn connect(home: &Home, options: &Options) -> Result<(Wire, Session), ConnectError> {
    let mut wire = Wire::connect(&home.url, options).await?;
    let session = join(&mut wire, shown(&home.url), &home.realm, options).await?;
    Ok((wire, session))
}

/// Runs until the application leaves, or connecting again is of no use.
pub(crate) async fn live(shared: Arc<Shared>, home: Option<Home>, options: Options, mut driver: Driver) {
    let mut attempts = 0;
    loop {
        let opened = Instant::now();
        let end = driver.run().await;
        let why = shared.disconnected(&end);
        shared.session_closed(&why);
        if shared.is_leaving() || matches!(end, End::Left) {
            return shared.end(None);
        }
        tracing::warn!(url = %shared.url, reason = %why.reason, "connection lost");
        if opened.elapsed() >= STABLE_AFTER {
            attempts = 0;
        }
        let Some(home) = &home else { return shared.end(Some(why)) };
        driver = match again(&shared, home, &options, why, &mut attempts).await {
            Ok((wire, session)) => {
                tracing::info!(url = %shared.url, session = %session.id, "connected again");
                Driver::new(shared.clone(), wire, session, &options)
            }
            Err(last) => return shared.end(last),
        };
    }
}

/// Tries until it works. The error: why there is no use in going on; nothing if the application left.
async fn again(
    shared: &Arc<Shared>,
    home: &Home,
    options: &Options,
    mut why: Disconnected,
    attempts: &mut u32,
) -> Result<(Wire, Session), Option<Disconnected>> {
    loop {
        let Some(retry_in) = options.reconnect.delay(*attempts) else { return Err(Some(why)) };
        *attempts += 1;
        shared.state.send_replace(State::Disconnected { why: why.clone(), retry_in, attempts: *attempts });
        let attempt = async {
            tokio::time::sleep(retry_in).await;
            connect(home, options).await
        };
        let connected = tokio::select! {
            connected = attempt => connected,
            () = left(shared) => return Err(None),
        };
        match connected {
            Ok(connected) => return Ok(connected),
            Err(error) => {
                why = shared.disconnected(&error);
                tracing::warn!(%error, attempt = *attempts, "cannot connect again");
                if error.is_final() {
                    return Err(Some(why));
                }
            }
        }
    }
}

/// Waits until the application leaves.
async fn left(shared: &Arc<Shared>) {
    while !shared.is_leaving() {
        shared.wake.notified().await;
    }
}
