//! A WebSocket testee: a server that sends every message back, by which WebSocket implementations are tested.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossweave_api::testee::*;
use crossweave_api::{Config, Error, error};
use crossweave_config::part;
use crossweave_router::StartError;
use crossweave_transport::codec::Codec;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::http::parse_request;
use crossweave_transport::item::Item;
use crossweave_transport::tls::TlsAcceptor;
use crossweave_transport::websocket::handshake::{ServerOptions, upgrade};
use crossweave_transport::{Listener, Stream};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::clock::utcnow;
use crate::router::{EchoTransport, authority, echo_transport, explain, reach};
use crate::service::{Caller, Service, answers, check_id};

/// TLS and the opening handshake take no longer.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Connections at a time; others wait.
const CONNECTIONS_MAX: usize = 1_000;
/// Octets that are read at a time.
const READ_LEN: usize = 64 * 1024;
/// Octets that wait to be written before more is answered.
const OUT_LEN: usize = 1024 * 1024;
/// Octets of an HTTP request.
const REQUEST_LEN_MAX: usize = 16 * 1024;

/// A WebSocket testee.
#[derive(Clone)]
pub(crate) struct Testee {
    service: Service,
    cbdir: PathBuf,
    running: Arc<Mutex<Option<Running>>>,
}

struct Running {
    transport: TesteeTransport,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Testee {
    /// A testee that listens nowhere, whose procedures are answered from now on.
    ///
    /// # Errors
    /// They cannot be registered.
    pub(crate) async fn start(service: Service, cbdir: PathBuf) -> Result<Testee, String> {
        let testee = Testee { service, cbdir, running: Arc::default() };
        answers!(
            testee.service, testee,
            GetTesteeTransport => get_transport,
            StartTesteeTransport => start_transport,
            StopTesteeTransport => stop_transport,
        );
        Ok(testee)
    }

    /// Ends all connections.
    pub(crate) fn shutdown(&self) {
        self.running.lock().take();
    }

    async fn get_transport(
        &self,
        _: Caller,
        _: GetTesteeTransport,
    ) -> Result<Option<TesteeTransport>, Error> {
        Ok(self.running.lock().as_ref().map(|running| running.transport.clone()))
    }

    async fn start_transport(
        &self,
        caller: Caller,
        asked: StartTesteeTransport,
    ) -> Result<TesteeTransport, Error> {
        let StartTesteeTransport { transport_id: id, config } = asked;
        check_id("transport", &id)?;
        let is_running = || Error::new(error::ALREADY_RUNNING, "the testee has a transport");
        if self.running.lock().is_some() {
            return Err(is_running());
        }
        let echo = self.prepare(&caller, &id, &config)?;
        let cannot = |failure: &dyn std::fmt::Display| Error::new(error::CANNOT_LISTEN, failure);
        let tls = echo.tls.as_ref().map(TlsAcceptor::new).transpose().map_err(|failure| cannot(&failure))?;
        let listener = Listener::bind(&echo.endpoint).await.map_err(|failure| {
            let why = explain(&StartError::Bind(failure), &echo.endpoint, None, false);
            Error::new(error::CANNOT_LISTEN, why)
        })?;
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let address = listener.address().clone();
        let url = match &address {
            BoundAddress::Tcp(address) => format!("{scheme}://{}/", authority(*address)),
            BoundAddress::Unix(socket) => format!("unix+ws://{}?path=/", socket.display()),
        };
        let reach = reach(&address).map(|reach| format!(", {reach}")).unwrap_or_default();
        let listening = vec![format!("{url} (WebSocket echo{reach})")];
        let transport = TesteeTransport { id, config, created_at: utcnow(), listening };
        let mut running = self.running.lock();
        if running.is_some() {
            return Err(is_running());
        }
        let task = tokio::spawn(serve(listener, tls, Arc::new(echo.server))).abort_handle();
        *running = Some(Running { transport: transport.clone(), task });
        info!("Transport '{}' started on {address}", transport.id);
        Ok(transport)
    }

    fn prepare(&self, caller: &Caller, id: &str, config: &Config) -> Result<EchoTransport, Error> {
        let part = part::testee_transport(config, &format!("transport {id}"), &self.cbdir);
        let part = part.map_err(|problems| Error::new(error::INVALID_CONFIGURATION, problems))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(transport = id, "{}", warning.message));
        echo_transport(&part.value)
    }

