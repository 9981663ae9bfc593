//! The life of a link: connected, lost, connected again.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{Client, Options, Reconnect};
use crossweave_config::RouterLink;
use crossweave_router::Router;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::direction::{Direction, Ways};
use super::watched::OWN_AUTHID;

/// The first wait before a link is connected again, before chance shortens it. As in Crossbar.io waits grow by half.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// After so long a connection, waits begin anew.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// A link, ready to be connected.
pub(super) struct Link {
    pub(super) id: String,
    /// The realm here.
    pub(super) realm: String,
    pub(super) url: String,
    pub(super) options: Options,
    pub(super) config: RouterLink,
}

/// What becomes of a link.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Connected,
    Disconnected,
    /// It could not be connected.
    Failed,
}

/// Keeps a link connected until it is to stop.
pub(super) async fn live<F: Future<Output = ()>>(
    link: &Link,
    router: &Router,
    stop: &Notify,
    tell: impl Fn(Told) -> F,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let began = Instant::now();
        let connected = tokio::select! {
            connected = connect(link, router) => connected,
            () = stop.notified() => return,
        };
        let why = match connected {
            Ok((here, there)) => {
                tell(Told::Connected).await;
                info!("Link '{}' of realm '{}' is connected", link.id, link.realm);
                let why = tokio::select! {
                    biased;
                    () = stop.notified() => None,
                    why = forward(link, &here, &there) => Some(why),
                };
                // Handlers on each side hold the other one: neither ends by being dropped.
                tokio::join!(here.leave(), there.leave());
                let Some(why) = why else { return };
                tell(Told::Disconnected).await;
                why
            }
            Err(why) => {
                tell(Told::Failed).await;
                why
            }
        };
        if began.elapsed() >= STABLE_AFTER {
            wait = FIRST_WAIT;
        }
        let shortened = shortened(wait);
        warn!("Link '{}' of realm '{}' is down: {why}; again in {shortened:.1?}", link.id, link.realm);
        tokio::select! {
            () = sleep(shortened) => {}
            () = stop.notified() => return,
        }
        wait = wait.mul_f64(1.5).min(WAIT_MAX);
    }
}

/// By up to a third, so that many links do not come at once.
fn shortened(wait: Duration) -> Duration {
    let chance = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    wait - wait.mul_f64(chance / 3.0)
}

/// The sessions here and there.
async fn connect(link: &Link, router: &Router) -> Result<(Client, Client), String> {
    let there = Client::connect_with(&link.url, &link.config.realm, link.options.clone()).await;
    let there = there.map_err(|error| error.to_string())?;
    // The same serializer on both sides: what is passed on stays as it is.
    let serializer = there.session().serializer;
    let stream = router.connect_local(serializer, "trusted", &format!("{OWN_AUTHID}{}", link.id));
    let options = Options { reconnect: Reconnect::Off, reroutes_calls: true, ..Options::default() };
    let here = Client::join_stream(stream, serializer, &link.realm, options).await;
    let here = here.map_err(|error| format!("realm {:?} cannot be joined here: {error}", link.realm))?;
    if is_on_one_realm(&here, &there).await {
        return Err("it leads back to its own realm, which would get everything twice".to_owned());
    }
    Ok((here, there))
}

/// Whether the session there is known here.
async fn is_on_one_realm(here: &Client, there: &Client) -> bool {
    here.call("wamp.session.get").arg(there.session().id.0).await.is_ok()
}

/// Forwards until a session is lost; says why.
async fn forward(link: &Link, here: &Client, there: &Client) -> String {
    let excluded: Arc<HashSet<String>> = Arc::new(link.config.exclude_authid.iter().cloned().collect());
    let config = &link.config;
    let out = Ways { events: config.forward_local_events, calls: config.forward_local_invocations };
    let back = Ways { events: config.forward_remote_events, calls: config.forward_remote_invocations };
    let direction = |from: &Client, to: &Client, ways| Direction {
        link: link.id.clone(),
        from: from.clone(),
        to: to.clone(),
        ways,
        excluded: excluded.clone(),
    };
    let ended = |side: &str, why: Option<String>| {
        format!("the session {side} has ended: {}", why.unwrap_or_else(|| "without a reason".to_owned()))
    };
    tokio::select! {
        why = here.closed() => ended("here", why.map(|it| it.to_string())),
        why = there.closed() => ended("there", why.map(|it| it.to_string())),
        why = direction(here, there, out).run() => why,
        why = direction(there, here, back).run() => why,
    }
}
