//! How the program ends.

use std::fmt;
use std::process::ExitCode;

use crossweave_client::WampError;
use crossweave_wamp::Dict;

use crate::terminal::Terminal;
use crate::value;

/// The exit codes; `docs/cli.md` lists them for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It worked.
    Success = 0,
    /// The command line, the configuration, the machine or the connection is at fault.
    Setup = 1,
    /// The router or a peer answered with a WAMP error; for `explain`, it would.
    Wamp = 2,
    /// `explain`: an authorizer decides while the node runs.
    Undecided = 3,
    /// There is no node that could be asked or stopped, or `status --assert` does not hold. EX_UNAVAILABLE of sysexits.h.
    Unavailable = 69,
    /// `start`: it was asked to stop and to be started again, by whoever started it.
    Restart = 75,
    /// Ended by Ctrl-C before it was done.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// Why a command ends before its work is done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: Code,
    /// What to tell on stderr; nothing if everything was told.
    pub(crate) message: Option<String>,
    /// What `--json` tells as `error` if no peer gave a URI.
    kind: &'static str,
    /// What the router or a peer answered.
    answer: Option<Box<WampError>>,
}

impl Failure {
    fn new(code: Code, message: Option<String>, kind: &'static str) -> Self {
        Failure { code, message, kind, answer: None }
    }

    /// The command line, configuration or machine is at fault.
    pub(crate) fn setup(message: impl fmt::Display) -> Self {
        Failure::new(Code::Setup, Some(message.to_string()), "setup")
    }

    /// There is no node to do it with.
    pub(crate) fn unavailable(message: impl fmt::Display) -> Self {
        Failure::new(Code::Unavailable, Some(message.to_string()), "unavailable")
    }

    /// There is no connection, or it was lost.
    pub(crate) fn connection(message: impl fmt::Display) -> Self {
        Failure::new(Code::Setup, Some(message.to_string()), "connection")
    }

    /// The same as [`Failure::setup`], and it was told already.
    pub(crate) fn told() -> Self {
        Failure::new(Code::Setup, None, "setup")
    }

    /// With `json`, tells the failure as an object, so that nothing is to be told any more.
    pub(crate) fn tell_if(self, json: bool, terminal: Terminal) -> Self {
        match self.json() {
            Some(line) if json => {
                terminal.notice(&line);
                Failure { message: None, ..self }
            }
            _ => self,
        }
    }

    /// The router took away what it had given.
    pub(crate) fn revoked(message: impl fmt::Display) -> Self {
        Failure::new(Code::Wamp, Some(message.to_string()), "revoked")
    }

    /// The router or a peer answered with an error.
    pub(crate) fn answered(code: Code, answer: WampError, message: impl fmt::Display) -> Self {
        let failure = Failure::new(code, Some(message.to_string()), "wamp");
        Failure { answer: Some(Box::new(answer)), ..failure }
    }

    /// It works as it was told, and that is not what the exit code 0 says.
    pub(crate) fn explained(code: Code) -> Self {
        Failure::new(code, None, "explained")
    }

    /// It is to be started again.
    pub(crate) fn restart() -> Self {
        Failure::new(Code::Restart, None, "restart")
    }

    /// Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Failure::new(Code::Interrupted, None, "interrupted")
    }

    /// Whoever read our output has gone, as `head` does when it has enough: a quiet end, and no failure.
    pub(crate) fn unread() -> Self {
        Failure::new(Code::Success, None, "unread")
    }

    /// What is to be told, as one JSON object: `error`, and `args` and `kwargs` of an answer, else `message`.
    fn json(&self) -> Option<String> {
        let message = self.message.as_deref()?;
        let object = match &self.answer {
            Some(answer) => {
                let answer = (**answer).clone();
                value::object(answer.args, answer.kwargs).with("error", answer.uri)
            }
            None => Dict::new().with("error", self.kind).with("message", message),
        };
        Some(value::json(&object.into()))
    }
}
