//! Ctrl-C and its relatives.

use std::time::Duration;
use std::{io, process, thread};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Code;

/// What the orderly end may still take after a second signal.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// SIGINT and SIGTERM. From its making on, they no longer end the process by themselves.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Must be called within a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one and says its name. Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// SIGHUP. From its making on, it no longer ends the process.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Must be called within a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Hangups)
    }

    /// Waits for the next one. Cancel safe.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// From now on, SIGINT or SIGTERM ends the process with code 130: after `grace`, or at once if there is a second one.
///
/// The orderly way is quicker. This is for when it is blocked, as a write to a pipe that nobody reads is; so it has a
/// thread of its own, and asks nobody.
pub(crate) fn watch(grace: Duration) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::listen()?
    };
    let watch = async move {
        signals.next().await;
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            _ = signals.next() => tokio::time::sleep(LAST_MOMENT).await,
        }
        process::exit(Code::Interrupted as i32)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch))?;
    Ok(())
}
