//! Answering a call with what a command prints.
//!
//! The caller is not trusted: no shell sees its arguments, they cannot become options of the command, and what the command
//! prints is bounded.

mod lookup;

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};

use crossweave_client::{Arguments, Invocation, WampError};
use crossweave_wamp::{Value, uris};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::object;
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::value;

/// The longest result, in bytes: no router takes a longer message.
const OUTPUT_LEN_MAX: usize = 1 << 24;

/// How much of what a failed command wrote to stderr the caller gets, in bytes.
const COMPLAINT_LEN_MAX: usize = 4096;

/// Our own secrets, which are none of the command's business.
const SECRET_VARIABLES: [&str; 3] = ["CROSSWEAVE_TICKET", "CROSSWEAVE_SECRET", "CROSSWEAVE_PASSWORD"];

/// A command with its own arguments.
pub(super) struct Program {
    program: OsString,
    args: Vec<OsString>,
}

/// What a command left behind.
struct Outcome {
    status: ExitStatus,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Program {
    /// A command that can be run as things are now. Each call looks for it again, so it may be replaced meanwhile.
    ///
    /// # Errors
    /// There is no such command, or it cannot be run.
    pub(super) fn new(command: &[OsString]) -> Result<Program, Failure> {
        let (program, args) =
            command.split_first().ok_or_else(|| Failure::setup("--exec needs a command"))?;
        lookup::check(program).map_err(Failure::setup)?;
        Ok(Program { program: program.clone(), args: args.to_vec() })
    }

    /// Runs the command for a call. Dropping this kills it.
    pub(super) async fn answer(
        &self,
        invocation: &Invocation,
        terminal: Terminal,
    ) -> Result<Arguments, WampError> {
        let args = self.scalar_args(&value::content_args(&invocation.content))?;
        let input = value::json(&object(invocation).into());
        let running = Running::start(self.command(&args, invocation)).map_err(|error| {
            let program = self.program.to_string_lossy();
            terminal.notice(&format!("cannot run {program}: {error}"));
            WampError::runtime("the command of this procedure cannot be run")
        })?;
        let outcome = running.finish(input.as_bytes()).await.map_err(|error| {
            terminal.notice(&format!("cannot talk to the command: {error}"));
            WampError::runtime("the command of this procedure failed")
        })?;
        outcome.into_result()
    }

    fn command(&self, args: &[String], invocation: &Invocation) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(args).env("CROSSWEAVE_PROCEDURE", &*invocation.procedure);
        for name in SECRET_VARIABLES {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: what the command starts is killed with it.
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// The arguments of a call as those of a command: all of them or, if one is no scalar, none.
    fn scalar_args(&self, args: &[Value]) -> Result<Vec<String>, WampError> {
        let Some(texts) = args.iter().map(scalar).collect::<Option<Vec<String>>>() else {
            return Ok(Vec::new());
        };
        let may_be_options = self.args.last().is_none_or(|last| last != "--");
        for (value, text) in args.iter().zip(&texts) {
            let is_refused =
                text.contains('\0') || (may_be_options && value.as_str().is_some() && text.starts_with('-'));
            if is_refused {
                let why = "a text argument of this procedure must not start with a dash or contain a null character";
                return Err(WampError::new(uris::INVALID_ARGUMENT).arg(why));
            }
        }
        Ok(texts)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone()),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => Some(value::json(value)),
        Value::Null | Value::Bin(_) | Value::List(_) | Value::Dict(_) => None,
    }
}

/// A running command and all that it starts, killed when this is dropped before it has ended.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    fn start(mut command: Command) -> io::Result<Running> {
        let child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Running { child, group })
    }

    /// Gives it its input, and waits for its output and its end.
    async fn finish(mut self, input: &[u8]) -> io::Result<Outcome> {
        let piped = "all three were set to piped";
        let mut stdin = self.child.stdin.take().expect(piped);
        let stdout = self.child.stdout.take().expect(piped);
        let stderr = self.child.stderr.take().expect(piped);
        let write = async move {
            // A command need not read its input.
            let _ = stdin.write_all(input).await;
        };
        let ((), output, complaint) = tokio::join!(
            write,
            read_start(stdout, OUTPUT_LEN_MAX + 1),
            read_start(stderr, COMPLAINT_LEN_MAX)
        );
        let status = self.child.wait().await?;
        self.group = None;
        Ok(Outcome { status, output: output?, complaint: complaint? })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended by itself just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads to the end, and keeps the first `len_max` bytes.
async fn read_start(mut from: impl AsyncRead + Unpin, len_max: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    (&mut from).take(len_max as u64).read_to_end(&mut kept).await?;
    let mut rest = [0; 4096];
    while from.read(&mut rest).await? > 0 {}
    Ok(kept)
}

impl Outcome {
    fn into_result(self) -> Result<Arguments, WampError> {
        if !self.status.success() {
            let complaint = String::from_utf8_lossy(&self.complaint);
            return Err(match complaint.trim() {
                "" => WampError::runtime(format_args!("the command ended with {}", self.status)),
                complaint => WampError::runtime(complaint),
            });
        }
        if self.output.len() > OUTPUT_LEN_MAX {
            return Err(WampError::runtime(format_args!("the result is longer than {OUTPUT_LEN_MAX} bytes")));
        }
        let text = String::from_utf8_lossy(&self.output);
        Ok(match text.trim_end_matches(['\r', '\n']) {
            "" => Arguments::new(),
            text => Arguments::new().arg(value::parse(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args_of(command: &[&str], args: &[Value]) -> Result<Vec<String>, WampError> {
        let (program, own) = command.split_first().unwrap();
        let own = own.iter().map(OsString::from).collect();
        Program { program: program.into(), args: own }.scalar_args(args)
    }

    #[test]
    fn scalars_are_arguments_and_anything_else_means_none() {
        let scalars = [Value::from("a b"), 5.into(), (-0.5).into(), true.into()];
        assert_eq!(
            args_of(&["x"], &scalars),
            Ok(vec!["a b".into(), "5".into(), "-0.5".into(), "true".into()])
        );
        assert_eq!(args_of(&["x"], &["a".into(), Vec::<Value>::new().into()]), Ok(Vec::new()));
        assert_eq!(args_of(&["x"], &[Value::Null]), Ok(Vec::new()));
    }

    #[test]
    fn a_caller_cannot_give_the_command_options() {
        assert_eq!(
            args_of(&["x"], &["--output=/etc/passwd".into()]).unwrap_err().uri,
            uris::INVALID_ARGUMENT
        );
        assert_eq!(args_of(&["x", "--"], &["--output".into()]), Ok(vec!["--output".into()]));
        assert_eq!(args_of(&["x"], &[(-5).into()]), Ok(vec!["-5".into()]));
        assert!(args_of(&["x", "--"], &["a\0b".into()]).is_err());
    }
}
