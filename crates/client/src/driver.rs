//! The task that owns a connection: reads, lets the core handle everything that arrived, writes everything that waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::CodecError;
use crossweave_transport::item::Item;
use crossweave_wamp::message::{Goodbye, Message};
use crossweave_wamp::{ProtocolViolation, Serializer};
use tokio::io::{AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use crate::core::{Core, Effects, Heard};
use crate::join::farewell;
use crate::limits::CLOSE_TIMEOUT;
use crate::options::{Keepalive, Options};
use crate::outbox::Outbox;
use crate::resume::Sent;
use crate::session::Session;
use crate::shared::Shared;
use crate::wire::{ByteStream, Input, Wire};

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// Both sides said GOODBYE, and we first.
    #[error("left")]
    Left,
    /// The router said GOODBYE.
    #[error("router closed the session: {}", farewell_of(.0))]
    Goodbye(Goodbye),
    /// The router said ABORT.
    #[error("router aborted the session: {0}")]
    Aborted(String),
    /// The router broke the protocol.
    #[error("router broke the protocol: {0}")]
    Violation(#[from] ProtocolViolation),
    /// The router broke the framing.
    #[error("router broke the framing: {0}")]
    Framing(#[from] CodecError),
    /// The stream ended, or the router closed the WebSocket.
    #[error("connection closed by the router{0}")]
    Closed(String),
    /// The operating system reports an error.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// No pong.
    #[error("router is silent: no answer to a ping within {0} ms")]
    Silent(u128),
    /// The router does not read what it makes us answer.
    #[error("router does not read")]
    NotReading,
    /// No GOODBYE in answer to ours.
    #[error("router did not answer goodbye within {0} ms")]
    NoGoodbye(u128),
}

impl End {
    /// Whether the connection alone is over, so that the session may go on.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, End::Closed(_) | End::Io(_) | End::Silent(_))
    }
}

enum Never {}

/// An open connection, and what its task needs.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    reader: ReadHalf<Box<dyn ByteStream>>,
    writer: WriteHalf<Box<dyn ByteStream>>,
    input: Input,
    serializer: Serializer,
    /// What is being written, and how much of it is.
    written: Vec<u8>,
    written_to: usize,
    /// Whether the stream (TLS) may still keep octets that it has taken.
    is_flush_due: bool,
    watch: Watch,
}

impl Driver {
    /// Lets the application send on an open session; what it sends is written by [`Driver::run`].
    pub(crate) fn new(shared: Arc<Shared>, wire: Wire, session: Session, options: &Options) -> Driver {
        let Wire { stream, input, encoder, serializer, keepalive, .. } = wire;
        let outbox = Outbox::new(serializer, encoder, options.outbound_bytes_max);
        let sent = options.resume.filter(|_| session.offer.is_some()).map(Sent::new);
        shared.open(session, outbox.keeping(sent));
        Driver::over(shared, stream, input, serializer, Watch::new(keepalive, options.leave_timeout))
    }

    /// Goes on with a session over another connection. Nothing if that cannot be done exactly; then the session is ended.
    pub(crate) async fn resume(
        shared: Arc<Shared>,
        wire: Wire,
        session: Session,
        options: &Options,
    ) -> Option<Driver> {
        let Wire { stream, input, encoder, serializer, tls_exporter, keepalive } = wire;
        let mut encoder = Some(encoder);
        if shared.resume(session, &mut encoder) {
            let watch = Watch::new(keepalive, options.leave_timeout);
            return Some(Driver::over(shared, stream, input, serializer, watch));
        }
        let encoder = encoder?;
        farewell(&mut Wire { stream, input, encoder, serializer, tls_exporter, keepalive }).await;
        None
    }

    fn over(
        shared: Arc<Shared>,
        stream: Box<dyn ByteStream>,
        input: Input,
        serializer: Serializer,
        watch: Watch,
    ) -> Driver {
        let (reader, writer) = tokio::io::split(stream);
        Driver {
            shared,
            reader,
            writer,
            input,
            serializer,
            written: Vec::new(),
            written_to: 0,
            is_flush_due: false,
            watch,
        }
    }

    /// Runs the connection to its end.
    pub(crate) async fn run(mut self) -> End {
        let end = match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.close(&end).await;
        end
    }

    async fn serve(&mut self) -> Result<Never, End> {
        self.receive()?;
        loop {
            self.take_outbound();
            let is_writing = self.written_to < self.written.len();
            let is_sending = is_writing || self.is_flush_due;
            tokio::select! {
                read = self.input.read(&mut self.reader) => {
                    if read? == 0 {
                        return Err(End::Closed(String::new()));
                    }
                    self.watch.heard();
                    self.receive()?;
                }
                sent = write_or_flush(&mut self.writer, &self.written[self.written_to..]),
                    if is_sending =>
                {
                    self.written_to += sent?;
                    self.is_flush_due = is_writing;
                }
                // Also while sending: leaving must start its deadline.
                () = self.shared.wake.notified() => {}
                () = sleep_until(self.watch.next) => self.look_after()?,
            }
            if self.shared.is_leaving() {
                self.watch.leaving();
            }
        }
    }

    /// Takes what waits, once what was taken before has left.
    fn take_outbound(&mut self) {
        if self.written_to == self.written.len() && !self.is_flush_due {
            self.written.clear();
            self.written_to = 0;
            self.shared.take_outbound(&mut self.written);
        }
    }