    async fn stop_transport(&self, _: Caller, _: StopTesteeTransport) -> Result<TesteeTransport, Error> {
        let running = self.running.lock().take();
        let running = running.ok_or_else(|| Error::new(error::NOT_RUNNING, "the testee has no transport"))?;
        info!("Transport '{}' stopped", running.transport.id);
        Ok(TesteeTransport { listening: Vec::new(), ..running.transport.clone() })
    }
}

/// Accepts connections until it is dropped, and they with it.
async fn serve(listener: Listener, tls: Option<TlsAcceptor>, options: Arc<ServerOptions>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let (stream, peer) = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let (tls, options) = (tls.clone(), options.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, tls, &options).await {
                debug!(%peer, %error, "a connection has ended");
            }
            drop(permit);
        });
    }
}

async fn connection(stream: Stream, tls: Option<TlsAcceptor>, options: &ServerOptions) -> io::Result<()> {
    let opened = timeout(HANDSHAKE_DEADLINE, open(stream, tls, options)).await;
    let Some((stream, codec, rest)) = opened.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? else {
        return Ok(());
    };
    echo(stream, codec, rest).await
}

/// The handshakes. None: the request was answered otherwise.
async fn open(
    stream: Stream,
    tls: Option<TlsAcceptor>,
    options: &ServerOptions,
) -> io::Result<Option<(Stream, Codec, Vec<u8>)>> {
    let is_tls = tls.is_some();
    let mut stream = match tls {
        Some(tls) => tls.secure(stream).await.map_err(io::Error::other)?,
        None => stream,
    };
    let mut buffer = Vec::new();
    let (request, len) = loop {
        match parse_request(&buffer) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if buffer.len() < REQUEST_LEN_MAX => {}
            Ok(None) => return Ok(None),
            Err(error) => {
                if let Some(answer) = error.response() {
                    stream.write_all(&answer.encode()).await?;
                }
                return Ok(None);
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    };
    // Whatever a client wants to speak, it gets back.
    let protocols = request.headers.elements("Sec-WebSocket-Protocol").map(str::to_owned).collect();
    let options = ServerOptions { protocols, ..options.clone() };
    match upgrade(&request, &options, is_tls) {
        Ok(agreed) => {
            stream.write_all(&agreed.response(&[("Server", "Crossweave")])).await?;
            Ok(Some((stream, agreed.codec(&options), buffer.split_off(len))))
        }
        Err(refused) => {
            stream.write_all(&refused.response().encode()).await?;
            Ok(None)
        }
    }
}

/// Sends back what comes.
async fn echo(mut stream: Stream, mut codec: Codec, mut buffer: Vec<u8>) -> io::Result<()> {
    let mut out = Vec::new();
    loop {
        let turn = answer(&mut codec, &mut buffer, &mut out);
        if !out.is_empty() {
            stream.write_all(&out).await?;
            stream.flush().await?;
            out.clear();
        }
        match turn {
            Turn::More => continue,
            Turn::Over => return stream.shutdown().await,
            Turn::Wait => {}
        }
        buffer.reserve(READ_LEN);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// What comes after an answer.
enum Turn {
    /// There is more in the buffer.
    More,
    /// More has to be read.
    Wait,
    /// Nothing more is to be read.
    Over,
}

/// Answers what has come whole, but no more than is well written at a time.
fn answer(codec: &mut Codec, buffer: &mut Vec<u8>, out: &mut Vec<u8>) -> Turn {
    let Codec { decoder, encoder } = codec;
    let mut at = 0;
    let turn = loop {
        if out.len() > OUT_LEN {
            break Turn::More;
        }
        let decoded = match decoder.decode(&mut buffer[at..]) {
            Ok(decoded) => decoded,
            Err(error) => {
                encoder.append_close(out, error.close_code(), "");
                break Turn::Over;
            }
        };
        at += decoded.consumed;
        match decoded.item {
            Item::Incomplete => break Turn::Wait,
            // WebSocket has no messages that are too long for a peer, nor pings.
            Item::Message { text, data } => drop(encoder.append_message(out, text, data)),
            Item::Ping(payload) => drop(encoder.append_pong(out, payload)),
            Item::Pong(_) => {}
            Item::Close { code, .. } => {
                encoder.append_close(out, code, "");
                break Turn::Over;
            }
        }
    };
    buffer.drain(..at);
    turn
}
