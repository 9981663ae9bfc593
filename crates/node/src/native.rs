//! A native worker, from within: it joins the management realm, answers there, and ends when it is told to or is left alone.
//!
//! It is a process of its own, whose standard input is one end of a socket pair, or a part of the controller's process
//! (`inline`). Both are the same to everyone else.

mod modules;
mod traffic;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossweave_api::worker::{GetControllerTraffic, GetNodeId, ON_SHUTDOWN_REQUESTED, ON_WORKER_READY};
use crossweave_api::worker::{SetNodeId, Shutdown, ShutdownRequested, WorkerReady};
use crossweave_api::{Config, Error, REALM, Scope};
use crossweave_client::{Client, Options, Reconnect};
use crossweave_config::{Limits, part};
use crossweave_wamp::Serializer;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::info;

use crate::clock::utcnow;
use crate::component::Pythonpath;
use crate::container::ContainerWorker;
use crate::extension::Extensions;
use crate::hostmonitor::HostMonitor;
use crate::kind::NativeKind;
use crate::linked::LinkedWorker;
use crate::process::Process;
use crate::router::RouterWorker;
use crate::router::proxy::ProxyWorker;
use crate::service::{Caller, Service};
use crate::testee::Testee;
use modules::Modules;
use traffic::{Counted, Counts};

/// The serializer between a controller and its workers.
pub(crate) const SERIALIZER: Serializer = Serializer::MsgPack;

/// The environment variable in which a worker finds its `options`, as JSON.
pub(crate) const OPTIONS_VARIABLE: &str = "CROSSWEAVE_WORKER_OPTIONS";

/// The environment variable in which a worker finds what peers may use up, as JSON.
pub(crate) const LIMITS_VARIABLE: &str = "CROSSWEAVE_WORKER_LIMITS";

/// The caller of `shutdown` still gets its answer.
const SHUTDOWN_DELAY: Duration = Duration::from_millis(50);

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
    /// `options` of the worker, as they are written, without `env`.
    pub options: Config,
    /// What is linked into this program.
    pub extensions: Extensions,
}

impl NativeOptions {
    /// Reads what the controller puts behind [`worker_command`](crate::NodeOptions::worker_command): `--id`, `--type`, `--node`
    /// and `--cbdir`, each with a value; the rest is in its environment. For programs that embed the node.
    ///
    /// # Errors
    /// One of them is missing or wrong: nobody but a controller runs a worker.
    pub fn from_arguments(
        arguments: impl Iterator<Item = String>,
        extensions: Extensions,
    ) -> Result<NativeOptions, String> {
        let arguments: Vec<String> = arguments.collect();
        let mut given: BTreeMap<&str, &str> = BTreeMap::new();
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return Err(format!("{:?} has no value", pair[0])) };
            given.insert(name, value);
        }
        let of = |name: &str| given.get(name).copied().ok_or_else(|| format!("a worker needs {name}"));
        let kind = of("--type")?;
        let cbdir = PathBuf::from(of("--cbdir")?);
        let limits = limits_of_environment(&cbdir)?;
        Ok(NativeOptions {
            id: of("--id")?.to_owned(),
            kind: NativeKind::parse(kind).ok_or_else(|| format!("there is no worker type {kind:?}"))?,
            node_id: of("--node")?.to_owned(),
            cbdir,
            limits,
            has_start_page: false,
            options: options_of_environment(),
            extensions,
        })
    }
}

/// `options` of the worker that this process is, as its controller has put them into its environment.
pub fn options_of_environment() -> Config {
    let text = std::env::var(OPTIONS_VARIABLE).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_else(|_| serde_json::json!({}))
}

/// What peers may use up of the worker that this process is, as its controller has put it into its environment.
///
/// # Errors
/// It is not there, or has errors: nobody but a controller runs a worker.
pub fn limits_of_environment(cbdir: &Path) -> Result<Limits, String> {
    let text = std::env::var(LIMITS_VARIABLE).map_err(|_| format!("a worker needs {LIMITS_VARIABLE}"))?;
    let limits = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    part::limits(&limits, cbdir).map(|part| part.value).map_err(|problems| problems.to_string())
}

/// What a worker does.
enum Work {
    Router(RouterWorker),
    Proxy(ProxyWorker),
    Container(ContainerWorker),
    HostMonitor(HostMonitor),
    Testee(Testee),
    Linked(LinkedWorker),
}

impl Work {
    /// Where its components in Python look for modules.
    fn pythonpath(&self) -> Option<&Pythonpath> {
        match self {
            Work::Router(router) => Some(router.pythonpath()),
            Work::Container(container) => Some(container.pythonpath()),
            _ => None,
        }
    }

