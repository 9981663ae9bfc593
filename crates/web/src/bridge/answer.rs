//! What HTTP clients are answered.

use crossweave_client::{CallError, RequestError, WampError};
use crossweave_router::http::answer;
use crossweave_wamp::{Dict, PublicationId, Serializer, Value, uris};
use http::{StatusCode, header};

use super::CALLS_MAX;
use crate::reply::{Fields as _, NO_STORE, Reply};

/// The answer to a publication.
pub(crate) fn published(publication: PublicationId) -> Reply {
    json(200, Dict::new().with("id", publication.0))
}

/// The answer to a call.
pub(crate) fn result(args: Vec<Value>, kwargs: Dict) -> Reply {
    json(200, Dict::new().with("args", args).with("kwargs", kwargs))
}

fn json(status: u16, body: Dict) -> Reply {
    let mut octets = Vec::new();
    Serializer::Json.encode_value(&body.into(), &mut octets);
    octets.push(b'\n');
    let status = StatusCode::from_u16(status).expect("the statuses of this module are valid");
    answer(status, "application/json", octets).with(header::CACHE_CONTROL, NO_STORE)
}

/// An error, with the status that says who is at fault.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: WampError,
    /// Whether the request itself is refused; otherwise it was carried out, and this is the answer of router or callee.
    is_own: bool,
    /// Whether the connection cannot be used any more.
    closes: bool,
}

impl Refusal {
    /// An error of the bridge's own.
    pub(crate) fn new(status: u16, uri: &str, text: impl Into<String>) -> Refusal {
        let error = WampError::new(uri).arg(text.into());
        Refusal { status, error, is_own: true, closes: false }
    }

    /// Too many requests at a time.
    pub(crate) fn too_many() -> Refusal {
        let text = format!("{CALLS_MAX} requests are under way; try again later");
        Refusal::new(503, uris::RESOURCE_EXHAUSTED, text)
    }

    /// The same, with the connection closed behind it.
    pub(crate) fn closing(self) -> Refusal {
        Refusal { closes: true, ..self }
    }

    /// As Crossbar.io's bridge has it: the error of a router or callee is an answer like any other.
    pub(crate) fn of_rest(self, http_errors: bool) -> Refusal {
        match self.is_own || http_errors {
            true => self,
            false => Refusal { status: 200, ..self },
        }
    }

    /// Why the request itself is refused. What a router or callee says is between it and its caller.
    pub(crate) fn own_text(&self) -> Option<&str> {
        self.error.args.first().filter(|_| self.is_own)?.as_str()
    }

    /// The body cannot be understood; nothing was sent.
    pub(crate) fn bad_body(text: impl Into<String>) -> Refusal {
        Refusal::new(400, uris::INVALID_ARGUMENT, text)
    }

    pub(crate) fn response(self) -> Reply {
        let WampError { uri, args, kwargs } = self.error;
        let body = Dict::new().with("error", uri).with("args", args).with("kwargs", kwargs);
        let mut reply = json(self.status, body);
        if self.is_own && self.status == 503 {
            reply = reply.with(header::RETRY_AFTER, "1");
        }
        if self.closes { reply.with(header::CONNECTION, "close") } else { reply }
    }
}

impl From<WampError> for Refusal {
    fn from(error: WampError) -> Self {
        Refusal { status: status(&error.uri), error, is_own: false, closes: false }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Application(error) => error.into(),
            CallError::Timeout(text) => WampError::new(uris::TIMEOUT).arg(text).into(),
            CallError::Canceled(text) => WampError::new(uris::CANCELED).arg(text).into(),
            CallError::Disconnected(_) => Refusal::new(503, uris::UNAVAILABLE, "the realm is down"),
            CallError::Encode(error) => Refusal::new(413, uris::PAYLOAD_SIZE_EXCEEDED, error.to_string()),
            other => Refusal::new(502, uris::RUNTIME_ERROR, other.to_string()),
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused { error, .. } => error.into(),
            RequestError::Disconnected(_) => Refusal::new(503, uris::UNAVAILABLE, "the realm is down"),
            RequestError::Encode(error) => Refusal::new(413, uris::PAYLOAD_SIZE_EXCEEDED, error.to_string()),
        }
    }
}

/// The status for an ERROR with this URI.
fn status(uri: &str) -> u16 {
    match uri {
        uris::INVALID_ARGUMENT
        | uris::INVALID_URI
        | uris::OPTION_NOT_ALLOWED
        | uris::OPTION_DISALLOWED_DISCLOSE_ME
        | uris::FEATURE_NOT_SUPPORTED => 400,
        uris::NOT_AUTHORIZED => 403,
        uris::NO_SUCH_PROCEDURE => 404,
        uris::PAYLOAD_SIZE_EXCEEDED => 413,
        uris::AUTHORIZATION_FAILED => 500,
        uris::UNAVAILABLE
        | uris::NO_AVAILABLE_CALLEE
        | uris::RESOURCE_EXHAUSTED
        | uris::MAX_CONCURRENCY_REACHED => 503,
        uris::TIMEOUT => 504,
        _ => 502,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply) -> String {
        use http_body_util::BodyExt as _;
        let body = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = body.block_on(reply.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn answers_have_the_bodies_of_crossbars_bridge() {
        assert_eq!(text(published(PublicationId(7))), "{\"id\":7}\n");
        let answer = result(vec![5.into()], Dict::new().with("unit", "m"));
        assert_eq!(text(answer), "{\"args\":[5],\"kwargs\":{\"unit\":\"m\"}}\n");
        let refusal = Refusal::from(WampError::new("com.example.error").arg("no").kwarg("code", 3));
        assert_eq!(
            text(refusal.response()),
            "{\"error\":\"com.example.error\",\"args\":[\"no\"],\"kwargs\":{\"code\":3}}\n"
        );
    }

    #[test]
    fn binary_is_base64_behind_a_zero() {
        let answer = result(vec![vec![0u8, 255, 16].into()], Dict::new());
        assert_eq!(text(answer), "{\"args\":[\"\\u0000AP8Q\"],\"kwargs\":{}}\n");
    }

    #[test]
    fn statuses_say_who_is_at_fault() {
        for (uri, status) in [
            ("wamp.error.no_such_procedure", 404),
            ("wamp.error.not_authorized", 403),
            ("wamp.error.invalid_argument", 400),
            ("wamp.error.invalid_uri", 400),
            ("wamp.error.timeout", 504),
            ("wamp.error.no_available_callee", 503),
            ("wamp.error.runtime_error", 502),
            ("com.example.error.no_such_user", 502),
        ] {
            assert_eq!(Refusal::from(WampError::new(uri)).response().status(), status, "{uri}");
        }
        assert_eq!(Refusal::from(CallError::Timeout("too slow".into())).status, 504);
    }
}
