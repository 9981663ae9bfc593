//! Decides who a HELLO comes from.
//!
//! ```text
//!           no such method, malformed
//!  HELLO ──────────────────────────────────────────────────▶ Refuse
//!    │                                                          ▲
//!    ├─ anonymous, tls: nothing to prove ───────▶ Admit         │ wrong, or unknown
//!    │                                              ▲           │
//!    └─ others ─▶ Challenge ─▶ AUTHENTICATE ────────┴───────────┘
//!                     ▲              │
//!                     └──────────────┘ a method of the program's own may ask again
//! ```
//!
//! Any of the steps may be [`Verdict::Wait`]: an authenticator is asked. A client that is not known is challenged like one
//! that is, with a salt made up from its authid, and fails where a known one with a wrong secret does: the same work, the same
//! ABORT. What really was the matter is in the log.

mod admit;
mod asked;
mod certificate;
mod own;
mod pending;
mod proxied;
mod start;
#[cfg(test)]
mod tests;

pub(crate) use admit::{Admittance, admit, trusted};
pub(crate) use pending::Pending;
pub(crate) use start::start;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_auth::channel::Channel;
use crossweave_transport::PeerAddress;
use crossweave_transport::tls::TlsFacts;
use crossweave_wamp::message::{Abort, Challenge};
use crossweave_wamp::{AuthMethod, Dict, SessionId, uris};

use crate::cookies::Visit;
use crate::peer::Wire;
use crate::upstream::UpstreamSession;

/// What is known of a connection when its HELLO comes.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: PeerAddress,
    pub(crate) wire: Wire,
    /// How its messages come, as the meta API names it.
    pub(crate) channel_framing: &'static str,
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// Its cookie.
    pub(crate) visit: Option<Visit>,
}

impl Caller {
    /// What an authentication can be tied to: `tls-unique` on TLS 1.2, `tls-exporter` on TLS 1.3.
    fn channel(&self) -> Channel {
        let tls = self.tls.as_ref();
        Channel {
            tls_unique: tls.and_then(|tls| tls.tls_unique),
            tls_exporter: tls.and_then(|tls| tls.tls_exporter()),
        }
    }

    /// The `transport` dict of the meta API.
    pub(crate) fn transport(&self) -> Dict {
        let kind = match self.address {
            PeerAddress::Memory => "memory",
            PeerAddress::Unix { .. } => "unix",
            PeerAddress::Tcp(_) if self.tls.is_some() => "tls",
            PeerAddress::Tcp(_) => "tcp",
        };
        Dict::new()
            .with("channel_type", kind)
            .with("channel_framing", self.channel_framing)
            .with("channel_serializer", self.wire.serializer.name())
            .with("peer", self.address.to_string())
            .with("is_secure", self.tls.is_some())
    }
}

/// What comes next.
pub(crate) enum Verdict {
    /// It is who it says.
    Admit(Box<Grant>),
    /// It is who it says, and has a session at another router.
    Forward(Box<UpstreamSession>, Box<Grant>),
    /// It has to prove it.
    Challenge(Challenge, Box<Pending>),
    /// It may not join.
    Refuse(Refusal),
    /// An authenticator is asked; what to say if the time for the opening ends before it answers.
    Wait(Pin<Box<dyn Future<Output = Verdict> + Send>>, Box<Refusal>),
}

/// A client that may join.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) authid: Arc<str>,
    pub(crate) authrole: Arc<str>,
    pub(crate) method: &'static str,
    /// What the session is told of its method, if that is not its name: a proxy has one that nobody here has declared.
    pub(crate) shown_method: Option<Arc<str>>,
    /// How it has proven who it is; behind a cookie, how it did when it got that. None if that is not known.
    pub(crate) proof: Option<AuthMethod>,
    pub(crate) provider: &'static str,
    /// The realm it joins.
    pub(crate) realm: Option<String>,
    pub(crate) authextra: Dict,
    /// The id it was told its session would have.
    pub(crate) session: Option<SessionId>,
    /// How often the realm provider was asked for its realm.
    pub(crate) questions: u8,
    /// What of it an authenticator has said.
    pub(crate) said: Option<Box<Said>>,
    /// Where the client is, as its proxy tells; none unless it came by one that has proven that it may speak for it.
    pub(crate) behind_proxy: Option<Box<str>>,
}

/// What an authenticator has said of a client.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The authenticator, for the log.
    by: String,
    /// It has named the realm, and not the client.
    names_realm: bool,
}

impl Grant {
    /// How a client with this grant is refused. That an authenticator names a realm or role that is not there is its mistake, of
    /// which only the log is told.
    pub(crate) fn refusal(&self, refusal: Refusal) -> Refusal {
        let Some(said) = &self.said else { return refusal };
        let is_its_mistake = match &*refusal.abort.reason {
            uris::NO_SUCH_ROLE => true,
            uris::NO_SUCH_REALM => said.names_realm,
            _ => false,
        };
        if !is_its_mistake || refusal.is_of_proof() {
            return refusal;
        }
        let why = refusal.abort.details.str("message").unwrap_or_default();
        let cause = format!("{} let it in as nobody can be: {why}", said.by);
        Refusal::unproven(self.method, Some(&self.authid), cause)
    }
}

/// What a client is told that may not join, and what the log is told.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) abort: Abort,
    /// Exact, without secrets; empty if the client is told as much.
    pub(crate) cause: String,
    /// The log has it already.
    pub(crate) is_told: bool,
}

impl Refusal {
    /// Its author did something wrong, which has nothing to do with who it is.
    pub(crate) fn plain(uri: &str, message: impl Into<String>) -> Refusal {
        Refusal { abort: Abort::new(uri, message), cause: String::new(), is_told: false }
    }

    /// Whether it is about who the client is, of which only the log is told more.
    pub(crate) fn is_of_proof(&self) -> bool {
        !self.cause.is_empty()
    }

    /// It did not prove who it is. All such clients are told the same.
    pub(crate) fn unproven(method: &str, authid: Option<&str>, cause: impl std::fmt::Display) -> Refusal {
        let authid = authid.map_or_else(|| "no authid".to_owned(), |it| format!("authid {:?}", excerpt(it)));
        Refusal {
            abort: Abort::new(uris::AUTHENTICATION_FAILED, "authentication failed"),
            cause: format!("method {method}, {authid}: {cause}"),
            is_told: false,
        }
    }
}

impl From<Abort> for Refusal {
    fn from(abort: Abort) -> Self {
        Refusal { abort, cause: String::new(), is_told: false }
    }
}

/// The beginning of a text that is the peer's, so that it gets back less than it sends.
pub(crate) fn excerpt(text: &str) -> String {
    const LEN: usize = 64;
    match text.char_indices().nth(LEN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