    /// Ends what it runs.
    async fn shutdown(&self) {
        match self {
            Work::Router(router) => router.shutdown().await,
            Work::Proxy(proxy) => proxy.shutdown().await,
            Work::Container(container) => container.shutdown().await,
            Work::HostMonitor(monitor) => monitor.shutdown(),
            Work::Testee(testee) => testee.shutdown(),
            Work::Linked(linked) => linked.shutdown().await,
        }
    }
}

/// A worker that answers on the management realm.
pub(crate) struct Native {
    client: Client,
    work: Work,
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
    crossweave_router::give_back_start();
    tokio::select! {
        () = native.stop.notified() => info!("asked to stop: saying goodbye to every session"),
        why = native.client.closed() => match why {
            Some(why) => info!("the controller is gone ({why}): saying goodbye to every session"),
            None => info!("saying goodbye to every session"),
        },
        signal = stop => info!("{signal}: saying goodbye to every session"),
    }
    native.shutdown().await;
    match &native.work {
        Work::Linked(linked) => linked.failure().map_or(Ok(()), Err),
        _ => Ok(()),
    }
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
        let (channel, counts) = Counted::of(channel);
        let client = Client::join_stream(channel, SERIALIZER, REALM, client_options).await;
        let client = client.map_err(|error| format!("cannot join the management realm: {error}"))?;
        let service = Service::new(client.clone(), Some(&options.id));
        let process = Process::answer(service.clone(), options.kind.as_str()).await?;
        let stop = Arc::new(Notify::new());
        answer_node_id(&service, options.node_id.clone()).await?;
        answer_traffic(&service, counts).await?;
        let (id, kind, cbdir) = (options.id.clone(), options.kind, options.cbdir.clone());
        let work = match kind {
            NativeKind::Router => {
                Work::Router(RouterWorker::start(&id, service.clone(), options.into()).await?)
            }
            NativeKind::Proxy => Work::Proxy(ProxyWorker::start(&id, service.clone(), options.into()).await?),
            // It answers for its shutdown itself.
            NativeKind::Container => {
                Work::Container(ContainerWorker::start(service.clone(), options, stop.clone()).await?)
            }
            NativeKind::HostMonitor => {
                Work::HostMonitor(HostMonitor::start(service.clone(), &options).await?)
            }
            NativeKind::Linked => {
                Work::Linked(LinkedWorker::start(client.clone(), &options, stop.clone()).await?)
            }
            NativeKind::Testee => Work::Testee(Testee::start(service.clone(), options.cbdir).await?),
        };
        if kind != NativeKind::Container {
            answer_shutdown(&service, stop.clone()).await?;
        }
        Modules::answer(&service, &cbdir, work.pythonpath().cloned()).await?;
        service.refuse_absent(Scope::Worker).await?;
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

async fn answer_traffic(service: &Service, counts: Arc<Counts>) -> Result<(), String> {
    let traffic = move |_: Caller, _: GetControllerTraffic| {
        let told = counts.told();
        async move { Ok::<_, Error>(told) }
    };
    service.answer::<GetControllerTraffic, _, _>(traffic).await
}

async fn answer_shutdown(service: &Service, stop: Arc<Notify>) -> Result<(), String> {
    let told = service.clone();
    let shutdown = move |caller: Caller, _: Shutdown| {
        let (told, stop) = (told.clone(), stop.clone());
        async move {
            tell_of_shutdown(&told, &caller).await;
            stop_soon(stop);
            Ok::<_, Error>(())
        }
    };
    service.answer::<Shutdown, _, _>(shutdown).await
}

/// Says that a worker was asked to end, so that its controller does not start it again.
pub(crate) async fn tell_of_shutdown(service: &Service, caller: &Caller) {
    let requested = ShutdownRequested { who: caller.session, when: utcnow() };
    service.tell_others(&ON_SHUTDOWN_REQUESTED, caller.session, &requested).await;
}

/// Ends a worker once whoever has asked for that has its answer.
pub(crate) fn stop_soon(stop: Arc<Notify>) {
    tokio::spawn(async move {
        sleep(SHUTDOWN_DELAY).await;
        stop.notify_one();
    });
}

async fn answer_node_id(service: &Service, node_id: String) -> Result<(), String> {
    let node_id = Arc::new(Mutex::new(node_id));
    let changed = node_id.clone();
    let set_node_id = move |_: Caller, asked: SetNodeId| {
        *changed.lock() = asked.node_id;
        async { Ok::<_, Error>(()) }
    };
    service.answer::<SetNodeId, _, _>(set_node_id).await?;
    let get_node_id = move |_: Caller, _: GetNodeId| {
        let id = node_id.lock().clone();
        async move { Ok::<_, Error>(id) }
    };
    service.answer::<GetNodeId, _, _>(get_node_id).await
}
