//! A callee with progressive results that stops when its caller gives up.
//!
//! ```text
//! cargo run -p crossweave-client --example worker [URL [REALM]]          works until Ctrl-C
//! cargo run -p crossweave-client --example worker URL REALM demo         calls itself and ends
//! ```

use std::time::Duration;

use crossweave_client::{Arguments, CallError, Client, Invocation, InvokePolicy, WampError};

/// Counts to its argument and says how far it is.
async fn work(job: Invocation) -> Result<Arguments, WampError> {
    let steps: u32 = job.parse()?;
    if steps > 1000 {
        return Err(WampError::new("com.example.error.too_much")
            .arg("at most 1000 steps")
            .kwarg("asked", steps));
    }
    for step in 1..=steps {
        // When the caller cancels, the work is dropped here.
        tokio::time::sleep(Duration::from_millis(20)).await;
        job.progress(Arguments::new().arg(step).kwarg("of", steps)).await?;
    }
    Ok(Arguments::new().arg("done"))
}

async fn demo(client: &Client) -> Result<(), CallError> {
    let mut results = client.call("com.example.work").arg(3).progress().await?;
    while let Some(result) = results.next().await {
        let result = result?;
        println!("{:?} {:?} final: {}", result.args(), result.kwargs(), result.is_final);
    }

    match client.call("com.example.work").arg(2000).await {
        Err(CallError::Application(error)) => {
            println!("refused: {error}, asked {:?}", error.kwargs.get("asked"))
        }
        other => println!("unexpected: {other:?}"),
    }

    let hasty = client.call("com.example.work").arg(1000).timeout(Duration::from_millis(100)).await;
    println!("in a hurry: {}", hasty.map_or_else(|error| error.to_string(), |reply| format!("{reply:?}")));

    // Dropping a call cancels it.
    let given_up =
        tokio::time::timeout(Duration::from_millis(100), client.call("com.example.work").arg(1000)).await;
    println!("given up: {}", given_up.is_err());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1);
    let url = given.next().unwrap_or_else(|| "ws://127.0.0.1:8080/ws".to_owned());
    let realm = given.next().unwrap_or_else(|| "realm1".to_owned());
    let client = Client::connect(&url, &realm).await?;
    // Several workers share the calls; each takes eight at a time.
    let worker = client
        .register_dynamic("com.example.work", work)
        .invoke(InvokePolicy::RoundRobin)
        .concurrency(8)
        .await?;
    println!("working as session {}", client.session().id);
    if given.next().as_deref() == Some("demo") {
        demo(&client).await?;
    } else {
        tokio::signal::ctrl_c().await?;
    }
    worker.unregister().await?;
    client.leave().await;
    Ok(())
}
