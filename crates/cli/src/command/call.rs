//! `crossweave call`.

use clap::Args;
use crossweave_client::{Arguments, CallError, Client, Reconnect, Reply, WampError};
use crossweave_wamp::{Dict, Value};

use crate::connection::{ConnectionArgs, call_failure};
use crate::exit::{Code, Failure};
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
        self.connection
            .run(terminal, Reconnect::Off, async |client: &Client| self.call(client, terminal).await)
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
            let reply = call.await.map_err(|error| self.failure(&error))?;
            return self.print(&reply, terminal);
        }
        let mut replies = call.progress().await.map_err(|error| self.failure(&error))?;
        while let Some(reply) = replies.next().await {
            self.print(&reply.map_err(|error| self.failure(&error))?, terminal)?;
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

    fn failure(&self, error: &CallError) -> Failure {
        let CallError::Application(answer) = error else { return call_failure(error) };
        if self.json {
            let object =
                value::object(answer.args.clone(), answer.kwargs.clone()).with("error", answer.uri.as_str());
            eprintln!("{}", value::json(&object.into()));
            return Failure { code: Code::Wamp, message: None };
        }
        Failure::wamp(in_full(answer))
    }
}

/// The error with everything that came with it.
fn in_full(error: &WampError) -> String {
    let (text, rest) = match error.args.split_first() {
        Some((Value::Str(text), rest)) => (format!(": {text}"), rest),
        _ => (String::new(), &error.args[..]),
    };
    let more = value::one_line(rest, &error.kwargs);
    let separator = if more.is_empty() { "" } else { " " };
    format!("{}{text}{separator}{more}", error.uri)
}

/// Arguments as the client sends them.
pub(super) fn arguments(args: Vec<Value>, kwargs: Dict) -> Arguments {
    kwargs.into_iter().fold(Arguments::from(args), |arguments, (name, value)| arguments.kwarg(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_all_its_arguments() {
        let error =
            WampError::new("com.example.error.stock").arg("out of tea").arg(3).kwarg("until", "monday");
        assert_eq!(in_full(&error), "com.example.error.stock: out of tea [3] {\"until\":\"monday\"}");
        assert_eq!(in_full(&WampError::new("wamp.error.canceled")), "wamp.error.canceled");
        assert_eq!(in_full(&WampError::new("com.example.e").arg(5)), "com.example.e [5]");
    }
}
