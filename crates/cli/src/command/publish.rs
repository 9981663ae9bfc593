//! `crossweave pub`.

mod input;

use std::time::Duration;

use clap::Args;
use crossweave_client::{Client, Reconnect};
use crossweave_wamp::{Dict, MatchPolicy, Strictness, Value, uri};

use self::input::Input;
use super::call::arguments;
use crate::connection::{ConnectionArgs, request_failure};
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::value;

const EXAMPLES: &str = "\
Each ARG is JSON, or text if it is not: 5 is a number, '\"5\"' and five are text.

With --stdin, each line is one event, in JSON: a list is its arguments; an object
with `args` or `kwargs`, as `crossweave sub --json` prints, is both; anything
else is the only argument.

Examples:
  crossweave pub com.example.greeting hello
  crossweave pub com.example.weather oslo -3.5 --kwarg unit=C --ack
  crossweave pub com.example.status ready --retain
  crossweave pub com.example.tick --repeat 10 --interval 1000
  crossweave sub com.example.a --json | crossweave pub com.example.b --stdin";

/// Publish events to a topic
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Pub {
    /// The topic
    topic: String,
    /// Arguments
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// A keyword argument
    #[arg(long = "kwarg", value_name = "NAME=VALUE", value_parser = value::parse_kwarg)]
    kwargs: Vec<(String, Value)>,
    /// Wait until the router has taken each event, and print its publication id; only so a refusal is noticed
    #[arg(long)]
    ack: bool,
    /// Publish it this many times
    #[arg(long, value_name = "N", default_value = "1", value_parser = value::parse_count)]
    repeat: u64,
    /// Milliseconds between two events
    #[arg(long, value_name = "MS", default_value_t = 0)]
    interval: u64,
    /// Read the events from stdin, one JSON value a line
    #[arg(long, conflicts_with_all = ["args", "kwargs", "repeat"])]
    stdin: bool,
    /// Tell subscribers who published, where the realm does not anyway; routers may refuse
    #[arg(long)]
    disclose_me: bool,
    /// Ask the router to keep the event for those who subscribe later with `get_retained`, in place of the topic's last one; an
    /// event without arguments clears the topic
    #[arg(long)]
    retain: bool,
    /// Print each publication id as a JSON object; with --ack
    #[arg(long, requires = "ack")]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Pub {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        if !self.ack {
            // The router would drop it without a word.
            uri::check(&self.topic, MatchPolicy::Exact, Strictness::Loose).map_err(Failure::setup)?;
        }
        value::slips(&self.args).for_each(|slip| terminal.notice(&slip));
        let work = async |client: &Client| match self.stdin {
            true => self.publish_input(client, terminal).await,
            false => self.publish_arguments(client, terminal).await,
        };
        self.connection.run(terminal, self.json, Reconnect::Off, work)
    }

    async fn publish_arguments(&self, client: &Client, terminal: Terminal) -> Result<(), Failure> {
        let (args, kwargs) = value::arguments(&self.args, &self.kwargs);
        for number in 0..self.repeat {
            if number > 0 {
                self.pause().await;
            }
            self.publish(client, terminal, args.clone(), kwargs.clone()).await?;
        }
        Ok(())
    }

    async fn publish_input(&self, client: &Client, terminal: Terminal) -> Result<(), Failure> {
        let mut input = Input::read_stdin();
        let mut is_first = true;
        while let Some(event) = input.next().await {
            let (args, kwargs) = event.map_err(Failure::setup)?;
            if !std::mem::take(&mut is_first) {
                self.pause().await;
            }
            self.publish(client, terminal, args, kwargs).await?;
        }
        Ok(())
    }

    async fn pause(&self) {
        if self.interval > 0 {
            tokio::time::sleep(Duration::from_millis(self.interval)).await;
        }
    }

    async fn publish(
        &self,
        client: &Client,
        terminal: Terminal,
        args: Vec<Value>,
        kwargs: Dict,
    ) -> Result<(), Failure> {
        let mut publish = client.publish_arguments(&self.topic, arguments(args, kwargs));
        if self.disclose_me {
            publish = publish.disclose_me();
        }
        if self.retain {
            publish = publish.retain();
        }
        if !self.ack {
            return publish.await.map_err(request_failure);
        }
        let id = self.connection.answer(publish.acknowledged()).await?.0;
        match self.json {
            true => terminal.print(&value::json(&Dict::new().with("publication", id).into())),
            false => terminal.print(&id.to_string()),
        }
    }
}
