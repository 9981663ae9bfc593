//! A component in Rust, as a task of this process.

use std::sync::Arc;

use crossweave_api::Config;
use crossweave_client::{Client, ConnectError, JoinError, Options, Reconnect, State};
use crossweave_router::Router;

use super::guarded::{guarded, guarded_call};
use super::{Constructor, Failure, Reins, Stage};
use crate::native::SERIALIZER;

/// A component in Rust, and how it gets to its realm.
#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) constructor: Constructor,
    pub(crate) extra: Config,
    pub(crate) realm: String,
    pub(crate) way: Way,
}

/// How a component gets to a router.
#[derive(Clone)]
pub(crate) enum Way {
    /// By a URL.
    Url { url: String, options: Box<Options> },
    /// To the router of this process.
    Local { router: Router, role: String, authid: String },
}

impl Linked {
    pub(super) async fn run(&self, reins: Reins) -> Result<(), Failure> {
        let Reins { joined, mut stop } = reins;
        let made = guarded_call(|| (self.constructor)(&self.extra)).and_then(|made| made);
        let mut component = made.map_err(Failure::lasting)?;
        let client = tokio::select! {
            client = self.join() => client?,
            () = Reins::stopped(&mut stop) => return Ok(()),
        };
        let work = async {
            component.joined(&client).await?;
            let _ = joined.send(());
            component.run(&client).await
        };
        let ended = tokio::select! {
            ended = guarded(work) => {
                ended.map_err(|why| Failure::passing(why).after(goodbye(&client).as_deref()))
            }
            why = client.closed() => Err(match why {
                Some(why) => {
                    Failure::passing(format_args!("its session is over: {why}")).after(why.goodbye.as_deref())
                }
                None => Failure::passing("its session is over"),
            }),
            () = Reins::stopped(&mut stop) => Ok(()),
        };
        let dropped = guarded_call(|| drop(component)).map_err(Failure::passing);
        client.leave().await;
        ended.and(dropped)
    }

    async fn join(&self) -> Result<Client, Failure> {
        match &self.way {
            Way::Url { url, options } => Client::connect_with(url, &self.realm, (**options).clone())
                .await
                .map_err(|error| not_joined(url, &error)),
            Way::Local { router, role, authid } => {
                let stream = router.connect_local(SERIALIZER, role, authid);
                let options = Options { reconnect: Reconnect::Off, ..Options::default() };
                Client::join_stream(stream, SERIALIZER, &self.realm, options).await.map_err(Failure::passing)
            }
        }
    }
}

/// A router that refuses a session was reached.
fn not_joined(url: &str, error: &ConnectError) -> Failure {
    let was_reached = matches!(error, ConnectError::Join { cause: JoinError::Refused(_), .. });
    let stage = if was_reached { Stage::Start } else { Stage::Connect };
    Failure { stage, ..Failure::passing(format_args!("{url}: {error}")) }
}

/// By what GOODBYE its session has ended, if it has: what it did then may have failed for that.
fn goodbye(client: &Client) -> Option<Arc<str>> {
    match &*client.states().borrow() {
        State::Closed(Some(why)) => why.goodbye.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crossweave_router::{RealmDefinition, Role};
    use tokio::sync::{oneshot, watch};

    use super::*;
    use crate::component::{BoxFuture, Closed, Component};

    /// With `realm1` and the role `user`.
    fn router() -> Router {
        let router = Router::new(Default::default());
        let definition =
            RealmDefinition { roles: vec![Role::allow_all("user")], ..RealmDefinition::default() };
        router.start_realm("realm1", definition).unwrap();
        router
    }

    /// Panics where its `extra` says.
    struct Defective(String);

    impl Component for Defective {
        fn joined<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async {
                assert_ne!(self.0, "joined", "a defect");
                Ok(())
            })
        }

        fn run<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async {
                assert_ne!(self.0, "run", "a defect");
                Ok(())
            })
        }
    }

    impl Drop for Defective {
        fn drop(&mut self) {
            assert_ne!(self.0, "drop", "a defect");
        }
    }

    /// Waits; if true, until its session ends, which it takes for a failure of its own.
    struct Waiting(bool);

    impl Component for Waiting {
        fn joined<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async { Ok(()) })
        }

        fn run<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async {
                match self.0 {
                    true => client.closed().await.map_or(Ok(()), |why| Err(why.to_string())),
                    false => std::future::pending().await,
                }
            })
        }
    }

    #[tokio::test]
    async fn a_session_that_ends_with_its_realm_or_router_is_told_from_one_that_fails() {
        for (closed, fails) in [(Closed::Realm, false), (Closed::Realm, true), (Closed::Router, false)] {
            let router = router();
            let way = Way::Local { router: router.clone(), role: "user".into(), authid: "it".into() };
            let constructor: Constructor = Arc::new(move |_| Ok(Box::new(Waiting(fails))));
            let linked = Linked { constructor, extra: Config::Null, realm: "realm1".to_owned(), way };
            let (_keep, stop) = watch::channel(false);
            let (joined, has_joined) = oneshot::channel();
            let run = tokio::spawn(async move { linked.run(Reins { joined, stop }).await });
            has_joined.await.unwrap();
            match closed {
                Closed::Realm => drop(router.stop_realm("realm1").await.unwrap()),
                Closed::Router => router.shutdown().await,
            }
            let failure = run.await.unwrap().unwrap_err();
            assert_eq!((failure.closed, failure.is_lasting), (Some(closed), false), "{}", failure.why);
        }
    }

    #[tokio::test]
    async fn a_component_that_panics_has_failed_wherever_that_is() {
        let router = router();
        let constructor: Constructor = Arc::new(|extra| {
            assert_ne!(extra, "made", "a defect");
            Ok(Box::new(Defective(extra.as_str().unwrap_or_default().to_owned())))
        });
        let (_keep, stop) = watch::channel(false);
        let run = async |place: &str| {
            let way = Way::Local { router: router.clone(), role: "user".into(), authid: "it".into() };
            let (constructor, extra, realm) = (constructor.clone(), place.into(), "realm1".to_owned());
            let (joined, _) = oneshot::channel();
            Linked { constructor, extra, realm, way }.run(Reins { joined, stop: stop.clone() }).await
        };
        assert_eq!(run("nowhere").await, Ok(()));
        assert_eq!(run("made").await, Err(Failure::lasting("it panicked")));
        for place in ["joined", "run", "drop"] {
            assert_eq!(run(place).await, Err(Failure::passing("it panicked")), "{place}");
        }
    }
}
