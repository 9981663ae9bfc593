//! Publishes a tick every second and shows what comes back, also through restarts of the router.
//!
//! ```text
//! cargo run -p crossweave-client --example ticker [URL [REALM]]
//! ```

use std::time::Duration;

use crossweave_client::{Client, RequestError, State, Subscription};
use serde::{Deserialize, Serialize};

/// Travels as a dict: `{"count": 1, "text": "tick"}`.
#[derive(Debug, Serialize, Deserialize)]
struct Tick {
    count: u64,
    text: String,
}

async fn show(mut ticks: Subscription) {
    while let Some(event) = ticks.next().await {
        match event {
            Ok(event) => println!("publication {}: {:?}", event.publication, event.parse::<Tick>()),
            Err(lagged) => println!("{lagged}"),
        }
    }
}

async fn show_connection(client: &Client) {
    let mut states = client.states();
    while states.changed().await.is_ok() {
        match &*states.borrow_and_update() {
            State::Connected(session) => println!("connected as session {}", session.id),
            State::Disconnected { why, retry_in, .. } => println!("{why}; trying again in {retry_in:.1?}"),
            State::Closed(why) => println!("closed: {why:?}"),
        }
    }
}

async fn tick(client: &Client) -> Result<(), RequestError> {
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    for count in 1.. {
        clock.tick().await;
        let tick = Tick { count, text: "tick".to_owned() };
        match client.publish("com.example.tick", tick).include_me().await {
            // The client is connecting again meanwhile.
            Err(RequestError::Disconnected(_)) if !client.state().is_closed() => {
                println!("tick {count} is not published")
            }
            done => done?,
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1);
    let url = given.next().unwrap_or_else(|| "ws://127.0.0.1:8080/ws".to_owned());
    let realm = given.next().unwrap_or_else(|| "realm1".to_owned());
    let client = Client::connect(&url, &realm).await?;
    tokio::spawn(show(client.subscribe("com.example.tick").await?));
    tokio::select! {
        done = tick(&client) => done?,
        () = show_connection(&client) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    client.leave().await;
    Ok(())
}
