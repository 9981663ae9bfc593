//! Messages that open and close a session.
//!
//! They are rare and their dicts are open-ended, so the dicts are kept as they are; [`crate::features`] reads roles from them.

use crate::id::SessionId;
use crate::value::Dict;

/// `[HELLO, Realm|uri, Details|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The realm to join. Absent where the router is to choose one.
    pub realm: Option<String>,
    /// `roles`, `authmethods`, `authid`, `authrole`, `authextra`, `agent`, ….
    pub details: Dict,
}

impl Hello {
    /// The authentication methods the client offers, in its order; empty means `anonymous`.
    pub fn authmethods(&self) -> Vec<&str> {
        let methods = self.details.get("authmethods").and_then(|value| value.as_list()).unwrap_or_default();
        methods.iter().filter_map(|value| value.as_str()).collect()
    }

    /// The authid the client asks for.
    pub fn authid(&self) -> Option<&str> {
        self.details.str("authid")
    }
}

/// `[WELCOME, Session|id, Details|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The new session.
    pub session: SessionId,
    /// `roles`, `realm`, `authid`, `authrole`, `authmethod`, `authprovider`, `authextra`, `agent`, ….
    pub details: Dict,
}

/// `[ABORT, Details|dict, Reason|uri]`
#[derive(Clone, Debug, PartialEq)]
pub struct Abort {
    /// `message`.
    pub details: Dict,
    /// Why, a URI.
    pub reason: String,
}

/// `[CHALLENGE, AuthMethod|string, Extra|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Challenge {
    /// The authentication method.
    pub method: String,
    /// What it needs.
    pub extra: Dict,
}

/// `[AUTHENTICATE, Signature|string, Extra|dict]`
#[derive(Clone, PartialEq)]
pub struct Authenticate {
    /// The signature, ticket or proof.
    pub signature: String,
    /// What the method adds.
    pub extra: Dict,
}

impl std::fmt::Debug for Authenticate {
    /// Says nothing of the signature: for the ticket method it is the secret itself.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticate").finish_non_exhaustive()
    }
}

/// `[GOODBYE, Details|dict, Reason|uri]`
#[derive(Clone, Debug, PartialEq)]
pub struct Goodbye {
    /// `message`.
    pub details: Dict,
    /// Why, a URI.
    pub reason: String,
}

impl Abort {
    /// An ABORT with a text for the peer's author.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Abort { details: Dict::new().with("message", message.into()), reason: reason.into() }
    }
}

impl Goodbye {
    /// A GOODBYE without details.
    pub fn new(reason: impl Into<String>) -> Self {
        Goodbye { details: Dict::new(), reason: reason.into() }
    }

    /// The same with a text for people.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.details.insert("message", message.into());
        self
    }
}

macro_rules! already_owned {
    ($($name:ty),+ $(,)?) => {
        $(impl $name {
            pub(super) fn into_owned(self) -> Self {
                self
            }
        })+
    };
}

already_owned!(Hello, Welcome, Abort, Challenge, Authenticate, Goodbye);
already_owned!(
    super::Published,
    super::Subscribed,
    super::Unsubscribe,
    super::Unsubscribed,
    super::EventReceived
);
already_owned!(super::Cancel, super::Registered, super::Unregister, super::Unregistered, super::Interrupt);
