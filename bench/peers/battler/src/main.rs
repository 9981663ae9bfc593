//! A battler-wamp router on 127.0.0.1 and the port named as the only argument, with realm `realm1`.

use anyhow::{Context, Result};
use battler_wamp::router::{
    EmptyConnectionPolicies, EmptyPubSubPolicies, EmptyRpcPolicies, RealmAuthenticationConfig, RealmConfig,
    RouterConfig, RouterLimitsConfig, new_web_socket_router,
};
use battler_wamp_uri::Uri;

/// Everything as the library has it, but no rate limit (it allows ten messages a second) and room for the payloads of the scenarios.
fn limits() -> RouterLimitsConfig {
    RouterLimitsConfig {
        rate_limit_burst: 0,
        rate_limit_refill_per_sec: 0,
        max_message_size_bytes: 1 << 20,
        max_frame_size_bytes: 1 << 20,
        ..RouterLimitsConfig::default()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let port = std::env::args().nth(1).context("usage: battler-router PORT")?.parse()?;
    let realm = RealmConfig {
        name: "realm1".to_owned(),
        uri: Uri::try_from("realm1")?,
        authentication: RealmAuthenticationConfig::default(),
    };
    let config = RouterConfig { port, realms: vec![realm], limits: limits(), ..RouterConfig::default() };
    let router = new_web_socket_router(
        config,
        Box::new(EmptyConnectionPolicies),
        Box::new(EmptyPubSubPolicies),
        Box::new(EmptyRpcPolicies),
    )?;
    let (_handle, stopped) = router.start().await?;
    stopped.await?;
    Ok(())
}
