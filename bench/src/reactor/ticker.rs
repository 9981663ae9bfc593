//! A timer with the resolution that epoll's own timeout (whole milliseconds) lacks.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// Ticks at a fixed rate; ticks that nobody waited for are counted, not lost.
pub(crate) struct Ticker {
    fd: OwnedFd,
    pending: u64,
}

impl Ticker {
    /// Ticks `per_second` times a second from now on.
    pub(crate) fn start(per_second: u64) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let nanoseconds = 1_000_000_000 / per_second.max(1);
        let period = Timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as i64,
            tv_nsec: (nanoseconds % 1_000_000_000) as i64,
        };
        let spec = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&fd, TimerfdTimerFlags::empty(), &spec)?;
        Ok(Self { fd, pending: 0 })
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.fd.as_raw_fd()), token, Interest::READABLE)
    }

    /// Fetches the ticks that have passed.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let mut count = [0; 8];
        match rustix::io::read(self.fd.as_fd(), &mut count) {
            Ok(_) => self.pending += u64::from_ne_bytes(count),
            Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Ticks fetched and not yet taken.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.pending)
    }
}
