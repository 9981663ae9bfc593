//! A native worker, from within: it joins the management realm, answers there, and ends when it is told to or is left alone.
//!
//! It is a process of its own, whose standard input is one end of a socket pair, or a part of the controller's process
//! (`inline`). Both are the same to everyone else.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossweave_api::worker::{GetNodeId, ON_SHUTDOWN_REQUESTED, ON_WORKER_READY};
use crossweave_api::worker::{Shutdown, ShutdownRequested, WorkerReady};
use crossweave_api::{Error, REALM};
use crossweave_client::{Client, Options, Reconnect};
use crossweave_config::Limits;
use crossweave_wamp::Serializer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::info;

use crate::clock::utcnow;
use crate::process::Process;
use crate::router::{RouterOptions, RouterWorker};
use crate::service::{Caller, Service};

/// The serializer between a controller and its workers.
pub(crate) const SERIALIZER: Serializer = Serializer::MsgPack;

/// The caller of `shutdown` still gets its answer.
const SHUTDOWN_DELAY: Duration = Duration::from_millis(50);

/// The types of native workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeKind {
    /// `router`.
    Router,
}

impl NativeKind {
    /// Its name in configurations and in the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            NativeKind::Router => "router",
        }
    }

    /// Its name in the log.
    pub fn title(self) -> &'static str {
        match self {
            NativeKind::Router => "Router",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<NativeKind> {
        [NativeKind::Router].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Who a worker is.
#[derive(Clone, Debug)]
pub struct NativeOptions {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: NativeKind,
    /// The node it is part of.
    pub node_id: String,
    /// The node directory.
    pub cbdir: PathBuf,
    /// What peers may use up.
    pub limits: Limits,
    /// Whether transports have the start page.
    pub has_start_page: bool,
}

/// A worker that answers on the management realm.
pub(crate) struct Native {
    client: Client,
    work: RouterWorker,
    stop: Arc<Notify>,
    _process: Arc<Process>,
}

/// Runs a worker whose controller is at the other end of standard input, until it is told to stop, `stop` is ready, or the
/// controller is gone. Must be called within a tokio runtime.
///
/// # Errors
/// It could not be started; the text says why.
pub async fn run_worker(
    options: NativeOptions,
    stop: impl Future<Output = &'static str>,
) -> Result<(), String> {
    let channel = channel().map_err(|error| {
        format!("a worker is started by its controller, on a socket that is its standard input: {error}")
    })?;
    let native = Native::start(options, channel).await?;
    tokio::select! {
        () = native.stop.notified() => info!("asked to stop: saying goodbye to every session"),
        why = native.client.closed() => match why {
            Some(why) => info!("the controller is gone ({why}): saying goodbye to every session"),
            None => info!("saying goodbye to every session"),
        },
        signal = stop => info!("{signal}: saying goodbye to every session"),
    }
    native.shutdown().await;
    Ok(())
}

fn channel() -> io::Result<UnixStream> {
    let descriptor: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let stream = StdUnixStream::from(descriptor);
    // What is no socket is noticed here.
    stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

impl Native {
    /// Joins the management realm and answers there from now on.
    ///
    /// # Errors
    /// It could not join, or a procedure could not be registered.
    pub(crate) async fn start(
        options: NativeOptions,
        channel: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Native, String> {
        let client_options = Options { reconnect: Reconnect::Off, ..Options::default() };
        let client = Client::join_stream(channel, SERIALIZER, REALM, client_options).await;
        let client = client.map_err(|error| format!("cannot join the management realm: {error}"))?;
        let NativeOptions { id, kind, node_id, cbdir, limits, has_start_page } = options;
        let service = Service::new(client.clone(), Some(&id));
        let process = Process::answer(service.clone(), kind.as_str()).await?;
        let stop = Arc::new(Notify::new());
        answer(&service, node_id, stop.clone()).await?;
        let work = match kind {
            NativeKind::Router => {
                RouterWorker::start(service.clone(), RouterOptions { cbdir, limits, has_start_page }).await?
            }
        };
        let ready = WorkerReady { kind: kind.as_str().to_owned(), id, pid: std::process::id() };
        service.tell(&ON_WORKER_READY, &ready).await;
        Ok(Native { client, work, stop, _process: process })
    }

    /// Waits until the worker is asked to stop, or its connection is gone.
    pub(crate) async fn asked_to_stop(&self) {
        tokio::select! {
            () = self.stop.notified() => {}
            _ = self.client.closed() => {}
        }
    }

    /// Ends what it runs, then leaves.
    pub(crate) async fn shutdown(&self) {
        self.work.shutdown().await;
        self.client.leave().await;
    }
}

async fn answer(service: &Service, node_id: String, stop: Arc<Notify>) -> Result<(), String> {
    let told = service.clone();
    let shutdown = move |caller: Caller, _: Shutdown| {
        let (told, stop) = (told.clone(), stop.clone());
        async move {
            let requested = ShutdownRequested { who: caller.session, when: utcnow() };
            told.tell(&ON_SHUTDOWN_REQUESTED, &requested).await;
            tokio::spawn(async move {
                sleep(SHUTDOWN_DELAY).await;
                stop.notify_one();
            });
            Ok::<_, Error>(())
        }
    };
    service.answer::<Shutdown, _, _>(shutdown).await?;
    let node_id = move |_: Caller, _: GetNodeId| {
        let id = node_id.clone();
        async move { Ok::<_, Error>(id) }
    };
    service.answer::<GetNodeId, _, _>(node_id).await
}
