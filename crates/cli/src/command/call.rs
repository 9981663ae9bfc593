//! `crossweave call`.

use clap::Args;
use crossweave_client::{Arguments, Client, Reconnect, Reply};
use crossweave_wamp::{Dict, Value};

use crate::connection::{ConnectionArgs, call_failure};
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::value;

const EXAMPLES: &str = "\
Each ARG is JSON, or text if it is not: 5 is a number, '\"5\"' and five are text.

Examples:
  crossweave call com.example.add2 2 3
  crossweave call wamp.session.count
  crossweave call com.example.order '{\"item\": \"tea\", \"count\": 2}' --kwarg express=true
  crossweave call com.example.report --progress --timeout 60000 --json";

/// Call a procedure and print its result
///
/// Text is printed as it is, anything else as JSON, each argument of the result on its line. An error goes to stderr,
/// and the exit code is 2.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Call {
    /// The procedure
    procedure: String,
    /// Arguments
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// A keyword argument
    #[arg(long = "kwarg", value_name = "NAME=VALUE", value_parser = value::parse_kwarg)]
    kwargs: Vec<(String, Value)>,
    /// Ask for progressive results, and print them as they come
    #[arg(long)]
    progress: bool,
    /// Tell the callee who calls
    #[arg(long)]
    disclose_me: bool,
    /// Print each result as a JSON object: args, kwargs; an error as one with error, args, kwargs, on stderr
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Call {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        value::slips(&self.args).for_each(|slip| terminal.notice(&slip));
        self.connection.run(terminal, self.json, Reconnect::Off, async |client: &Client| {
            self.call(client, terminal).await
        })
    }

    async fn call(&self, client: &Client, terminal: Terminal) -> Result<(), Failure> {
        let (args, kwargs) = value::arguments(&self.args, &self.kwargs);
        let mut call = client.call(&self.procedure).arguments(arguments(args, kwargs));
        if let Some(timeout) = self.connection.call_timeout() {
            call = call.timeout(timeout);
        }
        if self.disclose_me {
            call = call.disclose_me();
        }
        if !self.progress {
            let reply = call.await.map_err(call_failure)?;
            return self.print(&reply, terminal);
        }
        let mut replies = call.progress().await.map_err(call_failure)?;
        while let Some(reply) = replies.next().await {
            self.print(&reply.map_err(call_failure)?, terminal)?;
        }
        Ok(())
    }

    fn print(&self, reply: &Reply, terminal: Terminal) -> Result<(), Failure> {
        if self.json {
            let mut object = value::object(value::content_args(&reply.content), reply.kwargs());
            if self.progress {
                object.insert("progress", !reply.is_final);
            }
            return terminal.print(&value::json(&object.into()));
        }
        let lines = value::plain_lines(&value::content_args(&reply.content), &reply.kwargs());
        lines.iter().try_for_each(|line| terminal.print(&terminal.shown(line)))
    }
}

/// Arguments as the client sends them.
pub(super) fn arguments(args: Vec<Value>, kwargs: Dict) -> Arguments {
    kwargs.into_iter().fold(Arguments::from(args), |arguments, (name, value)| arguments.kwarg(name, value))
}
