//! Calling.

use std::time::Duration;

use crossweave_client::{CallError, CancelMode, Client, Serializer, Value, uris};
use crossweave_wamp::RequestId;
use crossweave_wamp::message::Kind;
use serde::{Deserialize, Serialize};

use crate::peer::{Peer, hear, joined, joined_with, soon};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: Option<u32>,
}

/// Lets the router answer the one call with `args`.
async fn answered(client: &Client, peer: &mut Peer, args: &[Value]) -> crossweave_client::Reply {
    let router = async {
        let call = hear!(peer, Call);
        peer.send(peer.result(call.request, false, args)).await;
    };
    let call = async { client.call("com.get").await.unwrap() };
    soon(async { tokio::join!(call, router) }).await.0
}

#[tokio::test]
async fn arguments_and_results_are_typed_in_every_serializer() {
    for serializer in Serializer::ALL {
        let (client, mut peer) = joined_with(serializer, Default::default()).await;
        let joe = User { name: "joe".into(), age: Some(5) };
        let call = client.call_with::<User>("com.get", (&joe, 2));
        let router = async {
            let call = hear!(peer, Call);
            assert_eq!((&*call.procedure, call.request), ("com.get", RequestId(1)));
            assert_eq!(call.payload.args()[1], 2.into());
            let payload = call.payload.args()[..1].to_vec();
            peer.send(peer.result(call.request, false, &payload)).await;
        };
        assert_eq!(soon(async { tokio::join!(call, router) }).await.0, Ok(joe), "{serializer}");
    }
}

#[tokio::test]
async fn arguments_and_results_are_dynamic_too() {
    let (client, mut peer) = joined().await;
    let call = client.call("com.add2").arg(2).arg("x").kwarg("k", true).disclose_me();
    let router = async {
        let call = hear!(peer, Call);
        assert_eq!(call.payload.args(), [2.into(), "x".into()]);
        assert_eq!(call.payload.kwargs().get("k"), Some(&true.into()));
        assert!(call.options.disclose_me);
        peer.send(peer.result(call.request, false, &[5.into()])).await;
    };
    let (reply, ()) = soon(async { tokio::join!(call.into_future(), router) }).await;
    assert_eq!(reply.unwrap().args(), [Value::from(5)]);
    assert_eq!(answered(&client, &mut peer, &[1.into(), 2.into()]).await.result(), Ok((1, 2)));
    assert_eq!(answered(&client, &mut peer, &[]).await.result(), Ok(()));
}

#[tokio::test]
async fn a_result_of_another_type_is_an_error_that_names_the_procedure() {
    let (client, mut peer) = joined().await;
    let router = async {
        let call = hear!(peer, Call);
        peer.send(peer.result(call.request, false, &["no number".into()])).await;
    };
    let error =
        soon(async { tokio::join!(client.call_with::<i64>("com.get", ()), router) }).await.0.unwrap_err();
    assert!(matches!(&error, CallError::Decode { procedure, .. } if procedure == "com.get"), "{error}");
}

#[tokio::test]
async fn errors_keep_their_uri_and_arguments() {
    let (client, mut peer) = joined().await;
    for (uri, args) in [
        ("com.error.broken", vec!["it broke".into(), 5.into()]),
        (uris::TIMEOUT, vec![]),
        (uris::CANCELED, vec![]),
        (uris::NO_SUCH_PROCEDURE, vec![]),
    ] {
        let router = async {
            let call = hear!(peer, Call);
            peer.send(peer.error(Kind::Call, call.request, uri, &args)).await;
        };
        let error =
            soon(async { tokio::join!(client.call("com.get").into_future(), router) }).await.0.unwrap_err();
        assert_eq!(error.uri(), Some(uri));
        match (uri, &error) {
            ("com.error.broken", CallError::Application(error)) => {
                assert_eq!(error.args, args);
                assert_eq!(error.to_string(), "com.error.broken: it broke");
            }
            (uris::TIMEOUT, CallError::Timeout(_)) | (uris::CANCELED, CallError::Canceled(_)) => {
                assert!(error.to_string().starts_with(uri), "{error}");
            }
            (uris::NO_SUCH_PROCEDURE, CallError::Application(_)) => {}
            _ => panic!("{uri} became {error:?}"),
        }
    }
}

