//! `"type": "webhook"`: what another service posts becomes an event.

use crossweave_router::Router;
use crossweave_router::http::{Answering, answer};
use crossweave_wamp::{Dict, Value};
use http::{HeaderMap, StatusCode};
use tracing::{debug, warn};

use super::{Admitted, Endpoint, RestOptions, respond};
use crate::bridge::{PublishOrder, Refusal};
use crate::reply::Reply;
use crate::seldom::Seldom;
use crate::service::{Exchange, WebService};

/// What a [`Webhook`] is told beside [`RestOptions`]. The names and defaults are those of Crossbar.io's `options`.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// `topic`: where it publishes. Needed.
    pub topic: String,
    /// `success_response`: the body of the answer 202. Default `OK`.
    pub success_response: String,
    /// `error_response`: the body of the answer 500. Default `NOT OK`.
    pub error_response: String,
}

impl WebhookOptions {
    /// With this topic.
    pub fn new(topic: &str) -> WebhookOptions {
        WebhookOptions {
            topic: topic.to_owned(),
            success_response: "OK".to_owned(),
            error_response: "NOT OK".to_owned(),
        }
    }
}

/// Publishes each request: args is one dict of `headers`, by name lists of values, and `body`, a text.
pub struct Webhook {
    endpoint: Endpoint,
    options: WebhookOptions,
    /// What is told of requests that are not published.
    told: Seldom,
}

impl Webhook {
    /// Publishes to a realm, in this role.
    pub fn new(
        router: Router,
        realm: &str,
        authrole: &str,
        rest: RestOptions,
        options: WebhookOptions,
    ) -> Webhook {
        Webhook { endpoint: Endpoint::new(router, realm, authrole, rest), options, told: Seldom::default() }
    }

    async fn publish(&self, exchange: Exchange<'_>) -> Result<Reply, Refusal> {
        let Admitted { head, body, _permit } = self.endpoint.admit(exchange, false).await?;
        let event = Dict::new().with("headers", by_name(&head.headers)).with("body", body);
        let order = PublishOrder::of(&self.options.topic, vec![event.into()]);
        match self.endpoint.session.publish(order).await {
            Ok(_) => Ok(said(StatusCode::ACCEPTED, &self.options.success_response)),
            Err(refusal) => {
                let (topic, error) = (&self.options.topic, &refusal.error.uri);
                match self.told.is_due() {
                    true => warn!(topic, error, "webhook was not published"),
                    false => debug!(topic, error, "webhook was not published"),
                }
                Ok(said(StatusCode::INTERNAL_SERVER_ERROR, &self.options.error_response))
            }
        }
    }
}

impl WebService for Webhook {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(respond(&self.endpoint.options, exchange, |exchange| self.publish(exchange)))
    }
}

fn said(status: StatusCode, text: &str) -> Reply {
    answer(status, "text/plain; charset=utf-8", text.to_owned())
}

/// The values of each field, under the name that subscribers of Crossbar.io's webhooks look for.
fn by_name(headers: &HeaderMap) -> Dict {
    headers.keys().fold(Dict::new(), |dict, name| {
        let values = headers.get_all(name).iter();
        let values: Vec<Value> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into()).collect();
        dict.with(spelled(name.as_str()), values)
    })
}

/// `X-Github-Event` for `x-github-event`, but for names that Twisted, and so Crossbar.io, spells otherwise.
fn spelled(name: &str) -> String {
    match name {
        "content-md5" => return "Content-MD5".into(),
        "dnt" => return "DNT".into(),
        "etag" => return "ETag".into(),
        "p3p" => return "P3P".into(),
        "te" => return "TE".into(),
        "www-authenticate" => return "WWW-Authenticate".into(),
        "x-xss-protection" => return "X-XSS-Protection".into(),
        _ => {}
    }
    let mut starts_word = true;
    let letter = |letter: char| {
        let spelled = if starts_word { letter.to_ascii_uppercase() } else { letter };
        starts_word = letter == '-';
        spelled
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_that_subscribers_look_for() {
        for (name, spelling) in
            [("x-github-event", "X-Github-Event"), ("etag", "ETag"), ("host", "Host"), ("x--a", "X--A")]
        {
            assert_eq!(spelled(name), spelling);
        }
    }
}
