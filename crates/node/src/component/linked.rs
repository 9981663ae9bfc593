//! A component in Rust, as a task of this process.

use crossweave_api::Config;
use crossweave_client::{Client, Options, Reconnect};
use crossweave_router::Router;

use super::{Constructor, Failure, Reins};
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
        let mut component = (self.constructor)(&self.extra).map_err(Failure::lasting)?;
        let client = tokio::select! {
            client = self.join() => client.map_err(Failure::passing)?,
            () = Reins::stopped(&mut stop) => return Ok(()),
        };
        let work = async {
            component.joined(&client).await?;
            let _ = joined.send(());
            component.run(&client).await
        };
        let ended = tokio::select! {
            ended = work => ended.map_err(Failure::passing),
            why = client.closed() => match why {
                Some(why) => Err(Failure::passing(format_args!("its session is over: {why}"))),
                None => Err(Failure::passing("its session is over")),
            },
            () = Reins::stopped(&mut stop) => Ok(()),
        };
        drop(component);
        client.leave().await;
        ended
    }

    async fn join(&self) -> Result<Client, String> {
        match &self.way {
            Way::Url { url, options } => Client::connect_with(url, &self.realm, (**options).clone())
                .await
                .map_err(|error| format!("{url}: {error}")),
            Way::Local { router, role, authid } => {
                let stream = router.connect_local(SERIALIZER, role, authid);
                let options = Options { reconnect: Reconnect::Off, ..Options::default() };
                Client::join_stream(stream, SERIALIZER, &self.realm, options)
                    .await
                    .map_err(|error| error.to_string())
            }
        }
    }
}
