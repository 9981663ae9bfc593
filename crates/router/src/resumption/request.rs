//! What HELLO says about resuming.

use crossweave_wamp::message::Hello;
use crossweave_wamp::{Dict, SessionId, Value};

use super::Token;

/// A client wants to go on with a session.
pub(crate) struct Request {
    pub(crate) session: SessionId,
    pub(crate) token: Token,
    /// The messages that it has received in the session, WELCOME not counted; none if it does not say.
    pub(crate) received: Option<u64>,
}

impl Request {
    /// The request in HELLO, in the spelling of the specification's draft (`resume-session`) or of later ones
    /// (`resume_session`). What has another shape is no request.
    pub(crate) fn of(hello: &Hello) -> Option<Request> {
        let session = number(&hello.details, "resume_session", "resume-session")?;
        let token = either(&hello.details, "resume_token", "resume-token")?.as_str()?;
        Some(Request {
            session: SessionId(session),
            token: Token::given(token),
            received: number(&hello.details, "resume_received", "resume-received"),
        })
    }
}

/// Whether the client wants its session to be resumable. Whoever resumes one wants that again.
pub(crate) fn wants(hello: &Hello) -> bool {
    hello.details.get("resumable").and_then(Value::as_bool).unwrap_or(false) || Request::of(hello).is_some()
}

fn either<'d>(details: &'d Dict, name: &str, other: &str) -> Option<&'d Value> {
    details.get(name).or_else(|| details.get(other))
}

fn number(details: &Dict, name: &str, other: &str) -> Option<u64> {
    either(details, name, other)?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(details: Dict) -> Hello {
        Hello { realm: Some("realm1".into()), details }
    }

    #[test]
    fn both_spellings_are_read() {
        for separator in ["_", "-"] {
            let key = |name: &str| format!("resume{separator}{name}");
            let details =
                Dict::new().with(key("session"), 7).with(key("token"), "secret").with(key("received"), 3);
            let request = Request::of(&hello(details)).unwrap();
            assert_eq!(
                (request.session, request.token.text(), request.received),
                (SessionId(7), "secret", Some(3))
            );
        }
    }

    #[test]
    fn what_has_another_shape_is_no_request() {
        let details = || Dict::new().with("resume_session", 7).with("resume_token", "secret");
        assert!(Request::of(&hello(details())).is_some());
        assert!(Request::of(&hello(details().with("resume_session", "7"))).is_none());
        assert!(Request::of(&hello(details().with("resume_session", -7))).is_none());
        assert!(Request::of(&hello(details().with("resume_token", 1))).is_none());
        assert!(Request::of(&hello(Dict::new().with("resume_session", 7))).is_none());
        assert!(!wants(&hello(Dict::new().with("resumable", "yes"))));
        assert!(wants(&hello(Dict::new().with("resumable", true))));
    }
}
