//! Sessions that a program adds to each realm of a kind, beside what the configuration says.

use std::time::Duration;

use crossweave_api::Config;
use crossweave_router::Router;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::error;

use super::{Components, Linked, Reins, Way};

/// How long a session may take until it has done what it does first.
const JOINED_DEADLINE: Duration = Duration::from_secs(10);
/// How long they have to end, as far as somebody waits for it.
const END_DEADLINE: Duration = Duration::from_secs(3);
/// From the end of a session that has failed to the next.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Sessions that run. They end when this is dropped.
pub(crate) struct Sessions {
    stop: watch::Sender<bool>,
}

impl Sessions {
    /// Starts one of each on a realm, under this role and each under its name; returns when all of them have done what they do
    /// first.
    ///
    /// # Errors
    /// One of them has failed. None of them runs then.
    pub(crate) async fn start(
        sessions: &Components,
        router: &Router,
        (realm, role): (&str, &str),
        extra: &Config,
    ) -> Result<Sessions, String> {
        let (stop, stopped) = watch::channel(false);
        for (name, constructor) in sessions.iter() {
            let way = Way::Local { router: router.clone(), role: role.to_owned(), authid: name.to_owned() };
            let linked = Linked {
                constructor: constructor.clone(),
                extra: extra.clone(),
                realm: realm.to_owned(),
                way,
            };
            let (joined, has_joined) = oneshot::channel();
            tokio::spawn(keep(name.to_owned(), linked, router.clone(), joined, stopped.clone()));
            let failed = |why: &str| format!("session {name:?} on realm {realm:?}: {why}");
            match timeout(JOINED_DEADLINE, has_joined).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(why))) => return Err(failed(&why)),
                Ok(Err(_)) => return Err(failed("it panicked")),
                Err(_) => return Err(failed("it is not ready within 10 s")),
            }
        }
        Ok(Sessions { stop })
    }

    /// Waits until they have ended, for a few seconds at most.
    pub(crate) async fn ended(&self) {
        self.stop();
        let _ = timeout(END_DEADLINE, self.stop.closed()).await;
    }

    /// Tells them to end. They need not be told if their realm ends first.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a session again and again, until it is to stop, has done its work, or its realm or router ends. The first run says
/// how it began.
async fn keep(
    name: String,
    linked: Linked,
    router: Router,
    first: oneshot::Sender<Result<(), String>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut first = Some(first);
    loop {
        let (joined, has_joined) = oneshot::channel();
        let run = linked.run(Reins { joined, stop: stop.clone() });
        let told = async {
            // Why it has not joined is told below.
            if has_joined.await.is_ok()
                && let Some(first) = first.take()
            {
                let _ = first.send(Ok(()));
            }
        };
        let (ended, ()) = tokio::join!(run, told);
        let realm = &linked.realm;
        let Err(failure) = ended else { return };
        if let Some(first) = first {
            let _ = first.send(Err(failure.why));
            return;
        }
        // Whoever drops the sender wants it to stop.
        let is_over = *stop.borrow()
            || stop.has_changed().is_err()
            || router.is_shutting_down()
            || !router.realms().contains(realm);
        if is_over {
            return;
        }
        error!(
            realm,
            session = name,
            "session of this program has failed, and is started again: {}",
            failure.why
        );
        tokio::select! {
            () = sleep(RETRY_DELAY) => {}
            () = Reins::stopped(&mut stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use crossweave_client::Client;
    use crossweave_router::{RealmDefinition, Role};

    use super::*;
    use crate::component::{BoxFuture, Component};

    struct Waiting;

    impl Component for Waiting {
        fn joined<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn sessions_are_not_started_again_when_their_router_ends() {
        let router = Router::new(Default::default());
        let definition =
            RealmDefinition { roles: vec![Role::allow_all("user")], ..RealmDefinition::default() };
        router.start_realm("realm1", definition).unwrap();
        let components = Components::default().with("waiting", |_| Ok(Box::new(Waiting)));
        let started = Sessions::start(&components, &router, ("realm1", "user"), &Config::Null).await;
        let sessions = started.expect("it joins");
        router.shutdown().await;
        assert!(timeout(END_DEADLINE, sessions.stop.closed()).await.is_ok(), "they go on");
    }
}
