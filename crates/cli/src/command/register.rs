//! `crossweave register`.

mod exec;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use crossweave_client::{Arguments, Client, Invocation, InvokePolicy, MatchPolicy, Reconnect, WampError};
use crossweave_wamp::Dict;

use self::exec::Program;
use super::call::arguments;
use crate::connection::{ConnectionArgs, match_policy, until_closed};
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::value;

const USAGE: &str = "\
crossweave register [OPTIONS] <PROCEDURE> --echo
       crossweave register [OPTIONS] <PROCEDURE> --exec <COMMAND>...";

const EXAMPLES: &str = "\
--exec runs the command once for each call, without a shell. It gets
  - on stdin one JSON object: procedure, args, kwargs, caller;
  - behind its own arguments those of the call, if all are text, numbers or
    booleans; text that starts with a dash is refused unless the command ends
    with `--`, so that callers cannot give it options;
  - as $CROSSWEAVE_PROCEDURE the procedure that was called.
What it prints is the result: JSON if it is that, else text. If it ends with
another status than 0, the caller gets an error with the start of what it wrote
to stderr. It is killed when the call is cancelled.
Whoever may call the procedure runs the command: mind who that is.

Examples:
  crossweave register com.example.echo --echo
  crossweave register com.example.date --exec date +%F
  crossweave register com.example.sum --exec jq '.args | add' --args
  crossweave register com.example.size --exec du -sh --
  crossweave register com.example. --match prefix --invoke roundrobin --echo";

/// Register a procedure, and answer its calls
///
/// Prints each call. Runs until Ctrl-C. When the connection is lost, it is made again, and the procedure registered. When the
/// router revokes the registration, it ends with code 2.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = EXAMPLES)]
pub(super) struct Register {
    /// The procedure, or a pattern if --match says so
    procedure: String,
    #[command(flatten)]
    answer: AnswerArgs,
    /// How procedures are compared; prefix: of characters, wildcard: an empty component is any
    #[arg(long = "match", value_name = "POLICY", default_value = "exact", value_parser = match_policy())]
    matching: MatchPolicy,
    /// Which of several callees is called; single: there is only one
    #[arg(long, value_name = "POLICY", default_value = "single", value_parser = invoke_policy())]
    invoke: InvokePolicy,
    /// Calls at the same time at most; the router refuses others with crossbar.error.max_concurrency_reached [default: the
    /// router knows no limit, and those beyond 64 wait here]
    #[arg(long, value_name = "N", value_parser = value::parse_count)]
    concurrency: Option<u64>,
    /// Take the procedure from whoever has it
    #[arg(long)]
    force: bool,
    /// Print each call as a JSON object: procedure, args, kwargs, caller
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What answers.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct AnswerArgs {
    /// Answer with the arguments of the call
    #[arg(long)]
    echo: bool,
    /// Run this command for each call; everything behind it belongs to the command
    #[arg(long, num_args = 1.., value_name = "COMMAND", allow_hyphen_values = true)]
    exec: Option<Vec<OsString>>,
}

impl AnswerArgs {
    /// # Errors
    /// The command cannot be run.
    fn find(&self) -> Result<Answer, Failure> {
        Ok(match &self.exec {
            Some(command) => Answer::Exec(Program::new(command)?),
            None => Answer::Echo,
        })
    }
}

fn invoke_policy() -> impl TypedValueParser<Value = InvokePolicy> {
    let names = ["single", "first", "last", "roundrobin", "random"];
    PossibleValuesParser::new(names).map(|name| InvokePolicy::parse(&name).expect("all names are known"))
}

/// How a call is answered.
enum Answer {
    Echo,
    Exec(Program),
}

impl Register {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let answer = self.answer.find().map_err(|failure| failure.tell_if(self.json, terminal))?;
        let answer = Arc::new(answer);
        let work = async |client: &Client| self.serve(client, answer, terminal).await;
        self.connection.run(terminal, self.json, Reconnect::default(), work)
    }

    async fn serve(&self, client: &Client, answer: Arc<Answer>, terminal: Terminal) -> Result<(), Failure> {
        let show = Show { terminal, json: self.json };
        let handler = move |invocation: Invocation| {
            let answer = answer.clone();
            async move {
                show.call(&invocation)?;
                answer.to(&invocation, terminal).await
            }
        };
        let mut register = client.register_dynamic(&self.procedure, handler).match_policy(self.matching);
        register = register.invoke(self.invoke);
        if let Some(concurrency) = self.concurrency {
            register = register.concurrency(u32::try_from(concurrency).unwrap_or(u32::MAX));
        }
        if self.force {
            register = register.force_reregister();
        }
        let registration = self.connection.answer(register.into_future()).await?;
        terminal.notice(&format!("registered {}", self.procedure));
        Err(match registration.withdrawn().await {
            Some(why) => {
                Failure::revoked(format_args!("the registration of {} is over: {why}", self.procedure))
            }
            None => until_closed(client).await,
        })
    }
}

impl Answer {
    async fn to(&self, invocation: &Invocation, terminal: Terminal) -> Result<Arguments, WampError> {
        match self {
            Answer::Exec(program) => program.answer(invocation, terminal).await,
            Answer::Echo => Ok(match (invocation.content.passthru(), invocation.content.opaque_bytes()) {
                (Some(passthru), Some(bytes)) => Arguments::opaque(passthru.clone(), bytes),
                _ => arguments(invocation.args(), invocation.kwargs()),
            }),
        }
    }
}

/// Prints calls.
#[derive(Clone, Copy)]
struct Show {
    terminal: Terminal,
    json: bool,
}

impl Show {
    fn call(self, invocation: &Invocation) -> Result<(), WampError> {
        let line = match self.json {
            true => value::json(&object(invocation).into()),
            false => {
                let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
                let line = value::one_line(&value::content_args(&invocation.content), &invocation.kwargs());
                self.terminal.happening(&time, &invocation.procedure, &line)
            }
        };
        // Whoever stops reading what is printed still wants calls to be answered.
        let _ = self.terminal.print(&line);
        Ok(())
    }
}

/// A call as one JSON object.
fn object(invocation: &Invocation) -> Dict {
    let mut object = Dict::new()
        .with("procedure", &*invocation.procedure)
        .with("args", value::content_args(&invocation.content))
        .with("kwargs", invocation.kwargs())
        .with("caller", invocation.caller.map(|session| session.0));
    for (name, text) in
        [("caller_authid", &invocation.caller_authid), ("caller_authrole", &invocation.caller_authrole)]
    {
        if let Some(text) = text {
            object.insert(name, text.as_str());
        }
    }
    object
}