    /// Handles everything that was read, under one lock.
    fn receive(&mut self) -> Result<(), End> {
        let (input, serializer) = (&mut self.input, self.serializer);
        self.shared.with(|core, effects| {
            loop {
                match input.next()? {
                    Item::Incomplete => return Ok(()),
                    Item::Message { text, data } => handle(core, serializer, text, data, effects)?,
                    Item::Ping(payload) => drop(core.outbox().map(|outbox| outbox.pong(payload))),
                    Item::Pong(_) => {}
                    Item::Close { code, reason } => return Err(closed(code, reason)),
                }
                if core.outbox().is_some_and(|outbox| outbox.is_overrun()) {
                    return Err(End::NotReading);
                }
            }
        })
    }

    /// A deadline has come.
    fn look_after(&mut self) -> Result<(), End> {
        if self.watch.look()? {
            self.shared.with(|core, _| {
                if let Some(outbox) = core.outbox() {
                    outbox.ping(b"crossweave");
                }
            });
        }
        Ok(())
    }

    /// Writes what is left, says why, and closes.
    async fn close(&mut self, end: &End) {
        if matches!(end, End::Io(_) | End::Silent(_) | End::NotReading) {
            return;
        }
        self.shared.with(|core, _| say_why(core, end));
        let last = async {
            self.writer.write_all(&self.written[self.written_to..]).await?;
            self.written.clear();
            self.written_to = 0;
            self.shared.take_outbound(&mut self.written);
            self.writer.write_all(&self.written).await?;
            self.writer.flush().await?;
            self.writer.shutdown().await
        };
        // Whether the last words arrive or not: it is over.
        let _ = timeout(CLOSE_TIMEOUT, last).await;
    }
}

/// Writes some of `octets`, or flushes the stream if there are none: 0 once that is done. Loses nothing when dropped, so
/// that reading goes on meanwhile: a router may read no more before its own answers are read.
async fn write_or_flush(writer: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(octets).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        len => Ok(len),
    }
}

fn handle(
    core: &mut Core,
    serializer: Serializer,
    text: bool,
    data: &[u8],
    effects: &mut Effects,
) -> Result<(), End> {
    let message = if text {
        Message::decode_checked_utf8(serializer, data)?
    } else {
        Message::decode(serializer, data)?
    };
    match core.receive(message, effects)? {
        Heard::Nothing => Ok(()),
        Heard::Goodbye(_) if core.is_leaving() => Err(End::Left),
        Heard::Goodbye(goodbye) => Err(End::Goodbye(goodbye)),
        Heard::Abort(abort) => Err(End::Aborted(told(&abort.reason, abort.details.str("message")))),
    }
}

fn farewell_of(goodbye: &Goodbye) -> String {
    told(&goodbye.reason, goodbye.details.str("message"))
}

fn told(reason: &str, message: Option<&str>) -> String {
    message.map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"))
}

fn closed(code: Option<u16>, reason: &str) -> End {
    let code = code.map_or_else(String::new, |code| format!(" with code {code}"));
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    End::Closed(code + &reason)
}

/// The last messages of a connection, by why it ends.
fn say_why(core: &mut Core, end: &End) {
    if let End::Violation(violation) = end {
        core.abort(violation);
    }
    let Some(outbox) = core.outbox() else { return };
    match end {
        End::Violation(violation) => outbox.close(1002, violation.uri()),
        End::Framing(error) => outbox.close(error.close_code().unwrap_or(1002), ""),
        _ => outbox.close(1000, ""),
    }
}

/// The deadlines of a connection.
struct Watch {
    keepalive: Option<Keepalive>,
    leave_timeout: Duration,
    last_heard: Instant,
    /// When a ping was sent that nothing was heard after.
    pinged: Option<Instant>,
    left: Option<Instant>,
    next: Instant,
}

impl Watch {
    fn new(keepalive: Option<Keepalive>, leave_timeout: Duration) -> Watch {
        let now = Instant::now();
        let mut watch =
            Watch { keepalive, leave_timeout, last_heard: now, pinged: None, left: None, next: now };
        watch.plan();
        watch
    }

    /// Cheap: the deadline is moved only when it has come.
    fn heard(&mut self) {
        self.last_heard = Instant::now();
        self.pinged = None;
    }

    fn leaving(&mut self) {
        if self.left.is_none() {
            self.left = Some(Instant::now());
            self.plan();
        }
    }

    /// What the time says: whether to ping now.
    fn look(&mut self) -> Result<bool, End> {
        let now = Instant::now();
        if self.left.is_some_and(|left| now >= left + self.leave_timeout) {
            return Err(End::NoGoodbye(self.leave_timeout.as_millis()));
        }
        let mut is_ping_due = false;
        if let Some(keepalive) = self.keepalive {
            match self.pinged {
                Some(pinged) if now >= pinged + keepalive.timeout => {
                    return Err(End::Silent(keepalive.timeout.as_millis()));
                }
                Some(_) => {}
                None => is_ping_due = now >= self.last_heard + keepalive.idle,
            }
        }
        if is_ping_due {
            self.pinged = Some(now);
        }
        self.plan();
        Ok(is_ping_due)
    }

    fn plan(&mut self) {
        const FAR: Duration = Duration::from_secs(24 * 3600);
        let leave = self.left.map(|left| left + self.leave_timeout);
        let ping = self.keepalive.map(|keepalive| match self.pinged {
            Some(pinged) => pinged + keepalive.timeout,
            None => self.last_heard + keepalive.idle,
        });
        let far = Instant::now() + FAR;
        self.next = [leave, ping].into_iter().flatten().fold(far, Instant::min);
    }
}
