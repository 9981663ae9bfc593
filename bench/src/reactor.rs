//! One epoll thread that drives every connection of a generator.
//!
//! A turn waits for events, reads each ready socket into one large shared buffer, hands every message in it to the
//! scenario, and writes what the scenario answered with one system call per connection. Reads are edge-triggered: a
//! read that does not fill the buffer has emptied the socket.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

mod connection;
mod ticker;

pub(crate) use connection::Connection;
use ticker::Ticker;

use crate::login::Login;
use crate::trouble::{Result, Trouble};
use crate::wire::{Incoming, Wire};

/// One read takes at most this much.
const READ_MAX: usize = 256 * 1024;
/// Joins under way at once; more would overflow the listen queue of some peers.
const JOINS_AT_ONCE: usize = 16;
/// How long set-up may take without any progress.
const PATIENCE: Duration = Duration::from_secs(15);
/// The ticker's token; connections count from zero.
const TICKER: Token = Token(usize::MAX);

/// Where a peer listens for a wire, and what is asked of it there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Wire,
    /// Path of the WebSocket endpoint, without its leading slash.
    pub(crate) path: &'static str,
    pub(crate) realm: Arc<str>,
    /// How sessions prove who they are.
    pub(crate) login: Login,
}

/// The event loop with its connections.
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
    buffer: Box<[u8]>,
    connections: Vec<Option<Connection>>,
    /// Connections to read although epoll has nothing new to say of them.
    overdue: Vec<usize>,
    ticker: Option<Ticker>,
    began: Instant,
}

impl Reactor {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(2048),
            buffer: vec![0; READ_MAX].into_boxed_slice(),
            connections: Vec::new(),
            overdue: Vec::new(),
            ticker: None,
            began: Instant::now(),
        })
    }

    /// Nanoseconds since this reactor began: the clock of all stamps.
    pub(crate) fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// The connection `id`, which must not have been dropped.
    pub(crate) fn connection(&mut self, id: usize) -> &mut Connection {
        self.connections[id].as_mut().expect("scenarios use only connections they still hold")
    }

    /// Connects to `target` and begins its handshake; the session is joined some turns later.
    pub(crate) fn connect(&mut self, target: &Target) -> Result<usize> {
        let id = self.connections.len();
        let mut connection = Connection::open(id, target)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.stream(), Token(id), interest)?;
        connection.flush()?;
        self.connections.push(Some(connection));
        Ok(id)
    }

    /// Closes and forgets a connection.
    pub(crate) fn drop_connection(&mut self, id: usize) {
        self.connections[id] = None;
    }

    /// Joins `count` sessions; they have consecutive ids.
    pub(crate) fn join(&mut self, target: &Target, count: usize) -> Result<Range<usize>> {
        let first = self.connections.len();
        let (mut joined, mut progress) = (0, Instant::now());
        while joined < count {
            while self.connections.len() - first < count.min(joined + JOINS_AT_ONCE) {
                self.connect(target)?;
            }
            let before = joined;
            self.turn(Some(Duration::from_millis(100)), |connection, incoming, _| {
                joined += usize::from(connection.id() >= first && connection.is_welcome(&incoming));
            })?;
            self.check(first..self.connections.len())?;
            if joined > before {
                progress = Instant::now();
            } else if progress.elapsed() > PATIENCE {
                return Err(Trouble::TimedOut("WELCOME"));
            }
        }
        Ok(first..first + count)
    }

    /// Waits until every request that is acknowledged has been.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let (mut awaited, mut progress) = (u64::MAX, Instant::now());
        self.flush()?;
        loop {
            let now: u64 = self.connections.iter().flatten().map(Connection::awaited).sum();
            self.check(0..self.connections.len())?;
            if now == 0 {
                return Ok(());
            } else if now < awaited {
                (awaited, progress) = (now, Instant::now());
            } else if progress.elapsed() > PATIENCE {
                return Err(Trouble::TimedOut("acknowledgements"));
            }
            self.turn(Some(Duration::from_millis(100)), |_, _, _| {})?;
        }
    }

    /// Fails if one of `ids` was refused something or closed.
    fn check(&self, ids: Range<usize>) -> Result<()> {
        for connection in self.connections[ids].iter().flatten() {
            if let Some(reason) = connection.refusal() {
                return Err(Trouble::Refused(reason.to_owned()));
            } else if connection.is_closed() {
                return Err(Trouble::Closed);
            }
        }
        Ok(())
    }

    /// Waits for something to happen, at most `timeout`, and gives every message to `scenario` with the time it was read.
    pub(crate) fn turn<F>(&mut self, timeout: Option<Duration>, mut scenario: F) -> Result<()>
    where
        F: FnMut(&mut Connection, Incoming<'_>, u64),
    {
        let timeout = if self.overdue.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let overdue = std::mem::take(&mut self.overdue);
        let ready = self.events.iter().map(|event| (event.token(), event.is_readable(), event.is_writable()));
        for (token, is_readable, is_writable) in
            ready.chain(overdue.into_iter().map(|id| (Token(id), true, false)))
        {
            if token == TICKER {
                self.ticker.as_mut().map(Ticker::read).transpose()?;
                continue;
            }
            let Some(connection) = self.connections[token.0].as_mut() else { continue };
            if is_writable && connection.is_blocked() {
                connection.flush()?;
            }
            if is_readable && !connection.is_paused() {
                if read(connection, &mut self.buffer, &self.began, &mut scenario)? {
                    self.overdue.push(token.0);
                }
                connection.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what all connections hold back.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.connections.iter_mut().flatten().try_for_each(Connection::flush)
    }

    /// Reads a connection again that was paused.
    pub(crate) fn resume(&mut self, id: usize) {
        self.connection(id).set_paused(false);
        self.overdue.push(id);
    }

    /// Begins to tick `per_second` times a second.
    pub(crate) fn tick(&mut self, per_second: u64) -> Result<()> {
        let ticker = Ticker::start(per_second)?;
        ticker.register(self.poll.registry(), TICKER)?;
        self.ticker = Some(ticker);
        Ok(())
    }

    /// Ticks since the last call.
    pub(crate) fn take_ticks(&mut self) -> u64 {
        self.ticker.as_mut().map_or(0, Ticker::take)
    }
}

/// Reads a socket until it is empty, or a few times; answers whether more may be there.
fn read<F>(connection: &mut Connection, buffer: &mut [u8], began: &Instant, scenario: &mut F) -> Result<bool>
where
    F: FnMut(&mut Connection, Incoming<'_>, u64),
{
    const READS_MAX: usize = 4;
    for _ in 0..READS_MAX {
        let kept = connection.take_rest(buffer);
        if kept == buffer.len() {
            return Err(crate::wire::Malformed("message larger than the read buffer").into());
        }
        let length = match connection.stream().read(&mut buffer[kept..]) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.keep_rest(&buffer[..kept]);
                return Ok(false);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(_) => return Ok(close(connection, began, scenario)),
        };
        if length == 0 {
            return Ok(close(connection, began, scenario));
        }
        let now_ns = began.elapsed().as_nanos() as u64;
        let end = kept + length;
        let used = connection.consume(&buffer[..end], now_ns, scenario)?;
        connection.keep_rest(&buffer[used..end]);
        if end < buffer.len() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn close<F>(connection: &mut Connection, began: &Instant, scenario: &mut F) -> bool
where
    F: FnMut(&mut Connection, Incoming<'_>, u64),
{
    connection.mark_closed();
    scenario(connection, Incoming::Closed, began.elapsed().as_nanos() as u64);
    false
}