#[tokio::test]
async fn progressive_results_come_before_the_final_one() {
    let (client, mut peer) = joined().await;
    let call = client.call("com.count").progress();
    let router = async {
        let call = hear!(peer, Call);
        assert!(call.options.receive_progress);
        for number in 0..3 {
            peer.send(peer.result(call.request, true, &[number.into()])).await;
        }
        peer.send(peer.result(call.request, false, &["done".into()])).await;
    };
    let mut results = soon(async { tokio::join!(call, router) }).await.0.unwrap();
    let mut seen = Vec::new();
    while let Some(reply) = soon(results.next()).await {
        let reply = reply.unwrap();
        seen.push((reply.args()[0].clone(), reply.is_final));
    }
    assert_eq!(seen, [(0.into(), false), (1.into(), false), (2.into(), false), ("done".into(), true)]);
    drop(results);
    client.publish("com.topic", ()).await.unwrap();
    hear!(peer, Publish); // and no CANCEL
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_and_its_late_result_ignored() {
    let (client, mut peer) = joined().await;
    let call = tokio::spawn(client.call("com.slow").into_future());
    let request = hear!(peer, Call).request;
    call.abort();
    let cancel = hear!(peer, Cancel);
    assert_eq!((cancel.request, cancel.mode), (request, Some(CancelMode::KillNoWait)));
    peer.send(peer.result(request, false, &[1.into()])).await;
    assert_eq!(answered(&client, &mut peer, &[2.into()]).await.result(), Ok(2));
}

#[tokio::test]
async fn a_dropped_stream_of_results_is_cancelled() {
    let (client, mut peer) = joined().await;
    let mut results = client.call("com.count").cancel_mode(CancelMode::Kill).progress().await.unwrap();
    let request = hear!(peer, Call).request;
    peer.send(peer.result(request, true, &[1.into()])).await;
    assert!(soon(results.next()).await.is_some());
    drop(results);
    let cancel = hear!(peer, Cancel);
    assert_eq!((cancel.request, cancel.mode), (request, Some(CancelMode::Kill)));
}

#[tokio::test]
async fn results_that_nobody_reads_end_the_call() {
    let (client, mut peer) = joined().await;
    let mut results = client.call("com.flood").progress().await.unwrap();
    let request = hear!(peer, Call).request;
    let big = Value::from("x".repeat(60_000));
    for _ in 0..100 {
        peer.send(peer.result(request, true, std::slice::from_ref(&big))).await;
    }
    assert_eq!(hear!(peer, Cancel).request, request);
    let mut last = None;
    let mut read = 0;
    while let Some(reply) = soon(results.next()).await {
        read += 1;
        last = Some(reply);
    }
    assert!(read < 100);
    assert!(matches!(last, Some(Err(CallError::Overrun(_)))), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_told_to_the_router_and_watched_here() {
    let (client, mut peer) = joined().await;
    let call = client.call("com.slow").timeout(Duration::from_millis(250)).into_future();
    let router = async {
        let call = hear!(peer, Call);
        assert_eq!(call.options.timeout_ms, 250);
        hear!(peer, Cancel)
    };
    let started = tokio::time::Instant::now();
    let (error, cancel) = tokio::join!(call, router);
    assert!(matches!(error, Err(CallError::Timeout(_))));
    // The router announced call_timeout: it is given time to answer itself.
    assert_eq!(started.elapsed().as_millis(), 450);
    assert_eq!(cancel.request, RequestId(1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_begins_anew_with_every_progressive_result() {
    let (client, mut peer) = joined().await;
    let call = client.call("com.slow").timeout(Duration::from_millis(250));
    let (results, request) = tokio::join!(call.progress(), async { hear!(peer, Call).request });
    let mut results = results.unwrap();
    for number in 0..3 {
        tokio::time::sleep(Duration::from_millis(240)).await;
        peer.send(peer.result(request, true, &[number.into()])).await;
        assert_eq!(results.next().await.unwrap().unwrap().result(), Ok(number));
    }
    let started = tokio::time::Instant::now();
    let last = results.next().await;
    assert!(matches!(last, Some(Err(CallError::Timeout(_)))), "{last:?}");
    assert_eq!(started.elapsed().as_millis(), 450);
    assert_eq!(hear!(peer, Cancel).request, request);
}

#[tokio::test]
async fn calls_of_one_task_are_sent_in_order_and_answered_in_any() {
    let (client, mut peer) = joined().await;
    let calls: Vec<_> = (0..50).map(|number| client.call("com.echo").arg(number)).collect();
    let mut running = Vec::new();
    for call in calls {
        running.push(tokio::spawn(call.get::<i32>()));
    }
    let mut requests = Vec::new();
    for _ in 0..50 {
        let call = hear!(peer, Call);
        requests.push((call.request, call.payload.args()));
    }
    assert!(requests.is_sorted_by_key(|(request, _)| *request));
    for (request, args) in requests.iter().rev() {
        peer.send(peer.result(*request, false, args)).await;
    }
    for (number, call) in running.into_iter().enumerate() {
        assert_eq!(soon(call).await.unwrap(), Ok(number as i32));
    }
}
