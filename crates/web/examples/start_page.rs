//! A router with the start page on `http://127.0.0.1:8099/`, or on the port given as the first argument.

use std::sync::Arc;

use crossweave_router::{
    AdmissionOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions, WebSocketOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_web::{StartPage, StartPageOptions, run_demo};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(8099), |port| port.parse())?;
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("anonymous"), Role::allow_all("demo")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() })?;
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", port));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.websocket.insert("/ws".into(), WebSocketOptions::default());
    transport.http = Some(Arc::new(StartPage::new(router.clone(), StartPageOptions::default())));
    println!("listening on {}", router.listen(transport).await?);
    tokio::select! {
        demo = run_demo(&router, "realm1", "demo") => demo?,
        _ = tokio::signal::ctrl_c() => router.shutdown().await,
    }
    Ok(())
}
