//! A client's life: one connection after the other.

use std::sync::Arc;

use tokio::time::Instant;

use crate::driver::{Driver, End};
use crate::error::{ConnectError, Disconnected};
use crate::join::join;
use crate::limits::STABLE_AFTER;
use crate::options::Options;
use crate::resume::Claim;
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

/// Connects and joins, or goes on with the claimed session if the router lets it.
pub(crate) async fn connect(
    home: &Home,
    options: &Options,
    claim: Option<&Claim>,
) -> Result<(Wire, Session), ConnectError> {
    let mut wire = Wire::connect(&home.url, options).await?;
    let session = join(&mut wire, shown(&home.url), &home.realm, options, claim).await?;
    Ok((wire, session))
}

/// Runs until the application leaves, or connecting again is of no use.
pub(crate) async fn live(shared: Arc<Shared>, home: Option<Home>, options: Options, mut driver: Driver) {
    let mut attempts = 0;
    loop {
        let opened = Instant::now();
        let end = driver.run().await;
        let why = shared.ended(&end);
        let mut claim = match end.is_loss() && home.is_some() && options.resume.is_some() {
            true => shared.suspend(),
            false => None,
        };
        if claim.is_none() {
            shared.session_closed(&why);
        }
        if shared.is_leaving() || matches!(end, End::Left) {
            shared.session_closed(&why);
            return shared.end(None);
        }
        let Some(home) = &home else {
            // Nobody connects again: who has handed the stream over learns of it by `Client::closed`.
            tracing::debug!(url = %shared.url, reason = %why.reason, "connection over");
            return shared.end(Some(why));
        };
        tracing::warn!(url = %shared.url, reason = %why.reason, "connection lost");
        if opened.elapsed() >= STABLE_AFTER {
            attempts = 0;
        }
        driver = loop {
            match again(&shared, home, &options, &why, &mut claim, &mut attempts).await {
                Ok((wire, session)) => {
                    match go_on(&shared, wire, session, &options, &why, claim.take()).await {
                        Some(driver) => break driver,
                        None => continue,
                    }
                }
                Err(last) => {
                    shared.session_closed(&why);
                    return shared.end(last);
                }
            }
        };
    }
}

/// Goes on over a new connection, with the claimed session or with another one. Nothing if the claimed one was of no use.
async fn go_on(
    shared: &Arc<Shared>,
    wire: Wire,
    session: Session,
    options: &Options,
    why: &Disconnected,
    claim: Option<Claim>,
) -> Option<Driver> {
    if let Some(claim) = claim {
        if session.is_resumed && session.id == claim.session {
            let (id, missed) = (session.id, session.missed);
            let driver = Driver::resume(shared.clone(), wire, session, options).await;
            match &driver {
                Some(_) if missed > 0 => {
                    tracing::warn!(url = %shared.url, session = %id, missed, "session goes on, but events are missing");
                }
                Some(_) => tracing::info!(url = %shared.url, session = %id, "session goes on"),
                None => {
                    tracing::warn!(url = %shared.url, session = %id, "messages that the router lacks are no longer kept");
                    shared.session_closed(why);
                }
            }
            return driver;
        }
        shared.session_closed(why);
    }
    tracing::info!(url = %shared.url, session = %session.id, "connected again");
    Some(Driver::new(shared.clone(), wire, session, options))
}

/// Tries until it works. The error: why there is no use in going on; nothing if the application left. The claim is given up
/// when its time is over.
async fn again(
    shared: &Arc<Shared>,
    home: &Home,
    options: &Options,
    why: &Disconnected,
    claim: &mut Option<Claim>,
    attempts: &mut u32,
) -> Result<(Wire, Session), Option<Disconnected>> {
    let mut last = why.clone();
    loop {
        let Some(retry_in) = options.reconnect.delay(*attempts) else { return Err(Some(last)) };
        *attempts += 1;
        shared.state.send_replace(State::Disconnected { why: last.clone(), retry_in, attempts: *attempts });
        let (claimed, until) = (claim.clone(), claim.as_ref().map(|claim| claim.until));
        let attempt = async {
            tokio::time::sleep(retry_in).await;
            connect(home, options, claimed.as_ref()).await
        };
        let connected = tokio::select! {
            connected = attempt => connected,
            () = left(shared) => return Err(None),
            () = over(until) => {
                *claim = None;
                shared.session_closed(why);
                continue;
            }
        };
        match connected {
            Ok(connected) => return Ok(connected),
            Err(error) => {
                last = shared.disconnected(&error);
                tracing::warn!(%error, attempt = *attempts, "cannot connect again");
                if error.is_final() {
                    return Err(Some(last));
                }
            }
        }
    }
}

/// Waits until then, or for ever.
async fn over(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Waits until the application leaves.
async fn left(shared: &Arc<Shared>) {
    while !shared.is_leaving() {
        shared.wake.notified().await;
    }
}
