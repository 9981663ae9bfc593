//! Proving who one is: anonymous, ticket, WAMP-CRA, WAMP-SCRAM, WAMP-cryptosign, TLS certificate, cookie, or a method that the
//! router's program has by itself.

mod login;

pub(crate) use login::Login;

use std::fmt;
use std::sync::Arc;

pub use crossweave_auth::Secret;
use crossweave_auth::cryptosign::{PrivateKey, PublicKey};
use crossweave_auth::scram::client::ClientError;
use crossweave_auth::wampcra::SaltingError;
use crossweave_wamp::Dict;
use crossweave_wamp::message::Authenticate;

/// Who to be on the realm.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nobody in particular (default).
    #[default]
    Anonymous,
    /// A shared text, sent as it is: use it over TLS or on one's own machine.
    Ticket {
        /// Who.
        authid: String,
        /// The ticket.
        ticket: Secret,
    },
    /// A shared secret that is not sent: the router's challenge is signed with it. Salted secrets included.
    WampCra {
        /// Who.
        authid: String,
        /// The secret.
        secret: Secret,
    },
    /// A password that is neither sent nor known to the router, which proves in turn that it knows the client.
    Scram {
        /// Who.
        authid: String,
        /// The password.
        password: Secret,
    },
    /// A private key whose public key the router knows.
    Cryptosign {
        /// Who; absent, the router finds out by the key.
        authid: Option<String>,
        /// The private key.
        key: PrivateKey,
        /// The router's public key. If it is given, a router that cannot prove to have the private one is not joined.
        router: Option<PublicKey>,
    },
    /// The certificate of [`Options::certificate`](crate::Options::certificate).
    Tls {
        /// Who; absent, the router finds out by the certificate.
        authid: Option<String>,
    },
    /// `anonymous-proxy`: says in [`Options::authextra`](crate::Options::authextra) for whom it speaks (`proxy_realm`,
    /// `proxy_authid`, `proxy_authrole`, ...), over a Unix socket.
    AnonymousProxy,
    /// `cryptosign-proxy`: the same, proven by a private key whose public key the router knows.
    CryptosignProxy {
        /// Who; absent, the router finds out by the key.
        authid: Option<String>,
        /// The private key.
        key: PrivateKey,
    },
    /// The `Cookie` of [`Options::headers`](crate::Options::headers).
    Cookie,
    /// A method that is none of WAMP's: one of the program that the router is part of.
    Own {
        /// The name by which it is offered.
        method: String,
        /// Who, if the method wants to know that first.
        authid: Option<String>,
        /// Answers each CHALLENGE.
        answers: Answers,
    },
}

/// Answers the CHALLENGEs of a method that is none of WAMP's, one after the other: out of `extra` of CHALLENGE it makes
/// `signature` and `extra` of AUTHENTICATE. It may block.
#[derive(Clone)]
pub struct Answers(Arc<AnswerChallenge>);

type AnswerChallenge = dyn Fn(&Dict) -> Result<(String, Dict), String> + Send + Sync;

impl Answers {
    /// Answers by this function. An error is why there is no answer: the session is not joined then.
    pub fn new(answer: impl Fn(&Dict) -> Result<(String, Dict), String> + Send + Sync + 'static) -> Answers {
        Answers(Arc::new(answer))
    }

    fn answer(&self, extra: &Dict) -> Result<Authenticate, ChallengeError> {
        let (signature, extra) = self.0(extra).map_err(ChallengeError::NoAnswer)?;
        Ok(Authenticate { signature, extra })
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// Why a CHALLENGE cannot be answered, or a WELCOME is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The router asks for a method that was not offered.
    #[error("router asks for authentication method {0:?}, which was not offered")]
    Method(String),
    /// What is to answer challenges of a method that is none of WAMP's did not.
    #[error("no answer to the challenge: {0}")]
    NoAnswer(String),
    /// The challenge lacks what is to be answered.
    #[error("challenge has no usable {0:?}")]
    Field(&'static str),
    /// The challenge of WAMP-CRA lacks something, has it in a wrong shape, or asks for more work than is reasonable.
    #[error(transparent)]
    Salting(#[from] SaltingError),
    /// WAMP-SCRAM failed.
    #[error(transparent)]
    Scram(#[from] ClientError),
    /// The connection has nothing that the login could be tied to.
    #[error("channel binding needs tls 1.3, which this connection does not have")]
    NoChannel,
    /// The router does not tie the login to the connection, although it was asked to.
    #[error("router does not bind to the tls connection as it was asked to")]
    NotBound,
    /// The router did not prove that it has the private key of the public key that was expected.
    #[error("router did not prove to have the key that was expected")]
    Impostor,
}

impl Auth {
    /// `authid` with a ticket.
    pub fn ticket(authid: impl Into<String>, ticket: impl Into<String>) -> Auth {
        Auth::Ticket { authid: authid.into(), ticket: ticket.into().into() }
    }

    /// `authid` with a WAMP-CRA secret.
    pub fn wamp_cra(authid: impl Into<String>, secret: impl Into<String>) -> Auth {
        Auth::WampCra { authid: authid.into(), secret: secret.into().into() }
    }

    /// `authid` with a WAMP-SCRAM password.
    pub fn scram(authid: impl Into<String>, password: impl Into<String>) -> Auth {
        Auth::Scram { authid: authid.into(), password: password.into().into() }
    }

    /// Whoever the router knows by the public key of this private key.
    pub fn cryptosign(key: PrivateKey) -> Auth {
        Auth::Cryptosign { authid: None, key, router: None }
    }

    /// The method's names, those of the specification first.
    fn methods(&self) -> Vec<&str> {
        match self {
            Auth::Anonymous => vec!["anonymous"],
            Auth::Ticket { .. } => vec!["ticket"],
            Auth::WampCra { .. } => vec!["wampcra"],
            Auth::Scram { .. } => crossweave_auth::scram::METHODS.to_vec(),
            Auth::Cryptosign { .. } => vec!["cryptosign"],
            Auth::Tls { .. } => vec!["tls"],
            Auth::Cookie => vec!["cookie"],
            Auth::AnonymousProxy => vec!["anonymous-proxy"],
            Auth::CryptosignProxy { .. } => vec!["cryptosign-proxy"],
            Auth::Own { method, .. } => vec![method],
        }
    }

    fn authid(&self) -> Option<&str> {
        match self {
            Auth::Anonymous | Auth::AnonymousProxy | Auth::Cookie => None,
            Auth::Ticket { authid, .. } | Auth::WampCra { authid, .. } | Auth::Scram { authid, .. } => {
                Some(authid)
            }
            Auth::Cryptosign { authid, .. }
            | Auth::CryptosignProxy { authid, .. }
            | Auth::Tls { authid }
            | Auth::Own { authid, .. } => authid.as_deref(),
        }
    }
}
