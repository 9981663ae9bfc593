//! A session: what its client sends goes into a stream to the router, what comes out of it into the inbox.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use crossweave_transport::Stream;
use crossweave_wamp::{Batching, Message, Serializer};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::inbox::{Inbox, Received};
use super::opening::Opened;

/// Requests to send whose messages wait for the router at a time; further ones wait themselves.
const SENDS_MAX: usize = 4;
/// How long they wait.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// Sessions of one service that the router has closed, and whose clients have not received all of it. They count against no bound
/// of the router any more, and most of them have never joined; of one more, what it was told is lost.
pub(super) const LINGERING_MAX: usize = 1_000;

/// An open session.
pub(super) struct Session {
    serializer: Serializer,
    batching: Batching,
    inbox: Inbox,
    outbox: mpsc::Sender<Bytes>,
    has_joined: AtomicBool,
    /// The client wants to end it.
    closing: Notify,
    usage: Mutex<Usage>,
}

/// When its client was heard of.
struct Usage {
    /// Requests that are being answered.
    requests: usize,
    /// When the last one was.
    last: Instant,
}

/// Why something was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The body is no batch of messages.
    Malformed(String),
    /// The session has ended.
    Closed,
    /// The router reads nothing of it.
    Busy,
}

/// A request of the client, until this is dropped.
pub(super) struct InUse<'s>(&'s Session);

impl Session {
    /// A session, and what it does until it ends. That says why.
    pub(super) fn open(
        opened: &Opened,
        inbox: Inbox,
        stream: Stream,
        idle_max: Option<Duration>,
        lingering: Arc<Semaphore>,
    ) -> (Arc<Session>, impl Future<Output = &'static str> + Send + use<>) {
        let (outbox, sent) = mpsc::channel(SENDS_MAX);
        let session = Arc::new(Session {
            serializer: opened.serializer,
            batching: opened.batching,
            inbox,
            outbox,
            has_joined: AtomicBool::new(false),
            closing: Notify::new(),
            usage: Mutex::new(Usage { requests: 0, last: Instant::now() }),
        });
        let running = session.clone();
        (session, async move { running.run(stream, sent, idle_max, &lingering).await })
    }

    async fn run(
        &self,
        stream: Stream,
        sent: mpsc::Receiver<Bytes>,
        idle_max: Option<Duration>,
        lingering: &Semaphore,
    ) -> &'static str {
        let (reading, writing) = split(stream);
        let ended = tokio::select! {
            // When the router has closed, what it said can still be received.
            _ = self.deliver(reading) => None,
            _ = write(writing, sent) => None,
            () = self.until_idle(idle_max) => Some("its client is silent"),
            () = self.closing.notified() => Some("its client closed it"),
        };
        self.inbox.close();
        if let Some(why) = ended {
            return why;
        }
        let Ok(_place) = lingering.try_acquire() else { return "the router closed it, and too many linger" };
        tokio::select! {
            () = self.until_received() => {}
            () = self.until_idle(idle_max.or(Some(SEND_PATIENCE))) => {}
            () = self.closing.notified() => {}
        }
        "the router closed it"
    }

    /// Takes the router's messages out of the stream.
    async fn deliver(&self, mut stream: ReadHalf<Stream>) -> io::Result<()> {
        loop {
            self.inbox.until_room().await;
            let header = stream.read_u32().await?;
            let mut message = BytesMut::with_capacity(0);
            // The router is no stranger, and its frames are as long as they say; the first octet is their kind.
            let len = u64::from(header & 0x00ff_ffff);
            let mut rest = (&mut stream).take(len);
            while rest.limit() > 0 {
                if rest.read_buf(&mut message).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            if header >> 24 == 0 {
                self.note_welcome(&message);
                self.inbox.put(message.freeze());
            }
        }
    }

    fn note_welcome(&self, message: &[u8]) {
        if !self.has_joined()
            && let Ok(Message::Welcome(_)) = Message::decode(self.serializer, message)
        {
            self.has_joined.store(true, Ordering::Relaxed);
        }
    }

    /// Whether its client has authenticated itself.
    pub(super) fn has_joined(&self) -> bool {
        self.has_joined.load(Ordering::Relaxed)
    }

    /// Passes on what a request brings.
    pub(super) async fn send(&self, body: &[u8]) -> Result<(), Lost> {
        let mut frames = BytesMut::with_capacity(body.len() + 16);
        for message in self.batching.split(body) {
            let message = message.map_err(|error| Lost::Malformed(error.to_string()))?;
            if message.is_empty() {
                return Err(Lost::Malformed("the body has an empty message".to_owned()));
            }
            // Shorter than any body, and so than what three octets can say.
            frames.put_u32(message.len() as u32);
            frames.extend_from_slice(message);
        }
        match timeout(SEND_PATIENCE, self.outbox.send(frames.freeze())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Lost::Closed),
            Err(_) => Err(Lost::Busy),
        }
    }

    /// Waits for messages.
    pub(super) async fn receive(&self, longest: Option<Duration>) -> Received {
        self.inbox.receive(self.batching, longest).await
    }

    /// Ends it.
    pub(super) fn close(&self) {
        self.inbox.give_up();
        self.closing.notify_one();
    }

    /// The content type of what is received.
    pub(super) fn content_type(&self) -> &'static str {
        match self.serializer {
            Serializer::Json => "application/json; charset=utf-8",
            Serializer::MsgPack => "application/x-msgpack",
            Serializer::Cbor => "application/cbor",
            _ => "application/octet-stream",
        }
    }

    /// Counts a request of the client.
    pub(super) fn in_use(&self) -> InUse<'_> {
        self.usage.lock().requests += 1;
        InUse(self)
    }

    /// Waits until the client has sent no request for a time.
    async fn until_idle(&self, idle_max: Option<Duration>) {
        let Some(idle_max) = idle_max else { return std::future::pending().await };
        loop {
            let idle_at = {
                let usage = self.usage.lock();
                let last = if usage.requests > 0 { Instant::now() } else { usage.last };
                last + idle_max
            };
            if idle_at <= Instant::now() {
                return;
            }
            sleep_until(idle_at).await;
        }
    }

    async fn until_received(&self) {
        while !self.inbox.is_over() {
            self.inbox.until_taken().await;
        }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut usage = self.0.usage.lock();
        usage.requests -= 1;
        usage.last = Instant::now();
    }
}

/// Writes what is sent, in order. A request that is given up has sent everything or nothing.
async fn write(mut stream: WriteHalf<Stream>, mut sent: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(frames) = sent.recv().await {
        stream.write_all(&frames).await?;
    }
    Ok(())
}
