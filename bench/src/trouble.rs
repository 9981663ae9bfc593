//! What can go wrong in a measurement.

use std::io;

use crate::wire::Malformed;

/// Why a measurement, or a peer as a whole, could not be had. Reported and skipped; never taken for a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("the peer refused: {0}")]
    Refused(String),
    #[error("the peer closed a connection that was in use")]
    Closed,
    #[error("gave up waiting for {0}")]
    TimedOut(&'static str),
    #[error("not installed: {0}")]
    NotInstalled(String),
    #[error("not supported by this peer: {0}")]
    Unsupported(String),
    #[error("{program} failed: {detail}")]
    Program { program: String, detail: String },
}

pub(crate) type Result<T, E = Trouble> = std::result::Result<T, E>;
