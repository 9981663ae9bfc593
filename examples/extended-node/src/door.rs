//! A way to log in of our own: a ticket that says until when it is good.

use std::time::{SystemTime, UNIX_EPOCH};

use crossweave_router::{Answer, AuthenticateRequest, Authenticator, Granted, NotGranted};
use crossweave_wamp::Dict;

/// Lets in whoever has a ticket `door-UNTIL`, with UNTIL in seconds since 1970 and not over yet.
///
/// A real one would check a signature: here it is about where the decision is made.
#[derive(Debug)]
pub(crate) struct Door;

impl Authenticator for Door {
    fn authenticate(&self, request: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async move {
            let until = request.ticket.as_ref().and_then(|ticket| until(ticket.reveal()));
            let until = until.ok_or_else(|| denied("this is no ticket for this door"))?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            if until <= now {
                return Err(denied("the ticket is not good any more"));
            }
            let extra = Dict::new().with("until", until);
            Ok(Granted { authrole: "visitor".to_owned(), extra, ..Granted::default() })
        })
    }
}

fn until(ticket: &str) -> Option<u64> {
    ticket.strip_prefix("door-")?.parse().ok()
}

fn denied(message: &str) -> NotGranted {
    NotGranted::Denied { uri: "com.example.closed".to_owned(), message: message.to_owned() }
}
