//! Authenticators: who is asked at run time whether a client may join.

pub(crate) mod looks;
mod procedure;
pub(crate) mod turns;

pub use procedure::Procedure;
#[cfg(test)]
pub(crate) use turns::QUESTIONS_MAX;
pub(crate) use turns::Turns;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::{Secret, scram, wampcra};
use crossweave_wamp::Dict;

use crate::router::Shared;

/// What an authenticator is asked.
#[derive(Clone, Debug)]
pub struct AuthenticateRequest {
    /// The realm the client asks for.
    pub realm: Option<String>,
    /// Who it says it is.
    pub authid: Option<String>,
    /// The method: `ticket`, `wampcra`, ….
    pub method: &'static str,
    /// What the client has sent for a ticket; no log shows it.
    pub ticket: Option<Secret>,
    /// `authmethod`, `authextra`, `session` and `transport`, as a WAMP procedure is told them.
    pub details: Dict,
}

/// A client that an authenticator knows.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// Who it is; absent, who it says it is.
    pub authid: Option<String>,
    /// Its role on the realm. `trusted` is refused.
    pub authrole: String,
    /// The realm it joins; absent, the one it asks for.
    pub realm: Option<String>,
    /// `authextra` of WELCOME.
    pub extra: Dict,
    /// What the client still has to prove. With the methods `ticket`, `tls` and `anonymous` nothing, since the authenticator
    /// has decided; with the others a credential of the method is needed.
    pub credential: Credential,
}

/// What a client has to prove to be who an authenticator says.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// Nothing more.
    #[default]
    None,
    /// To have this secret, or the password that it is derived from.
    WampCra {
        /// The secret.
        secret: Secret,
        /// How it is derived from a password, if it is.
        salting: Option<wampcra::Salting>,
    },
    /// To have the password.
    Scram(scram::Credential),
    /// To have the private key of one of these.
    Cryptosign(Vec<PublicKey>),
}

/// Why an authenticator does not let a client in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// It has decided so. Both texts are sent to the client.
    #[error("denied with {uri}")]
    Denied {
        /// The error's URI.
        uri: String,
        /// What the client is told.
        message: String,
    },
    /// It knows no such client. With the methods that have a challenge, the client is challenged like one that it knows, so that
    /// nobody finds out who exists; no answer is right. With the others it is told that its authentication failed.
    #[error("it knows no such client")]
    NoSuchClient,
    /// It has decided so, for this reason, which only the log is told: whether it does not know the client, or has another reason, the
    /// client finds out as little as with [`NotGranted::NoSuchClient`].
    #[error("{0}")]
    Refused(String),
    /// It could not decide, for this reason, which the client is not told.
    #[error("{0}")]
    Failed(String),
}

/// What an authenticator answers, sooner or later.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Granted, NotGranted>> + Send + 'a>>;

/// Decides at run time who a client is.
///
/// Asked about at most 256 clients at a time, and all authenticators of a router together about at most 4096; others wait. An
/// answer that takes longer than five seconds, the wait included, and a panic count as [`NotGranted::Failed`].
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// Decides on one client.
    fn authenticate(&self, request: AuthenticateRequest) -> Answer<'_>;
}

/// Who is asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// `function`: a part of this program.
    Function(Arc<dyn Authenticator>),
    /// `function`: the part of this program that was registered under this name with
    /// [`Router::add_authenticator`](crate::Router::add_authenticator).
    Named(Arc<str>),
    /// `dynamic`: a procedure.
    Procedure(Arc<Procedure>),
}

impl Asked {
    /// `authprovider` of the sessions it lets in.
    pub(crate) fn provider(&self) -> &'static str {
        match self {
            Asked::Function(_) | Asked::Named(_) => "function",
            Asked::Procedure(_) => "dynamic",
        }
    }

    /// For the log.
    pub(crate) fn name(&self) -> String {
        match self {
            Asked::Function(_) => "the authenticator".to_owned(),
            Asked::Named(name) => format!("authenticator {name:?}"),
            Asked::Procedure(procedure) => format!("procedure {:?}", procedure.uri),
        }
    }

    pub(crate) async fn authenticate(
        self,
        shared: Arc<Shared>,
        request: AuthenticateRequest,
    ) -> Result<Granted, NotGranted> {
        match self {
            Asked::Function(function) => function.authenticate(request).await,
            Asked::Named(name) => match shared.authenticator(&name) {
                Some(function) => function.authenticate(request).await,
                None => Err(NotGranted::Failed(format!("there is no authenticator {name:?}"))),
            },
            Asked::Procedure(procedure) => procedure.authenticate(&shared, request).await,
        }
    }
}
