//! A worker of a type that the program itself has: a session of the management realm with a process of its own.

use std::sync::Arc;

use crossweave_client::Client;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::component::{guarded, guarded_call};
use crate::native::NativeOptions;

/// A worker of the program's own.
pub(crate) struct LinkedWorker {
    task: Mutex<Option<JoinHandle<()>>>,
    /// Why it has ended, if it has failed.
    failure: Arc<Mutex<Option<String>>>,
}

impl LinkedWorker {
    /// Starts what `options` name. `stop` is told when it ends.
    ///
    /// # Errors
    /// Nothing of that name is linked into the program, or it does not start.
    pub(crate) async fn start(
        client: Client,
        options: &NativeOptions,
        stop: Arc<Notify>,
    ) -> Result<LinkedWorker, String> {
        let name = options.options["name"].as_str().unwrap_or_default();
        let constructor = options.extensions.workers.find("worker type", name)?;
        let extra = options.options.get("extra").cloned().unwrap_or_default();
        let about = json!({"id": options.id, "cbdir": options.cbdir, "extra": extra});
        let mut component = guarded_call(|| constructor(&about)).and_then(|made| made)?;
        guarded(component.joined(&client)).await?;
        let failure: Arc<Mutex<Option<String>>> = Arc::default();
        let failed = failure.clone();
        let task = tokio::spawn(async move {
            if let Err(why) = guarded(component.run(&client)).await {
                *failed.lock() = Some(why);
            }
            stop.notify_one();
        });
        Ok(LinkedWorker { task: Mutex::new(Some(task)), failure })
    }

    /// Ends it: it is dropped.
    pub(crate) async fn shutdown(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    /// Why it has ended by itself.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }
}
