//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// The exit codes; `docs/cli.md` lists them for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It worked.
    Success = 0,
    /// The command line, the configuration, the machine or the connection is at fault.
    Setup = 1,
    /// The router or a peer answered with a WAMP error.
    Wamp = 2,
    /// Ended by Ctrl-C before it was done.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// Why a command ends before its work is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: Code,
    /// What to tell on stderr; nothing if everything was told.
    pub(crate) message: Option<String>,
}

impl Failure {
    /// The command line, configuration, machine or connection is at fault.
    pub(crate) fn setup(message: impl fmt::Display) -> Self {
        Failure { code: Code::Setup, message: Some(message.to_string()) }
    }

    /// The same, and it was told already.
    pub(crate) fn told() -> Self {
        Failure { code: Code::Setup, message: None }
    }

    /// The router or a peer answered with an error.
    pub(crate) fn wamp(message: impl fmt::Display) -> Self {
        Failure { code: Code::Wamp, message: Some(message.to_string()) }
    }

    /// Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Failure { code: Code::Interrupted, message: None }
    }

    /// Whoever read our output has gone, as `head` does when it has enough: a quiet end, and no failure.
    pub(crate) fn unread() -> Self {
        Failure { code: Code::Success, message: None }
    }
}
