//! Proving who one is: anonymous, ticket, WAMP-CRA, WAMP-SCRAM, WAMP-cryptosign, TLS certificate, cookie.

mod login;

pub(crate) use login::Login;

pub use crossweave_auth::Secret;
use crossweave_auth::cryptosign::{PrivateKey, PublicKey};
use crossweave_auth::scram::client::ClientError;
use crossweave_auth::wampcra::SaltingError;

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
}

/// Why a CHALLENGE cannot be answered, or a WELCOME is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The router asks for a method that was not offered.
    #[error("router asks for authentication method {0:?}, which was not offered")]
    Method(String),
    /// The challenge lacks something, or has it in a wrong shape.
    #[error("challenge has no usable {0:?}")]
    Field(&'static str),
    /// The challenge asks for more work than is reasonable.
    #[error("challenge asks for {name} {asked}, at most {max} is allowed")]
    Excessive {
        /// What.
        name: &'static str,
        /// How much.
        asked: u64,
        /// Ours.
        max: u64,
    },
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

impl From<SaltingError> for ChallengeError {
    fn from(error: SaltingError) -> Self {
        match error {
            SaltingError::Field(name) => ChallengeError::Field(name),
            SaltingError::Excessive { name, asked, max } => ChallengeError::Excessive { name, asked, max },
        }
    }
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
    fn methods(&self) -> &'static [&'static str] {
        match self {
            Auth::Anonymous => &["anonymous"],
            Auth::Ticket { .. } => &["ticket"],
            Auth::WampCra { .. } => &["wampcra"],
            Auth::Scram { .. } => &crossweave_auth::scram::METHODS,
            Auth::Cryptosign { .. } => &["cryptosign"],
            Auth::Tls { .. } => &["tls"],
            Auth::Cookie => &["cookie"],
            Auth::AnonymousProxy => &["anonymous-proxy"],
            Auth::CryptosignProxy { .. } => &["cryptosign-proxy"],
        }
    }

    fn authid(&self) -> Option<&str> {
        match self {
            Auth::Anonymous | Auth::AnonymousProxy | Auth::Cookie => None,
            Auth::Ticket { authid, .. } | Auth::WampCra { authid, .. } | Auth::Scram { authid, .. } => {
                Some(authid)
            }
            Auth::Cryptosign { authid, .. } | Auth::CryptosignProxy { authid, .. } | Auth::Tls { authid } => {
                authid.as_deref()
            }
        }
    }
}
