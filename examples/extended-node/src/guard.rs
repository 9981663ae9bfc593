//! A session of the management realm: one procedure more, and one that is answered otherwise than by the node.

use crossweave_client::{Arguments, Client, Invocation, Registration, WampError};
use crossweave_node::Component;
use crossweave_node::component::BoxFuture;

/// Answers `crossbar.example.count_workers`, and takes `crossbar.shutdown` from the controller: nobody stops this node by that.
#[derive(Default)]
pub(crate) struct Guard {
    registrations: Vec<Registration>,
}

impl Component for Guard {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let asking = client.clone();
            let count = move |(): ()| {
                let asking = asking.clone();
                async move {
                    let workers = asking.call("crossbar.get_workers").await;
                    let workers = workers
                        .map_err(|error| WampError::new("com.example.failed").arg(error.to_string()))?;
                    Ok(workers.parse::<(Vec<String>,)>().map_or(0, |(ids,)| ids.len()) as u64)
                }
            };
            let refuse = async |_: Invocation| -> Result<Arguments, WampError> {
                Err(WampError::new("com.example.guarded").arg("this node is stopped by its operator alone"))
            };
            let failed = |error| format!("cannot register: {error}");
            let count = client.register("crossbar.example.count_workers", count).await.map_err(failed)?;
            let refuse = client.register_dynamic("crossbar.shutdown", refuse).force_reregister();
            self.registrations = vec![count, refuse.await.map_err(failed)?];
            Ok(())
        })
    }
}
