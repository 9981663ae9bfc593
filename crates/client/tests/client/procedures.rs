//! Being called.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_client::{
    Arguments, Client, Invocation, InvokePolicy, Register, Registration, RequestError, WampError, Withdrawn,
    uris,
};
use crossweave_wamp::RequestId;
use crossweave_wamp::message::{Interrupt, Kind, Revoked, Unregistered};

use crate::peer::{Peer, hear, joined, soon};

async fn registered(register: Register, peer: &mut Peer, id: u64) -> Registration {
    soon(async { tokio::join!(register.into_future(), peer.registered(id)) }).await.0.unwrap()
}

async fn add2(client: &Client, peer: &mut Peer) -> Registration {
    registered(client.register("com.add2", |(a, b): (i64, i64)| async move { Ok(a + b) }), peer, 5).await
}

fn interrupt(request: u64) -> Interrupt {
    Interrupt { request: RequestId(request), mode: None, reason: None, forward_for: None }
}

#[tokio::test]
async fn a_handler_gets_typed_arguments_and_its_result_is_yielded() {
    let (client, mut peer) = joined().await;
    let _add2 = add2(&client, &mut peer).await;
    peer.send(peer.invocation(5, 1, &[2.into(), 3.into()])).await;
    let answer = hear!(peer, Yield);
    assert_eq!((answer.request, answer.payload.args()), (RequestId(1), vec![5.into()]));
    assert!(!answer.options.progress);
}

#[tokio::test]
async fn arguments_of_another_type_are_refused() {
    let (client, mut peer) = joined().await;
    let _add2 = add2(&client, &mut peer).await;
    peer.send(peer.invocation(5, 1, &[2.into(), "three".into()])).await;
    let error = hear!(peer, Error);
    assert_eq!((error.request_kind, &*error.error), (Kind::Invocation, uris::INVALID_ARGUMENT));
}

#[tokio::test]
async fn options_are_sent() {
    let (client, mut peer) = joined().await;
    let register = client
        .register("com.", |(): ()| async { Ok(()) })
        .prefix()
        .invoke(InvokePolicy::RoundRobin)
        .concurrency(3)
        .force_reregister();
    let (_kept, asked) = soon(async { tokio::join!(register.into_future(), peer.registered(5)) }).await;
    let options = asked.options;
    assert_eq!((options.match_policy.as_str(), options.invoke), ("prefix", InvokePolicy::RoundRobin));
    assert_eq!((options.concurrency, options.force_reregister), (Some(3), true));
}

#[tokio::test]
async fn errors_and_panics_of_handlers_are_answered() {
    let (client, mut peer) = joined().await;
    let failing = client.register("com.fail", |what: String| async move {
        if what == "panic" {
            panic!("as the test wants");
        }
        Err::<(), _>(WampError::new("com.error.broken").arg("it broke").kwarg("code", 5))
    });
    let _failing = registered(failing, &mut peer, 5).await;
    peer.send(peer.invocation(5, 1, &["error".into()])).await;
    let error = hear!(peer, Error);
    assert_eq!((&*error.error, error.payload.args()), ("com.error.broken", vec!["it broke".into()]));
    assert_eq!(error.payload.kwargs().get("code"), Some(&5.into()));
    peer.send(peer.invocation(5, 2, &["panic".into()])).await;
    let error = hear!(peer, Error);
    assert_eq!((error.request, &*error.error), (RequestId(2), uris::RUNTIME_ERROR));
    assert!(!format!("{:?}", error.payload.args()).contains("as the test wants"));
}

#[tokio::test]
async fn progress_is_yielded_only_to_those_who_want_it() {
    let (client, mut peer) = joined().await;
    let count = client.register_dynamic("com.count", |invocation: Invocation| async move {
        for number in 0..2 {
            assert_eq!(invocation.progress(Arguments::of(&number)).await?, invocation.wants_progress);
        }
        Ok(Arguments::new().arg("done"))
    });
    let _count = registered(count, &mut peer, 5).await;
    let mut invocation = peer.invocation(5, 1, &[]);
    invocation.details.receive_progress = true;
    peer.send(invocation).await;
    for (args, progress) in [(0.into(), true), (1.into(), true), ("done".into(), false)] {
        let answer = hear!(peer, Yield);
        assert_eq!((answer.payload.args(), answer.options.progress), (vec![args], progress));
    }
    peer.send(peer.invocation(5, 2, &[])).await;
    assert_eq!(hear!(peer, Yield).payload.args(), ["done".into()]);
}

#[tokio::test]
async fn an_interrupt_drops_the_handler() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (client, mut peer) = joined().await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(tokio::sync::Notify::new());
    let (counter, has_started) = (dropped.clone(), started.clone());
    let slow = client.register("com.slow", move |(): ()| {
        let guard = Dropped(counter.clone());
        has_started.notify_one();
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(())
        }
    });
    let _slow = registered(slow, &mut peer, 5).await;
    peer.send(peer.invocation(5, 1, &[])).await;
    soon(started.notified()).await;
    peer.send(interrupt(1)).await;
    let error = hear!(peer, Error);
    assert_eq!((error.request, &*error.error), (RequestId(1), uris::CANCELED));
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    peer.send(interrupt(1)).await; // late: nothing to interrupt any more
}

#[tokio::test]
async fn a_handler_may_end_by_itself_when_interrupted() {
    let (client, mut peer) = joined().await;
    let slow = client.register_dynamic("com.slow", |invocation: Invocation| async move {
        invocation.canceled().await;
        Err(WampError::new(uris::CANCELED).arg("cleaned up"))
    });
    let _slow = registered(slow.tell_interrupts(), &mut peer, 5).await;
    peer.send(peer.invocation(5, 1, &[])).await;
    peer.send(interrupt(1)).await;
    assert_eq!(hear!(peer, Error).payload.args(), ["cleaned up".into()]);
}

