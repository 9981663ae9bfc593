//! All four roles of WAMP in one program: callee, caller, subscriber, publisher.
//!
//! ```text
//! cargo run -p crossweave-client --example hello [URL [REALM]]
//! ```

use crossweave_client::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1);
    let url = given.next().unwrap_or_else(|| "ws://127.0.0.1:8080/ws".to_owned());
    let realm = given.next().unwrap_or_else(|| "realm1".to_owned());
    let client = Client::connect(&url, &realm).await?;
    let session = client.session();
    println!("session {} on {}, {}", session.id, session.realm, session.serializer);

    // Callee: others can call it for as long as `_add2` lives.
    let _add2 =
        client.register("com.example.hello.add2", |(a, b): (i64, i64)| async move { Ok(a + b) }).await?;

    // Caller: arguments and result are Rust values.
    let sum: i64 = client.call_with("com.example.hello.add2", (2, 3)).await?;
    println!("2 + 3 = {sum}");

    // Subscriber: events are a stream.
    let mut greetings = client.subscribe("com.example.greeting").await?;

    // Publisher: without `include_me` an event does not come back to its publisher.
    client.publish("com.example.greeting", ("hello", 1)).include_me().await?;
    if let Some(event) = greetings.next().await {
        let (text, number): (String, u32) = event?.parse()?;
        println!("heard {text:?}, number {number}");
    }

    client.leave().await;
    Ok(())
}
