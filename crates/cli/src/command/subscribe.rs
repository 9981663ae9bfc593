//! `crossweave sub`.

use std::pin::pin;
use std::task::Poll;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use crossweave_client::{
    Client, ConflationKey, Delivery, Event, Lagged, MatchPolicy, OnSlow, Reconnect, Subscription,
};
use crossweave_wamp::{Dict, Value};

use crate::connection::{ConnectionArgs, match_policy, until_closed};
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::value;

const EXAMPLES: &str = "\
Examples:
  crossweave sub com.example.clock
  crossweave sub com.example. --match prefix
  crossweave sub com..created --match wildcard --json | jq .args
  crossweave sub com.example.greeting --count 1
  crossweave sub com.example.status --get-retained
  crossweave sub com.example.price --on-slow conflate --key 0";

/// Subscribe to topics and print their events as they come
///
/// Runs until Ctrl-C, or until --count events have come. When the connection is lost, it is made again. When the router
/// revokes a subscription, it ends with code 2.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sub {
    /// Topics, or patterns if --match says so
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// How topics are compared; prefix: of characters, wildcard: an empty component is any
    #[arg(long = "match", value_name = "POLICY", default_value = "exact", value_parser = match_policy())]
    matching: MatchPolicy,
    /// Also print the event that a topic retains
    #[arg(long)]
    get_retained: bool,
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = value::parse_count)]
    count: Option<u64>,
    /// What the router does with events while this reads too slowly; it then tells how many were lost
    #[arg(long, value_name = "POLICY", value_parser = on_slow())]
    on_slow: Option<OnSlow>,
    /// With --on-slow conflate: events with the same argument at this index, or the same keyword argument of this name, replace
    /// each other [default: those of a topic do]
    #[arg(long, value_name = "KEY", requires = "on_slow")]
    key: Option<String>,
    /// How many events may wait at the router for each topic [default: 1000]
    #[arg(long, value_name = "N", requires = "on_slow", value_parser = value::parse_count)]
    queue: Option<u64>,
    /// Print each event as a JSON object: topic, args, kwargs, publication, publisher
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Sub {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let work = async |client: &Client| self.follow(client, terminal).await;
        self.connection.run(terminal, self.json, Reconnect::default(), work)
    }

    async fn follow(&self, client: &Client, terminal: Terminal) -> Result<(), Failure> {
        let mut subscriptions = Vec::new();
        for topic in &self.topics {
            let mut subscribe = client.subscribe(topic).match_policy(self.matching);
            if self.get_retained {
                subscribe = subscribe.get_retained();
            }
            if let Some(delivery) = self.delivery() {
                subscribe = subscribe.delivery(delivery);
            }
            subscriptions.push(self.connection.answer(subscribe.into_future()).await?);
            terminal.notice(&format!("subscribed to {topic}"));
        }
        let mut left = self.count;
        while left != Some(0) {
            match next(&mut subscriptions).await {
                Some(Ok(event)) => {
                    self.print(&event, terminal)?;
                    left = left.map(|left| left - 1);
                }
                Some(Err(lagged)) => terminal.notice(&lagged.to_string()),
                None => return Err(why_it_ended(&subscriptions, client).await),
            }
        }
        Ok(())
    }

    fn delivery(&self) -> Option<Delivery> {
        let delivery = Delivery::new(self.on_slow?);
        let key = self.key.as_deref().map_or(ConflationKey::Topic, |key| match key.parse() {
            Ok(index) => ConflationKey::Argument(index),
            Err(_) => ConflationKey::Keyword(key.into()),
        });
        let delivery = Delivery { key, ..delivery };
        Some(match self.queue {
            Some(queue) => delivery.queue_len_max(queue),
            None => delivery,
        })
    }

    fn print(&self, event: &Event, terminal: Terminal) -> Result<(), Failure> {
        if self.json {
            return terminal.print(&value::json(&object(event).into()));
        }
        if event.lost > 0 {
            terminal.notice(&format!("the router dropped {} events of {}", event.lost, event.topic));
        }
        let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        let line = value::one_line(&value::content_args(&event.content), &event.kwargs());
        terminal.print(&terminal.happening(&time, &event.topic, &line))
    }
}

async fn why_it_ended(subscriptions: &[Subscription], client: &Client) -> Failure {
    let withdrawn = subscriptions.iter().find_map(|it| Some((it.topic(), it.withdrawn()?)));
    match withdrawn {
        Some((topic, why)) => Failure::revoked(format_args!("the subscription to {topic} is over: {why}")),
        None => until_closed(client).await,
    }
}

/// The next event of any of them; nothing if one of them is over.
async fn next(subscriptions: &mut [Subscription]) -> Option<Result<Event, Lagged>> {
    std::future::poll_fn(|cx| {
        // Those that had to wait come first, so that a busy topic does not silence the others.
        subscriptions.rotate_left(1);
        for subscription in subscriptions.iter_mut() {
            if let Poll::Ready(event) = pin!(subscription.next()).poll(cx) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    })
    .await
}

fn on_slow() -> impl TypedValueParser<Value = OnSlow> {
    let names = OnSlow::ALL.map(OnSlow::as_str);
    PossibleValuesParser::new(names).map(|name| OnSlow::parse(&name).expect("one of the names"))
}

fn object(event: &Event) -> Dict {
    let mut object = Dict::new()
        .with("topic", &*event.topic)
        .with("args", value::content_args(&event.content))
        .with("kwargs", event.kwargs())
        .with("publication", event.publication.0)
        .with("publisher", event.publisher.map(|session| session.0));
    let known =
        [("publisher_authid", &event.publisher_authid), ("publisher_authrole", &event.publisher_authrole)];
    if event.is_retained {
        object.insert("retained", true);
    }
    if event.lost > 0 {
        object.insert("lost", event.lost);
    }
    for (name, text) in known {
        if let Some(text) = text {
            object.insert(name, Value::from(text.as_str()));
        }
    }
    object
}