#[tokio::test]
async fn handlers_run_as_many_as_allowed_and_the_others_wait_in_order() {
    let (client, mut peer) = joined().await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let work = client.register("com.work", move |number: i64| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(number)
        }
    });
    let _work = registered(work.concurrency(1), &mut peer, 5).await;
    for number in 1..=20 {
        peer.send(peer.invocation(5, number, &[number.into()])).await;
    }
    for number in 1..=20 {
        assert_eq!(hear!(peer, Yield).payload.args(), [number.into()]);
    }
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn calls_that_wait_can_be_cancelled_and_too_many_are_refused() {
    let (client, mut peer) = joined().await;
    let stuck =
        client.register("com.stuck", |(): ()| std::future::pending::<Result<(), WampError>>()).concurrency(1);
    let stuck = registered(stuck, &mut peer, 5).await;
    for request in 1..=1026 {
        peer.send(peer.invocation(5, request, &[])).await; // one runs, 1024 wait
    }
    let error = hear!(peer, Error);
    assert_eq!((error.request, &*error.error), (RequestId(1026), uris::UNAVAILABLE));
    peer.send(interrupt(500)).await;
    let error = hear!(peer, Error);
    assert_eq!((error.request, &*error.error), (RequestId(500), uris::CANCELED));
    drop(stuck);
    for request in (2..=1025).filter(|request| *request != 500) {
        let error = hear!(peer, Error);
        assert_eq!((error.request, &*error.error), (RequestId(request), uris::UNAVAILABLE));
    }
    hear!(peer, Unregister);
}

#[tokio::test]
async fn dropping_unregisters_and_calls_that_cross_it_are_refused() {
    let (client, mut peer) = joined().await;
    let registration = add2(&client, &mut peer).await;
    assert!(registration.is_live());
    drop(registration);
    let unregister = hear!(peer, Unregister);
    assert_eq!(unregister.registration.0, 5);
    peer.send(peer.invocation(5, 1, &[1.into(), 2.into()])).await;
    assert_eq!(&*hear!(peer, Error).error, uris::UNAVAILABLE);
    let again = add2(&client, &mut peer).await;
    let router = async {
        let request = hear!(peer, Unregister).request;
        peer.send(Unregistered { request, revoked: None }).await;
    };
    soon(async { tokio::join!(again.unregister(), router) }).await.0.unwrap();
}

#[tokio::test]
async fn a_detached_registration_stays() {
    let (client, mut peer) = joined().await;
    add2(&client, &mut peer).await.detach();
    peer.send(peer.invocation(5, 1, &[1.into(), 2.into()])).await;
    assert_eq!(hear!(peer, Yield).payload.args(), [3.into()]);
    drop(client);
    hear!(peer, Goodbye);
}

#[tokio::test]
async fn a_handler_may_call_through_the_client_it_is_registered_with() {
    let (client, mut peer) = joined().await;
    let inner = client.clone();
    let outer = client.register("com.outer", move |(): ()| {
        let client = inner.clone();
        async move { Ok(client.call_with::<i64>("com.inner", ()).await?) }
    });
    let outer = registered(outer, &mut peer, 5).await;
    peer.send(peer.invocation(5, 1, &[])).await;
    let call = hear!(peer, Call);
    peer.send(peer.error(Kind::Call, call.request, "com.error.inner", &["why".into()])).await;
    let error = hear!(peer, Error);
    assert_eq!((&*error.error, error.payload.args()), ("com.error.inner", vec!["why".into()]));
    drop(client);
    drop(outer); // and with it the last client
    hear!(peer, Unregister);
    hear!(peer, Goodbye);
}

#[tokio::test]
async fn a_refused_or_revoked_registration_is_over() {
    let (client, mut peer) = joined().await;
    let register = client.register("com.add2", |(): ()| async { Ok(()) });
    let router = async {
        let request = hear!(peer, Register).request;
        peer.send(peer.error(Kind::Register, request, uris::PROCEDURE_ALREADY_EXISTS, &[])).await;
    };
    let refused = soon(async { tokio::join!(register.into_future(), router) }).await.0.unwrap_err();
    assert!(matches!(&refused, RequestError::Refused { uri, .. } if uri == "com.add2"), "{refused}");

    let registration = add2(&client, &mut peer).await;
    let revoked = Some(Revoked { id: 5, reason: None });
    let router = peer.send(Unregistered { request: RequestId(0), revoked });
    let why =
        soon(async { tokio::join!(registration.withdrawn(), router) }).await.0.expect("the router said it");
    assert_eq!(why, Withdrawn::Revoked { reason: None });
    assert_eq!(why.to_string(), "revoked by the router");
    peer.send(peer.invocation(5, 1, &[])).await;
    assert_eq!(&*hear!(peer, Error).error, uris::UNAVAILABLE);
    assert!(!registration.is_live());
    assert_eq!(soon(registration.withdrawn()).await, Some(why), "it can be asked again");
}

#[tokio::test]
async fn a_registration_of_a_closed_client_was_not_withdrawn() {
    let (client, mut peer) = joined().await;
    let registration = add2(&client, &mut peer).await;
    drop(peer);
    assert_eq!(soon(registration.withdrawn()).await, None);
}

#[tokio::test]
async fn a_result_too_long_for_the_router_is_answered_with_an_error() {
    let (client, mut peer) = joined().await;
    let big = client.register("com.big", |(): ()| async { Ok("x".repeat(17 << 20)) });
    let _big = registered(big, &mut peer, 5).await;
    peer.send(peer.invocation(5, 1, &[])).await;
    assert_eq!(&*hear!(peer, Error).error, uris::PAYLOAD_SIZE_EXCEEDED);
}
